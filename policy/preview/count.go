package preview

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

// maxExamples bounds the resources that are named.
const maxExamples = 3

// readPermissions are the permissions to read resources.
var readPermissions = map[policy.ResourceType]policy.Permission{
	policy.CatalogEntity: policy.CatalogEntityRead, policy.ScaffolderTask: policy.ScaffolderTaskRead,
}

// counter counts resources for one preview, each criteria once.
type counter struct {
	service   *Service
	principal identity.Principal
	trial     *rbac.Trial
	ctx       context.Context //nolint:containedctx // a counter lives for one call
	stop      func()
	counted   map[string]counted
	// onlyReadable has the resource types of which the caller may not read all.
	onlyReadable map[policy.ResourceType]bool
	incomplete   []string
}

// counted is the number of resources, with some of them.
type counted struct {
	count    int
	examples []string
}

func (s *Service) newCounter(ctx context.Context, principal identity.Principal, trial *rbac.Trial) *counter {
	within, stop := context.WithTimeout(ctx, countTime)
	return &counter{service: s, principal: principal, trial: trial, ctx: within, stop: stop,
		counted: map[string]counted{}, onlyReadable: map[policy.ResourceType]bool{}}
}

// person is a person with the resources of their differences.
func (c *counter) person(of affected) (Person, error) {
	person := Person{User: of.Ref, Changes: []Change{}}
	for _, d := range of.differences {
		change := Change{Permission: d.Permission, Action: d.Action, ResourceType: d.ResourceType, Effect: d.Effect, Before: d.Before.Result, After: d.After.Result}
		own, err := d.For(of.Person)
		if err != nil {
			return Person{}, fmt.Errorf("the conditions of %s about %s: %w", of.Ref, d.Permission, err)
		}
		if change.Resources, err = c.resources(own); err != nil {
			return Person{}, err
		}
		person.Changes = append(person.Changes, change)
	}
	return person, nil
}

// resources counts the resources of a difference, nil if they cannot be counted, or not in time.
func (c *counter) resources(d rbac.Difference) (*Resources, error) {
	if d.ResourceType == policy.PolicyEntity {
		gained, lost, err := c.trial.Roles(d)
		return &Resources{Gained: len(gained), Lost: len(lost), GainedExamples: some(gained), LostExamples: some(lost)}, err
	}
	if cover := c.service.options.Cover[d.ResourceType]; cover != nil {
		return covered(d, cover)
	}
	if c.service.options.Count[d.ResourceType] == nil || len(c.incomplete) > 0 {
		return nil, nil //nolint:nilnil // it is not known how many
	}
	found, err := c.stored(d)
	if err != nil && errors.Is(c.ctx.Err(), context.DeadlineExceeded) {
		c.incomplete = []string{"not all resources were counted in time: ask for fewer people"}
		return nil, nil //nolint:nilnil // it is not known how many
	}
	return found, err
}

// covered compares the resources that the decisions allow, nil if these are not known.
func covered(d rbac.Difference, cover Cover) (*Resources, error) {
	was, isKnown, err := cover(d.Before)
	if err != nil || !isKnown {
		return nil, err
	}
	is, isKnown, err := cover(d.After)
	if err != nil || !isKnown {
		return nil, err
	}
	gained, lost := without(is, was), without(was, is)
	return &Resources{Gained: len(gained), Lost: len(lost), GainedExamples: some(gained), LostExamples: some(lost)}, nil
}

// without are the elements of a list that another one lacks.
func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(ref string) bool { return slices.Contains(others, ref) })
}

// stored counts stored resources.
func (c *counter) stored(d rbac.Difference) (*Resources, error) {
	gained, err := c.count(d.ResourceType, difference(d.After, d.Before, d.Effect != rbac.Loses))
	if err != nil {
		return nil, err
	}
	lost, err := c.count(d.ResourceType, difference(d.Before, d.After, d.Effect != rbac.Gains))
	if err != nil {
		return nil, err
	}
	only, err := c.isPartial(d.ResourceType)
	return &Resources{gained.count, lost.count, some(gained.examples), some(lost.examples), only}, err
}

func some(refs []string) []string { return append([]string{}, refs[:min(len(refs), maxExamples)]...) }

// isPartial reports whether the caller may not read all resources of a type.
func (c *counter) isPartial(of policy.ResourceType) (bool, error) {
	partial, known := c.onlyReadable[of]
	if known {
		return partial, nil
	}
	decision, err := c.service.options.Decider.Decide(c.ctx, c.principal, readPermissions[of])
	c.onlyReadable[of] = decision.Result != policy.Allowed
	return c.onlyReadable[of], err
}

// set is a set of resources: none, all, or those that meet criteria.
type set struct {
	none     bool
	criteria *policy.Criteria
}

// difference are the resources that one decision allows and another one does not. Nothing is counted if it is known
// that there are none.
func difference(a, b policy.Decision, possible bool) set {
	switch {
	case !possible || a.Result == policy.Denied || b.Result == policy.Allowed:
		return set{none: true}
	case b.Result == policy.Denied && a.Result == policy.Allowed:
		return set{}
	case b.Result == policy.Denied:
		return set{criteria: &a.Conditions}
	case a.Result == policy.Allowed:
		return set{criteria: &policy.Criteria{Not: &b.Conditions}}
	default:
		return set{criteria: &policy.Criteria{AllOf: []policy.Criteria{a.Conditions, {Not: &b.Conditions}}}}
	}
}

// count counts each set once.
func (c *counter) count(of policy.ResourceType, s set) (counted, error) {
	if s.none {
		return counted{}, nil
	}
	text, err := json.Marshal(s.criteria)
	if err != nil {
		return counted{}, fmt.Errorf("encode conditions: %w", err)
	}
	key := string(of) + " " + string(text)
	found, known := c.counted[key]
	if known {
		return found, nil
	}
	found.count, found.examples, err = c.service.options.Count[of](c.ctx, c.principal, s.criteria, maxExamples)
	if err == nil {
		c.counted[key] = found
	}
	return found, err
}
