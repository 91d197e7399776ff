package catalog

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/telemetry"
)

// MaxCounted bounds the numbers of Health but those of Ages: where it is reached, there may be more.
const MaxCounted = 10_000

// Health says how much is wrong with the whole catalog.
type Health struct {
	// Entities are all that are served, and Ages how many of them changed last within a day, a week, 30 days, a year, and
	// before.
	Entities int
	Ages     Ages
	// Failed are entities that cannot be read, processed or served, Conflicts claims to an entity of another location,
	// Orphans, Unowned and Dangling as query.Finding says, and Duplicates repositories.
	Failed, Conflicts, Orphans, Unowned, Dangling, Duplicates int
	// Due are entities that wait to be processed, and LagSeconds is how long the oldest of them has waited.
	Due        int
	LagSeconds float64
}

// Ages are numbers of entities by the time since their last change. Each is without the younger ones.
type Ages struct {
	Day, Week, Month, Year, Older int
}

// Health counts what is wrong with the whole catalog, also with entities that the principal may not read.
func (s *Service) Health(ctx context.Context, principal identity.Principal) (Health, error) {
	if err := s.require(ctx, principal, policy.CatalogIngestionRead, ""); err != nil {
		return Health{}, err
	}
	found, err := s.queries.CatalogHealth(ctx, db.PlanEach(s.pool))
	if err != nil {
		return Health{}, fmt.Errorf("count what is wrong with the catalog: %w", err)
	}
	ages, err := s.queries.CatalogAges(ctx, s.pool)
	if err != nil {
		return Health{}, fmt.Errorf("count entities by age: %w", err)
	}
	backlog, err := s.queries.CatalogBacklog(ctx, s.pool)
	if err != nil {
		return Health{}, fmt.Errorf("count what the catalog has yet to process: %w", err)
	}
	return Health{Entities: int(ages.Entities), Ages: Ages{int(ages.Day), int(ages.Week), int(ages.Month), int(ages.Year), int(ages.Older)},
		Failed: int(found.Failed), Conflicts: int(found.Conflicts), Orphans: int(found.Orphans), Unowned: int(found.Unowned),
		Dangling: int(found.Dangling), Duplicates: int(found.Duplicates), Due: int(backlog.Due), LagSeconds: backlog.Oldest}, nil
}

// Wrong measures what is wrong with the catalog, as samples of telemetry.CatalogConflicts and the following.
func (s *Service) Wrong(ctx context.Context) ([]telemetry.Sample, error) {
	found, err := s.queries.CatalogHealth(ctx, db.PlanEach(s.pool))
	if err != nil {
		return nil, fmt.Errorf("count what is wrong with the catalog: %w", err)
	}
	return []telemetry.Sample{
		{Metric: telemetry.CatalogConflicts, Value: float64(found.Conflicts)}, {Metric: telemetry.CatalogOrphans, Value: float64(found.Orphans)},
		{Metric: telemetry.CatalogUnowned, Value: float64(found.Unowned)}, {Metric: telemetry.CatalogDangling, Value: float64(found.Dangling)},
		{Metric: telemetry.CatalogDuplicates, Value: float64(found.Duplicates)},
	}, nil
}

// Found is an entity with which something is wrong.
type Found struct {
	EntityRef string
	// Location is the file that it is from, type:target.
	Location string
	// Repository, as host/path, and Branch are those of the file, "" where there is none.
	Repository, Branch string
	// Missing are some of the references that it has a relation to and that are not in the catalog.
	Missing []string
	// Next says what to do, and Configuration has the lines for it, "" when it is not done in the configuration.
	Next, Configuration string
}

// FoundPage is a page of what is wrong. Next is the After of the next, "" on the last.
type FoundPage struct {
	Items []Found
	Next  string
}

// WrongEntities lists the readable entities of a finding, sorted by reference, after the given reference ("" for the
// first). An unknown finding is a fault of kind NotFound.
func (s *Service) WrongEntities(ctx context.Context, principal identity.Principal, finding query.Finding, after string, limit int) (FoundPage, error) {
	if err := s.require(ctx, principal, policy.CatalogIngestionRead, string(finding)); err != nil {
		return FoundPage{}, err
	}
	if !slices.Contains(query.Findings(), finding) {
		return FoundPage{}, fault.New(fault.NotFound, "Nothing is listed as %q: there are orphans, unowned, dangling and duplicates", finding)
	}
	readable, err := s.readable(ctx, principal)
	if err != nil || readable.IsNothing() {
		return FoundPage{}, err
	}
	rows, err := s.query(ctx, finding.Page(readable, strings.ToLower(after), limit+1))
	if err != nil {
		return FoundPage{}, fmt.Errorf("list %s: %w", finding, err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f Found, err error) {
		return f, row.Scan(&f.EntityRef, &f.Location, &f.Repository, &f.Branch, &f.Missing)
	})
	if err != nil {
		return FoundPage{}, fmt.Errorf("list %s: %w", finding, err)
	}
	page := FoundPage{Items: found[:min(limit, len(found))]}
	for i := range page.Items {
		page.Items[i].advise(finding)
	}
	if len(found) > limit {
		page.Next = page.Items[limit-1].EntityRef
	}
	return page, nil
}

// advise says what to do about an entity of a finding.
func (f *Found) advise(finding query.Finding) {
	switch finding {
	case query.Orphans:
		f.Next = "No location lists it any more. Delete it, or add it to a location again"
	case query.Unowned:
		f.Next = "Name an owner in spec.owner that is in the catalog, or add the owner"
	case query.Dangling:
		f.Next = "Add what is missing to the catalog, or correct the reference in " + withoutSecrets(f.Location)
	case query.Duplicates:
		f.Next, f.Configuration = fmt.Sprintf("Entities of %s are read from several branches, this one from %s. %s", f.Repository, branch(f.Branch), readOneBranch), oneBranch("")
	}
}

// ConflictPage is a page of conflicts. Next is the cursor of the next, "" on the last.
type ConflictPage struct {
	Items []Conflict
	Next  string
}

// Conflicts lists the conflicts over entities that the principal may read, sorted by reference, from a cursor on.
func (s *Service) Conflicts(ctx context.Context, principal identity.Principal, cursor string, limit int) (ConflictPage, error) {
	if err := s.require(ctx, principal, policy.CatalogIngestionRead, "conflicts"); err != nil {
		return ConflictPage{}, err
	}
	readable, err := s.readable(ctx, principal)
	if err != nil || readable.IsNothing() {
		return ConflictPage{}, err
	}
	var after [3]string
	if cursor != "" {
		data, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil || json.Unmarshal(data, &after) != nil {
			return ConflictPage{}, fault.New(fault.Input, "Malformed cursor, could not be parsed")
		}
	}
	rows, err := s.query(ctx, query.Conflicts(readable, after, limit+1))
	if err != nil {
		return ConflictPage{}, fmt.Errorf("list conflicts: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[db.CatalogConflict])
	if err != nil {
		return ConflictPage{}, fmt.Errorf("list conflicts: %w", err)
	}
	page := ConflictPage{Items: s.conflictsOf(found[:min(limit, len(found))])}
	if len(found) > limit {
		last := found[limit-1]
		data, err := json.Marshal([3]string{last.EntityRef, last.ClaimantKey, last.ClaimantRef})
		if err != nil {
			return ConflictPage{}, fmt.Errorf("encode a cursor: %w", err)
		}
		page.Next = base64.RawURLEncoding.EncodeToString(data)
	}
	return page, nil
}
