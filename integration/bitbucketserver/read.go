package bitbucketserver

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
)

// repository reads one repository.
type repository struct {
	host *Host
	api  *rest.Client
	name string
	// username and password authenticate Git.
	username, password string
}

// Connect implements integration.Readable.
func (h *Host) Connect(place integration.Place, token string) (integration.Repository, error) {
	account := h.Account(token)
	return &repository{host: h, api: account.API, name: place.Repository, username: account.Username, password: account.Password}, nil
}

// path is the API's path of a part of the repository. The part must be escaped. A user's repositories are in
// a project whose key begins with ~.
func (r *repository) path(part string) string {
	owner, rest, _ := strings.Cut(r.name, "/")
	if owner == "users" {
		rest = "~" + rest
	}
	return "/projects/" + integration.EscapePath(rest) + part
}

// DefaultBranch implements integration.Repository. Versions before 7 have another endpoint for it.
func (r *repository) DefaultBranch(ctx context.Context) (string, error) {
	var branch struct {
		DisplayID string `json:"displayId"`
	}
	_, err := r.api.JSON(ctx, r.path("/default-branch"), nil, &branch)
	if fault.KindOf(err) == fault.NotFound {
		_, err = r.api.JSON(ctx, r.path("/branches/default"), nil, &branch)
	}
	return branch.DisplayID, err
}

// Commit implements integration.Repository.
func (r *repository) Commit(ctx context.Context, ref, _ string) (string, error) {
	var page struct {
		Values []struct{ ID string }
	}
	_, err := r.api.JSON(ctx, r.path("/commits"), url.Values{"until": {ref}, "limit": {"1"}}, &page)
	if fault.KindOf(err) == fault.NotFound || err == nil && len(page.Values) == 0 {
		return "", fault.Wrap(fault.NotFound, err, "%s on %s has no branch, tag or commit %s", r.name, r.host.Name(), ref)
	}
	if err != nil {
		return "", err
	}
	return page.Values[0].ID, nil
}

// Refs implements integration.Repository. It lists nothing, because URLs of this host contain complete
// branches and tags.
func (*repository) Refs(context.Context, string) ([]string, error) { return nil, nil }

// Open implements integration.Repository. The ETag is the commit, which is requested first, because the host
// does not guarantee an ETag for files.
func (r *repository) Open(ctx context.Context, place integration.Place, etag string) (*http.Response, error) {
	if place.View == "" || place.Path == "" {
		return nil, errInvalidURL
	}
	_, commit, err := integration.CommitAt(ctx, r.host, r, place, etag)
	if err != nil {
		return nil, err
	}
	response, err := r.api.Get(ctx, r.raw(place.Path), url.Values{"at": {commit}})
	if err != nil {
		return nil, err
	}
	response.Header.Set("ETag", commit)
	return response, nil
}

func (r *repository) raw(name string) string { return r.path("/raw/" + integration.EscapePath(name)) }

// List implements integration.Repository. It returns ErrTooManyFiles, because the host's lists do not
// distinguish links from files.
func (*repository) List(context.Context, string, string) ([]integration.Entry, error) {
	return nil, integration.ErrTooManyFiles
}

// Blob implements integration.Repository.
func (r *repository) Blob(ctx context.Context, commit string, entry integration.Entry, limit int64) ([]byte, error) {
	return r.api.Bytes(ctx, r.raw(entry.Path), url.Values{"at": {commit}}, limit)
}

// Archive implements integration.Repository, with the whole tree.
func (r *repository) Archive(ctx context.Context, commit, _ string) (io.ReadCloser, error) {
	response, err := r.api.Get(ctx, r.path("/archive"), url.Values{"at": {commit}, "format": {"tgz"}, "prefix": {"repository/"}})
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// Remote implements integration.Repository: https://host/scm/KEY/repo.git. The key of a user's project begins
// with ~.
func (r *repository) Remote(context.Context) (integration.Remote, error) {
	names := strings.Split(strings.TrimPrefix(r.path(""), "/"), "/")
	return integration.Remote{URL: r.host.baseURL() + "/scm/" + names[1] + "/" + names[3] + ".git", Username: r.username, Password: r.password}, nil
}
