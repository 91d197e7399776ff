package build_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/build"
)

const site = "component:default/shop"

var (
	shop   = entity.Ref{Kind: "component", Namespace: "default", Name: "shop"}
	writer = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}
)

// told is an engine that notes whom it is told to wake.
type told struct {
	mu    sync.Mutex
	sites []string
	err   error
}

func (e *told) Wake(_ context.Context, site string, _ build.Cause) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sites = append(e.sites, site)
	return e.err
}

// entities is a catalog of a few entities; hidden ones may not be read.
type entities struct {
	mu     sync.Mutex
	by     map[string]entity.Entity
	at     map[string]provenance.Place
	hidden map[string]bool
}

func (c *entities) put(e entity.Entity, at provenance.Place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by[e.Ref().String()], c.at[e.Ref().String()] = e, at
}

func (c *entities) EntityByRef(_ context.Context, principal identity.Principal, ref entity.Ref) (entity.Entity, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, there := c.by[ref.String()]
	if !there || c.hidden[ref.String()] && principal.Kind == identity.KindUser {
		return nil, fault.New(fault.NotFound, "No entity named '%s' found", ref.Name)
	}
	return e, nil
}

func (c *entities) LocatedEntity(ctx context.Context, principal identity.Principal, ref entity.Ref) (json.RawMessage, provenance.Place, error) {
	e, err := c.EntityByRef(ctx, principal, ref)
	if err != nil {
		return nil, provenance.Place{}, err
	}
	document, err := json.Marshal(e)
	return document, c.at[ref.String()], err
}

func (c *entities) EntitiesByRefs(ctx context.Context, principal identity.Principal, refs []string, _ query.Filter, _ query.Fields) ([]json.RawMessage, error) {
	documents := make([]json.RawMessage, len(refs))
	for i, ref := range refs {
		parsed, err := entity.ParseRef(ref, entity.Ref{})
		if err != nil {
			return nil, err
		}
		if document, _, err := c.LocatedEntity(ctx, principal, parsed); err == nil {
			documents[i] = document
		}
	}
	return documents, nil
}

func (c *entities) MayRefresh(_ context.Context, principal identity.Principal, ref entity.Ref) error {
	if principal.Subject != writer.Subject {
		return fault.New(fault.NotAllowed, "%s may not refresh %s", principal.Subject, ref)
	}
	return nil
}

// generator copies Markdown files as pages. A file that says "broken" is the author's mistake in its third line.
type generator struct {
	mu     sync.Mutex
	builds int
	// during happens while a site is made.
	during func()
	err    error
	// whole adds the metadata, as the store wants them.
	whole bool
}

func (g *generator) Generate(_ context.Context, source, output string, options techdocs.Options) (techdocs.Report, error) {
	g.mu.Lock()
	g.builds++
	during, err := g.during, g.err
	g.mu.Unlock()
	if during != nil {
		during()
	}
	if err != nil {
		return techdocs.Report{}, err
	}
	options.Log("rendering for " + options.SiteName + " from " + options.EditURI)
	report := techdocs.Report{Engine: "test"}
	pages, err := filepath.Glob(filepath.Join(source, "docs", "*.md"))
	if err != nil {
		return report, err
	}
	var sections []techdocs.Section
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			return report, err
		}
		name := filepath.Base(page)
		if strings.Contains(string(text), "broken") {
			report.Problems = append(report.Problems, techdocs.Problem{Severity: "error", File: "docs/" + name, Line: 3, Message: "this page is broken"})
			return report, fault.New(fault.Input, "The site has 1 error")
		}
		if err := os.WriteFile(filepath.Join(output, strings.TrimSuffix(name, ".md")+".html"), text, 0o600); err != nil {
			return report, err
		}
		sections = append(sections, techdocs.Section{Title: name, Text: string(text), Location: name})
		report.Pages++
	}
	index, err := json.Marshal(map[string]any{"docs": sections})
	if err != nil {
		return report, err
	}
	report.Files = report.Pages + 1
	if g.whole {
		metadata := fmt.Sprintf(`{"site_name":%q,"etag":%q}`, options.SiteName, options.ETag)
		if err := os.WriteFile(filepath.Join(output, "techdocs_metadata.json"), []byte(metadata), 0o600); err != nil {
			return report, err
		}
	}
	return report, errors.Join(os.Mkdir(filepath.Join(output, "search"), 0o700), os.WriteFile(filepath.Join(output, "search", "search_index.json"), index, 0o600))
}

func (g *generator) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.builds
}

// sites are folders.
type sites struct{ directory string }

func (s sites) folder(ref techdocs.Ref) string { return filepath.Join(s.directory, ref.Path()) }

func (s sites) Publish(_ context.Context, ref techdocs.Ref, folder string) error {
	return errors.Join(os.RemoveAll(s.folder(ref)), os.CopyFS(s.folder(ref), os.DirFS(folder)))
}

func (s sites) Exists(_ context.Context, ref techdocs.Ref) (bool, error) {
	_, err := os.Stat(s.folder(ref))
	return err == nil, nil
}

func (s sites) SearchIndex(_ context.Context, ref techdocs.Ref) ([]techdocs.Section, error) {
	file, err := os.Open(filepath.Join(s.folder(ref), "search", "search_index.json"))
	if err != nil {
		return nil, err
	}
	sections, err := techdocs.ReadSections(file)
	return sections, errors.Join(err, file.Close())
}

func (s sites) Delete(_ context.Context, ref techdocs.Ref) error { return os.RemoveAll(s.folder(ref)) }

func (s sites) DeleteVersions(context.Context, techdocs.Ref) error { return nil }

func (s sites) Collect(context.Context, techdocs.Ref) (int, error) { return 0, nil }

// refOf is a version of the shop.
func refOf(version string) techdocs.Ref {
	return techdocs.Ref{Namespace: "default", Kind: "component", Name: "shop", Version: version}
}

// listsNothing is a host whose credential may not list refs.
type listsNothing struct{ *integration.Set }

func (listsNothing) RefsOf(context.Context, string, []string) (refs []string, current string, err error) {
	return nil, "", fault.New(fault.Unavailable, "the host does not list the branch main")
}

// index keeps the sections of sites.
type index struct{ sections map[string][]techdocs.Section }

func (i index) Replace(_ context.Context, _ pgx.Tx, site string, sections []techdocs.Section) error {
	i.sections[site] = sections
	return nil
}

// field is a database with everything around it.
type field struct {
	*testing.T
	pool     *pgxpool.Pool
	engine   *told
	entities *entities
	hosts    *integration.Set
	renders  *generator
	sites    sites
	index    index
	store    *build.Store
	builder  *build.Builder
	service  *build.Service
	// directory has the sources of local entities.
	directory string
	runs      int
}

func newField(t *testing.T, hosts ...github.Config) *field {
	t.Helper()
	set, err := forges.New(forges.Config{GitHub: hosts}, integration.Options{})
	require.NoError(t, err)
	f := &field{T: t, pool: testkit.Database(t), engine: &told{}, hosts: set, renders: &generator{}, sites: sites{t.TempDir()},
		index: index{map[string][]techdocs.Section{}}, directory: t.TempDir(),
		entities: &entities{by: map[string]entity.Entity{}, at: map[string]provenance.Place{}, hidden: map[string]bool{}}}
	files, err := integration.NewFiles([]string{f.directory}, integration.Limits{})
	require.NoError(t, err)
	quiet := slog.New(slog.DiscardHandler)
	f.store = build.NewStore(build.StoreOptions{Pool: f.pool, Engine: f.engine, Hosts: set, Interval: 30 * time.Minute})
	f.builder = build.NewBuilder(build.BuilderOptions{Log: quiet, Store: f.store, Entities: f.entities, Hosts: set, Folders: files, Trees: set,
		Generator: f.renders, Maker: "test 1", Sites: f.sites, Index: f.index, Directory: filepath.Join(t.TempDir(), "builds"), Bounds: build.Bounds{Bytes: 1_000_000, Files: 50}})
	f.service = build.NewService(build.ServiceOptions{Store: f.store, Catalog: f.entities, Log: quiet})
	return f
}

// local makes the shop an entity with local documentation.
func (f *field) local(files map[string]string) {
	f.Helper()
	f.write(files)
	f.entities.put(withDocs("dir:."), provenance.At(provenance.File, filepath.Join(f.directory, "catalog-info.yaml")))
}

func withDocs(annotation string) entity.Entity {
	return entity.Entity{"apiVersion": "backstage.io/v1alpha1", "kind": "Component",
		"metadata": map[string]any{"name": "shop", "title": "Shop", "annotations": map[string]any{build.AnnotationRef: annotation}}}
}

func (f *field) write(files map[string]string) {
	f.Helper()
	for name, text := range files {
		path := filepath.Join(f.directory, name)
		require.NoError(f, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(f, os.WriteFile(path, []byte(text), 0o600))
	}
}

// forge makes the shop an entity with documentation in a repository, and returns that.
func forge(t *testing.T) (*field, *forgetest.Server) {
	t.Helper()
	server := forgetest.Start(t)
	f := newField(t, github.Config{Host: server.Host, APIBaseURL: server.APIBaseURL, Token: server.Token()})
	_, _, err := server.Client(t).Repositories.Create(t.Context(), "demo", &gogithub.Repository{Name: new("shop")})
	require.NoError(t, err)
	server.Push(t, "demo/shop", "main", false, map[string]string{"catalog-info.yaml": "x", "docs/index.md": "# One", "other/x.txt": "x"})
	f.entities.put(withDocs("dir:."), provenance.At(provenance.URL, server.URL+"/demo/shop/blob/main/catalog-info.yaml"))
	return f, server
}

// start asks for a build.
func (f *field) start() build.Build {
	f.Helper()
	asked, err := f.service.Start(f.Context(), writer, shop, false)
	require.NoError(f, err)
	return asked
}

// run carries the build out that was asked for, as the workflow does, and returns how it ended.
func (f *field) run() build.Build {
	f.Helper()
	f.runs++
	begun, err := f.store.Begin(f.Context(), build.BeginRequest{Site: site, WorkflowID: build.WorkflowID(site), RunID: fmt.Sprint(f.runs)})
	require.NoError(f, err)
	require.NotEqual(f, uuid.Nil, begun.ID, "somebody should have asked for a build")
	return f.finish(begun)
}

func (f *field) finish(begun build.Progress) build.Build {
	f.Helper()
	return f.finishSite(begun, site)
}

func (f *field) finishSite(begun build.Progress, site string) build.Build {
	f.Helper()
	request := build.Request{ID: begun.ID, Site: site}
	end := build.EndRequest{ID: begun.ID, State: build.Unchanged}
	made, err := f.builder.Build(f.Context(), request)
	if err == nil && made.Built {
		end.State = build.Published
		_, err = f.builder.IndexSite(f.Context(), request)
	}
	if err != nil {
		name := string(fault.KindOf(err))
		if name == "" {
			name = "Error"
		}
		end.State, end.Failure = build.Failed, &fault.Failure{Name: name, Message: err.Error()}
	}
	_, err = f.store.End(f.Context(), end)
	require.NoError(f, err)
	return f.build(begun.ID)
}

func (f *field) build(id uuid.UUID) build.Build {
	f.Helper()
	found, _, err := f.service.Build(f.Context(), writer, id, 0)
	require.NoError(f, err)
	return found
}

// page is a page of the shop's site, "" without one.
func (f *field) page(name string) string {
	f.Helper()
	text, err := os.ReadFile(filepath.Join(f.sites.directory, "default/component/shop", name))
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	require.NoError(f, err)
	return string(text)
}

// due makes every site due.
func (f *field) due() {
	f.Helper()
	_, err := f.pool.Exec(f.Context(), "update techdocs_sites set next_check_at = now()")
	require.NoError(f, err)
}

// exec changes the record.
func (f *field) exec(statement string, arguments ...any) {
	f.Helper()
	_, err := f.pool.Exec(f.Context(), statement, arguments...)
	require.NoError(f, err)
}
