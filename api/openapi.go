package api

import (
	"fmt"
	"strconv"
	"strings"
)

// describeOpenAPI writes the OpenAPI 3.1 document of every mounted route. It is made from the same table as the router,
// so the two cannot disagree.
func describeOpenAPI(plugins []plugin, version string) map[string]any {
	paths := map[string]map[string]any{}
	for _, p := range plugins {
		for _, r := range p.routes {
			path := openAPIPath(p.mount() + r.path)
			if paths[path] == nil {
				paths[path] = map[string]any{}
			}
			paths[path][strings.ToLower(r.method)] = describeRoute(p, r)
		}
	}
	return map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "Portico", "version": version,
			"description": "Backstage's HTTP API, with Portico's own routes under /api/portico.",
			"license":     map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers": []any{map[string]any{"url": "/"}},
		"paths":   paths,
		"components": map[string]any{
			"securitySchemes": map[string]any{"bearer": map[string]any{"type": "http", "scheme": "bearer"}},
			"schemas":         map[string]any{"Error": errorSchema()},
		},
	}
}

func describeRoute(p plugin, r route) map[string]any {
	operation := map[string]any{
		"operationId": operationID(p, r),
		"summary":     r.summary,
		"tags":        []string{tag(p)},
		"responses":   describeAnswers(r),
	}
	if parameters := describeParameters(r); len(parameters) > 0 {
		operation["parameters"] = parameters
	}
	if r.body != nil {
		operation["requestBody"] = map[string]any{
			"required": !r.body.optional,
			"content":  map[string]any{"application/json": map[string]any{"schema": r.body.openAPI()}},
		}
	}
	if r.access.kind == accessAuthenticated {
		operation["security"] = []any{map[string]any{"bearer": []string{}}}
	} else {
		operation["security"] = []any{}
		operation["description"] = "Open: " + r.access.reason + "."
	}
	return operation
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
			shape["items"] = map[string]any{"type": "string"}
		}
		if q.kind == integerParameter {
			shape["minimum"] = 0
		}
		parameters = append(parameters, map[string]any{"name": q.name, "in": "query", "required": q.required,
			"description": q.description, "schema": shape})
	}
	return parameters
}

func describeAnswers(r route) map[string]any {
	answers := map[string]any{}
	for _, a := range r.answers {
		described := map[string]any{"description": a.description}
		if a.content != "" {
			described["content"] = map[string]any{a.content: map[string]any{}}
		}
		answers[strconv.Itoa(a.status)] = described
	}
	failure := map[string]any{"description": "what went wrong, in Backstage's error envelope", "content": map[string]any{
		"application/json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/Error"}}}}
	answers["default"] = failure
	return answers
}

func errorSchema() map[string]any {
	object := func(required []string, properties map[string]any) map[string]any {
		return map[string]any{"type": "object", "required": required, "properties": properties}
	}
	text := map[string]any{"type": "string"}
	return object([]string{"error", "request", "response"}, map[string]any{
		"error":    object([]string{"name", "message"}, map[string]any{"name": text, "message": text}),
		"request":  object([]string{"method", "url"}, map[string]any{"method": text, "url": text}),
		"response": object([]string{"statusCode"}, map[string]any{"statusCode": map[string]any{"type": "integer"}}),
	})
}

func tag(p plugin) string {
	if p.id == "" {
		return "root"
	}
	return p.id
}

// operationID names an operation after its method and path: get_catalog_entities_by_name_kind_namespace_name.
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
