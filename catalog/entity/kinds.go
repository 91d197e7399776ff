package entity

import "regexp"

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
		"Component": {versions: coreVersions, processor: coreProcessor, spec: record([]string{"type", "lifecycle", "owner"},
			property{"type", nonEmpty}, property{"lifecycle", nonEmpty}, property{"owner", nonEmpty},
			property{"system", nonEmpty}, property{"subcomponentOf", nonEmpty},
			property{"providesApis", list(nonEmpty)}, property{"consumesApis", list(nonEmpty)}, property{"dependsOn", list(nonEmpty)})},
		"API": {versions: coreVersions, processor: coreProcessor, spec: record([]string{"type", "lifecycle", "owner", "definition"},
			property{"type", nonEmpty}, property{"lifecycle", nonEmpty}, property{"owner", nonEmpty},
			property{"system", nonEmpty}, property{"definition", nonEmpty})},
		"Resource": {versions: coreVersions, processor: coreProcessor, spec: record([]string{"type", "owner"},
			property{"type", nonEmpty}, property{"owner", nonEmpty}, property{"dependsOn", list(nonEmpty)}, property{"system", nonEmpty})},
		"System": {versions: coreVersions, processor: coreProcessor, spec: record([]string{"owner"},
			property{"owner", nonEmpty}, property{"domain", nonEmpty}, property{"type", nonEmpty})},
		"Domain": {versions: coreVersions, processor: coreProcessor, spec: record([]string{"owner"},
			property{"owner", nonEmpty}, property{"subdomainOf", nonEmpty}, property{"type", nonEmpty})},
		"Group": {versions: coreVersions, processor: coreProcessor, spec: record([]string{"type", "children"},
			property{"type", nonEmpty}, property{"profile", profileSchema}, property{"parent", nonEmpty},
			property{"children", list(nonEmpty)}, property{"members", list(nonEmpty)})},
		"User": {versions: coreVersions, processor: coreProcessor, spec: record([]string{"memberOf"},
			property{"profile", profileSchema}, property{"memberOf", list(nonEmpty)})},
		"Location": {versions: coreVersions, processor: coreProcessor, spec: record(nil,
			property{"type", nonEmpty}, property{"target", nonEmpty}, property{"targets", list(nonEmpty)},
			property{"presence", oneOf(PresenceRequired, PresenceOptional)})},
		"Template": {versions: templateVersions, processor: "ScaffolderEntitiesProcessor", spec: templateSpec},
	}

	profileSchema = record(nil,
		property{"displayName", nonEmpty}, property{"email", nonEmpty}, property{"picture", nonEmpty})

	templateSpec = record([]string{"type", "steps"},
		property{"type", nonEmpty}, property{"owner", nonEmpty}, property{"lifecycle", nonEmpty},
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

const coreProcessor = "BuiltinKindsEntityProcessor"

// kind is the schema of a known kind.
type kind struct {
	versions []string
	// processor is the name of the Backstage processor of the kind. Error messages contain it.
	processor string
	spec      *schema
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
