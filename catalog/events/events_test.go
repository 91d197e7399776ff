package events_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/events"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/provider"
	githubprovider "github.com/portico-dev/portico/catalog/provider/github"
	"github.com/portico-dev/portico/catalog/provider/githuborg"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/telemetry"
)

const secret = "hook-secret"

// bench is a forge, and a catalog that reads from it once and then for an hour only when it is asked to.
type bench struct {
	*testing.T
	pool    *pgxpool.Pool
	forge   *forgetest.Server
	slow    *apitest.Server
	set     *integration.Set
	service *events.Service
	state   processing.State
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, pool: testkit.Database(t), forge: forgetest.Start(t), state: processing.NewState()}
	stop := make(chan struct{})
	b.slow = apitest.Start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(stop) })
	var err error
	b.set, err = forges.New(forges.Config{GitHub: []githubhost.Config{{Host: b.forge.Host, APIBaseURL: b.forge.APIBaseURL, Token: b.forge.Token()}}},
		integration.Options{ReadingAllow: []integration.AllowRule{{Host: b.slow.Host}}})
	require.NoError(t, err)
	b.service = b.newService()
	return b
}

func (b *bench) newService() *events.Service { return events.New(b.options()) }

func (b *bench) options() events.Options {
	return events.Options{Pool: b.pool, Notifications: b.pool, Log: b.logger(), Hosts: b.set,
		Sources: []hostevents.Source{githubhost.NewWebhook(hostevents.Secrets{{Value: secret}})}}
}

func (b *bench) exec(statement string) {
	b.Helper()
	_, err := b.pool.Exec(b.Context(), statement)
	require.NoError(b, err)
}

func (b *bench) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b.Output(), nil)) }

// run runs something until the test ends.
func (b *bench) run(do func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- do(ctx) }()
	b.Cleanup(func() {
		cancel()
		require.NoError(b, <-ended)
	})
}

// process starts an engine and the work on events.
func (b *bench) process() {
	rules := entity.Rules{{Allow: []entity.AllowedKind{{Kind: "Component"}, {Kind: "API"}, {Kind: "Location"}}}}
	pipeline := &processing.Pipeline{Reader: b.set, Rules: rules, LocationTypes: []string{"url"}}
	b.run(processing.NewEngine(b.pool, pipeline, processing.Options{Interval: time.Hour}, b.logger()).Run)
	b.run(b.service.Run)
}

// repository creates a repository of the organization demo.
func (b *bench) repository(name string, files map[string]string) {
	b.Helper()
	_, _, err := b.forge.Client(b).Repositories.Create(b.Context(), "demo", &github.Repository{Name: &name})
	require.NoError(b, err)
	b.forge.Push(b, "demo/"+name, "main", false, files)
}

// register registers locations.
func (b *bench) register(targets ...string) {
	b.Helper()
	var emitted []processing.Emitted
	for _, target := range targets {
		spec := entity.LocationSpec{Type: "url", Target: target}
		e, err := processing.Emit(entity.LocationEntity(spec), nil, spec)
		require.NoError(b, err)
		emitted = append(emitted, e)
	}
	require.NoError(b, processing.Transact(b.Context(), b.pool, func(tx pgx.Tx) error {
		_, err := b.state.Add(b.Context(), tx, processing.SourceLocations, emitted)
		return err
	}))
}

// deliver delivers an event of a kind, signed.
func (b *bench) deliver(kind, delivery string, body map[string]any) {
	b.Helper()
	encoded, err := json.Marshal(body)
	require.NoError(b, err)
	require.NoError(b, b.service.Receive(b.Context(), "github", signed(kind, delivery, encoded), encoded))
}

func signed(kind, delivery string, body []byte) http.Header {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	header := http.Header{}
	header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	header.Set("X-Github-Event", kind)
	header.Set("X-Github-Delivery", delivery)
	return header
}

// pushed is GitHub's event of a push that modified files of the branch main of the repository shop.
func (b *bench) pushed(modified ...string) map[string]any {
	return map[string]any{"ref": "refs/heads/main", "repository": map[string]any{"name": "shop", "html_url": b.page("shop"), "default_branch": "main"},
		"commits": []any{map[string]any{"added": []string{}, "removed": []string{}, "modified": modified}}}
}

func (b *bench) page(repository string) string { return b.forge.URL + "/demo/" + repository }

// described is the description of a served entity, "" when it is not served.
func (b *bench) described(ref string) string {
	b.Helper()
	var text string
	err := b.pool.QueryRow(b.Context(), "select coalesce(entity #>> '{metadata,description}', '') from catalog_entities where entity_ref = $1", ref).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return ""
	}
	require.NoError(b, err)
	return text
}

// causeOf is what made the served version of an entity, in its stored form.
func (b *bench) causeOf(ref string) string {
	b.Helper()
	var cause string
	require.NoError(b, b.pool.QueryRow(b.Context(), "select changed_by from catalog_entities where entity_ref = $1", ref).Scan(&cause))
	return cause
}

func (b *bench) eventually(what string, holds func() bool) {
	b.Helper()
	deadline := time.After(time.Minute)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			require.FailNow(b, "never came true: "+what)
		}
	}
}

func (b *bench) count(query string) int {
	b.Helper()
	var n int
	require.NoError(b, b.pool.QueryRow(b.Context(), query).Scan(&n))
	return n
}

// touched waits until all events are worked off, and returns how many entities they made urgent, in their order.
func (b *bench) touched() []int32 {
	b.Helper()
	b.eventually("all events are worked off", func() bool { return b.count("select count(*) from source_events where done_at is null") == 0 })
	rows, err := b.pool.Query(b.Context(), "select touched from source_events order by id")
	require.NoError(b, err)
	counts, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	require.NoError(b, err)
	return counts
}

func component(name, description string) string {
	return fmt.Sprintf("apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: %s, description: %s}\nspec: {type: service, lifecycle: production, owner: a}\n", name, description)
}

const api = "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: shop-api, description: an API}\nspec: {type: openapi, lifecycle: production, owner: a, definition: {$text: ./openapi.yaml}}\n"

// TestAPushRefreshesWhatItChanged: exactly the readers of the changed files, also while the catalog waits for slow hosts
// in more places than it reads at once.
func TestAPushRefreshesWhatItChanged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.repository("shop", map[string]string{"catalog-info.yaml": component("shop", "old"), "api/info.yaml": api, "api/openapi.yaml": "first"})
	b.repository("other", map[string]string{"catalog-info.yaml": component("other", "old")})
	b.process()
	b.register(b.page("shop")+"/blob/main/catalog-info.yaml", b.page("shop")+"/blob/main/api/*.yaml", b.page("other")+"/blob/main/catalog-info.yaml",
		b.page("shop")+"/blob/main/missing.yaml")
	b.eventually("all is served", func() bool {
		return b.described("component:default/shop") == "old" && b.described("component:default/other") == "old" && b.described("api:default/shop-api") != ""
	})
	b.eventually("what was read is recorded", func() bool { return b.count("select count(distinct entity_id) from catalog_reads") == 5 })

	var slow []string
	for n := range 100 {
		slow = append(slow, fmt.Sprintf("%s/%d.yaml", b.slow.URL, n))
	}
	b.register(slow...)
	b.eventually("the backlog is being read", func() bool { return b.count("select count(*) from catalog_states where held_by is not null") > 16 })

	b.forge.Push(t, "demo/shop", "main", true, map[string]string{"catalog-info.yaml": component("shop", "new")})
	b.deliver("push", "1", b.pushed("catalog-info.yaml", "README.md"))
	b.eventually("the new description is served", func() bool { return b.described("component:default/shop") == "new" })
	require.Equal(t, []int32{1}, b.touched())
	require.Regexp(t, "^event:pushed .*/demo/shop$", b.causeOf("component:default/shop"))

	b.forge.Push(t, "demo/shop", "main", true, map[string]string{"api/openapi.yaml": "second"})
	b.deliver("push", "2", b.pushed("api/openapi.yaml"))
	b.eventually("the new definition is served", func() bool {
		return b.count("select count(*) from catalog_entities where entity_ref = 'api:default/shop-api' and entity #>> '{spec,definition}' = 'second'") == 1
	})
	require.Regexp(t, "^event:pushed .*/demo/shop$", b.causeOf("api:default/shop-api"))
	require.Equal(t, []int32{1, 2}, b.touched(), "the API, and the Location whose pattern matches the file")

	b.forge.Push(t, "demo/shop", "main", true, map[string]string{"missing.yaml": component("found", "there it is")})
	b.deliver("push", "3", b.pushed("missing.yaml"))
	b.eventually("what was missing is served", func() bool { return b.described("component:default/found") != "" })
	require.Equal(t, []int32{1, 2, 1}, b.touched())
	require.Equal(t, "old", b.described("component:default/other"))
}

// TestARepositoryThatIsGoneDeletesNothing: its Locations report it.
func TestARepositoryThatIsGoneDeletesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.repository("shop", map[string]string{"catalog-info.yaml": component("shop", "old")})
	b.process()
	b.register(b.page("shop") + "/blob/main/catalog-info.yaml")
	b.eventually("it is served", func() bool { return b.described("component:default/shop") == "old" })
	_, err := b.forge.Client(t).Repositories.Delete(t.Context(), "demo", "shop")
	require.NoError(t, err)
	b.deliver("repository", "1", map[string]any{"action": "deleted", "repository": map[string]any{"name": "shop", "html_url": b.page("shop")}})
	b.eventually("the Location reports it", func() bool {
		return b.count("select count(*) from catalog_entities where entity_ref like 'location:%' and entity ->> 'status' is not null") == 1
	})
	require.Equal(t, []int32{1}, b.touched())
	require.Equal(t, "old", b.described("component:default/shop"))
}

// TestEventsAreStoredOnceAndWorkedOffInOrder: a redelivery is ignored, and nothing is lost while nobody works.
func TestEventsAreStoredOnceAndWorkedOffInOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for n := range 250 {
		b.deliver("push", fmt.Sprint(n), b.pushed(fmt.Sprint(n)))
		b.deliver("push", fmt.Sprint(n), b.pushed(fmt.Sprint(n)))
	}
	require.Equal(t, 250, b.count("select count(*) from source_events where done_at is null"))
	more, err := b.service.WorkOff(t.Context())
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, 200, b.count("select count(*) from source_events where done_at is not null"))
	require.Equal(t, 0, b.count("select count(*) from source_events a join source_events b on a.id > b.id where a.done_at < b.done_at"))
	more, err = b.newService().WorkOff(t.Context())
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, 250, b.count("select count(*) from source_events where done_at is not null"))

	_, err = b.pool.Exec(t.Context(), "update source_events set received_at = received_at - interval '1 hour' where (event #>> '{paths,0}')::int < 100")
	require.NoError(t, err)
	more, err = b.service.DeleteBefore(t.Context(), time.Now().Add(-30*time.Minute))
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, 150, b.count("select count(*) from source_events"))
}

// TestAnEventThatCannotBeActedOnIsSetAside: with its reason, and those behind it go on.
func TestAnEventThatCannotBeActedOnIsSetAside(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.deliver("push", "before", b.pushed("a.yaml"))
	for delivery, event := range map[string]string{
		"unknown": `{"kind": ["pushed"]}`, "refused": `{"kind": "pushed", "host": "` + b.forge.Host + `", "repository": "demo/sh\u0000op", "ref": "main"}`,
	} {
		_, err := b.pool.Exec(t.Context(), "insert into source_events (topic, delivery, part, event) values ('github', $1, 1, $2)", delivery, event)
		require.NoError(t, err)
	}
	b.deliver("push", "behind", b.pushed("a.yaml"))
	for more := true; more; {
		var err error
		more, err = b.service.WorkOff(t.Context())
		require.NoError(t, err)
	}
	failures := map[string]string{}
	rows, err := b.pool.Query(t.Context(), "select delivery, coalesce(failure, '') from source_events where done_at is not null")
	require.NoError(t, err)
	var delivery, failure string
	_, err = pgx.ForEachRow(rows, []any{&delivery, &failure}, func() error {
		failures[delivery] = failure
		return nil
	})
	require.NoError(t, err)
	require.Len(t, failures, 4, "all are worked off")
	require.Empty(t, failures["before"]+failures["behind"])
	require.Contains(t, failures["unknown"], "decode it: json: cannot unmarshal array")
	require.Contains(t, failures["refused"], "invalid byte sequence")
	samples, err := b.service.Backlog(t.Context())
	require.NoError(t, err)
	require.Contains(t, samples, telemetry.Sample{Metric: telemetry.EventsFailed, Value: 2})
}

// TestTheSourcesAreSweptThatAnEventConcerns: once for any number of events, and not by a push of what was read already.
func TestTheSourcesAreSweptThatAnEventConcerns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.repository("shop", map[string]string{"catalog-info.yaml": component("shop", "old")})
	found, err := githubprovider.Sources(map[string]config.GitHubProvider{
		"demo":  {Host: b.forge.Host, Organization: "demo", CatalogPath: "/catalog-info.yaml"},
		"other": {Host: b.forge.Host, Organization: "other", CatalogPath: "/catalog-info.yaml"},
	}, b.set)
	require.NoError(t, err)
	people, err := githuborg.Sources([]config.GitHubOrgProvider{{ID: "demo", GitHubURL: b.forge.URL, Orgs: []string{"Demo"}}}, b.set)
	require.NoError(t, err)
	var swept []string
	options := b.options()
	options.Sweep = func(_ context.Context, source string) error { swept = append(swept, source); return nil }
	for _, source := range append(found, people...) {
		watcher, is := source.Provider.(provider.Watcher)
		require.True(t, is, source.Name())
		options.Watchers = append(options.Watchers, watcher)
	}
	service := events.New(options)
	for name, test := range map[string]struct {
		kind  string
		body  map[string]any
		swept []string
	}{
		"a new descriptor":   {"push", b.pushed("catalog-info.yaml"), []string{"github-provider:demo"}},
		"another file":       {"push", b.pushed("README.md"), nil},
		"a new repository":   {"repository", map[string]any{"action": "created", "repository": map[string]any{"html_url": b.page("new")}}, []string{"github-provider:demo"}},
		"another owner's":    {"repository", map[string]any{"action": "created", "repository": map[string]any{"html_url": b.forge.URL + "/ann/new"}}, nil},
		"a member":           {"membership", map[string]any{"organization": map[string]any{"login": "demo"}, "sender": map[string]any{"html_url": b.forge.URL + "/ann"}}, []string{"github-multi-org-provider:demo"}},
		"a member elsewhere": {"membership", map[string]any{"organization": map[string]any{"login": "other"}, "sender": map[string]any{"html_url": b.forge.URL + "/ann"}}, nil},
	} {
		swept = nil
		for n := range 3 {
			b.deliver(test.kind, fmt.Sprint(name, n), test.body)
		}
		_, err := service.WorkOff(t.Context())
		require.NoError(t, err)
		require.Equal(t, test.swept, swept, name)
	}

	b.exec("insert into catalog_sources (name, kind, place, every_seconds, cron, timeout_seconds, first_at, paused) values ('github-provider:demo', 'github', 'x', 0, '', 0, now(), true)")
	swept = nil
	b.deliver("push", "paused", b.pushed("catalog-info.yaml"))
	_, err = service.WorkOff(t.Context())
	require.NoError(t, err)
	require.Empty(t, swept, "somebody has paused it")
	b.exec("update catalog_sources set paused = false")

	b.process()
	b.register(b.page("shop") + "/blob/main/catalog-info.yaml")
	b.eventually("what was read is recorded", func() bool { return b.count("select count(*) from catalog_reads") == 1 })
	b.deliver("push", "known", b.pushed("catalog-info.yaml"))
	require.EqualValues(t, 1, b.touched()[len(b.touched())-1])
	require.Empty(t, swept, "it was found before")
}

// TestOnlySignedEventsOfConfiguredHostsAreStored covers what others may send.
func TestOnlySignedEventsOfConfiguredHostsAreStored(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	encoded, err := json.Marshal(b.pushed("a.yaml"))
	require.NoError(t, err)
	for name, header := range map[string]http.Header{
		"unsigned":                     {},
		"signed by another":            {"X-Hub-Signature-256": {"sha256=" + strings.Repeat("0", 64)}},
		"no digits":                    {"X-Hub-Signature-256": {"sha256=x"}},
		"signed, but for another body": signed("push", "1", append(encoded, ' ')),
	} {
		require.ErrorIs(t, b.service.Receive(t.Context(), "github", header, encoded), hostevents.ErrSignature, name)
	}
	for _, page := range []string{"https://evil.example/demo/shop", "https://github.com@evil.example/demo/shop", b.forge.URL, "", "file:///etc/passwd", b.slow.URL + "/demo/shop"} {
		body := b.pushed("a.yaml")
		body["repository"].(map[string]any)["html_url"] = page
		b.deliver("push", uuid.NewString(), body)
	}
	b.deliver("ping", "p", map[string]any{"zen": "Keep it logically awesome."})
	b.deliver("push", "note", map[string]any{"ref": "refs/notes/x", "repository": map[string]any{"html_url": b.page("shop")}})
	require.Equal(t, 0, b.count("select count(*) from source_events"))
	require.ErrorContains(t, b.service.Receive(t.Context(), "nothing", http.Header{}, nil), "There is no webhook for the topic")
}
