package processing_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/internal/testkit"
)

// site serves files that a test can change.
type site struct {
	*httptest.Server
	mutex sync.Mutex
	files map[string]string
}

func newSite(t *testing.T, files map[string]string) *site {
	t.Helper()
	s := &site{files: maps.Clone(files)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		content, there := s.files[strings.TrimPrefix(r.URL.Path, "/")]
		if !there {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(content))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) set(name, content string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.files[name] = content
}

func testdata(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir("testdata")
	require.NoError(t, err)
	files := map[string]string{}
	for _, entry := range entries {
		content, err := os.ReadFile("testdata/" + entry.Name())
		require.NoError(t, err)
		files[entry.Name()] = string(content)
	}
	return files
}

// bench is an engine at work on a database and a site of its own.
type bench struct {
	*testing.T
	pool   *pgxpool.Pool
	site   *site
	engine *processing.Engine
	state  processing.State
}

func newBench(t *testing.T, files map[string]string, options processing.Options) *bench {
	t.Helper()
	b := &bench{T: t, pool: testkit.Database(t), site: newSite(t, files), state: processing.NewState()}
	b.engine = b.newEngine(options)
	b.start(b.engine)
	return b
}

func (b *bench) newEngine(options processing.Options) *processing.Engine {
	b.Helper()
	host := strings.TrimPrefix(b.site.URL, "http://")
	reader, err := integration.New(integration.Config{}, integration.Options{ReadingAllow: []integration.AllowRule{{Host: host}}})
	require.NoError(b, err)
	local, err := integration.OpenFiles("testdata", integration.Limits{})
	require.NoError(b, err)
	b.Cleanup(func() { _ = local.Close() })
	var allowed entity.Rule
	for _, kind := range []string{"Component", "System", "API", "Resource", "Location", "Group", "User", "Domain"} {
		allowed.Allow = append(allowed.Allow, entity.AllowedKind{Kind: kind})
	}
	pipeline := &processing.Pipeline{Reader: reader, Files: local, Rules: entity.Rules{allowed}, LocationTypes: []string{"url"}}
	return processing.NewEngine(b.pool, pipeline, options, slog.New(slog.NewTextHandler(b.Output(), nil)))
}

func (b *bench) start(engine *processing.Engine) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		require.NoError(b, <-ended)
	})
}

func (b *bench) change(change func(ctx context.Context, tx pgx.Tx) error) {
	b.Helper()
	ctx := b.Context()
	require.NoError(b, processing.Transact(ctx, b.pool, func(tx pgx.Tx) error { return change(ctx, tx) }))
}

// bring has a source bring the locations of these files of the site.
func (b *bench) bring(source string, names ...string) []processing.Emitted {
	b.Helper()
	var emitted []processing.Emitted
	for _, name := range names {
		spec := entity.LocationSpec{Type: "url", Target: b.site.URL + "/" + name}
		e, err := processing.Emit(entity.LocationEntity(spec), nil, spec)
		require.NoError(b, err)
		emitted = append(emitted, e)
	}
	b.change(func(ctx context.Context, tx pgx.Tx) error { return b.state.Add(ctx, tx, source, emitted) })
	return emitted
}

// refresh has an entity and its locations looked at now.
func (b *bench) refresh(ref string) {
	b.Helper()
	b.change(func(ctx context.Context, tx pgx.Tx) error {
		found, err := b.state.Refresh(ctx, tx, ref)
		require.True(b, found, ref)
		return err
	})
}

// served is what is served of an entity, nil when nothing is.
func (b *bench) served(ref string) entity.Entity {
	b.Helper()
	var document []byte
	err := b.pool.QueryRow(b.Context(), "select entity from catalog_entities where entity_ref = $1", ref).Scan(&document)
	if err == pgx.ErrNoRows { //nolint:errorlint // Scan returns it as it is
		return nil
	}
	require.NoError(b, err)
	var e entity.Entity
	require.NoError(b, json.Unmarshal(document, &e))
	return e
}

func (b *bench) eventually(what string, holds func() bool) {
	b.Helper()
	require.Eventually(b, holds, 20*time.Second, 10*time.Millisecond, what)
}

func (b *bench) awaitServed(refs ...string) {
	b.Helper()
	for _, ref := range refs {
		b.eventually(ref+" is served", func() bool { return b.served(ref) != nil })
	}
}

func (b *bench) count(query string, arguments ...any) int {
	b.Helper()
	var n int
	require.NoError(b, b.pool.QueryRow(b.Context(), query, arguments...).Scan(&n))
	return n
}

func relationsOf(e entity.Entity) []string {
	var relations []string
	items, _ := e["relations"].([]any)
	for _, item := range items {
		relation, _ := item.(map[string]any)
		relations = append(relations, relation["type"].(string)+" "+relation["targetRef"].(string))
	}
	return relations
}

func TestEngineServesAWholeTree(t *testing.T) {
	t.Parallel()
	b := newBench(t, testdata(t), processing.Options{})
	b.bring("locations", "all.yaml")
	b.eventually("all 14 entities are served", func() bool { return b.count("select count(*) from catalog_entities") == 14 })
	b.eventually("everything is stitched", func() bool { return b.count("select count(*) from catalog_stitches") == 0 })

	require.Equal(t, []string{
		"consumesApi api:default/petstore-api", "dependsOn component:default/petstore-service",
		"dependsOn resource:default/petstore-db", "ownedBy group:default/team-a", "partOf system:default/petstore",
	}, relationsOf(b.served("component:default/petstore-web")))
	require.Equal(t, []string{"ownedBy group:default/does-not-exist"}, relationsOf(b.served("component:other/lonely-lib")))
	api := b.served("api:default/embedded-json-api")
	require.Equal(t, map[string]any{"a": 1.0, "b": []any{true, nil, "x"}}, api.Spec()["extraJson"])
	require.Equal(t, "asyncapi: 2.0.0\ninfo: {title: Events}\n", api.Spec()["definition"])
	require.Equal(t, "url:"+b.site.URL+"/all.yaml", api.Annotation(entity.AnnotationOriginLocation))
	require.Equal(t, b.site.URL+"/apis.yaml", api.Annotation(entity.AnnotationViewURL))
	require.Equal(t, 1, b.count("select count(*) from catalog_search where key = 'relations.ownedby' and value = 'group:default/acme'"))
}
