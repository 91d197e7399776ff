package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// tryTimeout bounds the reads of a dry run or a validation, for which a user waits.
const tryTimeout = time.Minute

// RegisterLocation registers a location, which is then read regularly. For a location that is registered
// already, onConflict decides ("" means the service's own strategy): a fault of kind Conflict, or a new read.
func (s *Service) RegisterLocation(ctx context.Context, principal identity.Principal, spec entity.LocationSpec, onConflict ConflictStrategy) (Location, error) {
	if err := s.mayRegister(ctx, principal, spec); err != nil {
		return Location{}, err
	}
	if err := s.writable(); err != nil {
		return Location{}, err
	}
	if onConflict == "" {
		onConflict = s.options.OnConflict
	}
	var registered Location
	ctx = requested(ctx, principal)
	err := s.transact(ctx, func(tx pgx.Tx) error {
		location, isNew, err := s.insertLocation(ctx, tx, principal, spec)
		if err != nil {
			return err
		}
		registered = location
		if !isNew && onConflict != ConflictRefresh {
			return alreadyRegistered(spec)
		}
		if err := s.emit(ctx, tx, location); err != nil {
			return err
		}
		if !isNew {
			return audit.Record(ctx, tx, principal.Actor(), audit.EntityRefresh, location.EntityRef)
		}
		return audit.Record(ctx, tx, principal.Actor(), audit.LocationCreate, location.ID, audit.Changed("target", nil, spec.WithoutSecrets()))
	})
	return registered, err
}

func alreadyRegistered(spec entity.LocationSpec) error {
	return fault.New(fault.Conflict, "Location %s already exists", spec)
}

// Trial is the result of a dry run of a registration.
type Trial struct {
	Location Location
	// Exists reports whether the location is registered already.
	Exists bool
	// Entities are the processed entities, the Location entity first. They have no uid, etag or relations.
	Entities []json.RawMessage
}

// TryLocation reads a location and everything below it without storing anything. All errors are a fault of
// kind Input.
func (s *Service) TryLocation(ctx context.Context, principal identity.Principal, spec entity.LocationSpec) (Trial, error) {
	if err := s.mayRegister(ctx, principal, spec); err != nil {
		return Trial{}, err
	}
	_, exists, err := s.locationAt(ctx, s.pool, spec)
	if err != nil {
		return Trial{}, err
	}
	root, err := processing.Emit(entity.LocationEntity(spec), nil, spec)
	if err != nil {
		return Trial{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	entities, err := s.options.Pipeline.Tree(ctx, root)
	if err != nil {
		return Trial{}, err
	}
	location := Location{ID: spec.String(), Type: spec.Type, Target: spec.Target, EntityRef: root.Ref}
	return Trial{Location: location, Exists: exists, Entities: entities}, nil
}

func (s *Service) mayRegister(ctx context.Context, principal identity.Principal, spec entity.LocationSpec) error {
	if err := s.require(ctx, principal, policy.CatalogLocationCreate, spec.WithoutSecrets()); err != nil {
		return err
	}
	if !slices.Contains(s.options.LocationTypes, spec.Type) {
		types, err := json.Marshal(s.options.LocationTypes)
		if err != nil {
			return fmt.Errorf("encode the allowed location types: %w", err)
		}
		return fault.New(fault.Input, "Registered locations must be of an allowed type %s", types)
	}
	if err := processing.CheckTarget(spec); err != nil {
		return fault.New(fault.Input, "%s", err)
	}
	if hasCredentials(spec.Target) {
		return fault.New(fault.Input, "The target includes credentials, which everybody who may read locations would see: configure them in integrations")
	}
	return nil
}

// hasCredentials reports whether a URL has a user or password. A URL that cannot be parsed may have some before
// an @.
func hasCredentials(target string) bool {
	parsed, err := url.Parse(target)
	if err != nil {
		return strings.Contains(target, "@")
	}
	return parsed.User != nil
}

// insertLocation stores a location, or finds the stored one.
func (s *Service) insertLocation(ctx context.Context, tx pgx.Tx, principal identity.Principal, spec entity.LocationSpec) (location Location, isNew bool, err error) {
	row := db.CatalogInsertLocationParams{ID: uuid.New(), Type: spec.Type, Target: spec.Target, CreatedBy: principal.Subject}
	row.EntityRef = entity.LocationEntity(spec).Ref().String()
	taken, err := s.queries.CatalogLocationEntityTaken(ctx, tx, row.EntityRef)
	if err != nil {
		return Location{}, false, fmt.Errorf("entity of location %s: %w", spec, err)
	}
	if taken {
		// Another location was registered with this target first and got another target since. Its entity has
		// kept the name.
		row.EntityRef = "location:default/" + entity.LocationEntityName(spec.Type, spec.Target+"#"+row.ID.String())
	}
	inserted, err := s.queries.CatalogInsertLocation(ctx, tx, row)
	if err == nil {
		return locationOf(inserted), true, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return Location{}, false, fmt.Errorf("store location %s: %w", spec, err)
	}
	existing, err := s.queries.CatalogLocationByTarget(ctx, tx, spec.Type, spec.Target)
	if err != nil {
		return Location{}, false, fmt.Errorf("location %s: %w", spec, err)
	}
	return locationOf(existing), false, nil
}

// emit makes the source of registered locations emit a location, once more if it does already, and schedules
// it to be read now. When something else has emitted the same Location entity, it returns a fault of kind
// Conflict, because the location would never be processed.
func (s *Service) emit(ctx context.Context, tx pgx.Tx, location Location) error {
	emitted, err := processing.EmitLocation(location.EntityRef, location.spec())
	if err != nil {
		return err
	}
	refused, err := s.state.Add(ctx, tx, processing.SourceLocations, []processing.Emitted{emitted})
	if err != nil {
		return err
	}
	found, err := s.state.Refresh(ctx, tx, emitted.Ref)
	if err == nil && (len(refused) > 0 || !found) {
		return fault.New(fault.Conflict, "Location %s cannot be read: its entity %s is already provided by another location; remove it there first",
			location.spec(), location.EntityRef)
	}
	return err
}

// UpdateLocation changes the target of a registered location. Its Location entity keeps its name but is a new
// entity. A target that is registered already is a fault of kind Conflict.
func (s *Service) UpdateLocation(ctx context.Context, principal identity.Principal, id string, spec entity.LocationSpec) (Location, error) {
	if err := s.mayRegister(ctx, principal, spec); err != nil {
		return Location{}, err
	}
	if err := s.writable(); err != nil {
		return Location{}, err
	}
	var updated Location
	ctx = requested(ctx, principal)
	err := s.transact(ctx, func(tx pgx.Tx) error {
		location, err := s.lockLocation(ctx, tx, id)
		if err != nil {
			return err
		}
		if location.spec() == (entity.LocationSpec{Type: spec.Type, Target: spec.Target}) {
			updated = location
			if err := s.emit(ctx, tx, location); err != nil {
				return err
			}
			return audit.Record(ctx, tx, principal.Actor(), audit.EntityRefresh, location.EntityRef)
		}
		_, taken, err := s.locationAt(ctx, tx, spec)
		if err != nil {
			return err
		}
		if taken {
			return alreadyRegistered(spec)
		}
		before := location.spec()
		location.Type, location.Target = spec.Type, spec.Target
		if err := s.queries.CatalogUpdateLocation(ctx, tx, spec.Type, spec.Target, uuid.MustParse(location.ID)); err != nil {
			return fmt.Errorf("update location %s: %w", id, err)
		}
		if err := s.state.Drop(ctx, tx, processing.SourceLocations, []string{location.EntityRef}); err != nil {
			return err
		}
		updated = location
		if err := s.emit(ctx, tx, location); err != nil {
			return err
		}
		return audit.Record(ctx, tx, principal.Actor(), audit.LocationUpdate, location.ID,
			audit.Changed("target", before.WithoutSecrets(), location.spec().WithoutSecrets()))
	})
	return updated, err
}

// DeleteLocation unregisters a location. All entities that come from this location only are deleted at once.
func (s *Service) DeleteLocation(ctx context.Context, principal identity.Principal, id string) error {
	if err := s.require(ctx, principal, policy.CatalogLocationDelete, id); err != nil {
		return err
	}
	if err := s.writable(); err != nil {
		return err
	}
	ctx = requested(ctx, principal)
	return s.transact(ctx, func(tx pgx.Tx) error {
		location, err := s.lockLocation(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.queries.CatalogDeleteLocation(ctx, tx, uuid.MustParse(location.ID)); err != nil {
			return fmt.Errorf("delete location %s: %w", id, err)
		}
		if err := s.state.Drop(ctx, tx, processing.SourceLocations, []string{location.EntityRef}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, principal.Actor(), audit.LocationDelete, location.ID, audit.Changed("target", location.spec().WithoutSecrets(), nil))
	})
}

func (s *Service) lockLocation(ctx context.Context, tx pgx.Tx, id string) (Location, error) {
	row, err := findLocation(id, func(id uuid.UUID) (db.CatalogLocation, error) { return s.queries.CatalogLocationForUpdate(ctx, tx, id) })
	if err != nil {
		return Location{}, err
	}
	return locationOf(row), nil
}
