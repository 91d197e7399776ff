package api

import (
	"fmt"
	"net/http"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/plainjson"
)

// unprocessedRoutes are the routes of Backstage's module for unprocessed entities.
func (r catalogRoutes) unprocessedRoutes() []route {
	parameters := []parameter{text("owner", "the spec.owner that they must have, as it is written"),
		text("after", "the reference after which the list begins"), limit(unprocessedListSize)}
	return []route{
		{method: http.MethodGet, path: "/entities/unprocessed/failed", access: authenticated, query: parameters, looseQuery: true,
			summary: "Lists entities with errors of their own or of their targets",
			serve:   writes[unprocessedEntities]("what is wrong, by reference", r.unprocessed(catalog.Failed))},
		{method: http.MethodGet, path: "/entities/unprocessed/pending", access: authenticated, query: parameters, looseQuery: true,
			summary: "Lists entities that are found and not served yet",
			serve:   writes[unprocessedEntities]("what is to come, by reference", r.unprocessed(catalog.Pending))},
		{method: http.MethodDelete, path: "/entities/unprocessed/delete/:uid", access: authenticated, audit: records(audit.EntityDelete), command: true,
			summary: "Deletes an entity that is not served; it returns if a location still emits it",
			serve:   empty(http.StatusNoContent, "done", r.deleteUnprocessed), fails: missing},
	}
}

// unprocessedListSize is the page size of unprocessed entities: all without a limit.
var unprocessedListSize = pageSize{most: 1000}

// unprocessedEntities describes the response, which is streamed.
type unprocessedEntities struct {
	Type     catalog.Unprocessed `json:"type"     jsonschema:"enum=failed,enum=pending"`
	Entities []unprocessedEntity `json:"entities"`
}

// unprocessedEntity is a catalog.UnprocessedEntity.
type unprocessedEntity struct {
	EntityID        string          `json:"entity_id"`
	EntityRef       string          `json:"entity_ref"`
	Unprocessed     object          `json:"unprocessed_entity"`
	UnprocessedHash string          `json:"unprocessed_hash"`
	Processed       object          `json:"processed_entity,omitempty"`
	ResultHash      string          `json:"result_hash"`
	NextUpdateAt    string          `json:"next_update_at"             jsonschema:"format=date-time"`
	LastDiscoveryAt string          `json:"last_discovery_at"          jsonschema:"format=date-time"`
	Errors          []*entity.Error `json:"errors,omitempty"`
	LocationKey     string          `json:"location_key,omitempty"     jsonschema_description:"the file that it is in"`
	Line            int             `json:"line,omitempty"             jsonschema_description:"where it begins there"`
	ParentRefs      []string        `json:"parent_refs"                jsonschema_description:"the Locations that led to it"`
}

func (r catalogRoutes) unprocessed(which catalog.Unprocessed) func(c *call) error {
	return func(c *call) error {
		q := catalog.UnprocessedQuery{Which: which, Owner: c.Query("owner"), After: c.Query("after"), Limit: c.limit()}
		out := newArrayWriter(c, fmt.Sprintf(`{"type":%q,"entities":[`, which), "]}")
		err := r.service.UnprocessedEntities(c.Request.Context(), c.principal, q, func(e catalog.UnprocessedEntity) error {
			document, err := plainjson.Marshal(e)
			if err != nil {
				return fmt.Errorf("encode %s: %w", e.EntityRef, err)
			}
			return out.add(document)
		})
		if err != nil {
			return err
		}
		return out.end()
	}
}

func (r catalogRoutes) deleteUnprocessed(c *call) error {
	return r.service.DeleteUnprocessed(c.Request.Context(), c.principal, c.Param("uid"))
}
