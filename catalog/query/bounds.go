package query

import (
	"strings"

	"github.com/portico-dev/portico/fault"
)

// Bounds of one question. A condition costs the database a look-up for each candidate entity; a value costs
// next to nothing.
const (
	maxConditions = 500
	maxValues     = 10_000
	maxFields     = 500
	maxOrders     = 10
	// maxFacets bounds the keys that are counted at once. maxFacetConditions bounds the conditions of all
	// their statements together.
	maxFacets          = 100
	maxFacetConditions = 2000
	// maxRefs bounds the references of one look-up.
	maxRefs = 5000
	// MaxPage bounds a page. The cursor leads to the rest.
	MaxPage = 1000
)

// size counts the parts of a question.
type size struct{ conditions, values int }

func (s *size) check(what string) error {
	if s.conditions > maxConditions {
		return fault.New(fault.Input, "Invalid %s, it has more than the %d conditions that are answered at once", what, maxConditions)
	}
	if s.values > maxValues {
		return fault.New(fault.Input, "Invalid %s, it has more than the %d values that are answered at once", what, maxValues)
	}
	return nil
}

func (s *size) addSet(set All) {
	s.conditions += len(set)
	for _, condition := range set {
		if match, is := condition.(Match); is {
			s.values += len(match.Values)
		}
	}
}

// addPredicate counts a predicate of any shape, including parts that name no field, because they are
// evaluated too.
func (s *size) addPredicate(value any) {
	if s.conditions > maxConditions || s.values > maxValues {
		return
	}
	switch value := value.(type) {
	case []any:
		s.values += len(value)
		for _, item := range value {
			s.addPredicate(item)
		}
	case map[string]any:
		for key, inner := range value {
			if !strings.HasPrefix(key, "$") {
				s.conditions++
			}
			s.addPredicate(inner)
		}
	}
}

// CheckOrders refuses a sort by too many fields.
func CheckOrders(orders int) error {
	if orders > maxOrders {
		return fault.New(fault.Input, "Invalid order, there are more than the %d fields that are sorted by at once", maxOrders)
	}
	return nil
}

// CheckFacets refuses too many keys, and many keys under many conditions.
func CheckFacets(keys int, filter Filter) error {
	if keys > maxFacets {
		return fault.New(fault.Input, "Invalid facet, there are more than the %d that are counted at once", maxFacets)
	}
	if conditions := conditionsOf(filter); keys*conditions > maxFacetConditions {
		return fault.New(fault.Input, "Invalid facet, %d facets under %d conditions are more than are counted at once: ask for some at a time", keys, conditions)
	}
	return nil
}

func conditionsOf(f Filter) int {
	var parts []Filter
	switch f := f.(type) {
	case nil:
		return 0
	case All:
		parts = f
	case Any:
		parts = f
	case Not:
		parts = []Filter{f.Filter}
	default:
		return 1
	}
	conditions := 0
	for _, part := range parts {
		conditions += conditionsOf(part)
	}
	return conditions
}

// CheckRefs refuses too many references.
func CheckRefs(refs int) error {
	if refs > maxRefs {
		return fault.New(fault.Input, "Invalid entityRefs, there are more than the %d that are answered at once", maxRefs)
	}
	return nil
}
