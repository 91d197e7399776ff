package azuredevops

import (
	"context"
	"crypto/sha1" //nolint:gosec // It is the hash of Git.
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/internal/descriptors"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/integration/rest"
)

const (
	// pageSize is how many repositories a page has. All are listed with each page, in one request.
	pageSize = 200
	// listers is how many repositories are asked for all of their files at the same time.
	listers = 4
	// apiVersion is the oldest version of the API that has all that is asked here.
	apiVersion = "6.0"
)

// The names of errors by which Azure DevOps says itself that a file, or a branch, does not exist.
var absent = []string{"GitItemNotFoundException", "GitUnresolvableToCommitException"}

// repository is a repository as Azure DevOps describes it.
type repository struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	DefaultBranch string `json:"defaultBranch"`
	IsDisabled    bool   `json:"isDisabled"`
	Project       struct {
		Name string `json:"name"`
	} `json:"project"`
}

// item is a file or a directory.
type item struct {
	ObjectID string  `json:"objectId"`
	Type     string  `json:"gitObjectType"`
	Path     string  `json:"path"`
	IsLink   bool    `json:"isSymLink"`
	Content  *string `json:"content"`
}

// position is where a page begins: behind the repository with this id.
type position struct {
	After string `json:"after,omitempty"`
}

// asker counts the requests of a page.
type asker struct {
	api      *rest.Client
	requests atomic.Int64
}

// get asks for an answer as JSON. reason is Azure DevOps' own name of an error, "" without one.
func (a *asker) get(ctx context.Context, path string, query url.Values, into any) (reason string, err error) {
	a.requests.Add(1)
	query.Set("api-version", apiVersion)
	err = a.api.Send(ctx, http.MethodGet, path+"?"+query.Encode(), nil, into)
	refused, is := errors.AsType[*rest.RefusalError](err)
	if !is {
		return "", err
	}
	var said struct {
		TypeKey string `json:"typeKey"`
	}
	if json.Unmarshal(refused.Body, &said) != nil {
		said.TypeKey = "" // It is not Azure DevOps that has answered.
	}
	answered := &http.Response{StatusCode: refused.Status, Header: refused.Header}
	return said.TypeKey, a.api.Explain(integration.AnswerError(answered, "Request failed for "+path))
}

// ReadPage implements provider.Provider: the repositories of a range of ids.
func (p *Provider) ReadPage(ctx context.Context, cursor string) (provider.Page, error) {
	var at position
	if cursor != "" && (json.Unmarshal([]byte(cursor), &at) != nil || at == position{}) {
		return provider.Page{}, fault.New(fault.Input, "%s: %q is not a cursor of this source. Was its configuration changed?", p.name, cursor)
	}
	ask := &asker{api: p.api}
	page, err := p.readPage(ctx, ask, at)
	if err != nil {
		return provider.Page{}, fmt.Errorf("%s: %w", p.name, err)
	}
	page.Requests = int(ask.requests.Load())
	return page, nil
}

func (p *Provider) readPage(ctx context.Context, ask *asker, at position) (page provider.Page, err error) {
	all, err := p.list(ctx, ask)
	if err != nil {
		return page, err
	}
	page.Total = len(all)
	from, isThere := slices.BinarySearchFunc(all, at.After, func(one repository, id string) int { return strings.Compare(one.ID, id) })
	if isThere {
		from++
	}
	end := min(from+p.size, len(all))
	if end < len(all) {
		encoded, err := json.Marshal(position{After: all[end-1].ID})
		if err != nil {
			return page, err
		}
		page.Next = string(encoded)
	}
	if p.isGlob {
		return page, p.addMatches(ctx, ask, &page, all[from:end])
	}
	return page, p.add(ctx, ask, &page, all[from:end])
}

// list lists the repositories of the search by their ids. Azure DevOps answers all at once.
func (p *Provider) list(ctx context.Context, ask *asker) ([]repository, error) {
	var answered struct {
		Value *[]repository `json:"value"`
		Count *int          `json:"count"`
	}
	path := "/_apis/git/repositories"
	if p.only != "" {
		path = "/" + url.PathEscape(p.only) + path
	}
	if _, err := ask.get(ctx, path, url.Values{}, &answered); err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil, fault.Wrap(fault.NotFound, err, "%s has no project %s that the token may see. Was it renamed?", p.place(), p.only)
		}
		return nil, err
	}
	if answered.Value == nil || answered.Count == nil || *answered.Count != len(*answered.Value) {
		return nil, fmt.Errorf("%s answered with something other than the list of repositories", p.host.Name())
	}
	if len(*answered.Value) == 0 {
		// It answers so to a token that has lost its access, too: a project has at least one repository.
		return nil, fault.New(fault.NotAllowed, "the token sees no repository of %s", p.place())
	}
	found := *answered.Value
	for _, one := range found {
		if one.ID == "" || one.Name == "" || one.Project.Name == "" {
			return nil, fmt.Errorf("%s answered with a repository without its names", p.host.Name())
		}
	}
	found = slices.DeleteFunc(found, func(one repository) bool { return !p.selects(one) })
	slices.SortFunc(found, func(a, b repository) int { return strings.Compare(a.ID, b.ID) })
	return found, nil
}

// add adds the descriptors of repositories to a page.
func (p *Provider) add(ctx context.Context, ask *asker, page *provider.Page, found []repository) error {
	wanted := make([]descriptors.Repository, len(found))
	for n, one := range found {
		wanted[n] = descriptors.Repository{Target: p.target(one, p.path), Presence: entity.PresenceRequired}
	}
	return descriptors.Add(ctx, page, wanted, descriptors.Options{Known: provider.Nothing, Read: func(ctx context.Context, n int) (descriptors.Content, error) {
		return p.content(ctx, ask, found[n])
	}})
}

// items is the path of the API for the files of a repository, and query what says which.
func (p *Provider) items(found repository) string {
	return "/" + url.PathEscape(found.Project.Name) + "/_apis/git/repositories/" + url.PathEscape(found.ID) + "/items"
}

func (p *Provider) query(more map[string]string) url.Values {
	query := url.Values{"$format": {"json"}}
	if p.branch != "" {
		query.Set("versionDescriptor.versionType", "branch")
		query.Set("versionDescriptor.version", p.branch)
	}
	for name, value := range more {
		query.Set(name, value)
	}
	return query
}

// content reads the descriptor of a repository. Only Azure DevOps' own word says that there is none.
func (p *Provider) content(ctx context.Context, ask *asker, found repository) (descriptors.Content, error) {
	var file item
	reason, err := ask.get(ctx, p.items(found), p.query(map[string]string{"path": "/" + p.path, "includeContent": "true"}), &file)
	switch {
	case fault.KindOf(err) == fault.NotFound && slices.Contains(absent, reason):
		return descriptors.Content{IsAbsent: true}, nil
	case err != nil:
		return descriptors.Content{}, err
	case file.ObjectID == "" || strings.Trim(file.Path, "/") != p.path:
		return descriptors.Content{}, fmt.Errorf("%s answered with something other than %s of %s", p.host.Name(), p.path, found.Name)
	case file.Type != "blob":
		return descriptors.Content{IsAbsent: true}, nil // It is a directory.
	}
	read := descriptors.Content{Hash: file.ObjectID}
	// Azure DevOps changes texts that are not in UTF-8, and leaves a byte order mark out.
	if file.Content != nil && !file.IsLink && hashOf(*file.Content) == file.ObjectID {
		read.Body = []byte(*file.Content)
	}
	return read, nil
}

// hashOf is Git's hash of a file.
func hashOf(content string) string {
	sum := sha1.Sum([]byte("blob " + strconv.Itoa(len(content)) + "\x00" + content)) //nolint:gosec // It is the hash of Git.
	return hex.EncodeToString(sum[:])
}

// addMatches adds a Location for each file that matches the glob.
func (p *Provider) addMatches(ctx context.Context, ask *asker, page *provider.Page, found []repository) error {
	matches := make([][]string, len(found))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(listers)
	for n, one := range found {
		group.Go(func() (err error) {
			defer fault.Recover(&err)
			matches[n], err = p.matches(ctx, ask, one)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for n, one := range found {
		for _, path := range matches[n] {
			spec := entity.LocationSpec{Type: provenance.URL, Target: p.target(one, path), Presence: entity.PresenceRequired}
			page.Entities = append(page.Entities, provider.Entity{Entity: entity.LocationEntity(spec), Location: spec})
		}
	}
	return nil
}

// matches are the paths of the files of a repository that match the glob.
func (p *Provider) matches(ctx context.Context, ask *asker, found repository) ([]string, error) {
	var listed struct {
		Value *[]item `json:"value"`
		Count *int    `json:"count"`
	}
	reason, err := ask.get(ctx, p.items(found), p.query(map[string]string{"scopePath": "/", "recursionLevel": "Full"}), &listed)
	switch {
	case fault.KindOf(err) == fault.NotFound && slices.Contains(absent, reason):
		return nil, nil
	case err != nil:
		return nil, err
	case listed.Value == nil || listed.Count == nil || *listed.Count != len(*listed.Value):
		return nil, fmt.Errorf("%s answered with something other than the files of %s", p.host.Name(), found.Name)
	}
	var paths []string
	for _, one := range *listed.Value {
		path := strings.TrimPrefix(one.Path, "/")
		if one.Type == "blob" && !one.IsLink && doublestar.MatchUnvalidated(p.path, path) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths, nil
}
