package api

import (
	"bytes"
	"cmp"
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
	n, isInteger := integerOf(c.Query(name))
	if !isInteger {
		return otherwise
	}
	return int(min(n, math.MaxInt32))
}

// integerOf reads a whole number as Backstage's validator does, for which text is a number if JavaScript's
// Number makes one of it: " 1", 1e1 and 0x1 are.
func integerOf(text string) (n float64, isInteger bool) {
	digits := strings.TrimSpace(text)
	if text == "" || strings.ContainsAny(digits, "_pPnN") { // what Go's numbers have and JavaScript's do not
		return 0, false
	}
	if digits == "" {
		return 0, true
	}
	if whole, err := strconv.ParseUint(digits, 0, 64); err == nil && len(digits) > 1 && digits[0] == '0' && digits[1] > '9' {
		return float64(whole), true // 0x, 0o and 0b
	}
	n, err := strconv.ParseFloat(digits, 64)
	return n, err == nil && n == math.Trunc(n)
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

// checkQuery holds the query string to what the route declares. It returns what is wrong, in the order of the declaration.
func checkQuery(r *route, query url.Values) (problems []string, err error) {
	for _, name := range sortedKeys(query) {
		i := slices.IndexFunc(r.query, func(p parameter) bool { return p.name == name })
		if i < 0 && !r.looseQuery {
			return nil, fault.New(fault.Input, "Unknown query parameter '%s'", name)
		}
		if i >= 0 && len(query[name]) == 1 && query[name][0] == "" && !r.looseQuery {
			return nil, fault.New(fault.Input, "Empty value found for query parameter '%s'", name)
		}
	}
	for _, p := range r.query {
		if p.required && !query.Has(p.name) {
			problems = append(problems, fmt.Sprintf("request/query must have required property '%s'", p.name))
		}
	}
	for _, p := range r.query {
		if query.Has(p.name) {
			problems = append(problems, checkParameter(p, query[p.name])...)
		}
	}
	return problems, nil
}

func checkParameter(p parameter, values []string) []string {
	at := "request/query/" + p.name
	switch p.kind {
	case integerParameter:
		n, isInteger := integerOf(values[0])
		if !isInteger || len(values) > 1 {
			return []string{at + " must be integer"}
		}
		if n < 0 && !p.signed {
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

// asDeclared is a query string in the form that the declaration of a route has, whatever form Backstage's reader
// (qs) takes for the same: lists as name[]=value and name[0]=value, semicolons and percent signs that
// escape nothing.
func asDeclared(raw string, r *route) string {
	if !strings.ContainsAny(raw, ";[%") {
		return raw
	}
	pairs := strings.Split(raw, "&")
	for i, pair := range pairs {
		name, value, hasValue := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			list, index, isIndexed := strings.Cut(decoded, "[")
			if index, isClosed := strings.CutSuffix(index, "]"); isIndexed && isClosed && isIndex(index) && r.hasList(list) {
				name = list
			}
		}
		pairs[i] = escaped(name)
		if hasValue {
			pairs[i] += "=" + escaped(value)
		}
	}
	return strings.Join(pairs, "&")
}

func isIndex(text string) bool {
	return strings.Trim(text, "0123456789") == ""
}

// escaped escapes what net/url refuses in a query string: semicolons, and percent signs without two digits.
func escaped(part string) string {
	part = strings.ReplaceAll(part, ";", "%3B")
	if _, err := url.QueryUnescape(part); err != nil {
		return strings.ReplaceAll(part, "%", "%25")
	}
	return part
}

// asFault is what is wrong with a request, nil for nothing: the first problem as Backstage's validator has it, and all of
// them where there is no such validator.
func (p plugin) asFault(problems []string) error {
	switch {
	case len(problems) == 0:
		return nil
	case p.id == "portico":
		return fault.New(fault.Input, "%s", strings.Join(problems, ", "))
	default:
		return fault.New(fault.Input, "%s", problems[0])
	}
}

// readBody reads the JSON body of a route that takes one, and returns what is wrong with it.
func readBody(r *route, request *http.Request, w http.ResponseWriter) (data []byte, problems []string, err error) {
	if r.body == nil {
		return nil, nil, nil
	}
	if data, err = readBounded(request, w, maxBody); err != nil {
		return nil, nil, err
	}
	sent := request.Header.Get("Content-Type")
	mediaType, _, _ := mime.ParseMediaType(sent)
	switch isEmpty := len(data) == 0; {
	case isEmpty && r.body.lines:
		return nil, nil, nil
	case r.body.optional && (isEmpty || sent == ""): // Backstage parses no body without a type
		return []byte("{}"), nil, nil
	case sent == "":
		return nil, nil, fault.New(fault.Input, "unsupported media type undefined")
	case isEmpty:
		return nil, nil, fault.New(fault.Input, "request must have required property 'body'")
	case mediaType != jsonContent && !(r.body.lines && mediaType == linesContent):
		return nil, nil, fault.New(fault.Input, "unsupported media type %s", cmp.Or(mediaType, sent))
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // a byte order mark
	if err := checkJSON(data); err != nil {
		return nil, nil, err
	}
	if r.body.unchecked {
		return data, nil, nil
	}
	if problem := syntaxProblem(data); problem != "" {
		return nil, nil, fault.New(fault.Input, "%s", problem)
	}
	var document any
	if err := json.Unmarshal(data, &document); err != nil {
		return nil, nil, fault.Wrap(fault.Input, err, "%s", err.Error())
	}
	return data, check(r.body.schema, "request/body", document), nil
}

// syntaxProblem is what Backstage's reader of bodies says of text that is not JSON, or no object or list.
func syntaxProblem(data []byte) string {
	text := bytes.TrimLeft(data, " \t\r\n")
	if len(text) > 0 && text[0] != '{' && text[0] != '[' {
		return plainjson.UnexpectedToken(data, len(data)-len(text))
	}
	return plainjson.SyntaxProblem(data)
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
