package query_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/internal/testkit/plantest"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
)

// manyEntities is the size of a catalog in which a sequential scan is noticeably slow.
const manyEntities = 100_000

// everything is the grant for every entity.
var everything = query.Rules.Everything()

// under is the grant for entities that meet conditions.
func under(t *testing.T, conditions string) query.Grant {
	t.Helper()
	grant, err := query.Rules.Ask(t.Context(), policytest.Table{policy.CatalogEntityRead: conditions},
		identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}, policy.CatalogEntityRead)
	require.NoError(t, err)
	return grant
}

func explain(t *testing.T, pool *pgxpool.Pool, statement query.Statement) plantest.Plan {
	t.Helper()
	return plantest.Parse(t, explained(t, pool, statement))
}

// explained is EXPLAIN's answer for a statement. A generic one is prepared and executed, because EXPLAIN of a
// statement plans it for its arguments.
func explained(t *testing.T, pool *pgxpool.Pool, statement query.Statement) (document []byte) {
	t.Helper()
	if !statement.Generic {
		arguments := append([]any{pgx.QueryExecModeCacheDescribe}, statement.Args...)
		require.NoError(t, pool.QueryRow(t.Context(), plantest.Analyze+statement.SQL, arguments...).Scan(&document), statement.SQL)
		return document
	}
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context()) //nolint:errcheck // it only read
	literals := make([]string, len(statement.Args))
	for i, argument := range statement.Args {
		switch argument := argument.(type) {
		case string:
			literals[i] = "'" + argument + "'"
		case []string:
			literals[i] = "array['" + strings.Join(argument, "','") + "']"
		default:
			literals[i] = fmt.Sprint(argument)
		}
	}
	for _, sql := range []string{query.GenericPlan, "deallocate all", "prepare tested as " + statement.SQL} {
		_, err := tx.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err, sql)
	}
	execute := plantest.Analyze + "execute tested(" + strings.Join(literals, ", ") + ")"
	require.NoError(t, tx.QueryRow(t.Context(), execute, pgx.QueryExecModeSimpleProtocol).Scan(&document), execute)
	return document
}

// Times depend on the machine's load; the number of rows does not.
func TestPlansTouchFewRows(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("fills large tables")
	}
	pool := testkit.Database(t)
	catalogtest.Fill(t, pool, manyEntities)

	sets := func(parameters ...string) query.Filter {
		filter, err := query.ParseSets(parameters)
		require.NoError(t, err)
		return filter
	}
	// A typical role: users read what their teams own, and all groups.
	owner := `{"rule":"IS_ENTITY_OWNER","resourceType":"catalog-entity","params":{"claims":["group:default/group-19","group:default/group-39"]}}`
	teams := func(count int) string {
		claims := make([]string, count)
		for i := range claims {
			claims[i] = fmt.Sprintf("group:default/group-%d", 20*i*2+19)
		}
		encoded, err := json.Marshal(claims)
		require.NoError(t, err)
		return `{"rule":"IS_ENTITY_OWNER","resourceType":"catalog-entity","params":{"claims":` + string(encoded) + `}}`
	}
	// A hundred teams own 1,400 entities; half of the teams own half of what is owned.
	hundred, half := under(t, teams(100)), under(t, teams(manyEntities/20/2))
	kind := `{"rule":"IS_ENTITY_KIND","resourceType":"catalog-entity","params":{"kinds":["Group"]}}`
	own, ownOrGroups, others := under(t, owner), under(t, `{"anyOf":[`+owner+`,`+kind+`]}`), under(t, `{"not":`+owner+`}`)
	byName := &query.Order{Key: "metadata.name"}
	byShownName := &query.Order{Key: entity.KeyShownName}
	components := sets("kind=component")
	owned := sets("kind=component,relations.ownedBy=group:default/group-19,relations.ownedBy=group:default/group-39")
	location := sets("metadata.annotations.backstage.io/managed-by-location=url:https://example.com/770.yaml")
	text := query.FullText{Term: "-7777", Fields: []string{"metadata.name", "metadata.title"}}
	frequent := query.FullText{Term: "component", Fields: text.Fields}
	// Of 100,000 entities 45,000 are components; the names of 15,000 others come first.
	const few, many, once, twice = 1_000, 50_000, 110_000, 220_000
	cases := map[string]struct {
		statement query.Statement
		most      int
	}{
		"a page of components by name":           {query.Page{Filter: components, Order: byName, Limit: 21}.Select(everything), few},
		"the same, by what they are called":      {query.Page{Filter: components, Order: byShownName, Limit: 21}.Select(everything), few},
		"the same, backwards":                    {query.Page{Filter: components, Order: byName, Limit: 21, Backwards: true}.Select(everything), few},
		"a page of users by name":                {query.Page{Filter: sets("kind=user"), Order: byName, Limit: 21}.Select(everything), few},
		"a page in the midst of components":      {query.Page{Filter: components, Order: byName, Limit: 21, Offset: 20_000}.Select(everything), many},
		"a page of components of a type":         {query.Page{Filter: sets("kind=component,spec.type=service"), Order: byName, Limit: 21}.Select(everything), few},
		"a page of a kind that there is none of": {query.Page{Filter: sets("kind=template"), Order: byName, Limit: 21}.Select(everything), few},
		"a page of everything":                   {query.Page{Limit: 201}.Select(everything), few},
		"a page of owned components":             {query.Page{Filter: owned, Order: byName, Limit: 21}.Select(everything), few},
		"a page of two kinds":                    {query.Page{Filter: sets("kind=user", "kind=group"), Order: byName, Limit: 21}.Select(everything), once},
		"a page of either of two sets":           {query.Page{Filter: sets("kind=user,metadata.name=user-9", "kind=group,metadata.tags=tag-19"), Limit: 21}.Select(everything), many},
		"a page of one name":                     {query.Page{Filter: sets("kind=component,metadata.name=component-1"), Limit: 21}.Select(everything), few},
		"a page of one location":                 {query.Page{Filter: location, Limit: 201}.Select(everything), few},
		"a page of text":                         {query.Page{FullText: query.FullText{Term: "component-99"}, Order: byName, Limit: 21}.Select(everything), once},
		"a page of text in two fields":           {query.Page{Filter: components, FullText: text, Order: byName, Limit: 21}.Select(everything), few},
		"a page of a frequent text":              {query.Page{Filter: components, FullText: frequent, Order: byName, Limit: 21}.Select(everything), once},
		"a count of text in two fields":          {query.Page{Filter: components, FullText: text, Order: byName}.Count(everything), few},
		"a page of a prefix":                     {query.Page{Filter: query.Prefix{Key: "metadata.name", Prefix: "component-12"}, Limit: 21}.Select(everything), many},
		"a count of everything":                  {query.Page{}.Count(everything), twice},
		"a count of components":                  {query.Page{Filter: components}.Count(everything), once},
		"a count of sorted components":           {query.Page{Filter: components, Order: byName}.Count(everything), once},
		"a count of owned components":            {query.Page{Filter: owned}.Count(everything), few},
		"a count of one of a list's values":      {query.Page{Filter: sets("metadata.tags=tag-1")}.Count(everything), many},
		"a list of services":                     {query.List{Filter: sets("kind=api,spec.type=service,metadata.tags=tag-1"), ByRef: true, Limit: 21}.Select(everything), many},
		"a list by reference":                    {query.List{ByRef: true, Limit: 21, Offset: 40}.Select(everything), few},
		"a list by name":                         {query.List{Orders: []query.Order{*byName}, ByRef: true, Limit: 21}.Select(everything), few},
		"facets of types of components":          {query.Facets(everything, []string{"spec.type", "spec.lifecycle"}, components), 3 * once},
		"facets of the owners of APIs":           {query.Facets(everything, []string{"relations.ownedBy"}, sets("kind=api")), once},
		"facets of what a team owns":             {query.Facets(everything, []string{"kind"}, owned), few},

		"a page of own entities":                     {query.Page{Limit: 201}.Select(own), few},
		"a page of own components by name":           {query.Page{Filter: components, Order: byName, Limit: 21}.Select(own), few},
		"a page of own components or groups by name": {query.Page{Filter: components, Order: byName, Limit: 21}.Select(ownOrGroups), many},
		"a page of own entities or groups":           {query.Page{Limit: 201}.Select(ownOrGroups), many},
		"a page of others' components by name":       {query.Page{Filter: components, Order: byName, Limit: 21}.Select(others), many},
		"a count of own entities":                    {query.Page{}.Count(own), few},
		"a count of own components":                  {query.Page{Filter: components}.Count(own), few},
		"a count of own entities or groups":          {query.Page{}.Count(ownOrGroups), many},
		"a list of own entities":                     {query.List{ByRef: true, Limit: 21}.Select(own), few},
		"a list of own entities by name":             {query.List{Orders: []query.Order{*byName}, ByRef: true, Limit: 21}.Select(own), few},
		"a list of own components":                   {query.List{Filter: components, ByRef: true, Limit: 21}.Select(own), few},
		"a list of own entities or groups":           {query.List{ByRef: true, Limit: 21}.Select(ownOrGroups), many},
		"facets of own entities":                     {query.Facets(own, []string{"kind", "spec.type"}, nil), few},
		"facets of own entities or groups":           {query.Facets(ownOrGroups, []string{"kind"}, nil), many},
		"own entities by reference":                  {query.ByRefs(own, []string{"component:default/component-4", "component:default/component-8"}, nil), few},
		"one own entity by reference":                {query.ByRef(ownOrGroups, "component:default/component-4"), few},

		"a page of what a hundred teams own":               {query.Page{Limit: 201}.Select(hundred), many},
		"a page of a hundred teams' components by name":    {query.Page{Filter: components, Order: byName, Limit: 21}.Select(hundred), many},
		"a list of what a hundred teams own":               {query.List{ByRef: true, Limit: 21}.Select(hundred), many},
		"a list of what a hundred teams own by name":       {query.List{Orders: []query.Order{*byName}, ByRef: true, Limit: 21}.Select(hundred), many},
		"a list of what half of the teams own by name":     {query.List{Orders: []query.Order{*byName}, ByRef: true, Limit: 21}.Select(half), many},
		"a short page of what half of the teams own":       {query.Page{Limit: 21}.Select(half), many},
		"a count of what a hundred teams own":              {query.Page{}.Count(hundred), many},
		"facets of what a hundred teams own":               {query.Facets(hundred, []string{"kind"}, nil), many},
		"a page of what half of the teams own":             {query.Page{Limit: 201}.Select(half), many},
		"a page of half of the teams' components by name":  {query.Page{Filter: components, Order: byName, Limit: 21}.Select(half), many},
		"a list of what half of the teams own":             {query.List{ByRef: true, Limit: 21}.Select(half), many},
		"one entity by reference for half of the teams":    {query.ByRef(half, "component:default/component-4"), many},
		"some entities by reference for half of the teams": {query.ByRefs(half, []string{"component:default/component-4", "component:default/component-8"}, nil), many},

		"entities by reference": {query.ByRefs(everything, []string{"component:default/component-4", "component:default/component-8"}, components), few},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := explain(t, pool, c.statement)
			t.Logf("%d rows, %.1f ms", found.Touched(), found.Time)
			require.Empty(t, found.SequentialScans(), c.statement.SQL)
			require.LessOrEqual(t, found.Touched(), c.most, c.statement.SQL)
		})
	}
}

// Statements for a Match with many values are written in another way. Values that no entity has do not change
// what is found.
func TestMatchesOfManyValuesFindTheSame(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	catalogtest.Fill(t, pool, 20_000)
	// 100 values beside those that are asked for make it many. A tag is on 400 entities: seven are on more than
	// are sorted, and two on fewer.
	matches := func(values ...string) (narrow, wide query.Match) {
		narrow = query.Match{Key: "metadata.tags", Values: values}
		wide = query.Match{Key: narrow.Key, Values: append([]string{}, values...)}
		for i := range 100 {
			wide.Values = append(wide.Values, fmt.Sprintf("no-tag-%d", i))
		}
		return narrow, wide
	}
	byName, byTitle := query.Order{Key: "metadata.name"}, query.Order{Key: "metadata.title", Descending: true}
	after := query.Position{Value: new("component-5"), UID: uuid.Nil}
	components := query.Match{Key: "kind", Values: []string{"component"}}
	statements := map[string]func(f query.Filter) query.Statement{
		"a page": func(f query.Filter) query.Statement { return query.Page{Filter: f, Limit: 50}.Select(everything) },
		"a page by name": func(f query.Filter) query.Statement {
			return query.Page{Filter: f, Order: &byName, Limit: 50}.Select(everything)
		},
		"a page after a position": func(f query.Filter) query.Statement {
			return query.Page{Filter: f, Order: &byName, After: &after, Limit: 50}.Select(everything)
		},
		"a page before it": func(f query.Filter) query.Statement {
			return query.Page{Filter: f, Order: &byName, After: &after, Backwards: true, Limit: 50}.Select(everything)
		},
		"a page at an offset": func(f query.Filter) query.Statement {
			return query.Page{Filter: f, Order: &byTitle, Limit: 50, Offset: 300}.Select(everything)
		},
		"a page of text": func(f query.Filter) query.Statement {
			return query.Page{Filter: f, Order: &byName, FullText: query.FullText{Term: "-1"}, Limit: 50}.Select(everything)
		},
		"a page of a kind": func(f query.Filter) query.Statement {
			return query.Page{Filter: query.And(components, f), Order: &byName, Limit: 50}.Select(everything)
		},
		"a page of no other": func(f query.Filter) query.Statement {
			return query.Page{Filter: query.And(components, query.Not{Filter: f}), Limit: 50}.Select(everything)
		},
		"a list": func(f query.Filter) query.Statement {
			return query.List{Filter: f, ByRef: true, Limit: 50, Offset: 20}.Select(everything)
		},
		"a list by name": func(f query.Filter) query.Statement {
			return query.List{Filter: f, Orders: []query.Order{byName}, Limit: 50, Offset: 20}.Select(everything)
		},
		"a list by two fields": func(f query.Filter) query.Statement {
			return query.List{Filter: f, Orders: []query.Order{{Key: "spec.type"}, byTitle}, Limit: 50}.Select(everything)
		},
		"a list without limit": func(f query.Filter) query.Statement { return query.List{Filter: f, ByRef: true}.Select(everything) },
		"ids":                  func(f query.Filter) query.Statement { return query.List{Filter: f, ByRef: true}.IDs(everything) },
		"a count":              func(f query.Filter) query.Statement { return query.Page{Filter: f}.Count(everything) },
		"a count by title":     func(f query.Filter) query.Statement { return query.Page{Filter: f, Order: &byTitle}.Count(everything) },
		"facets": func(f query.Filter) query.Statement {
			return query.Facets(everything, []string{"kind", "spec.type"}, f)
		},
		"a sample": func(f query.Filter) query.Statement { return query.Sample(everything, f, 10) },
		"entities by reference": func(f query.Filter) query.Statement {
			return query.ByRefs(everything, []string{"component:default/component-1", "component:default/component-2"}, f)
		},
	}
	for amount, tags := range map[string][]string{
		"none": {"no-tag"}, "few": {"tag-1", "tag-2"}, "more than are sorted": {"tag-1", "tag-2", "tag-3", "tag-4", "tag-5", "tag-6", "tag-7"},
	} {
		narrow, wide := matches(tags...)
		for name, statement := range statements {
			t.Run(strings.Join([]string{name, "of", amount}, " "), func(t *testing.T) {
				t.Parallel()
				one, other := rowsOf(t, pool, statement(narrow)), rowsOf(t, pool, statement(wide))
				if strings.HasPrefix(name, "a page") {
					one, other = withoutTotals(one), withoutTotals(other) // a statement may do without
				}
				require.Equal(t, one, other)
			})
		}
	}
}

// A page of text finds the entities before it sorts them, if they are few, and counts them.
func TestPagesOfTextFindAndCountTheSame(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	catalogtest.Fill(t, pool, 20_000)
	// Of 9,000 components, more than are sorted have the first term, some hundreds the second, and none the third.
	for term, most := range map[string]int{"-1": 9000, "-19": 1000, "nowhere": 0} {
		for _, fields := range [][]string{nil, {"metadata.name", "metadata.title"}} {
			for _, page := range []query.Page{{}, {Offset: 30}, {Backwards: true}, {After: &query.Position{Value: new("component-13"), UID: uuid.Nil}}} {
				t.Run(fmt.Sprint(term, fields, page.Offset, page.Backwards, page.After != nil), func(t *testing.T) {
					t.Parallel()
					page.Filter, page.FullText = query.Match{Key: "kind", Values: []string{"component"}}, query.FullText{Term: term, Fields: fields}
					page.Order, page.Limit = &query.Order{Key: "metadata.name"}, 20
					require.Equal(t, plainly(t, pool, page), withoutTotals(rowsOf(t, pool, page.Select(everything))))
					total := rowsOf(t, pool, page.Count(everything))[0][0].(int64)
					require.LessOrEqual(t, total, int64(most))
					for _, row := range rowsOf(t, pool, page.Select(everything)) {
						require.Contains(t, []any{nil, total}, row[2])
						require.Equal(t, total > 2500, row[2] == nil, "few are counted")
					}
				})
			}
		}
	}
}

// plainly are the rows of a page of text in names, found by a statement that is as simple as the question.
func plainly(t *testing.T, pool *pgxpool.Pool, page query.Page) [][]any {
	t.Helper()
	direction, after := "", "true"
	if page.Backwards {
		direction = "desc"
	}
	if page.After != nil {
		after = "o.value > '" + *page.After.Value + "' or o.value = '" + *page.After.Value + "' and o.entity_id > '" + page.After.UID.String() + "'"
	}
	return rowsOf(t, pool, query.Statement{SQL: fmt.Sprintf(`select o.entity_id, o.value, e.entity from catalog_search o join catalog_entities e using (entity_id)
		where o.key = 'metadata.name' and e.entity_ref like 'component:%%' and o.value like '%%%s%%' and (%s)
		order by o.value %s, o.entity_id %s offset %d limit 20`, page.FullText.Term, after, direction, direction, page.Offset)})
}

// withoutTotals are the rows of pages without the numbers in them.
func withoutTotals(rows [][]any) [][]any {
	for i, row := range rows {
		rows[i] = slices.Delete(row, 2, 3)
	}
	return rows
}

// rowsOf are the rows that a statement returns.
func rowsOf(t *testing.T, pool *pgxpool.Pool, statement query.Statement) [][]any {
	t.Helper()
	rows, err := pool.Query(t.Context(), statement.SQL, append([]any{pgx.QueryExecModeCacheDescribe}, statement.Args...)...)
	require.NoError(t, err, statement.SQL)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
	require.NoError(t, err, statement.SQL)
	return all
}
