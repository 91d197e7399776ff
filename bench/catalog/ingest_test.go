package catalog_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/bench/material"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/internal/testkit"
)

// BenchmarkIngest measures an empty catalog that gets its entities from files: until all are served (new),
// until all files were read again without a change (again), and until one changed entity is served (change).
//
// It reports wall time, the CPU time of this process and of PostgreSQL's processes for this database, which
// other work on the machine hardly affects, and the most memory that this process had resident.
func BenchmarkIngest(b *testing.B) {
	for _, entities := range []int{1_000, 14_650, 50_000, 100_000, 250_000} {
		b.Run(strconv.Itoa(entities), func(b *testing.B) {
			if entities > 100_000 && os.Getenv("PORTICO_BENCH_LARGE") == "" {
				b.Skip("takes minutes: set PORTICO_BENCH_LARGE")
			}
			for b.Loop() {
				ingest(b, entities)
			}
		})
	}
}

func ingest(b *testing.B, entities int) {
	b.Helper()
	directory := b.TempDir()
	m, err := material.Write(directory, entities)
	require.NoError(b, err)
	c := newIngested(b, directory)

	c.measure("new", m.Entities, func() {
		c.bring(m.Locations)
		// Counting costs more than looking whether anything is left to do, which is so most of the time.
		c.waitFor("every entity is served", fmt.Sprintf(`select case when exists (select from catalog_stitches) then false
			else (select count(*) from catalog_entities) = %d end`, m.Entities))
	})
	var wrong int
	require.NoError(b, c.pool.QueryRow(b.Context(), "select count(*) from catalog_states where errors is not null or unserved is not null").Scan(&wrong))
	require.Zero(b, wrong, "entities with errors")
	_, err = c.pool.Exec(b.Context(), "vacuum analyze") // as autovacuum will have done
	require.NoError(b, err)

	c.measure("again", m.Entities, func() { c.readAgain("location:default/bench-%") })
	description, err := m.Change()
	require.NoError(b, err)
	c.measure("change", m.Entities, func() {
		c.makeDue("location:default/bench-%")
		c.waitFor("the changed entity is served", "select exists (select from catalog_search where key = 'metadata.description' and value like '"+description+"%')")
	})
}

// ingested is a catalog with an engine at work.
type ingested struct {
	*testing.B
	pool *pgxpool.Pool
}

func newIngested(b *testing.B, directory string) *ingested {
	b.Helper()
	c := &ingested{b, testkit.Database(b)}
	reader, err := forges.New(forges.Config{}, integration.Options{})
	require.NoError(b, err)
	local, err := integration.NewFiles([]string{directory}, integration.Limits{})
	require.NoError(b, err)
	pipeline := &processing.Pipeline{Reader: reader, Files: local, Rules: entity.Rules{{Allow: allKinds()}}, LocationTypes: []string{"file"}}
	engine := processing.NewEngine(c.pool, pipeline, processing.Options{Interval: time.Hour}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		require.NoError(b, <-ended)
	})
	return c
}

func allKinds() (allowed []entity.AllowedKind) {
	for _, kind := range []string{"Component", "System", "API", "Resource", "Location", "Group", "User", "Domain"} {
		allowed = append(allowed, entity.AllowedKind{Kind: kind})
	}
	return allowed
}

// bring makes the configuration emit these files.
func (c *ingested) bring(paths []string) {
	c.Helper()
	var emitted []processing.Emitted
	for _, path := range paths {
		spec := entity.LocationSpec{Type: "file", Target: path}
		e, err := processing.Emit(entity.LocationEntity(spec), nil, spec)
		require.NoError(c, err)
		emitted = append(emitted, e)
	}
	require.NoError(c, processing.Transact(c.Context(), c.pool, func(tx pgx.Tx) error {
		return processing.NewState().Replace(c.Context(), tx, processing.SourceConfig, emitted)
	}))
}

// makeDue schedules entities to be processed now.
func (c *ingested) makeDue(refs string) {
	c.Helper()
	_, err := c.pool.Exec(c.Context(), "update catalog_states set next_update_at = now() where entity_ref like $1", refs)
	require.NoError(c, err)
	_, err = c.pool.Exec(c.Context(), "select pg_notify('portico_catalog', '')")
	require.NoError(c, err)
}

func (c *ingested) readAgain(refs string) {
	c.Helper()
	c.makeDue(refs)
	c.waitFor("every file was read again", "select not exists (select from catalog_states where entity_ref like '"+refs+"' and (next_update_at <= now() + interval '1 minute' or held_by is not null))")
}

func (c *ingested) waitFor(what, holds string) {
	c.Helper()
	require.Eventually(c, func() bool {
		var yes bool
		require.NoError(c, c.pool.QueryRow(c.Context(), holds).Scan(&yes))
		return yes
	}, 20*time.Minute, 50*time.Millisecond, what)
}

// measure reports what work costs: in all, and of CPU for each entity.
func (c *ingested) measure(name string, entities int, work func()) {
	c.Helper()
	debug.FreeOSMemory()
	// The kernel begins to look for the most resident memory anew.
	require.NoError(c, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0))
	begun, own, postgres := time.Now(), ownCPU(c), postgresCPU(c, c.pool)
	work()
	own, postgres = ownCPU(c)-own, postgresCPU(c, c.pool)-postgres
	c.ReportMetric(time.Since(begun).Seconds(), name+"-wall-s")
	c.ReportMetric(own.Seconds(), name+"-own-s")
	c.ReportMetric(postgres.Seconds(), name+"-postgres-s")
	c.ReportMetric((own+postgres).Seconds()*1e6/float64(entities), name+"-us/entity")
	c.ReportMetric(c.mostResident(), name+"-MB")
	c.ReportMetric(0, "ns/op")
}

// ownCPU is the CPU time of this process.
func ownCPU(b testing.TB) time.Duration {
	b.Helper()
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// postgresCPU is the CPU time of PostgreSQL's connections to this database. Connections that have ended do not
// count, so the pool must keep its own.
func postgresCPU(b testing.TB, pool *pgxpool.Pool) (total time.Duration) {
	b.Helper()
	rows, err := pool.Query(b.Context(), "select pid from pg_stat_activity where datname = current_database()")
	require.NoError(b, err)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	require.NoError(b, err)
	for _, pid := range pids {
		content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			continue // it has ended since
		}
		_, fields, _ := strings.Cut(string(content), ") ")
		numbers := strings.Fields(fields)
		for _, field := range numbers[11:13] { // utime and stime of proc(5), in hundredths of a second
			used, err := strconv.Atoi(field)
			require.NoError(b, err)
			total += time.Duration(used) * 10 * time.Millisecond
		}
	}
	return total
}

// mostResident is the most memory that this process had resident since the last reset, in megabytes.
func (c *ingested) mostResident() float64 {
	c.Helper()
	status, err := os.Open("/proc/self/status")
	require.NoError(c, err)
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if size, is := strings.CutPrefix(lines.Text(), "VmHWM:"); is {
			kilobytes, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(size, "kB")), 64)
			require.NoError(c, err)
			return kilobytes / 1000
		}
	}
	c.Fatal("the kernel does not say how much memory this process had")
	return 0
}
