package http_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	activitieshttp "github.com/portico-dev/portico/activities/http"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/internal/devstack/standin"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/proxy"
	"github.com/portico-dev/portico/scaffolder/action"
)

// standIn is a small server in the place of a service on the Internet.
type standIn interface {
	http.Handler
	// State lists what exists there.
	State() []string
}

// shopOf is a server of named things, behind a lock.
type shopOf struct {
	mutex sync.Mutex
	// things are names by ids.
	things map[string]string
	next   int
}

func (s *shopOf) State() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Sorted(maps.Values(s.things))
}

func (s *shopOf) add(prefix, name string) string {
	s.next++
	id := fmt.Sprintf("%s%d", prefix, s.next)
	s.things[id] = name
	return id
}

func give(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) //nolint:errchkjson // The test sees what is missing.
}

// pagerDuty is the stand-in of the demo, with the headers that the documented configuration sends.
type pagerDuty struct {
	standin.PagerDuty

	t testing.TB
}

func (p *pagerDuty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requireHeaders(p.t, r, map[string]string{"Authorization": "Token token=x", "Accept": "application/vnd.pagerduty+json;version=2"})
	p.PagerDuty.ServeHTTP(w, r)
}

func requireHeaders(t testing.TB, r *http.Request, expected map[string]string) {
	t.Helper()
	for name, value := range expected {
		if r.Header.Get(name) != value {
			t.Errorf("the header %s is %q and not %q", name, r.Header.Get(name), value)
		}
	}
}

// jira is written after the description of Jira's REST API, version 3.
type jira struct{ shopOf }

func (j *jira) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/rest/api/3/issue/")
	switch {
	case r.Header.Get("Authorization") != "Basic x":
		give(w, http.StatusUnauthorized, map[string]any{"errorMessages": []string{"Client must be authenticated to access this resource."}})
	case r.Method == http.MethodPost && r.URL.Path == "/rest/api/3/issue":
		var sent struct {
			Fields struct {
				Project   struct{ Key string }
				IssueType struct{ Name string } `json:"issuetype"`
				Summary   string
				Labels    []string
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil || sent.Fields.Project.Key == "" || sent.Fields.IssueType.Name == "" || sent.Fields.Summary == "" {
			give(w, http.StatusBadRequest, map[string]any{"errors": map[string]any{"project": "project is required"}})
			return
		}
		key := j.add(sent.Fields.Project.Key+"-", sent.Fields.Labels[0])
		give(w, http.StatusCreated, map[string]any{"id": "10000", "key": key, "self": "https://acme.atlassian.net/rest/api/3/issue/10000"})
	case r.Method == http.MethodGet && r.URL.Path == "/rest/api/3/search/jql":
		found := []any{}
		for key, label := range j.things {
			if strings.Contains(r.URL.Query().Get("jql"), `labels = "`+label+`"`) {
				found = append(found, map[string]any{"id": "10000", "key": key, "self": "https://acme.atlassian.net/rest/api/3/issue/10000"})
			}
		}
		give(w, http.StatusOK, map[string]any{"issues": found, "isLast": true})
	case r.Method == http.MethodDelete && j.things[key] != "":
		delete(j.things, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		give(w, http.StatusNotFound, map[string]any{"errorMessages": []string{"Issue does not exist or you do not have permission to see it."}})
	}
}

// slack is the stand-in of the demo, checked against the description that Slack publishes.
type slack struct {
	standin.Slack

	t testing.TB
}

func (s *slack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requireHeaders(s.t, r, map[string]string{"Authorization": "Bearer x"})
	body, _ := io.ReadAll(r.Body)
	answer := s.Answer(r, body)
	if err := checkSlack(r, body, answer); err != nil {
		s.t.Errorf("this is not as Slack describes it: %v", err)
	}
	give(w, http.StatusOK, answer)
}

// slackDescription is a method of Slack's description.
type slackDescription struct {
	Paths map[string]map[string]struct {
		Parameters []struct {
			Name, In string
			Required bool
		}
		Responses map[string]struct{ Schema json.RawMessage }
	}
}

// checkSlack checks an exchange against the description.
func checkSlack(r *http.Request, body []byte, answer map[string]any) error {
	published, err := os.ReadFile("testdata/slack.json")
	if err != nil {
		return err
	}
	var described slackDescription
	if err := json.Unmarshal(published, &described); err != nil {
		return err
	}
	method := strings.TrimPrefix(r.URL.Path, "/api")
	operation, known := described.Paths[method][strings.ToLower(r.Method)]
	if !known {
		return fmt.Errorf("no %s %s", r.Method, method)
	}
	sent := slices.Collect(maps.Keys(r.URL.Query()))
	if len(body) > 0 {
		var fields map[string]any
		if err := json.Unmarshal(body, &fields); err != nil {
			return err
		}
		sent = append(sent, slices.Collect(maps.Keys(fields))...)
	}
	for _, parameter := range operation.Parameters {
		// The token is in the header Authorization, as in all of Slack's examples.
		if parameter.Required && parameter.Name != "token" && !slices.Contains(sent, parameter.Name) {
			return fmt.Errorf("%s lacks %s", method, parameter.Name)
		}
		sent = slices.DeleteFunc(sent, func(name string) bool { return name == parameter.Name })
	}
	if len(sent) > 0 {
		return fmt.Errorf("%s has no %s", method, sent)
	}
	response := "200"
	if answer["ok"] == false {
		response = "default"
	}
	return validAt(published, "/paths/"+url.PathEscape("~1"+method[1:])+"/"+strings.ToLower(r.Method)+"/responses/"+response+"/schema", answer)
}

// validAt validates a value against the schema at a pointer into a document.
func validAt(document []byte, pointer string, value any) error {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return err
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	if err := compiler.AddResource("mem:///document.json", parsed); err != nil {
		return err
	}
	compiled, err := compiler.Compile("mem:///document.json#" + pointer)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return err
	}
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	return compiled.Validate(decoded)
}

// documented are the YAML blocks of a section of docs/outgoing.md: the configuration, and the steps.
func documented(t testing.TB, section string) (configuration, steps string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/outgoing.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(page), "\n## "+section+"\n")
	require.True(t, found)
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(rest, 2)
	require.Len(t, blocks, 2)
	return blocks[0][1], blocks[1][1]
}

// connected is the action with the endpoint of a configuration, whose server is replaced.
func connected(t testing.TB, configuration, server string) action.Action {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app-config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(configuration), 0o600))
	loaded, err := config.Load(t.Context(), config.Options{Files: []string{path}, Environ: []string{"PAGERDUTY_TOKEN=x", "SLACK_TOKEN=x", "JIRA_BASIC=x"}})
	require.NoError(t, err)
	var endpoints []proxy.Endpoint
	for route, of := range loaded.Proxy.Endpoints {
		target := parseURL(t, of.Target)
		endpoint := proxy.Endpoint{Route: route, Target: server + target.Path, Headers: map[string]string{}, AllowedMethods: of.AllowedMethods}
		for name, value := range of.Headers {
			endpoint.Headers[name] = string(value)
		}
		endpoints = append(endpoints, endpoint)
	}
	passing, err := proxy.New(proxy.Options{Endpoints: endpoints})
	require.NoError(t, err)
	return activitieshttp.Actions(activitieshttp.Options{Proxy: passing, Tokens: tokens{}, Transport: http.DefaultTransport})[0]
}

// inputsOf are the inputs of steps as JSON, with values in place of their expressions.
func inputsOf(t testing.TB, steps string, values *strings.Replacer) []string {
	t.Helper()
	var read struct {
		Steps []struct {
			ID, Name, Action string
			Input            map[string]any
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(values.Replace(steps)), &read))
	require.NotContains(t, values.Replace(steps), "${{")
	var inputs []string
	for _, step := range read.Steps {
		require.Equal(t, "http:backstage:request", step.Action)
		encoded, err := json.Marshal(step.Input)
		require.NoError(t, err)
		inputs = append(inputs, string(encoded))
	}
	return inputs
}

func newShop() shopOf {
	return shopOf{things: map[string]string{}}
}

func newPagerDuty(t testing.TB) standIn {
	t.Helper()
	return &pagerDuty{t: t}
}

func newSlack(t testing.TB) standIn {
	t.Helper()
	return &slack{t: t}
}

func newJira(t testing.TB) standIn {
	t.Helper()
	return &jira{newShop()}
}

var onTheInternet = map[string]struct {
	start    func(testing.TB) standIn
	expected []string
	// left is what a rollback cannot remove.
	left []string
}{
	"PagerDuty": {newPagerDuty, []string{"shop"}, []string{}},
	"Slack": {newSlack,
		[]string{"shop", "shop was created by Portico."}, []string{"shop was created by Portico."}},
	"Jira": {newJira, []string{"portico-shop"}, []string{}},
}

var formValues = strings.NewReplacer("${{ parameters.name }}", "shop", "${{ parameters.description }}", "A shop", "${{ parameters.escalationPolicy }}", "PESC",
	"${{ parameters.project }}", "OPS", "${{ steps.channel.output.body.channel.id }}", "C00000001")

// TestTheDocumentedStepsWork: with the documented configuration.
func TestTheDocumentedStepsWork(t *testing.T) {
	t.Parallel()
	for section, of := range onTheInternet {
		t.Run(section, func(t *testing.T) {
			t.Parallel()
			service := of.start(t)
			server := httptest.NewServer(service)
			t.Cleanup(server.Close)
			configuration, steps := documented(t, section)
			tested, h := connected(t, configuration, server.URL), harness(t)
			for _, input := range inputsOf(t, steps, formValues) {
				_, err := h.Run(t, tested, input)
				require.NoError(t, err, action.Advice(err))
			}
			require.Equal(t, of.expected, service.State())
			require.NoError(t, h.RollBack(t.Context(), tested))
			require.Equal(t, of.left, append([]string{}, service.State()...))
		})
	}
}

// TestTheDocumentedStepsConform: the first of each, which creates the thing.
func TestTheDocumentedStepsConform(t *testing.T) {
	t.Parallel()
	for section, of := range onTheInternet {
		t.Run(section, func(t *testing.T) {
			t.Parallel()
			configuration, steps := documented(t, section)
			input := inputsOf(t, steps, formValues)[0]
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				service := of.start(t)
				server := httptest.NewServer(gate.Handler(service))
				t.Cleanup(server.Close)
				return actiontest.Fixture{Action: starting{connected(t, configuration, server.URL)}, Input: input,
					State:  func(testing.TB) []string { return append([]string{}, service.State()...) },
					Digest: func(testing.TB) string { return strings.Join(service.State(), "\n") }}
			})
		})
	}
}
