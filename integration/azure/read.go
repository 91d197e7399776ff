package azure

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
)

// apiVersion is the oldest version of the API that supports all requests made here.
const apiVersion = "6.0"

// repository reads one repository.
type repository struct {
	host *Host
	api  *rest.Client
	// organization, project and name are the parts of the repository's name.
	organization, project, name string
	// kind is the type of the place's ref: branch, tag or commit.
	kind string
	// token authenticates Git.
	token string
}

// Connect implements integration.Readable.
func (h *Host) Connect(place integration.Place, token string) (integration.Repository, error) {
	names := strings.Split(place.Repository, "/")
	last := len(names) - 1
	r := &repository{host: h, organization: strings.Join(names[:last-1], "/"), project: names[last-1], name: names[last], kind: versions[place.View]}
	if r.kind == "" {
		r.kind = versions[branchView]
	}
	if r.token = token; token == "" {
		r.token = h.config.tokenFor(r.organization)
	}
	r.api = rest.New(rest.Options{
		Name: h.Name(), Key: "integrations.azure", BaseURL: h.config.BaseURL, Transport: h.transport, Authenticate: rest.Basic("", r.token),
	})
	return r, nil
}

// tokenFor is the token of the credential that names an organization, else of one that names none, else "".
func (c Config) tokenFor(organization string) string {
	for _, names := range []bool{true, false} {
		found := slices.IndexFunc(c.Credentials, func(credential Credential) bool {
			if len(credential.Organizations) == 0 {
				return !names
			}
			return slices.ContainsFunc(credential.Organizations, func(name string) bool { return strings.EqualFold(name, organization) })
		})
		if found >= 0 {
			return c.Credentials[found].PersonalAccessToken
		}
	}
	return ""
}

// fullName is the repository's name in messages.
func (r *repository) fullName() string { return r.organization + "/" + r.project + "/" + r.name }

// path is the API's path of a part of the repository.
func (r *repository) path(part string) string {
	return integration.JoinPath("", append(strings.Split(r.organization, "/"), r.project, "_apis", "git", "repositories", r.name)...).EscapedPath() + part
}

// parameters are those of every request, plus more.
func parameters(more map[string]string) url.Values {
	query := url.Values{"api-version": {apiVersion}}
	for name, value := range more {
		query.Set(name, value)
	}
	return query
}

// itemsAt are the parameters of a request for items at a commit.
func itemsAt(commit string, more map[string]string) url.Values {
	query := parameters(more)
	query.Set("versionDescriptor.versionType", "commit")
	query.Set("versionDescriptor.version", commit)
	return query
}

// DefaultBranch implements integration.Repository.
func (r *repository) DefaultBranch(ctx context.Context) (string, error) {
	var details struct {
		DefaultBranch string `json:"defaultBranch"`
	}
	_, err := r.api.JSON(ctx, r.path(""), parameters(nil), &details)
	return strings.TrimPrefix(details.DefaultBranch, "refs/heads/"), err
}

// Commit implements integration.Repository.
func (r *repository) Commit(ctx context.Context, ref, _ string) (string, error) {
	var page struct {
		Value []struct {
			CommitID string `json:"commitId"`
		}
	}
	query := parameters(map[string]string{
		"searchCriteria.itemVersion.version": ref, "searchCriteria.itemVersion.versionType": r.kind, "searchCriteria.$top": "1",
	})
	_, err := r.api.JSON(ctx, r.path("/commits"), query, &page)
	if fault.KindOf(err) == fault.NotFound || err == nil && len(page.Value) == 0 {
		return "", fault.Wrap(fault.NotFound, err, "%s on %s has no %s %s", r.fullName(), r.host.Name(), r.kind, ref)
	}
	if err != nil {
		return "", err
	}
	return page.Value[0].CommitID, nil
}

// Refs implements integration.Repository. It lists nothing, because URLs of this host contain complete
// branches and tags.
func (*repository) Refs(context.Context, string) ([]string, error) { return nil, nil }

// Open implements integration.Repository. The ETag is the commit, which is requested first, because the host
// returns no ETag for files.
func (r *repository) Open(ctx context.Context, place integration.Place, etag string) (*http.Response, error) {
	if place.Path == "" {
		return nil, &integration.URLError{Problem: "Azure URL must point to a specific path to be able to download a file"}
	}
	_, commit, err := integration.CommitAt(ctx, r.host, r, place, etag)
	if err != nil {
		return nil, err
	}
	response, err := r.api.Get(ctx, r.path("/items"), itemsAt(commit, map[string]string{"path": "/" + place.Path, "$format": "octetStream"}))
	if err != nil {
		return nil, err
	}
	response.Header.Set("ETag", commit)
	return response, nil
}

// List implements integration.Repository. It lists the files below directory. Azure answers with all of them
// at once, so a list that is longer than what is read of an answer has too many.
func (r *repository) List(ctx context.Context, commit, directory string) ([]integration.Entry, error) {
	var page struct {
		Value []struct {
			ObjectID      string `json:"objectId"`
			GitObjectType string `json:"gitObjectType"`
			Path          string `json:"path"`
			IsSymLink     bool   `json:"isSymLink"`
		}
	}
	query := itemsAt(commit, map[string]string{"scopePath": "/" + directory, "recursionLevel": "Full"})
	_, err := r.api.JSON(ctx, r.path("/items"), query, &page)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil // The commit exists, so the directory does not.
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, integration.ErrTooManyFiles
	}
	var entries []integration.Entry
	for _, item := range page.Value {
		if item.GitObjectType == "blob" && !item.IsSymLink {
			entries = append(entries, integration.Entry{Path: strings.TrimPrefix(item.Path, "/"), Hash: item.ObjectID, Size: -1})
		}
	}
	return entries, err
}

// Blob implements integration.Repository.
func (r *repository) Blob(ctx context.Context, _ string, entry integration.Entry, limit int64) ([]byte, error) {
	return r.api.Bytes(ctx, r.path("/blobs/"+entry.Hash), parameters(map[string]string{"$format": "octetStream"}), limit)
}

// Archive implements integration.Repository, with the whole tree. Azure provides ZIP archives only.
func (r *repository) Archive(ctx context.Context, commit, _ string) (io.ReadCloser, error) {
	query := itemsAt(commit, map[string]string{"scopePath": "/", "recursionLevel": "Full", "$format": "zip"})
	response, err := r.api.Get(ctx, r.path("/items"), query)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return tarOf(response.Body)
}

// Remote implements integration.Repository. With a token, any user name works.
func (r *repository) Remote(context.Context) (integration.Remote, error) {
	address := r.host.Address(integration.Place{Repository: r.fullName()})
	return integration.Remote{URL: r.host.config.BaseURL + address.EscapedPath(), Username: "token", Password: r.token}, nil
}
