package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/techdocs"
)

const (
	// storeTimeout bounds one transaction.
	storeTimeout = 30 * time.Second
	// maxLines bounds the lines of a build's log, and maxLine each of them, in bytes.
	maxLines = 2000
	maxLine  = 1000
	// maxFailure bounds each text of a failure, and maxMessage that of a problem, in bytes.
	maxFailure = 4000
	maxMessage = 1000
	// unbegunAfter is how long after a request its workflow is started again, and lostAfter how long a build may take before its
	// workflow is.
	unbegunAfter = 10 * time.Second
	lostAfter    = time.Hour
	// maxWoken bounds the workflows that are started at once.
	maxWoken = 200
)

// StoreOptions are the dependencies of a Store. Every field is required.
type StoreOptions struct {
	Pool   *pgxpool.Pool
	Engine Engine
	// Hosts finds the host of an event.
	Hosts Hosts
	// Interval is how often a site is looked at that somebody reads.
	Interval time.Duration
	// MaxPreviews bounds the previews of a site. Zero: there are none.
	MaxPreviews int
}

// Hosts finds configured hosts. *integration.Set implements it.
type Hosts interface {
	ByHost(name string) (integration.Host, bool)
}

// Store is the record of sites and builds, for the workers. It asks no decider. It is safe for concurrent use. Every method repeats
// safely: an activity that runs twice, or too late, changes nothing.
type Store struct {
	StoreOptions
	queries *db.Queries
}

// NewStore makes a Store.
func NewStore(options StoreOptions) *Store {
	return &Store{StoreOptions: options, queries: db.New()}
}

func (s *Store) transact(ctx context.Context, work func(ctx context.Context, tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return work(ctx, tx) })
}

// request is who asks for a build, and how.
type request struct {
	cause   Cause
	askedBy string
	// force builds even if nothing has changed.
	force bool
}

// ask records a request for a build, within a transaction. Requests that no workflow has begun to answer are one build.
func (s *Store) ask(ctx context.Context, tx pgx.Tx, site string, asked request) (db.TechdocsBuild, error) {
	if err := s.queries.TechDocsEnsureSite(ctx, tx, site); err != nil {
		return db.TechdocsBuild{}, fmt.Errorf("record the site of %s: %w", site, err)
	}
	row, err := s.queries.TechDocsRequestBuild(ctx, tx, db.TechDocsRequestBuildParams{ID: uuid.New(), EntityRef: site, Cause: string(asked.cause),
		AskedBy: asked.askedBy, Force: asked.force})
	return row, wrap(err, "ask for a build of %s", site)
}

// Begin gives the build that was asked for to a workflow. For a workflow that has taken one before, it returns that. A build whose
// workflow was lost fails. Without a request the progress has no ID.
func (s *Store) Begin(ctx context.Context, request BeginRequest) (progress Progress, err error) {
	err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := s.queries.TechDocsLockSite(ctx, tx, request.Site); err != nil {
			if errors.Is(err, pgx.ErrNoRows) {
				return nil // it was forgotten, with its builds
			}
			return fmt.Errorf("read the site of %s: %w", request.Site, err)
		}
		row, err := s.begin(ctx, tx, request)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		progress = progressOf(row)
		return wrap(err, "begin a build of %s", request.Site)
	})
	return progress, err
}

func (s *Store) begin(ctx context.Context, tx pgx.Tx, request BeginRequest) (db.TechdocsBuild, error) {
	active, err := s.queries.TechDocsActiveBuild(ctx, tx, request.Site)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return s.queries.TechDocsAdoptBuild(ctx, tx, &request.WorkflowID, &request.RunID, request.Site)
	case err != nil:
		return active, err
	case active.RunID != nil && *active.RunID == request.RunID:
		return active, nil
	}
	lost := &fault.Failure{Name: "WorkflowLostError", Message: "its workflow ended in Temporal without an end of the build, and another one began"}
	if _, err := s.end(ctx, tx, EndRequest{ID: active.ID, State: Failed, Failure: lost}); err != nil {
		return active, err
	}
	return s.queries.TechDocsAdoptBuild(ctx, tx, &request.WorkflowID, &request.RunID, request.Site)
}

// End ends a build. A build that has ended stays as it is.
func (s *Store) End(ctx context.Context, request EndRequest) (progress Progress, err error) {
	err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		row, err := s.end(ctx, tx, request)
		progress = progressOf(row)
		return err
	})
	return progress, err
}

func (s *Store) end(ctx context.Context, tx pgx.Tx, request EndRequest) (db.TechdocsBuild, error) {
	encoded := ""
	if request.Failure != nil {
		text, err := json.Marshal(request.Failure.Cut(maxFailure))
		if err != nil {
			return db.TechdocsBuild{}, fmt.Errorf("encode the failure of build %s: %w", request.ID, err)
		}
		encoded = string(text)
	}
	row, err := s.queries.TechDocsEndBuild(ctx, tx, db.TechDocsEndBuildParams{ID: request.ID, State: string(request.State),
		IndexSeconds: request.IndexSeconds, Failure: encoded})
	if errors.Is(err, pgx.ErrNoRows) {
		row, err = s.queries.TechDocsBuild(ctx, tx, request.ID)
		if errors.Is(err, pgx.ErrNoRows) {
			return row, unknownBuild(request.ID)
		}
		return row, wrap(err, "read build %s", request.ID)
	}
	if err != nil {
		return row, fmt.Errorf("end build %s: %w", request.ID, err)
	}
	return row, s.checked(ctx, tx, row, request.Failure)
}

// checked notes at the site what its build has found. What the author did wrong is not built again until it changes. What the machine did
// wrong is built again, for which the etag is forgotten.
func (s *Store) checked(ctx context.Context, tx pgx.Tx, row db.TechdocsBuild, failure *fault.Failure) error {
	site, err := s.queries.TechDocsSite(ctx, tx, row.EntityRef)
	if err != nil {
		return fmt.Errorf("read the site of %s: %w", row.EntityRef, err)
	}
	etag := row.Etag
	if failure != nil && failure.Name != string(fault.Input) {
		etag = ""
	}
	return wrap(s.queries.TechDocsChecked(ctx, tx, db.TechDocsCheckedParams{EntityRef: row.EntityRef, Etag: etag, Failed: State(row.State) == Failed,
		Unchanged: State(row.State) == Unchanged, IntervalSeconds: interval(s.Interval, time.Now(), site).Seconds()}), "note the end of build %s", row.ID)
}

const (
	// readRecently is how long after its last reader a site counts as read.
	readRecently = 7 * 24 * time.Hour
	// maxInterval bounds the time between two looks at a site.
	maxInterval = 24 * time.Hour
)

// interval is the time until the next look at a site: it doubles with every week in which nobody reads it.
func interval(base time.Duration, now time.Time, site db.TechdocsSite) time.Duration {
	if site.VersionOf != nil { // it changes seldom, and a push tells of it
		return max(base, maxInterval)
	}
	last := site.CreatedAt
	if site.ReadAt != nil {
		last = *site.ReadAt
	}
	longest := max(base, maxInterval)
	for unread := now.Sub(last); unread > readRecently && base < longest; unread -= readRecently {
		base *= 2
	}
	return min(base, longest)
}

// claimed is a build under the claim of one attempt.
type claimed struct {
	store *Store
	row   db.TechdocsBuild
	claim uuid.UUID
}

// claim begins an attempt to build. Without a build under way it returns nil and where the build is.
func (s *Store) claim(ctx context.Context, id uuid.UUID) (*claimed, Progress, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	claim := uuid.New()
	row, err := s.queries.TechDocsClaimBuild(ctx, s.Pool, &claim, id)
	if err == nil {
		return &claimed{s, row, claim}, Progress{}, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return nil, Progress{}, fmt.Errorf("begin build %s: %w", id, err)
	}
	if row, err = s.queries.TechDocsBuild(ctx, s.Pool, id); errors.Is(err, pgx.ErrNoRows) {
		return nil, Progress{}, unknownBuild(id)
	}
	return nil, progressOf(row), wrap(err, "read build %s", id)
}

// errSuperseded stops an attempt whose build another attempt has claimed, or that has ended.
var errSuperseded = errors.New("another attempt has taken this build over")

// site reads the site of the build.
func (c *claimed) site(ctx context.Context) (db.TechdocsSite, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	site, err := c.store.queries.TechDocsSite(ctx, c.store.Pool, c.row.EntityRef)
	return site, wrap(err, "read the site of %s", c.row.EntityRef)
}

// say adds lines to the log.
func (c *claimed) say(ctx context.Context, lines []string) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	_, err := c.store.queries.TechDocsAddLines(ctx, c.store.Pool, db.TechDocsAddLinesParams{ID: c.row.ID, Claim: &c.claim, Lines: lines, MaxLines: maxLines})
	return wrap(err, "write the log of build %s", c.row.ID)
}

// place notes where the files of the site are.
func (c *claimed) place(ctx context.Context, host, repository, url string) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return wrap(c.store.queries.TechDocsPlaceSite(ctx, c.store.Pool, db.TechDocsPlaceSiteParams{EntityRef: c.row.EntityRef, Host: &host, Repository: &repository,
		Url: &url}), "note where the documentation of %s is", c.row.EntityRef)
}

// holds fails with errSuperseded when the claim does not hold any more.
func (c *claimed) holds(ctx context.Context, tx db.DBTX) error {
	_, err := c.store.queries.TechDocsHoldsClaim(ctx, tx, c.row.ID, &c.claim)
	if errors.Is(err, pgx.ErrNoRows) {
		return errSuperseded
	}
	return wrap(err, "read the claim of build %s", c.row.ID)
}

// save writes what the attempt has found; published is what the published site was made from, nil when nothing was published.
func (c *claimed) save(ctx context.Context, published *db.TechDocsPublishedParams) error {
	return c.store.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := c.holds(ctx, tx); err != nil {
			return err
		}
		row := c.row
		if _, err := c.store.queries.TechDocsProgress(ctx, tx, db.TechDocsProgressParams{ID: row.ID, Claim: &c.claim, Source: row.Source, Etag: row.Etag,
			Engine: row.Engine, Pages: row.Pages, Files: row.Files, FetchSeconds: row.FetchSeconds, RenderSeconds: row.RenderSeconds,
			PublishSeconds: row.PublishSeconds, Problems: row.Problems}); err != nil {
			return fmt.Errorf("note the progress of build %s: %w", row.ID, err)
		}
		if published == nil {
			return nil
		}
		return wrap(c.store.queries.TechDocsPublished(ctx, tx, *published), "note that %s was published", row.EntityRef)
	})
}

// progress is the build as the attempt has left it.
func (c *claimed) progress() Progress { return progressOf(c.row) }

// RequestPushed asks for builds of the sites whose files a push touches, within the transaction of the event, and returns them.
func (s *Store) RequestPushed(ctx context.Context, tx pgx.Tx, event hostevents.Event) ([]string, error) {
	host, known := s.Hosts.ByHost(event.Host)
	repositories := event.Repositories()
	if !known || len(repositories) == 0 {
		return nil, nil
	}
	rows, err := s.queries.TechDocsSitesInRepositories(ctx, tx, repositories)
	if err != nil {
		return nil, fmt.Errorf("find the documentation in repositories: %w", err)
	}
	if event.Kind == hostevents.Proposed && event.Pull != nil {
		return s.requestPreviews(ctx, tx, rows, *event.Pull)
	}
	var sites []string
	for _, row := range rows {
		if row.Url == nil || !touches(host, event, row) {
			continue
		}
		if _, err := s.ask(ctx, tx, row.EntityRef, request{cause: ByPush, askedBy: fmt.Sprintf("%s %s", event.Kind, repositories[0])}); err != nil {
			return nil, err
		}
		sites = append(sites, row.EntityRef)
	}
	return sites, nil
}

// touches reports whether an event may have changed something below the folder of a site, or which versions it has.
func touches(host integration.Host, event hostevents.Event, site db.TechDocsSitesInRepositoriesRow) bool {
	place, err := integration.PlaceOf(host, *site.Url)
	if err != nil {
		return false
	}
	if site.Version != nil {
		place.Ref, place.RefIsWhole = *site.Version, true
	} else if event.Kind == hostevents.Pushed && event.AllPaths && wantsVersion(textOf(site.VersionsWanted), event.Ref) {
		return true // a branch or tag may be new, or gone
	}
	if place.Path != "" {
		place.Path += "/**"
	}
	return event.Touches(place)
}

// Wake starts the workflows of sites. One that cannot be started now is started by WakeUnbegun.
func (s *Store) Wake(ctx context.Context, cause Cause, sites ...string) error {
	for _, site := range sites {
		if err := s.Engine.Wake(ctx, site, cause); err != nil {
			return err
		}
	}
	return nil
}

// WakePushed starts the builds that a push asked for.
func (s *Store) WakePushed(ctx context.Context, sites []string) error {
	return s.Wake(ctx, ByPush, sites...)
}

// WakeUnbegun starts the workflows of builds that were asked for some time ago, or do not end: a process died, or Temporal lost them.
func (s *Store) WakeUnbegun(ctx context.Context) error {
	now := time.Now()
	sites, err := s.queries.TechDocsUnbegun(ctx, s.Pool, now.Add(-unbegunAfter), now.Add(-lostAfter), maxWoken)
	if err != nil {
		return fmt.Errorf("find builds of documentation that have not begun: %w", err)
	}
	return s.Wake(ctx, BySchedule, sites...)
}

// Limits bound what a look for news asks for.
type Limits struct {
	// PerHost is how many sites of a host are looked at in one round.
	PerHost int
	// Waiting is how many builds may wait: with more of them, no more are asked for.
	Waiting int
}

// Discover makes the sites of the record those of the catalog.
func (s *Store) Discover(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if _, err := s.queries.TechDocsDiscoverSites(ctx, s.Pool); err != nil {
		return fmt.Errorf("find entities with documentation: %w", err)
	}
	if _, err := s.queries.TechDocsNoteAnnotations(ctx, s.Pool); err != nil {
		return fmt.Errorf("find documentation that has moved: %w", err)
	}
	if _, err := s.queries.TechDocsNoteWishes(ctx, s.Pool); err != nil {
		return fmt.Errorf("find documentation with other versions: %w", err)
	}
	_, err := s.queries.TechDocsMarkGoneSites(ctx, s.Pool)
	return wrap(err, "find documentation without an entity")
}

// RequestDue asks for builds of sites that have not been looked at for long.
func (s *Store) RequestDue(ctx context.Context, limits Limits) error {
	waiting, err := s.queries.TechDocsWaiting(ctx, s.Pool)
	if err != nil {
		return fmt.Errorf("count the builds of documentation that wait: %w", err)
	}
	room := limits.Waiting - int(waiting)
	if room <= 0 {
		return nil
	}
	var sites []string
	err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if sites, err = s.queries.TechDocsTakeDueSites(ctx, tx, int32(limits.PerHost), int32(room)); err != nil {
			return fmt.Errorf("find documentation to look at: %w", err)
		}
		for _, site := range sites {
			if _, err := s.ask(ctx, tx, site, request{cause: BySchedule}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.Wake(ctx, BySchedule, sites...)
}

// Gone are sites whose entities are gone since a time, some at once.
func (s *Store) Gone(ctx context.Context, before time.Time) ([]string, error) {
	sites, err := s.queries.TechDocsGoneSites(ctx, s.Pool, before, maxWoken)
	return sites, wrap(err, "find documentation without an entity")
}

// deleted bounds the builds that are deleted at once.
const deleted = 1000

// DeleteBefore deletes builds that ended before a time with their logs, except for the latest of each site, and reports whether there may
// be more.
func (s *Store) DeleteBefore(ctx context.Context, before time.Time) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	count, err := s.queries.TechDocsDeleteOldBuilds(ctx, s.Pool, before, deleted)
	return count == deleted, wrap(err, "delete old builds of documentation")
}

// progressOf is a build for its workflow.
func progressOf(row db.TechdocsBuild) Progress {
	return Progress{ID: row.ID, State: State(row.State), Cause: Cause(row.Cause), Source: row.Source, ETag: row.Etag, Engine: row.Engine,
		Pages: int(row.Pages), Problems: len(problemsOf(row.Problems)), Failure: failureOf(row.Failure)}
}

func problemsOf(encoded []byte) []techdocs.Problem {
	var problems []techdocs.Problem
	if json.Unmarshal(encoded, &problems) != nil {
		return nil // they were encoded by a later release
	}
	return problems
}

// encodeProblems bounds problems and encodes them.
func encodeProblems(problems []techdocs.Problem) ([]byte, error) {
	bounded := slices.Clone(problems[:min(len(problems), techdocs.MaxProblems)])
	for i, problem := range bounded {
		bounded[i].Message = cutText(problem.Message, maxMessage)
		bounded[i].File = cutText(problem.File, maxMessage)
	}
	if bounded == nil {
		bounded = []techdocs.Problem{}
	}
	encoded, err := json.Marshal(bounded)
	return encoded, wrap(err, "encode the problems of a build")
}

func cutText(text string, size int) string { return (&fault.Failure{Message: text}).Cut(size).Message }

// failureOf decodes a stored failure, nil for none.
func failureOf(encoded []byte) *fault.Failure {
	var failure fault.Failure
	if len(encoded) == 0 || json.Unmarshal(encoded, &failure) != nil {
		return nil
	}
	return &failure
}

func unknownBuild(id uuid.UUID) error {
	return fault.New(fault.NotFound, "There is no build of documentation '%s'", id)
}

// wrap adds what was done to an error, nil for nil.
func wrap(err error, what string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(what, args...), err)
}
