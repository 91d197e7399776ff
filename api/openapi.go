package api

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/idempotency"
	"github.com/portico-dev/portico/plainjson"
)

//go:generate go test -run TestTheStoredDocumentIsUpToDate . -update
//go:generate npm --prefix ../tools/openapi-types run --silent generate

// description builds the OpenAPI 3.1 document. It uses the router's own table, so the two cannot disagree.
type description struct {
	paths map[string]map[string]any
	// reflector describes types; schemas are the named ones, and types are their Go types.
	reflector *jsonschema.Reflector
	schemas   jsonschema.Definitions
	types     map[string]reflect.Type
	// err is the first error.
	err error
}

func newDescription() *description {
	d := &description{paths: map[string]map[string]any{}, reflector: newReflector(), schemas: jsonschema.Definitions{},
		types: map[string]reflect.Type{}}
	d.reflector.Namer = d.name
	return d
}

// describeOpenAPI writes the OpenAPI document of every mounted route.
func describeOpenAPI(plugins []plugin, version string) ([]byte, error) {
	d := newDescription()
	for _, p := range plugins {
		for _, r := range p.routes {
			path := openAPIPath(p.mount() + r.path)
			if d.paths[path] == nil {
				d.paths[path] = map[string]any{}
			}
			d.paths[path][strings.ToLower(r.method)] = d.operation(p, r)
		}
	}
	document, err := plainjson.Marshal(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "Portico", "version": version,
			"description": "Backstage's HTTP API, with Portico's own routes under /api/portico.",
			"license":     map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers": []any{map[string]any{"url": "/"}},
		"paths":   d.paths,
		"components": map[string]any{
			"securitySchemes": map[string]any{
				"bearer": map[string]any{"type": "http", "scheme": "bearer"},
				"cookie": map[string]any{"type": "apiKey", "in": "cookie", "name": userCookieName},
			},
			"responses": d.envelopes(),
			"schemas":   d.schemas,
		},
	})
	if err := errors.Join(err, d.err); err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	// Named types of jsonschema are among the components here.
	return bytes.ReplaceAll(document, []byte(definitions), []byte("#/components/schemas/")), nil
}

func (d *description) operation(p plugin, r route) map[string]any {
	operation := map[string]any{
		"operationId": operationID(p, r),
		"summary":     r.summary,
		"tags":        []string{tag(p)},
		"responses":   d.responses(r),
	}
	if parameters := describeParameters(r); len(parameters) > 0 {
		operation["parameters"] = parameters
	}
	if r.body != nil {
		taken := content(jsonContent, d.schema(r.body.shape))
		if r.body.lines {
			taken[linesContent] = map[string]any{"schema": map[string]any{"type": "string", "description": "an item of the list on each line"}}
		}
		operation["requestBody"] = map[string]any{"required": !r.body.optional, "content": taken}
	}
	if r.form != nil {
		operation["requestBody"] = map[string]any{"required": true, "content": content(formContent, describeForm(r.form))}
	}
	operation["security"] = describeSecurity(r.access)
	if r.access.kind != accessAuthenticated {
		operation["description"] = "Open: " + r.access.reason + "."
	}
	return operation
}

// describeSecurity lists the kinds of credentials, each of which suffices.
func describeSecurity(of access) []any {
	kinds := []any{}
	if of.kind == accessAuthenticated {
		kinds = append(kinds, map[string]any{"bearer": []string{}})
	}
	if of.cookie {
		kinds = append(kinds, map[string]any{"cookie": []string{}})
	}
	return kinds
}

func describeForm(fields []parameter) map[string]any {
	properties, needed := map[string]any{}, []string{}
	for _, field := range fields {
		properties[field.name] = map[string]any{"type": string(field.kind), "description": field.description}
		if field.required {
			needed = append(needed, field.name)
		}
	}
	return map[string]any{"type": "object", "properties": properties, "required": needed}
}

func describeParameters(r route) []any {
	var parameters []any
	for _, name := range pathParameters(r.path) {
		parameters = append(parameters, map[string]any{"name": name, "in": "path", "required": true,
			"schema": map[string]any{"type": "string"}})
	}
	for _, q := range r.query {
		shape := map[string]any{"type": string(q.kind)}
		if q.kind == listParameter {
			shape["items"] = describeItems(q)
		}
		if q.kind == timeParameter {
			shape = map[string]any{"type": "string", "format": string(timeParameter)}
		}
		if q.kind == integerParameter && !q.signed {
			shape["minimum"] = 0
		}
		if q.page != nil && q.page.preset > 0 {
			shape["default"] = q.page.preset
		}
		parameters = append(parameters, map[string]any{"name": q.name, "in": "query", "required": q.required,
			"description": q.description, "schema": shape})
	}
	if r.command {
		parameters = append(parameters, map[string]any{"name": keyHeader, "in": "header", "required": false,
			"description": fmt.Sprintf("a key of your own for this command, such as a UUID: the same request with the same key is answered for %d hours "+
				"what the first was, with the header %s, and changes nothing again", int(idempotency.Retention.Hours()), replayedHeader),
			"schema": map[string]any{"type": "string", "minLength": 1, "maxLength": maxKey}})
	}
	return parameters
}

func describeItems(list parameter) map[string]any {
	items := map[string]any{"type": "string"}
	if len(list.allowed) > 0 {
		items["enum"] = list.allowed
	}
	return items
}

// responses are all responses of the route.
func (d *description) responses(r route) map[string]any {
	responses := map[string]any{"default": failureReference("Error")}
	for _, kind := range failures(r) {
		responses[strconv.Itoa(statuses[kind])] = failureReference(string(kind))
	}
	if r.access.kind == accessAuthenticated || r.access.signsIn {
		responses[strconv.Itoa(errTooMany.status)] = failureReference(errTooMany.name)
	}
	if r.body != nil || r.form != nil {
		for _, e := range bodyFailures {
			responses[strconv.Itoa(e.status)] = failureReference(e.name)
		}
	}
	if r.command {
		responses[strconv.Itoa(errUnderWay.status)] = failureReference(errUnderWay.name)
		responses[strconv.Itoa(errKeyReused.status)] = failureReference(errKeyReused.name)
	}
	for _, a := range r.also {
		if a.shape == nil {
			responses[strconv.Itoa(a.status)] = d.response(a)
			continue
		}
		status, schema := strconv.Itoa(a.status), d.schema(a.shape)
		if _, enveloped := responses[status]; enveloped {
			schema = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{d.schema(reflect.TypeFor[errorEnvelope]()), schema}}
		}
		responses[status] = map[string]any{"description": a.description, "content": content(a.content, schema)}
	}
	responses[strconv.Itoa(r.serve.status)] = d.response(r.serve.answer)
	return responses
}

// failures are the kinds of failure that the route returns in an error envelope. Any route rejects an invalid
// query string.
func failures(r route) []fault.Kind {
	kinds := []fault.Kind{fault.Input}
	if r.access.kind == accessAuthenticated {
		kinds = append(kinds, fault.Authentication, fault.NotAllowed)
	}
	return append(kinds, r.fails...)
}

func (d *description) response(a answer) map[string]any {
	described := map[string]any{"description": a.description}
	switch a.content {
	case jsonContent:
		described["content"] = content(a.content, d.schema(a.shape))
	case htmlContent, anyContent, textContent:
		described["content"] = content(a.content, map[string]any{"type": "string"})
	case eventContent:
		described["content"] = content(a.content, map[string]any{
			"type":             "string",
			"description":      "Server-sent events, named after their type. contentSchema describes the JSON in the data of each.",
			"contentMediaType": eventContent,
			"contentSchema":    d.schema(a.shape),
		})
	}
	return described
}

// envelopes are the responses in Backstage's error envelope, by the name of the error.
func (d *description) envelopes() map[string]any {
	envelope := content(jsonContent, d.schema(reflect.TypeFor[errorEnvelope]()))
	described := map[string]any{"Error": map[string]any{"description": "what went wrong, in Backstage's error envelope", "content": envelope}}
	for kind, status := range statuses {
		described[string(kind)] = map[string]any{"description": http.StatusText(status), "content": envelope}
	}
	for _, e := range slices.Concat(bodyFailures, []*statusError{errTooMany, errKeyReused}) {
		described[e.name] = map[string]any{"description": e.message, "content": envelope}
	}
	return described
}

func failureReference(name string) map[string]any {
	return map[string]any{"$ref": "#/components/responses/" + name}
}

func content(mediaType string, schema any) map[string]any {
	return map[string]any{mediaType: map[string]any{"schema": schema}}
}

// name is the name of a type's schema. Two types with the same name are an error.
func (d *description) name(t reflect.Type) string {
	name := typeName(t)
	other, taken := d.types[name]
	if name != "" && taken && other != t && d.err == nil {
		d.err = fmt.Errorf("%s and %s are both called %s", other, t, name)
	}
	d.types[name] = t
	return name
}

// schema describes a type; its named types become components.
func (d *description) schema(t reflect.Type) *jsonschema.Schema {
	s := d.reflector.ReflectFromType(t)
	maps.Copy(d.schemas, s.Definitions)
	s.Version, s.Definitions = "", nil
	return s
}

func tag(p plugin) string {
	if p.id == "" {
		return "root"
	}
	return p.id
}

// operationID builds an operation's name from its method and path:
// get_catalog_entities_by_name_kind_namespace_name.
func operationID(p plugin, r route) string {
	words := strings.FieldsFunc(p.id+r.path, func(c rune) bool { return !isWordCharacter(c) })
	return strings.ToLower(fmt.Sprintf("%s_%s", r.method, strings.Join(words, "_")))
}

func isWordCharacter(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// openAPIPath turns gin's :name and *name into {name}.
func openAPIPath(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if strings.HasPrefix(segment, ":") || strings.HasPrefix(segment, "*") {
			segments[i] = "{" + segment[1:] + "}"
		}
	}
	return strings.Join(segments, "/")
}
