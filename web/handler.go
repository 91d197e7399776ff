package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// contentSecurityPolicy allows the page to load from and call its own origin only, besides the sources of pictures
// and scripts: unrestricted pictures in a description would tell any host who reads it. Scripts have neither
// 'unsafe-inline' nor 'unsafe-eval', because the forms' validator interprets JSON Schema instead of compiling
// it to functions. Styles need 'unsafe-inline' because Radix writes a <style> element to lock the page's
// scrolling behind an open dialog.
const contentSecurityPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; "

// Sources are what the portal's pages load besides its own files, as source expressions of a content security policy
// ('self', data:, https://img.example.com).
type Sources struct {
	// Images are all sources of pictures.
	Images []string
	// Scripts are added to the portal's own.
	Scripts []string
	// Frames are added to the portal's own pages.
	Frames []string
}

func (s Sources) policy() string {
	scripts := append([]string{"script-src", "'self'"}, s.Scripts...)
	frames := append([]string{"frame-src", "'self'"}, s.Frames...)
	images := append([]string{"img-src"}, s.Images...)
	return contentSecurityPolicy + strings.Join(scripts, " ") + "; " + strings.Join(frames, " ") + "; " + strings.Join(images, " ")
}

const (
	// forever is for files whose name contains the hash of their content.
	forever = "public, max-age=31536000, immutable"
	// neverStored is for index.html, which names the hashed files: a stale one shows an old portal or none.
	neverStored = "no-store"
	revalidated = "no-cache"
)

const notBuilt = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Portico</title></head>
<body><h1>The portal is not in this binary</h1>
<p>It was built without it. Run <code>make build</code>, which builds the portal first, and start Portico again. The API under <code>/api</code> works meanwhile.</p></body></html>
`

// Handler serves the embedded portal; see Serve.
func Handler(sources Sources) http.Handler { return Serve(Files(), sources) }

// Serve handles GET and HEAD for the files of a built portal. For a path without a file, it sends index.html
// when a browser navigates to it (the application has its own router), and otherwise an empty 404, as
// Backstage does. Without an index.html it sends a 503 page with the command that builds one.
func Serve(files fs.FS, sources Sources) http.Handler {
	return &server{files: files, policy: sources.policy()}
}

type server struct {
	files  fs.FS
	policy string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", s.policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")

	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if s.serves(name) {
		s.file(w, r, name)
		return
	}
	if !navigates(r) || strings.HasPrefix(name, "assets/") {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if !s.serves("index.html") {
		s.missing(w)
		return
	}
	s.file(w, r, "index.html")
}

// serves reports whether name is a public file. Dotfiles and the compressed files are not.
func (s *server) serves(name string) bool {
	if name == "" || strings.HasPrefix(path.Base(name), ".") || strings.HasSuffix(name, ".gz") {
		return false
	}
	info, err := fs.Stat(s.files, name)
	return err == nil && info.Mode().IsRegular()
}

func (s *server) file(w http.ResponseWriter, r *http.Request, name string) {
	header := w.Header()
	header.Set("Cache-Control", cacheControl(name))
	header.Set("Content-Type", contentType(name))
	header.Set("Vary", "Accept-Encoding")

	content, err := s.read(name + ".gz")
	compressed := err == nil && acceptsGzip(r)
	if !compressed {
		content, err = s.read(name)
	}
	if err != nil {
		http.Error(w, "the portal's files cannot be read", http.StatusInternalServerError)
		return
	}
	if compressed {
		header.Set("Content-Encoding", "gzip")
	}
	// Embedded files have no modification time; with the zero time, http.ServeContent sends none.
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

func (s *server) read(name string) ([]byte, error) {
	file, err := s.files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("portal file %s: %w", name, err)
	}
	content, err := io.ReadAll(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("portal file %s: %w", name, err)
	}
	return content, nil
}

func (s *server) missing(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", neverStored)
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, notBuilt) // the client has gone
}

func cacheControl(name string) string {
	switch {
	case strings.HasPrefix(name, "assets/"):
		return forever
	case name == "index.html":
		return neverStored
	default:
		return revalidated
	}
}

// contentType has its own types for the portal's files, because the system's MIME tables differ between
// machines.
func contentType(name string) string {
	switch extension := path.Ext(name); extension {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		if known := mime.TypeByExtension(extension); known != "" {
			return known
		}
		return "application/octet-stream"
	}
}

func navigates(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func acceptsGzip(r *http.Request) bool {
	for offer := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(offer), ";")
		if coding == "gzip" && strings.TrimSpace(weight) != "q=0" {
			return true
		}
	}
	return false
}
