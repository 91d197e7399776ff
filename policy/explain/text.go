package explain

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

// Text is an explanation for people, in several lines.
func (e Explanation) Text() string {
	w := &writer{}
	w.line("%s", e.Verdict())
	e.writeReasons(w)
	if e.Result != policy.Allowed {
		e.writeChanges(w)
	}
	return w.String()
}

type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// Verdict is the decision as a sentence.
func (e Explanation) Verdict() string {
	may := map[policy.Result]string{policy.Allowed: "may", policy.Conditional: "may, under conditions,"}[e.Result]
	verdict := fmt.Sprintf("%s %s %s", e.User, cmp.Or(may, "may not"), e.Permission)
	if e.Resource != "" {
		verdict += " on " + e.Resource
	}
	return verdict + "."
}

// bases say what a decision was made by.
var bases = map[rbac.Basis]string{
	rbac.ByToken:     "The token of the caller decides, not roles.",
	rbac.ByNothing:   "No role of the user is about this permission.",
	rbac.ByPolicies:  "These policies decide:",
	rbac.ByFailure:   "The decision failed, which denies:",
	rbac.BySuperUser: "This is a super user:",
}

func (e Explanation) writeReasons(w *writer) {
	if !e.Known {
		w.line("Portico has no permission of this name. Check its spelling, unless it is another plugin's.")
	}
	if e.DecidedAs != "" {
		w.line("No role of the user names %s, so it is decided as %s.", e.Permission, e.DecidedAs)
	}
	switch e.Basis {
	case rbac.ByConditions:
		e.writeConditions(w)
	default:
		w.line("%s", bases[e.Basis])
	}
	for _, text := range []string{e.Failure, e.SuperUser} {
		if text != "" {
			w.line("  %s", text)
		}
	}
	for _, p := range e.Policies {
		w.line("  %s", policyText(p))
		e.writePath(w, p.Role)
	}
	if e.Basis == rbac.ByNothing {
		for _, role := range e.Roles {
			w.line("  %s", role.Role)
			e.writePath(w, role.Role)
		}
	}
}

func (e Explanation) writeConditions(w *writer) {
	switch {
	case len(e.Rules) > 0 && e.Result == policy.Allowed:
		w.line("The conditions hold:")
	case len(e.Rules) > 0:
		w.line("The conditions do not hold:")
	}
	for _, rule := range e.Rules {
		must := ""
		if rule.Negated {
			must = " (it must not hold)"
		}
		w.line("  %s %s %s%s", rule.Rule, rule.Params, verdicts[rule.Verdict], must)
	}
	w.line("These conditions decide; one of them must hold, and policies do not count beside them:")
	for _, c := range e.Conditions {
		w.line("  %s", conditionText(c))
		e.writePath(w, c.Role)
	}
}

var verdicts = map[Verdict]string{Holds: "holds", Fails: "does not hold", Unknown: "is not known: the resource does not exist, or you may not read it"}

// writePath says how the user has a role.
func (e Explanation) writePath(w *writer, ref string) {
	for _, role := range e.Roles {
		switch {
		case role.Role != ref:
		case role.Everybody:
			w.line("    everybody has this role")
		default:
			path := append([]string{e.User}, role.Groups...)
			w.line("    %s -> %s%s", strings.Join(path, " -> "), role.Role, at(role.Place, role.Source))
		}
	}
}

func (e Explanation) writeChanges(w *writer) {
	if e.Basis == rbac.ByToken {
		return
	}
	if len(e.Changes) == 0 {
		w.line("No single role would allow it.")
	}
	for i, change := range e.Changes {
		if i == 0 {
			w.line("What would change it:")
		}
		w.line("  %s", changeText(change))
		for _, p := range change.Policies {
			w.line("    %s", policyText(p))
		}
		for _, c := range change.Conditions {
			if c.Role == change.Role {
				w.line("    %s", conditionText(c))
			}
		}
		if change.Owner != "" {
			w.line("    Ask %s, who owns the role.", change.Owner)
		}
	}
	if len(e.Maintainers) > 0 {
		w.line("Who may change roles: %s.", strings.Join(e.Maintainers, ", "))
	}
}

func changeText(change rbac.Change) string {
	verb, effect := "Join", "allows it"
	if change.Do == rbac.Leave {
		verb = "Leave"
	}
	if change.Result == policy.Conditional {
		effect = "allows it under conditions"
	}
	if change.Do == rbac.Leave {
		return fmt.Sprintf("%s %s: without it, what is left %s.", verb, change.Role, effect)
	}
	return fmt.Sprintf("%s %s, which %s.", verb, change.Role, effect)
}

func policyText(p rbac.PlacedPolicy) string {
	return fmt.Sprintf("p, %s, %s, %s, %s%s", p.Role, p.Permission, p.Action, p.Effect, at(p.Place, p.Source))
}

func conditionText(c rbac.PlacedCondition) string {
	return fmt.Sprintf("%s on %s: %s%s", c.Role, c.ResourceType, c.Criteria, at(c.Place, c.Source))
}

// sources name the sources of roles.
var sources = map[rbac.Source]string{rbac.FromREST: "the API", rbac.FromConfiguration: "the configuration", rbac.FromFile: "a file"}

// at is where something comes from, in parentheses.
func at(place rbac.Place, source rbac.Source) string {
	if place.File != "" {
		return fmt.Sprintf("  (%s:%d)", place.File, place.Line)
	}
	if from := sources[source]; from != "" {
		return "  (from " + from + ")"
	}
	return ""
}
