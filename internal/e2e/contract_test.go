package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/loopback"
)

// The recordings of a real Backstage backend were made with these; see testdata/golden/app-config.yaml.
const (
	goldenFixtures   = "127.0.0.1:7110"
	goldenToken      = "peer-static-token-0123456789"
	goldenRestricted = "peer-search-only-token-0123456789"
	goldenEntities   = 19
)

// TestRecordedExchangesEqualBackstages replays exchanges recorded from a real Backstage backend, in their
// order, and compares the answers: statuses, content types, shapes, names, messages, and orders where
// Backstage promises one. Values that differ between runs (ids, times, hosts, paths) are normalized first.
func TestRecordedExchangesEqualBackstages(t *testing.T) { //nolint:tparallel // The exchanges follow from each other.
	t.Parallel()
	p := newPlayer(t)
	files, err := filepath.Glob("testdata/golden/exchanges/*.json")
	require.NoError(t, err)
	slices.Sort(files)
	require.NotEmpty(t, files)
	p.requireOwnName(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) { p.replay(t, file) })
	}
}

// exchange is one recording.
type exchange struct {
	ID      string
	Request struct {
		Method, Path, Auth string
		Headers            map[string]string
		Body               json.RawMessage
		RawBody            *string
	}
	Response struct {
		Status   int
		Headers  map[string]string
		Body     json.RawMessage
		BodyText string
	}
}

func (e exchange) is(prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(e.ID, prefix) })
}

// player replays exchanges against one server.
type player struct {
	base      string
	userToken string
	// actual maps recorded ids and cursors to those of this server.
	actual map[string]string
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func newPlayer(t *testing.T) *player {
	t.Helper()
	input, err := filepath.Abs("testdata/golden/input")
	require.NoError(t, err)
	listener := listenWhenFree(t, goldenFixtures)
	fixtures := &http.Server{Handler: http.FileServer(http.Dir(input)), ReadHeaderTimeout: time.Second}
	go func() { _ = fixtures.Serve(listener) }()
	t.Cleanup(func() { _ = fixtures.Close() })

	ports, err := loopback.FreePorts(t.Context(), 1)
	require.NoError(t, err)
	p := &player{base: "http://" + loopback.Address(ports[0]), actual: map[string]string{}}
	command := exec.Command(findBinary(t), "dev", "--config", "testdata/golden/app-config.yaml", "--data", t.TempDir())
	command.Env = append(os.Environ(), "GOLDEN_INPUT="+input, "FIXTURES="+goldenFixtures, fmt.Sprintf("PORT=%d", ports[0]))
	var log lockedBuffer
	command.Stdout, command.Stderr = &log, &log
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	p.awaitCatalog(t)
	p.signIn(t)
	return p
}

// listenWhenFree listens on the address in the recordings. It waits while another test uses it.
func listenWhenFree(t *testing.T, address string) net.Listener {
	t.Helper()
	var listener net.Listener
	require.Eventually(t, func() bool {
		var err error
		listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
		return err == nil
	}, patience, 200*time.Millisecond, "%s, the address in the recordings, is in use", address)
	return listener
}

func (p *player) awaitCatalog(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		var page struct{ TotalItems int }
		got, err := p.send(t.Context(), exchange{}, http.MethodGet, "/api/catalog/entities/by-query?limit=0", nil)
		return err == nil && json.Unmarshal(got.body, &page) == nil && page.TotalItems >= goldenEntities
	}, 90*time.Second, 200*time.Millisecond, "the catalog holds what was recorded")
}

// requireOwnName checks that the server refuses host names that are not configured.
func (p *player) requireOwnName(t *testing.T) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.base+"/api/catalog/entities", http.NoBody)
	require.NoError(t, err)
	request.Host = "evil.example"
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusMisdirectedRequest, answer.StatusCode)
}

func (p *player) signIn(t *testing.T) {
	t.Helper()
	e := exchange{}
	e.Request.Headers = map[string]string{"X-Requested-With": "XMLHttpRequest"}
	got, err := p.send(t.Context(), e, http.MethodPost, "/api/auth/guest/refresh", nil)
	require.NoError(t, err)
	var session struct{ BackstageIdentity struct{ Token string } }
	require.NoError(t, json.Unmarshal(got.body, &session))
	p.userToken = session.BackstageIdentity.Token
}

func (p *player) replay(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	var e exchange
	require.NoError(t, json.Unmarshal(content, &e))
	path, body := p.translate(e.Request.Path), []byte(p.translate(string(e.Request.Body)))
	if e.Request.RawBody != nil {
		body = []byte(*e.Request.RawBody)
	}
	p.awaitRecordedState(t, e, path)
	var got answer
	// Changes become visible after a moment.
	require.Eventually(t, func() bool {
		got, err = p.send(t.Context(), e, e.Request.Method, path, body)
		return err == nil && (got.status != http.StatusNotFound || e.Response.Status != http.StatusOK)
	}, time.Minute, 100*time.Millisecond)
	p.compare(t, e, got)
}

// awaitRecordedState waits for the state in which the exchange was recorded: all runs have ended, or one is
// in progress.
func (p *player) awaitRecordedState(t *testing.T, e exchange, path string) {
	t.Helper()
	run := regexp.MustCompile(`^/api/scaffolder/v2/tasks/([0-9a-f-]{36})`).FindStringSubmatch(path)
	asksForEnd := e.Request.Method == http.MethodGet && !strings.Contains(e.ID, "live") && !strings.Contains(e.ID, "processing") && !strings.Contains(e.ID, "immediately")
	if run != nil && (asksForEnd || e.is("scaffolder-retry-completed", "scaffolder-retry-failed", "scaffolder-cancel-finished")) {
		require.Eventually(t, func() bool {
			var task struct{ Status string }
			got, err := p.send(t.Context(), exchange{}, http.MethodGet, "/api/scaffolder/v2/tasks/"+run[1], nil)
			return err == nil && (got.status != http.StatusOK || json.Unmarshal(got.body, &task) == nil && task.Status != "open" && task.Status != "processing")
		}, time.Minute, 50*time.Millisecond, "the run ends")
	}
	if e.ID == "scaffolder-cancel" {
		// It was recorded while the second step waited.
		require.Eventually(t, func() bool {
			got, err := p.send(t.Context(), exchange{}, http.MethodGet, "/api/scaffolder/v2/tasks/"+run[1]+"/events", nil)
			return err == nil && bytes.Contains(got.body, []byte("Beginning step Wait"))
		}, time.Minute, 50*time.Millisecond, "the run waits")
	}
}

func (p *player) translate(text string) string {
	// A cursor contains ids, so the longest are replaced first.
	recordings := slices.SortedFunc(maps.Keys(p.actual), func(a, b string) int { return len(b) - len(a) })
	for _, recorded := range recordings {
		text = strings.ReplaceAll(text, recorded, p.actual[recorded])
	}
	return text
}

func (p *player) send(ctx context.Context, e exchange, method, path string, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range e.Request.Headers {
		request.Header.Set(name, value)
	}
	tokens := map[string]string{"": goldenToken, "service": goldenToken, "restricted": goldenRestricted, "user": p.userToken, "bad": "not-a-token"}
	if token := tokens[e.Request.Auth]; token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, content}, err
}

func (p *player) compare(t *testing.T, e exchange, got answer) {
	t.Helper()
	want := e.Response
	require.Equal(t, want.Status, got.status, "status; body %.500s", got.body)
	require.Equal(t, mediaType(want.Headers["content-type"]), mediaType(got.header.Get("Content-Type")), "content type")
	if _, has := want.Headers["link"]; has {
		require.NotEmpty(t, got.header.Get("Link"), "link header")
	}
	switch {
	case mediaType(want.Headers["content-type"]) == "text/event-stream":
		recorded, actual := summarizeStream(want.BodyText), summarizeStream(string(got.body))
		if strings.Contains(e.Request.Path, "after") {
			recorded, actual = recorded[len(recorded)-1:], actual[len(actual)-1:]
		}
		require.Equal(t, recorded, actual)
	case want.Body == nil:
		require.Equal(t, normalizeText(want.BodyText), normalizeText(string(got.body)))
	default:
		var recorded, actual any
		require.NoError(t, json.Unmarshal(want.Body, &recorded))
		require.NoError(t, json.Unmarshal(got.body, &actual), "%.500s", got.body)
		p.compareBodies(t, e, recorded, actual)
	}
}

func (p *player) compareBodies(t *testing.T, e exchange, recorded, actual any) {
	t.Helper()
	path := e.Request.Path
	switch {
	case regexp.MustCompile(`/tasks/[^/]+/events`).MatchString(path) && isList(recorded):
		compareSummaries(t, e, summarize(recorded), summarize(actual))
	case strings.Contains(path, "jwks"):
		require.Subset(t, keysOf(actual), keysOf(recorded))
	case strings.HasPrefix(path, "/api/scaffolder/v2/actions"):
		require.Subset(t, column(actual, "id"), column(recorded, "id"))
	case e.is("catalog-query-total-exclude", "catalog-query-post-fulltext"):
		// Without an order in the request, Backstage may return any entities on a page.
		recordedPage, actualPage := recorded.(map[string]any), actual.(map[string]any)
		require.Len(t, actualPage["items"], len(recordedPage["items"].([]any)))
		require.Equal(t, recordedPage["totalItems"], actualPage["totalItems"])
	default:
		order := unordered(e)
		recorded, actual = sortLists(recorded, order), sortLists(actual, order)
		p.recordIDs(recorded, actual)
		if e.is("scaffolder-cancel-immediately-after") && actual.(map[string]any)["status"] == "failed" {
			recorded.(map[string]any)["status"] = "failed" // the run may have ended already
		}
		require.Equal(t, normalize(recorded, ""), normalize(actual, ""))
	}
}

// compareSummaries compares what a client shows of a run. Portico may retry from another step, and the last
// message of a cancelled run differs between releases.
func compareSummaries(t *testing.T, e exchange, recorded, actual []string) {
	t.Helper()
	last := func(s []string) []string { return s[len(s)-1:] }
	switch {
	case strings.Contains(e.ID, "after-retry"):
		require.Contains(t, actual, "recovered")
		require.Equal(t, last(recorded), last(actual))
	case strings.Contains(e.Request.Path, "after"):
		require.Equal(t, last(recorded), last(actual))
	case strings.Contains(e.ID, "cancel"):
		require.Contains(t, strings.Join(actual, "\n"), "cancelled")
		require.Contains(t, strings.Join(last(actual), ""), "completion")
	default:
		require.Equal(t, recorded, actual)
	}
}

// summarize lists what a client shows of a run: the states of its steps in order, and how it ended.
func summarize(events any) []string {
	var lines []string
	for _, item := range events.([]any) {
		e := item.(map[string]any)
		body, _ := e["body"].(map[string]any)
		switch {
		case e["type"] == "log" && body["status"] != nil:
			lines = append(lines, fmt.Sprint(body["stepId"], " ", body["status"]))
		case e["type"] == "completion":
			lines = append(lines, fmt.Sprint("completion ", body["message"]))
		case e["type"] != "log":
			lines = append(lines, fmt.Sprint(e["type"]))
		}
	}
	return lines
}

func summarizeStream(text string) []string {
	var events []any
	for line := range strings.SplitSeq(text, "\n") {
		if data, isData := strings.CutPrefix(line, "data:"); isData {
			var e any
			if json.Unmarshal([]byte(data), &e) == nil {
				events = append(events, e)
			}
		}
	}
	return summarize(events)
}

var (
	uuidText   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	wholeUUID  = regexp.MustCompile(`^` + uuidText.String() + `$`)
	isoTime    = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)
	inputPath  = regexp.MustCompile(`(file:)?(/[\w. -]+)*/golden/input`)
	uuidPath   = regexp.MustCompile(`/\S*<uuid>\S*`)
	hostText   = regexp.MustCompile(`127\.0\.0\.1:\d+|localhost:\d+`)
	tokenText  = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+|<JWT>`)
	fileEntity = regexp.MustCompile(`generated-[0-9a-f]{40}`)
)

// normalizeText replaces what differs between runs.
func normalizeText(text string) string {
	text = uuidText.ReplaceAllString(text, "<uuid>")
	text = inputPath.ReplaceAllString(text, "<input>")
	text = uuidPath.ReplaceAllString(text, "<path>")
	text = hostText.ReplaceAllString(text, "<host>")
	text = fileEntity.ReplaceAllString(text, "generated-<sha1>")
	return tokenText.ReplaceAllString(text, "<jwt>")
}

// volatile members have values that are not compared.
var volatile = []string{"etag", "uid", "token", "createdAt", "lastHeartbeatAt", "kid", "exp", "iat", "expiresInSeconds", "stack", "fullPath", "id"}

func normalize(v any, key string) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, member := range v {
			out[k] = normalize(member, k)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = normalize(item, "")
		}
		return out
	case string:
		if isoTime.MatchString(v) || strings.HasSuffix(key, "Cursor") || slices.Contains(volatile, key) && (key != "id" || wholeUUID.MatchString(v)) {
			return "<volatile>"
		}
		return normalizeText(v)
	case float64:
		if slices.Contains(volatile, key) {
			return "<volatile>"
		}
	}
	return v
}

// recordIDs maps recorded ids and cursors to those of this server.
func (p *player) recordIDs(recorded, actual any) {
	switch r := recorded.(type) {
	case map[string]any:
		if a, same := actual.(map[string]any); same {
			for key, member := range r {
				p.recordIDs(member, a[key])
				if text, isText := member.(string); isText && strings.HasSuffix(key, "Cursor") {
					p.recordID(text, fmt.Sprint(a[key]))
				}
			}
		}
	case []any:
		if a, same := actual.([]any); same && len(a) == len(r) {
			for i := range r {
				p.recordIDs(r[i], a[i])
			}
		}
	case string:
		if a, same := actual.(string); same && wholeUUID.MatchString(r) && wholeUUID.MatchString(a) {
			p.recordID(r, a)
		}
	}
}

func (p *player) recordID(recorded, actual string) {
	if _, known := p.actual[recorded]; !known {
		p.actual[recorded] = actual
		p.actual[url.QueryEscape(recorded)] = url.QueryEscape(actual)
	}
}

// unordered reports whether Backstage promises no order for the exchange's list.
func unordered(e exchange) bool {
	path, query, _ := strings.Cut(e.Request.Path, "?")
	if e.is("catalog-entities-order-multi", "catalog-query-default", "catalog-query-order-missing-field") {
		return true
	}
	asked := regexp.MustCompile(`(^|&)(order|offset|limit|after)=`).MatchString(query)
	return strings.HasSuffix(path, "/entities") && !asked
}

func sortLists(v any, arrange bool) any {
	if !arrange {
		return v
	}
	if object, isObject := v.(map[string]any); isObject {
		object["items"] = sortLists(object["items"], true)
		return object
	}
	items, isList := v.([]any)
	if !isList {
		return v
	}
	slices.SortFunc(items, func(a, b any) int { return strings.Compare(entityKey(a), entityKey(b)) })
	return items
}

func entityKey(v any) string {
	object, _ := v.(map[string]any)
	metadata, _ := object["metadata"].(map[string]any)
	spec, _ := object["spec"].(map[string]any)
	return normalizeText(fmt.Sprint(object["kind"], metadata["namespace"], metadata["name"], spec["target"]))
}

func isList(v any) bool {
	_, is := v.([]any)
	return is
}

func keysOf(v any) []string {
	var keys []string
	for key := range v.(map[string]any) {
		keys = append(keys, key)
	}
	return keys
}

func column(v any, name string) []any {
	var values []any
	for _, item := range v.([]any) {
		values = append(values, item.(map[string]any)[name])
	}
	return values
}

func mediaType(contentType string) string {
	name, _, _ := strings.Cut(contentType, ";")
	return strings.TrimSpace(name)
}
