package forge

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// maxShown bounds the part of a file or a patch that a page shows.
	maxShown       = 512 << 10
	commitsPerPage = 100
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// contentPolicy allows the pages to load only their own style sheet and icons, so that a repository's content
// cannot run.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

var pageFunctions = template.FuncMap{
	"escapePath": escapePath,
	"day":        func(t time.Time) string { return t.Format("2 Jan 2006, 15:04 MST") },
	"machine":    timestamp,
}

var pageTemplates = parsePages("home", "owner", "repository", "file", "commits", "commit", "issues", "pulls", "pull", "runs", "failure")

// parsePages combines every page with the layout.
func parsePages(names ...string) map[string]*template.Template {
	layout := template.Must(template.New("").Funcs(pageFunctions).ParseFS(pageFiles, "pages/layout.html"))
	parsed := map[string]*template.Template{}
	for _, name := range names {
		parsed[name] = template.Must(template.Must(layout.Clone()).ParseFS(pageFiles, "pages/"+name+".html"))
	}
	return parsed
}

// view is the data of the pages. A page uses the part that concerns it.
type view struct {
	Title   string
	Owners  []*account
	Owner   *account
	Repo    *repository
	Repos   []*repository
	Clone   string
	Ref     string
	Crumbs  []crumb
	Path    string
	Entries []treeEntry
	Entry   treeEntry
	Text    string
	Binary  bool
	Cut     bool
	Readme  string
	Tip     *commit
	Commits []commit
	Commit  commit
	// Branches and Tags are the choices of a page about one of them.
	Branches, Tags []reference
	Runs           []shownRun
	Pull           pull
	Status         int
	Message        string
}

// crumb is one step of the path to a file.
type crumb struct{ Name, Path string }

// Lines are the lines of the file that the page shows.
func (v *view) Lines() []string { return strings.Split(strings.TrimSuffix(v.Text, "\n"), "\n") }

type page func(*Forge, http.ResponseWriter, *http.Request) error

func (f *Forge) pagesHandler() http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]page{
		"GET /{$}":                                    (*Forge).showHome,
		"GET /{owner}":                                (*Forge).showOwner,
		"GET /{owner}/{repo}":                         (*Forge).showRepository,
		"GET /{owner}/{repo}/tree/{rest...}":          (*Forge).showPath,
		"GET /{owner}/{repo}/blob/{rest...}":          (*Forge).showPath,
		"GET /{owner}/{repo}/raw/{rest...}":           (*Forge).sendRaw,
		"GET /{owner}/{repo}/commits":                 (*Forge).showCommits,
		"GET /{owner}/{repo}/commits/{rest...}":       (*Forge).showCommits,
		"GET /{owner}/{repo}/commit/{hash}":           (*Forge).showCommit,
		"GET /{owner}/{repo}/issues":                  (*Forge).showIssues,
		"GET /{owner}/{repo}/issues/{number}":         (*Forge).showIssues,
		"GET /{owner}/{repo}/actions":                 (*Forge).showRuns,
		"GET /{owner}/{repo}/actions/runs/{run_id}":   (*Forge).showRuns,
		"GET /{owner}/{repo}/pulls":                   (*Forge).showPulls,
		"GET /{owner}/{repo}/pull/{number}":           (*Forge).showPull,
		"POST /{owner}/{repo}/pull/{number}":          (*Forge).mergeFromPage,
		"GET /{owner}/{repo}/legacy.tar.gz/{rest...}": (*Forge).sendTarball,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := serve(f, w, r); err != nil {
				f.showFailure(w, r, err)
			}
		})
	}
	mux.Handle("GET /assets/{file}", http.FileServerFS(assetFiles))
	return mux
}

func (f *Forge) render(w http.ResponseWriter, status int, name string, shown view) error {
	var rendered bytes.Buffer
	if err := pageTemplates[name].ExecuteTemplate(&rendered, "layout", &shown); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	w.Write(rendered.Bytes()) //nolint:errcheck // The client has gone.
	return nil
}

func (f *Forge) showFailure(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		return // the client has gone, as it does when it has read enough of a tarball
	}
	shown := view{Title: "Not found", Status: http.StatusNotFound, Message: "There is nothing under this address."}
	if !errors.Is(err, errNotFound) && !errors.Is(err, errNoRevision) {
		f.log.Error("local Git forge page", "path", r.URL.Path, "error", err)
		shown = view{Title: "Error", Status: http.StatusInternalServerError, Message: "This page could not be shown; the log says why."}
	}
	if err := f.render(w, shown.Status, "failure", shown); err != nil {
		http.Error(w, shown.Message, shown.Status)
	}
}

func (f *Forge) showHome(w http.ResponseWriter, _ *http.Request) error {
	shown := view{Title: "Local Git forge", Owners: f.store.listOwners()}
	for _, owner := range shown.Owners {
		shown.Repos = append(shown.Repos, f.store.listRepositories(owner.Login)...)
	}
	slices.SortFunc(shown.Repos, func(a, b *repository) int { return b.PushedAt.Compare(a.PushedAt) })
	return f.render(w, http.StatusOK, "home", shown)
}

func (f *Forge) showOwner(w http.ResponseWriter, r *http.Request) error {
	owner, err := f.store.owner(r.PathValue("owner"))
	if err != nil {
		return err
	}
	shown := view{Title: owner.Login, Owner: owner, Repos: f.store.listRepositories(owner.Login)}
	return f.render(w, http.StatusOK, "owner", shown)
}

// about creates the view of any page of a repository.
func (f *Forge) about(r *http.Request) (view, gitRepository, error) {
	repo, err := f.store.repository(r.PathValue("owner"), r.PathValue("repo"))
	if err != nil {
		return view{}, gitRepository{}, err
	}
	bare := f.store.open(repo)
	shown := view{Title: repo.FullName(), Repo: repo, Clone: "http://" + r.Host + "/" + repo.FullName() + ".git"}
	if shown.Branches, err = bare.references(r.Context(), "refs/heads"); err != nil {
		return view{}, gitRepository{}, err
	}
	if shown.Tags, err = bare.references(r.Context(), "refs/tags"); err != nil {
		return view{}, gitRepository{}, err
	}
	shown.Ref, err = bare.defaultBranch()
	return shown, bare, err
}

// at splits "<ref>/<path>" into the longest matching branch or tag, else the first segment as a hash, and the
// rest.
func (v *view) at(r *http.Request, bare gitRepository, rest string) (hash string, err error) {
	ref, _, _ := strings.Cut(rest, "/")
	longest := 0
	for _, one := range slices.Concat(v.Branches, v.Tags) {
		if name := one.Short(); len(name) > longest && (rest == name || strings.HasPrefix(rest, name+"/")) {
			ref, longest = name, len(name)
		}
	}
	v.Ref, v.Path = ref, strings.Trim(strings.TrimPrefix(rest, ref), "/")
	walked := ""
	for name := range strings.SplitSeq(v.Path, "/") {
		walked = path.Join(walked, name)
		v.Crumbs = append(v.Crumbs, crumb{Name: name, Path: walked})
	}
	return bare.resolve(r.Context(), ref)
}

// showRepository also serves the URL that git clones from, to which actions link as the repository's page.
func (f *Forge) showRepository(w http.ResponseWriter, r *http.Request) error {
	if name, forGit := strings.CutSuffix(r.PathValue("repo"), ".git"); forGit {
		repo, err := f.store.repository(r.PathValue("owner"), name)
		if err != nil {
			return err
		}
		http.Redirect(w, r, "/"+repo.FullName(), http.StatusMovedPermanently)
		return nil
	}
	shown, bare, err := f.about(r)
	if err != nil {
		return err
	}
	if len(shown.Branches) == 0 {
		return f.render(w, http.StatusOK, "repository", shown)
	}
	hash, err := bare.resolve(r.Context(), shown.Ref)
	if err != nil {
		return err
	}
	return f.showDirectory(w, r, shown, bare, hash)
}

func (f *Forge) showPath(w http.ResponseWriter, r *http.Request) error {
	shown, bare, err := f.about(r)
	if err != nil {
		return err
	}
	hash, err := shown.at(r, bare, r.PathValue("rest"))
	if err != nil {
		return err
	}
	if shown.Path == "" {
		return f.showDirectory(w, r, shown, bare, hash)
	}
	if shown.Entry, err = bare.entry(r.Context(), hash, shown.Path); err != nil {
		return err
	}
	shown.Title = shown.Path + " · " + shown.Repo.FullName()
	if shown.Entry.IsTree() {
		return f.showDirectory(w, r, shown, bare, hash)
	}
	return f.showFile(w, r, shown, bare, hash)
}

func (f *Forge) showDirectory(w http.ResponseWriter, r *http.Request, shown view, bare gitRepository, hash string) error {
	var err error
	if shown.Entries, err = bare.list(r.Context(), hash+":"+shown.Path, false); err != nil {
		return err
	}
	slices.SortStableFunc(shown.Entries, func(a, b treeEntry) int { return strings.Compare(b.Type, a.Type) })
	if err := shown.lastCommit(r, bare, hash); err != nil {
		return err
	}
	for _, entry := range shown.Entries {
		if !strings.HasPrefix(strings.ToLower(entry.Path), "readme") || entry.IsTree() || entry.Size > maxShown {
			continue
		}
		content, err := bare.blob(r.Context(), entry.Hash)
		if err != nil {
			return err
		}
		shown.Readme = strings.ToValidUTF8(string(content), "�")
		break
	}
	return f.render(w, http.StatusOK, "repository", shown)
}

// lastCommit finds the last commit that touched the path of the page.
func (v *view) lastCommit(r *http.Request, bare gitRepository, hash string) error {
	found, err := bare.commits(r.Context(), hash, v.Path, 1, 0)
	if err == nil && len(found) == 1 {
		v.Tip = &found[0]
	}
	return err
}

func (f *Forge) showFile(w http.ResponseWriter, r *http.Request, shown view, bare gitRepository, hash string) error {
	if err := shown.lastCommit(r, bare, hash); err != nil {
		return err
	}
	if shown.Entry.Type == "blob" && shown.Entry.Size <= maxContent {
		content, err := bare.blob(r.Context(), shown.Entry.Hash)
		if err != nil {
			return err
		}
		shown.Binary = bytes.IndexByte(content, 0) >= 0 || !utf8.Valid(content)
		shown.Cut = len(content) > maxShown
		shown.Text = string(content[:min(len(content), maxShown)])
	}
	return f.render(w, http.StatusOK, "file", shown)
}

// sendRaw sends a file as text or as a download, so that a browser does not run it.
func (f *Forge) sendRaw(w http.ResponseWriter, r *http.Request) error {
	shown, bare, err := f.about(r)
	if err != nil {
		return err
	}
	hash, err := shown.at(r, bare, r.PathValue("rest"))
	if err != nil {
		return err
	}
	entry, err := bare.entry(r.Context(), hash, shown.Path)
	if err != nil {
		return err
	}
	if entry.Type != "blob" {
		return fmt.Errorf("%s is not a file: %w", shown.Path, errNotFound)
	}
	content, err := bare.blob(r.Context(), entry.Hash)
	if err != nil {
		return err
	}
	contentType := "text/plain; charset=utf-8"
	if !utf8.Valid(content) {
		contentType = "application/octet-stream"
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", contentPolicy)
	w.Write(content) //nolint:errcheck,gosec // The client may have gone. The content is sent as text, under a policy that runs nothing.
	return nil
}

func (f *Forge) sendTarball(w http.ResponseWriter, r *http.Request) error {
	shown, bare, err := f.about(r)
	if err != nil {
		return err
	}
	hash, err := bare.resolve(r.Context(), r.PathValue("rest"))
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%s-%s", shown.Repo.Owner, shown.Repo.Name, hash[:7])
	w.Header().Set("Content-Type", "application/x-gzip")
	w.Header().Set("Content-Disposition", "attachment; filename="+name+".tar.gz")
	return bare.archive(r.Context(), w, hash, name+"/")
}

func (f *Forge) showCommits(w http.ResponseWriter, r *http.Request) error {
	shown, bare, err := f.about(r)
	if err != nil {
		return err
	}
	rest := r.PathValue("rest")
	if rest == "" {
		rest = shown.Ref
	}
	hash, err := shown.at(r, bare, rest)
	if err != nil {
		return err
	}
	shown.Title = "Commits · " + shown.Repo.FullName()
	if shown.Commits, err = bare.commits(r.Context(), hash, shown.Path, commitsPerPage, 0); err != nil {
		return err
	}
	return f.render(w, http.StatusOK, "commits", shown)
}

func (f *Forge) showCommit(w http.ResponseWriter, r *http.Request) error {
	shown, bare, err := f.about(r)
	if err != nil {
		return err
	}
	hash, err := bare.resolve(r.Context(), r.PathValue("hash"))
	if err != nil {
		return err
	}
	if shown.Commit, err = bare.commit(r.Context(), hash); err != nil {
		return err
	}
	patch, err := bare.patch(r.Context(), hash)
	if err != nil {
		return err
	}
	shown.Title = shown.Commit.Subject() + " · " + shown.Repo.FullName()
	shown.Cut = len(patch) > maxShown
	shown.Text = strings.ToValidUTF8(patch[:min(len(patch), maxShown)], "�")
	return f.render(w, http.StatusOK, "commit", shown)
}

func (f *Forge) showIssues(w http.ResponseWriter, r *http.Request) error {
	shown, _, err := f.about(r)
	if err != nil {
		return err
	}
	shown.Title = "Issues · " + shown.Repo.FullName()
	return f.render(w, http.StatusOK, "issues", shown)
}

// shownRun is a run of a workflow as the page shows it.
type shownRun struct {
	workflowRun

	Progress string
}

// showRuns shows the runs of the repository's workflows, or the one of the path.
func (f *Forge) showRuns(w http.ResponseWriter, r *http.Request) error {
	shown, _, err := f.about(r)
	if err != nil {
		return err
	}
	for _, run := range slices.Backward(shown.Repo.WorkflowRuns) {
		if wanted := r.PathValue("run_id"); wanted != "" && wanted != strconv.FormatInt(run.ID, 10) {
			continue
		}
		status, conclusion, _ := run.progress(f.workflowTime, time.Now())
		shown.Runs = append(shown.Runs, shownRun{workflowRun: run, Progress: cmp.Or(conclusion, status)})
	}
	shown.Title = "Actions · " + shown.Repo.FullName()
	return f.render(w, http.StatusOK, "runs", shown)
}
