package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/portico-dev/portico/activities/discovery"
	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/workflows"
)

// field is a catalog that is swept by the workflow with skipped time, from the scripted source.
type field struct {
	*testing.T
	pool    *pgxpool.Pool
	store   *sweep.Store
	source  *script
	version int
	sweeps  int
}

func newField(t *testing.T) *field {
	t.Helper()
	pool := testkit.Database(t)
	f := &field{T: t, pool: pool, store: sweep.NewStore(sweep.StoreOptions{Pool: pool}), version: 1}
	f.source = &script{version: func() int { return f.version }, fault: none}
	require.NoError(t, f.store.Configure(t.Context(), f.source.configured()))
	require.NoError(t, f.sweep(nothingLost))
	f.requireCatalog(1)
	return f
}

func nothingLost(int) error { return nil }

// sweep runs one sweep and returns the workflow's error.
func (f *field) sweep(lose func(page int) error) error {
	f.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	environment := suite.NewTestWorkflowEnvironment()
	environment.SetTestTimeout(time.Minute)
	environment.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // a busy machine is no deadlock
	environment.SetStartTime(time.Now())
	f.sweeps++
	environment.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: fmt.Sprintf("%s-%d", sweep.WorkflowID(sourceName), f.sweeps)})
	workflows.Register(environment, workflows.QueueBackground)
	activities := discovery.New(discovery.Options{Log: slog.New(slog.DiscardHandler), Sweeps: f.store, Sources: f.source.configured()})
	for name, function := range activities.Unguarded(lose) {
		environment.RegisterActivityWithOptions(function, activity.RegisterOptions{Name: name})
	}
	// The environment gives every workflow the same run id, by which the record knows them.
	_, err := f.pool.Exec(f.Context(), "update catalog_sweeps set run_id = id::text")
	require.NoError(f, err)
	environment.ExecuteWorkflow(sweep.WorkflowDiscoverySweep, sweep.Command{Source: sourceName})
	require.True(f, environment.IsWorkflowCompleted())
	return environment.GetWorkflowError()
}

// catalog are the entities of the catalog, with their descriptions.
func (f *field) catalog() []string {
	f.Helper()
	rows, err := f.pool.Query(f.Context(), `select (unprocessed -> 'metadata' ->> 'name') || '=' || (unprocessed -> 'metadata' ->> 'description')
		from catalog_states s where exists (select from catalog_references r where r.target_ref = s.entity_ref)`)
	require.NoError(f, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(f, err)
	slices.Sort(found)
	return found
}

// requireEntities requires that the catalog has exactly what a version of the source has.
func (f *field) requireEntities(version int) {
	f.Helper()
	want := expected(version)
	slices.Sort(want)
	require.Equal(f, want, f.catalog())
}

// requireCatalog is requireEntities when no sweep is under way.
func (f *field) requireCatalog(version int) {
	f.Helper()
	f.requireEntities(version)
	var staged int
	require.NoError(f, f.pool.QueryRow(f.Context(), "select count(*) from catalog_sweep_entities").Scan(&staged))
	require.Zero(f, staged)
}

// once is a fault that happens at the first read of every page.
func once(err error) func(context.Context, int) error {
	seen := map[int]bool{}
	return func(_ context.Context, page int) error {
		if seen[page] {
			return nil
		}
		seen[page] = true
		return err
	}
}

// TestFaultsThatPassAtEveryPage: the sweep goes on where it was, and the catalog is what the source has.
func TestFaultsThatPassAtEveryPage(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"429 with Retry-After": &integration.ResponseError{Status: http.StatusTooManyRequests, RateLimited: true, RetryAfter: 90 * time.Second, Problem: "429"},
		"secondary limit":      &integration.ResponseError{Status: http.StatusForbidden, RateLimited: true, Problem: "403, secondary rate limit"},
		"500":                  &integration.ResponseError{Status: http.StatusInternalServerError, Problem: "500"},
		"timeout":              fmt.Errorf("read the page: %w", context.DeadlineExceeded),
		"truncated body":       fmt.Errorf("read the page: %w", io.ErrUnexpectedEOF),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newField(t)
			f.version, f.source.fault = 2, once(err)
			require.NoError(t, f.sweep(nothingLost))
			f.requireCatalog(2)
		})
	}
	t.Run("rows that pages repeat", func(t *testing.T) {
		t.Parallel()
		f := newField(t)
		f.version, f.source.repeats = 2, true
		require.NoError(t, f.sweep(nothingLost))
		f.requireCatalog(2)
	})
	t.Run("a worker that dies after it has staged the page", func(t *testing.T) {
		t.Parallel()
		f := newField(t)
		f.version = 2
		lost := once(errors.New("the worker died"))
		require.NoError(t, f.sweep(func(page int) error { return lost(t.Context(), page) }))
		f.requireCatalog(2)
	})
}

// TestFaultsThatStayAtEveryPage: each page in turn cannot be read, and the sweep changes nothing.
func TestFaultsThatStayAtEveryPage(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"a cursor that the source knows no more": fault.New(fault.Conflict, "the cursor is not valid any more"),
		"credentials that were revoked":          &integration.ResponseError{Status: http.StatusUnauthorized, Problem: "401"},
		"a page that is missing":                 fault.New(fault.NotFound, "there is no such page"),
		"500 again and again":                    &integration.ResponseError{Status: http.StatusInternalServerError, Problem: "500"},
		"a limit that does not end":              &integration.ResponseError{Status: http.StatusTooManyRequests, RateLimited: true, RetryAfter: time.Hour, Problem: "429"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newField(t)
			f.version = 2
			for broken := range pageCount {
				f.source.fault = func(_ context.Context, page int) error {
					if page == broken {
						return err
					}
					return nil
				}
				require.ErrorContains(t, f.sweep(nothingLost), "the sweep failed, and has changed nothing", "page %d", broken)
				f.requireCatalog(1)
			}
			f.source.fault = none
			require.NoError(t, f.sweep(nothingLost))
			f.requireCatalog(2)
		})
	}
}
