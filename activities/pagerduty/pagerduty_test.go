package pagerduty_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/pagerduty"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const token = "u+test"

// item is a service.
type item struct {
	id, name   string
	grouping   json.RawMessage
	integrated bool
	incidents  int
}

// server is a small PagerDuty, after the description of its REST API.
type server struct {
	mutex    sync.Mutex
	services []*item
	changes  int
}

func (s *server) add(name string) *item {
	s.changes++
	made := &item{id: "P" + strconv.Itoa(s.changes), name: name}
	s.services = append(s.services, made)
	return made
}

func (s *server) do(change func(*server)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.changes++
	change(s)
}

func shown(one *item) any {
	integrations := []any{map[string]any{"vendor": nil, "integration_key": "other"}}
	if one.integrated {
		integrations = append(integrations, map[string]any{"vendor": map[string]string{"id": "PRO19CT"}, "integration_key": "key-of-" + one.name})
	}
	return map[string]any{"id": one.id, "name": one.name, "html_url": "https://acme.pagerduty.com/services/" + one.name, "integrations": integrations}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	answer := func(status int, body any) { apitest.JSON(w, status, body) }
	refusal := func(message string, reasons ...string) any {
		return map[string]any{"error": map[string]any{"message": message, "errors": reasons, "code": 2001}}
	}
	id, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/services/"), "/")
	i := slices.IndexFunc(s.services, func(one *item) bool { return one.id == id })
	var sent struct {
		Service struct {
			Name     string          `json:"name"`
			Grouping json.RawMessage `json:"alert_grouping_parameters"`
			Policy   struct {
				ID string `json:"id"`
			} `json:"escalation_policy"`
		} `json:"service"`
	}
	switch {
	case r.Header.Get("Authorization") != "Token token="+token:
		answer(http.StatusUnauthorized, refusal("Unauthorized"))
	case r.URL.Path == "/abilities":
		answer(http.StatusOK, map[string]any{"abilities": []string{"preview_intelligent_alert_grouping", "time_based_alert_grouping"}})
	case r.URL.Path == "/incidents":
		listed := []any{}
		for _, one := range s.services {
			if one.id == r.URL.Query().Get("service_ids[]") && one.incidents > 0 {
				listed = append(listed, map[string]string{"html_url": "https://acme.pagerduty.com/incidents/1"})
			}
		}
		answer(http.StatusOK, map[string]any{"incidents": listed})
	case r.URL.Path == "/services" && r.Method == http.MethodPost:
		_ = json.NewDecoder(r.Body).Decode(&sent)
		if sent.Service.Policy.ID != "PABC" {
			answer(http.StatusBadRequest, refusal("Invalid Input Provided", "Escalation policy can't be blank"))
			return
		}
		if slices.ContainsFunc(s.services, func(one *item) bool { return one.name == sent.Service.Name }) {
			answer(http.StatusBadRequest, refusal("Invalid Input Provided", "Name has already been taken"))
			return
		}
		made := s.add(sent.Service.Name)
		made.grouping = sent.Service.Grouping
		answer(http.StatusCreated, map[string]any{"service": shown(made)})
	case r.URL.Path == "/services":
		listed := []any{}
		for _, one := range s.services {
			if strings.Contains(one.name, r.URL.Query().Get("query")) {
				listed = append(listed, shown(one))
			}
		}
		answer(http.StatusOK, map[string]any{"services": listed})
	case i < 0:
		answer(http.StatusNotFound, refusal("Not Found"))
	case rest == "integrations":
		s.services[i].integrated = true
		s.changes++
		answer(http.StatusCreated, map[string]any{"integration": map[string]any{"integration_key": "key-of-" + s.services[i].name}})
	case r.Method == http.MethodDelete:
		s.services = slices.Delete(s.services, i, i+1)
		s.changes++
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *server) state() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	lines := []string{}
	for _, one := range s.services {
		lines = append(lines, one.name+" "+strconv.FormatBool(one.integrated)+" "+string(one.grouping))
	}
	return lines
}

func (s *server) digest() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return strconv.Itoa(s.changes)
}

func at(address string) action.Action {
	return pagerduty.Actions(pagerduty.Options{APIBaseURL: address, Token: token, Transport: http.DefaultTransport})[0]
}

func TestTheActionConforms(t *testing.T) {
	t.Parallel()
	for _, grouping := range []string{"", "time", "content_based"} {
		t.Run("grouping "+grouping, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				s := &server{}
				s.add("shop-front") // its name contains the new one
				front := apitest.Start(t, gate.Handler(s))
				return actiontest.Fixture{
					Action: at(front.URL), Input: `{"name":"shop","description":"The shop","escalationPolicyId":"PABC","alertGrouping":"` + grouping + `"}`,
					State:  func(testing.TB) []string { return s.state() },
					Digest: func(testing.TB) string { return s.digest() },
					Use:    func(testing.TB) { s.do(func(s *server) { s.services[1].incidents++ }) },
					Take:   func(testing.TB) { s.do(func(s *server) { s.add("shop") }) },
				}
			})
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	front := apitest.Start(t, &server{})
	for name, test := range map[string]struct {
		options pagerduty.Options
		says    string
		kind    fault.Kind
	}{
		"no token":      {pagerduty.Options{}, "PagerDuty is not configured", fault.Input},
		"a wrong token": {pagerduty.Options{APIBaseURL: front.URL, Token: "x"}, "PagerDuty answered 401: Unauthorized", fault.Authentication},
		"no policy": {pagerduty.Options{APIBaseURL: front.URL, Token: token},
			"PagerDuty answered 400: Invalid Input Provided: Escalation policy can't be blank", fault.Input},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.options.Transport = http.DefaultTransport
			_, err := actiontest.NewHarness(t).Run(t, pagerduty.Actions(test.options)[0], `{"name":"shop","description":"x","escalationPolicyId":"PNONE"}`)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.NotContains(t, err.Error(), token)
		})
	}
}
