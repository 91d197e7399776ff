// Package query turns questions about entities into SQL: the filters of query strings, the predicates of
// request bodies, permission conditions, orders, cursors and projections. It builds statements; package
// catalog runs them. A statement that reads entities takes the principal's grant as an argument. Values from
// callers are always passed as parameters, never as text of a statement.
package query

import (
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
)

// Filter is a condition on entities: All, Any, Not, Match, Exists or Prefix. Nil is no condition. Keys are
// flattened paths ("metadata.annotations.backstage.io/orphan", "relations.ownedby"); keys and values are
// compared in lower case.
type Filter interface {
	// predicate is the filter in the predicate language of request bodies.
	predicate() any
}

type (
	// All matches when every filter in it does. An empty All always matches.
	All []Filter
	// Any matches when one of its filters does. An empty Any never matches.
	Any []Filter
	// Not matches when its filter does not.
	Not struct{ Filter Filter }
	// Match matches when the key has one of the values. Without values it never matches.
	Match struct {
		Key    string
		Values []string
	}
	// Exists matches when the key exists, even with a null value.
	Exists struct{ Key string }
	// Prefix matches when a value of the key begins with Prefix.
	Prefix struct{ Key, Prefix string }
)

// And joins filters and skips nil ones.
func And(filters ...Filter) Filter {
	var all All
	for _, f := range filters {
		if f != nil {
			all = append(all, f)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	default:
		return all
	}
}

// ParseSets reads the filter parameters of a query string. Each parameter is a set of comma-separated
// conditions (key, key=value, key=), and one set must match. In a set, all keys must match; a repeated key
// may have any of its values. The result is nil without conditions.
func ParseSets(parameters []string) (Filter, error) {
	var sets Any
	var found size
	for _, parameter := range parameters {
		set, err := parseSet(parameter)
		if err != nil {
			return nil, err
		}
		if len(set) > 0 {
			sets = append(sets, set)
		}
		found.addSet(set)
		if err := found.check("filter"); err != nil {
			return nil, err
		}
	}
	switch len(sets) {
	case 0:
		return nil, nil // nil is the filter that lets everything through
	case 1:
		return sets[0], nil
	default:
		return sets, nil
	}
}

func parseSet(parameter string) (All, error) {
	var keys []string
	values := map[string][]string{}
	for statement := range strings.SplitSeq(parameter, ",") {
		statement = strings.TrimSpace(statement)
		if statement == "" {
			continue
		}
		key, value, hasValue := strings.Cut(statement, "=")
		key = strings.TrimSpace(key)
		if key == "" {
			return nil, fault.New(fault.Input,
				"Invalid filter, '%s' is not a valid statement (expected a string on the form a=b or a= or a)", statement)
		}
		if _, seen := values[key]; !seen {
			keys = append(keys, key)
			values[key] = nil
		}
		if hasValue {
			values[key] = append(values[key], strings.TrimSpace(value))
		}
	}
	var set All
	for _, key := range keys {
		if len(values[key]) == 0 {
			set = append(set, Exists{Key: key})
			continue
		}
		set = append(set, Match{Key: key, Values: values[key]})
	}
	return set, nil
}

// normalize pushes every Not down to a leaf, removes single-element nests, and folds alternatives for one key
// into one Match.
func normalize(f Filter, negate bool) Filter {
	switch f := f.(type) {
	case All:
		return normalizeEach(f, negate, negate)
	case Any:
		return normalizeEach(f, negate, !negate)
	case Not:
		return normalize(f.Filter, !negate)
	default:
		if negate {
			return Not{f}
		}
		return f
	}
}

func normalizeEach(filters []Filter, negate, alternatives bool) Filter {
	normal := make([]Filter, 0, len(filters))
	for _, f := range filters {
		f = normalize(f, negate)
		if nested, flat := sameNest(f, alternatives); flat {
			normal = append(normal, nested...)
		} else {
			normal = append(normal, f)
		}
	}
	if alternatives {
		normal = foldMatches(normal)
	}
	switch {
	case len(normal) == 1:
		return normal[0]
	case alternatives:
		return Any(normal)
	default:
		return All(normal)
	}
}

// sameNest returns the elements of f if it is of the same kind as the nest that will contain it.
func sameNest(f Filter, alternatives bool) ([]Filter, bool) {
	switch f := f.(type) {
	case All:
		return f, !alternatives
	case Any:
		return f, alternatives
	default:
		return nil, false
	}
}

// foldMatches merges the alternatives for each key into one Match.
func foldMatches(filters []Filter) []Filter {
	folded := make([]Filter, 0, len(filters))
	for _, f := range filters {
		if match, is := f.(Match); !is || !foldInto(folded, match) {
			folded = append(folded, f)
		}
	}
	return folded
}

// foldInto adds the values to the Match of the same key, and reports whether there is one.
func foldInto(folded []Filter, match Match) bool {
	for i, other := range folded {
		if earlier, is := other.(Match); is && strings.EqualFold(earlier.Key, match.Key) {
			earlier.Values = append(slices.Clip(earlier.Values), match.Values...)
			folded[i] = earlier
			return true
		}
	}
	return false
}
