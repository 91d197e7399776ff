package processing_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/internal/testkit"
)

// With these variables, the test binary becomes an engine with a database and a host.
const (
	engineDSN  = "PORTICO_TEST_ENGINE_DSN"
	engineHost = "PORTICO_TEST_ENGINE_HOST"
)

func TestMain(m *testing.M) {
	if os.Getenv(engineDSN) == "" {
		os.Exit(m.Run())
	}
	if err := runEngine(os.Getenv(engineDSN), os.Getenv(engineHost)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// runEngine runs an engine until its parent process has ended.
func runEngine(dsn, host string) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	pool, err := db.Open(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	reader, err := forges.New(forges.Config{}, integration.Options{ReadingAllow: []integration.AllowRule{{Host: host}}})
	if err != nil {
		return err
	}
	pipeline := &processing.Pipeline{Reader: reader, Rules: entity.DefaultRules(), LocationTypes: []string{"url"}}
	return processing.NewEngine(pool, pipeline, processing.Options{}, slog.New(slog.NewTextHandler(os.Stderr, nil))).Run(ctx)
}

// slowSite blocks every request until it is released or the client has gone, and then returns a component.
type slowSite struct {
	// reached receives each request, and broken each that the client has cancelled.
	reached, broken chan struct{}
	release         chan struct{}
	inFlight, most  atomic.Int32
}

// newSlowBench is a bench without an engine, whose site is slow.
func newSlowBench(t *testing.T) (*bench, *slowSite) {
	t.Helper()
	slow := &slowSite{reached: make(chan struct{}, 100), broken: make(chan struct{}, 100), release: make(chan struct{})}
	b := &bench{T: t, pool: testkit.Database(t), state: processing.NewState(), site: newSite(t, nil)}
	b.site.Config.Handler = slow
	return b, slow
}

func (s *slowSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.most.Store(max(s.most.Load(), s.inFlight.Add(1)))
	defer s.inFlight.Add(-1)
	s.reached <- struct{}{}
	select {
	case <-s.release:
		fmt.Fprintf(w, component, "slow", "", "team-a")
	case <-r.Context().Done():
		s.broken <- struct{}{}
	}
}

func (b *bench) await(told <-chan struct{}, what string) {
	b.Helper()
	select {
	case <-told:
	case <-time.After(time.Minute):
		require.FailNow(b, "never happened: "+what)
	}
}

func TestEntitiesOfAKilledEngineAreClaimedSoon(t *testing.T) {
	t.Parallel()
	b, slow := newSlowBench(t)
	executable, err := os.Executable()
	require.NoError(t, err)
	killed := exec.CommandContext(t.Context(), executable)
	killed.Env = append(os.Environ(), engineDSN+"="+b.pool.Config().ConnString(), engineHost+"="+strings.TrimPrefix(b.site.URL, "http://"))
	killed.Stderr = t.Output()
	input, err := killed.StdinPipe()
	require.NoError(t, err)
	defer input.Close()
	require.NoError(t, killed.Start())
	b.bring("slow.yaml")
	b.await(slow.reached, "the other process reads")
	b.start(b.newEngine(processing.Options{}))

	require.NoError(t, killed.Process.Kill())
	died := time.Now()
	require.Error(t, killed.Wait())
	b.await(slow.reached, "this process reads what the other was reading")
	took := time.Since(died)
	t.Logf("taken up after %s", took)
	require.Less(t, took, 30*time.Second, "up to 8 seconds of a lease and one of a poll, on a quiet machine; otherwise minutes")
	close(slow.release)
	b.awaitServed("component:default/slow")
}

func TestSlowEntityIsNeverProcessedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	b, slow := newSlowBench(t)
	options := processing.Options{Lease: 2 * time.Second}
	b.start(b.newEngine(options))
	b.start(b.newEngine(options))
	location := b.bring("slow.yaml")[0].Ref
	b.await(slow.reached, "an engine reads")

	b.refresh(location)
	var now time.Time
	require.NoError(t, b.pool.QueryRow(t.Context(), "select now()").Scan(&now))
	b.eventually("the lease was renewed long beyond its length", func() bool {
		return b.count(`select count(*) from catalog_states s join catalog_engines e on e.id = s.held_by
			where s.entity_ref = $1 and e.alive_until > $2`, location, now.Add(3*options.Lease)) == 1
	})
	require.Empty(t, slow.reached, "no other engine has begun to read")
	close(slow.release)
	b.awaitServed("component:default/slow")
	b.await(slow.reached, "what was asked for meanwhile is read again")
	require.EqualValues(t, 1, slow.most.Load())
}

func TestEngineWhoseLeaseExpiredDropsItsResult(t *testing.T) {
	t.Parallel()
	b, slow := newSlowBench(t)
	b.start(b.newEngine(processing.Options{Lease: time.Second}))
	location := b.bring("slow.yaml")[0].Ref
	b.await(slow.reached, "the engine reads")

	_, err := b.pool.Exec(t.Context(), "delete from catalog_engines")
	require.NoError(t, err)
	b.await(slow.broken, "the engine stops reading")
	b.await(slow.reached, "it reads again, under a new lease")
	close(slow.release)
	b.awaitServed("component:default/slow")
	require.Equal(t, 0, b.count("select count(*) from catalog_states where entity_ref = $1 and failures > 0", location))
}

func TestResultForAnEntityOfAnotherEngineIsDropped(t *testing.T) {
	t.Parallel()
	b, slow := newSlowBench(t)
	b.start(b.newEngine(processing.Options{}))
	location := b.bring("slow.yaml")[0].Ref
	b.await(slow.reached, "the engine reads")

	// Simulate another engine that has considered this one dead.
	_, err := b.pool.Exec(t.Context(), `with other as (insert into catalog_engines values (gen_random_uuid(), now() + interval '1 hour') returning id)
		update catalog_states set held_by = other.id from other`)
	require.NoError(t, err)
	close(slow.release)
	b.bring("next.yaml")
	b.await(slow.reached, "the engine goes on")
	b.awaitServed("location:default/" + entity.LocationEntityName("url", b.site.URL+"/next.yaml"))
	require.Nil(t, b.served(location))
}

func TestStoppedEngineReleasesItsEntities(t *testing.T) {
	t.Parallel()
	b, slow := newSlowBench(t)
	engine := b.newEngine(processing.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	location := b.bring("slow.yaml")[0].Ref
	b.await(slow.reached, "the engine reads")
	cancel()
	require.NoError(t, <-ended)
	require.Equal(t, 1, b.count(`select count(*) from catalog_states
		where entity_ref = $1 and next_update_at <= now() and held_by is null and errors is null`, location))
	require.Equal(t, 0, b.count("select count(*) from catalog_engines"))
}

func TestEntityThatCannotBeWrittenIsPostponed(t *testing.T) {
	t.Parallel()
	b := &bench{T: t, pool: testkit.Database(t), state: processing.NewState(), site: newSite(t, map[string]string{
		"good.yaml": fmt.Sprintf(component, "good", "", "team-a"), "poison.yaml": fmt.Sprintf(component, "poison", "", "team-a")})}
	for _, statement := range []string{
		"create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not this one'; end $$",
		`create trigger refuse before insert on catalog_states for each row
		 when (new.entity_ref = 'component:default/poison') execute function refuse()`,
	} {
		_, err := b.pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	locations := b.bring("good.yaml", "poison.yaml")
	b.start(b.newEngine(processing.Options{}))
	b.awaitServed("component:default/good")
	b.eventually("what cannot be written is tried again, ever later", func() bool {
		return b.count("select count(*) from catalog_states where entity_ref = $1 and failures > 1 and held_by is null", locations[1].Ref) == 1
	})
}
