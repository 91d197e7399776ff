package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	activitiesdocs "github.com/portico-dev/portico/activities/techdocs"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/build"
	"github.com/portico-dev/portico/techdocs/diagrams"
	"github.com/portico-dev/portico/techdocs/mkdocs"
	"github.com/portico-dev/portico/techdocs/site"
	"github.com/portico-dev/portico/workflows"
)

const (
	// docsInterval is the interval for looking which documentation is due.
	docsInterval = 5 * time.Second
	// docsWaiting is how many builds may wait before looks by schedule stop to add more.
	docsWaiting = 200
	// docsGrace is how long documentation stays whose entity is gone: a location that is registered anew has it at once.
	docsGrace = 24 * time.Hour
)

// buildDocs prepares to build documentation, and to show what was built.
func (p *platform) buildDocs(context.Context, place) error {
	p.docsBuilds = build.NewStore(build.StoreOptions{Pool: p.pool, Engine: workflows.NewDocs(p.workflowOptions), Hosts: p.integrations,
		Interval: p.config.Portico.TechDocs.CheckInterval, MaxPreviews: p.config.Portico.TechDocs.MaxPreviews})
	p.docsService = build.NewService(build.ServiceOptions{Store: p.docsBuilds, Catalog: p.catalog, Log: p.log,
		External: p.config.TechDocs.Builder != config.DocsBuiltHere})
	return nil
}

// buildsDocs reports whether this worker builds documentation.
func (p *platform) buildsDocs() bool {
	return p.config.TechDocs.Builder == config.DocsBuiltHere && p.config.Portico.TechDocs.MaxConcurrentBuilds > 0
}

// docsBuilder builds documentation.
func (p *platform) docsBuilder() (*build.Builder, error) {
	generator, native, maker, err := p.docsGenerator()
	if err != nil {
		return nil, err
	}
	limits := p.config.Portico.TechDocs
	return build.NewBuilder(build.BuilderOptions{Log: p.log, Store: p.docsBuilds, Entities: p.catalog, Hosts: p.integrations, Trees: p.integrations,
		Folders: p.files, Generator: generator, Maker: maker, Sites: p.docs, Index: docsIndex{p}, Directory: p.docsDirectory,
		Bounds:      build.Bounds{Bytes: int64(limits.MaxMegabytes) * 1_000_000, Files: limits.MaxFiles},
		CopyReadme:  p.config.TechDocs.Generator.MkDocs.LegacyCopyReadmeMdToIndexMd,
		MaxVersions: limits.MaxVersions, Untrusted: native, PortalURL: p.config.App.BaseURL}), nil
}

// docsGenerator renders sites, and native those of strangers: it runs no program. The maker names what a site depends on besides its sources: another one makes all sites anew.
func (p *platform) docsGenerator() (generator, native techdocs.Generator, maker string, err error) {
	own, err := os.Executable()
	if err != nil {
		return nil, nil, "", fmt.Errorf("find Portico's own program: %w", err)
	}
	program, settings := p.config.Portico.MkDocs, p.config.TechDocs.Generator.MkDocs
	drawing, err := p.docsDiagrams()
	if err != nil {
		return nil, nil, "", err
	}
	native = site.New(site.Config{Fetch: drawing.Fetch})
	confined := mkdocs.New(mkdocs.Config{Program: program.Program, Confiner: []string{own, confineName}, Unconfined: program.Unconfined, Network: program.Network,
		Limits: mkdocs.Limits{Time: program.Time, Memory: int64(program.MemoryMiB) << 20, Output: int64(program.OutputMiB) << 20, Files: program.Files,
			Processes: program.Processes},
		Permit: mkdocs.Permit{DefaultPlugins: settings.DefaultPlugins, Plugins: settings.DangerouslyAllowAdditionalPlugins,
			Keys: settings.DangerouslyAllowAdditionalKeys, OmitCore: settings.OmitTechDocsCorePlugin, DisableExternalFonts: settings.DisableExternalFonts}})
	maker = fmt.Sprintf("portico %s, mkdocs %s, %+v, diagrams by %v", version, program.Use, settings, p.config.Portico.TechDocs.Diagrams.Servers)
	switch program.Use {
	case config.MkDocsNever:
		return native, native, maker, nil
	case config.MkDocsAlways:
		return confined, native, maker, nil
	default:
		return mkdocs.Choosing{Native: native, MkDocs: confined}, native, maker, nil
	}
}

// docsDiagrams asks the servers of diagrams that the configuration permits. Without any, it refuses every diagram and says why.
func (p *platform) docsDiagrams() (*diagrams.Client, error) {
	configured := p.config.Portico.TechDocs.Diagrams
	client, err := diagrams.New(diagrams.Options{Servers: configured.Servers, Time: configured.Time, Transport: p.telemetry.Transport(integration.DefaultTransport())})
	if err != nil {
		return nil, fmt.Errorf("portico.techdocs.diagrams.servers: %w", err)
	}
	return client, nil
}

// docsIndex puts the sections of sites into the search index.
type docsIndex struct{ *platform }

// Replace implements build.Index.
func (d docsIndex) Replace(ctx context.Context, tx pgx.Tx, entityRef string, sections []techdocs.Section) error {
	return d.searchIndex().ReplaceDocs(ctx, tx, entityRef, sections)
}

// docsActivities are the activities of builds.
func (p *platform) docsActivities(builder *build.Builder) *activitiesdocs.Activities {
	return activitiesdocs.New(activitiesdocs.Options{CrashBudget: p.crashBudget, Builder: builder})
}

// lookAtDocs makes the sites those of the catalog, and asks for builds of those that are due.
func (p *platform) lookAtDocs(ctx context.Context) error {
	if err := p.docsBuilds.Discover(ctx); err != nil {
		return err
	}
	if err := p.docsBuilds.WakeUnbegun(ctx); err != nil {
		return err
	}
	perRound := time.Duration(p.config.Portico.TechDocs.ChecksPerMinute) * docsInterval / time.Minute
	return p.docsBuilds.RequestDue(ctx, build.Limits{PerHost: max(1, int(perRound)), Waiting: docsWaiting})
}

// removeVersions deletes versions of documentation whose branches and tags are gone, and previews of pull requests that were closed, and then
// what no version has any more.
func (p *platform) removeVersions(builder *build.Builder) func(context.Context) error {
	return func(ctx context.Context) error {
		return errors.Join(builder.RemoveGoneVersions(ctx), builder.Collect(ctx))
	}
}

// deleteDocs deletes old builds, and the documentation of entities that are gone.
func (p *platform) deleteDocs(builder *build.Builder) func(context.Context) error {
	return func(ctx context.Context) error {
		before := time.Now().Add(-p.config.Portico.TechDocs.BuildRetention)
		if err := untilNone(ctx, func(ctx context.Context) (more bool, err error) { return p.docsBuilds.DeleteBefore(ctx, before) }); err != nil {
			return err
		}
		return builder.RemoveGone(ctx, time.Now().Add(-docsGrace))
	}
}
