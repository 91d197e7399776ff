package api

import (
	"net/http"
	"slices"
	"strings"
)

// access says who may call a route. Its zero value is refused at start-up: a route without a stated policy does not exist.
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

// authenticated routes want a principal; what it may do is asked of the decision point by the command behind the route.
var authenticated = access{kind: accessAuthenticated}

// open states why a route needs no credentials.
func open(reason string) access { return access{kind: accessOpen, reason: reason} }

// route is one HTTP operation: what serves it, who may call it, and what it takes. The router, the request checks and the
// OpenAPI document are all made from it.
type route struct {
	method string
	// path is relative to the plugin's mount point, with gin's :parameters.
	path    string
	access  access
	summary string
	// query lists every query parameter; any other is a 400, as in Backstage's OpenAPI-validated plugins.
	query []parameter
	// looseQuery lets undeclared query parameters pass, for the routes where Backstage does.
	looseQuery bool
	// body describes the JSON body, nil for a route without one.
	body *schema
	// answers documents the answers by status; the first is the success.
	answers []answer
	handle  func(c *call) error
}

type answer struct {
	status      int
	description string
	// content is the media type, "" for an empty body.
	content string
}

// ok documents the usual success: a 200 with JSON.
func ok(description string) []answer {
	return []answer{{http.StatusOK, description, "application/json"}}
}

// created documents a 201 with JSON.
func created(description string) []answer {
	return []answer{{http.StatusCreated, description, "application/json"}}
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
)

// parameter is one declared query parameter.
type parameter struct {
	name        string
	kind        parameterKind
	description string
	required    bool
}

func text(name, description string) parameter {
	return parameter{name: name, kind: textParameter, description: description}
}

func list(name, description string) parameter {
	return parameter{name: name, kind: listParameter, description: description}
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
