package search

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/plantest"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
)

//go:embed testdata/large.sql
var large string

const manyEntities = 80_000

// fillLarge makes an index of 100,000 documents.
func fillLarge(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	connection, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer connection.Release()
	for statement := range strings.SplitSeq(fmt.Sprintf(large, manyEntities), ";\n\n") {
		_, err := connection.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	testkit.Vacuum(t, pool, "search_documents", "catalog_search")
}

// member is somebody in some of the thousand groups.
func member(groups int) identity.Principal {
	principal := identity.Principal{Kind: identity.KindUser, Subject: "user:default/ann", Ownership: []string{"user:default/ann"}}
	for i := range groups {
		principal.Ownership = append(principal.Ownership, fmt.Sprintf("group:default/group-%d", i*8))
	}
	return principal
}

// Times depend on the machine's load; the number of rows does not.
func TestPlansTouchFewRows(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("fills large tables")
	}
	pool := testkit.Database(t)
	fillLarge(t, pool)
	callers := map[string]struct {
		decider policy.Decider
		groups  int
	}{
		"everything":                  {policy.AllowKnown{}, 8},
		"everything, of a lead":       {policy.AllowKnown{}, 120},
		"what a member owns":          {policytest.Table{policy.CatalogEntityRead: policytest.Owned}, 8},
		"what a lead owns":            {policytest.Table{policy.CatalogEntityRead: policytest.Owned}, 120},
		"what half of all groups own": {policytest.Table{policy.CatalogEntityRead: policytest.Owned}, 500},
	}
	texts := []string{"every", "eve", "ev", "service", "serv", "payment", "pay", "every service", "every pay", "service unit", "ledger", "ledger ev", "unit777",
		"unit7", "section", "section 77", `"every unit77"`, `"service payment"`, "payment owner:me", "kind:component", "pay kind:component", "owner:group-8 ser",
		"thing-77", "nothing at all"}
	for name, caller := range callers {
		t.Run(name+" all", func(t *testing.T) {
			t.Parallel()
			seeker, err := New(ServiceOptions{Pool: pool, Decider: caller.decider}).seeker(t.Context(), member(caller.groups), Ask{})
			require.NoError(t, err)
			requireFewRowsForFacets(t, seeker, Query{})
		})
		for _, text := range texts {
			t.Run(name+" "+text, func(t *testing.T) {
				t.Parallel()
				service := New(ServiceOptions{Pool: pool, Decider: caller.decider})
				q, err := Parse(text)
				require.NoError(t, err)
				seeker, err := service.seeker(t.Context(), member(caller.groups), Ask{Limit: 5})
				require.NoError(t, err)
				_, scopes := seeker.scopes(q)
				probe := probeOf(scopes, q, service.lang())
				o, ways, err := service.probe(t.Context(), scopes, q)
				require.NoError(t, err)
				requireFewRows(t, pool, probe, 6000)
				for i, in := range scopes {
					requireFewRows(t, pool, in.ranked(q, o, ways[i], 5, 0), 20_000)
				}
				requireFewRowsForFacets(t, seeker, q)
			})
		}
	}
}

// requireFewRowsForFacets reads the plans of the statements that count the facets of a query.
func requireFewRowsForFacets(t *testing.T, seeker *seeker, q Query) {
	t.Helper()
	for _, one := range seeker.choices(q) {
		about := q
		about.Fields = one.conditions
		_, scopes := seeker.scopes(about)
		o, ways, err := seeker.waysForFacets(t.Context(), q, scopes)
		require.NoError(t, err)
		for i, in := range scopes {
			requireFewRows(t, seeker.options.Pool, in.faceted(q, o, ways[i], one), 60_000)
		}
	}
}

// tested numbers the statements that requireFewRows prepares.
var tested atomic.Int64

// requireFewRows executes a statement as a Service does, and reads its plan.
func requireFewRows(t *testing.T, pool *pgxpool.Pool, w *writer, most int) {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context()) //nolint:errcheck // it only read
	literals := make([]string, len(w.args))
	for i, argument := range w.args {
		switch argument := argument.(type) {
		case string:
			literals[i] = literal(argument)
		case []string:
			quoted := slices.Clone(argument)
			for j := range quoted {
				quoted[j] = literal(quoted[j])
			}
			literals[i] = "array[" + strings.Join(quoted, ",") + "]::text[]"
		default:
			literals[i] = fmt.Sprint(argument)
		}
	}
	// The name is of this call: statements stay prepared after the transaction.
	name := fmt.Sprint("tested_", tested.Add(1))
	for _, sql := range []string{planned, "prepare " + name + " as " + w.sql.String()} {
		_, err := tx.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err, sql)
	}
	var document []byte
	execute := plantest.Analyze + "execute " + name + "(" + strings.Join(literals, ", ") + ")"
	if len(literals) == 0 {
		execute = plantest.Analyze + "execute " + name
	}
	require.NoError(t, tx.QueryRow(t.Context(), execute, pgx.QueryExecModeSimpleProtocol).Scan(&document), execute)
	plan := plantest.Parse(t, document)
	t.Logf("%d rows, %.1f ms", plan.Touched(), plan.Time)
	require.Empty(t, plan.SequentialScans(), w.sql.String())
	require.LessOrEqual(t, plan.Touched(), most, w.sql.String())
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
