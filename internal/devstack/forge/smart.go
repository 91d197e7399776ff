package forge

import (
	_ "embed" // for the hook
	"log/slog"
	"net/http"
	"net/http/cgi" //nolint:gosec // The flaw is of Go 1.6.
	"net/url"
	"os"
	"strings"
)

// maxPush bounds one push.
const maxPush = 2 << 30

const (
	uploadPack  = "git-upload-pack"
	receivePack = "git-receive-pack"
)

// gitServices are the paths of the smart protocol under a repository.
var gitServices = []string{"/info/refs", "/" + uploadPack, "/" + receivePack}

// hooksDirectory contains the hook with which a push that must not change workflows is checked.
const hooksDirectory = "hooks"

//go:embed hooks/update
var updateHook []byte

// writeHooks writes the forge's hooks to the directory where git looks for them.
func (s *store) writeHooks() error {
	if err := os.MkdirAll(s.path(hooksDirectory), 0o700); err != nil {
		return err
	}
	hook := s.path(hooksDirectory, "update")
	if err := writeFile(hook, updateHook); err != nil {
		return err
	}
	return os.Chmod(hook, 0o700)
}

// splitGitPath parses "/owner/repo.git/info/refs"; git also omits the ".git".
func splitGitPath(path string) (owner, name, service string, ok bool) {
	for _, service := range gitServices {
		rest, found := strings.CutSuffix(path, service)
		if !found {
			continue
		}
		owner, name, ok := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
		return owner, strings.TrimSuffix(name, ".git"), service, ok && !strings.Contains(name, "/")
	}
	return "", "", "", false
}

func isGitRequest(r *http.Request) bool {
	_, _, service, ok := splitGitPath(r.URL.Path)
	return ok && (service != "/info/refs" || r.URL.Query().Has("service"))
}

// serveGit passes a fetch or a push to git http-backend.
func (f *Forge) serveGit(w http.ResponseWriter, r *http.Request) {
	owner, name, service, _ := splitGitPath(r.URL.Path)
	who, err := f.identify(r)
	pushing := service == "/"+receivePack || r.URL.Query().Get("service") == receivePack
	if err != nil || pushing && who.isAnybody() {
		w.Header().Set("WWW-Authenticate", `Basic realm="Portico local forge"`)
		http.Error(w, "this needs a token as the password", http.StatusUnauthorized)
		return
	}
	repo, err := f.store.repository(owner, name)
	if err != nil {
		http.Error(w, "no such repository", http.StatusNotFound)
		return
	}
	if pushing && !who.isUser && !(who.covers(repo) && who.grant.allows("contents:write")) {
		http.Error(w, "Write access to repository not granted.", http.StatusForbidden)
		return
	}
	var limits []string
	if who.grant != nil && !who.grant.allows("workflows:write") {
		limits = append(limits, "core.hooksPath="+f.store.path(hooksDirectory))
	}
	bare := f.store.open(repo)
	backend := cgi.Handler{
		Path:   f.git.executable,
		Args:   []string{"http-backend"},
		Dir:    bare.directory,
		Env:    append(f.git.environment(limits...), "GIT_PROJECT_ROOT="+bare.directory, "GIT_HTTP_EXPORT_ALL=1"),
		Logger: slog.NewLogLogger(f.log.Handler(), slog.LevelWarn),
	}
	backend.ServeHTTP(w, backendRequest(w, r, service))
	if service != "/"+receivePack {
		return
	}
	if err := bare.settleDefaultBranch(r.Context()); err != nil {
		f.log.Error("default branch after a push", "repository", repo.FullName(), "error", err)
	}
	pushed := func(repo *repository) error { repo.PushedAt = now(); return nil }
	if _, err := f.store.updateRepository(owner, name, pushed); err != nil {
		f.log.Error("time of a push", "repository", repo.FullName(), "error", err)
	}
}

// backendRequest is the request in the form that http-backend needs: the path within the repository, and a
// body that is not marked as chunked, which net/http/cgi rejects. The token is not passed to the child's
// environment.
func backendRequest(w http.ResponseWriter, r *http.Request, service string) *http.Request {
	inner := r.Clone(r.Context())
	inner.URL = &url.URL{Path: service, RawQuery: r.URL.RawQuery}
	inner.Header.Del("Authorization")
	inner.TransferEncoding = nil
	inner.Body = http.MaxBytesReader(w, r.Body, maxPush)
	return inner
}
