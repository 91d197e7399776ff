package api

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
)

// access says who may call a route. Its zero value is refused at start-up: a route without a stated policy
// does not exist.
type access struct {
	kind   accessKind
	reason string
}

type accessKind int

const (
	accessUnstated accessKind = iota
	accessOpen
	accessAuthenticated
)

// authenticated routes want a principal; what it may do is asked of the decision point by the command behind
// the route.
var authenticated = access{kind: accessAuthenticated}

// open states why a route needs no credentials.
func open(reason string) access { return access{kind: accessOpen, reason: reason} }

// route is one HTTP operation: what serves it, who may call it, what it takes and what it answers. The
// router, the request checks and the OpenAPI document are all made from it.
type route struct {
	method string
	// path is relative to the plugin's mount point, with gin's :parameters.
	path    string
	access  access
	summary string
	// command says that the route changes something: an Idempotency-Key makes it do so once.
	command bool
	// query lists every query parameter; any other is a 400, as in Backstage's OpenAPI-validated plugins.
	query []parameter
	// looseQuery lets undeclared query parameters pass, for the routes where Backstage does.
	looseQuery bool
	// body is the JSON body, nil for a route without one.
	body *body
	// serve is what does it, and what the answer is.
	serve endpoint
	// fails are the failures to reckon with, beside those that every route of its kind has.
	fails []fault.Kind
	// also are the answers that are neither serve's nor Backstage's error envelope.
	also []answer
}

var (
	// missing is how a route fails that names a thing.
	missing = []fault.Kind{fault.NotFound}
	// missingOrConflicting is how one fails that wants the thing to be in some state.
	missingOrConflicting = []fault.Kind{fault.NotFound, fault.Conflict}
)

// answer is what a client may get.
type answer struct {
	status      int
	description string
	// content is the media type, "" for an empty body.
	content string
	// shape is the Go type that is written as JSON, or as the data of each server-sent event; nil for an
	// empty body.
	shape reflect.Type
}

const (
	jsonContent  = "application/json"
	eventContent = "text/event-stream"
)

// asJSON is an answer with a T as JSON.
func asJSON[T any](status int, description string) answer {
	return answer{status, description, jsonContent, reflect.TypeFor[T]()}
}

// endpoint serves a route. Its answer is the one when all went well.
type endpoint struct {
	answer
	handle func(c *call) error
	// piecemeal says that handle writes while it works.
	piecemeal bool
}

// ok answers 200 with what handle returns.
func ok[T any](description string, handle func(c *call) (T, error)) endpoint {
	return replies(http.StatusOK, description, handle)
}

// created answers 201 with what handle returns.
func created[T any](description string, handle func(c *call) (T, error)) endpoint {
	return replies(http.StatusCreated, description, handle)
}

// accepted answers 202 with what handle returns.
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

// empty answers with a status alone.
func empty(status int, description string, handle func(c *call) error) endpoint {
	return endpoint{answer: answer{status: status, description: description}, handle: func(c *call) error {
		if err := handle(c); err != nil {
			return err
		}
		c.Status(status)
		return nil
	}}
}

// writes answers 200 with a T as JSON that handle itself writes.
func writes[T any](description string, handle func(c *call) error) endpoint {
	return endpoint{answer: asJSON[T](http.StatusOK, description), handle: handle, piecemeal: true}
}

// constant answers 200 with JSON that is always the same, and is a T.
func constant[T any](description string, content []byte) endpoint {
	return writes[T](description, func(c *call) error {
		c.Data(http.StatusOK, jsonAnswer, content)
		return nil
	})
}

// streams answers 200 with server-sent events that handle itself writes; the data of each is a T.
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
	// allowed are the only values there are, any when empty.
	allowed []string
	// page bounds the size of a page, for the parameter that asks for one.
	page *pageSize
}

// pageSize bounds a page of a list.
type pageSize struct {
	// preset is how many there are when no number is asked for; 0, of a list that is streamed, is all.
	preset int
	// most is the largest page. Whoever asks for more gets as many as that, and finds the rest on the pages
	// that follow.
	most int
}

// of is the size of the page that was asked for.
func (s pageSize) of(asked int) int { return min(asked, s.most) }

// limit is the parameter that asks for the size of a page.
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

// listOf is a list, as queryList reads it, of no other values than these.
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

// pathParameters are the names of the :parameters and *wildcards in a gin path, in order.
func pathParameters(path string) []string {
	var names []string
	for segment := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(segment, ":") || strings.HasPrefix(segment, "*") {
			names = append(names, segment[1:])
		}
	}
	return slices.Clip(names)
}
