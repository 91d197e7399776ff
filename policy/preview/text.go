package preview

import (
	"fmt"
	"strings"

	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

// Changes reports whether the preview has differences, or may have some that were not found.
func (p *Preview) Changes() bool { return p.People.Affected > 0 || len(p.Incomplete) > 0 }

// Text is a preview for people, in several lines.
func (p *Preview) Text() string {
	var w strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&w, format+"\n", args...) }
	if p.People.Affected == 0 {
		line("Nobody gains or loses a permission, of %d people.", p.People.Compared)
	} else {
		line("%d of %d people are affected: %s.", p.People.Affected, p.People.Compared, effects(p.People.Gain, p.People.Lose, p.People.Alter))
	}
	for _, permission := range p.Permissions {
		line("  %s: %s", named(permission.Permission, permission.Action, permission.ResourceType), effects(permission.Gain, permission.Lose, permission.Alter))
	}
	for _, person := range p.Items {
		line("%s", person.User)
		for _, change := range person.Changes {
			line("  %s", change.text())
		}
	}
	if more := p.People.Affected - len(p.Items); more > 0 && len(p.Items) > 0 {
		line("and %d more people", more)
	}
	for _, reason := range p.Incomplete {
		line("Not complete: %s.", reason)
	}
	for _, problem := range p.Problems {
		line("Problem: %s", problem)
	}
	return w.String()
}

// effects are numbers of people, such as "2 gain, 1 loses".
func effects(gain, lose, alter int) string {
	var parts []string
	for _, part := range []struct {
		count     int
		one, many string
	}{{gain, "gains", "gain"}, {lose, "loses", "lose"}, {alter, "has other conditions", "have other conditions"}} {
		switch {
		case part.count == 1:
			parts = append(parts, "1 "+part.one)
		case part.count > 1:
			parts = append(parts, fmt.Sprintf("%d %s", part.count, part.many))
		}
	}
	return strings.Join(parts, ", ")
}

// named is a permission, with the action and the type of one that Portico does not know.
func named(permission, action string, of policy.ResourceType) string {
	if policy.Permission(permission).IsKnown() || action == "" {
		return permission
	}
	if of == "" || string(of) == permission {
		return fmt.Sprintf("%s (%s)", permission, action)
	}
	return fmt.Sprintf("%s (%s on %s)", permission, action, of)
}

func (c Change) text() string {
	verb := map[rbac.Effect]string{rbac.Gains: "gains", rbac.Loses: "loses", rbac.Alters: "has other conditions on"}[c.Effect]
	text := verb + " " + named(c.Permission, c.Action, c.ResourceType)
	if c.Before == policy.Conditional || c.After == policy.Conditional {
		under := map[policy.Result]string{policy.Allowed: "always", policy.Denied: "never", policy.Conditional: "under conditions"}
		text += fmt.Sprintf(" (%s, before %s)", under[c.After], under[c.Before])
	}
	if c.Resources == nil {
		return text
	}
	return text + c.Resources.text(c.Effect)
}

func (r Resources) text(effect rbac.Effect) string {
	var parts []string
	if effect != rbac.Loses {
		parts = append(parts, listed("gained", r.Gained, r.GainedExamples))
	}
	if effect != rbac.Gains {
		parts = append(parts, listed("lost", r.Lost, r.LostExamples))
	}
	text := ": " + strings.Join(parts, "; ")
	if r.OnlyReadable {
		text += "; and perhaps more that you may not read"
	}
	return text
}

func listed(what string, count int, examples []string) string {
	text := fmt.Sprintf("%d %s", count, what)
	if len(examples) > 0 {
		text += ", such as " + strings.Join(examples, ", ")
	}
	return text
}
