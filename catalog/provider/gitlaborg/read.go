package gitlaborg

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/fault"
)

// maxPasses is how often a list is begun anew because its rows have moved.
const maxPasses = 3

// active is the state of users who count.
const active = "active"

// position is where a page begins.
type position struct {
	// Kind is the kind that the page has.
	Kind string `json:"kind"`
	// Query is GitLab's query for the page, of a list with keys.
	Query string `json:"query,omitempty"`
	// Page is the number of the page of a list with numbers, from 1. Last is the id of the last row of the page before, and
	// Pass counts how often the list was begun anew.
	Page int   `json:"page,omitempty"`
	Last int64 `json:"last,omitempty"`
	Pass int   `json:"pass,omitempty"`
	// GroupID is the id that the configured group had on the page before.
	GroupID int64 `json:"groupId,omitempty"`
}

// ReadPage implements provider.Provider: a page of the users, or of the groups with their members.
func (p *Provider) ReadPage(ctx context.Context, cursor string) (provider.Page, error) {
	page, err := p.readPage(ctx, cursor)
	if err != nil {
		return provider.Page{}, fmt.Errorf("%s: %w", p.name, err)
	}
	return page, nil
}

func (p *Provider) readPage(ctx context.Context, cursor string) (provider.Page, error) {
	at, err := p.begin(cursor)
	if err != nil {
		return provider.Page{}, err
	}
	var page provider.Page
	var next *position
	switch {
	case at.Kind == "Group":
		next, err = p.readGroups(ctx, at, &page)
	case p.root != "":
		next, err = p.readMembers(ctx, at, &page)
	default:
		next, err = p.readUsers(ctx, at, &page)
	}
	if err != nil {
		return provider.Page{}, err
	}
	if next == nil && at.Kind == "User" && slices.Contains(p.kinds, "Group") {
		next = &position{Kind: "Group", Page: 1}
	}
	if next == nil {
		return page, nil
	}
	encoded, err := json.Marshal(next)
	if err == nil && len(encoded) > provider.MaxCursor {
		err = fmt.Errorf("a cursor of %d bytes is too long", len(encoded))
	}
	page.Next = string(encoded)
	return page, err
}

func (p *Provider) begin(cursor string) (position, error) {
	if cursor == "" {
		if slices.Contains(p.kinds, "User") {
			return position{Kind: "User", Page: 1}, nil
		}
		return position{Kind: "Group", Page: 1}, nil
	}
	var at position
	if err := json.Unmarshal([]byte(cursor), &at); err != nil || !slices.Contains(p.kinds, at.Kind) || at.Page < 1 && at.Query == "" {
		return position{}, fault.New(fault.Input, "%q is not a cursor of this source. Was its configuration changed?", cursor)
	}
	return at, nil
}

// readUsers reads all active users of the host. GitLab finds a page by the key of the last row, so rows do not move.
func (p *Provider) readUsers(ctx context.Context, at position, page *provider.Page) (*position, error) {
	query := url.Values{
		"active": {"true"}, "without_project_bots": {"true"}, "exclude_internal": {"true"},
		"pagination": {"keyset"}, "order_by": {"id"}, "sort": {"asc"}, "per_page": {strconv.Itoa(p.usersAtOnce)},
	}
	if at.Query != "" {
		var err error
		if query, err = url.ParseQuery(at.Query); err != nil {
			return nil, fault.New(fault.Input, "%q is not a query of GitLab", at.Query)
		}
	}
	var found []user
	page.Requests++
	next, err := p.reader.Page(ctx, "/users", query, &found)
	if err != nil {
		return nil, err
	}
	if next.Has("page") {
		return nil, fault.New(fault.Input, "%s numbers the pages of its users, so that some could be missed: GitLab 16.5 or later is needed", p.host.Name())
	}
	p.addUsers(page, found)
	if next == nil {
		return nil, nil
	}
	return &position{Kind: "User", Query: next.Encode()}, nil
}

// readMembers reads the members of a group, with those that it inherits.
func (p *Provider) readMembers(ctx context.Context, at position, page *provider.Page) (*position, error) {
	query := url.Values{"show_seat_info": {"true"}}
	found, next, err := numbered(ctx, p, at, page, list[user]{
		path: groupPath(p.root) + "/members/all", query: query, size: p.usersAtOnce, name: "members of " + p.root, id: func(one user) int64 { return one.ID },
	})
	if err != nil {
		return nil, err
	}
	p.addUsers(page, found)
	return next, nil
}

func (p *Provider) addUsers(page *provider.Page, found []user) {
	for _, one := range found {
		if p.isPerson(one) {
			add(page, p.user(one))
		}
	}
}

func groupPath(path string) string { return "/groups/" + url.PathEscape(path) }

// list is a list whose pages GitLab numbers.
type list[T any] struct {
	path  string
	query url.Values
	size  int
	name  string
	id    func(T) int64
}

// numbered reads a page of a list whose pages GitLab numbers. A row that comes or goes moves the others, so the last row
// of the page before is asked for again: if it is not where it was, the list is read anew.
func numbered[T any](ctx context.Context, p *Provider, at position, page *provider.Page, of list[T]) ([]T, *position, error) {
	ask := func(size, number int) (found []T, more bool, err error) {
		query := url.Values{"per_page": {strconv.Itoa(size)}, "page": {strconv.Itoa(number)}}
		maps.Copy(query, of.query)
		page.Requests++
		next, err := p.reader.Page(ctx, of.path, query, &found)
		return found, next != nil, err
	}
	found, more, err := ask(of.size, at.Page)
	if err != nil {
		return nil, nil, err
	}
	if at.Page > 1 {
		before, _, err := ask(1, (at.Page-1)*of.size)
		if err != nil {
			return nil, nil, err
		}
		if len(before) != 1 || of.id(before[0]) != at.Last {
			next, err := at.anew(p.place(of.name))
			return nil, next, err
		}
	}
	if !more {
		return found, nil, nil
	}
	if len(found) != of.size {
		return nil, nil, fmt.Errorf("the answer for %s is a page of %d rows that is not the last one", p.place(of.name), len(found))
	}
	return found, &position{Kind: at.Kind, Page: at.Page + 1, Last: of.id(found[len(found)-1]), Pass: at.Pass, GroupID: at.GroupID}, nil
}

// anew is the beginning of a list.
func (at position) anew(name string) (*position, error) {
	if at.Pass++; at.Pass > maxPasses {
		return nil, fault.New(fault.Conflict, "%s changes faster than it can be read", name)
	}
	return &position{Kind: at.Kind, Page: 1, Pass: at.Pass, GroupID: at.GroupID}, nil
}
