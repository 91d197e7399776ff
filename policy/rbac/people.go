package rbac

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/identity"
)

// Person is a user about whom decisions are compared.
type Person struct {
	Ref string
	// Groups are the groups whose roles the user has.
	Groups []string
	// Ownership are the user, and the groups that the user has at sign-in.
	Ownership []string
}

// Principal is the person as they are when they sign in.
func (p Person) Principal() identity.Principal {
	return identity.Principal{Kind: identity.KindUser, Subject: p.Ref, Ownership: p.Ownership}
}

// PeopleLevels are how many levels of groups count.
type PeopleLevels struct {
	// Roles is the levels above a user's own groups whose roles the user has.
	Roles int
	// Ownership is the levels of groups, and Owners the number of groups, that a user has at sign-in.
	Ownership, Owners int
}

// maxLinks bounds the memberships of groups in groups.
const maxLinks = 500_000

// CatalogPeople finds the users of the catalog, by reference; at most limit. complete is false if there are more.
func CatalogPeople(pool *pgxpool.Pool, levels PeopleLevels) func(ctx context.Context, limit int) (people []Person, complete bool, err error) {
	queries := db.New()
	return func(ctx context.Context, limit int) ([]Person, bool, error) {
		rows, err := queries.CatalogUsers(ctx, pool, int32(limit)+1)
		if err != nil {
			return nil, false, fmt.Errorf("users of the catalog: %w", err)
		}
		links, err := queries.CatalogGroupParents(ctx, pool, maxLinks+1)
		if err != nil {
			return nil, false, fmt.Errorf("groups of the catalog: %w", err)
		}
		if len(links) > maxLinks {
			return nil, false, fmt.Errorf("the catalog has more than %d memberships of groups in groups", maxLinks)
		}
		tree := groupTree{}
		for _, link := range links {
			tree[link.SourceRef] = append(tree[link.SourceRef], link.TargetRef)
		}
		people := make([]Person, min(len(rows), limit))
		for i := range people {
			above := tree.above(rows[i].Groups, max(levels.Roles+1, levels.Ownership))
			people[i] = Person{Ref: rows[i].Ref, Groups: above.within(levels.Roles + 1)}
			owners := above.within(levels.Ownership)
			people[i].Ownership = append([]string{rows[i].Ref}, owners[:min(len(owners), levels.Owners)]...)
		}
		return people, len(rows) <= limit, nil
	}
}

// groupTree has what each group is a child of.
type groupTree map[string][]string

// placedGroup is a group with its distance from a user, 1 for a group of the user.
type placedGroup struct {
	ref   string
	level int
}

type placedGroups []placedGroup

// above are groups and those above them up to a level, the nearest first.
func (t groupTree) above(groups []string, levels int) placedGroups {
	seen := map[string]bool{}
	var found placedGroups
	for level, next := 1, groups; level <= levels && len(next) > 0; level++ {
		var parents []string
		for _, ref := range next {
			if seen[ref] {
				continue
			}
			seen[ref] = true
			if strings.HasPrefix(ref, kindGroup+":") {
				found = append(found, placedGroup{ref, level})
			}
			parents = append(parents, t[ref]...)
		}
		next = parents
	}
	slices.SortFunc(found, func(a, b placedGroup) int {
		return cmp.Or(cmp.Compare(a.level, b.level), strings.Compare(a.ref, b.ref))
	})
	return found
}

// within are those up to a level.
func (p placedGroups) within(levels int) []string {
	refs := []string{}
	for _, group := range p {
		if group.level <= levels {
			refs = append(refs, group.ref)
		}
	}
	return refs
}
