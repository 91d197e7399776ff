package jira_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/jira"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const token = "YW5uOnRva2Vu"

// item is an issue.
type item struct {
	key, summary, kind string
	properties         map[string]any
	comments           int
}

// site is a small Jira with the project SHOP, after the description of its REST API, version 3.
type site struct {
	mutex   sync.Mutex
	issues  []*item
	changes int
	hides   bool
}

func (s *site) add(summary, kind string, properties map[string]any) *item {
	s.changes++
	made := &item{key: "SHOP-" + strconv.Itoa(s.changes), summary: summary, kind: kind, properties: properties}
	s.issues = slices.Insert(s.issues, 0, made)
	return made
}

func (s *site) do(change func(*site)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.changes++
	change(s)
}

func shown(one *item) any {
	return map[string]any{"id": "1" + one.key, "key": one.key, "properties": one.properties, "fields": map[string]any{"comment": map[string]any{"total": one.comments}}}
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	answer := func(status int, body any) { apitest.JSON(w, status, body) }
	refusal := map[string]any{"errorMessages": []string{"Issue does not exist or you do not have permission to see it."}}
	i := slices.IndexFunc(s.issues, func(one *item) bool { return "/rest/api/3/issue/"+one.key == r.URL.Path })
	switch {
	case r.Header.Get("Authorization") != "Basic "+token:
		answer(http.StatusUnauthorized, map[string]any{"message": "Client must be authenticated to access this resource."})
	case s.hides:
		answer(http.StatusNotFound, refusal)
	case r.URL.Path == "/rest/api/3/issue":
		s.create(r, answer)
	case r.URL.Path == "/rest/api/3/search/jql" && strings.HasPrefix(r.URL.Query().Get("jql"), `project = "SHOP" AND creator = currentUser()`):
		listed := []any{}
		for _, one := range s.issues {
			listed = append(listed, shown(one))
		}
		answer(http.StatusOK, map[string]any{"issues": listed})
	case r.URL.Path == "/rest/api/3/project/SHOP":
		answer(http.StatusOK, map[string]any{"key": "SHOP"})
	case i < 0:
		answer(http.StatusNotFound, refusal)
	case r.Method == http.MethodDelete:
		s.issues = slices.Delete(s.issues, i, i+1)
		s.changes++
		w.WriteHeader(http.StatusNoContent)
	default:
		answer(http.StatusOK, shown(s.issues[i]))
	}
}

func (s *site) create(r *http.Request, answer func(int, any)) {
	var sent struct {
		Fields struct {
			Summary string `json:"summary"`
			Project struct {
				Key string `json:"key"`
			} `json:"project"`
			IssueType struct {
				Name string `json:"name"`
			} `json:"issuetype"`
		} `json:"fields"`
		Properties []struct {
			Key   string `json:"key"`
			Value any    `json:"value"`
		} `json:"properties"`
	}
	_ = json.NewDecoder(r.Body).Decode(&sent)
	if sent.Fields.Project.Key != "SHOP" {
		answer(http.StatusBadRequest, map[string]any{"errorMessages": []string{}, "errors": map[string]string{"project": "valid project is required"}})
		return
	}
	properties := map[string]any{}
	for _, one := range sent.Properties {
		properties[one.Key] = one.Value
	}
	made := s.add(sent.Fields.Summary, sent.Fields.IssueType.Name, properties)
	answer(http.StatusCreated, map[string]any{"id": "1" + made.key, "key": made.key})
}

func (s *site) state() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	lines := []string{}
	for _, one := range s.issues {
		lines = append(lines, one.kind+" "+one.summary)
	}
	return lines
}

func (s *site) digest() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return strconv.Itoa(s.changes)
}

func at(address string) action.Action {
	return jira.Actions(jira.Options{URL: address + "/", Token: token, Transport: http.DefaultTransport})[0]
}

func TestTheActionConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		s := &site{}
		s.add("theirs", "Bug", nil)
		front := apitest.Start(t, gate.Handler(s))
		return actiontest.Fixture{
			Action: at(front.URL), Input: `{"projectKey":"SHOP","summary":"New service"}`,
			State:  func(testing.TB) []string { return s.state() },
			Digest: func(testing.TB) string { return s.digest() },
			Use:    func(testing.TB) { s.do(func(s *site) { s.issues[0].comments++ }) },
			Hide: func(testing.TB) func() {
				s.do(func(s *site) { s.hides = true })
				return func() { s.do(func(s *site) { s.hides = false }) }
			},
		}
	})
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	front := apitest.Start(t, &site{})
	for name, test := range map[string]struct {
		options jira.Options
		says    string
		kind    fault.Kind
	}{
		"no configuration": {jira.Options{}, "Jira is not configured", fault.Input},
		"a wrong token":    {jira.Options{URL: front.URL, Token: "x"}, "Jira API error (401)", fault.Authentication},
		"no project":       {jira.Options{URL: front.URL, Token: token}, "Jira API error (400): project: valid project is required", fault.Input},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.options.Transport = http.DefaultTransport
			_, err := actiontest.NewHarness(t).Run(t, jira.Actions(test.options)[0], `{"projectKey":"NONE","summary":"New service"}`)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.NotContains(t, err.Error(), token)
		})
	}
}
