package github_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/github"
	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

// TestNothingIsReadTwice: a sweep with the processing of what it brings takes no more requests than the list has pages,
// whether everything is new or nothing has changed.
func TestNothingIsReadTwice(t *testing.T) {
	t.Parallel()
	server := start(t)
	const repositories, size = 40, 11 // Each page has the last row of the page before.
	for n := range repositories {
		content := fmt.Sprintf("apiVersion: backstage.io/v1alpha1\nkind: System\nmetadata: {name: system-%d}\nspec: {owner: ann}\n", n)
		require.NoError(t, server.AddRepository("acme", fmt.Sprint("repo-", n), forge.Content{Files: map[string]string{descriptor: content}}))
	}
	require.NoError(t, server.AddRepository("acme", "bare", forge.Content{Files: map[string]string{"README.md": ""}}))
	var asked atomic.Int64
	server.Inject(func(*http.Request) forgetest.Fault {
		asked.Add(1)
		return nil
	})
	hosts, pool := hostsOf(t, server), testkit.Database(t)
	source := newSource(t, server, hosts, func(c *config.GitHubProvider) { c.PageSizes.Repositories = size })
	store := sweep.NewStore(sweep.StoreOptions{Pool: pool})
	require.NoError(t, store.Configure(t.Context(), []provider.Source{source}))
	process(t, pool, &processing.Pipeline{Reader: hosts, Stored: sweep.NewFiles(pool), Rules: entity.EveryKind(), LocationTypes: []string{"url"}})
	served := func(expected int) {
		t.Helper()
		require.Eventually(t, func() bool {
			rows, err := pool.Query(t.Context(), "select count(*) from catalog_entities where entity_ref like 'system:%'")
			require.NoError(t, err)
			count, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
			require.NoError(t, err)
			return count == expected
		}, time.Minute, 50*time.Millisecond)
	}

	progress := makeSweep(t, store, source)
	served(repositories)
	require.Equal(t, repositories+1, progress.Added)
	require.EqualValues(t, 4, asked.Swap(0), "all is new")

	progress = makeSweep(t, store, source)
	require.Zero(t, progress.Added+progress.Changed+progress.Removed)
	require.EqualValues(t, 4, asked.Swap(0), "nothing has changed")

	require.NoError(t, server.RemoveRepository("acme", "repo-7"))
	progress = makeSweep(t, store, source)
	require.Equal(t, 2, progress.Removed, "the Location and its System")
	served(repositories - 1)
	require.EqualValues(t, 4, asked.Load(), "one is gone")
}

// TestARepositoryIsListedOnce although the list is read again from its beginning, because one is removed meanwhile.
func TestARepositoryIsListedOnce(t *testing.T) {
	t.Parallel()
	server := start(t)
	for n := range 6 {
		require.NoError(t, server.AddRepository("acme", fmt.Sprint("repo-", n), forge.Content{Files: map[string]string{"README.md": ""}}))
	}
	host, err := integration.HostOf[*githubhost.Host](hostsOf(t, server), server.Host)
	require.NoError(t, err)
	var names []string
	for one, err := range github.RepositoriesInPages(t.Context(), host, "acme", descriptor, 4) {
		require.NoError(t, err)
		if names = append(names, one.Name); len(names) == 1 {
			require.NoError(t, server.RemoveRepository("acme", "repo-3"))
		}
	}
	require.Equal(t, []string{"repo-0", "repo-1", "repo-2", "repo-3", "repo-4", "repo-5"}, names, "repo-3 was read before it was removed")
}

// process runs the processing of a catalog until the test ends.
func process(t *testing.T, pool *pgxpool.Pool, pipeline *processing.Pipeline) {
	t.Helper()
	engine := processing.NewEngine(pool, pipeline, processing.Options{Interval: time.Hour}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
}

// makeSweep reads a source from its first to its last page and commits.
func makeSweep(t *testing.T, store *sweep.Store, source provider.Source) sweep.Progress {
	t.Helper()
	progress, err := store.Begin(t.Context(), sweep.BeginRequest{Source: source.Name(), WorkflowID: sweep.WorkflowID(source.Name()), RunID: t.Name() + time.Now().String()})
	require.NoError(t, err)
	for number := 0; ; number++ {
		require.Less(t, number, 100)
		at, err := store.Point(t.Context(), progress.ID)
		require.NoError(t, err)
		page, err := source.ReadPage(t.Context(), at.Cursor)
		require.NoError(t, err)
		_, err = store.Stage(t.Context(), at, page)
		require.NoError(t, err)
		if page.Next == "" {
			break
		}
	}
	progress, err = store.Commit(t.Context(), progress.ID)
	require.NoError(t, err)
	return progress
}
