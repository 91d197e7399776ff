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
	// refs are the claims that say of what state of the repository it is, and whether a value does.
	refs = map[string]func(pattern string) bool{
		"sub": namesRefInSubject, "ref": namesRef, "ref_path": namesRef, "ref_protected": func(pattern string) bool { return pattern == "true" },
		"environment": namesEnvironment, "workflow_ref": namesRefOfWorkflow, "job_workflow_ref": namesRefOfWorkflow,
	}
	// proposals are the events that may run code that nobody has accepted yet, also of strangers. A child pipeline
	// at GitLab says parent_pipeline, whatever started its parent.
	proposals = map[string][]string{
		"event_name":      {"pull_request", "pull_request_review", "pull_request_review_comment", "pull_request_target"},
		"pipeline_source": {"merge_request_event", "external_pull_request_event", "parent_pipeline"},
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
	if !slices.ContainsFunc(owners, func(name string) bool { return r.binds(name, namesOwner) }) {
		return fmt.Errorf("claims do not say whose jobs are meant: one of %s is needed, and in each of its values an owner without a wildcard, such as acme/*",
			strings.Join(owners, ", "))
	}
	namesRef := func(name string) bool { return r.binds(name, refs[name]) }
	if names := slices.Sorted(maps.Keys(refs)); !slices.ContainsFunc(names, namesRef) {
		return fmt.Errorf("claims do not say which ref is meant: one of %s is needed, and in each of its values the beginning of a branch, tag or "+
			"environment without a wildcard, such as refs/heads/main, refs/tags/v* or repo:acme/shop:ref:refs/heads/main", strings.Join(names, ", "))
	}
	return nil
}

// binds reports whether a claim is there, and all its values say what it is asked for.
func (r Rule) binds(claim string, says func(pattern string) bool) bool {
	isSilent := func(pattern string) bool { return !says(pattern) }
	return len(r.Claims[claim]) > 0 && !slices.ContainsFunc(r.Claims[claim], isSilent)
}

// wildcards are the characters with which a part of a pattern begins that matches several texts.
const wildcards = `*?[{\`

// namesOwner reports whether a pattern names the owner: what is before the first slash, after the host of a URL.
func namesOwner(pattern string) bool {
	if scheme, rest, isURL := strings.Cut(pattern, "://"); isURL && !strings.Contains(scheme, "/") {
		host, path, _ := strings.Cut(rest, "/")
		return isPlain(scheme) && isPlain(host) && namesOwner(path)
	}
	owner, _, _ := strings.Cut(pattern, "/")
	return isPlain(owner) && !strings.HasSuffix(owner, ":")
}

// isPlain reports whether a part of a pattern matches one text only.
func isPlain(part string) bool { return part != "" && !strings.ContainsAny(part, wildcards) }

// namesRef reports whether a pattern names a branch or tag, or how its name begins.
func namesRef(pattern string) bool {
	end := strings.IndexAny(pattern, wildcards)
	if end < 0 {
		return pattern != ""
	}
	isAny := func(kind string) bool { return strings.HasPrefix(kind, pattern[:end]) }
	return !slices.ContainsFunc([]string{"refs/heads/", "refs/tags/"}, isAny)
}

// namesEnvironment reports whether a pattern names an environment, or how its name begins.
func namesEnvironment(pattern string) bool { return pattern != "" && isPlain(pattern[:1]) }

// namesRefOfWorkflow is for owner/repository/path@ref.
func namesRefOfWorkflow(pattern string) bool {
	at := strings.LastIndexByte(pattern, '@')
	return at >= 0 && namesRef(pattern[at+1:])
}

// namesRefInSubject is for subjects as GitHub and GitLab write them: repo:acme/shop:ref:refs/heads/main,
// repo:acme/shop:environment:production, project_path:acme/shop:ref_type:branch:ref:main.
func namesRefInSubject(pattern string) bool {
	for part, says := range map[string]func(string) bool{":ref:": namesRef, ":environment:": namesEnvironment, ":job_workflow_ref:": namesRefOfWorkflow} {
		if _, rest, has := strings.Cut(pattern, part); has && says(rest) {
			return true
		}
	}
	return strings.HasSuffix(pattern, ":pull_request")
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
		event := claims[name]
		if slices.Contains(proposals[name], event) && !slices.Contains(r.Claims[name], event) {
			return name
		}
	}
	return ""
}
