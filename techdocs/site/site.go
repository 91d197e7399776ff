// Package site builds documentation sites: from a folder with mkdocs.yml to the files that readers of TechDocs show, as MkDocs with
// mkdocs-techdocs-core does, without Python. It reads nothing outside of the folder and runs nothing of it.
package site

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/markdown"
	"github.com/portico-dev/portico/techdocs/site/config"
	"github.com/portico-dev/portico/techdocs/site/files"
	"github.com/portico-dev/portico/techdocs/site/links"
	"github.com/portico-dev/portico/techdocs/site/nav"
	"github.com/portico-dev/portico/techdocs/site/source"
	"github.com/portico-dev/portico/techdocs/site/theme"
)

// Engine is the name of this generator in techdocs_metadata.json and reports.
const Engine = "portico"

// Config configures a generator. Its zero value is good.
type Config struct {
	// Env are the variables that !ENV in mkdocs.yml sees. Those of the process are secrets of the operator and are never among them.
	Env map[string]string
	// Limits bound what a site may cost.
	Limits Limits
	// Fetch asks a server of diagrams, whose address mkdocs.yml gives: it has to refuse those that the operator does not permit, as
	// diagrams.Client does. Nil: none is asked, and a page that needs one is an error.
	Fetch func(ctx context.Context, method, url string, body []byte) ([]byte, error)
	// Workers is how many pages are rendered at once. Zero: as many as there are processors.
	Workers int
	// CacheBytes is how much of converted pages is kept between builds: 64 MB. Negative: nothing.
	CacheBytes int64
	// Now is the clock for build_timestamp. Nil: the time.
	Now func() time.Time
}

// Limits bound a site. Zero values are replaced by defaults.
type Limits struct {
	// Files is how many files the documents may have: 50,000.
	Files int
	// Bytes is how many bytes they may have together: 500 MB.
	Bytes int64
	// PageBytes is how many bytes a page may have: 5 MB.
	PageBytes int64
}

func (l Limits) withDefaults() Limits {
	if l.Files == 0 {
		l.Files = 50_000
	}
	if l.Bytes == 0 {
		l.Bytes = 500 << 20
	}
	if l.PageBytes == 0 {
		l.PageBytes = 5 << 20
	}

	return l
}

// Generator builds sites. It is safe for concurrent use.
type Generator struct {
	config Config
	cache  *cache
}

// New returns a generator.
func New(c Config) *Generator {
	c.Limits = c.Limits.withDefaults()
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Now == nil {
		c.Now = time.Now
	}

	if c.CacheBytes == 0 {
		c.CacheBytes = 64 << 20
	}

	return &Generator{config: c, cache: newCache(max(c.CacheBytes, 0))}
}

// Generate builds the site of the folder source into the folder output. It may have the site of an earlier build: files that stay the same
// are not written, and those that the site has no more are removed.
func (g *Generator) Generate(ctx context.Context, from, output string, options techdocs.Options) (techdocs.Report, error) {
	tree, err := source.Open(from)
	if err != nil {
		return techdocs.Report{Engine: Engine}, err
	}
	defer func() { _ = tree.Close() }()
	b := &build{generator: g.config, cache: g.cache, tree: tree, output: output, options: options, report: techdocs.Report{Engine: Engine}}
	err = b.run(ctx)
	problems := slices.Concat(b.problems, b.pageProblems())
	failed := count(problems, techdocs.Error)
	if warnings := count(problems, techdocs.Warning); b.site != nil && b.site.Strict && warnings > 0 && failed == 0 {
		problems = append(problems, b.site.At("strict").Problem(techdocs.Error,
			"the site is strict and has %s; mend %s, or remove strict", plural(warnings, "warning"), map[bool]string{true: "it", false: "them"}[warnings == 1]))
		failed = 1
	}
	b.report.Problems = limit(problems)
	if err != nil && !errors.Is(err, errProblems) {
		return b.report, err
	}
	if failed > 0 {
		return b.report, fault.New(fault.Input, "The documentation has %s", plural(failed, "error"))
	}

	return b.report, nil
}

// errProblems ends a build whose problems say why.
var errProblems = errors.New("the documentation has errors")

func plural(n int, noun string) string {
	if n == 1 {
		return "one " + noun
	}

	return fmt.Sprintf("%d %ss", n, noun)
}

func count(problems []techdocs.Problem, severity string) int {
	n := 0
	for _, problem := range problems {
		if problem.Severity == severity {
			n++
		}
	}

	return n
}

// limit keeps techdocs.MaxProblems problems, the worst, in their order. The last one says how many others there are.
func limit(problems []techdocs.Problem) []techdocs.Problem {
	if len(problems) <= techdocs.MaxProblems {
		return problems
	}
	room := techdocs.MaxProblems - 1
	keep := make([]bool, len(problems))
	for _, severity := range []string{techdocs.Error, techdocs.Warning, techdocs.Info} {
		for i := range problems {
			if room > 0 && problems[i].Severity == severity {
				keep[i] = true
				room--
			}
		}
	}
	var kept []techdocs.Problem
	for i, problem := range problems {
		if keep[i] {
			kept = append(kept, problem)
		}
	}

	return append(kept, techdocs.Problem{Severity: techdocs.Info, Message: fmt.Sprintf("%d more problems are not listed", len(problems)-len(kept))})
}

// build is one run of the generator.
type build struct {
	generator Config
	cache     *cache
	tree      *source.Tree
	output    string
	options   techdocs.Options
	report    techdocs.Report
	// problems are those of the configuration and of the files; those of pages are with them.
	problems []techdocs.Problem
	site     *config.Config
	set      *files.Set
	includes []include
	nav      *nav.Nav
	resolver *links.Resolver
	snippets snippets
	markdown *markdown.Converter
	settings digest
	theme    *theme.Theme
	pages    []*page
	// earlier are the files of an earlier build in the output that are still there.
	earlier map[string]bool
	written names
}

func (b *build) add(problem techdocs.Problem) { b.problems = append(b.problems, problem) }

func (b *build) log(format string, args ...any) {
	if b.options.Log != nil {
		b.options.Log(fmt.Sprintf(format, args...))
	}
}

// failed says whether a problem makes the rest of the build useless.
func (b *build) failed() error {
	if count(b.problems, techdocs.Error) > 0 {
		return errProblems
	}

	return nil
}

func (b *build) run(ctx context.Context) error {
	if err := b.prepare(); err != nil {
		return err
	}
	b.log("Rendering %s", plural(len(b.pages), "page"))
	if err := b.each(ctx, func(ctx context.Context, p *page) error { return b.render(ctx, p) }); err != nil {
		return err
	}
	b.checkAnchors()
	if count(b.pageProblems(), techdocs.Error) > 0 {
		return errProblems
	}
	b.log("Writing the site")

	return b.write(ctx)
}

// prepare reads everything that is needed before the first page can be rendered.
func (b *build) prepare() error {
	if err := b.configure(); err != nil {
		return err
	}
	if err := b.collect(); err != nil {
		return err
	}
	entries := b.site.Nav
	if b.plugin("awesome-pages") && len(entries) == 0 {
		entries = b.awesome()
	}
	var problems []techdocs.Problem
	b.nav, problems = nav.Build(entries, b.set, b.site.Validation)
	b.problems = append(b.problems, problems...)
	b.resolver = links.New(b.set, b.site.UseDirectoryURLs, b.site.Validation)
	for _, one := range b.nav.All {
		b.pages = append(b.pages, &page{nav: one})
	}
	b.theme = theme.New(theme.Site{
		Name: b.site.SiteName, Description: b.site.SiteDescription, Author: b.site.SiteAuthor, Copyright: b.site.Copyright,
		RepoURL: b.site.RepoURL, RepoName: b.site.RepoName, Language: b.site.Theme.Language, Direction: b.site.Theme.Direction,
		Features: b.site.Theme.Features, ExtraCSS: b.site.ExtraCSS, Nav: b.nav,
	})

	return b.failed()
}

func (b *build) configure() error {
	env := func(name string) (string, bool) {
		value, is := b.generator.Env[name]

		return value, is
	}
	site, problems, err := config.Read(b.tree, env, config.Defaults{
		SiteName: b.options.SiteName, RepoURL: b.options.RepoURL, EditURI: b.options.EditURI, DocsDirMayMiss: b.options.CopyReadme,
	})
	b.problems = append(b.problems, problems...)
	if err != nil {
		if _, is := errors.AsType[*config.MistakeError](err); is {
			return errProblems
		}

		return err
	}
	b.site = site
	b.log("Reading %s", cmpOr(site.File, "the documents; there is no mkdocs.yml"))

	return b.converter()
}

func cmpOr(text, otherwise string) string {
	if text == "" {
		return otherwise
	}

	return text
}

// converter compiles the extensions of Markdown.
func (b *build) converter() error {
	settings := markdown.Config{TechDocsCore: true, UseBlocks: b.site.UseBlocks}
	for _, extension := range b.site.Extensions {
		options := extension.Options
		if extension.Name == "pymdownx.snippets" {
			options = maps.Clone(options)
			delete(options, "base_path") // build.snippet looks for files there, and knows what !relative means
		}
		settings.Extensions = append(settings.Extensions, markdown.Extension{Name: extension.Name, Options: options})
	}
	converter, err := markdown.New(settings)
	if err != nil {
		at := b.site.At("markdown_extensions")
		for _, extension := range b.site.Extensions {
			if strings.Contains(err.Error(), extension.Name) {
				at = extension.At
			}
		}
		b.add(at.Problem(techdocs.Error, "%s", strings.TrimPrefix(err.Error(), "mkdocs.yml: ")))

		return errProblems
	}
	b.markdown = converter
	if b.settings, err = settingsDigest(settings); err != nil {
		return err
	}
	b.snippets = newSnippets(b.site)

	return nil
}

// plugin says whether mkdocs.yml lists a plugin.
func (b *build) plugin(name string) bool {
	return slices.ContainsFunc(b.site.Plugins, func(plugin config.Plugin) bool { return plugin.Name == name })
}

// each calls do for all pages, several at once. The first error ends it.
func (b *build) each(ctx context.Context, do func(ctx context.Context, p *page) error) error {
	group, ctx := errgroup.WithContext(ctx)
	next := make(chan *page)
	group.Go(func() error {
		defer close(next)
		for _, p := range b.pages {
			select {
			case next <- p:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}

		return nil
	})
	for range b.generator.Workers {
		group.Go(func() error {
			for p := range next {
				if err := do(ctx, p); err != nil {
					return err
				}
			}

			return nil
		})
	}

	return group.Wait()
}
