package query

import (
	"slices"
	"strings"
)

// Condition is the condition that a row of another table is about an entity that a grant covers: " and ...", or "" when the grant covers
// all. The alias has the columns entity_id and entity_ref. args are the parameters that the statement has already; the result has
// those of the condition too. So a statement about what belongs to entities has the grant in it, like those about entities.
func Condition(readable Grant, alias string, args []any) (sql string, all []any) {
	b := &builder{args: slices.Clip(args)}
	b.andEntity(grantedScope(readable, nil), alias)
	return b.sql.String(), b.args
}

// Owners are references in lower case, one of which owns each entity that a grant covers. known is false when the grant says nothing
// about owners.
func Owners(readable Grant) (refs []string, known bool) {
	condition, conditional := readable.Filter()
	if !conditional {
		return nil, false
	}
	return owners(condition)
}

func owners(f Filter) (refs []string, known bool) {
	switch f := f.(type) {
	case Match:
		return lower(f.Values), strings.EqualFold(f.Key, "relations.ownedBy")
	case All:
		for _, part := range f {
			if refs, known := owners(part); known {
				return refs, true
			}
		}
	case Any:
		for _, part := range f {
			some, known := owners(part)
			if !known {
				return nil, false
			}
			refs = append(refs, some...)
		}
		return refs, len(f) > 0
	}
	return nil, false
}
