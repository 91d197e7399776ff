package api

import (
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
)

var (
	fieldsParameter = list("fields", "what to keep of each entity: paths, separated by commas")
	filterParameter = list("filter", "conditions key, key=value or key=, separated by commas, that hold together; repeated, one of the sets must hold")
	offsetParameter = integer("offset", "how many to skip")

	fullTextParameters = []parameter{text("fullTextFilterTerm", "text to look for"),
		list("fullTextFilterFields", "where to look for it, separated by commas")}
)

// The page sizes of entities: by cursor, and of the list, which is streamed completely when no page is
// requested.
var (
	entityPageSize = pageSize{preset: 200, most: 1000}
	entityListSize = pageSize{most: 1000}
)

// filter combines the filter parameters with a predicate of the body.
func (c *call) filter(predicate json.RawMessage) (query.Filter, error) {
	sets, err := query.ParseSets(c.QueryArray("filter"))
	if err != nil {
		return nil, err
	}
	more, err := query.ParsePredicate(predicate)
	if err != nil {
		return nil, err
	}
	return query.And(sets, more), nil
}

// listQuery reads the parameters of GET /entities.
func (c *call) listQuery() (catalog.ListQuery, error) {
	filter, err := c.filter(nil)
	if err != nil {
		return catalog.ListQuery{}, err
	}
	fields, err := query.ParseFields(c.queryList("fields"))
	if err != nil {
		return catalog.ListQuery{}, err
	}
	orders, err := parseOrders(c.QueryArray("order"))
	if err != nil {
		return catalog.ListQuery{}, err
	}
	q := catalog.ListQuery{Filter: filter, Fields: fields, Orders: orders}
	err = c.page(&q)
	return q, err
}

// page reads the requested page of a list.
func (c *call) page(q *catalog.ListQuery) error {
	sent := c.Request.URL.Query()
	q.Paged = sent.Has("limit") || sent.Has("offset") || sent.Has("after")
	q.Offset = c.queryInt("offset", 0)
	if sent.Has("limit") {
		limit := c.limit()
		if limit == 0 {
			return fault.New(fault.Input, "Invalid limit, must be greater than zero")
		}
		q.Limit = &limit
	}
	if !sent.Has("after") {
		return nil
	}
	after, err := query.DecodeAfter(c.Query("after"))
	if err != nil {
		return err
	}
	if after.Limit != nil {
		q.Limit = new(entityListSize.of(*after.Limit))
	}
	if after.Offset != nil {
		q.Offset = *after.Offset
	}
	return nil
}

func parseOrders(parameters []string) ([]query.Order, error) {
	var orders []query.Order
	for _, parameter := range parameters {
		direction, field, found := strings.Cut(parameter, ":")
		if !found || field == "" || direction != "asc" && direction != "desc" {
			return nil, fault.New(fault.Input, `Invalid order parameter "%s", expected "<asc or desc>:<field name>"`, parameter)
		}
		orders = append(orders, query.Order{Key: field, Descending: direction == "desc"})
	}
	return orders, nil
}

// nextLink is the link header of a page: the same request, continuing after the page.
func nextLink(requested *url.URL, next query.After) (string, error) {
	after, err := next.Encode()
	if err != nil {
		return "", err
	}
	var pairs []string
	placed := false
	for pair := range strings.SplitSeq(requested.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		if decoded, err := url.QueryUnescape(value); err == nil {
			value = decoded
		}
		if name == "after" {
			value, placed = after, true
		}
		if name != "offset" && name != "" {
			pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(value))
		}
	}
	if !placed {
		pairs = append(pairs, "after="+url.QueryEscape(after))
	}
	return "</entities?" + strings.Join(pairs, "&") + `>; rel="next"`, nil
}

// entityQuery reads the parameters of GET /entities/by-query.
func (c *call) entityQuery() (catalog.EntityQuery, error) {
	fields, err := query.ParseFields(c.queryList("fields"))
	if err != nil {
		return catalog.EntityQuery{}, err
	}
	q := catalog.EntityQuery{Fields: fields, Limit: c.limit()}
	if q.SkipTotal, err = skipsTotal("request/query/totalItems", c.Query("totalItems")); err != nil {
		return catalog.EntityQuery{}, err
	}
	if cursor := c.Query("cursor"); cursor != "" {
		q.Cursor, err = query.DecodeCursor(cursor)
		return q, err
	}
	filter, err := c.filter(nil)
	if err != nil {
		return catalog.EntityQuery{}, err
	}
	orders, err := parseOrderFields(c.QueryArray("orderField"))
	if err != nil {
		return catalog.EntityQuery{}, err
	}
	q.Offset = c.queryInt("offset", 0)
	q.Cursor, err = query.NewCursor(filter, c.fullText(), orders)
	return q, err
}

// fullText reads the full-text search's term and fields.
func (c *call) fullText() query.FullText {
	return query.FullText{Term: strings.TrimSpace(c.Query("fullTextFilterTerm")), Fields: c.queryList("fullTextFilterFields")}
}

func parseOrderFields(parameters []string) ([]query.CursorOrder, error) {
	var orders []query.CursorOrder
	for _, parameter := range parameters {
		field, direction, stated := strings.Cut(parameter, ",")
		direction, _, _ = strings.Cut(direction, ",")
		if stated && direction != "asc" && direction != "desc" {
			return nil, fault.New(fault.Input, "Invalid order field order, must be asc or desc")
		}
		orders = append(orders, query.CursorOrder{Field: field, Order: direction})
	}
	return orders, nil
}

func skipsTotal(at, value string) (bool, error) {
	if !slices.Contains([]string{"", "include", "exclude"}, value) {
		return false, fault.New(fault.Input, "%s must be equal to one of the allowed values: include, exclude", at)
	}
	return value == "exclude", nil
}

// entityQueryInput is the body of POST /entities/by-query.
type entityQueryInput struct {
	Cursor         *string             `json:"cursor,omitempty"        jsonschema_description:"where the page begins"`
	Limit          *float64            `json:"limit,omitempty"`
	Offset         float64             `json:"offset,omitempty"`
	OrderBy        []orderInput        `json:"orderBy,omitempty"`
	FullTextFilter fullTextInput       `json:"fullTextFilter,omitzero"`
	Fields         []string            `json:"fields,omitempty"`
	TotalItems     string              `json:"totalItems,omitempty"    jsonschema_description:"include or exclude"`
	Query          document[predicate] `json:"query,omitzero"`
}

type orderInput struct {
	Field string `json:"field"`
	Order string `json:"order" jsonschema_description:"asc or desc"`
}

type fullTextInput struct {
	Term   string   `json:"term,omitempty"`
	Fields []string `json:"fields,omitempty"`
}

// check checks the numbers and words of the body.
func (b entityQueryInput) check() error {
	numbers := map[string]float64{"offset": b.Offset}
	if b.Limit != nil {
		numbers["limit"] = *b.Limit
	}
	for _, name := range sortedKeys(numbers) {
		if n := numbers[name]; n < 0 || n != math.Trunc(n) || n > math.MaxInt32 {
			return fault.New(fault.Input, "Invalid %s, must be a whole number that is not negative", name)
		}
	}
	for i, order := range b.OrderBy {
		if order.Order != "asc" && order.Order != "desc" {
			return fault.New(fault.Input, "request/body/orderBy/%d/order must be equal to one of the allowed values: asc, desc", i)
		}
	}
	return nil
}

func (b entityQueryInput) orders() []query.CursorOrder {
	orders := make([]query.CursorOrder, len(b.OrderBy))
	for i, order := range b.OrderBy {
		orders[i] = query.CursorOrder(order)
	}
	return orders
}

// entityQueryBody reads the body of POST /entities/by-query.
func (c *call) entityQueryBody() (catalog.EntityQuery, error) {
	var input entityQueryInput
	if err := c.decode(&input); err != nil {
		return catalog.EntityQuery{}, err
	}
	if err := input.check(); err != nil {
		return catalog.EntityQuery{}, err
	}
	fields, err := query.ParseFields(input.Fields)
	if err != nil {
		return catalog.EntityQuery{}, err
	}
	q := catalog.EntityQuery{Fields: fields, Limit: entityPageSize.preset}
	if input.Limit != nil {
		q.Limit = entityPageSize.of(int(*input.Limit))
	}
	if q.SkipTotal, err = skipsTotal("request/body/totalItems", input.TotalItems); err != nil {
		return catalog.EntityQuery{}, err
	}
	if input.Cursor != nil {
		if *input.Cursor == "" {
			return catalog.EntityQuery{}, fault.New(fault.Input, "Cursor cannot be empty")
		}
		q.Cursor, err = query.DecodeCursor(*input.Cursor)
		return q, err
	}
	filter, err := query.ParsePredicate(input.Query.RawMessage)
	if err != nil {
		return catalog.EntityQuery{}, err
	}
	q.Offset = int(input.Offset)
	input.FullTextFilter.Term = strings.TrimSpace(input.FullTextFilter.Term)
	q.Cursor, err = query.NewCursor(filter, query.FullText(input.FullTextFilter), input.orders())
	return q, err
}
