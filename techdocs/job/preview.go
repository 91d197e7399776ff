package job

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
)

// Preview shows the site of a directory in a browser, and shows it anew when a file has changed.
type Preview struct {
	// Source is the directory in which mkdocs.yml is.
	Source    string
	Generator techdocs.Generator
	Options   techdocs.Options
	// Log gets a line for people about each site.
	Log func(line string)

	mutex sync.Mutex
	// site is the directory of the last site that could be made, "" before there is one.
	site string
	// version counts the attempts to make a site, and problems are what was wrong with the last one.
	version  int
	problems []string
	// changed is closed at the next version.
	changed chan struct{}
}

const (
	// lookAgain is how often files are looked at.
	lookAgain = 300 * time.Millisecond
	// maxWatched bounds how many.
	maxWatched = 100_000
	// changesPath is where pages hear of changes.
	changesPath = "/.portico/changes"
)

// Serve shows the site until the context ends.
func (p *Preview) Serve(ctx context.Context, listener net.Listener) error {
	directory, err := os.MkdirTemp("", "portico-docs-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(directory) }()
	p.changed = make(chan struct{})
	// A browser keeps a stream open until the server says that it is over.
	requests, end := context.WithCancel(ctx)
	defer end()
	server := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return requests }}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	err = p.watch(ctx, directory)
	end()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = server.Shutdown(stopping)
	if failed := <-served; !errors.Is(failed, http.ErrServerClosed) {
		err = errors.Join(err, failed)
	}
	return err
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
	p.version++
	p.problems = problems
	close(p.changed)
	p.changed = make(chan struct{})
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

// state is what there is to show.
func (p *Preview) state() (site string, now news, changed <-chan struct{}) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.site, news{p.version, p.problems}, p.changed
}

// news is what pages hear.
type news struct {
	Version  int      `json:"version"`
	Problems []string `json:"problems"`
}

// ServeHTTP implements http.Handler.
func (p *Preview) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isLocal(r.Host) {
		http.Error(w, "This preview is for this machine only.", http.StatusForbidden) // a page elsewhere could point its own name here
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Path == changesPath {
		p.serveChanges(w, r)
		return
	}
	p.serveFile(w, r)
}

func isLocal(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	address := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || address != nil && address.IsLoopback()
}

// serveChanges sends each version as a server-sent event.
func (p *Preview) serveChanges(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	for {
		_, now, changed := p.state()
		data, err := json.Marshal(now)
		if err != nil {
			return
		}
		if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil || control.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// reload is the script of each page.
//
//go:embed reload.js
var reload []byte

// serveFile serves a file of the site, pages with the script.
func (p *Preview) serveFile(w http.ResponseWriter, r *http.Request) {
	site, _, _ := p.state()
	if site == "" {
		p.servePage(w, http.StatusServiceUnavailable, []byte("<!doctype html><title>Documentation</title><p>There is no site yet."))
		return
	}
	root, err := os.OpenRoot(site)
	if err != nil { // a newer one has replaced it: the script loads that
		p.servePage(w, http.StatusServiceUnavailable, []byte("<!doctype html><title>Documentation</title><p>The site is made anew."))
		return
	}
	defer root.Close()
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	isDirectory := name == ""
	if info, err := root.Stat(name); name != "" && err == nil && info.IsDir() {
		isDirectory = true
	}
	if isDirectory && !strings.HasSuffix(r.URL.Path, "/") {
		w.Header().Set("Location", (&url.URL{Path: "/" + name + "/"}).EscapedPath())
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	if isDirectory {
		name = path.Join(name, "index.html")
	}
	content, err := root.ReadFile(name)
	switch {
	case err != nil:
		p.servePage(w, http.StatusNotFound, []byte("<!doctype html><title>Not found</title><p>The site has no such page. <a href=\"/\">Its beginning</a>"))
	case path.Ext(name) == ".html":
		p.servePage(w, http.StatusOK, content)
	default:
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	}
}

// servePage serves a page with the script that shows it anew.
func (p *Preview) servePage(w http.ResponseWriter, status int, content []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	script := []byte("<script>" + string(reload) + "</script>")
	before, after, hasEnd := bytes.Cut(content, []byte("</body>"))
	page := append(append([]byte{}, before...), script...)
	if hasEnd {
		page = append(append(page, "</body>"...), after...)
	}
	_, _ = w.Write(page) //nolint:gosec // it is the author's own page, on the author's machine; an error means that the browser has left
}
