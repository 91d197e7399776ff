package entity

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Rule is an entry of catalog.rules: it allows kinds of entities from locations.
type Rule struct {
	Allow []AllowedKind
	// Locations are the locations from which the kinds are allowed. Nil is any location, an empty list none.
	Locations []LocationMatch
}

// AllowedKind is a kind, ignoring case. A Type that is not "" restricts it to one spec.type.
type AllowedKind struct{ Kind, Type string }

// LocationMatch matches locations of a type: all of them, the one whose target is Exact, or those that fit
// Pattern, a glob.
type LocationMatch struct{ Type, Exact, Pattern string }

// Rules decide which entities a location may emit. The zero value allows nothing.
type Rules []Rule

// DefaultRules apply when the configuration has no catalog.rules. They allow people, teams and templates from
// configured locations only.
func DefaultRules() Rules {
	return Rules{{Allow: []AllowedKind{{Kind: "Component"}, {Kind: "API"}, {Kind: "Location"}}}}
}

// EveryKind allows every known kind from every location.
func EveryKind() Rules {
	var every Rule
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		every.Allow = append(every.Allow, AllowedKind{Kind: kind})
	}
	return Rules{every}
}

// NewRules checks rules that come from the configuration.
func NewRules(rules []Rule) (Rules, error) {
	for _, rule := range rules {
		for _, location := range rule.Locations {
			if location.Pattern != "" && location.Exact != "" {
				return nil, fmt.Errorf("catalog rule for locations of type %q: "+
					"A catalog rule location cannot have both exact and pattern values", location.Type)
			}
			if !doublestar.ValidatePattern(location.Pattern) {
				return nil, fmt.Errorf("catalog rule for locations of type %q: %q is not a glob pattern", location.Type, location.Pattern)
			}
		}
	}
	return rules, nil
}

// Allowed reports whether any rule allows the entity from origin, the location at the root of its ancestors.
func (r Rules) Allowed(e Entity, origin LocationSpec) bool {
	for _, rule := range r {
		if rule.appliesTo(origin) && rule.allows(e) {
			return true
		}
	}
	return false
}

func (r Rule) appliesTo(origin LocationSpec) bool {
	if r.Locations == nil {
		return true
	}
	for _, location := range r.Locations {
		if location.matches(origin) {
			return true
		}
	}
	return false
}

func (m LocationMatch) matches(origin LocationSpec) bool {
	if m.Type != origin.Type || m.Exact != "" && m.Exact != origin.Target {
		return false
	}
	return m.Pattern == "" || doublestar.MatchUnvalidated(foldURL(m.Pattern), foldURL(origin.Target))
}

var slashes = regexp.MustCompile(`/+`)

// foldURL prepares a pattern or a target for a comparison that ignores case. Backstage's globs treat many
// slashes as one.
func foldURL(s string) string { return slashes.ReplaceAllString(strings.ToLower(s), "/") }

func (r Rule) allows(e Entity) bool {
	for _, allowed := range r.Allow {
		if strings.EqualFold(allowed.Kind, e.Kind()) && (allowed.Type == "" || strings.EqualFold(allowed.Type, e.Type())) {
			return true
		}
	}
	return false
}
