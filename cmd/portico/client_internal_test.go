package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/terminal"
)

// portal is a server with routes by method and path.
func portal(t *testing.T, routes map[string]http.HandlerFunc) string {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, handle := range routes {
		mux.HandleFunc(pattern, handle)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

// guestTokens signs in with a new token each time.
func guestTokens(signedIn *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"backstageIdentity":{"token":"guest-%d"}}`, signedIn.Add(1))
	}
}

// wanting serves requests with a token only.
func wanting(token string, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":{"message":"Illegal token"}}`)
			return
		}
		serve(w, r)
	}
}

func TestAGuestWithAnExpiredTokenSignsInAgain(t *testing.T) {
	t.Parallel()
	var signedIn atomic.Int64
	base := portal(t, map[string]http.HandlerFunc{
		"POST /api/auth/guest/refresh":                   guestTokens(&signedIn),
		"GET /api/portico/v1/runs/r":                     wanting("guest-2", answer(`{"id":"r","phase":"done"}`)),
		"GET /api/scaffolder/v2/tasks/stale/eventstream": wanting("guest-3", answer("data: {\"id\":1,\"type\":\"completion\"}\n\n")),
	})
	c := newClient(base, "")
	run, err := c.details(t.Context(), "r")
	require.NoError(t, err)
	require.Equal(t, "done", run.Phase)
	require.NoError(t, c.follow(t.Context(), "stale", 0, func(event) {}))
	require.EqualValues(t, 3, signedIn.Load())
}

// TestWatchContinuesAfterARestartOfTheServer: meanwhile, a proxy answers. An error of the server itself is
// final.
func TestWatchContinuesAfterARestartOfTheServer(t *testing.T) {
	t.Parallel()
	for status, ends := range map[int]bool{
		http.StatusBadGateway: false, http.StatusServiceUnavailable: false, http.StatusInternalServerError: false,
		http.StatusNotFound: true, http.StatusForbidden: true,
	} {
		var asked atomic.Int64
		base := portal(t, map[string]http.HandlerFunc{
			"GET /api/scaffolder/v2/tasks/r/eventstream": func(w http.ResponseWriter, _ *http.Request) {
				if asked.Add(1) <= 2 {
					w.WriteHeader(status)
					return
				}
				fmt.Fprint(w, "data: {\"id\":1,\"type\":\"completion\"}\n\n")
			},
		})
		err := newClient(base, "mine").follow(t.Context(), "r", 0, func(event) {})
		if ends {
			require.Error(t, err, status)
			require.EqualValues(t, 1, asked.Load(), status)
			continue
		}
		require.NoError(t, err, status)
		require.EqualValues(t, 3, asked.Load(), status)
	}
}

// gone is a server that never comes back: a proxy answers 503 in its place.
type gone struct{}

func (gone) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: io.NopCloser(strings.NewReader(""))}, nil
}

func TestWatchFailsWithoutTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient("http://portico.example", "mine")
		client.http.Transport = gone{}
		began := time.Now()
		require.EqualError(t, client.follow(t.Context(), "r", 0, func(event) {}), "follow run r: the server answered 503 Service Unavailable")
		require.Greater(t, time.Since(began), readyTimeout)
	})
}

func TestAGivenTokenIsNotReplacedByAGuests(t *testing.T) {
	t.Parallel()
	var signedIn atomic.Int64
	base := portal(t, map[string]http.HandlerFunc{
		"POST /api/auth/guest/refresh": guestTokens(&signedIn),
		"GET /api/portico/v1/runs/r":   wanting("guest-1", answer(`{}`)),
	})
	_, err := newClient(base, "mine").details(t.Context(), "r")
	require.EqualError(t, err, "Illegal token")
	require.Zero(t, signedIn.Load())
}

func TestAnInterruptedWatchSaysThatTheRunContinues(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	base := portal(t, map[string]http.HandlerFunc{
		"GET /api/portico/v1/runs/r": answer(`{"id":"r","phase":"running"}`),
		"GET /api/scaffolder/v2/tasks/r/eventstream": func(_ http.ResponseWriter, r *http.Request) {
			interrupt()
			<-r.Context().Done()
		},
	})
	c := connection{url: base, token: "mine"}
	client, err := c.client()
	require.NoError(t, err)
	err = client.watch(ctx, &bytes.Buffer{}, formatText, "r", 0, time.Now(), phaseDone)
	require.EqualError(t, err, "run r goes on, and is no longer watched: interrupted")
}

// silentFor serves a run's events as Portico does: some events at once, then nothing for a while, then the
// end.
type silentFor struct {
	told   string
	silent time.Duration
}

func (s silentFor) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/eventstream") {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"id":"r","phase":"done"}`))}, nil
	}
	body, events := io.Pipe()
	go func() {
		fmt.Fprint(events, s.told)
		<-time.After(s.silent)
		fmt.Fprint(events, "data: {\"id\":9,\"type\":\"completion\"}\n\n")
		_ = events.Close()
	}()
	return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
}

func TestWatchRemarksOnceThatNoWorkerTakesTheRun(t *testing.T) {
	t.Parallel()
	const remark = "no worker has taken the run for 10s; is one running? See `portico worker --help`\n"
	for name, test := range map[string]struct {
		after    int64
		run      silentFor
		expected string
	}{
		"no worker takes it":          {0, silentFor{"", time.Minute}, remark},
		"one takes it soon":           {0, silentFor{"", 9 * time.Second}, ""},
		"one has, and a step is long": {0, silentFor{"data: {\"id\":1,\"type\":\"log\"}\n\n", time.Minute}, ""},
		"one had before":              {8, silentFor{"", time.Minute}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out, remarks bytes.Buffer
				client := newClient("http://portico.example", "mine")
				client.http.Transport, client.remarks = test.run, &remarks
				require.NoError(t, client.watch(t.Context(), &out, formatJSON, "r", test.after, time.Now(), phaseDone))
				require.Equal(t, test.expected, remarks.String())
				require.JSONEq(t, `{"id":"r","phase":"done"}`, out.String())
			})
		})
	}
}

// portico runs a command line against base and returns its output.
func portico(t *testing.T, base string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := rootCommand()
	root.SetOut(terminal.NewWriter(&out))
	root.SetArgs(append(args, "--url", base, "--token", "mine"))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestCommandsRefuseInvalidArguments(t *testing.T) {
	t.Parallel()
	base := portal(t, map[string]http.HandlerFunc{
		"GET /api/portico/v1/runs/ended": answer(`{"id":"ended","status":"completed","phase":"done","finishedAt":"2026-11-22T08:00:00Z"}`),
	})
	for message, args := range map[string][]string{
		"the run's id is empty":                            {"runs", "show", ""},
		"requires at least 1 arg(s)":                       {"runs", "cancel"},
		"accepts 1 arg(s)":                                 {"runs", "show"},
		"there is nothing to cancel":                       {"runs", "cancel", "ended"},
		"write 1 or more":                                  {"runs", "list", "--limit", "0"},
		"write one of open, processing, completed, failed": {"runs", "list", "--status", "done"},
	} {
		_, err := portico(t, base, args...)
		require.ErrorContains(t, err, message)
	}
	for _, place := range []string{"127.0.0.1:7007", "localhost", "ftp://portico.example", "http://", ""} {
		_, err := portico(t, place, "runs", "list")
		require.ErrorContains(t, err, "write http://host:port", place)
	}
}

func TestTheListNamesTheStepThatFailedAsItsTemplateDoes(t *testing.T) {
	t.Parallel()
	base := portal(t, map[string]http.HandlerFunc{
		"GET /api/portico/v1/runs": answer(`{"total":2,"runs":[
			{"id":"parked","status":"failed","phase":"parked","failedStep":"publish","failedStepName":"Publish the repository"},
			{"id":"older","status":"failed","phase":"parked","failedStep":"fetch"}]}`),
	})
	text, err := portico(t, base, "runs", "list")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^parked .*  Publish the repository$`, text)
	require.Regexp(t, `(?m)^older .*  fetch$`, text, "a step without a name")
	encoded, err := portico(t, base, "runs", "list", "--output", "json")
	require.NoError(t, err)
	require.Contains(t, encoded, `"failedStepName": "Publish the repository"`)
}

// TestAListAsJSONIsTheResponseOfTheAPI, with the fields that the client does not know.
func TestAListAsJSONIsTheResponseOfTheAPI(t *testing.T) {
	t.Parallel()
	const run = `{"id":"r","startedAt":"2026-11-22T08:00:00Z","error":{"name":"HttpError","message":"502"},"new":[1]}`
	answers := map[string]string{
		"list":   `{"total":1,"runs":[` + run + `],"next":"page"}`,
		"causes": `{"total":1,"causes":[{"id":"c","count":1,"error":"HttpError","runs":[` + run + `]}],"next":"page"}`,
	}
	base := portal(t, map[string]http.HandlerFunc{
		"GET /api/portico/v1/runs": answer(answers["list"]), "GET /api/portico/v1/run-causes": answer(answers["causes"]),
	})
	for command, want := range answers {
		printed, err := portico(t, base, "runs", command, "-o", "json")
		require.NoError(t, err, command)
		require.JSONEq(t, want, printed, command)
	}
}

// TestAQueuedRunIsCancelledAtOnce: the command must not request events, because that would wait for
// the first one.
func TestAQueuedRunIsCancelledAtOnce(t *testing.T) {
	t.Parallel()
	var cancelled atomic.Bool
	base := portal(t, map[string]http.HandlerFunc{
		"GET /api/portico/v1/runs/r": func(w http.ResponseWriter, _ *http.Request) {
			if cancelled.Load() {
				fmt.Fprint(w, `{"id":"r","status":"failed","phase":"cancelled"}`)
				return
			}
			fmt.Fprint(w, `{"id":"r","status":"open","phase":"running"}`)
		},
		"POST /api/scaffolder/v2/tasks/r/cancel": func(w http.ResponseWriter, _ *http.Request) {
			cancelled.Store(true)
			fmt.Fprint(w, `{}`)
		},
		"GET /api/scaffolder/v2/tasks/r/eventstream": answer("data: {\"id\":1,\"type\":\"completion\"}\n\n"),
	})
	out, err := portico(t, base, "runs", "cancel", "r", "--watch")
	require.NoError(t, err)
	require.Contains(t, out, "cancelled after")
}

func TestARunStartsWithTheDefaultsOfItsForm(t *testing.T) {
	t.Parallel()
	const form = `{"steps":[{"schema":{"properties":{
		"stops":{"type":"array","default":["harbour"]}, "rest":{"type":"integer","default":5}, "name":{"type":"string"}, "any":true}}},
		{"schema":{"properties":{"port":{"type":"object","properties":{"number":{"default":8080},"host":{"type":"string"}}}}}}]}`
	var sent map[string]any
	routes := map[string]http.HandlerFunc{
		"GET /api/scaffolder/v2/templates/default/template/tour/parameter-schema": answer(form),
		"POST /api/scaffolder/v2/tasks": func(w http.ResponseWriter, r *http.Request) {
			var request struct{ Values map[string]any }
			_ = json.NewDecoder(r.Body).Decode(&request)
			sent = request.Values
			fmt.Fprint(w, `{"id":"r"}`)
		},
	}
	_, err := portico(t, portal(t, routes), "run", "tour", "--set", "rest=0")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"stops": []any{"harbour"}, "rest": 0.0, "port": map[string]any{"number": 8080.0}}, sent)

	routes["GET /api/scaffolder/v2/templates/default/template/tour/parameter-schema"] = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}
	_, err = portico(t, portal(t, routes), "run", "tour", "--set", "rest=0")
	require.NoError(t, err, "with the permission to start runs only")
	require.Equal(t, map[string]any{"rest": 0.0}, sent)
}

// TestTextsOfOthersCannotControlTheTerminal: template authors write titles, names, links, notes and
// messages, and anybody may write a log line.
func TestTextsOfOthersCannotControlTheTerminal(t *testing.T) {
	t.Parallel()
	const evil = `\u001b]0;owned\u0007\u009b2J\u202e\r\u007f`
	summary := fmt.Sprintf(`"id":"r","title":"T%[1]s\nforged","subject":"S%[1]s","createdBy":"user:default/%[1]s","status":"failed","phase":"parked","failedStep":"x%[1]s"`, evil)
	details := fmt.Sprintf(`{%[2]s,"error":{"name":"E%[1]s","message":"M%[1]s","next":"N%[1]s"},"moves":[{"move":"retry","summary":"s%[1]s"}],
		"workflow":{"url":"http://w/%[1]s"},"steps":[{"id":"x","name":"Step%[1]s\nforged","status":"failed"}],
		"output":{"links":[{"title":"L%[1]s\nforged","url":"http://l/%[1]s"},{"title":"E","entityRef":"component:default/%[1]s"}]},
		"effects":[{"kind":"k%[1]s","name":"n%[1]s\nforged","state":"created","url":"http://e/%[1]s","note":"note%[1]s"}]}`, evil, summary)
	base := portal(t, map[string]http.HandlerFunc{
		"GET /api/portico/v1/runs":      answer(`{"total":1,"runs":[{` + summary + `}]}`),
		"GET /api/portico/v1/runs/r":    answer(details),
		"POST /api/scaffolder/v2/tasks": answer(`{"id":"r"}`),
		"GET /api/scaffolder/v2/tasks/r/eventstream": answer(fmt.Sprintf("data: {\"id\":1,\"type\":\"log\",\"body\":{\"stepId\":\"y%[1]s\",\"status\":\"failed\",\"message\":\"\\u001b[31mred%[1]s\"}}\n\n"+
			"data: {\"id\":2,\"type\":\"completion\"}\n\n", evil)),
		"GET /api/scaffolder/v2/templates/default/template/t/parameter-schema": answer(`{"steps":[]}`),
	})
	for _, args := range [][]string{
		{"runs", "list"}, {"runs", "show", "r"}, {"run", "t", "--watch"}, {"runs", "list", "-o", "json"}, {"runs", "show", "r", "-o", "json"},
	} {
		out, err := portico(t, base, args...)
		if err != nil {
			var exit *exitError
			require.ErrorAs(t, err, &exit)
		}
		require.Contains(t, out, `\u001b]0;owned\u0007\u009b2J\u202e`, args)
		require.Equal(t, terminal.Visible(out), out, args)
		require.NotRegexp(t, "(?m)^forged", out, "a line of its own would be taken for ours: %s", args)
	}
}

func TestACheckedFileCannotControlTheTerminal(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "catalog-\x1b[2J.yaml")
	require.NoError(t, os.WriteFile(file, []byte("apiVersion: backstage.io/v1alpha1\nkind: \"X\\e[2J\\u202e\"\nmetadata: {name: \"a\\e]0;b\\a\"}\n"), 0o600))
	out, err := offline(t, "catalog", "validate", file)
	require.Error(t, err)
	require.Contains(t, out, `\u001b[2J`)
	require.Equal(t, terminal.Visible(out), out)
}

func TestARepositoryWithoutAHostGetsTheFormsFirstHost(t *testing.T) {
	t.Parallel()
	const form = `{"steps":[{"schema":{"properties":{"one":{"ui:field":"RepoUrlPicker"},
		"two":{"ui:field":"RepoUrlPicker","ui:options":{"allowedHosts":["git.example","other"]}},"three":{"type":"string"}}}}]}`
	const configured = `{"integrations":[{"type":"github","host":"127.0.0.1:1"},{"type":"github","host":"github.com"}]}`
	var sent map[string]any
	all := []string{"one=?owner=a&repo=b", "two=?owner=a&repo=b", "three=?x"}
	run := func(info, hosts string, values ...string) error {
		args := []string{"run", "t"}
		for _, value := range values {
			args = append(args, "--set", value)
		}
		_, err := portico(t, portal(t, map[string]http.HandlerFunc{
			"GET /api/scaffolder/v2/templates/default/template/t/parameter-schema": answer(form),
			"GET /api/portico/v1/info":  answer(info),
			"GET /api/portico/v1/hosts": answer(hosts),
			"POST /api/scaffolder/v2/tasks": func(w http.ResponseWriter, r *http.Request) {
				var request struct{ Values map[string]any }
				_ = json.NewDecoder(r.Body).Decode(&request)
				sent = request.Values
				fmt.Fprint(w, `{"id":"r"}`)
			},
		}), args...)
		return err
	}
	for name, test := range map[string]struct{ hosts, one, two string }{
		"none has credentials": {`{"hosts":[{"host":"127.0.0.1:1"},{"host":"github.com"}]}`, "127.0.0.1:1", "git.example"},
		"the second has some":  {`{"hosts":[{"host":"gitlab.com","hasCredentials":true},{"host":"other","hasCredentials":true},{"host":"github.com","hasCredentials":true}]}`, "github.com", "other"},
		"all have some": {`{"hosts":[{"host":"github.com","hasCredentials":true},{"host":"127.0.0.1:1","hasCredentials":true},
			{"host":"git.example","hasCredentials":true},{"host":"other","hasCredentials":true}]}`, "127.0.0.1:1", "git.example"},
	} {
		require.NoError(t, run(configured, test.hosts, all...), name)
		require.Equal(t, map[string]any{"one": test.one + "?owner=a&repo=b", "two": test.two + "?owner=a&repo=b", "three": "?x"}, sent, name)
	}
	require.NoError(t, run(`{"integrations":[{"type":"github","host":"github.com"}]}`, "no JSON", all[0]), "one host needs no comparison")
	require.Equal(t, map[string]any{"one": "github.com?owner=a&repo=b"}, sent)
	require.ErrorContains(t, run(configured, "no JSON", all[0]), "choose a host for the repository")
	require.ErrorContains(t, run(`{"integrations":[]}`, `{"hosts":[]}`, all...), "--set one=?owner=a&repo=b: no host is configured for repositories")
}
