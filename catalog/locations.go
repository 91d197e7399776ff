package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// Location is a registered location.
type Location struct {
	// ID is a UUID; in a dry run it is type:target.
	ID     string `json:"id"`
	Type   string `json:"type"`
	Target string `json:"target"`
	// EntityRef is the reference of its Location entity. It stays when the target changes.
	EntityRef string `json:"entityRef"`
}

func (l Location) spec() entity.LocationSpec {
	return entity.LocationSpec{Type: l.Type, Target: l.Target}
}

func locationOf(row db.CatalogLocation) Location {
	return Location{ID: row.ID.String(), Type: row.Type, Target: row.Target, EntityRef: row.EntityRef}
}

// listedAtOnce is the number of locations that are read at once.
const listedAtOnce = 1000

// Locations calls hand with each registered location, the oldest first. They are read in batches, and no
// connection is held meanwhile. An error of hand stops the iteration and is returned.
func (s *Service) Locations(ctx context.Context, principal identity.Principal, hand func(Location) error) error {
	may, err := s.mayReadLocations(ctx, principal)
	if err != nil || !may {
		return err
	}
	after := db.CatalogLocation{}
	for {
		rows, err := s.queries.CatalogLocationsAfter(ctx, s.pool, after.CreatedAt, after.ID, listedAtOnce)
		if err != nil {
			return fmt.Errorf("list locations: %w", err)
		}
		for _, after = range rows {
			if err := hand(locationOf(after)); err != nil {
				return err
			}
		}
		if len(rows) < listedAtOnce {
			return nil
		}
	}
}

// LocationPage is a page of registered locations; Next is "" on the last.
type LocationPage struct {
	Items      []Location
	TotalItems int
	Next       string
}

// QueryLocations returns a page of the registered locations that match a filter on id, type, target and
// entityRef, sorted by id.
func (s *Service) QueryLocations(ctx context.Context, principal identity.Principal, cursor query.LocationCursor) (LocationPage, error) {
	may, err := s.mayReadLocations(ctx, principal)
	if err != nil || !may {
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
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[db.CatalogLocation])
	if err != nil {
		return LocationPage{}, fmt.Errorf("query locations: %w", err)
	}
	page := LocationPage{}
	if page.TotalItems, err = queryRow(ctx, s, count, pgx.RowTo[int]); err != nil {
		return LocationPage{}, fmt.Errorf("count locations: %w", err)
	}
	for _, row := range found[:min(len(found), cursor.Size())] {
		page.Items = append(page.Items, locationOf(row))
	}
	if len(found) > cursor.Size() {
		cursor.AfterID = page.Items[len(page.Items)-1].ID
		page.Next, err = cursor.Encode()
	}
	return page, err
}

// LocationByID finds one registered location. A location that does not exist, or that the principal may not
// read, is a fault of kind NotFound.
func (s *Service) LocationByID(ctx context.Context, principal identity.Principal, id string) (Location, error) {
	may, err := s.mayReadLocations(ctx, principal)
	if err != nil {
		return Location{}, err
	}
	if !may {
		return Location{}, hiddenLocation(id, noLocation(id))
	}
	row, err := s.locationRow(ctx, id)
	if err != nil {
		return Location{}, err
	}
	return locationOf(row), nil
}

func (s *Service) locationRow(ctx context.Context, id string) (db.CatalogLocation, error) {
	return findLocation(id, func(id uuid.UUID) (db.CatalogLocation, error) { return s.queries.CatalogLocationByID(ctx, s.pool, id) })
}

// findLocation parses an id and finds its location. A missing location is a fault of kind NotFound.
func findLocation(id string, find func(uuid.UUID) (db.CatalogLocation, error)) (db.CatalogLocation, error) {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return db.CatalogLocation{}, noLocation(id)
	}
	row, err := find(parsed)
	if errors.Is(err, pgx.ErrNoRows) {
		return db.CatalogLocation{}, noLocation(id)
	}
	if err != nil {
		return db.CatalogLocation{}, fmt.Errorf("location %s: %w", id, err)
	}
	return row, nil
}

// hiddenLocation is the denial that looks as if there were no location.
func hiddenLocation(name string, missing error) error {
	return &policy.HiddenError{Permission: policy.CatalogLocationRead, Resource: name, Missing: missing}
}

func noLocation(id string) error {
	return fault.New(fault.NotFound, "Found no location with ID %s", id)
}

// Registration records who registered a location and when.
type Registration struct {
	Location
	// By is the subject of the principal.
	By string
	// At is read from the database's clock, as the times of the effects ledger are.
	At time.Time
}

// RegistrationOf finds the registration of a target. A missing one is a fault of kind NotFound. A principal
// may always see its own registrations. To see others, it needs the permission to read locations.
func (s *Service) RegistrationOf(ctx context.Context, principal identity.Principal, spec entity.LocationSpec) (Registration, error) {
	return s.registration(ctx, principal, spec.String(), func() (db.CatalogLocation, error) {
		row, registered, err := s.locationAt(ctx, s.pool, spec)
		if err == nil && !registered {
			err = fault.New(fault.NotFound, "Location %s is not registered", spec)
		}
		return row, err
	})
}

// RegistrationByID is RegistrationOf by the location's id, because its target may have changed since.
func (s *Service) RegistrationByID(ctx context.Context, principal identity.Principal, id string) (Registration, error) {
	return s.registration(ctx, principal, id, func() (db.CatalogLocation, error) { return s.locationRow(ctx, id) })
}

func (s *Service) registration(ctx context.Context, principal identity.Principal, name string, find func() (db.CatalogLocation, error)) (Registration, error) {
	mayRead, err := s.mayReadLocations(ctx, principal)
	if err != nil {
		return Registration{}, err
	}
	row, err := find()
	if err != nil {
		return Registration{}, err
	}
	if isOwn := row.CreatedBy != "" && row.CreatedBy == principal.Subject; !mayRead && !isOwn {
		return Registration{}, &policy.DeniedError{Principal: principal, Permission: policy.CatalogLocationRead, Resource: name}
	}
	return Registration{Location: locationOf(row), By: row.CreatedBy, At: row.CreatedAt}, nil
}

// locationAt finds the location that is registered for a target, if any.
func (s *Service) locationAt(ctx context.Context, tx db.DBTX, spec entity.LocationSpec) (row db.CatalogLocation, registered bool, err error) {
	row, err = s.queries.CatalogLocationByTarget(ctx, tx, spec.Type, spec.Target)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, false, nil
	}
	if err != nil {
		return row, false, fmt.Errorf("location %s: %w", spec, err)
	}
	return row, true, nil
}

// LocationByEntity finds the registered location that is the root of an entity's ancestors. Entities from the
// configuration have none: a fault of kind NotFound.
func (s *Service) LocationByEntity(ctx context.Context, principal identity.Principal, ref entity.Ref) (Location, error) {
	missing := func(cause error) error { return fault.Wrap(fault.NotFound, cause, "found no entity for ref %s", ref) }
	may, err := s.mayReadLocations(ctx, principal)
	if err != nil {
		return Location{}, err
	}
	if !may {
		return Location{}, hiddenLocation(ref.String(), missing(nil))
	}
	e, err := s.EntityByRef(ctx, principal, ref)
	if fault.KindOf(err) == fault.NotFound {
		return Location{}, missing(err)
	}
	if err != nil {
		return Location{}, err
	}
	origin, err := entity.ParseLocationRef(e.Annotation(entity.AnnotationOriginLocation))
	if err != nil {
		return Location{}, fault.New(fault.NotFound, "found no origin annotation for ref %s", ref)
	}
	row, registered, err := s.locationAt(ctx, s.pool, origin)
	if err != nil {
		return Location{}, err
	}
	if !registered {
		return Location{}, fault.New(fault.NotFound, "Found no location with type %s and target %s", origin.Type, origin.Target)
	}
	return locationOf(row), nil
}
