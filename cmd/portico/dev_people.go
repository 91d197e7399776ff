//go:build !slim

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/devstack/openid"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

// people are the users of the catalog, for the login page of --users.
type people struct{ *platform }

var _ openid.Directory = people{}

// guestRef is the example's user for those who do not sign in.
const guestRef = "user:default/guest"

// Search implements openid.Directory.
func (p people) Search(ctx context.Context, text string, limit int) ([]openid.Person, error) {
	cursor, err := query.NewCursor(query.All{query.Match{Key: "kind", Values: []string{"user"}}, query.Match{Key: "metadata.namespace", Values: []string{entity.DefaultNamespace}}},
		query.FullText{Term: text, Fields: []string{"metadata.name", "metadata.title", "spec.profile.displayname"}},
		[]query.CursorOrder{{Field: query.OrderByShownName, Order: "asc"}})
	if err != nil {
		return nil, err
	}
	page, err := p.catalog.QueryEntities(ctx, identity.System("the login page"), catalog.EntityQuery{Cursor: cursor, Limit: limit + 1, SkipTotal: true})
	if err != nil {
		return nil, err
	}
	var found []openid.Person
	for _, document := range page.Items {
		var user entity.Entity
		if err := json.Unmarshal(document, &user); err != nil {
			return nil, fmt.Errorf("decode a user of the catalog: %w", err)
		}
		if user.Ref().String() == guestRef {
			continue
		}
		person, err := p.describe(ctx, user)
		if err != nil {
			return nil, err
		}
		found = append(found, person)
	}
	return found[:min(len(found), limit)], nil
}

// Person implements openid.Directory.
func (p people) Person(ctx context.Context, id string) (openid.Person, error) {
	ref, err := entity.ParseRef(id, entity.Ref{})
	if err != nil {
		return openid.Person{}, err
	}
	user, err := p.catalog.EntityByRef(ctx, identity.System("the login page"), ref)
	if err != nil {
		return openid.Person{}, err
	}
	if user.Kind() != "User" {
		return openid.Person{}, fmt.Errorf("%s is no user", ref)
	}
	return p.describe(ctx, user)
}

func (p people) describe(ctx context.Context, user entity.Entity) (openid.Person, error) {
	groups, err := p.catalog.GroupsOf(ctx, identity.System("the login page"), user.Ref())
	if err != nil {
		return openid.Person{}, err
	}
	profile, _ := user.Spec()["profile"].(map[string]any)
	text := func(key string) string { value, _ := profile[key].(string); return value }
	described := openid.Person{ID: user.Ref().String(), Username: user.Name(), Name: user.ShownName(), Email: text("email"), Picture: text("picture")}
	for _, group := range groups {
		described.Groups = append(described.Groups, group[strings.LastIndexByte(group, '/')+1:])
	}
	principal := identity.Principal{Kind: identity.KindUser, Subject: described.ID, Ownership: append([]string{described.ID}, groups...)}
	if described.Roles, err = p.rolesOf(ctx, principal); err != nil {
		return openid.Person{}, err
	}
	described.May, described.MayNot, err = abilitiesOf(ctx, p.decider, principal)
	return described, err
}

func (p people) rolesOf(ctx context.Context, principal identity.Principal) ([]string, error) {
	decider, is := p.decider.(*rbac.Decider)
	if !is {
		return nil, nil
	}
	explained, err := decider.Explain(ctx, principal, rbac.Query{Permission: string(policy.CatalogEntityRead), Action: "read", ResourceType: policy.CatalogEntity})
	if err != nil {
		return nil, err
	}
	return each(explained.Roles, func(role rbac.HeldRole) string { return role.Role }), nil
}

// demoAbility is what the demo needs.
const demoAbility = "run templates"

// abilities are what people notice of roles, with the words for all resources, for those that somebody owns,
// and for some. A permission without resources has the first only.
var abilities = []struct {
	permission     policy.Permission
	all, own, some string
}{
	{policy.CatalogEntityRead, "see the whole catalog", "see what they own", "see part of the catalog"},
	{policy.ScaffolderTaskCreate, demoAbility, "", ""},
	{policy.ScaffolderTaskRead, "see everybody's runs", "see their own runs", "see some runs"},
	{policy.CatalogEntityDelete, "delete every entity", "delete what they own", "delete some entities"},
	{policy.CatalogLocationDelete, "remove locations", "", ""},
	{policy.PolicyEntityUpdate, "change roles", "change roles that they own", "change some roles"},
	{policy.AuditRead, "read the audit log", "", ""},
	{policy.TemporalRead, "see Temporal", "", ""},
}

func abilitiesOf(ctx context.Context, decider policy.Decider, principal identity.Principal) (may, mayNot []string, err error) {
	for _, ability := range abilities {
		decision, err := decider.Decide(ctx, principal, ability.permission)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case decision.Result == policy.Allowed:
			may = append(may, ability.all)
		case decision.Result != policy.Conditional || ability.some == "":
			mayNot = append(mayNot, ability.all)
		case requiresOwner(decision.Conditions):
			may = append(may, ability.own)
		default:
			may = append(may, ability.some)
		}
	}
	return may, mayNot, nil
}

// requiresOwner reports whether only owners meet the criteria.
func requiresOwner(criteria policy.Criteria) bool {
	switch {
	case criteria.Rule != "":
		return slices.Contains([]string{"IS_ENTITY_OWNER", "IS_TASK_OWNER", "IS_OWNER"}, criteria.Rule)
	case len(criteria.AllOf) > 0:
		return slices.ContainsFunc(criteria.AllOf, requiresOwner)
	case len(criteria.AnyOf) > 0:
		return !slices.ContainsFunc(criteria.AnyOf, func(one policy.Criteria) bool { return !requiresOwner(one) })
	default:
		return false
	}
}

// waitForPeople returns the first people of the catalog once they stay the same: groups are read later than
// their members. It gives up without an error.
func waitForPeople(ctx context.Context, p *platform) ([]openid.Person, error) {
	limited, cancel := context.WithTimeout(ctx, peopleTimeout)
	defer cancel()
	var last []openid.Person
	for since := time.Now(); ; {
		found, err := people{p}.Search(ctx, "", maxTold)
		if err != nil {
			return nil, err
		}
		if !reflect.DeepEqual(found, last) {
			since, last = time.Now(), found
		}
		if len(found) > 0 && time.Since(since) > peopleSettled {
			return found, nil
		}
		select {
		case <-limited.Done():
			return found, ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}

// maxTold bounds the people among whom those to try are found.
const maxTold = 50

// exemplary are the first of each who may do the same, at most limit.
func exemplary(people []openid.Person, limit int) []openid.Person {
	var chosen []openid.Person
	for _, person := range people {
		same := func(other openid.Person) bool { return slices.Equal(person.May, other.May) }
		if len(chosen) < limit && !slices.ContainsFunc(chosen, same) {
			chosen = append(chosen, person)
		}
	}
	return chosen
}

// told says what somebody may do.
func told(person openid.Person) string {
	var lines strings.Builder
	if len(person.May) > 0 {
		fmt.Fprintf(&lines, "    may %s\n", strings.Join(person.May, ", "))
	}
	if len(person.MayNot) > 0 {
		fmt.Fprintf(&lines, "    may not %s\n", strings.Join(person.MayNot, ", "))
	}
	return lines.String()
}
