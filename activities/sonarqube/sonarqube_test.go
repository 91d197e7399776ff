package sonarqube_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/sonarqube"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const token = "squ_test"

// server is a small SonarQube, after the description of its Web API: projects with the time of their analysis.
type server struct {
	mutex    sync.Mutex
	projects map[string]string
	changes  int
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	answer := func(status int, body any) { apitest.JSON(w, status, body) }
	refusal := func(message string) any {
		return map[string]any{"errors": []any{map[string]string{"msg": message}}}
	}
	name, password, _ := r.BasicAuth()
	query := r.URL.Query()
	key := query.Get("component") + query.Get("project")
	analysed, exists := s.projects[key]
	switch {
	case (name != token || password != "") && (name != "ann" || password != "pa55word"):
		answer(http.StatusUnauthorized, nil)
	case r.URL.Path == "/api/projects/create" && (exists || key == "hidden"):
		answer(http.StatusBadRequest, refusal(`Could not create Project with key: "`+key+`". A similar key already exists: "`+key+`"`))
	case r.URL.Path == "/api/projects/create" && query.Get("visibility") == "secret":
		answer(http.StatusBadRequest, refusal("Value of parameter 'visibility' (secret) must be one of: [private, public]"))
	case r.URL.Path == "/api/projects/create":
		s.put(key, "")
		answer(http.StatusOK, map[string]any{"project": map[string]string{"key": key, "name": query.Get("name")}})
	case !exists:
		answer(http.StatusNotFound, refusal("Component key '"+key+"' not found"))
	case r.URL.Path == "/api/components/show":
		answer(http.StatusOK, map[string]any{"component": map[string]string{"key": key, "analysisDate": analysed}})
	case r.URL.Path == "/api/projects/delete":
		delete(s.projects, key)
		s.changes++
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *server) put(key, analysed string) {
	s.projects[key] = analysed
	s.changes++
}

func (s *server) do(key, analysed string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.put(key, analysed)
}

func (s *server) state() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	lines := []string{}
	for key, analysed := range s.projects {
		lines = append(lines, key+" "+analysed)
	}
	slices.Sort(lines)
	return lines
}

func (s *server) digest() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return strconv.Itoa(s.changes)
}

func at(address string) action.Action {
	return sonarqube.Actions(sonarqube.Options{URLs: []string{"https://other.example.com", address + "/"}, Transport: http.DefaultTransport})[0]
}

func TestTheActionConforms(t *testing.T) {
	t.Parallel()
	for name, credentials := range map[string]string{"with a token": `"token":"` + token + `"`, "with a password": `"username":"ann","password":"pa55word"`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				sonar := &server{projects: map[string]string{"other": "2026-01-01"}}
				front := apitest.Start(t, gate.Handler(sonar))
				return actiontest.Fixture{
					Action: at(front.URL), Input: fmt.Sprintf(`{"baseUrl":"%s","name":"The shop","key":"acme:shop","visibility":"private",%s}`, front.URL, credentials),
					Secrets: map[string]string{"token": token, "password": "pa55word"},
					State:   func(testing.TB) []string { return sonar.state() },
					Digest:  func(testing.TB) string { return sonar.digest() },
					Use:     func(testing.TB) { sonar.do("acme:shop", "2026-11-30") },
					Take:    func(testing.TB) { sonar.do("acme:shop", "") },
				}
			})
		})
	}
}

func TestTheActionEqualsThePlugins(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		Action: func(_ testing.TB, _ recordedtest.Case, stubs *recordedtest.Stubs) action.Action {
			return at("http://" + stubs.Host + "/sonar")
		},
	})
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	front := apitest.Start(t, &server{projects: map[string]string{}})
	const good = `"name":"Shop","key":"shop","token":"` + token + `"`
	for name, test := range map[string]struct {
		input, says, advice string
		kind                fault.Kind
	}{
		"an address of the author's": {`{"baseUrl":"http://169.254.169.254",` + good + `}`, "baseUrl http://169.254.169.254 is no SonarQube that is configured",
			"Ask an operator", fault.Input},
		"a password without a name": {`{"baseUrl":"` + front.URL + `","name":"Shop","key":"shop","password":"x"}`,
			`"token" or "username" and "password" are required input parameters`, "", fault.Input},
		"a wrong token": {`{"baseUrl":"` + front.URL + `","name":"Shop","key":"shop","token":"x"}`, "answered 401", "Give the user", fault.Authentication},
		"a value that SonarQube does not know": {`{"baseUrl":"` + front.URL + `","visibility":"secret",` + good + `}`,
			"Failed to create SonarQube project, status 400 - Bad Request", "SonarQube says: Value of parameter 'visibility'", fault.Input},
		"a key that is taken by what SonarQube hides": {`{"baseUrl":"` + front.URL + `","name":"Shop","key":"hidden","token":"` + token + `"}`,
			"Failed to create SonarQube project, status 400 - Bad Request", "A similar key already exists", fault.Input},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness := actiontest.NewHarness(t)
			_, err := harness.Run(t, at(front.URL), test.input)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.Contains(t, action.Advice(err), test.advice)
			for _, effect := range harness.Ledger.All() {
				require.Equal(t, action.EffectUndone, effect.State)
			}
		})
	}
}

// TestARollbackWithoutTheCredentials: the project stays, and the rollback says so.
func TestARollbackWithoutTheCredentials(t *testing.T) {
	t.Parallel()
	sonar := &server{projects: map[string]string{}}
	front := apitest.Start(t, sonar)
	harness := actiontest.NewHarness(t)
	_, err := harness.Run(t, at(front.URL), `{"baseUrl":"`+front.URL+`","name":"Shop","key":"shop","token":"`+token+`"}`)
	require.NoError(t, err)
	err = harness.RollBack(t.Context(), at(front.URL))
	require.ErrorContains(t, err, "sonarqube:project shop cannot be taken back: the credentials are not among the run's secrets any more")
	require.NotEmpty(t, action.Advice(err))
	require.Equal(t, []string{"shop "}, sonar.state())
}
