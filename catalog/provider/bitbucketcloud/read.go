package bitbucketcloud

import (
	"context"
	"crypto/sha256"
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
	"time"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/internal/descriptors"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/rest"
)

const (
	// pageSize is how many repositories are asked for at once. Bitbucket answers no more.
	pageSize = 100
	// maxPasses is how often the list is begun anew because the last repository of a page is gone.
	maxPasses = 3
	// trust bounds the time for which a repository is not read because its updated_on says so: Atlassian does not promise that
	// each push changes it.
	trust = 24 * time.Hour
	// fields are what is asked of a repository.
	fields = "next,size,values.uuid,values.slug,values.full_name,values.created_on,values.updated_on,values.mainbranch.name,values.project.key," +
		"values.workspace.uuid,values.workspace.slug,values.links.html.href"
)

// repository is a repository as Bitbucket describes it.
type repository struct {
	UUID     string    `json:"uuid"`
	Slug     string    `json:"slug"`
	FullName string    `json:"full_name"`
	Created  time.Time `json:"created_on"`
	Updated  time.Time `json:"updated_on"`
	// MainBranch is nil for a repository without a commit.
	MainBranch *struct {
		Name string `json:"name"`
	} `json:"mainbranch"`
	Project struct {
		Key string `json:"key"`
	} `json:"project"`
	Workspace struct {
		UUID string `json:"uuid"`
		Slug string `json:"slug"`
	} `json:"workspace"`
	Links struct {
		HTML struct {
			Href string `json:"href"`
		} `json:"html"`
	} `json:"links"`
}

// position is where a page begins: with the repositories that were created in the second of the last one of the page before.
type position struct {
	From time.Time `json:"from,omitzero"`
	Last string    `json:"last,omitempty"`
	// WorkspaceID is the workspace's.
	WorkspaceID string `json:"workspaceId,omitempty"`
	// Total is the number of all repositories, and Pass counts how often the list was begun anew.
	Total int `json:"total,omitempty"`
	Pass  int `json:"pass,omitempty"`
}

// asker counts the requests of a page.
type asker struct {
	api      *rest.Client
	requests atomic.Int64
}

func (a *asker) json(ctx context.Context, path string, query url.Values, into any) (http.Header, error) {
	a.requests.Add(1)
	return a.api.JSON(ctx, path, query, into)
}

// ReadPage implements provider.Provider: one page of the list of repositories.
func (p *Provider) ReadPage(ctx context.Context, cursor string) (provider.Page, error) {
	return p.Reread(ctx, cursor, provider.Nothing)
}

// Reread implements provider.Rereader: a repository that has not changed is not asked for its descriptor.
func (p *Provider) Reread(ctx context.Context, cursor string, known provider.Known) (provider.Page, error) {
	ask := &asker{api: p.api}
	page, err := p.read(ctx, ask, cursor, known)
	if err != nil {
		return provider.Page{}, fmt.Errorf("%s: %w", p.name, err)
	}
	page.Requests = int(ask.requests.Load())
	return page, nil
}

func (p *Provider) read(ctx context.Context, ask *asker, cursor string, known provider.Known) (page provider.Page, err error) {
	var at position
	if cursor != "" && (json.Unmarshal([]byte(cursor), &at) != nil || at == position{}) {
		return page, fault.New(fault.Input, "%q is not a cursor of this source. Was its configuration changed?", cursor)
	}
	found, err := p.list(ctx, ask, &at)
	if err != nil {
		return page, err
	}
	page.Total = at.Total
	rows := found.rows
	if at.Last != "" {
		last := slices.IndexFunc(rows, func(one repository) bool { return one.UUID == at.Last })
		if last < 0 {
			// It was removed, or more were created within a second than a page has.
			page.Next, err = anew(at, p.place())
			return page, err
		}
		rows = rows[last+1:]
	}
	if err := p.checkWorkspace(&at, rows); err != nil {
		return page, err
	}
	if page.Next, err = p.next(at, found, rows); err != nil {
		return page, err
	}
	return page, p.add(ctx, ask, &page, rows, found.now, known)
}

// list is a page of the list of repositories.
type list struct {
	rows []repository
	more bool
	// now is the time by Bitbucket's clock.
	now time.Time
}

// list asks for the repositories in the order in which they were created.
func (p *Provider) list(ctx context.Context, ask *asker, at *position) (list, error) {
	var answered struct {
		Values *[]repository `json:"values"`
		Next   string        `json:"next"`
		Size   int           `json:"size"`
	}
	query := url.Values{"pagelen": {strconv.Itoa(p.size)}, "sort": {"created_on"}, "fields": {fields}}
	if !at.From.IsZero() {
		query.Set("q", "created_on >= "+at.From.Format(time.RFC3339))
	}
	header, err := ask.json(ctx, "/repositories/"+url.PathEscape(p.workspace), query, &answered)
	if fault.KindOf(err) == fault.NotFound {
		return list{}, fault.Wrap(fault.NotFound, err, "%s has no workspace %s that the account may see", p.host.Name(), p.workspace)
	}
	if err == nil && answered.Values == nil {
		err = fmt.Errorf("%s answered with something other than a page of a list of repositories", p.host.Name())
	}
	if err != nil {
		return list{}, err
	}
	if at.Total == 0 {
		at.Total = answered.Size
	}
	made := list{rows: *answered.Values, more: answered.Next != ""}
	made.now, _ = http.ParseTime(header.Get("Date"))
	for _, one := range made.rows {
		if one.UUID == "" || one.Created.IsZero() {
			return list{}, fmt.Errorf("%s answered with a repository without uuid or created_on", p.host.Name())
		}
	}
	return made, nil
}

// checkWorkspace refuses another workspace than the configured one.
func (p *Provider) checkWorkspace(at *position, rows []repository) error {
	for _, one := range rows {
		if !strings.EqualFold(one.Workspace.Slug, p.workspace) {
			return fault.New(fault.Conflict, "%s answered with repositories of %q. Was the workspace renamed?", p.place(), one.Workspace.Slug)
		}
		if at.WorkspaceID != "" && at.WorkspaceID != one.Workspace.UUID {
			return fault.New(fault.Conflict, "%s is another workspace than when the reading began", p.place())
		}
		at.WorkspaceID = one.Workspace.UUID
	}
	return nil
}

// next is the cursor of the page behind these rows, "" for none.
func (p *Provider) next(at position, found list, rows []repository) (string, error) {
	switch {
	case len(rows) == 0 && at.Last == "":
		// Bitbucket answers so to an account that has lost its access, too.
		return "", fault.New(fault.NotAllowed, "the account sees no repository of %s", p.place())
	case !found.more:
		return "", nil
	case len(rows) == 0:
		return "", fault.New(fault.Conflict, "%s has more repositories that were created within a second than Bitbucket lists at once", p.place())
	}
	last := rows[len(rows)-1]
	at.From, at.Last = last.Created.UTC().Truncate(time.Second), last.UUID
	return encode(at)
}

func encode(at position) (string, error) {
	encoded, err := json.Marshal(at)
	return string(encoded), err
}

// anew is the cursor of the beginning of the list.
func anew(at position, place string) (string, error) {
	if at.Pass++; at.Pass > maxPasses {
		return "", fault.New(fault.Conflict, "the list of the repositories of %s changes faster than it can be read", place)
	}
	return encode(position{WorkspaceID: at.WorkspaceID, Pass: at.Pass})
}

// add adds what repositories bring to a page.
func (p *Provider) add(ctx context.Context, ask *asker, page *provider.Page, rows []repository, now time.Time, known provider.Known) error {
	var read []repository
	var wanted []descriptors.Repository
	for _, one := range rows {
		if one.MainBranch == nil || one.MainBranch.Name == "" || !p.selects(one) {
			continue
		}
		address, err := p.page(one)
		if err != nil {
			return err
		}
		branch := one.MainBranch.Name
		read = append(read, one)
		wanted = append(wanted, descriptors.Repository{
			Target: address + "/src/" + escaped(branch) + "/" + escaped(p.path), State: descriptors.StateOf(branch, one.Updated, now),
			Presence: entity.PresenceRequired, Annotations: map[string]string{annotationRepo: address},
		})
	}
	return descriptors.Add(ctx, page, wanted, descriptors.Options{Known: known, Trust: trust,
		Read: func(ctx context.Context, n int) (descriptors.Content, error) { return p.content(ctx, ask, read[n]) }})
}

// file is an entry of a directory. Attributes say of a link, and the like, that it is no plain file.
type file struct {
	Path       string   `json:"path"`
	Type       string   `json:"type"`
	Size       int64    `json:"size"`
	Attributes []string `json:"attributes"`
}

// content reads the descriptor of a repository. It is looked for in the lists of its directories, from the root, so that only a list
// without it says that there is none.
func (p *Provider) content(ctx context.Context, ask *asker, one repository) (descriptors.Content, error) {
	ref, err := p.ref(ctx, ask, one)
	if err != nil {
		return descriptors.Content{}, err
	}
	var found *file
	names := strings.Split(p.path, "/")
	for depth := range names {
		directory, path := strings.Join(names[:depth], "/"), strings.Join(names[:depth+1], "/")
		if found, err = p.find(ctx, ask, one, p.source(one, ref, directory)+"/", path); err != nil {
			return descriptors.Content{}, err
		}
		isLast := depth == len(names)-1
		if found == nil || (found.Type == "commit_file") != isLast {
			return descriptors.Content{IsAbsent: true}, nil
		}
	}
	if len(found.Attributes) > 0 || found.Size > descriptors.MaxFile {
		return descriptors.Content{Hash: "unread"}, nil
	}
	ask.requests.Add(1)
	body, err := ask.api.Bytes(ctx, p.source(one, ref, p.path), nil, descriptors.MaxFile)
	if _, isLarge := errors.AsType[*http.MaxBytesError](err); err == nil && int64(len(body)) != found.Size || isLarge {
		err = fmt.Errorf("%s of %s has changed while it was read, or the answer is something else", p.path, one.FullName)
	}
	sum := sha256.Sum256(body)
	return descriptors.Content{Hash: hex.EncodeToString(sum[:]), Body: append([]byte{}, body...)}, err
}

// source is the path of the API for a file or a directory.
func (p *Provider) source(one repository, ref, path string) string {
	address := p.of(one) + "/src/" + url.PathEscape(ref)
	if path != "" {
		address += "/" + escaped(path)
	}
	return address
}

func (p *Provider) of(one repository) string {
	return "/repositories/" + url.PathEscape(p.workspace) + "/" + url.PathEscape(one.Slug)
}

// ref is the main branch, or its commit where the path of the API cannot contain the name.
func (p *Provider) ref(ctx context.Context, ask *asker, one repository) (string, error) {
	name := one.MainBranch.Name
	if !strings.Contains(name, "/") {
		return name, nil
	}
	var found struct {
		Values []struct {
			Target struct {
				Hash string `json:"hash"`
			} `json:"target"`
		} `json:"values"`
	}
	_, err := ask.json(ctx, p.of(one)+"/refs/branches", url.Values{"q": {"name = " + strconv.Quote(name)}}, &found)
	if err == nil && (len(found.Values) != 1 || found.Values[0].Target.Hash == "") {
		err = fmt.Errorf("%s answered without the main branch %s of %s", p.host.Name(), name, one.FullName)
	}
	if err != nil {
		return "", err
	}
	return found.Values[0].Target.Hash, nil
}

// find finds an entry in the list of a directory, nil for none.
func (p *Provider) find(ctx context.Context, ask *asker, one repository, directory, path string) (*file, error) {
	var listed struct {
		Values *[]file `json:"values"`
	}
	_, err := ask.json(ctx, directory, url.Values{"q": {"path = " + strconv.Quote(path)}, "pagelen": {"10"}}, &listed)
	if err != nil {
		return nil, err
	}
	if listed.Values == nil {
		return nil, fmt.Errorf("%s answered with something other than the files of %s", p.host.Name(), one.FullName)
	}
	if len(*listed.Values) == 0 {
		return nil, nil // there is none
	}
	first := (*listed.Values)[0]
	if first.Path != path {
		// A list that was not filtered is a part of the directory.
		return nil, fault.New(fault.BadGateway, "%s did not look for %s in %s, but answered with %s", p.host.Name(), path, one.FullName, first.Path)
	}
	return &first, nil
}
