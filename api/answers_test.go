package api_test

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"
)

// described is the OpenAPI document in the repository. Another test checks that it is the served one.
var described = sync.OnceValues(func() (routers.Router, error) {
	document, err := openapi3.NewLoader().LoadFromFile("openapi.json")
	if err != nil {
		return nil, err
	}
	// OpenAPI has no parameter with slashes, and the router has.
	for path, item := range document.Paths.Map() {
		if whole, is := strings.CutSuffix(path, "/{path}"); is {
			document.Paths.Delete(path)
			document.Paths.Set(whole+"/{path:.+}", item)
		}
	}
	return gorillamux.NewRouter(document)
})

// TestRecordedResponsesMatchTheDocument checks responses recorded from a real Backstage backend against the
// document.
func TestRecordedResponsesMatchTheDocument(t *testing.T) {
	t.Parallel()
	var files []string
	for _, folder := range []string{"testdata/exchanges", "../internal/e2e/testdata/golden/exchanges"} {
		found, err := filepath.Glob(folder + "/*.json")
		require.NoError(t, err)
		require.NotEmpty(t, found)
		files = append(files, found...)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			recorded := readExchange(t, file)
			body := []byte(recorded.Response.BodyText)
			if recorded.Response.Body != nil {
				body = recorded.Response.Body
			}
			request := httptest.NewRequestWithContext(t.Context(), recorded.Request.Method, recorded.Request.Path, nil)
			requireDescribed(t, request, recorded.Response.Status, recorded.Response.Headers["content-type"], body)
		})
	}
}

// requireDescribed checks a response against the route's description in the document. Requests without a
// route get no JSON, except for an error of the portal.
func requireDescribed(t *testing.T, request *http.Request, status int, contentType string, body []byte) {
	t.Helper()
	router, err := described()
	require.NoError(t, err)
	request = request.Clone(t.Context())
	request.URL.Path, request.URL.RawPath = strings.TrimSuffix(request.URL.Path, "/"), ""
	route, _, err := router.FindRoute(request)
	if err != nil {
		require.True(t, !strings.Contains(contentType, "json") || status == http.StatusInternalServerError,
			"%s %s answers %s, and is not described", request.Method, request.URL, contentType)
		return
	}
	require.NoError(t, checkAnswer(route.Operation, status, contentType, body), "%s %s: %d %.2000s", request.Method, request.URL, status, body)
}

func checkAnswer(operation *openapi3.Operation, status int, contentType string, body []byte) error {
	response := operation.Responses.Status(status)
	if response == nil && status < http.StatusInternalServerError {
		return fmt.Errorf("status %d is not described", status)
	}
	if response == nil {
		response = operation.Responses.Default()
	}
	if len(response.Value.Content) == 0 && len(body) > 0 {
		return fmt.Errorf("an empty body is described")
	}
	// OpenAPI cannot describe a response with an optional body; the description says so in words.
	mayBeEmpty := strings.Contains(*response.Value.Description, "empty when")
	if len(response.Value.Content) == 0 || mayBeEmpty && len(body) == 0 {
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return err
	}
	if response.Value.Content["*/*"] != nil {
		return nil
	}
	content, known := response.Value.Content[mediaType]
	if !known {
		return fmt.Errorf("media type %s is not described", mediaType)
	}
	if mediaType == "text/plain" {
		return nil
	}
	if mediaType == "text/event-stream" {
		return checkEvents(content.Schema.Value.ContentSchema, body)
	}
	return checkJSON(content.Schema, body)
}

// checkEvents checks the data of each server-sent event against a schema.
func checkEvents(schema *openapi3.SchemaRef, body []byte) error {
	for line := range strings.Lines(string(body)) {
		if data, is := strings.CutPrefix(line, "data: "); is {
			if err := checkJSON(schema, []byte(data)); err != nil {
				return fmt.Errorf("%s: %w", data, err)
			}
		}
	}
	return nil
}

func checkJSON(schema *openapi3.SchemaRef, body []byte) error {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	return schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020())
}
