package gitea

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/internal/descriptors"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/rest"
)

const (
	// pageSize is how many repositories are asked for at once. A Gitea with its usual settings answers no more.
	pageSize = 50
	// maxPasses is how often the list is begun anew because its rows have moved.
	maxPasses = 3
	// maxBranches bounds the pages of the list of branches that proves that there is none of a name.
	maxBranches = 100
)

// repository is a repository as Gitea describes it.
type repository struct {
	ID            int64     `json:"id"`
	Name          string    `json:"name"`
	FullName      string    `json:"full_name"`
	HTMLURL       string    `json:"html_url"`
	DefaultBranch string    `json:"default_branch"`
	Updated       time.Time `json:"updated_at"`
	IsEmpty       bool      `json:"empty"`
	// IsMirror is a copy of another repository, whose updated_at is the time of a commit there.
	IsMirror bool `json:"mirror"`
	Owner    struct {
		ID    int64  `json:"id"`
		Login string `json:"login"`
	} `json:"owner"`
	// Permissions are nil when Gitea does not say them.
	Permissions *struct {
		Pull bool `json:"pull"`
	} `json:"permissions"`
}

// position is where a page begins. Gitea lists repositories by their ids and in numbered pages.
type position struct {
	Page int `json:"page"`
	// Last is the last repository of the page before, 0 for none. If another is there now, rows have moved.
	Last int64 `json:"last,omitempty"`
	// OwnerID is the organization's.
	OwnerID int64 `json:"ownerId,omitempty"`
	// Seen is the number of repositories on the pages before, and Pass counts how often the list was begun anew.
	Seen int `json:"seen,omitempty"`
	Pass int `json:"pass,omitempty"`
}

// list is a page of the list of repositories.
type list struct {
	rows []repository
	more bool
	// total counts those that the account may not see, too.
	total int
	// now is the time by Gitea's clock.
	now time.Time
}

func (l list) last() int64 {
	if len(l.rows) == 0 {
		return 0
	}
	return l.rows[len(l.rows)-1].ID
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
	at := position{Page: 1}
	if cursor != "" && (json.Unmarshal([]byte(cursor), &at) != nil || at.Page < 1 || at.Page == 1 && at.Pass == 0) {
		return page, fault.New(fault.Input, "%q is not a cursor of this source. Was its configuration changed?", cursor)
	}
	found, err := p.list(ctx, ask, at.Page)
	if err != nil {
		return page, err
	}
	page.Total = found.total
	if hasMoved, err := p.hasMoved(ctx, ask, at); err != nil || hasMoved {
		if err == nil {
			page.Next, err = anew(at, p.place())
		}
		return page, err
	}
	if err := p.checkOwner(&at, found.rows); err != nil {
		return page, err
	}
	next := at
	next.Page, next.Last, next.Seen = at.Page+1, found.last(), at.Seen+len(found.rows)
	switch {
	case found.more:
		page.Next, err = encode(next)
	case next.Seen == 0 && found.total > 0:
		err = fault.New(fault.NotAllowed, "the account may see none of the %d repositories of %s", found.total, p.place())
	}
	if err != nil {
		return page, err
	}
	return page, p.add(ctx, ask, &page, found, known)
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
	return encode(position{Page: 1, OwnerID: at.OwnerID, Pass: at.Pass})
}

// list reads a page of the list. Only the header says whether there is another: a page lacks what the account may not see.
func (p *Provider) list(ctx context.Context, ask *asker, number int) (list, error) {
	var rows *[]repository
	query := url.Values{"limit": {strconv.Itoa(p.size)}, "page": {strconv.Itoa(number)}}
	header, err := ask.json(ctx, "/orgs/"+url.PathEscape(p.organization)+"/repos", query, &rows)
	if fault.KindOf(err) == fault.NotFound {
		return list{}, fault.Wrap(fault.NotFound, err, "%s has no organization %s that the account may see", p.host.Name(), p.organization)
	}
	if err != nil {
		return list{}, err
	}
	total, noTotal := strconv.Atoi(header.Get("X-Total-Count"))
	made := list{more: strings.Contains(header.Get("Link"), `rel="next"`), total: total}
	if rows == nil || noTotal != nil || number == 1 && !made.more && total > p.size {
		return list{}, fmt.Errorf("%s answered with something other than a page of a list of repositories", p.host.Name())
	}
	made.rows = *rows
	made.now, _ = http.ParseTime(header.Get("Date"))
	return made, nil
}

// hasMoved reads the page before again, and reports whether it ends with another repository than it did: when one was removed, the
// first of this page is there.
func (p *Provider) hasMoved(ctx context.Context, ask *asker, at position) (bool, error) {
	if at.Page == 1 {
		return false, nil
	}
	before, err := p.list(ctx, ask, at.Page-1)
	return before.last() != at.Last, err
}

// checkOwner refuses another organization than the configured one: Gitea redirects from a former name, and a name that was given
// up can be taken.
func (p *Provider) checkOwner(at *position, rows []repository) error {
	for _, one := range rows {
		if !strings.EqualFold(one.Owner.Login, p.organization) {
			return fault.New(fault.Conflict, "%s answered with repositories of %q. Was the organization renamed?", p.place(), one.Owner.Login)
		}
		if at.OwnerID != 0 && at.OwnerID != one.Owner.ID {
			return fault.New(fault.Conflict, "%s is another organization than when the reading began", p.place())
		}
		at.OwnerID = one.Owner.ID
	}
	return nil
}

// add adds what repositories bring to a page.
func (p *Provider) add(ctx context.Context, ask *asker, page *provider.Page, found list, known provider.Known) error {
	var read []repository
	var wanted []descriptors.Repository
	for _, one := range found.rows {
		if one.IsEmpty {
			continue
		}
		if one.Permissions != nil && !one.Permissions.Pull {
			page.Remark("%s is left out: the account may not read its files", one.FullName)
			continue
		}
		target, err := p.target(one)
		if err != nil {
			return err
		}
		state := descriptors.StateOf(p.branchOf(one), one.Updated, found.now)
		if one.IsMirror {
			state = ""
		}
		read = append(read, one)
		wanted = append(wanted, descriptors.Repository{Target: target, State: state})
	}
	return descriptors.Add(ctx, page, wanted, descriptors.Options{Known: known, Read: func(ctx context.Context, n int) (descriptors.Content, error) {
		return p.content(ctx, ask, read[n])
	}})
}

// entry is a file or a directory. Content is nil in a list.
type entry struct {
	Path    string  `json:"path"`
	Type    string  `json:"type"`
	SHA     string  `json:"sha"`
	Content *string `json:"content"`
}

// at is the path of the API for a part of a repository.
func (p *Provider) at(one repository, part string) string {
	return "/repos/" + url.PathEscape(p.organization) + "/" + url.PathEscape(one.Name) + part
}

// content reads the descriptor of a repository.
func (p *Provider) content(ctx context.Context, ask *asker, one repository) (descriptors.Content, error) {
	var answered json.RawMessage
	_, err := ask.json(ctx, p.at(one, "/contents/"+escaped(p.path)), url.Values{"ref": {p.branchOf(one)}}, &answered)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return p.absence(ctx, ask, one)
	case err != nil:
		return descriptors.Content{}, err
	case bytes.HasPrefix(bytes.TrimSpace(answered), []byte("[")):
		return descriptors.Content{IsAbsent: true}, nil // It is a directory.
	}
	var file entry
	if err := json.Unmarshal(answered, &file); err != nil || file.SHA == "" || file.Path != p.path {
		return descriptors.Content{}, fmt.Errorf("%s answered with something other than %s of %s", p.host.Name(), p.path, one.FullName)
	}
	read := descriptors.Content{Hash: file.SHA}
	if file.Type == "file" && file.Content != nil {
		body, err := base64.StdEncoding.DecodeString(*file.Content)
		if err != nil {
			return descriptors.Content{}, fmt.Errorf("%s of %s is cut off: %w", p.path, one.FullName, err)
		}
		read.Body = append([]byte{}, body...)
	}
	return read, nil
}

// absence proves that a repository has no descriptor by a list without it. That Gitea finds nothing proves nothing: what
// stands in front of it may have answered, or the account may have lost its access.
func (p *Provider) absence(ctx context.Context, ask *asker, one repository) (descriptors.Content, error) {
	names := strings.Split(p.path, "/")
	for depth := range names {
		directory := "/contents"
		if depth > 0 {
			directory += "/" + escaped(strings.Join(names[:depth], "/"))
		}
		var entries *[]entry
		_, err := ask.json(ctx, p.at(one, directory), url.Values{"ref": {p.branchOf(one)}}, &entries)
		if fault.KindOf(err) == fault.NotFound && depth == 0 {
			return p.noBranch(ctx, ask, one)
		}
		if err != nil {
			return descriptors.Content{}, err
		}
		if entries == nil {
			return descriptors.Content{}, fmt.Errorf("%s answered with something other than the files of %s", p.host.Name(), one.FullName)
		}
		if !has(*entries, strings.Join(names[:depth+1], "/"), depth < len(names)-1) {
			return descriptors.Content{IsAbsent: true}, nil
		}
	}
	return descriptors.Content{}, fmt.Errorf("%s of %s came while it was read", p.path, one.FullName)
}

// has reports whether there is an entry of a path that may be what is looked for: below a file is nothing.
func has(entries []entry, path string, mustBeDirectory bool) bool {
	return slices.ContainsFunc(entries, func(one entry) bool { return one.Path == path && (one.Type == "dir" || !mustBeDirectory) })
}

// noBranch proves that a repository has no such branch by the list of its branches.
func (p *Provider) noBranch(ctx context.Context, ask *asker, one repository) (descriptors.Content, error) {
	seen := 0
	for number := range maxBranches {
		var branches *[]struct {
			Name string `json:"name"`
		}
		query := url.Values{"limit": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(number + 1)}}
		header, err := ask.json(ctx, p.at(one, "/branches"), query, &branches)
		if err != nil {
			return descriptors.Content{}, err
		}
		total, noTotal := strconv.Atoi(header.Get("X-Total-Count"))
		if branches == nil || noTotal != nil || len(*branches) == 0 && seen < total {
			return descriptors.Content{}, fmt.Errorf("%s answered with something other than the branches of %s", p.host.Name(), one.FullName)
		}
		for _, branch := range *branches {
			if branch.Name == p.branchOf(one) {
				return descriptors.Content{}, fmt.Errorf("the branch %s of %s came while it was read", branch.Name, one.FullName)
			}
		}
		if seen += len(*branches); seen >= total {
			return descriptors.Content{IsAbsent: true}, nil
		}
	}
	return descriptors.Content{}, fault.New(fault.Conflict, "%s has too many branches to look for %s", one.FullName, p.branchOf(one))
}
