package api

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
)

// access is the policy of a route. The start refuses its zero value, so every route has a stated policy.
type access struct {
	kind   accessKind
	reason string
	// signsIn counts the requests of each address.
	signsIn bool
	// isForUsers refuses services, before anything else of the request is looked at.
	isForUsers bool
	// cookie accepts a limited user token too, also in the cookie that a browser sends by itself.
	cookie bool
	// opens, when not nil, reports whether the configuration opens the route for a request: its caller is nobody.
	opens func(*http.Request) bool
}

type accessKind int

const (
	accessUnstated accessKind = iota
	accessOpen
	accessAuthenticated
)

// authenticated routes need a principal. The command behind the route asks the decision point what the
// principal may do.
var authenticated = access{kind: accessAuthenticated}

// userCookie routes are authenticated, and accept the limited user token of a cookie too: what a page loads
// without a script. They only read. See issueCookie.
var userCookie = access{kind: accessAuthenticated, cookie: true}

// authenticatedUnless routes are authenticated, except for the requests for which the operator has decided
// otherwise.
func authenticatedUnless(opens func(*http.Request) bool) access {
	return access{kind: accessAuthenticated, opens: opens}
}

// forUsers routes are authenticated, and refuse services.
var forUsers = access{kind: accessAuthenticated, isForUsers: true}

// open routes need no credentials, for a stated reason.
func open(reason string) access { return access{kind: accessOpen, reason: reason} }

// signsIn routes are open, and limited for each address: see Limits.SignIn.
func signsIn(reason string) access { return access{kind: accessOpen, reason: reason, signsIn: true} }

// route is one HTTP operation: its handler, policy, parameters and responses. The router, the request checks
// and the OpenAPI document are derived from it.
type route struct {
	method string
	// path is relative to the plugin's mount point, with gin's :parameters.
	path    string
	access  access
	summary string
	// command means that the route changes something: with an Idempotency-Key it does so once.
	command bool
	// audit says what the audit log gets of the route. Every route but a GET states it.
	audit auditing
	// query lists every query parameter; any other is a 400, as in Backstage's OpenAPI-validated plugins.
	query []parameter
	// looseQuery accepts undeclared query parameters, for the routes on which Backstage does.
	looseQuery bool
	// body is the JSON body, nil for a route without one.
	body *body
	// form lists the fields of a body of the type application/x-www-form-urlencoded; nil for a route without
	// one. The handler reads and checks it.
	form []parameter
	// serve is the handler with its successful response.
	serve endpoint
	// fails are the kinds of failure besides those that every route of its kind has.
	fails []fault.Kind
	// also are further responses, without a body or with another than Backstage's error envelope.
	also []answer
}

var (
	// missing is the failure of a route that names a resource.
	missing = []fault.Kind{fault.NotFound}
	// conflicting is the failure of a route that needs a resource not to be there.
	conflicting = []fault.Kind{fault.Conflict}
	// missingOrConflicting are the failures of a route that needs a resource in some state.
	missingOrConflicting = []fault.Kind{fault.NotFound, fault.Conflict}
)

// hasList reports whether the route declares a list parameter of this name.
func (r *route) hasList(name string) bool {
	return slices.ContainsFunc(r.query, func(p parameter) bool { return p.name == name && p.kind == listParameter })
}

// answer is one possible response.
type answer struct {
	status      int
	description string
	// content is the media type, "" for an empty body.
	content string
	// shape is the Go type of the JSON, or of the data of each server-sent event; nil for an empty body.
	shape reflect.Type
}

const (
	jsonContent  = "application/json"
	formContent  = "application/x-www-form-urlencoded"
	eventContent = "text/event-stream"
	linesContent = "application/x-ndjson"
	htmlContent  = "text/html"
	textContent  = "text/plain"
	// anyContent is whatever another server answers.
	anyContent = "*/*"
)

// asJSON is a response with a T as JSON.
func asJSON[T any](status int, description string) answer {
	return answer{status, description, jsonContent, reflect.TypeFor[T]()}
}

// endpoint is a handler and its successful response.
type endpoint struct {
	answer
	handle func(c *call) error
	// piecemeal means that handle streams its response.
	piecemeal bool
}

// ok responds 200 with the result of handle.
func ok[T any](description string, handle func(c *call) (T, error)) endpoint {
	return replies(http.StatusOK, description, handle)
}

// created responds 201 with the result of handle.
func created[T any](description string, handle func(c *call) (T, error)) endpoint {
	return replies(http.StatusCreated, description, handle)
}

// accepted responds 202 with the result of handle.
func accepted[T any](description string, handle func(c *call) (T, error)) endpoint {
	return replies(http.StatusAccepted, description, handle)
}

func replies[T any](status int, description string, handle func(c *call) (T, error)) endpoint {
	return endpoint{answer: asJSON[T](status, description), handle: func(c *call) error {
		reply, err := handle(c)
		if err != nil {
			return err
		}
		return c.json(status, reply)
	}}
}

// stored responds 200 with a T as JSON that handle has encoded. It is for documents of the database, because
// encoding/json parses and copies every document that it is given.
func stored[T any](description string, handle func(c *call) ([]byte, error)) endpoint {
	return endpoint{answer: asJSON[T](http.StatusOK, description), handle: func(c *call) error {
		data, err := handle(c)
		if err != nil {
			return err
		}
		c.Data(http.StatusOK, jsonAnswer, data)
		return nil
	}}
}

// empty responds with a status and no body.
func empty(status int, description string, handle func(c *call) error) endpoint {
	return endpoint{answer: answer{status: status, description: description}, handle: func(c *call) error {
		if err := handle(c); err != nil {
			return err
		}
		c.Status(status)
		return nil
	}}
}

// redirects responds 302 with the address that handle returns.
func redirects(description string, handle func(c *call) (string, error)) endpoint {
	return endpoint{answer: answer{status: http.StatusFound, description: description}, handle: func(c *call) error {
		address, err := handle(c)
		if err != nil {
			return err
		}
		c.Redirect(http.StatusFound, address)
		return nil
	}}
}

// htmlPage responds 200 with a page, which handle writes itself.
func htmlPage(description string, handle func(c *call) error) endpoint {
	return endpoint{answer: answer{status: http.StatusOK, description: description, content: htmlContent}, handle: handle}
}

// writes responds 200 with a T as JSON, which handle writes itself.
func writes[T any](description string, handle func(c *call) error) endpoint {
	return endpoint{answer: asJSON[T](http.StatusOK, description), handle: handle, piecemeal: true}
}

// constant responds 200 with constant JSON of the shape T.
func constant[T any](description string, content []byte) endpoint {
	return writes[T](description, func(c *call) error {
		c.Data(http.StatusOK, jsonAnswer, content)
		return nil
	})
}

// streams responds 200 with server-sent events, which handle writes itself; the data of each is a T.
func streams[T any](description string, handle func(c *call) error) endpoint {
	return endpoint{answer: answer{http.StatusOK, description, eventContent, reflect.TypeFor[T]()}, handle: handle, piecemeal: true}
}

// plugin is a group of routes under one mount point: a Backstage plugin's /api/<id>, or the root for "".
type plugin struct {
	id     string
	routes []route
}

func (p plugin) mount() string {
	if p.id == "" {
		return ""
	}
	return "/api/" + p.id
}

// parameterKind is the type a query parameter is checked against.
type parameterKind string

const (
	textParameter    parameterKind = "string"
	integerParameter parameterKind = "integer"
	listParameter    parameterKind = "array"
	// timeParameter is a moment in RFC 3339.
	timeParameter parameterKind = "date-time"
)

// parameter is one declared query parameter.
type parameter struct {
	name        string
	kind        parameterKind
	description string
	required    bool
	// signed means that an integer may be negative.
	signed bool
	// allowed are the only values accepted, any when empty.
	allowed []string
	// page bounds the page size, for the parameter that sets it.
	page *pageSize
}

// pageSize bounds a page of a list.
type pageSize struct {
	// preset is the default page size; 0 returns a streamed list completely.
	preset int
	// most is the largest page size. A larger request gets this many; the rest is on the next pages.
	most int
}

// of is the size of a requested page.
func (s pageSize) of(asked int) int { return min(asked, s.most) }

// limit is the parameter for the page size.
func limit(size pageSize) parameter {
	p := integer("limit", fmt.Sprintf("how many on a page; more than %d are as many as that", size.most))
	p.page = &size
	return p
}

func text(name, description string) parameter {
	return parameter{name: name, kind: textParameter, description: description}
}

// moment is a time in RFC 3339.
func moment(name, description string) parameter {
	return parameter{name: name, kind: timeParameter, description: description}
}

func list(name, description string) parameter {
	return parameter{name: name, kind: listParameter, description: description}
}

// listOf is a list of allowed values, in the form that queryList reads.
func listOf[T ~string](name, description string, allowed ...T) parameter {
	p := list(name, description)
	for _, value := range allowed {
		p.allowed = append(p.allowed, string(value))
	}
	return p
}

// integer is a whole number that is not negative.
func integer(name, description string) parameter {
	return parameter{name: name, kind: integerParameter, description: description}
}

func required(p parameter) parameter {
	p.required = true
	return p
}

// pathParameters lists the names of the :parameters and *wildcards in a gin path, in order.
func pathParameters(path string) []string {
	var names []string
	for segment := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(segment, ":") || strings.HasPrefix(segment, "*") {
			names = append(names, segment[1:])
		}
	}
	return slices.Clip(names)
}
