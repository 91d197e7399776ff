package policy_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

// BenchmarkPolicy measures everything on one catalog, because filling one takes long.
func BenchmarkPolicy(b *testing.B) {
	pool := fill(b)
	service, decider, written := newRoles(b, pool)
	b.Run("decision", func(b *testing.B) { measureDecisions(b, decider) })
	b.Run("reload", func(b *testing.B) { measureReload(b, service, decider, written) })

	without, with := newServer(b, pool, policy.AllowKnown{}), newServer(b, pool, decider)
	for _, list := range lists {
		b.Run("list/"+list.name, func(b *testing.B) { measureList(b, list.path, without, with) })
	}
	b.Run("start", func(b *testing.B) {
		start := request{method: http.MethodPost, path: "/scaffolder/v2/tasks", body: `{"templateRef":"template:default/log","values":{}}`}
		compare(b, []variant{{"without", without, start.by("reader"), false}, {"with", with, start.by("member"), false}})
	})
}

func (r request) by(who string) request {
	r.who = who
	return r
}

// measureDecisions decides for members of groups that are six deep. Their groups are remembered for a second, so
// that "first" is the decision after it, which reads them.
func measureDecisions(b *testing.B, decider *rbac.Decider) {
	b.Helper()
	member := func(n int) identity.Principal {
		return identity.Principal{Kind: identity.KindUser, Subject: fmt.Sprintf("user:default/user-%d", 20*(n%users)+9), Ownership: []string{group(1)}}
	}
	decide := func(b *testing.B, n int, permission policy.Permission) {
		b.Helper()
		_, err := decider.Decide(b.Context(), member(n), permission)
		require.NoError(b, err)
	}
	for name, permission := range map[string]policy.Permission{"policies": policy.ScaffolderTaskCreate, "conditions": policy.CatalogEntityRefresh} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				decide(b, 7, permission)
			}
		})
	}
	b.Run("first", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n++
			decide(b, n, policy.CatalogEntityRefresh)
		}
	})
}

// measureReload changes one line of the file while four callers ask for decisions: the time until all roles of the
// change count, and the longest that a decision took meanwhile.
func measureReload(b *testing.B, service *rbac.Service, decider *rbac.Decider, written rbac.Files) {
	b.Helper()
	content, err := os.ReadFile(written.Policies)
	require.NoError(b, err)
	ctx, stop := context.WithCancel(b.Context())
	longest := make([]time.Duration, 4)
	var callers sync.WaitGroup
	for i := range longest {
		callers.Go(func() {
			pause := time.NewTicker(time.Millisecond)
			defer pause.Stop()
			for ctx.Err() == nil {
				begun := time.Now()
				if _, err := decider.Decide(ctx, people[1].principal(0), policy.CatalogEntityRead); err == nil {
					longest[i] = max(longest[i], time.Since(begun))
				}
				<-pause.C
			}
		})
	}
	changes := 0
	for b.Loop() {
		changes++
		line := fmt.Sprintf("p, role:default/r1, other.changed.%d, read, allow\n", changes)
		require.NoError(b, os.WriteFile(written.Policies, append(slices.Clone(content), line...), 0o600))
		require.NoError(b, service.SyncFiles(b.Context()))
	}
	stop()
	callers.Wait()
	b.ReportMetric(slices.Max(longest).Seconds()*1000, "longest-decision-ms")
}

// lists are requests for 20 of all entities.
var lists = []struct{ name, path string }{
	{"entities", "/catalog/entities?limit=20"},
	{"entities-ordered", "/catalog/entities?limit=20&order=asc:metadata.name"},
	{"entities-ordered-kind", "/catalog/entities?limit=20&filter=kind=component&order=asc:metadata.name"},
	{"by-query", "/catalog/entities/by-query?limit=20"},
	{"by-query-kind", "/catalog/entities/by-query?limit=20&filter=kind=component&orderField=metadata.name,asc"},
	{"by-query-title", "/catalog/entities/by-query?limit=20&filter=kind=component&orderField=metadata.title,desc"},
}

// measureList has 16 clients ask for a list without roles, with a role that reads everything, and with conditions
// that cover a few, many and half of the owned entities. In the last variant, nobody has asked for the same before.
func measureList(b *testing.B, path string, without, with *httptest.Server) {
	b.Helper()
	list := request{method: http.MethodGet, path: path}
	variants := []variant{{"without", without, list.by("reader"), false}}
	for _, who := range people {
		variants = append(variants, variant{who.name, with, list.by(who.name), false})
	}
	variants = append(variants, variant{"member-first", with, list.by("member"), true})
	for _, each := range variants {
		content, err := each.request.send(b.Context(), http.DefaultClient, each.server)
		require.NoError(b, err)
		require.Equal(b, 20, found(b, content), each.name)
	}
	compare(b, variants)
}

// variant is one of the requests that are compared.
type variant struct {
	name    string
	server  *httptest.Server
	request request
	// isFirst gives the person other groups for each request, so that nothing is known of it.
	isFirst bool
}

// asked counts the requests of variants that are first.
var asked atomic.Int64

func (v variant) next() request {
	if v.isFirst {
		return v.request.by(fmt.Sprintf("%s.%d", v.request.who, asked.Add(1)))
	}
	return v.request
}

// clients send requests at the same time.
const (
	clients   = 16
	perClient = 8
)

// compare has the clients send each variant in turns, and reports the median and the 95th percentile of each in
// milliseconds, and the ratio of the medians to that of the first. Only ratios of one run mean anything.
func compare(b *testing.B, variants []variant) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	took := make([][]time.Duration, len(variants))
	round := func(v variant) []time.Duration {
		times := make([][]time.Duration, clients)
		var sending errgroup.Group
		for i := range clients {
			sending.Go(func() error {
				for range perClient {
					begun := time.Now()
					if _, err := v.next().send(b.Context(), client, v.server); err != nil {
						return err
					}
					times[i] = append(times[i], time.Since(begun))
				}
				return nil
			})
		}
		require.NoError(b, sending.Wait())
		return slices.Concat(times...)
	}
	for _, v := range variants {
		round(v) // Postgres may change its plan for a statement at the sixth execution
	}
	for b.Loop() {
		for i, v := range variants {
			took[i] = append(took[i], round(v)...)
		}
	}
	at := func(i int, share float64) float64 {
		slices.Sort(took[i])
		return took[i][int(share*float64(len(took[i])-1))].Seconds() * 1000
	}
	for i, v := range variants {
		b.ReportMetric(at(i, 0.5), v.name+"-p50-ms")
		b.ReportMetric(at(i, 0.95), v.name+"-p95-ms")
		if i > 0 {
			b.ReportMetric(at(i, 0.5)/at(0, 0.5), v.name+"-ratio")
		}
	}
	b.ReportMetric(0, "ns/op")
}
