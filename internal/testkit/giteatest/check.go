package giteatest

import (
	"bytes"
	"compress/gzip"
	_ "embed" // for the description
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// prefix is where Gitea serves its API.
const prefix = "/api/v1"

//go:embed gitea.json.gz
var compressed []byte

// router is made once: it is read only afterwards.
var router = sync.OnceValues(func() (routers.Router, error) {
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		return nil, err
	}
	document, err := openapi3.NewLoader().LoadFromData(content)
	if err != nil {
		return nil, err
	}
	document.Servers = openapi3.Servers{{URL: prefix}}
	return gorillamux.NewRouter(document)
})

// checked fails the test for each exchange of the API that Gitea would not have had.
func (s *Server) checked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, prefix+"/") {
			next.ServeHTTP(w, r)
			return
		}
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "the request's body broke off", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
		recorded := httptest.NewRecorder()
		next.ServeHTTP(recorded, r)
		r.Body = io.NopCloser(bytes.NewReader(sent))
		if err := check(r, len(sent) > 0, recorded); err != nil {
			s.t.Errorf("not as Gitea has it: %s %s, answered with %d: %v", r.Method, r.URL.Path, recorded.Code, err)
		}
		maps.Copy(w.Header(), recorded.Header())
		w.WriteHeader(recorded.Code)
		w.Write(recorded.Body.Bytes()) //nolint:errcheck // A test's caller may be gone.
	})
}

func check(r *http.Request, hasBody bool, answer *httptest.ResponseRecorder) error {
	finder, err := router()
	if err != nil {
		return err
	}
	if before, below, is := strings.Cut(r.URL.Path, "/contents/"); is {
		// The path of a file is one parameter in the description.
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = before+"/contents/"+strings.ReplaceAll(below, "/", "-"), ""
	}
	route, parameters, err := finder.FindRoute(r)
	if err != nil {
		return fmt.Errorf("no operation in operations.txt: %w", err)
	}
	for name := range r.URL.Query() {
		if route.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			return fmt.Errorf("query parameter %q is unknown to the operation", name)
		}
	}
	input := &openapi3filter.RequestValidationInput{Request: r, PathParams: parameters, Route: route, Options: &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, RejectWhenRequestBodyNotSpecified: hasBody,
		// A refusal's form is not described, and any operation may refuse.
		ExcludeResponseBody: answer.Code >= http.StatusMultipleChoices,
	}}
	if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	// The description has the answer for a file only, and says in words that a directory is a list of such.
	isDirectory := bytes.HasPrefix(answer.Body.Bytes(), []byte("[")) && strings.Contains(r.URL.Path, "/contents/")
	if answer.Code >= http.StatusMultipleChoices || isDirectory {
		return nil
	}
	return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: answer.Code, Header: answer.Header(), Options: input.Options,
		Body: io.NopCloser(bytes.NewReader(answer.Body.Bytes())),
	})
}
