package build_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/build"
)

// statements counts the statements of a pool by their names in db/queries.
type statements struct {
	mu sync.Mutex
	by map[string]int
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if _, named, is := strings.Cut(data.SQL, "-- name: "); is {
		name, _, _ := strings.Cut(named, " ")
		s.mu.Lock()
		defer s.mu.Unlock()
		s.by[name]++
	}
	return ctx
}

func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *statements) count(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[name]
}

// TestTheReadersOfABuildShareOneLook: the database is asked as often for thirty as for one, and each gets all lines.
func TestTheReadersOfABuildShareOneLook(t *testing.T) {
	t.Parallel()
	f := newField(t)
	f.local(map[string]string{"docs/index.md": "# One"})
	asked := &statements{by: map[string]int{}}
	config := f.pool.Config()
	config.ConnConfig.Tracer = asked
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	options := f.store.StoreOptions
	options.Pool = pool
	service := build.NewService(build.ServiceOptions{Store: build.NewStore(options), Catalog: f.entities, Log: slog.New(slog.DiscardHandler)})
	f.start()
	const readers = 30
	began := time.Now()
	var updated atomic.Int32
	lines := make([][]string, readers)
	var reading sync.WaitGroup
	for i := range lines {
		reading.Go(func() {
			isNew, err := service.Sync(t.Context(), writer, techdocs.Ref{Kind: "Component", Name: "Shop"}, func(line string) { lines[i] = append(lines[i], line) })
			if err == nil && isNew {
				updated.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool {
		return asked.count("TechDocsUnendedBuild") == readers && asked.count("TechDocsBuild") >= 3
	}, time.Minute, 10*time.Millisecond)
	done := f.run()
	reading.Wait()
	looks := int(time.Since(began)/(200*time.Millisecond)) + 2 // one at the beginning, and one that is counted when it begins
	require.LessOrEqual(t, asked.count("TechDocsBuild"), looks)
	require.EqualValues(t, readers, updated.Load())
	_, written, err := f.service.Build(t.Context(), writer, done.ID, 0)
	require.NoError(t, err)
	for _, got := range lines {
		require.Len(t, got, len(written))
	}

	// Who comes late, or leaves, has no part in that.
	_, err = f.service.Start(t.Context(), writer, shop, true)
	require.NoError(t, err)
	leaving, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := service.Sync(leaving, writer, techdocs.Ref{Kind: "component", Name: "shop"}, func(string) {})
		left <- err
	}()
	require.Eventually(t, func() bool { return asked.count("TechDocsUnendedBuild") == readers+1 }, time.Minute, 10*time.Millisecond)
	before := asked.count("TechDocsBuild")
	require.Eventually(t, func() bool { return asked.count("TechDocsBuild") > before }, time.Minute, 10*time.Millisecond)
	leave()
	require.ErrorContains(t, <-left, "the build of the docs goes on")
	after := asked.count("TechDocsBuild")
	require.Never(t, func() bool { return asked.count("TechDocsBuild") > after+1 }, time.Second, 50*time.Millisecond, "nobody follows it")
}
