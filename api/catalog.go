package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"net/http"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
)

// catalogPermissions is what the catalog tells of its permissions and rules; the words are the contract.
//
//go:embed catalog_permissions.json
var catalogPermissions []byte

// NewCatalogPlugin mounts the catalog under /api/catalog, as Backstage's catalog-backend serves it.
func NewCatalogPlugin(service *catalog.Service) Plugin {
	c := catalogRoutes{service: service}
	return plugin{id: "catalog", routes: append(c.entityRoutes(), c.locationRoutes()...)}
}

type catalogRoutes struct{ service *catalog.Service }

var noContent = []answer{{http.StatusNoContent, "done", ""}}

func (r catalogRoutes) entityRoutes() []route {
	const byName = "/entities/by-name/:kind/:namespace/:name"
	return []route{
		{method: http.MethodGet, path: "/entities", access: authenticated, summary: "Lists entities",
			query:   []parameter{fieldsParameter, limitParameter, filterParameter, offsetParameter, text("after", "where the page begins, from a link header"), list("order", "asc:field or desc:field")},
			answers: ok("the entities"), handle: r.list},
		{method: http.MethodGet, path: "/entities/by-query", access: authenticated, summary: "Finds a page of entities",
			query: []parameter{fieldsParameter, limitParameter, offsetParameter, filterParameter,
				list("orderField", "field,asc or field,desc"), text("cursor", "where the page begins, from another page"),
				text("totalItems", "include or exclude the count"), text("fullTextFilterTerm", "text to look for"),
				list("fullTextFilterFields", "where to look for it, separated by commas")},
			answers: ok("the page"), handle: r.queryByParameters},
		{method: http.MethodPost, path: "/entities/by-query", access: authenticated, summary: "Finds a page of entities by a predicate",
			body: queryBody, answers: ok("the page"), handle: r.queryByBody},
		{method: http.MethodGet, path: "/entities/by-uid/:uid", access: authenticated, summary: "Shows an entity by its uid",
			answers: ok("the entity"), handle: r.byUID},
		{method: http.MethodDelete, path: "/entities/by-uid/:uid", access: authenticated, summary: "Deletes an entity until it is found again",
			answers: noContent, handle: r.deleteByUID},
		{method: http.MethodGet, path: byName, access: authenticated, summary: "Shows an entity",
			answers: ok("the entity"), handle: r.byName},
		{method: http.MethodGet, path: byName + "/ancestry", access: authenticated, summary: "Shows what led to an entity",
			answers: ok("the entity and its ancestors"), handle: r.ancestry},
		{method: http.MethodPost, path: "/entities/by-refs", access: authenticated, summary: "Shows many entities",
			query: []parameter{filterParameter}, body: refsBody, answers: ok("an entity or null for each reference"), handle: r.byRefs},
		{method: http.MethodGet, path: "/entity-facets", access: authenticated, summary: "Counts the values of fields",
			query:   []parameter{required(list("facet", "the field")), filterParameter},
			answers: ok("the counts"), handle: r.facetsByParameters},
		{method: http.MethodPost, path: "/entity-facets", access: authenticated, summary: "Counts the values of fields by a predicate",
			body: facetsBody, answers: ok("the counts"), handle: r.facetsByBody},
		{method: http.MethodPost, path: "/refresh", access: authenticated, summary: "Has an entity read again",
			body: refreshBody, answers: []answer{{http.StatusOK, "it will be", ""}}, handle: r.refresh},
		{method: http.MethodPost, path: "/validate-entity", access: authenticated, summary: "Checks an entity without storing it",
			body: validateBody, answers: []answer{{http.StatusOK, "it is valid", ""}}, handle: r.validate},
		{method: http.MethodPost, path: "/analyze-location", access: authenticated, summary: "Drafts an entity for a repository",
			body: analyzeBody, answers: ok("the draft"), handle: r.analyze},
		{method: http.MethodGet, path: "/.well-known/backstage/permissions/metadata", access: authenticated,
			summary: "Describes the catalog's permissions", answers: ok("permissions and rules"), handle: r.permissions},
	}
}

// list streams entities as one JSON array. A page comes at once, because what follows it stands in a header.
func (r catalogRoutes) list(c *call) error {
	q, err := c.listQuery()
	if err != nil {
		return err
	}
	out := &arrayWriter{call: c}
	next, err := r.service.Entities(c.Request.Context(), c.principal, q, func(document json.RawMessage) error {
		return out.add(document, !q.Paged)
	})
	if err != nil {
		return err
	}
	if next != nil {
		link, err := nextLink(c.Request.URL, *next)
		if err != nil {
			return err
		}
		c.Header("Link", link)
	}
	return out.end()
}

func (r catalogRoutes) queryByParameters(c *call) error {
	q, err := c.entityQuery()
	if err != nil {
		return err
	}
	return r.answerQuery(c, q)
}

func (r catalogRoutes) queryByBody(c *call) error {
	q, err := c.entityQueryBody()
	if err != nil {
		return err
	}
	return r.answerQuery(c, q)
}

// pageInfo are the cursors of the pages around one.
type pageInfo struct {
	NextCursor string `json:"nextCursor,omitempty"`
	PrevCursor string `json:"prevCursor,omitempty"`
}

// pageBody is a page of anything.
type pageBody[T any] struct {
	Items      []T      `json:"items"`
	TotalItems int      `json:"totalItems"`
	PageInfo   pageInfo `json:"pageInfo"`
}

func (r catalogRoutes) answerQuery(c *call, q catalog.EntityQuery) error {
	page, err := r.service.QueryEntities(c.Request.Context(), c.principal, q)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, pageBody[json.RawMessage]{
		Items: orEmpty(page.Items), TotalItems: page.TotalItems, PageInfo: pageInfo{page.Next, page.Prev}})
}

func (r catalogRoutes) byUID(c *call) error {
	document, err := r.service.EntityByUID(c.Request.Context(), c.principal, c.Param("uid"))
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, document)
}

func (r catalogRoutes) deleteByUID(c *call) error {
	if err := r.service.DeleteEntity(c.Request.Context(), c.principal, c.Param("uid")); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (r catalogRoutes) byName(c *call) error {
	document, err := r.service.EntityJSON(c.Request.Context(), c.principal, c.entityRef())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, document)
}

func (r catalogRoutes) ancestry(c *call) error {
	ref := c.entityRef()
	items, err := r.service.Ancestry(c.Request.Context(), c.principal, ref)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, struct {
		RootEntityRef string             `json:"rootEntityRef"`
		Items         []catalog.Ancestor `json:"items"`
	}{ref.String(), items})
}

func (r catalogRoutes) byRefs(c *call) error {
	var body struct {
		EntityRefs []string        `json:"entityRefs"`
		Fields     []string        `json:"fields"`
		Query      json.RawMessage `json:"query"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	fields, err := query.ParseFields(body.Fields)
	if err != nil {
		return err
	}
	filter, err := c.filter(body.Query)
	if err != nil {
		return err
	}
	items, err := r.service.EntitiesByRefs(c.Request.Context(), c.principal, body.EntityRefs, filter, fields)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, struct {
		Items []json.RawMessage `json:"items"`
	}{orEmpty(items)})
}

func (r catalogRoutes) facetsByParameters(c *call) error {
	return r.answerFacets(c, c.QueryArray("facet"), nil)
}

func (r catalogRoutes) facetsByBody(c *call) error {
	var body struct {
		Facets []string        `json:"facets"`
		Query  json.RawMessage `json:"query"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	if len(body.Facets) == 0 {
		return fault.New(fault.Input, "Missing facet parameter")
	}
	return r.answerFacets(c, body.Facets, body.Query)
}

func (r catalogRoutes) answerFacets(c *call, keys []string, predicate json.RawMessage) error {
	filter, err := c.filter(predicate)
	if err != nil {
		return err
	}
	facets, err := r.service.Facets(c.Request.Context(), c.principal, keys, filter)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, struct {
		Facets map[string][]catalog.FacetValue `json:"facets"`
	}{facets})
}

func (r catalogRoutes) refresh(c *call) error {
	var body struct {
		EntityRef string `json:"entityRef"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	if err := r.service.Refresh(c.Request.Context(), c.principal, body.EntityRef); err != nil {
		return err
	}
	c.Status(http.StatusOK)
	return nil
}

func (r catalogRoutes) validate(c *call) error {
	var body struct {
		Location string          `json:"location"`
		Entity   json.RawMessage `json:"entity"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	failures, err := r.service.ValidateEntity(c.Request.Context(), c.principal, body.Entity, body.Location)
	if err != nil {
		return err
	}
	if len(failures) > 0 {
		return &bodyError{status: http.StatusBadRequest, body: map[string]any{"errors": failures}}
	}
	c.Status(http.StatusOK)
	return nil
}

func (r catalogRoutes) analyze(c *call) error {
	var body struct {
		Location locationInput `json:"location"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	analysis, err := r.service.AnalyzeLocation(c.Request.Context(), c.principal, body.Location.spec())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, analysis)
}

func (r catalogRoutes) permissions(c *call) error {
	c.Data(http.StatusOK, "application/json; charset=utf-8", catalogPermissions)
	return nil
}

// entityRef is the reference in the path, in the caller's case.
func (c *call) entityRef() entity.Ref {
	return entity.Ref{Kind: c.Param("kind"), Namespace: c.Param("namespace"), Name: c.Param("name")}
}

// flushSize is how much of a streamed array is gathered before it is sent.
const flushSize = 64 << 10

// arrayWriter writes a JSON array of documents.
type arrayWriter struct {
	call  *call
	data  bytes.Buffer
	begun bool
}

// add appends a document; a streamed array is sent as it grows.
func (w *arrayWriter) add(document json.RawMessage, streamed bool) error {
	separator := byte('[')
	if w.begun {
		separator = ','
	}
	w.begun = true
	w.data.WriteByte(separator)
	w.data.Write(document)
	if !streamed || w.data.Len() < flushSize {
		return nil
	}
	return w.flush()
}

func (w *arrayWriter) flush() error {
	w.call.Header("Content-Type", "application/json; charset=utf-8")
	_, err := w.data.WriteTo(w.call.Writer)
	return err
}

func (w *arrayWriter) end() error {
	if !w.begun {
		w.data.WriteByte('[')
	}
	w.data.WriteByte(']')
	return w.flush()
}

func orEmpty[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
