package job

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
)

// Preview makes the site of a directory, and makes it anew when a file has changed. Package api shows it.
type Preview struct {
	// Source is the directory in which mkdocs.yml is.
	Source    string
	Generator techdocs.Generator
	Options   techdocs.Options
	// Log gets a line for people about each site.
	Log func(line string)

	mutex sync.Mutex
	// site and news are as State says, and changed is closed at the next news, nil while nobody waits for that.
	site    string
	news    News
	changed chan struct{}
}

const (
	// lookAgain is how often files are looked at.
	lookAgain = 300 * time.Millisecond
	// maxWatched bounds how many.
	maxWatched = 100_000
)

// Watch makes the site whenever a file has changed, until the context ends.
func (p *Preview) Watch(ctx context.Context) (err error) {
	directory, err := os.MkdirTemp("", "portico-docs-")
	if err != nil {
		return fmt.Errorf("make the folder of a preview: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	return p.watch(ctx, directory)
}

// watch makes the site whenever a file has changed, until the context ends.
func (p *Preview) watch(ctx context.Context, directory string) error {
	var known uint64
	for n := 0; ; {
		found, err := fingerprint(ctx, p.Source)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was stopped
		case err != nil:
			return err
		}
		if found != known || n == 0 {
			known = found
			n++
			p.make(ctx, filepath.Join(directory, fmt.Sprint(n)))
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return nil
		}
	}
}

// fingerprint tells whether a file of a directory has changed, by its name, size and time.
func fingerprint(ctx context.Context, directory string) (uint64, error) {
	hash, count := fnv.New64a(), 0
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was removed just now
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if path != directory && (isHidden(entry) || entry.Name() == "node_modules") {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		if count++; count > maxWatched {
			return fault.New(fault.Input, "%s has more than %d files: name the directory of the documentation with --source-dir", directory, maxWatched)
		}
		if info, err := entry.Info(); err == nil {
			fmt.Fprintf(hash, "%s\x00%d\x00%d\n", path, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return hash.Sum64(), err
}

// make makes the site in a new directory.
func (p *Preview) make(ctx context.Context, directory string) {
	began := time.Now()
	if err := os.MkdirAll(directory, 0o755); err != nil {
		p.Log(err.Error())
		return
	}
	report, err := p.Generator.Generate(ctx, p.Source, directory, p.Options)
	if ctx.Err() != nil {
		return
	}
	var problems []string
	for _, problem := range report.Problems {
		p.Log(Line(problem))
		if problem.Severity != "info" {
			problems = append(problems, Line(problem))
		}
	}
	if err != nil {
		problems = append(problems, err.Error())
		p.Log(err.Error())
	} else {
		p.Log(fmt.Sprintf("%d pages in %d ms", report.Pages, time.Since(began).Milliseconds()))
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	outdated := directory
	if err == nil {
		outdated, p.site = p.site, directory
	}
	if outdated != "" {
		_ = os.RemoveAll(outdated)
	}
	p.news = News{p.news.Version + 1, problems}
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// Line is a problem for people: file:line: severity: message.
func Line(problem techdocs.Problem) string {
	var line strings.Builder
	line.WriteString(problem.File)
	if problem.Line > 0 {
		fmt.Fprintf(&line, ":%d", problem.Line)
	}
	if line.Len() > 0 {
		line.WriteString(": ")
	}
	return line.String() + problem.Severity + ": " + problem.Message
}

// News is what has become of the last attempt to make the site.
type News struct {
	// Version counts the attempts, and Problems are what was wrong with the last one.
	Version  int      `json:"version"`
	Problems []string `json:"problems"`
}

// State is what there is to show: the directory of the last site that could be made, "" before there is one, and the news. changed is
// closed when there is other news.
func (p *Preview) State() (site string, now News, changed <-chan struct{}) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.site, p.news, p.changed
}
