package sentry_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/sentry"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const token = "sntrys_test"

// server is a small Sentry with the team acme/payments, after the description of its API.
type server struct {
	mutex    sync.Mutex
	projects []map[string]any
	changes  int
	// hides answers "not found" for what there is.
	hides bool
}

func newServer() *server {
	s := &server{}
	s.add("theirs", "theirs")
	return s
}

func (s *server) add(name, slug string) map[string]any {
	s.changes++
	made := map[string]any{"id": strconv.Itoa(100 + s.changes), "name": name, "slug": slug, "firstEvent": nil}
	s.projects = append(s.projects, made)
	return made
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	answer := func(status int, body any) { apitest.JSON(w, status, body) }
	slug, isKeys := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/projects/acme/"), "/keys/")
	slug = strings.Trim(slug, "/")
	i := slices.IndexFunc(s.projects, func(one map[string]any) bool { return one["slug"] == slug })
	var sent struct{ Name, Slug string }
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		answer(http.StatusUnauthorized, map[string]string{"detail": "Invalid token"})
	case s.hides:
		answer(http.StatusNotFound, map[string]string{"detail": "The requested resource does not exist"})
	case r.URL.Path == "/teams/acme/payments/projects/" && r.Method == http.MethodPost:
		_ = json.NewDecoder(r.Body).Decode(&sent)
		if sent.Slug == "" {
			sent.Slug = strings.ToLower(sent.Name)
		}
		if slices.ContainsFunc(s.projects, func(one map[string]any) bool { return one["slug"] == sent.Slug }) {
			answer(http.StatusConflict, map[string]string{"detail": "A project with this slug already exists."})
			return
		}
		answer(http.StatusCreated, s.add(sent.Name, sent.Slug))
	case r.URL.Path == "/teams/acme/payments/projects/":
		answer(http.StatusOK, s.projects)
	case i < 0:
		answer(http.StatusNotFound, map[string]string{"detail": "The requested resource does not exist"})
	case isKeys && slug == "theirs":
		answer(http.StatusOK, []any{})
	case isKeys:
		answer(http.StatusOK, []any{map[string]any{"dsn": map[string]string{"public": "https://key@sentry.example/" + slug}}})
	case r.Method == http.MethodDelete:
		s.projects = slices.Delete(s.projects, i, i+1)
		s.changes++
		w.WriteHeader(http.StatusNoContent)
	default:
		answer(http.StatusOK, s.projects[i])
	}
}

func (s *server) do(change func(s *server)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.changes++
	change(s)
}

func (s *server) state() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	lines := []string{}
	for _, one := range s.projects {
		slug, _ := one["slug"].(string)
		lines = append(lines, slug)
	}
	return lines
}

func (s *server) digest() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return strconv.Itoa(s.changes)
}

func TestCreatingConforms(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ slug, configured, token string }{
		"with the configured token":      {"", token, ""},
		"with a token and a slug":        {`,"slug":"web-shop"`, "", `,"authToken":"` + token + `"`},
		"with another token than before": {"", "old", `,"authToken":"` + token + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				s := newServer()
				front := apitest.Start(t, gate.Handler(s))
				return actiontest.Fixture{
					Action:  sentry.Actions(sentry.Options{APIBaseURL: front.URL, Token: test.configured, Transport: http.DefaultTransport})[0],
					Input:   `{"organizationSlug":"acme","teamSlug":"payments","name":"Shop","platform":"go"` + test.slug + test.token + `}`,
					Secrets: map[string]string{"sentry": token},
					State:   func(testing.TB) []string { return s.state() },
					Digest:  func(testing.TB) string { return s.digest() },
					Use:     func(testing.TB) { s.do(func(s *server) { s.projects[1]["firstEvent"] = "2026-11-30" }) },
					Hide: func(testing.TB) func() {
						s.do(func(s *server) { s.hides = true })
						return func() { s.do(func(s *server) { s.hides = false }) }
					},
				}
			})
		})
	}
}

func TestTheDSN(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		s := newServer()
		s.add("Shop", "shop")
		front := apitest.Start(t, gate.Handler(s))
		return actiontest.Fixture{Action: sentry.Actions(sentry.Options{APIBaseURL: front.URL, Token: token, Transport: http.DefaultTransport})[1],
			Input: `{"organizationSlug":"acme","projectSlug":"shop"}`}
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	front := apitest.Start(t, newServer())
	const create, dsn = "sentry:project:create", "sentry:fetch:dsn"
	for name, test := range map[string]struct {
		token, id, input, says string
		kind                   fault.Kind
	}{
		"no token": {"", create, `{"organizationSlug":"acme","teamSlug":"payments","name":"Shop"}`, "No valid sentry token given", fault.Input},
		"an address of the author's": {token, dsn, `{"organizationSlug":"acme","projectSlug":"shop","apiBaseUrl":"http://169.254.169.254"}`,
			"apiBaseUrl must match the effective Sentry API base URL", fault.Input},
		"a wrong token": {"x", dsn, `{"organizationSlug":"acme","projectSlug":"theirs"}`, "Sentry API request failed with status 401", fault.Authentication},
		"a slug that is taken": {token, create, `{"organizationSlug":"acme","teamSlug":"payments","name":"Shop","slug":"theirs"}`,
			"Sentry API request failed with status 409", fault.Conflict},
		"no team":    {token, create, `{"organizationSlug":"acme","teamSlug":"none","name":"Shop"}`, "Sentry API request failed with status 404", fault.NotFound},
		"no project": {token, dsn, `{"organizationSlug":"acme","projectSlug":"none"}`, "Sentry API request failed with status 404", fault.NotFound},
		"no keys":    {token, dsn, `{"organizationSlug":"acme","projectSlug":"theirs"}`, "No keys found for the specified project", fault.Input},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actions := sentry.Actions(sentry.Options{APIBaseURL: front.URL, Token: test.token, Transport: http.DefaultTransport})
			_, err := actiontest.NewHarness(t).Run(t, recordedtest.ByID(t, actions, test.id), test.input)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.False(t, action.IsTransient(err))
		})
	}
}
