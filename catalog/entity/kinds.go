package entity

import (
	"regexp"
	"slices"
)

// The schema that a document must satisfy before anything reads it, and the schema of a whole entity.
var (
	envelopeSchema = record([]string{"apiVersion", "kind", "metadata"},
		property{"apiVersion", nonEmpty}, property{"kind", nonEmpty},
		property{"metadata", record([]string{"name"}, property{"name", nonEmpty}, property{"namespace", nonEmpty})})

	entitySchema = closed(record([]string{"apiVersion", "kind", "metadata"},
		property{"apiVersion", nonEmpty}, property{"kind", nonEmpty}, property{"metadata", metadataSchema},
		property{"spec", record(nil)}, property{"relations", list(relationSchema)}, property{"status", statusSchema}))

	metadataSchema = record([]string{"name"},
		property{"uid", nonEmpty}, property{"etag", nonEmpty}, property{"name", nonEmpty}, property{"namespace", nonEmpty},
		property{"title", nonEmpty}, property{"description", anyText},
		property{"labels", textMap}, property{"annotations", textMap},
		property{"tags", list(nonEmpty)},
		property{"links", list(record([]string{"url"},
			property{"url", nonEmpty}, property{"title", nonEmpty}, property{"icon", nonEmpty}, property{"type", nonEmpty}))})

	relationSchema = closed(record([]string{"type", "targetRef"},
		property{"type", &schema{types: []string{"string"}, minLength: 1, pattern: regexp.MustCompile(`^\w+$`)}},
		property{"target", closed(record([]string{"kind", "namespace", "name"},
			property{"kind", nonEmpty}, property{"namespace", nonEmpty}, property{"name", nonEmpty}))},
		property{"targetRef", nonEmpty}))

	statusSchema = record(nil, property{"items", list(record([]string{"type", "level", "message"},
		property{"type", nonEmpty}, property{"level", oneOf("info", "warning", "error")}, property{"message", anyText},
		property{"error", record([]string{"name", "message"},
			property{"name", nonEmpty}, property{"message", anyText}, property{"code", anyText}, property{"stack", anyText})}))})
)

// The schemas of the specs, by kind.
var (
	coreVersions     = []string{"backstage.io/v1alpha1", "backstage.io/v1beta1"}
	templateVersions = []string{"scaffolder.backstage.io/v1beta3"}

	kinds = map[string]kind{
		"Component": {versions: coreVersions, processor: coreProcessor, description: "A piece of software: a service, a website, a library",
			spec: owned("type", "lifecycle", "owner")(
				property{"type", nonEmpty}, property{"lifecycle", nonEmpty}, property{"owner", nonEmpty}, owners,
				property{"system", nonEmpty}, property{"subcomponentOf", nonEmpty},
				property{"providesApis", list(nonEmpty)}, property{"consumesApis", list(nonEmpty)}, property{"dependsOn", list(nonEmpty)})},
		"API": {versions: coreVersions, processor: coreProcessor, description: "An interface that components provide and consume",
			spec: owned("type", "lifecycle", "owner", "definition")(
				property{"type", nonEmpty}, property{"lifecycle", nonEmpty}, property{"owner", nonEmpty}, owners,
				property{"system", nonEmpty}, property{"definition", nonEmpty}),
			types: map[string]*schema{mcpServer: mcpServerSpec}},
		"Resource": {versions: coreVersions, processor: coreProcessor, description: "What software needs to run: a database, a bucket, a cluster",
			spec: owned("type", "owner")(
				property{"type", nonEmpty}, property{"owner", nonEmpty}, owners, property{"dependsOn", list(nonEmpty)}, property{"system", nonEmpty})},
		"System": {versions: coreVersions, processor: coreProcessor, description: "Components, APIs and resources that serve one purpose",
			spec: owned("owner")(property{"owner", nonEmpty}, owners, property{"domain", nonEmpty}, property{"type", nonEmpty})},
		"Domain": {versions: coreVersions, processor: coreProcessor, description: "A part of the business, with its systems",
			spec: owned("owner")(property{"owner", nonEmpty}, owners, property{"subdomainOf", nonEmpty}, property{"type", nonEmpty})},
		"Group": {versions: coreVersions, processor: coreProcessor, description: "People: a team, a department", spec: record([]string{"type", "children"},
			property{"type", nonEmpty}, property{"profile", profileSchema}, property{"parent", nonEmpty},
			property{"children", list(nonEmpty)}, property{"members", list(nonEmpty)})},
		"User": {versions: coreVersions, processor: coreProcessor, description: "A person", spec: record([]string{"memberOf"},
			property{"profile", profileSchema}, property{"memberOf", list(nonEmpty)})},
		"Location": {versions: coreVersions, processor: coreProcessor, description: "Where further descriptors are", spec: record(nil,
			property{"type", nonEmpty}, property{"target", nonEmpty}, property{"targets", list(nonEmpty)},
			property{"presence", oneOf(PresenceRequired, PresenceOptional)})},
		"Template": {versions: templateVersions, processor: "ScaffolderEntitiesProcessor", description: "What people start runs from", spec: templateSpec},
		"AiResource": {versions: coreVersions[:1], processor: coreProcessor, description: "What tools with artificial intelligence use: skills, rules, plugins, marketplaces",
			spec: owned("type", "lifecycle", "owner")(aiResource...),
			types: map[string]*schema{
				"skill": owned("type", "lifecycle", "owner")(append(slices.Clone(aiResource),
					property{"disciplines", list(nonEmpty)}, property{"categories", list(nonEmpty)}, property{"agents", list(nonEmpty)},
					property{"dependsOn", list(nonEmpty)}, property{"license", nonEmpty},
					property{"compatibility", &schema{types: []string{"string"}, minLength: 1, maxLength: 500}})...),
				"rule":        owned("type", "lifecycle", "owner", "category", "rationale")(append(slices.Clone(aiResource), property{"category", nonEmpty}, property{"rationale", nonEmpty})...),
				"plugin":      owned("type", "lifecycle", "owner", "skills")(append(slices.Clone(aiResource), property{"skills", list(nonEmpty)})...),
				"marketplace": owned("type", "lifecycle", "owner", "plugins")(append(slices.Clone(aiResource), property{"plugins", list(nonEmpty)})...),
			}},
	}

	// owners are several owners, in place of one or beside it.
	owners = property{"owners", &schema{types: []string{"array"}, items: nonEmpty, minItems: 1}}

	aiResource = []property{{"type", nonEmpty}, {"lifecycle", nonEmpty}, {"owner", nonEmpty}, owners, {"system", nonEmpty}}

	// mcpServerSpec is the spec of an API that is a server of the Model Context Protocol: it has addresses in place of a
	// definition.
	mcpServerSpec = owned("type", "lifecycle", "owner", "remotes")(
		property{"type", nonEmpty}, property{"lifecycle", nonEmpty}, property{"owner", nonEmpty}, owners, property{"system", nonEmpty},
		property{"remotes", &schema{types: []string{"array"}, minItems: 1, items: record([]string{"type", "url"}, property{"type", nonEmpty}, property{"url", nonEmpty})}})

	profileSchema = record(nil,
		property{"displayName", nonEmpty}, property{"email", nonEmpty}, property{"picture", nonEmpty})

	templateSpec = record([]string{"type", "steps"},
		property{"type", nonEmpty}, property{"owner", nonEmpty}, owners, property{"lifecycle", nonEmpty},
		property{"parameters", &schema{oneOf: []*schema{parametersPage, list(parametersPage)}}},
		property{"secrets", record(nil, property{"schema", record(nil)})},
		property{"presentation", record(nil, property{"buttonLabels", record(nil,
			property{"backButtonText", anyText}, property{"createButtonText", anyText}, property{"reviewButtonText", anyText})})},
		property{"EXPERIMENTAL_recovery", record(nil, property{"EXPERIMENTAL_strategy", anyText})},
		property{"formDecorators", formDecorators}, property{"EXPERIMENTAL_formDecorators", formDecorators},
		property{"steps", list(record([]string{"action"},
			property{"id", anyText}, property{"name", anyText}, property{"action", anyText}, property{"input", record(nil)},
			property{"if", condition}, permissions))},
		property{"output", outputSchema})

	parametersPage = record(nil, permissions)
	permissions    = property{"backstage:permissions", record(nil, property{"tags", list(anyText)})}
	formDecorators = list(record(nil, property{"id", anyText}, property{"input", record(nil)}))
	outputSchema   = withOthers(anyText, record(nil,
		property{"links", list(record(nil, property{"if", condition}, property{"url", nonEmpty}, property{"entityRef", nonEmpty},
			property{"title", nonEmpty}, property{"icon", nonEmpty}))},
		property{"text", list(record(nil, property{"if", condition}, property{"title", nonEmpty}, property{"icon", nonEmpty},
			property{"content", anyText}))}))
)

const (
	coreProcessor = "BuiltinKindsEntityProcessor"
	mcpServer     = "mcp-server"
)

// kind is the schema of a known kind.
type kind struct {
	versions []string
	// processor is the name of the Backstage processor of the kind. Error messages contain it.
	processor   string
	description string
	spec        *schema
	// types are the specs of single types, in place of spec.
	types map[string]*schema
}

// check checks the spec of an entity of the kind.
func (k kind) check(e Entity) *violation {
	spec := k.spec
	if typed, has := k.types[e.Type()]; has && !isDefined(e) {
		spec = typed
	}
	required := &schema{required: []string{"spec"}, properties: []property{{"spec", spec}}}
	return required.check(map[string]any(e), "")
}

// isDefined reports whether an entity is an MCP server with a definition in place of addresses, as Backstage takes it
// without the layer of the type.
func isDefined(e Entity) bool {
	_, defined := e.Spec()["definition"]
	_, remote := e.Spec()["remotes"]
	return e.Type() == mcpServer && defined && !remote
}

var (
	anyText   = &schema{types: []string{"string"}}
	nonEmpty  = &schema{types: []string{"string"}, minLength: 1}
	condition = &schema{types: []string{"string", "boolean"}}
	textMap   = withOthers(anyText, record(nil))
)

func record(required []string, properties ...property) *schema {
	return &schema{types: []string{"object"}, required: required, properties: properties}
}

// owned is a record with an owner, or with owners in its place.
func owned(required ...string) func(properties ...property) *schema {
	return func(properties ...property) *schema {
		of := record(required, properties...)
		of.instead = map[string]string{"owner": owners.name}
		return of
	}
}

func list(items *schema) *schema { return &schema{types: []string{"array"}, items: items} }

func oneOf(values ...string) *schema { return &schema{types: []string{"string"}, enum: values} }

func closed(of *schema) *schema {
	of.closed = true
	return of
}

func withOthers(others, of *schema) *schema {
	of.others = others
	return of
}
