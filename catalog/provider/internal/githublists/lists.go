// Package githublists reads lists of the owners on a GitHub host, such as repositories or teams, page by page. It
// keeps nothing between pages: a cursor says all. With package overlap, a list is complete or an error. What the rows
// mean is not its matter.
package githublists

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/internal/overlap"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/github"
)

// Reader reads the lists of owners. The zero values of optional fields are as they say.
type Reader struct {
	Host *github.Host
	// Owners are the logins whose lists are read. None means the owners at which an App is installed.
	Owners []string
	// App is the only App whose credentials are used, 0 for those of the host in their order.
	App int64
	// OrganizationsOnly leaves out users who have installed an App.
	OrganizationsOnly bool
	// Permissions are what a GitHub App needs, in GitHub's names; nil is reading files.
	Permissions map[string]string
	// Sizes are the largest sizes of the pages of each list of an owner.
	Sizes []int
}

// Has reports whether the lists of an owner on a host may be read.
func (r *Reader) Has(host, owner string) bool {
	isOwner := func(login string) bool { return strings.EqualFold(login, owner) }
	return host == r.Host.Name() && (len(r.Owners) == 0 || slices.ContainsFunc(r.Owners, isOwner))
}

// Position is where a page begins.
type Position struct {
	// Owner is the login of the owner, and OwnerID the id that it had on the page before, "" on the first page.
	Owner   string `json:"owner,omitempty"`
	OwnerID string `json:"ownerId,omitempty"`
	// List is the number of the list, from 0.
	List int `json:"list,omitempty"`

	overlap.Point
}

// List is GitHub's answer for a page.
type List struct {
	// OwnerID is the id of the owner, "" when there is none.
	OwnerID string
	// Rows are the id of each row and GitHub's cursor for what comes behind it.
	Rows []overlap.Row
	// More means that there is a page behind this one.
	More bool
	// Total is the number of rows of the whole list.
	Total int
}

// Step is a page that was read.
type Step struct {
	Position

	// Skip is the number of rows at the beginning that do not count: the page before had them, or the list is begun anew.
	Skip int
	// Next is the cursor of the next page, "" after the last page of the last list.
	Next string
	// Requests is the number of requests that the page took.
	Requests int
	Total    int
}

// Ask asks GitHub for a page.
type Ask func(ctx context.Context, client *github.Client, at Position) (List, error)

// Read reads the page at a cursor, "" for the first one. Where GitHub cannot answer in time it asks for fewer rows.
func (r *Reader) Read(ctx context.Context, cursor string, ask Ask) (Step, error) {
	var step Step
	at, found, err := r.begin(ctx, cursor, &step)
	if err != nil || !found {
		return step, err
	}
	client, err := r.Host.Client(github.Access{Owner: at.Owner, App: r.App, Permissions: r.Permissions, Background: true}, "")
	if err != nil {
		return step, err
	}
	var list List
	for {
		step.Requests++
		list, err = ask(ctx, client, at)
		if err == nil || at.Size <= overlap.MinSize || !github.IsTooLarge(err) || ctx.Err() != nil {
			break
		}
		at.Size = max(at.Size/2, overlap.MinSize)
	}
	if err == nil {
		err = r.checkOwner(at, list)
	}
	if err != nil {
		return step, err
	}
	step.Position, step.Total = at, list.Total
	return step, r.finish(ctx, &step, list)
}

// begin decodes a cursor. It reports false when there is no owner at all.
func (r *Reader) begin(ctx context.Context, cursor string, step *Step) (Position, bool, error) {
	if cursor == "" {
		first, found, err := r.ownerAfter(ctx, "", step)
		return Position{Owner: first, Point: overlap.Point{Size: r.Sizes[0]}}, found, err
	}
	var at Position
	err := json.Unmarshal([]byte(cursor), &at)
	isOwner := at.Owner != "" && (len(r.Owners) == 0 || slices.Contains(r.Owners, at.Owner))
	if err != nil || !isOwner || at.List < 0 || at.List >= len(r.Sizes) || at.Size < overlap.MinSize {
		return Position{}, false, fault.New(fault.Input, "%q is not a cursor of this source. Was its configuration changed?", cursor)
	}
	at.Size = min(at.Size, r.Sizes[at.List])
	return at, true, nil
}

// ownerAfter is the first owner behind another in the order of logins, so that an App that is installed or removed
// while a source is read moves nothing.
func (r *Reader) ownerAfter(ctx context.Context, login string, step *Step) (string, bool, error) {
	logins := slices.Clone(r.Owners)
	if len(logins) == 0 {
		owners, requests, err := r.Host.Installations(ctx, r.App)
		step.Requests += requests
		if err != nil {
			return "", false, err
		}
		for _, owner := range owners {
			if owner.Kind == integration.OwnerOrganization || !r.OrganizationsOnly {
				logins = append(logins, owner.Name)
			}
		}
	}
	slices.Sort(logins)
	at := slices.IndexFunc(logins, func(one string) bool { return one > login })
	if at < 0 {
		return "", false, nil
	}
	return logins[at], true, nil
}

// checkOwner refuses the answer for an owner that does not exist, or is not the one of the page before: a login that
// was given up can be taken by somebody else.
func (r *Reader) checkOwner(at Position, list List) error {
	switch {
	case list.OwnerID == "":
		return fault.New(fault.NotFound, "%s has no owner %s that the credentials may see. Was it renamed?", r.Host.Name(), at.Owner)
	case at.OwnerID != "" && at.OwnerID != list.OwnerID:
		return fault.New(fault.Conflict, "%s on %s is another owner than when the reading began", at.Owner, r.Host.Name())
	}
	return nil
}

// finish sets what counts of a page, and where the next one begins.
func (r *Reader) finish(ctx context.Context, step *Step, list List) error {
	name := fmt.Sprintf("the list of %s on %s", step.Owner, r.Host.Name())
	skip, point, isLast, err := step.Point.Continue(overlap.List{Rows: list.Rows, More: list.More, Total: list.Total}, name)
	step.Skip = skip
	if err != nil {
		return err
	}
	if isLast {
		return r.nextList(ctx, step, list)
	}
	return step.continueAt(Position{Owner: step.Owner, OwnerID: list.OwnerID, List: step.List, Point: point})
}

func (r *Reader) nextList(ctx context.Context, step *Step, list List) error {
	if following := step.List + 1; following < len(r.Sizes) {
		return step.continueAt(Position{Owner: step.Owner, OwnerID: list.OwnerID, List: following, Point: overlap.Point{Size: r.Sizes[following]}})
	}
	owner, found, err := r.ownerAfter(ctx, step.Owner, step)
	if err != nil || !found {
		return err
	}
	return step.continueAt(Position{Owner: owner, Point: overlap.Point{Size: r.Sizes[0]}})
}

func (s *Step) continueAt(next Position) error {
	encoded, err := json.Marshal(next)
	if err == nil && len(encoded) > provider.MaxCursor {
		err = fmt.Errorf("a cursor of %d bytes is too long", len(encoded))
	}
	s.Next = string(encoded)
	return err
}
