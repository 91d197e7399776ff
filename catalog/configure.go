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
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/policy"
)

// ConfiguredLocation is an entry of catalog.locations.
type ConfiguredLocation struct {
	entity.LocationSpec
	// Allow lists kinds that this location may emit in addition to those of catalog.rules.
	Allow []entity.AllowedKind
}

// ConfiguredRules joins catalog.rules (nil means the default rules) with the rules of single locations.
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

// ConfiguredDirectories lists the directories from which local files may be read: the directories of the
// configured locations of type file, with everything below them, and the further ones. Relative paths start
// at the process's working directory.
func ConfiguredDirectories(locations []ConfiguredLocation, further []string) ([]string, error) {
	var directories []string
	for _, directory := range further {
		path, err := filepath.Abs(directory)
		if err != nil {
			return nil, fmt.Errorf("portico.files.directories: %s: %w", directory, err)
		}
		directories = append(directories, path)
	}
	for _, location := range locations {
		spec, err := absolute(location.LocationSpec)
		if err != nil {
			return nil, err
		}
		if spec.Type == provenance.File {
			directories = append(directories, integration.FixedDirectory(spec.Target))
		}
	}
	slices.Sort(directories)
	return slices.Compact(directories), nil
}

// Configure replaces the configured locations by these, and schedules them to be read now. Relative paths of
// type file start at the process's working directory. Entities of the kinds of layers are processed anew, because
// the layers may have changed.
func (s *Service) Configure(ctx context.Context, principal identity.Principal, locations []ConfiguredLocation) error {
	if err := s.require(ctx, principal, policy.CatalogLocationCreate, ""); err != nil {
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
	ctx = processing.CausedBy(ctx, processing.Cause{Kind: processing.CauseConfiguration})
	return s.transact(ctx, func(tx pgx.Tx) error {
		if err := s.state.Replace(ctx, tx, processing.SourceConfig, entities); err != nil {
			return err
		}
		if own := s.options.model().OwnKinds(); len(own) > 0 {
			return s.state.RefreshKinds(ctx, tx, own)
		}
		return nil
	})
}

func absolute(spec entity.LocationSpec) (entity.LocationSpec, error) {
	if strings.TrimSpace(spec.Type) == "" || strings.TrimSpace(spec.Target) == "" {
		return spec, fmt.Errorf("catalog.locations: %q needs a type and a target", spec)
	}
	if spec.Type != provenance.File {
		return spec, nil
	}
	path, err := filepath.Abs(spec.Target)
	if err != nil {
		return spec, fmt.Errorf("catalog.locations: %s: %w", spec, err)
	}
	spec.Target = path
	return spec, nil
}
