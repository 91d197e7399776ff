package query

import "slices"

// Condition is the condition that a row of another table is about an entity that a grant covers: " and ...", or "" when the grant covers
// all. The alias has the columns entity_id and entity_ref. args are the parameters that the statement has already; the result has
// those of the condition too. So a statement about what belongs to entities has the grant in it, like those about entities.
func Condition(readable Grant, alias string, args []any) (sql string, all []any) {
	b := &builder{args: slices.Clip(args), named: true}
	b.andEntity(grantedScope(readable, nil), alias)
	return b.sql.String(), b.args
}
