// Package argocdtest is the stand-in for the REST API of Argo CD, for tests: each exchange is checked against the
// description that Argo CD publishes. Importing Argo CD itself is not possible.
//
// swagger.json is cut from assets/swagger.json of github.com/argoproj/argo-cd/v3 v3.6.1 (Apache-2.0, see LICENSE): the
// paths that Portico uses and the definitions that they refer to.
package argocdtest

import (
	"bytes"
	_ "embed" // for the description
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/standin"
)

// Token and the user are the credentials that the server takes.
const (
	Token    = standin.ArgoCDToken
	Username = standin.ArgoCDUsername
	Password = standin.ArgoCDPassword
)

//go:embed swagger.json
var description []byte

var router = sync.OnceValues(func() (routers.Router, error) {
	var published openapi2.T
	if err := json.Unmarshal(description, &published); err != nil {
		return nil, fmt.Errorf("description of Argo CD: %w", err)
	}
	document, err := openapi2conv.ToV3(&published)
	if err != nil {
		return nil, fmt.Errorf("description of Argo CD: %w", err)
	}
	document.Servers = openapi3.Servers{{URL: "/"}}
	return gorillamux.NewRouter(document)
})

// Server is the stand-in.
type Server struct {
	*standin.ArgoCD

	URL string

	t testing.TB
}

// Start starts a server with the project default. wrap, when not nil, is around its handler.
func Start(t testing.TB, wrap func(http.Handler) http.Handler) *Server {
	t.Helper()
	s := &Server{t: t, ArgoCD: standin.NewArgoCD()}
	var handler http.Handler = http.HandlerFunc(s.checked)
	if wrap != nil {
		handler = wrap(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// checked answers, and checks the exchange against the description.
func (s *Server) checked(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, inner := httptest.NewRecorder(), r.Clone(r.Context())
	inner.Body = io.NopCloser(bytes.NewReader(body))
	s.ArgoCD.ServeHTTP(answer, inner)
	if err := check(r, body, answer); err != nil {
		s.t.Errorf("%s %s is not as Argo CD describes it: %v", r.Method, r.URL, err)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func check(r *http.Request, body []byte, answer *httptest.ResponseRecorder) error {
	routed, err := router()
	if err != nil {
		return err
	}
	request := r.Clone(r.Context())
	request.Body = io.NopCloser(bytes.NewReader(body))
	found, parameters, err := routed.FindRoute(request)
	if err != nil {
		return err
	}
	input := &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: found}
	if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
		return err
	}
	for name := range r.URL.Query() {
		if found.Operation.Parameters.GetByInAndName("query", name) == nil {
			return fmt.Errorf("unknown parameter %s", name)
		}
	}
	return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: answer.Code,
		Header: answer.Header(), Body: io.NopCloser(bytes.NewReader(answer.Body.Bytes()))})
}

// Progress gives every application these states in turn, as JSON: the status of an Application.
func (s *Server) Progress(states ...string) {
	var decoded []map[string]any
	for _, each := range states {
		decoded = append(decoded, s.decode(each))
	}
	s.ArgoCD.Progress(decoded...)
}

// Add lets somebody else create a project or an application of a project, long ago.
func (s *Server) Add(kind, document string) { s.ArgoCD.Add(kind, s.decode(document)) }

func (s *Server) decode(document string) map[string]any {
	var decoded map[string]any
	require.NoError(s.t, json.Unmarshal([]byte(document), &decoded))
	return decoded
}
