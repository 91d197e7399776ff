// Package githubapi holds GitHub's published description of the REST operations that Portico uses, and its published
// GraphQL schema, and checks exchanges against them. Tests put it between Portico's GitHub client and the local forge, so that what the
// client sends and what the forge answers is what GitHub takes and gives. It calls nothing itself.
//
// github.json.gz is cut from npm package @octokit/openapi 23.0.2 (MIT, see LICENSE) by command cut, which
// says how.
package githubapi

import (
	"bytes"
	"compress/gzip"
	_ "embed" // for the description
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// refusals are what any operation may answer with; the description names them at some only.
var refusals = []int{
	http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity,
}

// Prefix is where a GitHub Enterprise host serves the operations.
const Prefix = "/api/v3"

//go:embed github.json.gz
var compressed []byte

// router is made once: it is read only afterwards.
var router = sync.OnceValues(newRouter)

func newRouter() (routers.Router, error) {
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("GitHub's description: %w", err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("GitHub's description: %w", err)
	}
	document, err := openapi3.NewLoader().LoadFromData(content)
	if err != nil {
		return nil, fmt.Errorf("GitHub's description: %w", err)
	}
	if err := allowInternal(document.Paths); err != nil {
		return nil, err
	}
	document.Servers = openapi3.Servers{{URL: Prefix}}
	document.Paths = acrossSegments(document.Paths)
	return gorillamux.NewRouter(document)
}

// allowInternal adds the visibility that GitHub Enterprise has and the description of github.com has not.
func allowInternal(paths *openapi3.Paths) error {
	for path, operation := range map[string]*openapi3.Operation{
		"/orgs/{org}/repos": paths.Value("/orgs/{org}/repos").Post, "/repos/{owner}/{repo}": paths.Value("/repos/{owner}/{repo}").Patch,
	} {
		visibility := operation.RequestBody.Value.Content.Get("application/json").Schema.Value.Properties["visibility"]
		if visibility == nil {
			return fmt.Errorf("GitHub's description: the body of %s has no visibility", path)
		}
		visibility.Value.Enum = append(visibility.Value.Enum, "internal")
	}
	return nil
}

// acrossSegments spells out for the router which parameters may hold slashes; GitHub marks them
// x-multi-segment.
func acrossSegments(paths *openapi3.Paths) *openapi3.Paths {
	rewritten := openapi3.NewPaths()
	for path, item := range paths.Map() {
		for _, operation := range item.Operations() {
			for _, parameter := range operation.Parameters {
				if _, multiple := parameter.Value.Extensions["x-multi-segment"]; multiple {
					path = strings.Replace(path, "{"+parameter.Value.Name+"}", "{"+parameter.Value.Name+":.+}", 1)
				}
			}
		}
		rewritten.Set(path, item)
	}
	return rewritten
}

// Exchange is one request and its answer, bodies read.
type Exchange struct {
	Request      *http.Request
	RequestBody  []byte
	Status       int
	Header       http.Header
	ResponseBody []byte
}

// Check says what about an exchange GitHub would not do, nil when nothing. It is stricter than the
// description where that leaves open what is certainly a mistake: a field or a query parameter that the
// operation does not know.
func Check(exchange Exchange) error {
	if err := check(exchange); err != nil {
		return fmt.Errorf("%s %s, answered with %d: %w", exchange.Request.Method, exchange.Request.URL.Path, exchange.Status, err)
	}
	return nil
}

func check(exchange Exchange) error {
	finder, err := router()
	if err != nil {
		return err
	}
	request := exchange.Request.Clone(exchange.Request.Context())
	request.Body = io.NopCloser(bytes.NewReader(exchange.RequestBody))
	if request.Method == http.MethodHead {
		request.Method = http.MethodGet // It is answered like a GET, without the body.
	}
	route, parameters, err := finder.FindRoute(request)
	if err != nil {
		return fmt.Errorf("no operation in operations.txt: %w", err)
	}
	options := &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true,
		RejectWhenRequestBodyNotSpecified: len(exchange.RequestBody) > 0, ExcludeResponseBody: answersOtherwise(exchange),
	}
	input := &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: route, Options: options}
	if err := openapi3filter.ValidateRequest(request.Context(), input); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if err := checkNames(exchange, route); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if slices.Contains(refusals, exchange.Status) && route.Operation.Responses.Status(exchange.Status) == nil {
		return nil
	}
	output := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: exchange.Status, Header: exchange.Header, Options: options,
		Body: io.NopCloser(bytes.NewReader(exchange.ResponseBody)),
	}
	if err := openapi3filter.ValidateResponse(request.Context(), output); err != nil {
		return fmt.Errorf("response: %w", err)
	}
	return nil
}

// answersOtherwise says that the body is not the described JSON: a raw file or a hash, as the caller asked,
// or none.
func answersOtherwise(exchange Exchange) bool {
	for _, format := range []string{".raw", ".sha"} {
		if strings.Contains(exchange.Header.Get("Content-Type"), format) && strings.Contains(exchange.Request.Header.Get("Accept"), format) {
			return true
		}
	}
	return exchange.Status == http.StatusFound || exchange.Request.Method == http.MethodHead
}

// ignoredFields are fields that GitHub ignores, of requests that Backstage sends with them and Portico therefore,
// too.
var ignoredFields = map[string]string{"POST /repos/{owner}/{repo}/git/blobs": "mode"}

func checkNames(exchange Exchange, route *routers.Route) error {
	operation := route.Operation
	for name := range exchange.Request.URL.Query() {
		if operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			return fmt.Errorf("query parameter %q is unknown to the operation", name)
		}
	}
	if operation.RequestBody == nil || len(bytes.TrimSpace(exchange.RequestBody)) == 0 {
		return nil
	}
	media := operation.RequestBody.Value.Content.Get("application/json")
	if media == nil || media.Schema == nil || len(media.Schema.Value.Properties) == 0 {
		return nil
	}
	var sent map[string]json.RawMessage
	if err := json.Unmarshal(exchange.RequestBody, &sent); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		if _, known := media.Schema.Value.Properties[name]; !known && name != ignoredFields[route.Method+" "+route.Path] {
			return fmt.Errorf("field %q is unknown to the operation", name)
		}
	}
	return nil
}

// Checked lets a handler serve and reports every exchange under Prefix that GitHub would not have had, and every
// query to GraphQLPath that it would not take. What else there is passes unread. Report may be called from several
// goroutines.
func Checked(next http.Handler, report func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		isQuery := r.URL.Path == GraphQLPath
		if !isQuery && !strings.HasPrefix(r.URL.Path, Prefix+"/") {
			next.ServeHTTP(w, r)
			return
		}
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "the request's body broke off", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
		if isQuery {
			if err := checkQuery(sent); err != nil {
				report(err)
			}
			next.ServeHTTP(w, r)
			return
		}
		recorded := httptest.NewRecorder()
		next.ServeHTTP(recorded, r)
		err = Check(Exchange{
			Request: r, RequestBody: sent, Status: recorded.Code, Header: recorded.Header(), ResponseBody: recorded.Body.Bytes(),
		})
		if err != nil {
			report(err)
		}
		maps.Copy(w.Header(), recorded.Header())
		w.WriteHeader(recorded.Code)
		w.Write(recorded.Body.Bytes()) //nolint:errcheck // The caller is gone; there is nobody to tell.
	})
}
