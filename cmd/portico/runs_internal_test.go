package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/terminal"
)

const (
	firstRun  = "6f1c2a3e-6f0c-4bd8-9c70-4a0c1f1f7b11"
	secondRun = "6f1c2a3e-ffff-4bd8-9c70-4a0c1f1f7b11"
	thirdRun  = "7a000000-0000-4bd8-9c70-4a0c1f1f7b11"
)

// allRuns serves a list of the runs whose ids have the requested prefix.
func allRuns(w http.ResponseWriter, r *http.Request) {
	var found []string
	for _, id := range []string{firstRun, secondRun, thirdRun} {
		if strings.HasPrefix(id, r.URL.Query().Get("id")) {
			found = append(found, fmt.Sprintf(`{"id":%q,"title":"Hello","subject":"shop","status":"failed","phase":"parked"}`, id))
		}
	}
	fmt.Fprintf(w, `{"total":%d,"runs":[%s]}`, len(found), strings.Join(found, ","))
}

func TestARunIsFoundByAPrefixOfItsID(t *testing.T) {
	t.Parallel()
	base := portal(t, map[string]http.HandlerFunc{
		"GET /api/portico/v1/runs":              allRuns,
		"GET /api/portico/v1/runs/" + thirdRun:  answer(`{"id":"third","phase":"done","status":"completed"}`),
		"GET /api/portico/v1/runs/" + secondRun: answer(`{"id":"second","phase":"done","status":"completed"}`),
	})
	for start, want := range map[string]string{"7a000000": "third", "7": "third", "6f1c2a3e-f": "second", secondRun: "second"} {
		out, err := portico(t, base, "runs", "show", start, "-o", "json")
		require.NoError(t, err, start)
		require.Contains(t, out, want)
	}
	_, err := portico(t, base, "runs", "show", "6f1c2a3e")
	require.EqualError(t, err, "6f1c2a3e is the beginning of 2 ids: write more of the one that you mean\n"+
		"  "+firstRun+"  Hello: shop, failed\n  "+secondRun+"  Hello: shop, failed")
	_, err = portico(t, base, "runs", "show", "abc")
	require.EqualError(t, err, "no run has an id that begins with abc: see `portico runs list`")
}

// posted records the POST requests.
type posted struct {
	mu       sync.Mutex
	requests []string
	keys     map[string]bool
}

func (p *posted) answer(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.requests = append(p.requests, r.URL.Path+" "+body.String())
		if p.keys == nil {
			p.keys = map[string]bool{}
		}
		p.keys[r.Header.Get("Idempotency-Key")] = true
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}
}

// TestManyRunsAreRetriedAtOnce: each with the generation that was seen, independently of the others.
func TestManyRunsAreRetriedAtOnce(t *testing.T) {
	t.Parallel()
	seen := func(id string, generation int) http.HandlerFunc {
		return answer(fmt.Sprintf(`{"id":%q,"status":"failed","phase":"parked","generation":%d}`, id, generation))
	}
	sent := &posted{}
	base := portal(t, map[string]http.HandlerFunc{
		"GET /api/portico/v1/runs": allRuns, "GET /api/portico/v1/runs/" + firstRun: seen(firstRun, 0),
		"GET /api/portico/v1/runs/" + secondRun: seen(secondRun, 3), "GET /api/portico/v1/runs/" + thirdRun: seen(thirdRun, 1),
		"POST /api/scaffolder/v2/tasks/" + firstRun + "/retry":  sent.answer(http.StatusConflict, `{"error":{"message":"somebody else decided"}}`),
		"POST /api/scaffolder/v2/tasks/" + secondRun + "/retry": sent.answer(http.StatusCreated, `{}`),
		"POST /api/scaffolder/v2/tasks/" + thirdRun + "/retry":  sent.answer(http.StatusCreated, `{}`),
	})
	var out, complaints bytes.Buffer
	root := rootCommand()
	root.SetOut(terminal.NewWriter(&out))
	root.SetErr(&complaints)
	root.SetArgs([]string{"runs", "retry", firstRun, secondRun, "7a000000", thirdRun, "--url", base, "--token", "mine"})
	var exit *exitError
	require.ErrorAs(t, root.ExecuteContext(t.Context()), &exit)
	require.Equal(t, secondRun+"\n"+thirdRun+"\n", out.String(), "each once")
	require.Equal(t, "portico: run 6f1c2a3e: somebody else decided\n", complaints.String())
	require.Equal(t, []string{"/api/scaffolder/v2/tasks/" + firstRun + `/retry {"generation":0}`, "/api/scaffolder/v2/tasks/" + secondRun + `/retry {"generation":3}`,
		"/api/scaffolder/v2/tasks/" + thirdRun + `/retry {"generation":1}`}, sent.requests)
	require.Len(t, sent.keys, 3, "each is a command of its own")
	require.NotContains(t, sent.keys, "")
}

func TestRunsAreFilteredAsTheServerDoes(t *testing.T) {
	t.Parallel()
	var asked string
	base := portal(t, map[string]http.HandlerFunc{"GET /api/portico/v1/runs": func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query().Encode()
		allRuns(w, r)
	}})
	out, err := portico(t, base, "runs", "list", "--status", "open,processing", "--status", "failed", "--phase", "parked", "--template", "hello",
		"--by", "ada", "--cause", "c1", "--since", "2026-11-22T08:00:00Z", "--limit", "5")
	require.NoError(t, err)
	require.Equal(t, "cause=c1&createdBy=user%3Adefault%2Fada&limit=5&phase=parked&since=2026-11-22T08%3A00%3A00Z&status=open&status=processing&status=failed&"+
		"template=template%3Adefault%2Fhello", asked)
	require.Regexp(t, `(?m)^6f1c2a3e  failed  Hello`, out, "eight letters, and what people call where it stands")
}

func TestSinceIsATimeOrADuration(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                     {},
		"90m":                  now.Add(-90 * time.Minute),
		"3d":                   now.AddDate(0, 0, -3),
		"2026-11-20":           time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC),
		"2026-11-20 10:00:00":  time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		"2026-11-20T10:00:00Z": time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
	} {
		at, err := parseMoment(text, now)
		require.NoError(t, err, text)
		require.True(t, want.Equal(at), text)
	}
	for _, text := range []string{"yesterday", "-3d", "-1h"} {
		_, err := parseMoment(text, now)
		require.ErrorContains(t, err, "write how long ago", text)
	}
}

// TestTheCurrentLogIsPrinted: a run that waits for a worker has no log, and the command does not wait for
// one.
func TestTheCurrentLogIsPrinted(t *testing.T) {
	t.Parallel()
	base := portal(t, map[string]http.HandlerFunc{
		"GET /api/portico/v1/runs/" + firstRun:  answer(`{"id":"first","lastEventId":3}`),
		"GET /api/portico/v1/runs/" + secondRun: answer(`{"id":"second","lastEventId":0}`),
		"GET /api/scaffolder/v2/tasks/" + firstRun + "/events": func(w http.ResponseWriter, r *http.Request) {
			const completion = `{"id":3,"type":"completion","body":{"message":"done"}}`
			if r.URL.Query().Get("after") == "0" {
				fmt.Fprintf(w, `[{"id":1,"type":"log","body":{"stepId":"fetch","message":"one\ntwo"}},%s]`, completion)
				return
			}
			fmt.Fprintf(w, `[%s]`, completion)
		},
	})
	out, err := portico(t, base, "runs", "logs", firstRun)
	require.NoError(t, err)
	require.Regexp(t, `^\d\d:\d\d:\d\d  fetch         one\n {24}two\n\d\d:\d\d:\d\d                done\n$`, out)
	out, err = portico(t, base, "runs", "logs", firstRun, "--step", "fetch", "-o", "json")
	require.NoError(t, err)
	require.JSONEq(t, `{"id":1,"type":"log","body":{"stepId":"fetch","message":"one\ntwo"}}`, out)
	out, err = portico(t, base, "runs", "logs", secondRun)
	require.NoError(t, err)
	require.Empty(t, out)
}

func TestASuccessfulRollbackPrintsNoError(t *testing.T) {
	t.Parallel()
	base := portal(t, map[string]http.HandlerFunc{"GET /api/portico/v1/runs/" + firstRun: answer(`{"id":"` + firstRun + `","title":"Hello","status":"failed",
		"phase":"rolledBack","createdAt":"2026-11-20T10:00:00Z","timedFrom":"2026-11-22T10:00:00Z","finishedAt":"2026-11-22T10:00:05Z",
		"error":{"name":"RolledBackError","message":"The run was rolled back: 1 undone, nothing is left of it"},
		"commands":[{"command":"rollback","by":"user:default/ada","at":"2026-11-22T10:00:00Z","attempt":1,"phase":"parked","failedStepName":"Publish","error":{"message":"no"}}],
		"moves":[{"move":"retry","summary":"Runs again from the first step."}]}`)})
	out, err := portico(t, base, "runs", "show", firstRun)
	require.NoError(t, err)
	require.Contains(t, out, "Hello: rolled back after 5s\n  The run was rolled back: 1 undone, nothing is left of it\n")
	require.Contains(t, out, "rollback by user:default/ada: attempt 1 was failed at Publish: no")
	require.NotContains(t, out, "RolledBackError")
	require.Contains(t, out, "portico runs retry 6f1c2a3e ")
}

const greeting = `{"steps":[{"schema":{"properties":{"name":{"type":"string"},"size":{"enum":["small","large"]},"port":{"type":"object"}},
	"dependencies":{"size":{"oneOf":[{"properties":{"reason":{"type":"string"}}}]}}}},{"schema":{"then":{"properties":{"late":{}}}}}]}`

// started is a portal where a template with a form is started, and what it was sent.
func started(t *testing.T, form string, status int, reply string) (base string, sent *posted) {
	t.Helper()
	sent = &posted{}
	return portal(t, map[string]http.HandlerFunc{
		"GET /api/scaffolder/v2/templates/default/template/hello/parameter-schema": answer(form),
		"POST /api/scaffolder/v2/tasks":                                            sent.answer(status, reply),
	}), sent
}

func TestAValueThatTheTemplateDoesNotHaveIsRefused(t *testing.T) {
	t.Parallel()
	base, sent := started(t, greeting, http.StatusCreated, `{"id":"r"}`)
	for set, want := range map[string]string{
		"naam=shop": `--set naam=...: hello has no value called "naam"; did you mean name?`,
		"zzz=1":     `--set zzz=...: hello has no value called "zzz"; it has late, name, port, reason, size`,
	} {
		_, err := portico(t, base, "run", "hello", "--set", set)
		require.EqualError(t, err, want)
	}
	require.Empty(t, sent.requests)
	_, err := portico(t, base, "run", "hello", "--set", "reason=x", "--set", "late=1")
	require.NoError(t, err, "what is asked for under a condition is known")

	free, _ := started(t, `{"steps":[{"schema":{"properties":{"name":{}},"additionalProperties":{"type":"string"}}}]}`, http.StatusCreated, `{"id":"r"}`)
	_, err = portico(t, free, "run", "hello", "--set", "any=x")
	require.NoError(t, err, "a page that takes values of any name")
}

func TestErrorsOfValuesNameTheirFlags(t *testing.T) {
	t.Parallel()
	base, _ := started(t, greeting, http.StatusBadRequest, `{"errors":[
		{"property":"instance","name":"required","argument":"name","message":"requires property \"name\"","stack":"instance requires property \"name\""},
		{"property":"instance.size","name":"enum","argument":["small","large"],"message":"is not one of enum values: small,large"},
		{"property":"instance.port.number","name":"type","argument":["integer"],"message":"is not of a type(s) integer"},
		{"property":"secrets","name":"required","argument":"apiToken","message":"secrets.apiToken is required"}]}`)
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, []byte("size: huge\n"), 0o600))
	_, err := portico(t, base, "run", "hello", "--set", "port={number: x}", "--values", file)
	require.EqualError(t, err, "--set name=...: it is required\n--values: size: is not one of enum values: small,large\n"+
		"--set port=...: port.number is not of a type(s) integer\n--secret-env apiToken=...: it is required")
}

func TestValuesAndSecretsComeFromFilesAndFromStandardInput(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	values, key := filepath.Join(directory, "values.yaml"), filepath.Join(directory, "key")
	require.NoError(t, os.WriteFile(values, []byte("# a comment\nname: shop\nport: {number: 8080}\n"), 0o600))
	require.NoError(t, os.WriteFile(key, []byte("two\nlines\n"), 0o600))
	base, sent := started(t, greeting, http.StatusCreated, `{"id":"r"}`)
	run := func(stdin string, args ...string) error {
		root := rootCommand()
		root.SetOut(terminal.NewWriter(&bytes.Buffer{}))
		root.SetIn(strings.NewReader(stdin))
		root.SetArgs(append([]string{"run", "hello", "--url", base, "--token", "mine"}, args...))
		return root.ExecuteContext(t.Context())
	}
	require.NoError(t, run("hunter2\n", "--values", values, "--set", "name=store", "--secret-file", "key="+key, "--secret-stdin", "password", "--secret-env", "path=PATH"))
	var request struct {
		Values  map[string]any
		Secrets map[string]string
	}
	_, body, _ := strings.Cut(sent.requests[0], " ")
	require.NoError(t, json.Unmarshal([]byte(body), &request))
	require.Equal(t, map[string]any{"name": "store", "port": map[string]any{"number": 8080.0}}, request.Values)
	require.Equal(t, map[string]string{"key": "two\nlines", "password": "hunter2", "path": os.Getenv("PATH")}, request.Secrets)

	require.NoError(t, run(`{"name": "piped"}`, "--values", "-"))
	require.Contains(t, sent.requests[1], `"name":"piped"`)
	for want, args := range map[string][]string{
		"both read standard input":         {"--values", "-", "--secret-stdin", "password"},
		"write one object":                 {"--values", key},
		"no such file":                     {"--secret-file", "key=" + filepath.Join(directory, "none")},
		"the variable NOBODY_ is not set":  {"--secret-env", "key=NOBODY_"},
		"--secret-env: write name=VARIAB":  {"--secret-env", "key"},
		"use --secret-stdin to read stand": {"--secret-file", "key=-"},
	} {
		require.ErrorContains(t, run("", args...), want)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	base := portal(t, map[string]http.HandlerFunc{
		"GET /api/portico/v1/runs": allRuns,
		"GET /api/catalog/entities/by-query": answer(`{"items":[{"metadata":{"name":"hello","title":"Hello"}},
			{"metadata":{"name":"other","namespace":"team"}}]}`),
		"GET /api/scaffolder/v2/templates/default/template/hello/parameter-schema": answer(greeting),
	})
	for want, line := range map[string][]string{
		"hello\tHello\nteam/other\n:4\n":           {"run", ""},
		"name=\nport=\n":                           {"run", "hello", "--set", ""},
		"size=small\nsize=large\n:4\n":             {"run", "hello", "--set", "size="},
		"7a000000\tHello: shop, failed\n":          {"runs", "show", "7"},
		"6f1c2a3e\tHello: shop, failed\n":          {"runs", "retry", "7a000000", ""},
		"parked\n":                                 {"runs", "list", "--phase", ""},
		"text\njson\n:4\n":                         {"runs", "list", "--output", ""},
		"hello\tHello\nteam/other\n:4\nCompletion": {"runs", "list", "--template", ""},
	} {
		out, err := offline(t, append([]string{"__complete"}, withServer(base, line)...)...)
		require.NoError(t, err, line)
		require.Contains(t, out+"Completion", want, line)
	}
}

// withServer puts the flags that name the server before the last word, which is the one that is completed.
func withServer(base string, line []string) []string {
	last := len(line) - 1
	flags := []string{"--url", base, "--token", "mine"}
	if strings.HasPrefix(line[max(last-1, 0)], "--") { // the value of a flag follows it
		last--
	}
	return append(append(append([]string{}, line[:last]...), flags...), line[last:]...)
}
