package gitlab

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
)

const (
	// pageSize is the maximum page size of GitLab.
	pageSize = "100"
	// maxPages bounds the pages of a listing. A longer one of files is replaced by reading the archive.
	maxPages = 100
)

// project reads one project.
type project struct {
	host        *Host
	api         *rest.Client
	name, token string
}

// Connect implements integration.Readable. All kinds of tokens are sent the same way.
func (h *Host) Connect(place integration.Place, token string) (integration.Repository, error) {
	return h.connect(place.Repository, cmp.Or(token, h.config.Token)), nil
}

// connect prepares to read a project with a token.
func (h *Host) connect(name, token string) *project {
	api := rest.New(rest.Options{
		Name: h.Name(), Key: "integrations.gitlab", BaseURL: h.config.APIBaseURL, Transport: h.over(token, false), Authenticate: rest.Bearer(token),
	})
	return &project{host: h, api: api, name: name, token: token}
}

// path is the API's path of a part of the project.
func (p *project) path(parts ...string) string {
	return integration.JoinPath("", append([]string{"projects", p.name}, parts...)...).EscapedPath()
}

// DefaultBranch implements integration.Repository.
func (p *project) DefaultBranch(ctx context.Context) (string, error) {
	var details struct {
		DefaultBranch string `json:"default_branch"`
	}
	_, err := p.api.JSON(ctx, p.path(), nil, &details)
	return details.DefaultBranch, err
}

// Commit implements integration.Repository.
func (p *project) Commit(ctx context.Context, ref, _ string) (string, error) {
	var commit struct {
		ID string `json:"id"`
	}
	_, err := p.api.JSON(ctx, p.path("repository", "commits", ref), nil, &commit)
	if fault.KindOf(err) == fault.NotFound {
		return "", fault.Wrap(fault.NotFound, err, "%s on %s has no branch, tag or commit %s", p.name, p.host.Name(), ref)
	}
	return commit.ID, err
}

// Refs implements integration.Repository.
func (p *project) Refs(ctx context.Context, prefix string) ([]string, error) {
	var names []string
	for _, kind := range []string{branches, "tags"} {
		found, complete, err := p.named(ctx, kind, prefix)
		if fault.KindOf(err) == fault.NotFound {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if !complete {
			return nil, integration.TooManyRefs(p.name, prefix)
		}
		names = append(names, found...)
	}
	return names, nil
}

const branches = "branches"

// named lists the branches or tags whose names begin with a prefix.
func (p *project) named(ctx context.Context, kind, prefix string) (names []string, complete bool, err error) {
	query := url.Values{}
	if prefix != "" {
		query.Set("search", "^"+prefix)
	}
	refs, complete, err := list[struct {
		Name string `json:"name"`
	}](ctx, p, kind, query)
	for _, ref := range refs {
		names = append(names, ref.Name)
	}
	return names, complete, err
}

// Branches implements integration.BranchLister. A project may be named by its number alone.
func (h *Host) Branches(ctx context.Context, repo integration.Repo, prefix, token string) ([]string, error) {
	names, _, err := h.connect(nameOf(repo), cmp.Or(token, h.config.Token)).named(ctx, branches, prefix)
	return names, err
}

// Open implements integration.Repository. The ETag is the content's hash, which GitLab sends in a header.
func (p *project) Open(ctx context.Context, place integration.Place, etag string) (*http.Response, error) {
	if place.View == "" || place.Path == "" {
		return nil, errInvalidURL
	}
	response, err := p.api.Get(ctx, p.path("repository", "files", place.Path, "raw"), url.Values{"ref": {place.Ref}})
	if err != nil {
		return nil, err
	}
	hash := response.Header.Get("X-Gitlab-Blob-Id")
	if hash != "" && hash == etag {
		response.Body.Close()
		return nil, integration.ErrNotModified
	}
	response.Header.Set("ETag", hash)
	return response, nil
}

// List implements integration.Repository. It lists the files below directory.
func (p *project) List(ctx context.Context, commit, directory string) ([]integration.Entry, error) {
	query := url.Values{"ref": {commit}, "recursive": {"true"}, "pagination": {"keyset"}}
	if directory != "" {
		query.Set("path", directory)
	}
	listed, complete, err := list[struct{ ID, Type, Path, Mode string }](ctx, p, "tree", query)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil // The commit exists, so the directory does not.
	}
	if err != nil {
		return nil, err
	}
	if !complete {
		return nil, integration.ErrTooManyFiles
	}
	var entries []integration.Entry
	for _, entry := range listed {
		if entry.Type == "blob" && entry.Mode != integration.ModeSymlink {
			entries = append(entries, integration.Entry{Path: entry.Path, Hash: entry.ID, Size: -1})
		}
	}
	return entries, nil
}

// list reads a listing of the repository page by page. complete is false when it has more than maxPages.
func list[T any](ctx context.Context, p *project, part string, query url.Values) (listed []T, complete bool, err error) {
	listed, complete, err = pages[T](ctx, p.api, p.path("repository", part), query, maxPages)
	if !complete {
		listed = nil
	}
	return listed, complete, err
}

// pages reads at most so many pages of a listing. complete is false when it has more.
func pages[T any](ctx context.Context, api *rest.Client, path string, query url.Values, limit int) (listed []T, complete bool, err error) {
	query.Set("per_page", pageSize)
	for range limit {
		var page []T
		header, err := api.JSON(ctx, path, query, &page)
		if err != nil {
			return nil, false, err
		}
		listed = append(listed, page...)
		next, more := nextPage(header)
		if !more {
			return listed, true, nil
		}
		query.Set("page", next.Get("page"))
		query.Set("page_token", next.Get("page_token"))
	}
	return listed, false, nil
}

// nextPage is the query for the next page, if there is one. Older GitLabs number the pages; newer ones return
// a cursor.
func nextPage(header http.Header) (query url.Values, more bool) {
	for link := range strings.SplitSeq(header.Get("Link"), ",") {
		address, relation, _ := strings.Cut(link, ";")
		parsed, err := url.Parse(strings.Trim(address, " <>"))
		if err == nil && strings.Contains(relation, `rel="next"`) {
			return parsed.Query(), true
		}
	}
	return nil, false
}

// Blob implements integration.Repository.
func (p *project) Blob(ctx context.Context, _ string, entry integration.Entry, limit int64) ([]byte, error) {
	return p.api.Bytes(ctx, p.path("repository", "blobs", entry.Hash, "raw"), nil, limit)
}

// Archive implements integration.Repository. It first checks that the directory exists, because GitLab aborts
// an archive in the middle otherwise.
func (p *project) Archive(ctx context.Context, commit, directory string) (io.ReadCloser, error) {
	query := url.Values{"sha": {commit}}
	if directory != "" {
		below := url.Values{"ref": {commit}, "path": {directory}, "per_page": {"1"}}
		var page []struct{}
		if _, err := p.api.JSON(ctx, p.path("repository", "tree"), below, &page); err != nil {
			return nil, err
		}
		query.Set("path", directory)
	}
	response, err := p.api.Get(ctx, p.path("repository", "archive.tar.gz"), query)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// Remote implements integration.Repository.
func (p *project) Remote(context.Context) (integration.Remote, error) {
	return integration.Remote{URL: p.host.config.BaseURL + "/" + p.name + ".git", Username: "oauth2", Password: p.token}, nil
}
