package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/techdocs"
)

// Entities finds entities with the place that they were read from. *catalog.Service implements it.
type Entities interface {
	LocatedEntity(ctx context.Context, principal identity.Principal, ref entity.Ref) (json.RawMessage, provenance.Place, error)
}

// Sites is where sites are published.
type Sites interface {
	// Publish makes the files of a folder the site.
	Publish(ctx context.Context, ref techdocs.Ref, folder string) error
	// Exists reports whether there is a whole site.
	Exists(ctx context.Context, ref techdocs.Ref) (bool, error)
	// SearchIndex reads search/search_index.json; a site without one is a fault of kind NotFound.
	SearchIndex(ctx context.Context, ref techdocs.Ref) ([]techdocs.Section, error)
	// Delete deletes a site, or a version of one. What is not there is deleted.
	Delete(ctx context.Context, ref techdocs.Ref) error
	// DeleteVersions deletes all versions of a site.
	DeleteVersions(ctx context.Context, ref techdocs.Ref) error
	// Collect deletes what no version of a site needs any more, and counts it.
	Collect(ctx context.Context, ref techdocs.Ref) (int, error)
}

// PartlySites are Sites to which only the files of a site need be brought that have changed.
type PartlySites interface {
	// Digests are those of the files of a site as they are published, as far as they are known.
	Digests(ctx context.Context, ref techdocs.Ref) (map[string]techdocs.Digest, error)
	// PublishRest makes a folder the site, with files that are not in it because they are published. When they are not any more, it changes
	// nothing, and returns techdocs.ErrNotKept.
	PublishRest(ctx context.Context, ref techdocs.Ref, folder string, kept map[string]techdocs.Digest) error
}

// Index is where the sections of sites are searched.
type Index interface {
	// Replace makes the sections those of a site, none for a site that is gone, in the caller's transaction.
	Replace(ctx context.Context, tx pgx.Tx, site string, sections []techdocs.Section) error
}

// BuilderOptions are the dependencies of a Builder. Every field is required unless it says otherwise.
type BuilderOptions struct {
	Log      *slog.Logger
	Store    *Store
	Entities Entities
	Hosts    interface {
		Hosts
		Trees
		ResolveURL(base, ref string) (string, error)
		EditURL(rawURL string) (string, bool)
		RefsOf(ctx context.Context, url string, prefixes []string) (refs []string, current string, err error)
	}
	Folders Folders
	Trees   Trees
	// Generator renders, and Maker names it with its version and settings: a site of another maker is made anew.
	Generator techdocs.Generator
	Maker     string
	Sites     Sites
	// Index is nil when nothing is searched.
	Index Index
	// Directory is where builds have their folders.
	Directory string
	Bounds    Bounds
	// CopyReadme is techdocs.generator.mkdocs.legacyCopyReadmeMdToIndexMd.
	CopyReadme bool
	// MaxVersions bounds the versions of a site, besides previews. Zero: there are none.
	MaxVersions int
	// PortalURL is the address of the portal, for links to previews; "" without one.
	PortalURL string
	// Untrusted renders previews, whose authors may be strangers. Nil: Generator does.
	Untrusted techdocs.Generator
}

// Builder builds sites, for workers. It is safe for concurrent use.
type Builder struct{ BuilderOptions }

// NewBuilder makes a Builder.
func NewBuilder(options BuilderOptions) *Builder { return &Builder{options} }

// principal reads the entity whose documentation is built.
var principal = identity.System("techdocs")

// Build fetches, renders and publishes. A build that has ended, or that another attempt has taken over, is left alone. The site stays as it
// was when there is an error: a fault says what the author did wrong; other errors are worth another attempt.
func (b *Builder) Build(ctx context.Context, request Request) (progress Progress, err error) {
	attempt, progress, err := b.Store.claim(ctx, request.ID)
	if err != nil || attempt == nil {
		return progress, err
	}
	if attempt.row.PublishSeconds > 0 { // an attempt before has published, and died before its workflow heard of it
		b.announce(ctx, attempt, nil)
		progress = attempt.progress()
		progress.Built = true
		return progress, nil
	}
	journal := openJournal(ctx, b.Log, attempt.say)
	defer journal.close(ctx)
	made := making{Builder: b, claimed: attempt, say: journal.say}
	if err := made.open(); err != nil {
		return Progress{}, err
	}
	defer made.close()
	err = made.all(ctx)
	if !errors.Is(err, errSuperseded) {
		made.followVersions(ctx)
		b.announce(ctx, attempt, err)
	}
	switch {
	case errors.Is(err, integration.ErrNotModified):
		journal.say("Nothing has changed since the site was built.")
		return attempt.progress(), attempt.save(ctx, nil)
	case err != nil && !errors.Is(err, errSuperseded) && ctx.Err() == nil:
		journal.say("Failed: " + err.Error())
		return Progress{}, errors.Join(err, attempt.save(ctx, nil))
	case err != nil:
		return Progress{}, err
	}
	progress = attempt.progress()
	progress.Built = true
	return progress, nil
}

// making is one attempt to build a site.
type making struct {
	*Builder
	*claimed

	say func(line string)
	// directory has the sources and the site.
	directory string
	ref       techdocs.Ref
	// entity and source are known when the entity was read. The source of a version has a ref.
	entity entity.Entity
	source Source
	// kept are files of the site that were not made, because they are published, and whole makes all of them.
	kept  map[string]techdocs.Digest
	whole func(ctx context.Context) error
}

func (m *making) sources() string { return filepath.Join(m.directory, "sources") }
func (m *making) output() string  { return filepath.Join(m.directory, "site") }

func (m *making) open() (err error) {
	if err := os.MkdirAll(m.Directory, 0o700); err != nil {
		return fmt.Errorf("make the folder of builds: %w", err)
	}
	removeAbandoned(m.Directory, time.Now().Add(-abandonedAfter))
	if m.directory, err = os.MkdirTemp(m.Directory, directoryPrefix); err != nil {
		return fmt.Errorf("make the folder of a build: %w", err)
	}
	for _, each := range []string{m.sources(), m.output()} {
		if err := os.Mkdir(each, 0o700); err != nil {
			m.close()
			return fmt.Errorf("make the folder of a build: %w", err)
		}
	}
	return nil
}

func (m *making) close() {
	if err := os.RemoveAll(m.directory); err != nil {
		m.Log.Warn("techdocs: the folder of a build was not removed", "error", err)
	}
}

// all does everything, or returns integration.ErrNotModified.
func (m *making) all(ctx context.Context) error {
	var err error
	if m.ref, err = refOf(m.row.EntityRef); err != nil {
		return err
	}
	site, err := m.site(ctx)
	if err != nil {
		return err
	}
	source, err := m.locate(ctx, site)
	if err != nil {
		return err
	}
	m.row.Source = source.String()
	if err := m.note(ctx, source); err != nil {
		return err
	}
	found, err := m.fetchNews(ctx, site, source)
	if m.ref.Version != "" && fault.KindOf(err) == fault.NotFound {
		return m.lostVersion(ctx, source, err)
	}
	if err != nil {
		return err
	}
	report, err := m.generate(ctx, source, found)
	if err != nil {
		return err
	}
	return m.publish(ctx, found, report)
}

// locate reads the entity, and finds where its documentation is.
func (m *making) locate(ctx context.Context, site db.TechdocsSite) (Source, error) {
	named := entity.Ref{Kind: m.ref.Kind, Namespace: m.ref.Namespace, Name: m.ref.Name}
	document, at, err := m.Entities.LocatedEntity(ctx, principal, named)
	if err != nil {
		return Source{}, err
	}
	if err := json.Unmarshal(document, &m.entity); err != nil {
		return Source{}, fmt.Errorf("decode entity %s: %w", named, err)
	}
	source, err := Locate(m.entity, at, m.Hosts.ResolveURL)
	if err != nil {
		return Source{}, err
	}
	if source.Ref = site.Ref; m.ref.Version == "" {
		source.Ref = ""
	} else if source.Kind != KindURL {
		return Source{}, noVersions(source)
	}
	m.source = source
	return source, nil
}

// note notes where the sources are, so that a push finds the site.
func (m *making) note(ctx context.Context, source Source) error {
	if source.Kind != KindURL {
		return m.place(ctx, "", "", "")
	}
	parsed, err := url.Parse(source.Target)
	if err != nil {
		return fault.Wrap(fault.Input, err, "%s is no URL", source.Target)
	}
	host, known := m.Hosts.ByHost(parsed.Host)
	if !known {
		return m.place(ctx, parsed.Host, "", source.Target)
	}
	at, err := integration.PlaceOf(host, source.Target)
	if err != nil {
		return fault.Wrap(fault.Input, err, "%s names no folder: %s", source.Target, err)
	}
	return m.place(ctx, parsed.Host, integration.RepositoryKey(parsed.Host, at.Repository), source.Target)
}

// fetchNews fetches the sources, or returns integration.ErrNotModified when the site was made from them.
func (m *making) fetchNews(ctx context.Context, site db.TechdocsSite, source Source) (fetched, error) {
	current, err := m.isCurrent(ctx, site)
	if err != nil {
		return fetched{}, err
	}
	known := ""
	if current && (source.Kind != KindURL || textOf(site.Url) == source.Target) {
		known = site.Etag
	}
	m.say("Step 1 of 3: fetching " + source.String())
	began := time.Now()
	found, err := m.fetch(ctx, source, m.sources(), known)
	m.row.FetchSeconds = time.Since(began).Seconds()
	if errors.Is(err, integration.ErrNotModified) {
		m.row.Etag = site.Etag
		return found, err
	}
	if err != nil {
		return found, err
	}
	m.row.Etag = found.etag
	m.say(fmt.Sprintf("%d files, %d kB at %s", found.files, found.bytes/1000, found.etag))
	if current && !site.Failed && found.digest == site.Digest {
		return found, integration.ErrNotModified
	}
	return found, nil
}

// isCurrent reports whether sources that have not changed need no build: the site was made by this maker and is there, or the author has
// to mend something first, and nobody asked to build in spite of that.
func (m *making) isCurrent(ctx context.Context, site db.TechdocsSite) (bool, error) {
	isSame := site.Maker == m.Maker
	if m.row.Force || site.Failed && Cause(m.row.Cause) != BySchedule || !site.Failed && !isSame {
		return false, nil
	}
	if site.Failed {
		return true, nil
	}
	return m.Sites.Exists(ctx, m.ref)
}

// generate renders the site. What the author did wrong is on the record, and the first of it in the error.
func (m *making) generate(ctx context.Context, source Source, found fetched) (techdocs.Report, error) {
	m.say("Step 2 of 3: rendering the pages")
	options := techdocs.Options{SiteName: m.entity.ShownName(), ETag: found.etag, CopyReadme: m.CopyReadme, Log: m.say}
	switch {
	case source.Ref != "": // an address with the version would make each page of each version another one
		options.RepoURL = source.Target
	case source.Kind == KindURL:
		options.RepoURL, options.EditURI = m.addresses(source.Target)
	}
	generator := m.Generator
	if m.Untrusted != nil && techdocs.IsPreview(m.ref.Version) {
		generator = m.Untrusted
	}
	began := time.Now()
	options.Published = m.published(ctx)
	report, err := generator.Generate(ctx, m.sources(), m.output(), options)
	m.kept, m.whole = report.Kept, func(ctx context.Context) error {
		options.Published = nil
		_, err := generator.Generate(ctx, m.sources(), m.output(), options)
		return err
	}
	m.row.RenderSeconds = time.Since(began).Seconds()
	m.row.Engine, m.row.Pages, m.row.Files = report.Engine, int32(report.Pages), int32(report.Files)
	problems, encoding := encodeProblems(report.Problems)
	if encoding != nil {
		return report, errors.Join(err, encoding)
	}
	m.row.Problems = problems
	for _, problem := range report.Problems {
		m.say(problem.Severity + ": " + sentence(problem))
	}
	if err == nil {
		m.say(fmt.Sprintf("%d pages, %d files by %s", report.Pages, report.Files, report.Engine))
		return report, nil
	}
	return report, withProblem(err, report.Problems)
}

// withProblem adds the first problem that made a build fail, with its file and line, to the error.
func withProblem(err error, problems []techdocs.Problem) error {
	if fault.KindOf(err) != fault.Input {
		return err
	}
	for _, problem := range problems {
		if problem.Severity == "error" {
			return fault.Wrap(fault.Input, err, "%s: %s", strings.TrimRight(err.Error(), "."), sentence(problem))
		}
	}
	return err
}

// sentence is a problem in one line, which begins with docs/index.md:3:1.
func sentence(problem techdocs.Problem) string {
	at := problem.File
	if problem.Line > 0 {
		at += fmt.Sprintf(":%d", problem.Line)
		if problem.Column > 0 {
			at += fmt.Sprintf(":%d", problem.Column)
		}
	}
	if at == "" {
		return problem.Message
	}
	return at + ": " + problem.Message
}

// publish makes the files the site, and notes what it was made from.
func (m *making) publish(ctx context.Context, found fetched, report techdocs.Report) error {
	m.say("Step 3 of 3: publishing the site")
	if err := m.holds(ctx, m.Store.Pool); err != nil {
		return err
	}
	began := time.Now()
	if err := m.upload(ctx); err != nil {
		return fmt.Errorf("publish the site: %w", err)
	}
	// That it has published is noted with what was published, or not at all.
	m.row.PublishSeconds = time.Since(began).Seconds()
	if err := m.save(ctx, &db.TechDocsPublishedParams{EntityRef: m.row.EntityRef, Digest: found.digest, Maker: m.Maker, Engine: report.Engine,
		Pages: int32(report.Pages), Files: int32(report.Files)}); err != nil {
		m.row.PublishSeconds = 0
		return err
	}
	m.say(fmt.Sprintf("Published: fetched in %.2f s, rendered in %.2f s, published in %.2f s", m.row.FetchSeconds, m.row.RenderSeconds, m.row.PublishSeconds))
	return nil
}

// IndexSite makes the sections of a published site those that are searched.
func (b *Builder) IndexSite(ctx context.Context, request Request) (Progress, error) {
	if b.Index == nil {
		return Progress{ID: request.ID}, nil
	}
	ref, err := refOf(request.Site)
	if err != nil || ref.Version != "" { // of what is found, everybody wants the current one
		return Progress{ID: request.ID}, err
	}
	began := time.Now()
	sections, err := b.Sites.SearchIndex(ctx, ref)
	if err != nil && fault.KindOf(err) != fault.NotFound { // without one, it is searched by its name only
		return Progress{}, fmt.Errorf("read the search index of %s: %w", request.Site, err)
	}
	if err := pgx.BeginFunc(ctx, b.Store.Pool, func(tx pgx.Tx) error { return b.Index.Replace(ctx, tx, request.Site, sections) }); err != nil {
		return Progress{}, fmt.Errorf("index %s: %w", request.Site, err)
	}
	return Progress{ID: request.ID, IndexSeconds: time.Since(began).Seconds()}, nil
}

// RemoveGone deletes the sites whose entities are gone since a time: from the store, from the index, and from the record.
func (b *Builder) RemoveGone(ctx context.Context, before time.Time) error {
	sites, err := b.Store.Gone(ctx, before)
	if err != nil {
		return err
	}
	for _, site := range sites {
		if err := b.remove(ctx, site); err != nil {
			return err
		}
	}
	return nil
}

func (b *Builder) remove(ctx context.Context, site string) error {
	ref, err := refOf(site)
	if err != nil {
		return err
	}
	return b.Store.alone(ctx, site, func(ctx context.Context, tx pgx.Tx) error {
		if err := errors.Join(b.Sites.Delete(ctx, ref), b.Sites.DeleteVersions(ctx, ref)); err != nil {
			return fmt.Errorf("delete the site of %s: %w", site, err)
		}
		if b.Index != nil {
			if err := b.Index.Replace(ctx, tx, site, nil); err != nil {
				return fmt.Errorf("take %s out of the index: %w", site, err)
			}
		}
		_, err := b.Store.queries.TechDocsForgetSite(ctx, tx, site)
		return wrap(err, "forget the site of %s", site)
	})
}

const (
	directoryPrefix = "docs-"
	// abandonedAfter is longer than any build takes.
	abandonedAfter = 2 * time.Hour
)

// removeAbandoned removes the folders of builds whose process died. What fails is tried at the next build.
func removeAbandoned(directory string, before time.Time) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && strings.HasPrefix(entry.Name(), directoryPrefix) && info.ModTime().Before(before) {
			_ = os.RemoveAll(filepath.Join(directory, entry.Name()))
		}
	}
}
