package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/changes"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/plainjson"
)

// ChangeAction says in one word what happened to an entity.
type ChangeAction string

const (
	// EntityCreated is the first version of an entity.
	EntityCreated ChangeAction = "created"
	// EntityChanged is a further version.
	EntityChanged ChangeAction = "changed"
	// EntityRemoved is the end of an entity. One that comes back has another uid.
	EntityRemoved ChangeAction = "removed"
	// EntityRecorded is the version that an entity had when versions began to be kept.
	EntityRecorded ChangeAction = "recorded"
)

// EntityChange is one change of an entity.
type EntityChange struct {
	Action ChangeAction
	At     time.Time
	Cause  processing.Cause
	// UID is that of the entity, and Version counts its versions from 0.
	UID     uuid.UUID
	Version int
	// Location is the file that the version is from, type:target.
	Location string
	// Differences are what differs from the version before. They are nil when there is none, or when it is not kept any
	// more, and More says that there are further ones.
	Differences []changes.Change
	More        bool
}

// HistoryPage is a part of the changes of an entity, the newest first. Next is "" on the last.
type HistoryPage struct {
	Items []EntityChange
	Next  string
}

// HistoryQuery selects changes. The zero value is the first page without a limit.
type HistoryQuery struct {
	// Cursor is HistoryPage.Next of the page before.
	Cursor string
	// Limit bounds the versions of a page. A page has one item more if an entity was removed and came back.
	Limit int
}

// version is a version of an entity, served or not. The id of the served one is the greatest.
type version struct {
	db.CatalogRevisionsBeforeRow
}

// EntityHistory lists the changes of an entity by its reference, also those of earlier entities of that name. An
// entity that does not exist, or that the principal may not read, is a fault of kind NotFound. Only a principal that
// may read every entity sees the history of one that was removed.
func (s *Service) EntityHistory(ctx context.Context, principal identity.Principal, ref entity.Ref, q HistoryQuery) (HistoryPage, error) {
	if err := s.mayReadHistory(ctx, principal, ref); err != nil {
		return HistoryPage{}, err
	}
	page, err := s.history(ctx, ref.String(), nil, q)
	if err == nil && len(page.Items) == 0 && q.Cursor == "" {
		return HistoryPage{}, noEntity(ref)
	}
	return page, err
}

// EntityHistoryByUID is EntityHistory of the one entity that has a uid, which must exist.
func (s *Service) EntityHistoryByUID(ctx context.Context, principal identity.Principal, uid string, q HistoryQuery) (HistoryPage, error) {
	ref, id, err := s.refOf(ctx, principal, uid)
	if err != nil {
		return HistoryPage{}, err
	}
	return s.history(ctx, ref.String(), &id, q)
}

// EntityAt is EntityJSON at a moment: the entity of that name as it was served then. A fault of kind NotFound is also
// that there was none, or that its version is not kept any more.
func (s *Service) EntityAt(ctx context.Context, principal identity.Principal, ref entity.Ref, at time.Time) (json.RawMessage, error) {
	if err := s.mayReadHistory(ctx, principal, ref); err != nil {
		return nil, err
	}
	return s.versionAt(ctx, ref, nil, at)
}

// EntityAtByUID is EntityAt for the entity that has a uid, which must exist.
func (s *Service) EntityAtByUID(ctx context.Context, principal identity.Principal, uid string, at time.Time) (json.RawMessage, error) {
	ref, id, err := s.refOf(ctx, principal, uid)
	if err != nil {
		return nil, err
	}
	return s.versionAt(ctx, ref, &id, at)
}

// mayReadHistory checks that a principal may read the entity that has a reference now, or every entity.
func (s *Service) mayReadHistory(ctx context.Context, principal identity.Principal, ref entity.Ref) error {
	readable, err := s.readable(ctx, principal)
	if err != nil || readable.IsEverything() {
		return err
	}
	_, err = s.EntityJSON(ctx, principal, ref)
	return err
}

// refOf finds the reference of an entity that a principal may read.
func (s *Service) refOf(ctx context.Context, principal identity.Principal, uid string) (entity.Ref, uuid.UUID, error) {
	document, err := s.EntityByUID(ctx, principal, uid)
	if err != nil {
		return entity.Ref{}, uuid.Nil, err
	}
	var e entity.Entity
	if err := json.Unmarshal(document, &e); err != nil {
		return entity.Ref{}, uuid.Nil, fmt.Errorf("decode entity %s: %w", uid, err)
	}
	id, err := uuid.Parse(uid)
	return e.Ref(), id, err
}

func (s *Service) versionAt(ctx context.Context, ref entity.Ref, id *uuid.UUID, at time.Time) (json.RawMessage, error) {
	served, err := s.queries.CatalogServedVersion(ctx, s.pool, ref.String())
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("entity %s: %w", ref, err)
	}
	if isOther := id != nil && served.EntityID != *id; err == nil && !isOther && !served.UpdatedAt.After(at) {
		return served.Entity, nil
	}
	document, err := s.queries.CatalogRevisionAt(ctx, s.pool, ref.String(), at, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "No version of %s at %s is kept: it did not exist then, or that is longer ago than versions are kept",
			ref, at.UTC().Format(time.RFC3339))
	}
	if err != nil {
		return nil, fmt.Errorf("entity %s at %s: %w", ref, at, err)
	}
	return document, nil
}

// history reads a page of versions, and the version before each.
func (s *Service) history(ctx context.Context, ref string, id *uuid.UUID, q HistoryQuery) (HistoryPage, error) {
	before := int64(0)
	if q.Cursor != "" {
		var err error
		if before, err = strconv.ParseInt(q.Cursor, 10, 64); err != nil || before < 1 {
			return HistoryPage{}, fault.New(fault.Input, "Malformed cursor, could not be parsed")
		}
	}
	limit := cmp.Or(q.Limit, query.MaxPage)
	versions, err := s.versions(ctx, ref, id, before, limit+1) // one more, to compare the last one with
	if err != nil {
		return HistoryPage{}, err
	}
	var page HistoryPage
	for i, v := range versions[:min(limit, len(versions))] {
		var earlier *version
		if i+1 < len(versions) {
			earlier = &versions[i+1]
		}
		items, err := v.changes(earlier)
		if err != nil {
			return HistoryPage{}, fmt.Errorf("version %d of %s: %w", v.Version, ref, err)
		}
		page.Items = append(page.Items, items...)
	}
	if len(versions) > limit {
		page.Next = strconv.FormatInt(versions[limit-1].ID, 10)
	}
	return page, nil
}

// versions reads versions in one snapshot, so that one that is replaced meanwhile is in the result once.
func (s *Service) versions(ctx context.Context, ref string, id *uuid.UUID, before int64, most int) (found []version, err error) {
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if before == 0 {
			served, err := s.queries.CatalogServedVersion(ctx, tx, ref)
			if err != nil && !errors.Is(err, pgx.ErrNoRows) {
				return fmt.Errorf("entity %s: %w", ref, err)
			}
			if err == nil && (id == nil || served.EntityID == *id) {
				found = append(found, version{db.CatalogRevisionsBeforeRow{ID: math.MaxInt64, EntityID: served.EntityID, Version: served.Version,
					Since: served.UpdatedAt, ChangedBy: served.ChangedBy, Entity: served.Entity}})
			}
		}
		rows, err := s.queries.CatalogRevisionsBefore(ctx, tx, db.CatalogRevisionsBeforeParams{
			EntityRef: ref, Before: before, EntityID: id, MaxRows: int32(most - len(found))})
		if err != nil {
			return fmt.Errorf("versions of %s: %w", ref, err)
		}
		for _, row := range rows {
			found = append(found, version{row})
		}
		return nil
	})
	return found, err
}

// changes are the change that made a version and, before it, the one that ended it by removing the entity.
func (v version) changes(earlier *version) ([]EntityChange, error) {
	var e entity.Entity
	if err := json.Unmarshal(v.Entity, &e); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	made := EntityChange{Action: EntityChanged, At: v.Since, Cause: processing.ParseCause(v.ChangedBy), UID: v.EntityID, Version: int(v.Version),
		Location: e.Annotation(entity.AnnotationLocation)}
	var items []EntityChange
	if v.RemovedBy != nil {
		removed := made
		removed.Action, removed.At, removed.Cause = EntityRemoved, v.Until, processing.ParseCause(*v.RemovedBy)
		items = append(items, removed)
	}
	switch {
	case v.Version == 0 && made.Cause.Kind == processing.CauseUnknown:
		made.Action = EntityRecorded
	case v.Version == 0:
		made.Action = EntityCreated
	case earlier != nil && earlier.EntityID == v.EntityID && earlier.Version == v.Version-1:
		var err error
		if made.Differences, made.More, err = differences(earlier.Entity, v.Entity); err != nil {
			return nil, err
		}
	}
	return append(items, made), nil
}

// differences compares two versions of an entity, without the etag, which differs because something else does.
func differences(before, after json.RawMessage) ([]changes.Change, bool, error) {
	earlier, err := withoutEtag(before)
	if err != nil {
		return nil, false, err
	}
	later, err := withoutEtag(after)
	if err != nil {
		return nil, false, err
	}
	return changes.Between(earlier, later)
}

func withoutEtag(document json.RawMessage) (json.RawMessage, error) {
	var fields, metadata map[string]json.RawMessage
	if err := json.Unmarshal(document, &fields); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	if err := json.Unmarshal(fields["metadata"], &metadata); err != nil {
		return nil, fmt.Errorf("decode metadata: %w", err)
	}
	delete(metadata, "etag")
	var err error
	if fields["metadata"], err = plainjson.Marshal(metadata); err != nil {
		return nil, err
	}
	return plainjson.Marshal(fields)
}
