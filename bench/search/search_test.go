package search_test

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/search"
	"github.com/portico-dev/portico/techdocs"
)

//go:embed fill.sql
var fill string

// clients ask at once.
const clients = 16

// BenchmarkSearch indexes a catalog, and asks as people type, by 16 clients: for everything, and under the condition of ownership for
// somebody in 8 and in 120 of a thousand groups. PORTICO_BENCH_LARGE makes it 250,000 entities and 100,000 sections. PORTICO_BENCH_DATABASE
// names a database of Portico to use, which is filled when it is empty, so that it can be asked again.
func BenchmarkSearch(b *testing.B) {
	pool := database(b)
	var isFilled bool
	require.NoError(b, pool.QueryRow(b.Context(), "select exists (select from search_documents)").Scan(&isFilled))
	if !isFilled {
		index := search.NewIndex(pool, slog.New(slog.DiscardHandler), search.IndexOptions{})
		// These are done once, however often the benchmark is repeated.
		filled := fillIndex(b, pool, index)
		b.Run("index", filled.report)
		rebuilt := rebuild(b, pool, index)
		b.Run("rebuild", rebuilt.report)
		execute(b, pool, "vacuum analyze search_documents")
	}
	askAll(b, pool)
}

func database(b *testing.B) *pgxpool.Pool {
	b.Helper()
	dsn := os.Getenv("PORTICO_BENCH_DATABASE")
	if dsn == "" {
		return testkit.Database(b)
	}
	pool, err := db.Open(b.Context(), dsn)
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	require.NoError(b, db.Migrate(b.Context(), pool))
	return pool
}

// measures are figures by their units.
type measures map[string]float64

func (m measures) report(b *testing.B) {
	for unit, figure := range m {
		b.ReportMetric(figure, unit)
	}
	b.ReportMetric(0, "ns/op")
}

// noteMemory keeps the most memory that was in use.
func (m measures) noteMemory() {
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	m["MB"] = max(m["MB"], float64(now.HeapInuse)/1e6)
}

// fillIndex writes the index of a new catalog.
func fillIndex(b *testing.B, pool *pgxpool.Pool, index *search.Index) measures {
	b.Helper()
	entities, sections := 20_000, 8_000
	if os.Getenv("PORTICO_BENCH_LARGE") != "" {
		entities, sections = 250_000, 100_000
	}
	execute(b, pool, fmt.Sprintf(fill, entities, sections))
	filled, begun := measures{}, time.Now()
	for changes := 1; changes > 0; filled.noteMemory() {
		var err error
		changes, err = index.CatchUp(b.Context())
		require.NoError(b, err)
	}
	filled["entities-s"] = time.Since(begun).Seconds()
	begun = time.Now()
	writeSections(b, pool, index, sections)
	filled["sections-s"] = time.Since(begun).Seconds()
	return filled
}

// rebuild writes the index anew, without the pauses that it makes for others. What changes meanwhile waits for one step.
func rebuild(b *testing.B, pool *pgxpool.Pool, index *search.Index) measures {
	b.Helper()
	execute(b, pool, "insert into search_rebuild (entities, runs) values (0, 0)")
	rebuilt, begun := measures{}, time.Now()
	for isMore := true; isMore; rebuilt.noteMemory() {
		step := time.Now()
		var err error
		isMore, err = index.RebuildNext(b.Context())
		require.NoError(b, err)
		rebuilt["longest-step-ms"] = max(rebuilt["longest-step-ms"], time.Since(step).Seconds()*1000)
	}
	rebuilt["rebuild-s"] = time.Since(begun).Seconds()
	return rebuilt
}

// askAll asks as each of the callers.
func askAll(b *testing.B, pool *pgxpool.Pool) {
	b.Helper()
	everything := search.New(search.ServiceOptions{Pool: pool, Decider: policy.AllowKnown{}})
	owned := search.New(search.ServiceOptions{Pool: pool, Decider: policytest.Table{policy.CatalogEntityRead: policytest.Owned}})
	for _, what := range []struct {
		name string
		ask  question
	}{{"results", results}, {"facets", facets}} {
		b.Run(what.name, func(b *testing.B) {
			b.Run("all", func(b *testing.B) { askAs(b, pool, everything, 8, what.ask) })
			b.Run("member", func(b *testing.B) { askAs(b, pool, owned, 8, what.ask) })
			b.Run("lead", func(b *testing.B) { askAs(b, pool, owned, 120, what.ask) })
		})
	}
}

// question asks the search what somebody typed.
type question func(context.Context, *search.Service, identity.Principal, string) error

func results(ctx context.Context, service *search.Service, caller identity.Principal, text string) error {
	_, err := service.Search(ctx, caller, search.Ask{Text: text, Limit: 5})
	return err
}

func facets(ctx context.Context, service *search.Service, caller identity.Principal, text string) error {
	_, err := service.Facets(ctx, caller, search.Ask{Text: text})
	return err
}

func execute(b *testing.B, pool *pgxpool.Pool, statements string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Minute)
	defer cancel()
	connection, err := pool.Acquire(ctx)
	require.NoError(b, err)
	defer connection.Release()
	for statement := range strings.SplitSeq(statements, ";\n\n") {
		_, err := connection.Exec(ctx, statement)
		require.NoError(b, err, statement)
	}
}

// writeSections gives each tenth entity sections, a hundred each.
func writeSections(b *testing.B, pool *pgxpool.Pool, index *search.Index, sections int) {
	b.Helper()
	rows, err := pool.Query(b.Context(), "select entity_ref from catalog_entities where entity_ref like 'component:%' order by entity_id limit $1", sections/100)
	require.NoError(b, err)
	refs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err)
	random := rand.New(rand.NewPCG(1, 2))
	for _, ref := range refs {
		site := make([]techdocs.Section, 100)
		for i := range site {
			site[i] = techdocs.Section{Title: text(random, 3), Text: text(random, 120), Location: "page-" + strconv.Itoa(i/5) + "/#section-" + strconv.Itoa(i)}
		}
		require.NoError(b, pgx.BeginFunc(b.Context(), pool, func(tx pgx.Tx) error { return index.ReplaceDocs(b.Context(), tx, ref, site) }))
	}
}

var common = strings.Fields(`service data user order payment team error request cluster deploy config token queue event cache metric search login report export
	import backup alert trace session profile invoice refund stock price basket checkout catalog account ledger fraud risk mail push image`)

var endings = []string{"", "ing", "er", "ment", "able", "or", "al"}

func text(random *rand.Rand, length int) string {
	words := make([]string, length)
	for i := range words {
		words[i] = common[random.IntN(1+random.IntN(len(common)))] + endings[random.IntN(len(endings))]
	}
	return strings.Join(words, " ")
}

// typed is what somebody types, letter by letter: names, two words, rare and frequent words, conditions, mistakes.
func typed(random *rand.Rand) string {
	word := func() string { return common[random.IntN(len(common))] }
	switch random.IntN(10) {
	case 0:
		return word() + " " + word()
	case 1:
		return word() + endings[random.IntN(len(endings))] + " " + word()
	case 2:
		return "component-" + word()
	case 3:
		return word() + " kind:api"
	case 4:
		return word() + " owner:me"
	case 5:
		return `"` + word() + " " + word() + `"`
	case 6:
		mistyped := []byte(word())
		mistyped[len(mistyped)/2] = 'x'
		return string(mistyped)
	case 7:
		return strconv.Itoa(random.IntN(250_000))
	default:
		whole := word() + endings[random.IntN(len(endings))]
		return whole[:2+random.IntN(len(whole)-1)]
	}
}

// spent is the CPU time of this process, and of the processes of the database that serve it.
func spent(b *testing.B, pool *pgxpool.Pool) (own, database time.Duration) {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	rows, err := pool.Query(b.Context(), "select pid from pg_stat_activity where datname = current_database()")
	require.NoError(b, err)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	require.NoError(b, err)
	for _, pid := range pids {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
		if err != nil {
			continue // it has ended, or is on another machine
		}
		first, _, _ := strings.Cut(string(content), " ")
		nanoseconds, err := strconv.ParseInt(first, 10, 64)
		require.NoError(b, err)
		database += time.Duration(nanoseconds)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), database
}

// warmUp has every connection prepare what it is going to execute.
func warmUp(b *testing.B, service *search.Service, caller identity.Principal, ask question) {
	b.Helper()
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			random := rand.New(rand.NewPCG(8, uint64(client)))
			for range 20 {
				if err := ask(b.Context(), service, caller, typed(random)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// askAs asks as somebody in so many groups.
func askAs(b *testing.B, pool *pgxpool.Pool, service *search.Service, groups int, ask question) {
	b.Helper()
	caller := identity.Principal{Kind: identity.KindUser, Subject: "user:default/ann", Ownership: []string{"user:default/ann"}}
	for i := range groups {
		caller.Ownership = append(caller.Ownership, "group:default/group-"+strconv.Itoa(i*8))
	}
	warmUp(b, service, caller, ask)
	ownBefore, databaseBefore := spent(b, pool)
	type took struct {
		text string
		time time.Duration
	}
	var all []took
	var lock sync.Mutex
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(client)))
			for range max(1, b.N) {
				query := typed(random)
				begun := time.Now()
				err := ask(b.Context(), service, caller, query)
				lasted := time.Since(begun)
				lock.Lock()
				if err != nil {
					b.Error(query, err)
				}
				all = append(all, took{query, lasted})
				lock.Unlock()
			}
		})
	}
	group.Wait()
	own, database := spent(b, pool)
	perQuery := func(spent time.Duration) float64 { return float64(spent.Microseconds()) / 1000 / float64(len(all)) }
	b.ReportMetric(perQuery(own-ownBefore), "own-cpu-ms")
	b.ReportMetric(perQuery(database-databaseBefore), "db-cpu-ms")
	slices.SortFunc(all, func(x, y took) int { return cmp.Compare(x.time, y.time) })
	at := func(share float64) took { return all[int(share*float64(len(all)-1))] }
	b.ReportMetric(float64(at(.5).time.Microseconds())/1000, "median-ms")
	b.ReportMetric(float64(at(.95).time.Microseconds())/1000, "p95-ms")
	b.ReportMetric(float64(at(1).time.Microseconds())/1000, "max-ms")
	b.ReportMetric(float64(len(all)), "queries")
	b.ReportMetric(0, "ns/op")
	for _, slow := range all[len(all)-min(5, len(all)):] {
		b.Logf("slow: %s %q", slow.time.Round(time.Millisecond), slow.text)
	}
}
