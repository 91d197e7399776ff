package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// tryTimeout bounds the reading that a dry run or a validation does while somebody waits.
const tryTimeout = time.Minute

// Location is a registered location.
type Location struct {
	// ID is a UUID; in a dry run it is type:target.
	ID     string `json:"id"`
	Type   string `json:"type"`
	Target string `json:"target"`
	// EntityRef is the Location entity that stands for it. It stays when the target changes.
	EntityRef string `json:"entityRef"`
}

func (l Location) spec() entity.LocationSpec {
	return entity.LocationSpec{Type: l.Type, Target: l.Target}
}

// emitted is the Location entity that stands for a location.
func (l Location) emitted() (processing.Emitted, error) {
	e := entity.LocationEntity(l.spec())
	ref, err := entity.ParseRef(l.EntityRef, entity.Ref{})
	if err != nil {
		return processing.Emitted{}, fmt.Errorf("entity of location %s: %w", l.ID, err)
	}
	e.Metadata()["name"] = ref.Name
	return processing.Emit(e, nil, l.spec())
}

func locationOf(row db.CatalogLocationByIDRow) Location {
	return Location{ID: row.ID.String(), Type: row.Type, Target: row.Target, EntityRef: row.EntityRef}
}

// RegisterLocation has a location read from now on. One that is registered already is a fault of kind Conflict, or is read again, as
// onConflict says ("" for the service's own strategy).
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
	err := s.transact(ctx, func(tx pgx.Tx) error {
		location, isNew, err := s.insertLocation(ctx, tx, principal, spec)
		if err != nil {
			return err
		}
		registered = location
		if isNew {
			return s.bring(ctx, tx, location)
		}
		if onConflict != ConflictRefresh {
			return fault.New(fault.Conflict, "Location %s already exists", spec)
		}
		_, err = s.state.Refresh(ctx, tx, location.EntityRef)
		return err
	})
	return registered, err
}

// Trial is what a dry run of a registration found.
type Trial struct {
	Location Location
	// Exists says whether the location is registered already.
	Exists bool
	// Entities are processed, the Location entity first. They have neither uid, etag nor relations.
	Entities []json.RawMessage
}

// TryLocation reads a location and everything below it, and stores nothing. Whatever is wrong there is a fault of kind Input.
func (s *Service) TryLocation(ctx context.Context, principal identity.Principal, spec entity.LocationSpec) (Trial, error) {
	if err := s.mayRegister(ctx, principal, spec); err != nil {
		return Trial{}, err
	}
	_, err := s.queries.CatalogLocationByTarget(ctx, s.pool, spec.Type, spec.Target)
	exists := err == nil
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Trial{}, fmt.Errorf("location %s: %w", spec, err)
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
	if err := s.authorize(ctx, principal, policy.CatalogLocationCreate, spec.String()); err != nil {
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
	return nil
}

// insertLocation stores a location, or finds the one that is stored already.
func (s *Service) insertLocation(ctx context.Context, tx pgx.Tx, principal identity.Principal, spec entity.LocationSpec) (location Location, isNew bool, err error) {
	row := db.CatalogInsertLocationParams{ID: uuid.New(), Type: spec.Type, Target: spec.Target, CreatedBy: principal.Subject}
	row.EntityRef = entity.LocationEntity(spec).Ref().String()
	taken, err := s.queries.CatalogLocationEntityTaken(ctx, tx, row.EntityRef)
	if err != nil {
		return Location{}, false, fmt.Errorf("entity of location %s: %w", spec, err)
	}
	if taken {
		// Another location began here and was pointed elsewhere since; its entity kept its name.
		row.EntityRef = "location:default/" + entity.LocationEntityName(spec.Type, spec.Target+"#"+row.ID.String())
	}
	inserted, err := s.queries.CatalogInsertLocation(ctx, tx, row)
	if err == nil {
		return locationOf(db.CatalogLocationByIDRow(inserted)), true, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return Location{}, false, fmt.Errorf("store location %s: %w", spec, err)
	}
	existing, err := s.queries.CatalogLocationByTarget(ctx, tx, spec.Type, spec.Target)
	if err != nil {
		return Location{}, false, fmt.Errorf("location %s: %w", spec, err)
	}
	return locationOf(db.CatalogLocationByIDRow(existing)), false, nil
}

// bring has the registered locations' source bring one of them.
func (s *Service) bring(ctx context.Context, tx pgx.Tx, location Location) error {
	emitted, err := location.emitted()
	if err != nil {
		return err
	}
	if err := s.state.Add(ctx, tx, processing.SourceLocations, []processing.Emitted{emitted}); err != nil {
		return err
	}
	_, err = s.state.Refresh(ctx, tx, emitted.Ref)
	return err
}

// Locations lists the registered locations, oldest first.
func (s *Service) Locations(ctx context.Context, principal identity.Principal) ([]Location, error) {
	readable, err := s.allowed(ctx, principal, policy.CatalogLocationRead, "")
	if err != nil || !readable {
		return nil, err
	}
	rows, err := s.queries.CatalogLocations(ctx, s.pool)
	if err != nil {
		return nil, fmt.Errorf("list locations: %w", err)
	}
	locations := make([]Location, len(rows))
	for i, row := range rows {
		locations[i] = locationOf(db.CatalogLocationByIDRow(row))
	}
	return locations, nil
}

// LocationPage is a page of registered locations; Next is "" on the last.
type LocationPage struct {
	Items      []Location
	TotalItems int
	Next       string
}

// QueryLocations finds a page of the registered locations that pass a filter on id, type, target and entityRef, by id.
func (s *Service) QueryLocations(ctx context.Context, principal identity.Principal, cursor query.LocationCursor) (LocationPage, error) {
	readable, err := s.allowed(ctx, principal, policy.CatalogLocationRead, "")
	if err != nil || !readable {
		return LocationPage{}, err
	}
	statement, count, err := cursor.Statements()
	if err != nil {
		return LocationPage{}, err
	}
	rows, err := s.query(ctx, statement)
	if err != nil {
		return LocationPage{}, fmt.Errorf("query locations: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[db.CatalogLocationByIDRow])
	if err != nil {
		return LocationPage{}, fmt.Errorf("query locations: %w", err)
	}
	page := LocationPage{}
	if page.TotalItems, err = ask(ctx, s, count, pgx.RowTo[int]); err != nil {
		return LocationPage{}, fmt.Errorf("count locations: %w", err)
	}
	for _, row := range found[:min(len(found), cursor.Limit)] {
		page.Items = append(page.Items, locationOf(row))
	}
	if len(found) > cursor.Limit {
		cursor.AfterID = page.Items[len(page.Items)-1].ID
		page.Next, err = cursor.Encode()
	}
	return page, err
}

// LocationByID finds one registered location. One that is not there, or not to be seen, is a fault of kind NotFound.
func (s *Service) LocationByID(ctx context.Context, principal identity.Principal, id string) (Location, error) {
	readable, err := s.allowed(ctx, principal, policy.CatalogLocationRead, id)
	if err != nil {
		return Location{}, err
	}
	parsed, parseErr := uuid.Parse(id)
	if !readable || parseErr != nil {
		return Location{}, noLocation(id)
	}
	row, err := s.queries.CatalogLocationByID(ctx, s.pool, parsed)
	if errors.Is(err, pgx.ErrNoRows) {
		return Location{}, noLocation(id)
	}
	if err != nil {
		return Location{}, fmt.Errorf("location %s: %w", id, err)
	}
	return locationOf(row), nil
}

// LocationOrigin says who registered a location, and when by the database's clock. A location that is not registered is a fault of kind
// NotFound.
func (s *Service) LocationOrigin(ctx context.Context, principal identity.Principal, spec entity.LocationSpec) (id, registeredBy string, registeredAt time.Time, err error) {
	if err := s.authorize(ctx, principal, policy.CatalogLocationRead, spec.String()); err != nil {
		return "", "", time.Time{}, err
	}
	row, err := s.queries.CatalogLocationOrigin(ctx, s.pool, spec.Type, spec.Target)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", "", time.Time{}, fault.New(fault.NotFound, "Location %s is not registered", spec)
	}
	if err != nil {
		return "", "", time.Time{}, fmt.Errorf("location %s: %w", spec, err)
	}
	return row.ID.String(), row.CreatedBy, row.CreatedAt, nil
}

func noLocation(id string) error {
	return fault.New(fault.NotFound, "Found no location with ID %s", id)
}

// LocationByEntity finds the registered location that first led to an entity. Entities that came from the configuration have none: a fault of
// kind NotFound.
func (s *Service) LocationByEntity(ctx context.Context, principal identity.Principal, ref entity.Ref) (Location, error) {
	readable, err := s.allowed(ctx, principal, policy.CatalogLocationRead, ref.String())
	if err != nil {
		return Location{}, err
	}
	found, err := s.documents(ctx, principal, []string{ref.String()}, nil)
	if err != nil {
		return Location{}, err
	}
	if !readable || found[ref.String()] == nil {
		return Location{}, fault.New(fault.NotFound, "found no entity for ref %s", ref)
	}
	var e entity.Entity
	if err := json.Unmarshal(found[ref.String()], &e); err != nil {
		return Location{}, fmt.Errorf("decode entity %s: %w", ref, err)
	}
	origin, err := entity.ParseLocationRef(e.Annotation(entity.AnnotationOriginLocation))
	if err != nil {
		return Location{}, fault.New(fault.NotFound, "found no origin annotation for ref %s", ref)
	}
	row, err := s.queries.CatalogLocationByTarget(ctx, s.pool, origin.Type, origin.Target)
	if errors.Is(err, pgx.ErrNoRows) {
		return Location{}, fault.New(fault.NotFound, "Found no location with type %s and target %s", origin.Type, origin.Target)
	}
	if err != nil {
		return Location{}, fmt.Errorf("location %s: %w", origin, err)
	}
	return locationOf(db.CatalogLocationByIDRow(row)), nil
}

// UpdateLocation points a registered location elsewhere. Its Location entity keeps its name but is a new one; another location
// that points there already is a fault of kind Conflict.
func (s *Service) UpdateLocation(ctx context.Context, principal identity.Principal, id string, spec entity.LocationSpec) (Location, error) {
	if err := s.mayRegister(ctx, principal, spec); err != nil {
		return Location{}, err
	}
	if err := s.writable(); err != nil {
		return Location{}, err
	}
	var updated Location
	err := s.transact(ctx, func(tx pgx.Tx) error {
		location, err := s.lockLocation(ctx, tx, id)
		if err != nil || location.spec() == (entity.LocationSpec{Type: spec.Type, Target: spec.Target}) {
			updated = location
			return err
		}
		if err := s.checkFree(ctx, tx, spec); err != nil {
			return err
		}
		location.Type, location.Target = spec.Type, spec.Target
		if err := s.queries.CatalogUpdateLocation(ctx, tx, spec.Type, spec.Target, uuid.MustParse(location.ID)); err != nil {
			return fmt.Errorf("update location %s: %w", id, err)
		}
		if err := s.state.Drop(ctx, tx, processing.SourceLocations, []string{location.EntityRef}); err != nil {
			return err
		}
		updated = location
		return s.bring(ctx, tx, location)
	})
	return updated, err
}

func (s *Service) checkFree(ctx context.Context, tx pgx.Tx, spec entity.LocationSpec) error {
	_, err := s.queries.CatalogLocationByTarget(ctx, tx, spec.Type, spec.Target)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("location %s: %w", spec, err)
	default:
		return fault.New(fault.Conflict, "Location %s already exists", spec)
	}
}

// DeleteLocation unregisters a location. Everything that only it led to goes at once.
func (s *Service) DeleteLocation(ctx context.Context, principal identity.Principal, id string) error {
	if err := s.authorize(ctx, principal, policy.CatalogLocationDelete, id); err != nil {
		return err
	}
	if err := s.writable(); err != nil {
		return err
	}
	return s.transact(ctx, func(tx pgx.Tx) error {
		location, err := s.lockLocation(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.queries.CatalogDeleteLocation(ctx, tx, uuid.MustParse(location.ID)); err != nil {
			return fmt.Errorf("delete location %s: %w", id, err)
		}
		return s.state.Drop(ctx, tx, processing.SourceLocations, []string{location.EntityRef})
	})
}

func (s *Service) lockLocation(ctx context.Context, tx pgx.Tx, id string) (Location, error) {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return Location{}, noLocation(id)
	}
	row, err := s.queries.CatalogLocationForUpdate(ctx, tx, parsed)
	if errors.Is(err, pgx.ErrNoRows) {
		return Location{}, noLocation(id)
	}
	if err != nil {
		return Location{}, fmt.Errorf("location %s: %w", id, err)
	}
	return locationOf(db.CatalogLocationByIDRow(row)), nil
}

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

// Configure makes the configuration's locations exactly these, and has them read now. Paths of type file are taken from the
// process's working directory.
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
