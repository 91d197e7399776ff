package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/plainjson"
)

// maxBody bounds every request body: the scaffolder's limit in Backstage, and the largest of all.
const maxBody = 10 << 20

// What is wrong with a body before it is read.
var (
	errTooLarge = &statusError{status: http.StatusRequestEntityTooLarge, name: "PayloadTooLargeError", message: "request entity too large"}
	errTooSlow  = &statusError{status: http.StatusRequestTimeout, name: "RequestTimeoutError", message: "the request body took too long"}

	bodyFailures = []*statusError{errTooLarge, errTooSlow}
)

// call is one request on its way to a handler: checked against its route, with its principal known.
type call struct {
	*gin.Context
	route     *route
	principal identity.Principal
	body      []byte
	// commandID is what a command that came with an Idempotency-Key is known by, however often it is sent:
	// what it creates gets this id. It is zero without a key.
	commandID uuid.UUID
	// leaving is closed when the server stops: nobody should be kept waiting.
	leaving <-chan struct{}
	streams *openStreams
	// plugins are the ids of all plugins.
	plugins []string
}

// decode unmarshals the checked body.
func (c *call) decode(into any) error {
	if err := json.Unmarshal(c.body, into); err != nil {
		return fault.Wrap(fault.Input, err, "request/body is malformed: %s", err.Error())
	}
	return nil
}

// queryInt is a checked integer parameter, or otherwise when it was not sent. More than there can be of
// anything is as much as that.
func (c *call) queryInt(name string, otherwise int) int {
	n, err := strconv.Atoi(c.Query(name))
	if err != nil {
		return otherwise
	}
	return min(n, math.MaxInt32)
}

// queryTime is a checked moment, zero when it was not sent.
func (c *call) queryTime(name string) time.Time {
	at, err := time.Parse(time.RFC3339, c.Query(name))
	if err != nil {
		return time.Time{}
	}
	return at
}

// limit is the size of the page that is asked for, within the bounds that the route declares.
func (c *call) limit() int {
	i := slices.IndexFunc(c.route.query, func(p parameter) bool { return p.page != nil })
	size := c.route.query[i].page
	return size.of(c.queryInt(c.route.query[i].name, size.preset))
}

// queryList is a list parameter sent as repeats, each possibly comma-separated.
func (c *call) queryList(name string) []string {
	return splitList(c.QueryArray(name))
}

func splitList(sent []string) []string {
	var values []string
	for _, some := range sent {
		values = append(values, strings.Split(some, ",")...)
	}
	return values
}

// jsonAnswer is the Content-Type of JSON.
const jsonAnswer = jsonContent + "; charset=utf-8"

// json answers with JSON as Backstage writes it: compact, HTML characters as they are, with a charset.
func (c *call) json(status int, body any) error {
	data, err := plainjson.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	c.Data(status, jsonAnswer, data)
	return nil
}

// checkQuery holds the query string to what the route declares.
func checkQuery(r *route, query url.Values) error {
	var problems []string
	for _, name := range sortedKeys(query) {
		i := slices.IndexFunc(r.query, func(p parameter) bool { return p.name == name })
		if i < 0 {
			if !r.looseQuery {
				return fault.New(fault.Input, "Unknown query parameter '%s'", name)
			}
			continue
		}
		if slices.Contains(query[name], "") && !r.looseQuery {
			return fault.New(fault.Input, "Empty value found for query parameter '%s'", name)
		}
		problems = append(problems, checkParameter(r.query[i], query[name])...)
	}
	for _, p := range r.query {
		if p.required && !query.Has(p.name) {
			problems = append(problems, fmt.Sprintf("request/query must have required property '%s'", p.name))
		}
	}
	if len(problems) > 0 {
		return fault.New(fault.Input, "%s", strings.Join(problems, ", "))
	}
	return nil
}

func checkParameter(p parameter, values []string) []string {
	at := "request/query/" + p.name
	switch p.kind {
	case integerParameter:
		n, err := strconv.Atoi(values[0])
		if err != nil || len(values) > 1 {
			return []string{at + " must be integer"}
		}
		if n < 0 {
			return []string{at + " must be >= 0"}
		}
	case timeParameter:
		if _, err := time.Parse(time.RFC3339, values[0]); err != nil || len(values) > 1 {
			return []string{at + ` must match format "date-time"`}
		}
	case textParameter:
		if len(values) > 1 {
			return []string{at + " must be string"}
		}
	case listParameter:
		isUnknown := func(value string) bool { return !slices.Contains(p.allowed, value) }
		if len(p.allowed) > 0 && slices.ContainsFunc(splitList(values), isUnknown) {
			return []string{at + " must be one of " + strings.Join(p.allowed, ", ")}
		}
	}
	return nil
}

// readBody reads and checks the JSON body of a route that takes one.
func readBody(r *route, request *http.Request, w http.ResponseWriter) ([]byte, error) {
	if r.body == nil {
		return nil, nil
	}
	data, err := readBounded(request, w, maxBody)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		if r.body.lines {
			return nil, nil
		}
		if r.body.optional {
			return []byte("{}"), nil
		}
		return nil, fault.New(fault.Input, "request must have required property 'body'")
	}
	mediaType, _, _ := mime.ParseMediaType(request.Header.Get("Content-Type"))
	if mediaType != jsonContent && !(r.body.lines && mediaType == linesContent) {
		return nil, fault.New(fault.Input, "unsupported media type %s", request.Header.Get("Content-Type"))
	}
	if err := checkJSON(data); err != nil {
		return nil, err
	}
	if r.body.unchecked {
		return data, nil
	}
	var document any
	if err := json.Unmarshal(data, &document); err != nil {
		return nil, fault.Wrap(fault.Input, err, "%s", err.Error())
	}
	if problems := check(r.body.schema, "request/body", document); len(problems) > 0 {
		return nil, fault.New(fault.Input, "%s", strings.Join(problems, ", "))
	}
	return data, nil
}

// readBounded reads the body, up to a size in bytes.
func readBounded(request *http.Request, w http.ResponseWriter, most int64) ([]byte, error) {
	// Only the body has to hurry: a deadline that stayed would end the request of a handler that takes its
	// time.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	data, err := io.ReadAll(http.MaxBytesReader(w, request.Body, most))
	_ = control.SetReadDeadline(time.Time{})
	if _, is := errors.AsType[*http.MaxBytesError](err); is {
		return nil, errTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, errTooSlow
	}
	if err != nil { // the caller stopped in the midst of it, or wrote no HTTP
		return nil, fault.Wrap(fault.Input, err, "The request body could not be read to its end: %s", err)
	}
	return data, nil
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
