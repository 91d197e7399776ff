package search

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"go.yaml.in/yaml/v3"
)

const (
	// maxDefinition bounds the definition of an API whose operations are found, in bytes, and maxOperations these.
	maxDefinition = 4 << 20
	maxOperations = 1000
)

// apiDocument is the document of an operation or a schema of an API.
type apiDocument struct {
	// Title is the operation, such as GET /orders, and Text its description.
	Title string `json:"title"`
	Text  string `json:"text"`
	// Location is the page of the API.
	Location    string `json:"location"`
	Kind        string `json:"kind"`
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
	EntityTitle string `json:"entityTitle,omitempty"`
	Type        string `json:"type"`
	// Part is operation or schema.
	Part  string `json:"part"`
	Owner string `json:"owner"`
}

// part is an operation or a schema in a definition.
type part struct {
	part, title, text string
	// names are further names, such as that of an operation.
	names []string
}

// saveOperations writes the documents of the operations and schemas of APIs whose definitions are new.
func (x *Index) saveOperations(ctx context.Context, tx pgx.Tx, apis []described) error {
	if len(apis) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(apis))
	for i, d := range apis {
		ids[i] = d.id
	}
	stored, err := x.queries.SearchDigests(ctx, tx, TypeAPI, ids)
	if err != nil {
		return fmt.Errorf("read what is known of APIs: %w", err)
	}
	known := map[uuid.UUID]string{}
	for _, one := range stored {
		known[one.EntityID] = one.Digest
	}
	var rows []row
	var changed []uuid.UUID
	for _, d := range apis {
		mark := row{name: strconv.Itoa(format), title: d.about(), document: string(d.Spec.Definition)}.digest()
		if known[d.id] == mark {
			continue
		}
		changed = append(changed, d.id)
		made, err := d.operationRows(x.options.Places, mark)
		if err != nil {
			return err
		}
		rows = append(rows, made...)
	}
	if len(changed) == 0 {
		return nil
	}
	if err := x.queries.SearchDeleteSections(ctx, tx, TypeAPI, changed); err != nil {
		return fmt.Errorf("delete the operations of APIs: %w", err)
	}
	for some := range slices.Chunk(rows, batchSize) {
		if err := x.addRows(ctx, tx, TypeAPI, some); err != nil {
			return fmt.Errorf("write the operations of APIs: %w", err)
		}
	}
	return nil
}

// operationRows are the documents of an API's operations and schemas. mark identifies what they are made from.
func (d described) operationRows(places Places, mark string) ([]row, error) {
	parts := partsOf(string(d.Spec.Definition))
	rows := make([]row, 0, len(parts))
	location := strings.ToLower(fill(places.Catalog, d.Metadata.Namespace, d.Kind, d.Metadata.Name, ""))
	for _, p := range parts {
		document := apiDocument{Title: p.title, Text: bounded(p.text), Location: location, Kind: d.Kind, Namespace: d.Metadata.Namespace, Name: d.Metadata.Name,
			EntityTitle: string(d.Metadata.Title), Type: d.Spec.Type.or("other"), Part: p.part, Owner: d.ownerName()}
		encoded, err := encode(document)
		if err != nil {
			return nil, fmt.Errorf("encode an operation of %s: %w", d.ref, err)
		}
		rows = append(rows, row{entityID: d.id, entityRef: d.ref, title: clip(fold(p.title)), document: encoded, rest: clean(strings.Join(p.names, " ")),
			heading: clean(headingWords(append([]string{p.title}, p.names...)...)), tags: clean(headingWords(d.Metadata.Name, string(d.Metadata.Title))),
			inner: clean(strings.Join(innerWords(document.Text), " ")), facets: d.facets(), mark: mark})
	}
	return rows, nil
}

// partsOf finds operations and schemas in a definition: OpenAPI, Swagger and AsyncAPI as JSON or YAML, GraphQL, and protocol buffers. Of
// anything else it finds none.
func partsOf(definition string) []part {
	if definition == "" || len(definition) > maxDefinition {
		return nil
	}
	var document map[string]any
	if err := yaml.Unmarshal([]byte(definition), &document); err == nil && document != nil {
		return first(documentParts(document))
	}
	if found := protoParts(definition); len(found) > 0 {
		return first(found)
	}
	return first(graphParts(definition))
}

func first(parts []part) []part { return parts[:min(len(parts), maxOperations)] }

var methods = []string{"get", "put", "post", "delete", "patch", "head", "options", "trace"}

// documentParts are those of OpenAPI, Swagger and AsyncAPI.
func documentParts(document map[string]any) (parts []part) {
	paths := object(document["paths"])
	for _, path := range sortedKeys(paths) {
		item := object(paths[path])
		for _, method := range methods {
			if operation := object(item[method]); operation != nil {
				parts = append(parts, operationPart(strings.ToUpper(method)+" "+path, operation))
			}
		}
	}
	parts = append(parts, channelParts(document)...)
	schemas := object(object(document["components"])["schemas"])
	if schemas == nil {
		schemas = object(document["definitions"])
	}
	for _, name := range sortedKeys(schemas) {
		schema := object(schemas[name])
		fields := sortedKeys(object(schema["properties"]))
		parts = append(parts, part{"schema", name, joined(scalar(schema["description"]), strings.Join(fields, " ")), nil})
	}
	return parts
}

// channelParts are the channels of AsyncAPI, and what is done on them: in version 2 that is in the channels, in version 3 beside them.
func channelParts(document map[string]any) (parts []part) {
	channels := object(document["channels"])
	titles := map[string]string{}
	for _, name := range sortedKeys(channels) {
		channel := object(channels[name])
		titles[name] = cmp.Or(scalar(channel["address"]), name)
		found := operationPart(titles[name], channel)
		if titles[name] != name {
			found.names = append(found.names, name)
		}
		parts = append(parts, found)
		for _, direction := range []string{"publish", "subscribe"} {
			if operation := object(channel[direction]); operation != nil {
				parts = append(parts, operationPart(strings.ToUpper(direction)+" "+name, operation))
			}
		}
	}
	operations := object(document["operations"])
	for _, name := range sortedKeys(operations) {
		operation := object(operations[name])
		channel := strings.TrimPrefix(scalar(object(operation["channel"])["$ref"]), "#/channels/")
		found := operationPart(strings.TrimSpace(strings.ToUpper(scalar(operation["action"]))+" "+cmp.Or(titles[channel], name)), operation)
		found.names = append(found.names, name)
		parts = append(parts, found)
	}
	return parts
}

func operationPart(title string, operation map[string]any) part {
	var names []string
	if id := scalar(operation["operationId"]); id != "" {
		names = append(names, id)
	}
	return part{"operation", title, joined(scalar(operation["summary"]), scalar(operation["description"])), names}
}

func object(value any) map[string]any {
	found, _ := value.(map[string]any)
	return found
}

func scalar(value any) string {
	text, _ := value.(string)
	return text
}

func joined(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(text string) bool { return text == "" }), "\n")
}

var (
	protoService = regexp.MustCompile(`(?m)^\s*service\s+(\w+)`)
	protoPart    = regexp.MustCompile(`(?m)^\s*(service|rpc|message|enum)\s+(\w+)`)
)

// protoParts are the services, calls and messages of protocol buffers.
func protoParts(definition string) (parts []part) {
	if !protoService.MatchString(definition) && !strings.Contains(definition, "syntax = \"proto") {
		return nil
	}
	service := ""
	for _, found := range protoPart.FindAllStringSubmatch(definition, maxOperations) {
		switch kind, name := found[1], found[2]; kind {
		case "service":
			service = name
		case "rpc":
			parts = append(parts, part{"operation", service + "/" + name, "", []string{name}})
		default:
			parts = append(parts, part{"schema", name, "", nil})
		}
	}
	return parts
}

// maxTokens bounds the definition in GraphQL that is read.
const maxTokens = 500_000

// graphParts are the types of GraphQL, and the fields of its operations. A definition that is wrong has none.
func graphParts(definition string) (parts []part) {
	document, err := parser.ParseSchemaWithLimit(&ast.Source{Input: definition}, maxTokens)
	if err != nil {
		return nil
	}
	roots := map[string]ast.Operation{}
	if len(document.Schema) == 0 {
		roots = map[string]ast.Operation{"Query": ast.Query, "Mutation": ast.Mutation, "Subscription": ast.Subscription}
	}
	for _, schema := range slices.Concat(document.Schema, document.SchemaExtension) {
		for _, one := range schema.OperationTypes {
			roots[one.Type] = one.Operation
		}
	}
	for _, defined := range slices.Concat(document.Definitions, document.Extensions) {
		operation, isRoot := roots[defined.Name]
		var names []string
		for _, field := range defined.Fields {
			names = append(names, field.Name)
			if isRoot {
				parts = append(parts, part{"operation", string(operation) + " " + field.Name, field.Description, []string{field.Name}})
			}
		}
		for _, value := range defined.EnumValues {
			names = append(names, value.Name)
		}
		if !isRoot {
			parts = append(parts, part{"schema", defined.Name, joined(defined.Description, strings.Join(names, " ")), nil})
		}
	}
	return parts
}
