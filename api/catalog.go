package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/plainjson"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/authorize"
)

// catalogPermissions is the catalog's metadata about permissions and rules, with the same text as
// Backstage's.
//
//go:embed catalog_permissions.json
var catalogPermissions []byte

// NewCatalogPlugin mounts the catalog under /api/catalog, as Backstage's catalog-backend serves it.
func NewCatalogPlugin(service *catalog.Service) Plugin {
	c := catalogRoutes{service: service}
	conditions := conditionRoutes{catalogPermissions, map[policy.ResourceType]authorize.Match{policy.CatalogEntity: service.MatchingEntities}}
	return plugin{id: "catalog", routes: slices.Concat(c.entityRoutes(), c.exportRoutes(), c.historyRoutes(), c.healthRoutes(), c.locationRoutes(), c.unprocessedRoutes(), conditions.routes())}
}

type catalogRoutes struct{ service *catalog.Service }

func (r catalogRoutes) entityRoutes() []route {
	const byName = "/entities/by-name/:kind/:namespace/:name"
	return []route{
		{method: http.MethodGet, path: "/entities", access: authenticated, summary: "Lists entities",
			query: []parameter{fieldsParameter, limit(entityListSize), filterParameter, offsetParameter, text("after", "where the page begins, from a link header"), list("order", "asc:field or desc:field")},
			serve: writes[[]partialEntity]("the entities", r.list)},
		{method: http.MethodGet, path: "/entities/by-query", access: authenticated, summary: "Finds a page of entities",
			query: append([]parameter{fieldsParameter, limit(entityPageSize), offsetParameter, filterParameter,
				list("orderField", "field,asc or field,desc; the field portico:title sorts by title, else display name, else name"),
				text("cursor", "where the page begins, from another page"),
				text("totalItems", "include or exclude the count")}, fullTextParameters...),
			serve: stored[entityPage]("the page", r.queryByParameters)},
		{method: http.MethodPost, path: "/entities/by-query", access: authenticated, audit: unrecorded("it reads"), summary: "Finds a page of entities by a predicate",
			body: mayTake[entityQueryInput](), serve: stored[entityPage]("the page", r.queryByBody)},
		{method: http.MethodGet, path: "/entities/by-uid/:uid", access: authenticated, summary: "Shows an entity by its uid", query: []parameter{atParameter},
			serve: stored[Entity]("the entity", r.byUID), fails: missing},
		{method: http.MethodDelete, path: "/entities/by-uid/:uid", access: authenticated, audit: records(audit.EntityDelete), command: true, summary: "Deletes an entity; it returns if a location still emits it",
			serve: empty(http.StatusNoContent, "done", r.deleteByUID)},
		{method: http.MethodGet, path: byName, access: authenticated, summary: "Shows an entity", query: []parameter{atParameter},
			serve: stored[Entity]("the entity", r.byName), fails: missing},
		{method: http.MethodGet, path: byName + "/ancestry", access: authenticated, summary: "Shows the ancestors of an entity",
			serve: ok("the entity and its ancestors", r.ancestry), fails: missing},
		{method: http.MethodPost, path: "/entities/by-refs", access: authenticated, audit: unrecorded("it reads"), summary: "Shows many entities",
			query: []parameter{filterParameter}, body: takes[refsInput](),
			serve: ok("an entity or null for each reference", r.byRefs)},
		{method: http.MethodGet, path: "/entity-facets", access: authenticated, summary: "Counts the values of fields",
			query: append([]parameter{required(list("facet", "the field")), filterParameter}, fullTextParameters...),
			serve: ok("the counts", r.facetsByParameters)},
		{method: http.MethodPost, path: "/entity-facets", access: authenticated, audit: unrecorded("it reads"), summary: "Counts the values of fields by a predicate",
			body: takes[facetsInput](), serve: ok("the counts", r.facetsByBody)},
		{method: http.MethodPost, path: "/refresh", access: authenticated, audit: records(audit.EntityRefresh), command: true, summary: "Schedules an entity to be read again",
			body: takes[refreshInput](), serve: empty(http.StatusOK, "it will be", r.refresh), fails: missing},
		{method: http.MethodPost, path: "/validate-entity", access: authenticated, audit: unrecorded("it reads"), summary: "Checks an entity without storing it",
			body: takes[validationInput](), serve: writes[remarkedEntity]("it is valid; the body is empty when there is nothing to remark on it", r.validate),
			also: []answer{asJSON[invalidEntity](http.StatusBadRequest, "what is wrong with the entity, or another InputError")}},
		{method: http.MethodPost, path: "/analyze-location", access: authenticated, audit: unrecorded("it reads"), summary: "Drafts an entity for a repository",
			body: takes[analysisInput](), serve: ok("the draft", r.analyze)},
	}
}

// list writes entities as one JSON array, which is streamed. The link to the next page is in a header.
func (r catalogRoutes) list(c *call) error {
	q, err := c.listQuery()
	if err != nil {
		return err
	}
	found, err := r.service.Entities(c.Request.Context(), c.principal, q)
	if err != nil {
		return err
	}
	if found.Next != nil {
		link, err := nextLink(c.Request.URL, *found.Next)
		if err != nil {
			return err
		}
		c.Header("Link", link)
	}
	out := newArrayWriter(c, "[", "]")
	if err := found.Each(c.Request.Context(), func(document json.RawMessage) error { return out.add(document) }); err != nil {
		return err
	}
	return out.end()
}

// page is a part of a list, with the cursors of the neighbouring pages.
type page[T any] struct {
	Items []T `json:"items"`
	// TotalItems counts the items of all pages.
	TotalItems int      `json:"totalItems"`
	PageInfo   pageInfo `json:"pageInfo"`
}

type pageInfo struct {
	NextCursor string `json:"nextCursor,omitempty"`
	PrevCursor string `json:"prevCursor,omitempty"`
}

type entityPage page[document[partialEntity]]

func (r catalogRoutes) queryByParameters(c *call) ([]byte, error) {
	q, err := c.entityQuery()
	if err != nil {
		return nil, err
	}
	return r.page(c, q)
}

func (r catalogRoutes) queryByBody(c *call) ([]byte, error) {
	q, err := c.entityQueryBody()
	if err != nil {
		return nil, err
	}
	return r.page(c, q)
}

// page is an entityPage in which the documents are as they are stored.
func (r catalogRoutes) page(c *call, q catalog.EntityQuery) ([]byte, error) {
	found, err := r.service.QueryEntities(c.Request.Context(), c.principal, q)
	if err != nil {
		return nil, err
	}
	return encodePage(found)
}

// encodePage encodes an entityPage in which the documents are as they are stored.
func encodePage(found catalog.EntityPage) ([]byte, error) {
	rest, err := plainjson.Marshal(struct {
		TotalItems int      `json:"totalItems"`
		PageInfo   pageInfo `json:"pageInfo"`
	}{found.TotalItems, pageInfo{found.Next, found.Prev}})
	if err != nil {
		return nil, fmt.Errorf("encode a page: %w", err)
	}
	const begin, end = `{"items":[`, `],`
	size := len(begin) + len(end) + len(rest)
	for _, item := range found.Items {
		size += len(item) + len(",")
	}
	out := append(make([]byte, 0, size), begin...)
	for i, item := range found.Items {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, item...)
	}
	return append(append(out, end...), rest[len("{"):]...), nil
}

func (r catalogRoutes) byUID(c *call) ([]byte, error) {
	if at := c.queryTime(atParameter.name); !at.IsZero() {
		return r.service.EntityAtByUID(c.Request.Context(), c.principal, c.Param("uid"), at)
	}
	return r.service.EntityByUID(c.Request.Context(), c.principal, c.Param("uid"))
}

func (r catalogRoutes) deleteByUID(c *call) error {
	return r.service.DeleteEntity(c.Request.Context(), c.principal, c.Param("uid"))
}

func (r catalogRoutes) byName(c *call) ([]byte, error) {
	if at := c.queryTime(atParameter.name); !at.IsZero() {
		return r.service.EntityAt(c.Request.Context(), c.principal, c.entityRef(), at)
	}
	return r.service.EntityJSON(c.Request.Context(), c.principal, c.entityRef())
}

// ancestry is an entity and its ancestors.
type ancestry struct {
	RootEntityRef string     `json:"rootEntityRef"`
	Items         []ancestor `json:"items"`
}

// ancestor is a catalog.Ancestor.
type ancestor struct {
	Entity           document[Entity] `json:"entity"`
	ParentEntityRefs []string         `json:"parentEntityRefs"`
}

func (r catalogRoutes) ancestry(c *call) (ancestry, error) {
	ref := c.entityRef()
	found, err := r.service.Ancestry(c.Request.Context(), c.principal, ref)
	items := make([]ancestor, len(found))
	for i, each := range found {
		items[i] = ancestor{document[Entity]{each.Entity}, each.ParentEntityRefs}
	}
	return ancestry{ref.String(), items}, err
}

type refsInput struct {
	EntityRefs []string            `json:"entityRefs"`
	Fields     []string            `json:"fields,omitempty"`
	Query      document[predicate] `json:"query,omitzero"`
}

// entityList has an entity, or null, for each of several references.
type entityList struct {
	Items []document[entityOrNull] `json:"items"`
}

func (r catalogRoutes) byRefs(c *call) (entityList, error) {
	var input refsInput
	if err := c.decode(&input); err != nil {
		return entityList{}, err
	}
	fields, err := query.ParseFields(input.Fields)
	if err != nil {
		return entityList{}, err
	}
	filter, err := c.filter(input.Query.RawMessage)
	if err != nil {
		return entityList{}, err
	}
	found, err := r.service.EntitiesByRefs(c.Request.Context(), c.principal, input.EntityRefs, filter, fields)
	return entityList{documents[entityOrNull](found)}, err
}

// facets are the counts of each field's values.
type facets struct {
	Facets map[string][]catalog.FacetValue `json:"facets"`
}

func (r catalogRoutes) facetsByParameters(c *call) (facets, error) {
	filter, err := c.filter(nil)
	if err != nil {
		return facets{}, err
	}
	return r.facets(c, c.QueryArray("facet"), query.And(filter, c.fullText().Filter()))
}

type facetsInput struct {
	Facets []string            `json:"facets"`
	Query  document[predicate] `json:"query,omitzero"`
}

func (r catalogRoutes) facetsByBody(c *call) (facets, error) {
	var input facetsInput
	if err := c.decode(&input); err != nil {
		return facets{}, err
	}
	if len(input.Facets) == 0 || slices.Contains(input.Facets, "") {
		return facets{}, fault.New(fault.Input, "Missing or empty facets parameter")
	}
	filter, err := c.filter(input.Query.RawMessage)
	if err != nil {
		return facets{}, err
	}
	return r.facets(c, input.Facets, filter)
}

func (r catalogRoutes) facets(c *call, keys []string, filter query.Filter) (facets, error) {
	counted, err := r.service.Facets(c.Request.Context(), c.principal, keys, filter)
	return facets{counted}, err
}

type refreshInput struct {
	closed

	EntityRef          string `json:"entityRef"                    jsonschema_description:"the entity"`
	AuthorizationToken string `json:"authorizationToken,omitempty" jsonschema_description:"is not looked at"`
}

func (r catalogRoutes) refresh(c *call) error {
	var input refreshInput
	if err := c.decode(&input); err != nil {
		return err
	}
	return r.service.Refresh(c.Request.Context(), c.principal, input.EntityRef)
}

type validationInput struct {
	Location string           `json:"location" jsonschema_description:"a url: reference"`
	Entity   document[object] `json:"entity"`
}

// invalidEntity is the response for an invalid entity.
type invalidEntity struct {
	Errors []*entity.Error `json:"errors"`
}

// remarkedEntity is the response for a valid entity, with remarks.
type remarkedEntity struct {
	Remarks []processing.Remark `json:"remarks"`
}

func (r catalogRoutes) validate(c *call) error {
	var input validationInput
	if err := c.decode(&input); err != nil {
		return err
	}
	found, err := r.service.ValidateEntity(c.Request.Context(), c.principal, input.Entity.RawMessage, input.Location)
	if err != nil {
		return err
	}
	if len(found.Errors) > 0 {
		return &bodyError{status: http.StatusBadRequest, body: invalidEntity{found.Errors}}
	}
	if len(found.Remarks) > 0 {
		return c.json(http.StatusOK, remarkedEntity{found.Remarks})
	}
	c.Status(http.StatusOK)
	return nil
}

type analysisInput struct {
	Location        locationInput `json:"location"`
	CatalogFilename string        `json:"catalogFilename,omitempty" jsonschema_description:"the name of descriptors that are looked for; catalog-info.yaml unless stated"`
}

func (r catalogRoutes) analyze(c *call) (catalog.Analysis, error) {
	var input analysisInput
	if err := c.decode(&input); err != nil {
		return catalog.Analysis{}, err
	}
	return r.service.AnalyzeLocation(c.Request.Context(), c.principal, input.Location.spec())
}

// entityRef is the reference in the path, in the caller's case.
func (c *call) entityRef() entity.Ref {
	return entity.Ref{Kind: c.Param("kind"), Namespace: c.Param("namespace"), Name: c.Param("name")}
}

// flushSize is the number of bytes of an array that are collected before they are sent.
const flushSize = 64 << 10

// arrayWriter streams a JSON array of documents.
type arrayWriter struct {
	call  *call
	data  bytes.Buffer
	close string
	begun bool
}

// newArrayWriter begins an array after opening, and will end it with closing.
func newArrayWriter(c *call, opening, closing string) *arrayWriter {
	w := &arrayWriter{call: c, close: closing}
	w.data.WriteString(opening)
	return w
}

// add appends a document.
func (w *arrayWriter) add(document json.RawMessage) error {
	if w.begun {
		w.data.WriteByte(',')
	}
	w.begun = true
	w.data.Write(document)
	if w.data.Len() < flushSize {
		return nil
	}
	return w.flush()
}

func (w *arrayWriter) flush() error {
	w.call.Header("Content-Type", jsonAnswer)
	_, err := w.data.WriteTo(w.call.Writer)
	return err
}

func (w *arrayWriter) end() error {
	w.data.WriteString(w.close)
	return w.flush()
}

func orEmpty[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
