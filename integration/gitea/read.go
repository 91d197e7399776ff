package gitea

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
)

const (
	// pageSize is the number of a tree's entries per request.
	pageSize = 1000
	// maxPages bounds the pages of a listing. A longer one is replaced by reading the archive.
	maxPages = 20
)

// repository reads one repository.
type repository struct {
	host *Host
	api  *rest.Client
	name string
	// username and password authenticate Git.
	username, password string
}

// Connect implements integration.Readable. A password without a user name, such as the caller's, is a token.
func (h *Host) Connect(place integration.Place, token string) (integration.Repository, error) {
	return h.connect(place.Repository, token), nil
}

func (h *Host) connect(name, token string) *repository {
	account := h.account(token)
	return &repository{host: h, api: account.API, name: name, username: account.Username, password: account.Password}
}

// path is the API's path of a part of the repository. The part must be escaped.
func (r *repository) path(part string) string {
	owner, name, _ := strings.Cut(r.name, "/")
	return "/repos/" + url.PathEscape(owner) + "/" + url.PathEscape(name) + part
}

// DefaultBranch implements integration.Repository.
func (r *repository) DefaultBranch(ctx context.Context) (string, error) {
	var details struct {
		DefaultBranch string `json:"default_branch"`
	}
	_, err := r.api.JSON(ctx, r.path(""), nil, &details)
	return details.DefaultBranch, err
}

// Commit implements integration.Repository.
func (r *repository) Commit(ctx context.Context, ref, _ string) (string, error) {
	var commits []struct {
		SHA string `json:"sha"`
	}
	query := url.Values{"sha": {ref}, "limit": {"1"}, "stat": {"false"}, "files": {"false"}, "verification": {"false"}}
	_, err := r.api.JSON(ctx, r.path("/commits"), query, &commits)
	if fault.KindOf(err) == fault.NotFound || err == nil && len(commits) == 0 {
		return "", fault.Wrap(fault.NotFound, err, "%s on %s has no branch, tag or commit %s", r.name, r.host.Name(), ref)
	}
	if err != nil {
		return "", err
	}
	return commits[0].SHA, nil
}

// Refs implements integration.Repository.
func (r *repository) Refs(ctx context.Context, prefix string) ([]string, error) {
	var names []string
	for _, kind := range []string{branches, "tags/"} {
		found, err := r.matching(ctx, kind, prefix)
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	return names, nil
}

// Branches implements integration.BranchLister.
func (h *Host) Branches(ctx context.Context, repo integration.Repo, prefix, token string) ([]string, error) {
	return h.connect(repo.Owner+"/"+repo.Repo, token).matching(ctx, branches, prefix)
}

const branches = "heads/"

// matching lists the refs of a kind whose names begin with a prefix, without the kind. Gitea answers that there is
// no such ref if there is none.
func (r *repository) matching(ctx context.Context, kind, prefix string) ([]string, error) {
	var refs []struct {
		Ref string `json:"ref"`
	}
	_, err := r.api.JSON(ctx, r.path("/git/refs/"+integration.EscapePath(kind+prefix)), nil, &refs)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	var names []string
	for _, ref := range refs {
		names = append(names, strings.TrimPrefix(ref.Ref, "refs/"+kind))
	}
	return names, nil
}

// Open implements integration.Repository.
func (r *repository) Open(ctx context.Context, place integration.Place, etag string) (*http.Response, error) {
	if place.View == "" || place.Path == "" {
		return nil, errInvalidURL
	}
	return r.api.GetChanged(ctx, r.raw(place.Path), url.Values{"ref": {place.Ref}}, etag)
}

func (r *repository) raw(name string) string { return r.path("/raw/" + integration.EscapePath(name)) }

// List implements integration.Repository.
func (r *repository) List(ctx context.Context, commit, _ string) ([]integration.Entry, error) {
	var entries []integration.Entry
	query := url.Values{"recursive": {"true"}, "per_page": {strconv.Itoa(pageSize)}}
	for page := range maxPages {
		query.Set("page", strconv.Itoa(page+1))
		var listed struct {
			Tree []struct {
				Path, Mode, Type, SHA string
				Size                  int64
			}
			Truncated bool
		}
		if _, err := r.api.JSON(ctx, r.path("/git/trees/"+commit), query, &listed); err != nil {
			return nil, err
		}
		for _, entry := range listed.Tree {
			if entry.Type == "blob" && entry.Mode != integration.ModeSymlink {
				entries = append(entries, integration.Entry{Path: entry.Path, Hash: entry.SHA, Size: entry.Size})
			}
		}
		if !listed.Truncated {
			return entries, nil
		}
	}
	return nil, integration.ErrTooManyFiles
}

// Blob implements integration.Repository.
func (r *repository) Blob(ctx context.Context, commit string, entry integration.Entry, limit int64) ([]byte, error) {
	return r.api.Bytes(ctx, r.raw(entry.Path), url.Values{"ref": {commit}}, limit)
}

// Archive implements integration.Repository, with the whole tree.
func (r *repository) Archive(ctx context.Context, commit, _ string) (io.ReadCloser, error) {
	response, err := r.api.Get(ctx, r.path("/archive/"+commit+".tar.gz"), nil)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// Remote implements integration.Repository.
func (r *repository) Remote(context.Context) (integration.Remote, error) {
	return integration.Remote{URL: r.host.config.BaseURL + "/" + r.name + ".git", Username: r.username, Password: r.password}, nil
}
