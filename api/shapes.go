package api

import "github.com/invopop/jsonschema"

// The types of this file describe documents that are passed on byte for byte. No values of them exist.

// Entity is an entity of the catalog. Its kind defines its spec; metadata may have further members.
type Entity struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   entityMetadata `json:"metadata"`
	Spec       object         `json:"spec,omitempty"`
	Relations  []relation     `json:"relations,omitempty"`
	Status     *entityStatus  `json:"status,omitempty"`
}

type entityMetadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace,omitempty"`
	UID         string            `json:"uid,omitempty"`
	Etag        string            `json:"etag,omitempty"`
	Title       string            `json:"title,omitempty"`
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Tags        []string          `json:"tags,omitempty"`
	Links       []entityLink      `json:"links,omitempty"`
}

type entityLink struct {
	URL   string `json:"url"`
	Title string `json:"title,omitempty"`
	Icon  string `json:"icon,omitempty"`
	Type  string `json:"type,omitempty"`
}

type relation struct {
	Type      string `json:"type"`
	TargetRef string `json:"targetRef"`
}

type entityStatus struct {
	Items []statusItem `json:"items,omitempty"`
}

type statusItem struct {
	Type    string       `json:"type"`
	Level   string       `json:"level"           jsonschema:"enum=info,enum=warning,enum=error"`
	Message string       `json:"message"`
	Error   *errorDetail `json:"error,omitempty"`
}

// partialEntity is an entity of which only some fields may have been requested.
type partialEntity struct{}

// JSONSchema implements jsonschema's hook: an Entity with nothing required.
func (partialEntity) JSONSchema() *jsonschema.Schema {
	lenient := newReflector()
	lenient.DoNotReference, lenient.RequiredFromJSONSchemaTags = true, true
	s := lenient.Reflect(Entity{})
	s.Version = ""
	return s
}

// entityOrNull is a partialEntity, or null for one that does not exist.
type entityOrNull struct{}

// JSONSchema implements jsonschema's hook.
func (entityOrNull) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{reference[partialEntity](), {Type: "null"}}}
}

// predicate is a filter on entities or locations.
type predicate struct{}

// JSONSchema implements jsonschema's hook.
func (predicate) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", Description: "Field conditions, $all, $any and $not."}
}

// taskSpec is a template with the values of one run, as template.TaskSpec encodes it.
type taskSpec struct {
	APIVersion   string       `json:"apiVersion"`
	Steps        []pinnedStep `json:"steps"`
	Output       object       `json:"output"`
	Parameters   object       `json:"parameters"`
	User         taskUser     `json:"user"`
	TemplateInfo templateInfo `json:"templateInfo"`
	OnFailure    string       `json:"onFailure,omitempty"`
}

// pinnedStep is a template.Step: as its author wrote it, with its id and its name.
type pinnedStep struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Action string `json:"action"`
	If     any    `json:"if,omitempty"`
	Each   any    `json:"each,omitempty"`
	Input  object `json:"input,omitempty"`
}

// taskUser is the user of a run, empty when a service started it.
type taskUser struct {
	Ref    string  `json:"ref,omitempty"`
	Entity *Entity `json:"entity,omitempty"`
}

type templateInfo struct {
	EntityRef string         `json:"entityRef"`
	BaseURL   string         `json:"baseUrl,omitempty"`
	Entity    templateEntity `json:"entity"`
}

type templateEntity struct {
	Metadata entityMetadata `json:"metadata"`
}

// presentation is the template author's settings of the form.
type presentation struct {
	ButtonLabels *buttonLabels `json:"buttonLabels,omitempty"`
}

type buttonLabels struct {
	Back   string `json:"backButtonText,omitempty"`
	Create string `json:"createButtonText,omitempty"`
	Review string `json:"reviewButtonText,omitempty"`
}

// permissionMetadata describes a plugin's permissions and the rules of its conditions to other plugins.
type permissionMetadata struct {
	Permissions []permission     `json:"permissions"`
	Rules       []permissionRule `json:"rules"`
}

type permission struct {
	Type         string               `json:"type"                   jsonschema:"enum=basic,enum=resource"`
	Name         string               `json:"name"`
	Attributes   permissionAttributes `json:"attributes"`
	ResourceType string               `json:"resourceType,omitempty"`
}

type permissionAttributes struct {
	Action string `json:"action,omitempty" jsonschema:"enum=create,enum=read,enum=update,enum=delete"`
}

type permissionRule struct {
	Name         string `json:"name"`
	Description  string `json:"description"`
	ResourceType string `json:"resourceType"`
	ParamsSchema object `json:"paramsSchema,omitempty"`
}
