package api_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInvalidTextIsRefusedEverywhere: without the check, the database would reject the text, because
// no column can store it.
func TestInvalidTextIsRefusedEverywhere(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	for name, test := range map[string]struct{ method, target, body, message string }{
		"a NUL in the path":           {"GET", "/api/scaffolder/v2/tasks/a%00b", "", "request/path/taskId must not contain a NUL character"},
		"a NUL in the query":          {"GET", "/api/catalog/entities?filter=kind=a%00", "", "request/query/filter must not contain a NUL character"},
		"a NUL in a parameter's name": {"GET", "/api/catalog/entities?a%00=1", "", "the name of a query parameter must not contain a NUL character"},
		"a NUL in a body":             {"POST", "/api/catalog/refresh", "{\"entityRef\":\"a\x00\"}", "request/body must not contain a NUL character"},
		"an escaped NUL in a body":    {"POST", "/api/catalog/refresh", `{"entityRef":"a\u0000"}`, `request/body must not contain a NUL character (\u0000)`},
		"an escaped NUL in a key":     {"POST", "/api/scaffolder/v2/tasks", `{"templateRef":"a","values":{"\u0000":1}}`, `request/body must not contain a NUL character (\u0000)`},
		"bytes in the path":           {"GET", "/api/scaffolder/v2/tasks/%ff", "", "request/path/taskId must be UTF-8"},
		"bytes in the query":          {"GET", "/api/catalog/entities?filter=%c3%28", "", "request/query/filter must be UTF-8"},
		"bytes in a body":             {"POST", "/api/catalog/refresh", "{\"entityRef\":\"\xff\"}", "request/body must be UTF-8"},
		"the first half of a pair":    {"POST", "/api/catalog/refresh", `{"entityRef":"\ud83d"}`, `request/body must be text: it contains half of a character (\uD800 to \uDFFF without its pair)`},
		"the second half of a pair":   {"POST", "/api/catalog/refresh", `{"entityRef":"\ude00"}`, `request/body must be text: it contains half of a character (\uD800 to \uDFFF without its pair)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := ask(t, server, test.method, test.target, test.body)
			require.Equal(t, http.StatusBadRequest, answer.Code)
			require.Equal(t, "InputError: "+test.message, message(t, answer))
		})
	}
}

func TestEscapesInTextAreAccepted(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	answer := ask(t, server, http.MethodPost, "/api/scaffolder/v2/tasks", `{"templateRef":"a\\u0000\ud83d\ude00\"\u00e9","values":[]}`)
	require.Equal(t, "InputError: request/body/values must be object", message(t, answer))
}

func TestRequestsAreBoundedInDepthAndCount(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	task := func(value string) string { return `{"templateRef":"a","values":` + value + `}` }
	for name, test := range map[string]struct{ method, target, body, message string }{
		"values in the query": {"GET", "/api/catalog/entities?filter=" + url.QueryEscape(strings.Repeat("kind=a,", 2000)), "",
			"The query string has 2001 values, and at most 2000 are read: ask in several requests"},
		"parameters":                      {"GET", "/api/catalog/entities?" + strings.Repeat("filter=a&", 2001), "", "The query string has 2001 values, and at most 2000 are read: ask in several requests"},
		"depth of a body":                 {"POST", "/api/scaffolder/v2/tasks", task(strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)), "request/body must not be nested deeper than 100 levels"},
		"lists within lists":              {"POST", "/api/scaffolder/v2/tasks", task(strings.Repeat(`[`, 1000)), "request/body must not be nested deeper than 100 levels"},
		"values of a body":                {"POST", "/api/scaffolder/v2/tasks", task("[" + strings.Repeat("1,", 200_000) + "1]"), "request/body must not have more than 200000 values"},
		"what looks like depth in a text": {"POST", "/api/scaffolder/v2/tasks", task(`"` + strings.Repeat("[{,", 200_000) + `"`), "request/body/values must be object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := ask(t, server, test.method, test.target, test.body)
			require.Equal(t, http.StatusBadRequest, answer.Code)
			require.Equal(t, "InputError: "+test.message, message(t, answer))
		})
	}
}

// TestATruncatedBodyIsABadRequest checks that a truncated body is a 400 and not a failure of the
// database.
func TestATruncatedBodyIsABadRequest(t *testing.T) {
	t.Parallel()
	served := httptest.NewServer(newServer(t, io.Discard, nil))
	t.Cleanup(served.Close)
	for name, sent := range map[string]string{
		"shorter than it says": "Content-Length: 100\r\n\r\n{\"templateRef\"",
		"a chunk is missing":   "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"tem\r\n",
		"no chunk at all":      "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", served.Listener.Addr().String())
			require.NoError(t, err)
			defer connection.Close()
			_, err = io.WriteString(connection, "POST /api/scaffolder/v2/tasks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer service\r\n"+
				"Content-Type: application/json\r\n"+sent)
			require.NoError(t, err)
			require.NoError(t, connection.(*net.TCPConn).CloseWrite())
			answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
			require.NoError(t, err)
			defer answer.Body.Close()
			content, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			require.Equal(t, http.StatusBadRequest, answer.StatusCode, string(content))
			require.Contains(t, string(content), "The request body could not be read to its end")
		})
	}
}
