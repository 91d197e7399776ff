package catalog_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/policy"
)

// clients is how many people ask at once.
const clients = 16

// promised are the questions that have to be answered within a time, whatever the size of the catalog. Clients ask for
// different things: number n of a question is paths(n).
var promised = []struct {
	name  string
	paths func(n int) string
}{
	{"by-query/first-page", func(n int) string { return kindByName(n, 0) }},
	{"by-query/any-page", func(n int) string { return kindByName(n, n*7919%500*20) }},
	{"by-query/owned", func(n int) string {
		return "/entities/by-query?limit=20&orderField=metadata.name,asc&filter=kind=component,relations.ownedby=group:default/group-" + strconv.Itoa(20*(n%500)+19)
	}},
	{"by-query/count", func(n int) string { return "/entities/by-query?limit=0&filter=kind=" + kinds[n%len(kinds)] }},
	{"text/words", func(n int) string { return text(n, strconv.Itoa(n*7919%100_000)) }},
	{"text/common", func(n int) string { return text(n, "the "+kinds[n%len(kinds)]) }},
	{"facets", func(n int) string {
		return "/entity-facets?facet=" + []string{"spec.type", "spec.lifecycle", "metadata.tags"}[n%3] + "&filter=kind=" + kinds[n/3%len(kinds)]
	}},
	{"by-name", func(n int) string { return "/entities/by-name/group/default/group-" + strconv.Itoa(20*(n%500)+19) }},
}

var kinds = []string{"component", "api", "resource", "user", "group"}

func kindByName(n, offset int) string {
	return fmt.Sprintf("/entities/by-query?limit=20&offset=%d&orderField=metadata.name,asc&filter=kind=%s", offset, kinds[n%len(kinds)])
}

func text(n int, term string) string {
	return "/entities/by-query?limit=20&orderField=metadata.name,asc&filter=kind=" + kinds[n/2%2] +
		"&fullTextFilterFields=metadata.name,metadata.title&fullTextFilterTerm=" + url.QueryEscape(term)
}

// BenchmarkClients measures promised questions that 16 clients ask at once, of a catalog of 10,000 entities (250,000 with
// PORTICO_BENCH_LARGE): for somebody who may read everything, and for a member of eight groups who may read what they own.
// An operation is one question of each client.
func BenchmarkClients(b *testing.B) {
	size := 10_000
	if os.Getenv("PORTICO_BENCH_LARGE") != "" {
		size = 250_000
	}
	pool := testkit.Database(b)
	catalogtest.Fill(b, pool, size)
	for _, readers := range []struct {
		name    string
		decider policy.Decider
	}{{"all", policy.AllowKnown{}}, {"owned", owners(8)}} {
		base := serve(b, pool, readers.decider) + "/api/catalog"
		for _, question := range promised {
			b.Run(readers.name+"/"+question.name, func(b *testing.B) { measureClients(b, pool, base, question.paths) })
		}
	}
}

func measureClients(b *testing.B, pool *pgxpool.Pool, base string, paths func(n int) string) {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	askAll(b, client, base, paths, 7) // plans may change at the sixth execution
	own, postgres, begun := ownCPU(b), postgresCPU(b, pool), time.Now()
	took := askAll(b, client, base, paths, b.N)
	asked := float64(len(took))
	b.ReportMetric(asked/time.Since(begun).Seconds(), "answers/s")
	b.ReportMetric((ownCPU(b)-own).Seconds()*1000/asked, "own-ms")
	b.ReportMetric((postgresCPU(b, pool)-postgres).Seconds()*1000/asked, "postgres-ms")
	slices.Sort(took)
	for name, share := range map[string]float64{"p50-ms": 0.5, "p95-ms": 0.95, "p99-ms": 0.99} {
		b.ReportMetric(took[int(share*(asked-1))].Seconds()*1000, name)
	}
	b.ReportMetric(0, "ns/op")
}

// askAll has each client ask some questions, and returns how long each answer took. Each begins elsewhere, so that few ask
// the same at the same time.
func askAll(b *testing.B, client *http.Client, base string, paths func(n int) string, times int) []time.Duration {
	b.Helper()
	took, failures := make([][]time.Duration, clients), make([]error, clients)
	var asking sync.WaitGroup
	for i := range clients {
		asking.Go(func() {
			for n := range times {
				begun := time.Now()
				if failures[i] = get(b, client, base+paths(i*1009+n)); failures[i] != nil {
					return
				}
				took[i] = append(took[i], time.Since(begun))
			}
		})
	}
	asking.Wait()
	for _, err := range failures {
		require.NoError(b, err)
	}
	return slices.Concat(took...)
}

// get asks one question. An entity that somebody may not read is not found.
func get(b *testing.B, client *http.Client, address string) error {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer any")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotFound {
		return fmt.Errorf("%s: %s: %s", address, response.Status, strings.TrimSpace(string(content)))
	}
	return nil
}
