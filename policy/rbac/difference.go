package rbac

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// Effect is what a change does to the permission of a person.
type Effect string

const (
	// Gains is a permission on more resources, or on all.
	Gains Effect = "gains"
	// Loses is a permission on fewer resources, or on none.
	Loses Effect = "loses"
	// Alters is a permission under other conditions, which hold for other resources.
	Alters Effect = "alters"
)

// Difference is a permission about which the decision differs. In the conditions, the aliases of the person are not
// replaced: see For.
type Difference struct {
	Query

	Effect        Effect
	Before, After policy.Decision
}

// anybody is whoever the decision is about: the aliases stand for themselves.
var anybody = identity.Principal{Kind: identity.KindUser, Subject: aliasUser, Ownership: []string{aliasOwners}}

// Compare returns the permissions about which the decision for a person differs. The result is shared.
func (t *Trial) Compare(person Person) ([]Difference, error) {
	principal := person.Principal()
	if t.decider.superUser(principal) != "" {
		return nil, nil
	}
	if t.before.hasGroups || t.after.hasGroups {
		if err := checkGroups(person.Ref, person.Groups); err != nil {
			return nil, err
		}
	}
	was, is := t.decider.rolesIn(t.before, principal, person.Groups, nil), t.decider.rolesIn(t.after, principal, person.Groups, nil)
	key := strings.Join(was, " ") + "\n" + strings.Join(is, " ")
	found, known := t.known[key]
	if !known {
		found = t.compare(was, is)
		t.known[key] = found
	}
	return found, nil
}

// compare compares the decisions that the roles can differ in.
func (t *Trial) compare(was, is []string) []Difference {
	var touched []int
	for _, role := range slices.Concat(without(was, is), without(is, was), within(was, is)) {
		if t.altered[role] || !slices.Contains(was, role) || !slices.Contains(is, role) {
			touched = append(touched, t.about[role]...)
		}
	}
	slices.Sort(touched)
	var found []Difference
	for _, i := range slices.Compact(touched) {
		q := t.queries[i]
		before, after := t.decision(t.before, was, q), t.decision(t.after, is, q)
		if effect := effectOf(before, after); effect != "" {
			found = append(found, Difference{q, effect, before, after})
		}
	}
	return found
}

// decision is the decision about anybody with these roles. One that fails is a denial, as always.
func (t *Trial) decision(now *snapshot, roles []string, q Query) policy.Decision {
	decision, err := t.decider.decide(now, roles, anybody, q, nil)
	if err != nil {
		return policy.Decision{Result: policy.Denied}
	}
	return decision
}

// effectOf compares two decisions, "" for the same.
func effectOf(before, after policy.Decision) Effect {
	order := []policy.Result{policy.Denied, policy.Conditional, policy.Allowed}
	was, is := slices.Index(order, before.Result), slices.Index(order, after.Result)
	switch {
	case was < is:
		return Gains
	case was > is:
		return Loses
	case after.Result != policy.Conditional:
		return ""
	}
	old, now := alternatives(before.Conditions), alternatives(after.Conditions)
	switch fewer, more := len(without(old, now)) > 0, len(without(now, old)) > 0; {
	case fewer && more:
		return Alters
	case fewer:
		return Loses
	case more:
		return Gains
	default:
		return ""
	}
}

// alternatives are the criteria of which one must hold, as texts.
func alternatives(criteria policy.Criteria) []string {
	var texts []string
	for _, each := range criteria.AnyOf {
		texts = append(texts, alternatives(each)...)
	}
	if len(texts) == 0 {
		text, _ := json.Marshal(criteria) //nolint:errchkjson // criteria were JSON
		texts = append(texts, string(text))
	}
	return texts
}

// For is the difference for one person: with the person's references in the conditions.
func (d Difference) For(person Person) (Difference, error) {
	for _, decision := range []*policy.Decision{&d.Before, &d.After} {
		if decision.Result != policy.Conditional {
			continue
		}
		criteria, err := forPrincipal(decision.Conditions, person.Principal())
		if err != nil {
			return Difference{}, err
		}
		decision.Conditions = criteria
	}
	return d, nil
}
