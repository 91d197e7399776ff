package quay_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/quay"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const token = "quay-token"

// registry is a small Quay, written after the description of its API (/api/v1/discovery): repositories with their tags.
type registry struct {
	mutex sync.Mutex
	tags  map[string][]string
	made  int
}

func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	path := strings.TrimPrefix(request.URL.Path, "/api/v1/")
	name, isTags := strings.CutSuffix(strings.TrimPrefix(path, "repository/"), "/tag/")
	tags, exists := r.tags[name]
	answer := func(status int, body any) { apitest.JSON(w, status, body) }
	switch {
	case request.Header.Get("Authorization") != "Bearer "+token:
		answer(http.StatusUnauthorized, map[string]string{"error_message": "Invalid bearer token format"})
	case path == "user/":
		answer(http.StatusOK, map[string]string{"username": "acme"})
	case path == "repository":
		var sent map[string]string
		_ = json.NewDecoder(request.Body).Decode(&sent)
		name := sent["namespace"] + "/" + sent["repository"]
		if _, taken := r.tags[name]; taken {
			answer(http.StatusBadRequest, map[string]string{"error_message": "Repository already exists"})
			return
		}
		r.tags[name] = nil
		r.made++
		answer(http.StatusCreated, map[string]string{"namespace": sent["namespace"], "name": sent["repository"], "kind": "image"})
	case !exists:
		answer(http.StatusNotFound, map[string]string{"error_message": "Not Found"})
	case isTags:
		listed := []map[string]string{}
		for _, tag := range tags {
			listed = append(listed, map[string]string{"name": tag})
		}
		answer(http.StatusOK, map[string]any{"tags": listed})
	case request.Method == http.MethodDelete:
		delete(r.tags, name)
		r.made++
		w.WriteHeader(http.StatusNoContent)
	default:
		namespace, repository, _ := strings.Cut(name, "/")
		answer(http.StatusOK, map[string]string{"namespace": namespace, "name": repository})
	}
}

func (r *registry) state() []string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	listed := []string{}
	for name, tags := range r.tags {
		listed = append(listed, name+" "+strings.Join(tags, ","))
	}
	slices.Sort(listed)
	return listed
}

func (r *registry) put(name string, tags ...string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.tags[name] = tags
}

func TestCreateRepositoryConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		server := &registry{tags: map[string][]string{"acme/other": nil}}
		front := apitest.Start(t, gate.Handler(server))
		return actiontest.Fixture{
			Action:  quay.Actions(quay.Options{URL: front.URL, Transport: http.DefaultTransport})[0],
			Input:   `{"baseUrl":"` + front.URL + `","name":"shop","visibility":"private","description":"Images","token":"` + token + `"}`,
			Secrets: map[string]string{"quayToken": token},
			State:   func(testing.TB) []string { return server.state() },
			Digest:  func(testing.TB) string { return strings.Join(server.state(), "\n") },
			Use:     func(testing.TB) { server.put("acme/shop", "v1") },
			Take:    func(testing.TB) { server.put("acme/shop") },
		}
	})
}

func TestTheActionEqualsBackstages(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		Action: func(_ testing.TB, _ recordedtest.Case, stubs *recordedtest.Stubs) action.Action {
			return quay.Actions(quay.Options{URL: "http://" + stubs.Host + "/quay", Transport: http.DefaultTransport})[0]
		},
		Deviations: map[string]recordedtest.Deviation{
			"quay-taken": {In: []string{"error"}, Why: "the error has Quay's message in place of undefined"},
		},
	})
}

func TestBadInputIsRefused(t *testing.T) {
	t.Parallel()
	server := apitest.Start(t, &registry{tags: map[string][]string{}})
	for name, test := range map[string]struct {
		url, token, message string
		kind                fault.Kind
	}{
		"an address of the author's": {"http://169.254.169.254", token, "baseUrl http://169.254.169.254 is no Quay that is configured", fault.Input},
		"another token":              {server.URL, "stolen", "Invalid bearer token format", fault.Authentication},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tested := quay.Actions(quay.Options{URL: server.URL, Transport: http.DefaultTransport})[0]
			_, err := actiontest.NewHarness(t).Run(t, tested,
				`{"baseUrl":"`+test.url+`","name":"shop","visibility":"private","description":"","namespace":"acme","token":"`+test.token+`"}`)
			require.ErrorContains(t, err, test.message)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.NotEmpty(t, action.Advice(err))
			require.NotContains(t, err.Error(), test.token)
		})
	}
}
