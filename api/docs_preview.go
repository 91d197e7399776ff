package api

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/portico-dev/portico/techdocs/job"
)

// docsChangesPath is where pages hear of changes.
const docsChangesPath = "/.portico/changes"

// ServeDocsPreview shows documentation to its author, on the author's machine, until the context ends. The pages load themselves anew when
// a file has changed.
func ServeDocsPreview(ctx context.Context, listener net.Listener, preview *job.Preview) error {
	// A browser keeps a stream open until the server says that it is over.
	requests, end := context.WithCancel(ctx)
	defer end()
	server := &http.Server{Handler: docsPreview{preview}, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return requests }}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	err := preview.Watch(ctx)
	end()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = server.Shutdown(stopping)
	if failed := <-served; !errors.Is(failed, http.ErrServerClosed) {
		err = errors.Join(err, failed)
	}
	return err
}

// docsPreview serves the files of a preview.
type docsPreview struct{ preview *job.Preview }

// ServeHTTP implements http.Handler.
func (p docsPreview) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isThisMachine(r.Host) {
		http.Error(w, "This preview is for this machine only.", http.StatusForbidden) // a page elsewhere could point its own name here
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Path == docsChangesPath {
		p.serveChanges(w, r)
		return
	}
	p.serveFile(w, r)
}

func isThisMachine(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	address := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || address != nil && address.IsLoopback()
}

// serveChanges sends each version as a server-sent event.
func (p docsPreview) serveChanges(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	for {
		_, now, changed := p.preview.State()
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

// docsPreviewScript is the script of each page.
//
//go:embed docs_preview.js
var docsPreviewScript []byte

// serveFile serves a file of the site, pages with the script.
func (p docsPreview) serveFile(w http.ResponseWriter, r *http.Request) {
	site, _, _ := p.preview.State()
	if site == "" {
		serveDocsPage(w, http.StatusServiceUnavailable, []byte("<!doctype html><title>Documentation</title><p>There is no site yet."))
		return
	}
	root, err := os.OpenRoot(site)
	if err != nil { // a newer one has replaced it: the script loads that
		serveDocsPage(w, http.StatusServiceUnavailable, []byte("<!doctype html><title>Documentation</title><p>The site is made anew."))
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
		serveDocsPage(w, http.StatusNotFound, []byte("<!doctype html><title>Not found</title><p>The site has no such page. <a href=\"/\">Its beginning</a>"))
	case path.Ext(name) == ".html":
		serveDocsPage(w, http.StatusOK, content)
	default:
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	}
}

// serveDocsPage serves a page with the script that shows it anew.
func serveDocsPage(w http.ResponseWriter, status int, content []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	script := []byte("<script>" + string(docsPreviewScript) + "</script>")
	before, after, hasEnd := bytes.Cut(content, []byte("</body>"))
	page := append(append([]byte{}, before...), script...)
	if hasEnd {
		page = append(append(page, "</body>"...), after...)
	}
	// An error means that the browser has left.
	_, _ = w.Write(page) //nolint:gosec // The page is HTML that the author has just built, and ServeHTTP refuses all but this machine.
}
