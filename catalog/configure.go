package catalog

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// ConfiguredLocation is an entry of catalog.locations.
type ConfiguredLocation struct {
	entity.LocationSpec
	// Allow are the kinds that this location may bring beside those of catalog.rules.
	Allow []entity.AllowedKind
}

// ConfiguredRules joins catalog.rules (nil for the default ones) with those of single locations.
func ConfiguredRules(rules []entity.Rule, locations []ConfiguredLocation) (entity.Rules, error) {
	if rules == nil {
		rules = entity.DefaultRules()
	}
	rules = slices.Clone(rules)
	for _, location := range locations {
		spec, err := absolute(location.LocationSpec)
		if err != nil {
			return nil, err
		}
		if len(location.Allow) > 0 {
			match := entity.LocationMatch{Type: spec.Type, Exact: spec.Target}
			rules = append(rules, entity.Rule{Allow: location.Allow, Locations: []entity.LocationMatch{match}})
		}
	}
	return entity.NewRules(rules)
}

// Configure makes the configuration's locations exactly these, and has them read now. Paths of type file are taken from
// the process's working directory.
func (s *Service) Configure(ctx context.Context, principal identity.Principal, locations []ConfiguredLocation) error {
	if err := s.authorize(ctx, principal, policy.CatalogLocationCreate, ""); err != nil {
		return err
	}
	var entities []processing.Emitted
	for _, location := range locations {
		spec, err := absolute(location.LocationSpec)
		if err != nil {
			return err
		}
		emitted, err := processing.Emit(entity.LocationEntity(spec), nil, spec)
		if err != nil {
			return err
		}
		entities = append(entities, emitted)
	}
	return s.transact(ctx, func(tx pgx.Tx) error {
		return s.state.Replace(ctx, tx, processing.SourceConfig, entities)
	})
}

func absolute(spec entity.LocationSpec) (entity.LocationSpec, error) {
	if strings.TrimSpace(spec.Type) == "" || strings.TrimSpace(spec.Target) == "" {
		return spec, fmt.Errorf("catalog.locations: %q needs a type and a target", spec)
	}
	if spec.Type != "file" {
		return spec, nil
	}
	path, err := filepath.Abs(spec.Target)
	if err != nil {
		return spec, fmt.Errorf("catalog.locations: %s: %w", spec, err)
	}
	spec.Target = path
	return spec, nil
}
