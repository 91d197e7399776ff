package query

import (
	"strings"

	"github.com/portico-dev/portico/fault"
)

// What one question may consist of. A condition costs the database a look-up for each entity in question, a value next
// to nothing.
const (
	maxConditions = 500
	maxValues     = 10_000
	maxFields     = 500
	maxOrders     = 10
	// MaxFacets bounds the keys that are counted at once.
	MaxFacets = 100
	// MaxRefs bounds the entities that are asked for by reference at once.
	MaxRefs = 5000
	// MaxPage bounds a page: whoever asks for more gets the rest by its cursor.
	MaxPage = 1000
)

// size is what a question consists of.
type size struct{ conditions, values int }

func (s size) check(what string) error {
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

// addPredicate adds a predicate of whatever shape. What names no field counts too: it is looked at as well.
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

// CheckOrders refuses to sort by very many fields.
func CheckOrders(orders int) error {
	if orders > maxOrders {
		return fault.New(fault.Input, "Invalid order, there are more than the %d fields that are sorted by at once", maxOrders)
	}
	return nil
}

// CheckFacets refuses to count very many keys.
func CheckFacets(keys int) error {
	if keys > MaxFacets {
		return fault.New(fault.Input, "Invalid facet, there are more than the %d that are counted at once", MaxFacets)
	}
	return nil
}

// CheckRefs refuses to look for very many entities.
func CheckRefs(refs int) error {
	if refs > MaxRefs {
		return fault.New(fault.Input, "Invalid entityRefs, there are more than the %d that are answered at once", MaxRefs)
	}
	return nil
}
