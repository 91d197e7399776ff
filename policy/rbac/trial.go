package rbac

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// maxProposals bounds the changes that are tried together.
const maxProposals = 100

// Trial has the roles before and after a change that was not made, and compares decisions with both. It is for
// one goroutine.
type Trial struct {
	decider       *Decider
	before, after *snapshot
	// queries are the permissions that the roles of either side are about, and about has the places of those that
	// a role is about.
	queries []Query
	about   map[string][]int
	// altered are the roles whose policies or conditions differ.
	altered map[string]bool
	// known has the differences for roles before and after.
	known map[string][]Difference
}

// Try tries changes of roles, one after the other, and takes them back: nobody is affected. It checks them as the
// API checks the same changes when they are made, and asks for the same permissions. What the changes mean tells
// of all roles, so the principal must be able to read all of them.
func (s *Service) Try(ctx context.Context, principal identity.Principal, proposals []Proposal) (*Trial, error) {
	if err := s.MayTry(ctx, principal); err != nil {
		return nil, err
	}
	if len(proposals) == 0 || len(proposals) > maxProposals {
		return nil, fault.New(fault.Input, "changes: name at least one change and at most %d", maxProposals)
	}
	var edits []edit
	for i, proposal := range proposals {
		do, err := s.prepare(ctx, principal, proposal)
		if err != nil {
			return nil, inProposal(i, err)
		}
		if do != nil {
			edits = append(edits, func(c *change) error { return inProposal(i, do(c)) })
		}
	}
	return s.try(ctx, principal, edits, s.places())
}

// FileTexts are contents of the files with roles. One that is nil stays as the server has last read it.
type FileTexts struct {
	Policies   *string `json:"policies,omitempty"`
	Conditions *string `json:"conditions,omitempty"`
}

// maxShownProblems bounds the problems in the refusal of files.
const maxShownProblems = 10

// TryFiles is Try for other contents of the files. Files are not changed through the API, so whoever may read all
// roles may try them, services too. Files that would be refused are a fault of kind Input. The problems are those
// that would not have them refused.
func (s *Service) TryFiles(ctx context.Context, principal identity.Principal, texts FileTexts) (*Trial, []Problem, error) {
	if err := s.MayTry(ctx, principal); err != nil {
		return nil, nil, err
	}
	s.last.mu.Lock()
	contents := s.last.files
	s.last.mu.Unlock()
	if texts.Policies != nil {
		contents.policies, contents.policiesWrong = *texts.Policies, ""
	}
	if texts.Conditions != nil {
		contents.conditions, contents.conditionsWrong = *texts.Conditions, ""
	}
	wanted := s.parseNamed(Files{Policies: "policies", Conditions: "conditions", SkipInvalid: s.options.Files.SkipInvalid}, contents)
	trial, err := s.try(ctx, principal, []edit{func(c *change) error {
		if err := c.sync(wanted); err != nil {
			return err
		}
		return wanted.refusal()
	}}, wanted.places)
	return trial, wanted.problems, err
}

// refusal is a fault that has the first problems, nil if the files count.
func (w *wanted) refusal() error {
	if w.fromFile != nil && w.hasConditions {
		return nil
	}
	var lines []string
	for _, problem := range w.problems[:min(len(w.problems), maxShownProblems)] {
		lines = append(lines, problem.String())
	}
	if more := len(w.problems) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more problems", more))
	}
	return fault.New(fault.Input, "The server would refuse these files, and keep its roles:\n%s", strings.Join(lines, "\n"))
}

// MayTry checks that a principal may try changes at all.
func (s *Service) MayTry(ctx context.Context, principal identity.Principal) error {
	return policy.Require(ctx, s.options.Ask, principal, policy.PolicyEntityRead, "")
}

// inProposal says in which of several changes a fault is. Denials stay as they are.
func inProposal(at int, err error) error {
	if kind := fault.KindOf(err); kind != "" && kind != fault.NotAllowed {
		return fault.Wrap(kind, err, "changes[%d]: %s", at, err)
	}
	return err
}

func (s *Service) try(ctx context.Context, principal identity.Principal, edits []edit, at *places) (*Trial, error) {
	loaded := s.options.Decider.snapshot.Load()
	var known *stored
	if loaded.loaded {
		known = &loaded.all
	}
	was, is, err := s.store.try(ctx, principal.Actor(), known, edits)
	if err != nil {
		return nil, err
	}
	t := &Trial{decider: s.options.Decider, about: map[string][]int{}, altered: map[string]bool{}, known: map[string][]Difference{}}
	if t.before = loaded; known == nil || known.revision != was.revision {
		if t.before, err = s.snapshotOf(was, s.places()); err != nil {
			return nil, err
		}
	}
	if t.after, err = s.snapshotOf(is, at); err != nil {
		return nil, err
	}
	t.survey()
	return t, nil
}

// survey finds the permissions that the roles are about, and the roles that differ.
func (t *Trial) survey() {
	t.queries = queriesOf(t.before.all, t.after.all)
	was, is := t.before.contents(), t.after.contents()
	for _, ref := range slices.Concat(refsOf(t.before.all.roles), refsOf(t.after.all.roles)) {
		if _, known := t.about[ref]; known {
			continue
		}
		t.about[ref] = []int{}
		for i, q := range t.queries {
			if t.before.concerns(ref, q) || t.after.concerns(ref, q) {
				t.about[ref] = append(t.about[ref], i)
			}
		}
		t.altered[ref] = !slices.Equal(was[ref], is[ref])
	}
}

func refsOf(roles []Role) []string {
	refs := make([]string, len(roles))
	for i, role := range roles {
		refs[i] = role.Ref
	}
	return refs
}

// contents are the policies and conditions of each role, sorted.
func (s *snapshot) contents() map[string][]string {
	contents := map[string][]string{}
	for _, p := range s.all.policies {
		contents[p.Role] = append(contents[p.Role], p.columns())
	}
	for _, c := range s.all.conditions {
		contents[c.Role] = append(contents[c.Role], fmt.Sprintf("%s %v %s", c.ResourceType, c.Permissions, c.Criteria))
	}
	for _, lines := range contents {
		slices.Sort(lines)
	}
	return contents
}

// concerns reports whether a role has policies or conditions that count for a permission.
func (s *snapshot) concerns(ref string, q Query) bool {
	role := []string{ref}
	if deputy := q.deputy(); deputy.Permission != "" && s.concerns(ref, deputy) {
		return true
	}
	return s.names(role, q) || s.has(q.typeTarget(), role)
}

// queriesOf are the permissions of Portico, and those of others that policies and conditions name. What is about
// the permissions of others with some action on a resource type of Portico is under the name of the type.
func queriesOf(sides ...stored) []Query {
	found, types := map[Query]bool{}, map[target]bool{}
	for _, permission := range policy.Permissions() {
		q := queryAbout(permission)
		found[q], types[q.typeTarget()] = true, true
	}
	add := func(name, action string, of policy.ResourceType) {
		if name = cmp.Or(name, string(of)); !policy.Permission(name).IsKnown() && !types[target{name, action}] {
			found[Query{name, action, of}] = true
		}
	}
	for _, side := range sides {
		for _, c := range side.conditions {
			for _, entry := range c.Permissions {
				add(entry.Name, entry.Action, c.ResourceType)
			}
		}
	}
	onType := map[target]bool{}
	for q := range found {
		onType[q.target()] = true
	}
	for _, side := range sides {
		for _, p := range side.policies {
			if !onType[target{p.Permission, p.Action}] {
				add(p.Permission, p.Action, "")
			}
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b Query) int {
		return cmp.Or(strings.Compare(a.Permission, b.Permission), strings.Compare(a.Action, b.Action), strings.Compare(string(a.ResourceType), string(b.ResourceType)))
	})
}

// Users are the users who are members of a role before or after, by reference.
func (t *Trial) Users() []string {
	users := map[string]bool{}
	for _, side := range []*snapshot{t.before, t.after} {
		for member := range side.rolesOf {
			if strings.HasPrefix(member, kindUser+":") {
				users[member] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(users))
}

// Roles are the roles that meet the conditions of a difference for one person after the change and not before,
// and the other way round.
func (t *Trial) Roles(d Difference) (gained, lost []string, err error) {
	was, err := t.before.covered(d.Before)
	if err != nil {
		return nil, nil, err
	}
	is, err := t.after.covered(d.After)
	return without(is, was), without(was, is), err
}

// covered are the roles that a decision allows.
func (s *snapshot) covered(decision policy.Decision) ([]string, error) {
	if decision.Result == policy.Denied {
		return nil, nil
	}
	allows := func(Role) bool { return true }
	if decision.Result == policy.Conditional {
		filter, err := Rules.Filter(decision.Conditions)
		if err != nil {
			return nil, err
		}
		allows = filter
	}
	return refsOf(slices.DeleteFunc(slices.Clone(s.all.roles), func(r Role) bool { return !allows(r) })), nil
}
