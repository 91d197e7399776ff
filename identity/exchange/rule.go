package exchange

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/portico-dev/portico/identity"
)

// Rule says which jobs get a token, and what it may do.
type Rule struct {
	// Subject is part of the name of the token's holder.
	Subject string
	// Claims are the claims that a job's token must have, each with one of the values. In a value, * matches
	// anything but a slash, and ** as a whole segment also slashes.
	Claims map[string][]string
	// Restrictions are all that the token may do.
	Restrictions []identity.Restriction
}

var (
	// owners are the claims that say whose job it is. Anybody can have a token of a public issuer, for any
	// audience.
	owners = []string{"sub", "repository_id", "repository", "repository_owner_id", "repository_owner", "project_id", "project_path", "namespace_id", "namespace_path"}
	// refs are the claims that say of what state of the repository it is.
	refs = []string{"sub", "ref", "ref_path", "ref_protected", "environment", "workflow_ref", "job_workflow_ref"}
	// proposals are the events that may run code that nobody has accepted yet, also of strangers.
	proposals = map[string][]string{
		"event_name":      {"pull_request", "pull_request_target"},
		"pipeline_source": {"merge_request_event", "external_pull_request_event"},
	}
)

// check refuses a rule that more jobs meet than its author can know.
func (r Rule) check() error {
	if len(r.Restrictions) == 0 {
		return errors.New("accessRestrictions are missing: they are all that the token may do")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Claims)) {
		if len(r.Claims[name]) == 0 {
			return fmt.Errorf("claims.%s has no value", name)
		}
		for _, pattern := range r.Claims[name] {
			if pattern == "" || !doublestar.ValidatePattern(pattern) {
				return fmt.Errorf("claims.%s: %q is no pattern", name, pattern)
			}
		}
	}
	if !slices.ContainsFunc(owners, r.binds) {
		return fmt.Errorf("claims do not say whose jobs are meant: one of %s is needed, without a wildcard before the first slash", strings.Join(owners, ", "))
	}
	if !slices.ContainsFunc(refs, func(name string) bool { return r.Claims[name] != nil }) {
		return fmt.Errorf("claims do not say which ref is meant: one of %s is needed", strings.Join(refs, ", "))
	}
	return nil
}

// binds reports whether every value of a claim names an owner.
func (r Rule) binds(claim string) bool {
	isOpen := func(pattern string) bool {
		owner, _, _ := strings.Cut(pattern, "/")
		return strings.ContainsAny(owner, `*?[{\`)
	}
	return len(r.Claims[claim]) > 0 && !slices.ContainsFunc(r.Claims[claim], isOpen)
}

// find returns the first rule that the claims meet, or for each rule the claim that does not.
func (t *Trusted) find(claims map[string]string) (*Rule, []string) {
	var unmet []string
	for n := range t.Rules {
		claim := t.Rules[n].unmet(claims)
		if claim == "" {
			return &t.Rules[n], nil
		}
		unmet = append(unmet, fmt.Sprintf("%s: %s is %q", t.Rules[n].Subject, claim, claims[claim]))
	}
	return nil, unmet
}

// unmet is a claim that does not meet the rule, "" when all do.
func (r Rule) unmet(claims map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(r.Claims)) {
		value, has := claims[name]
		isMet := func(pattern string) bool { return doublestar.MatchUnvalidated(pattern, value) }
		if !has || !slices.ContainsFunc(r.Claims[name], isMet) {
			return name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(proposals)) {
		if r.Claims[name] == nil && slices.Contains(proposals[name], claims[name]) {
			return name
		}
	}
	return ""
}
