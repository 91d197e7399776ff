package build

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/techdocs"
)

// Catalog decides who may see and refresh entities. *catalog.Service implements it.
type Catalog interface {
	EntityByRef(ctx context.Context, principal identity.Principal, ref entity.Ref) (entity.Entity, error)
	EntitiesByRefs(ctx context.Context, principal identity.Principal, refs []string, filter query.Filter, fields query.Fields) ([]json.RawMessage, error)
	MayRefresh(ctx context.Context, principal identity.Principal, ref entity.Ref) error
}

// ServiceOptions are the dependencies of a Service.
type ServiceOptions struct {
	Store   *Store
	Catalog Catalog
	Log     *slog.Logger
	// External says that sites are built elsewhere: nothing is built here.
	External bool
}

// Service runs people's commands and queries about documentation and its builds. Whoever may read an entity sees the builds of its
// documentation, and whoever may refresh it may build. It is safe for concurrent use.
type Service struct {
	ServiceOptions
	queries  *db.Queries
	readers  readers
	followed followed
}

var _ techdocs.Syncer = (*Service)(nil)

// NewService makes a Service.
func NewService(options ServiceOptions) *Service {
	return &Service{ServiceOptions: options, queries: db.New()}
}

// Site is the documentation of an entity.
type Site struct {
	// Entity is the reference of the entity.
	Entity string
	// ETag is the commit, or the digest of local files, that was looked at last.
	ETag   string
	Engine string
	Pages  int
	Files  int
	// PublishedAt is when the site was published last, zero while there is none.
	PublishedAt time.Time
	// Failed says that the last build failed, so that what is shown may be old.
	Failed bool
	// CheckedAt is the end of the last build, and NextCheckAt when the sources are looked at again.
	CheckedAt, NextCheckAt time.Time
	// ReadAt is when somebody read the site last, to the hour.
	ReadAt time.Time
	// Version is the branch or tag, or the name of a preview, "" for the current documentation.
	Version string
	// Ref is the branch, tag or commit that the site is of, "" when it is not known.
	Ref string
	// PullRequest is the pull request of a preview with its page, 0 for others.
	PullRequest    int
	PullRequestURL string
}

// Build is a build of documentation.
type Build struct {
	ID     uuid.UUID
	Entity string
	State  State
	Cause  Cause
	// AskedBy is the person or the event that asked, "" for the schedule.
	AskedBy string
	// Requests is how many requests the build answers.
	Requests int
	// AskedAt is when it was asked for. The other times are zero before they come.
	AskedAt, StartedAt, EndedAt time.Time
	// Source is where the files are from.
	Source, ETag, Engine             string
	Pages, Files                     int
	Fetch, Render, Publish, Indexing time.Duration
	Problems                         []techdocs.Problem
	Failure                          *fault.Failure
	// WorkflowID is the id of its workflow in Temporal, "" before it has begun.
	WorkflowID string
}

// Line is a line of a build's log.
type Line struct {
	Number int
	At     time.Time
	Text   string
}

const (
	// maxBuilds bounds the builds that are listed for a site.
	maxBuilds = 20
	// MaxSites bounds the sites that are listed at once, and sitesRead those that are read at once to find them.
	MaxSites  = 200
	sitesRead = 1000
)

// Builds returns the site of an entity with its builds, the latest first. The name of the reference may have a version: shop@v1.2. The site
// is zero before the first build was asked for.
func (s *Service) Builds(ctx context.Context, principal identity.Principal, named entity.Ref) (Site, []Build, error) {
	ref, site, splitting := splitRef(named)
	if _, err := s.Catalog.EntityByRef(ctx, principal, ref); err != nil || splitting != nil {
		return Site{}, nil, cmp.Or(err, splitting)
	}
	row, err := s.queries.TechDocsSite(ctx, s.Store.Pool, site)
	if errors.Is(err, pgx.ErrNoRows) {
		if site != siteOf(ref) {
			return Site{}, nil, fault.New(fault.NotFound, "There is no such version of the documentation of %s", ref)
		}
		return Site{Entity: site}, nil, nil
	}
	if err != nil {
		return Site{}, nil, fmt.Errorf("read the site of %s: %w", ref, err)
	}
	rows, err := s.queries.TechDocsBuildsOfEntity(ctx, s.Store.Pool, site, maxBuilds)
	if err != nil {
		return Site{}, nil, fmt.Errorf("list the builds of %s: %w", ref, err)
	}
	builds := make([]Build, len(rows))
	for i, each := range rows {
		builds[i] = buildOf(each)
	}
	return shownSite(row), builds, nil
}

// Versions returns the versions of the documentation of an entity, besides the current one: branches and tags, the newest first, and then
// previews, the latest first.
func (s *Service) Versions(ctx context.Context, principal identity.Principal, named entity.Ref) ([]Site, error) {
	ref, _, splitting := splitRef(named)
	if _, err := s.Catalog.EntityByRef(ctx, principal, ref); err != nil || splitting != nil {
		return nil, cmp.Or(err, splitting)
	}
	rows, err := s.queries.TechDocsVersions(ctx, s.Store.Pool, siteOf(ref), maxListed)
	if err != nil {
		return nil, fmt.Errorf("list the versions of %s: %w", ref, err)
	}
	versions := make([]Site, len(rows))
	for i, row := range rows {
		versions[i] = shownSite(row)
	}
	slices.SortFunc(versions, func(a, b Site) int {
		return cmp.Or(boolCompare(a.PullRequest != 0, b.PullRequest != 0), -compareVersions(a.Version, b.Version))
	})
	return versions, nil
}

// Build returns a build with the lines of its log after a number.
func (s *Service) Build(ctx context.Context, principal identity.Principal, id uuid.UUID, after int) (Build, []Line, error) {
	row, err := s.queries.TechDocsBuild(ctx, s.Store.Pool, id)
	if errors.Is(err, pgx.ErrNoRows) {
		// The decider is asked all the same, so that nobody learns without it which builds there are.
		_, err := s.Catalog.EntitiesByRefs(ctx, principal, nil, nil, query.Fields{})
		return Build{}, nil, errors.Join(err, unknownBuild(id))
	}
	if err != nil {
		return Build{}, nil, fmt.Errorf("read build %s: %w", id, err)
	}
	of, err := refOf(row.EntityRef)
	if err != nil {
		return Build{}, nil, unknownBuild(id)
	}
	ref := entity.Ref{Kind: of.Kind, Namespace: of.Namespace, Name: of.Name}
	if _, err := s.Catalog.EntityByRef(ctx, principal, ref); err != nil {
		if fault.KindOf(err) == fault.NotFound {
			err = unknownBuild(id)
		}
		return Build{}, nil, err
	}
	lines, err := s.lines(ctx, id, after)
	return buildOf(row), lines, err
}

func (s *Service) lines(ctx context.Context, id uuid.UUID, after int) ([]Line, error) {
	rows, err := s.queries.TechDocsLines(ctx, s.Store.Pool, id, int32(after), maxLines)
	if err != nil {
		return nil, fmt.Errorf("read the log of build %s: %w", id, err)
	}
	lines := make([]Line, len(rows))
	for i, row := range rows {
		lines[i] = Line{Number: int(row.Number), At: row.At, Text: row.Line}
	}
	return lines, nil
}

// Sites lists sites by reference that the principal may see, after one of them, and where the next page begins, "" at the end. With
// failedOnly it lists those whose last build failed. The next page begins after a site of this one, so that it names none that is hidden.
func (s *Service) Sites(ctx context.Context, principal identity.Principal, after string, failedOnly bool) (sites []Site, next string, err error) {
	for {
		rows, err := s.queries.TechDocsSitesByRef(ctx, s.Store.Pool, after, failedOnly, sitesRead)
		if err != nil {
			return nil, "", fmt.Errorf("list the sites of documentation: %w", err)
		}
		readable, err := s.readable(ctx, principal, rows)
		if err != nil {
			return nil, "", err
		}
		for _, row := range readable {
			if len(sites) == MaxSites {
				return sites, sites[MaxSites-1].Entity, nil
			}
			sites = append(sites, shownSite(row))
		}
		if len(rows) < sitesRead {
			return sites, "", nil
		}
		after = rows[len(rows)-1].EntityRef
	}
}

// readable are the sites of entities that the principal may read.
func (s *Service) readable(ctx context.Context, principal identity.Principal, rows []db.TechdocsSite) ([]db.TechdocsSite, error) {
	refs := make([]string, len(rows))
	for i, row := range rows {
		refs[i] = row.EntityRef
	}
	entities, err := s.Catalog.EntitiesByRefs(ctx, principal, refs, nil, query.Fields{})
	if err != nil {
		return nil, err
	}
	var readable []db.TechdocsSite
	for i, row := range rows {
		if entities[i] != nil {
			readable = append(readable, row)
		}
	}
	return readable, nil
}

// Start asks for a build now; with force, also if nothing has changed. A build that waits already is the answer to both requests, and one
// under way is followed by another.
func (s *Service) Start(ctx context.Context, principal identity.Principal, named entity.Ref, force bool) (Build, error) {
	ref, site, splitting := splitRef(named)
	if err := s.Catalog.MayRefresh(ctx, principal, ref); err != nil || splitting != nil {
		return Build{}, cmp.Or(err, splitting)
	}
	if err := s.buildable(ctx, principal, ref); err != nil {
		return Build{}, err
	}
	var row db.TechdocsBuild
	err := s.Store.transact(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if site != siteOf(ref) {
			if err := s.isVersion(ctx, tx, site, ref); err != nil {
				return err
			}
		}
		if row, err = s.Store.ask(ctx, tx, site, request{cause: ByPerson, askedBy: principal.Subject, force: force}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, principal.Actor(), audit.DocsBuild, site, audit.Changed("build", nil, row.ID), audit.Changed("force", nil, force))
	})
	if err != nil {
		return Build{}, err
	}
	s.wake(ctx, site, ByPerson)
	return buildOf(row), nil
}

// isVersion refuses what is no version of an entity: nobody makes one by asking for its build.
func (s *Service) isVersion(ctx context.Context, tx db.DBTX, site string, ref entity.Ref) error {
	row, err := s.queries.TechDocsSite(ctx, tx, site)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && row.GoneAt != nil {
		return fault.New(fault.NotFound, "There is no such version of the documentation of %s", ref)
	}
	return wrap(err, "read the version %s", site)
}

// buildable refuses to build what has no documentation of its own, or what is built elsewhere.
func (s *Service) buildable(ctx context.Context, principal identity.Principal, ref entity.Ref) error {
	if s.External {
		return fault.New(fault.Conflict, "Documentation is built by an external process, because techdocs.builder is not local")
	}
	e, err := s.Catalog.EntityByRef(ctx, principal, ref)
	if err != nil {
		return err
	}
	if e.Annotation(AnnotationRef) != "" {
		return nil
	}
	if other := e.Annotation(AnnotationEntity); other != "" {
		return fault.New(fault.Input, "%s shows the documentation of %s: build that", ref, other)
	}
	return fault.New(fault.Input, "No %s annotation provided in entity: %s", AnnotationRef, e.Name())
}

// wake starts the workflow of a site. What could not be started now is started by the workers.
func (s *Service) wake(ctx context.Context, site string, cause Cause) {
	if err := s.Store.Engine.Wake(ctx, site, cause); err != nil {
		s.Log.WarnContext(ctx, "techdocs: a build begins later", "site", site, "error", err)
	}
}

const (
	// readAgain is how long a process does not note another reader of a site.
	readAgain = 10 * time.Minute
	// maxRead bounds the sites of which a process remembers that.
	maxRead = 20_000
	// readTimeout bounds the statement that notes a reader.
	readTimeout = 5 * time.Second
)

// MarkRead notes that somebody reads a site, so that it is looked at more often. It does not wait, and asks no decider: whoever serves the
// site has.
func (s *Service) MarkRead(ctx context.Context, ref techdocs.Ref) {
	site := versionOf(siteOf(entity.Ref{Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name}), ref.Version)
	if !s.readers.isNew(site, time.Now()) {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		if err := s.queries.TechDocsRead(ctx, s.Store.Pool, s.Store.Interval.Seconds(), site); err != nil {
			s.Log.WarnContext(ctx, "techdocs: a reader was not noted", "site", site, "error", err)
		}
	}()
}

// readers remembers which sites were read a moment ago.
type readers struct {
	mu sync.Mutex
	at map[string]time.Time
}

// isNew reports whether nobody has read a site for some time, and remembers that somebody does.
func (r *readers) isNew(site string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, there := r.at[site]; there && now.Sub(last) < readAgain {
		return false
	}
	if r.at == nil || len(r.at) >= maxRead {
		r.at = map[string]time.Time{}
	}
	r.at[site] = now
	return true
}

func shownSite(row db.TechdocsSite) Site {
	return Site{Entity: row.EntityRef, ETag: row.Etag, Engine: row.Engine, Pages: int(row.Pages), Files: int(row.Files), PublishedAt: timeOf(row.PublishedAt),
		Failed: row.Failed, CheckedAt: timeOf(row.CheckedAt), NextCheckAt: row.NextCheckAt, ReadAt: timeOf(row.ReadAt),
		Version: textOf(row.Version), Ref: row.Ref, PullRequest: numberOf(row.PullRequest), PullRequestURL: row.PullRequestUrl}
}

func buildOf(row db.TechdocsBuild) Build {
	return Build{ID: row.ID, Entity: row.EntityRef, State: State(row.State), Cause: Cause(row.Cause), AskedBy: row.AskedBy, Requests: int(row.Requests),
		AskedAt: row.AskedAt, StartedAt: timeOf(row.StartedAt), EndedAt: timeOf(row.EndedAt), Source: row.Source, ETag: row.Etag, Engine: row.Engine,
		Pages: int(row.Pages), Files: int(row.Files), Fetch: seconds(row.FetchSeconds), Render: seconds(row.RenderSeconds),
		Publish: seconds(row.PublishSeconds), Indexing: seconds(row.IndexSeconds), Problems: problemsOf(row.Problems), Failure: failureOf(row.Failure),
		WorkflowID: textOf(row.WorkflowID)}
}

func seconds(number float64) time.Duration { return time.Duration(number * float64(time.Second)) }

func timeOf(stored *time.Time) time.Time {
	if stored == nil {
		return time.Time{}
	}
	return *stored
}

func numberOf(stored *int64) int {
	if stored == nil {
		return 0
	}
	return int(*stored)
}

func textOf(stored *string) string {
	if stored == nil {
		return ""
	}
	return *stored
}
