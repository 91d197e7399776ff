// Package template implements the Template kind, scaffolder.backstage.io/v1beta3. It parses templates,
// describes their forms, and pins them with values to the task spec of a run. It does no I/O and evaluates no
// expression. It keeps JSON byte for byte wherever possible, so that the author's order of keys survives.
package template

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/provenance"
)

// APIVersion is the only apiVersion of templates that is supported.
const APIVersion = "scaffolder.backstage.io/v1beta3"

// Limits on the size of a template. Real templates are a hundred times smaller.
const (
	maxSteps = 500
	maxPages = 100
)

// defaultPageTitle is Backstage's title for a page of parameters without a title.
const defaultPageTitle = "Please enter the following information"

// Template is a parsed Template entity.
type Template struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"-"`
	// RawMetadata is metadata as written.
	RawMetadata json.RawMessage `json:"metadata"`
	Spec        Spec            `json:"spec"`
	// Digest is the digest of the parsed document, zero for a template that was not parsed.
	Digest [sha256.Size]byte `json:"-"`
}

// Metadata is the part of a template's metadata that a run uses.
type Metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Annotations map[string]string `json:"annotations"`
	UIOptions   json.RawMessage   `json:"ui:options"`
}

// Spec is a template's spec.
type Spec struct {
	// Parameters is one JSON Schema object or an array of them.
	Parameters     json.RawMessage   `json:"parameters"`
	Steps          []json.RawMessage `json:"steps"`
	Output         json.RawMessage   `json:"output"`
	Presentation   json.RawMessage   `json:"presentation"`
	Secrets        *Secrets          `json:"secrets"`
	FormDecorators json.RawMessage   `json:"formDecorators"`
	// EarlyFormDecorators is the older name of FormDecorators.
	EarlyFormDecorators json.RawMessage `json:"EXPERIMENTAL_formDecorators"`
	Recovery            json.RawMessage `json:"EXPERIMENTAL_recovery"`
	// OnFailure is an extension of Portico: RollBackOnFailure, or "" to park a failed run until a person
	// decides.
	OnFailure string `json:"onFailure"`
}

// UnmarshalJSON reads the spec by the exact names of its keys.
func (s *Spec) UnmarshalJSON(document []byte) error {
	type plain Spec
	err := decode(document, (*plain)(s), "parameters", "steps", "output", "presentation", "secrets", "formDecorators",
		"EXPERIMENTAL_formDecorators", "EXPERIMENTAL_recovery", "onFailure")
	if _, is := errors.AsType[*notObjectError](err); is {
		return fmt.Errorf("spec %w", err)
	}
	return err
}

// Secrets is spec.secrets: the JSON Schema that the secrets of a run must satisfy.
type Secrets struct {
	Schema json.RawMessage `json:"schema"`
}

// Parse reads a Template entity from JSON.
func Parse(document json.RawMessage) (*Template, error) {
	t := &Template{Digest: sha256.Sum256(document)}
	if err := decode(document, t, "apiVersion", "kind", "metadata", "spec"); err != nil {
		return nil, fault.Wrap(fault.Input, err, "the template is malformed: %s", explain("", err))
	}
	if t.Kind != "Template" {
		return nil, fault.New(fault.Input, "Input template is not a template")
	}
	if t.APIVersion != APIVersion {
		return nil, fault.New(fault.Input, "Unsupported apiVersion field in schema entity, %s", t.APIVersion)
	}
	if err := decode(t.RawMetadata, &t.Metadata, "name", "namespace", "title", "description", "annotations", "ui:options"); err != nil {
		return nil, fault.Wrap(fault.Input, err, "the template is malformed: %s", explain("metadata", err))
	}
	if len(t.Spec.Steps) > maxSteps {
		return nil, fault.New(fault.Input, "the template has %d steps, more than the %d that are allowed", len(t.Spec.Steps), maxSteps)
	}
	return t, nil
}

// Title returns the template's title, or its name.
func (t *Template) Title() string {
	if t.Metadata.Title != "" {
		return t.Metadata.Title
	}
	return t.Metadata.Name
}

// Pages returns the template's parameter schemas, one for each page of the form.
func (t *Template) Pages() ([]json.RawMessage, error) {
	if isNull(t.Spec.Parameters) {
		return nil, nil
	}
	if t.Spec.Parameters[0] != '[' {
		return []json.RawMessage{t.Spec.Parameters}, nil
	}
	var pages []json.RawMessage
	if err := json.Unmarshal(t.Spec.Parameters, &pages); err != nil {
		return nil, fault.Wrap(fault.Input, err, "the template's parameters are malformed: %s", err.Error())
	}
	if len(pages) > maxPages {
		return nil, fault.New(fault.Input, "the template has %d pages of parameters, more than the %d that are allowed", len(pages), maxPages)
	}
	return pages, nil
}

// ParameterSchema describes a template's form (GET .../parameter-schema).
type ParameterSchema struct {
	Title          string          `json:"title"`
	Presentation   json.RawMessage `json:"presentation,omitempty"`
	Description    string          `json:"description,omitempty"`
	UIOptions      json.RawMessage `json:"ui:options,omitempty"`
	Steps          []Page          `json:"steps"`
	FormDecorators json.RawMessage `json:"formDecorators,omitempty"`
}

// Page is one page of a form. Schema is the parameter object as the author wrote it.
type Page struct {
	Title       string          `json:"title"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema"`
}

// ParameterSchema describes the form of the template.
func (t *Template) ParameterSchema() (ParameterSchema, error) {
	pages, err := t.Pages()
	if err != nil {
		return ParameterSchema{}, err
	}
	schema := ParameterSchema{Title: t.Title(), Presentation: t.Spec.Presentation, Description: t.Metadata.Description,
		UIOptions: t.Metadata.UIOptions, Steps: []Page{}, FormDecorators: t.Spec.FormDecorators}
	if isNull(schema.FormDecorators) {
		schema.FormDecorators = t.Spec.EarlyFormDecorators
	}
	for i, raw := range pages {
		page := Page{Schema: raw}
		if err := json.Unmarshal(raw, &page); err != nil {
			return ParameterSchema{}, fault.Wrap(fault.Input, err, "page %d of the template's parameters: %s", i+1, err.Error())
		}
		page.Schema = raw
		if page.Title == "" {
			page.Title = defaultPageTitle
		}
		schema.Steps = append(schema.Steps, page)
	}
	return schema, nil
}

// sourceLocation is the annotation in which an author names the location of a template's files, when they are
// not beside it.
const sourceLocation = "backstage.io/source-location"

// Base returns the place to which the template's URLs are relative: at, where it was read, unless its author
// names another location. A template that was not read from a file of this machine, but names one, is a fault
// of kind NotAllowed.
func (t *Template) Base(at provenance.Place) (provenance.Place, error) {
	written := t.Metadata.Annotations[sourceLocation]
	kind, target, found := strings.Cut(written, ":")
	kind, target = strings.TrimSpace(kind), strings.TrimSpace(target)
	switch {
	case written == "":
		return at, nil
	case !found || kind != provenance.URL && kind != provenance.File:
		return provenance.Place{}, nil // as in Backstage, no URL can be relative to it
	}
	base, err := at.Follow(kind, target, nil)
	if err != nil {
		return base, fault.Wrap(fault.Input, err, "the annotation %s of %s is %q. %s", sourceLocation, t.Ref(), written, err)
	}
	return base, nil
}

// Ref returns the template's entity reference.
func (t *Template) Ref() string {
	namespace := t.Metadata.Namespace
	if namespace == "" {
		namespace = "default"
	}
	return fmt.Sprintf("template:%s/%s", namespace, t.Metadata.Name)
}

// PropertyNames returns the names of a page's properties, in the author's order.
func PropertyNames(page json.RawMessage) []string {
	var schema struct {
		Properties json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(page, &schema) != nil || isNull(schema.Properties) {
		return nil
	}
	properties, err := members(schema.Properties)
	if err != nil {
		return nil
	}
	names := make([]string, len(properties))
	for i, property := range properties {
		names[i] = property.key
	}
	return names
}
