package bitbucketcloud

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
)

const (
	// pageSize is the maximum page size of Bitbucket.
	pageSize = "100"
	// maxPages bounds the pages of a listing.
	maxPages = 100
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

// path is the API's path of a part of the repository. The part must be escaped.
func (r *repository) path(part string) string {
	return "/repositories/" + integration.EscapePath(r.name) + part
}

// DefaultBranch implements integration.Repository.
func (r *repository) DefaultBranch(ctx context.Context) (string, error) {
	var details struct {
		MainBranch struct{ Name string } `json:"mainbranch"`
	}
	_, err := r.api.JSON(ctx, r.path(""), nil, &details)
	return details.MainBranch.Name, err
}

// refs returns the branches and tags that match a query in Bitbucket's query language. complete is false when
// there are more than maxPages pages of them.
func (r *repository) refs(ctx context.Context, query string) (found []ref, complete bool, err error) {
	found, complete, err = pages[ref](ctx, r.api, r.path("/refs"), url.Values{"q": {query}}, maxPages)
	if !complete {
		found = nil
	}
	return found, complete, err
}

// pages reads at most so many pages of a listing. complete is false when there are more.
func pages[T any](ctx context.Context, api *rest.Client, path string, query url.Values, limit int) (found []T, complete bool, err error) {
	query = maps.Clone(query)
	if query == nil {
		query = url.Values{}
	}
	query.Set("pagelen", pageSize)
	for number := range limit {
		var page struct {
			Values []T
			// Next is the URL of the next page, "" for the last.
			Next string
		}
		query.Set("page", strconv.Itoa(number+1))
		if _, err := api.JSON(ctx, path, query, &page); err != nil {
			return nil, false, err
		}
		found = append(found, page.Values...)
		if page.Next == "" {
			return found, true, nil
		}
	}
	return found, false, nil
}

// ref is a branch or a tag.
type ref struct {
	Name   string
	Target struct{ Hash string }
}

// Commit implements integration.Repository. It looks for branches and tags first, because the API's path of a
// commit cannot contain a branch with slashes.
func (r *repository) Commit(ctx context.Context, name, _ string) (string, error) {
	found, _, err := r.refs(ctx, "name = "+strconv.Quote(name))
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return found[0].Target.Hash, nil
	}
	missing := fault.New(fault.NotFound, "%s on %s has no branch, tag or commit %s", r.name, r.host.Name(), name)
	if strings.Contains(name, "/") {
		return "", missing
	}
	var commit struct{ Hash string }
	_, err = r.api.JSON(ctx, r.path("/commit/"+url.PathEscape(name)), nil, &commit)
	if fault.KindOf(err) == fault.NotFound {
		return "", missing
	}
	return commit.Hash, err
}

// Refs implements integration.Repository.
func (r *repository) Refs(ctx context.Context, prefix string) ([]string, error) {
	found, complete, err := r.refs(ctx, "name ~ "+strconv.Quote(prefix))
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !complete {
		return nil, integration.TooManyRefs(r.name, prefix)
	}
	return withPrefix(found, prefix), nil
}

// withPrefix are the names that begin with a prefix: Bitbucket finds those that contain it.
func withPrefix(found []ref, prefix string) []string {
	var names []string
	for _, each := range found {
		if strings.HasPrefix(each.Name, prefix) {
			names = append(names, each.Name)
		}
	}
	return names
}

// Open implements integration.Repository. For a name with slashes, which the API's path cannot contain, it
// reads the commit instead.
func (r *repository) Open(ctx context.Context, place integration.Place, etag string) (*http.Response, error) {
	if place.View == "" || place.Path == "" {
		return nil, errInvalidURL
	}
	at := place.Ref
	if strings.Contains(at, "/") {
		commit, err := r.Commit(ctx, at, "")
		if err != nil {
			return nil, err
		}
		at = commit
	}
	return r.api.GetChanged(ctx, r.path("/src/"+url.PathEscape(at)+"/"+integration.EscapePath(place.Path)), nil, etag)
}

// List implements integration.Repository. It returns ErrTooManyFiles: Bitbucket lists few files per request,
// and deep listings may time out.
func (*repository) List(context.Context, string, string) ([]integration.Entry, error) {
	return nil, integration.ErrTooManyFiles
}

// Blob implements integration.Repository.
func (r *repository) Blob(ctx context.Context, commit string, entry integration.Entry, limit int64) ([]byte, error) {
	return r.api.Bytes(ctx, r.path("/src/"+commit+"/"+integration.EscapePath(entry.Path)), nil, limit)
}

// Archive implements integration.Repository, with the whole tree. The website provides it, not the API.
func (r *repository) Archive(ctx context.Context, commit, _ string) (io.ReadCloser, error) {
	response, err := r.api.Get(ctx, r.host.config.BaseURL+"/"+integration.EscapePath(r.name)+"/get/"+commit+".tar.gz", nil)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// Remote implements integration.Repository.
func (r *repository) Remote(context.Context) (integration.Remote, error) {
	return integration.Remote{URL: r.host.config.BaseURL + "/" + r.name + ".git", Username: r.username, Password: r.password}, nil
}
