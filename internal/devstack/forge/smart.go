package forge

import (
	_ "embed" // for the hook
	"net/http"
	"os"
	"strings"

	"github.com/portico-dev/portico/internal/devstack/githttp"
)

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

// isGitRequest recognizes a request of git, which is about "owner/name".
func isGitRequest(r *http.Request) bool {
	request, ok := githttp.Parse(r)
	return ok && strings.Count(request.Repository, "/") == 1
}

// serveGit passes a fetch or a push to git.
func (f *Forge) serveGit(w http.ResponseWriter, r *http.Request) {
	request, _ := githttp.Parse(r)
	owner, name, _ := strings.Cut(request.Repository, "/")
	who, err := f.identify(r)
	if err != nil || request.Pushes && who.isAnybody() {
		w.Header().Set("WWW-Authenticate", `Basic realm="Portico local forge"`)
		http.Error(w, "this needs a token as the password", http.StatusUnauthorized)
		return
	}
	repo, err := f.store.repository(owner, name)
	if err != nil {
		http.Error(w, "no such repository", http.StatusNotFound)
		return
	}
	if request.Pushes && !who.isUser && !(who.covers(repo) && who.grant.allows("contents:write")) {
		http.Error(w, "Write access to repository not granted.", http.StatusForbidden)
		return
	}
	var limits []string
	if who.grant != nil && !who.grant.allows("workflows:write") {
		limits = append(limits, "core.hooksPath="+f.store.path(hooksDirectory))
	}
	bare := f.store.open(repo)
	before, err := bare.references(r.Context(), "refs/heads")
	if err != nil {
		http.Error(w, "the repository cannot be read", http.StatusInternalServerError)
		return
	}
	backend := githttp.Backend{Executable: f.git.executable, Environment: f.git.environment(limits...), Log: f.log}
	backend.Serve(w, r, request, bare.directory)
	if !request.Writes {
		return
	}
	if err := bare.settleDefaultBranch(r.Context()); err != nil {
		f.log.Error("default branch after a push", "repository", repo.FullName(), "error", err)
	}
	pushed := func(repo *repository) error { repo.PushedAt = now(); return nil }
	if _, err := f.store.updateRepository(owner, name, pushed); err != nil {
		f.log.Error("time of a push", "repository", repo.FullName(), "error", err)
	}
	if err := f.startPushed(r.Context(), repo, before); err != nil {
		f.log.Error("workflows of a push", "repository", repo.FullName(), "error", err)
	}
}
