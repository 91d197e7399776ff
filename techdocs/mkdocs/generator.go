// Package mkdocs builds sites with the real MkDocs, for those that need its plugins: it cuts mkdocs.yml down to what is permitted, runs
// the program where it reaches nothing but a copy of the source and an empty folder, and reads problems from its log. It also says which
// engine a site needs. It does not install MkDocs.
package mkdocs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
)

// Engine is the name of this engine in reports, in techdocs_metadata.json and in the configuration.
const Engine = "mkdocs"

// Config says which program builds sites and what it may do.
type Config struct {
	// Program is the mkdocs command, a path or a name in PATH. Empty is "mkdocs".
	Program string
	// Confiner is a command that calls Confine, to which the description of a run is appended.
	Confiner []string
	// Unconfined runs the program also where this system cannot confine it: it may then read what Portico reads, and reach the network.
	Unconfined bool
	// Network lets the program use the network, also where it is confined.
	Network bool
	// Folder is where the working folders are made. Empty is the system's folder of temporary files.
	Folder string
	Limits Limits
	Permit Permit
}

// Limits of one build. Zeros are the defaults.
type Limits struct {
	// Time is how long the program may run: 10 minutes.
	Time time.Duration `json:"time"`
	// Memory is what its processes may use together, in bytes: 2 GiB.
	Memory int64 `json:"memory"`
	// Output is the size of all files that it may write, in bytes: 1 GiB. The copy of the source has the same limit.
	Output int64 `json:"output"`
	// Files is how many files it may write, and the source may have: 100,000.
	Files int `json:"files"`
	// Processes is how many processes and threads it may have: 256.
	Processes int `json:"processes"`
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Time: cmp.Or(l.Time, 10*time.Minute), Memory: cmp.Or(l.Memory, 2<<30), Output: cmp.Or(l.Output, 1<<30),
		Files: cmp.Or(l.Files, 100_000), Processes: cmp.Or(l.Processes, 256),
	}
}

// Generator builds sites with MkDocs. It is safe for concurrent use.
type Generator struct {
	config Config

	mu        sync.Mutex
	installed *installation
}

// New returns a generator. The program is looked for by the first build.
func New(config Config) *Generator {
	config.Program = cmp.Or(config.Program, "mkdocs")
	config.Limits = config.Limits.withDefaults()
	return &Generator{config: config}
}

// Generate implements [techdocs.Generator].
func (g *Generator) Generate(ctx context.Context, source, output string, options techdocs.Options) (techdocs.Report, error) {
	b := &build{
		config: g.config, options: options, report: techdocs.Report{Engine: Engine}, log: options.Log,
	}
	if b.log == nil {
		b.log = func(string) {}
	}
	installed, err := g.find(ctx, b.log)
	if err != nil {
		return b.report, err
	}
	b.installed = installed
	folder, err := os.MkdirTemp(g.config.Folder, "portico-mkdocs-")
	if err != nil {
		return b.report, fmt.Errorf("make the working folder of MkDocs: %w", err)
	}
	defer func() {
		if err := removeAll(folder); err != nil {
			b.log("The working folder of MkDocs could not be removed: " + err.Error())
		}
	}()
	b.places = newPlaces(folder)
	err = b.run(ctx, source, output)
	return b.report, err
}

// build is one run of the program.
type build struct {
	config    Config
	options   techdocs.Options
	installed *installation
	places    places
	log       func(line string)
	report    techdocs.Report
	dropped   int
}

func (b *build) run(ctx context.Context, source, output string) error {
	if err := b.places.create(); err != nil {
		return err
	}
	limits := treeLimits{bytes: b.config.Limits.Output, files: b.config.Limits.Files, links: true}
	if _, err := copyTree(ctx, source, b.places.source, limits); err != nil {
		return b.refused(err, "The source")
	}
	site, err := b.prepare()
	if err != nil {
		return b.failed(err)
	}
	reader := newLogReader(b.places, site, b.log, b.problem)
	ended, err := b.execute(ctx, site.file, reader)
	if err != nil {
		return err
	}
	if ended != "" {
		reader.finish(true)
		b.problem(techdocs.Problem{Severity: "error", File: site.file, Message: ended})
		return b.summary()
	}
	if reader.finish(false) {
		return b.summary()
	}
	if err := empty(output); err != nil {
		return err
	}
	limits.links = false
	files, err := copyTree(ctx, b.places.output, output, limits)
	if err != nil {
		return b.refused(err, "The site that MkDocs wrote")
	}
	return b.finish(output, files, site)
}

// problem adds one to the report.
func (b *build) problem(p techdocs.Problem) {
	switch count := len(b.report.Problems); {
	case count < techdocs.MaxProblems-1:
		b.report.Problems = append(b.report.Problems, p)
	case count == techdocs.MaxProblems-1:
		b.dropped = 1
		b.report.Problems = append(b.report.Problems, techdocs.Problem{Severity: p.Severity})
		fallthrough
	default:
		last := &b.report.Problems[techdocs.MaxProblems-1]
		if p.Severity == "error" {
			last.Severity = "error"
		}
		if last.Message != "" {
			b.dropped++
		}
		last.Message = fmt.Sprintf("%d more problems are in the log.", b.dropped)
	}
}

// failed makes a problem of what an author did wrong, and passes other errors on.
func (b *build) failed(err error) error {
	mistake, is := errors.AsType[*mistake](err)
	if !is {
		return err
	}
	b.problem(mistake.problem)
	return b.summary()
}

// refused does the same for a tree that is too large or leads out of itself.
func (b *build) refused(err error, what string) error {
	refusal, is := errors.AsType[*refusal](err)
	if !is {
		return fmt.Errorf("copy the files of MkDocs: %w", err)
	}
	b.problem(techdocs.Problem{Severity: "error", File: filepath.ToSlash(refusal.file), Message: what + " " + refusal.reason})
	return b.summary()
}

// summary is the error of a build that its author has to mend.
func (b *build) summary() error {
	errors, first := 0, ""
	for _, p := range b.report.Problems {
		if p.Severity == "error" {
			if errors++; first == "" {
				first = p.Message
				if p.File != "" {
					first = p.File + ": " + first
				}
			}
		}
	}
	if errors == 1 {
		return fault.New(fault.Input, "MkDocs did not build the site: %s", first)
	}
	return fault.New(fault.Input, "MkDocs did not build the site, of %d errors the first is: %s", errors, first)
}
