package api

import "github.com/portico-dev/portico/integration/subject"

// ofEntity begins the paths of the routes with what other systems have about an entity.
const ofEntity = "/v1/entities/by-name/:kind/:namespace/:name"

// found is what other systems have about an entity: the response of each of these routes. Both are empty for an entity
// that says by no annotation that there is something, and where no such system is configured.
type found[T any] struct {
	Items []T `json:"items"`
	// Problems are why there may be more items.
	Problems []subject.Problem `json:"problems"`
}
