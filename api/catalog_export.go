package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/export"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
)

func (r catalogRoutes) exportRoutes() []route {
	const path = "/entities/export"
	file := endpoint{answer: answer{status: http.StatusOK, description: "a CSV or JSON file of all entities of the query", content: anyContent}, piecemeal: true}
	byParameters, byBody := file, file
	byParameters.handle, byBody.handle = r.exportByParameters, r.exportByBody
	return []route{
		{method: http.MethodGet, path: path, access: userCookie, summary: "Exports the entities of a query as a file",
			query: append([]parameter{text("format", "csv, or json; csv unless stated"), fieldsParameter, filterParameter,
				list("orderField", "field,asc or field,desc; the field portico:title sorts by title, else display name, else name")}, fullTextParameters...),
			serve: byParameters},
		{method: http.MethodPost, path: path, access: authenticated, audit: unrecorded("it reads"), summary: "Exports the entities of a predicate as a file",
			body: mayTake[exportInput](), serve: byBody},
	}
}

// exportInput is the body of POST /entities/export.
type exportInput struct {
	Format         string              `json:"format,omitempty"        jsonschema_description:"csv, or json; csv unless stated"`
	OrderBy        []orderInput        `json:"orderBy,omitempty"`
	FullTextFilter fullTextInput       `json:"fullTextFilter,omitzero"`
	Fields         []string            `json:"fields,omitempty"        jsonschema_description:"the columns of a CSV file, or what to keep of each entity"`
	Query          document[predicate] `json:"query,omitzero"`
}

// exported is a wanted file.
type exported struct {
	format export.Format
	cursor query.Cursor
	fields []string
}

func (r catalogRoutes) exportByParameters(c *call) error {
	filter, err := c.filter(nil)
	if err != nil {
		return err
	}
	orders, err := parseOrderFields(c.QueryArray("orderField"))
	if err != nil {
		return err
	}
	format, err := formatOf("request/query/format", c.Query("format"))
	if err != nil {
		return err
	}
	wanted := exported{format: format, fields: c.queryList("fields")}
	if wanted.cursor, err = query.NewCursor(filter, c.fullText(), orders); err != nil {
		return err
	}
	return r.export(c, wanted)
}

func (r catalogRoutes) exportByBody(c *call) error {
	var input exportInput
	if err := c.decode(&input); err != nil {
		return err
	}
	asked := entityQueryInput{OrderBy: input.OrderBy}
	if err := asked.check(); err != nil {
		return err
	}
	format, err := formatOf("request/body/format", input.Format)
	if err != nil {
		return err
	}
	wanted := exported{format: format, fields: input.Fields}
	filter, err := query.ParsePredicate(input.Query.RawMessage)
	if err != nil {
		return err
	}
	input.FullTextFilter.Term = strings.TrimSpace(input.FullTextFilter.Term)
	if wanted.cursor, err = query.NewCursor(filter, query.FullText(input.FullTextFilter), asked.orders()); err != nil {
		return err
	}
	return r.export(c, wanted)
}

func formatOf(at, value string) (export.Format, error) {
	if value == "" {
		return export.CSV, nil
	}
	if format := export.Format(value); slices.Contains(export.Formats(), format) {
		return format, nil
	}
	return "", fault.New(fault.Input, "%s must be equal to one of the allowed values", at)
}

// export streams a file. A failure after its beginning breaks the connection off, so that nobody takes a part
// for the whole.
func (r catalogRoutes) export(c *call, wanted exported) error {
	fields, err := query.ParseFields(wanted.fields)
	if err != nil {
		return err
	}
	var columns []string
	if wanted.format == export.CSV {
		for _, path := range fields {
			columns = append(columns, strings.Join(path, "."))
		}
		fields = nil // a column may be about relations, which are no field
	}
	file := export.New(wanted.format, &attachment{c, wanted.format}, columns)
	if err := r.service.ExportEntities(c.Request.Context(), c.principal, wanted.cursor, fields, file.Add); err != nil {
		return err
	}
	return file.End()
}

// attachment writes a response that browsers store as a file. Its headers are set when it begins: a failure
// before that is no file.
type attachment struct {
	call   *call
	format export.Format
}

// Write implements io.Writer.
func (a *attachment) Write(data []byte) (int, error) {
	a.call.Header("Content-Type", a.format.ContentType())
	a.call.Header("Content-Disposition", `attachment; filename="catalog.`+string(a.format)+`"`)
	return a.call.Writer.Write(data)
}
