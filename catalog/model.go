package catalog

import (
	"context"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/identity"
)

// Model returns the kinds, relations and rules of the catalog, for whoever may read any of its entities.
func (s *Service) Model(ctx context.Context, principal identity.Principal) (*entity.Model, error) {
	readable, err := s.readable(ctx, principal)
	if err != nil {
		return nil, err
	}
	if readable.IsNothing() {
		return nil, readable.Refusal("")
	}
	return s.options.model(), nil
}
