package query

import (
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/policy"
)

// Grant is the set of entities on which a principal has a permission.
type Grant = policy.Grant[entity.Entity, Filter]

// Rules are the permission rules of the resource type catalog-entity. They are Backstage's, with one
// difference: keys and values are compared in lower case, both in SQL and in memory.
var Rules = policy.Rules[entity.Entity, Filter]{
	ResourceType: policy.CatalogEntity,
	ByName: map[string]policy.Rule[Filter]{
		"HAS_ANNOTATION": policy.NewRule("annotation", func(p struct {
			Annotation string
			Value      *string
		},
		) Filter {
			return hasValue("metadata.annotations.", p.Annotation, p.Value)
		}),
		"HAS_LABEL": policy.NewRule("label", func(p struct {
			Label string
			Value *string
		},
		) Filter {
			return hasValue("metadata.labels.", p.Label, p.Value)
		}),
		"HAS_METADATA":   policy.NewRule("key", func(p property) Filter { return hasValue("metadata.", p.Key, p.Value) }),
		"HAS_SPEC":       policy.NewRule("key", func(p property) Filter { return hasValue("spec.", p.Key, p.Value) }),
		"IS_ENTITY_KIND": policy.NewRule("kinds", func(p struct{ Kinds []string }) Filter { return Match{"kind", p.Kinds} }),
		"IS_ENTITY_OWNER": policy.NewRule("claims", func(p struct{ Claims []string }) Filter {
			return Match{"relations.ownedBy", p.Claims}
		}),
	},
	All:    func(filters []Filter) Filter { return All(filters) },
	Any:    func(filters []Filter) Filter { return Any(filters) },
	Not:    func(filter Filter) Filter { return Not{filter} },
	Allows: Matches,
}

// property is the parameters of a rule about a field. A nil value matches every value.
type property struct {
	Key   string
	Value *string
}

func hasValue(path, key string, value *string) Filter {
	if value == nil {
		return Exists{path + key}
	}
	return Match{path + key, []string{*value}}
}

// Matches evaluates a filter on a served entity in memory. It uses the same rows that statements read from
// the database.
func Matches(f Filter, e entity.Entity) bool {
	return matches(f, entity.SearchRows(e, entity.ServedRelations(e)))
}

func matches(f Filter, rows []entity.SearchRow) bool {
	pass := func(f Filter) bool { return matches(f, rows) }
	switch f := f.(type) {
	case nil:
		return true
	case All:
		return !slices.ContainsFunc(f, func(part Filter) bool { return !pass(part) })
	case Any:
		return slices.ContainsFunc(f, pass)
	case Not:
		return !pass(f.Filter)
	case Exists:
		return hasRow(rows, f.Key, func(*string) bool { return true })
	case Match:
		values := lower(f.Values)
		return hasRow(rows, f.Key, func(value *string) bool {
			return value != nil && slices.ContainsFunc(values, func(asked string) bool { return storable(asked) == storable(*value) })
		})
	case Prefix:
		prefix := storable(strings.ToLower(f.Prefix))
		return hasRow(rows, f.Key, func(value *string) bool { return value != nil && strings.HasPrefix(storable(*value), prefix) })
	default:
		return false // an unknown filter matches nothing
	}
}

func hasRow(rows []entity.SearchRow, key string, holds func(value *string) bool) bool {
	key = storable(strings.ToLower(key))
	return slices.ContainsFunc(rows, func(row entity.SearchRow) bool { return storable(row.Key) == key && holds(row.Value) })
}
