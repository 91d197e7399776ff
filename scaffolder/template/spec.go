package template

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/provenance"
)

// TaskSpec is a template pinned with the values of one run, in Backstage's form (GET /v2/tasks/:id, spec).
type TaskSpec struct {
	APIVersion   string          `json:"apiVersion"`
	Steps        []Step          `json:"steps"`
	Recovery     json.RawMessage `json:"EXPERIMENTAL_recovery,omitempty"`
	Output       json.RawMessage `json:"output"`
	Parameters   json.RawMessage `json:"parameters"`
	User         User            `json:"user"`
	TemplateInfo Info            `json:"templateInfo"`
	OnFailure    string          `json:"onFailure,omitempty"`
}

// RollBackOnFailure is the value of a template's onFailure that rolls back a failed run automatically.
const RollBackOnFailure = "rollback"

// User is the user for whom a run runs. Both fields are empty when a service started it.
type User struct {
	Entity json.RawMessage `json:"entity,omitempty"`
	Ref    string          `json:"ref,omitempty"`
}

// Info identifies the template of a run. BaseURL is the base that was passed to Pin, in Backstage's form.
type Info struct {
	EntityRef string     `json:"entityRef"`
	BaseURL   string     `json:"baseUrl,omitempty"`
	Entity    InfoEntity `json:"entity"`
}

// Base is the place to which URLs in the run's steps are relative. Runs of earlier versions may have pinned a
// file that the template's author named. It is used only if the catalog read the template from a file, as its
// annotations say.
func (i Info) Base() provenance.Place {
	path, isFile := strings.CutPrefix(i.BaseURL, "file://")
	switch {
	case i.BaseURL == "":
		return provenance.Place{}
	case !isFile:
		return provenance.At(provenance.URL, i.BaseURL)
	case i.Entity.readFrom().Kind() != provenance.File:
		return provenance.Place{}
	default:
		return provenance.At(provenance.File, path)
	}
}

// readFrom returns where the catalog read the template, from the catalog's annotations. Only keys in exactly
// this spelling are written by the catalog.
func (e InfoEntity) readFrom() provenance.Place {
	var metadata, annotations map[string]json.RawMessage
	var location string
	if json.Unmarshal(e.Metadata, &metadata) != nil || json.Unmarshal(metadata["annotations"], &annotations) != nil ||
		json.Unmarshal(annotations["backstage.io/managed-by-location"], &location) != nil {
		return provenance.Place{}
	}
	return provenance.Recorded(location)
}

// InfoEntity is the part of the template's entity that a run stores.
type InfoEntity struct {
	Metadata json.RawMessage `json:"metadata"`
}

// Step is one step as the author wrote it, with its id and name filled in. All other keys are kept.
type Step struct {
	ID     string
	Name   string
	Action string
	// If is a string or a boolean, Each and Input are any JSON; each is empty when the author left it out.
	If, Each, Input json.RawMessage
	source          json.RawMessage
}

// MarshalJSON writes the step as it was written, with id and name.
func (s Step) MarshalJSON() ([]byte, error) { return s.source, nil }

// UnmarshalJSON reads a pinned step.
func (s *Step) UnmarshalJSON(data []byte) error {
	var fields struct {
		ID     string          `json:"id"`
		Name   string          `json:"name"`
		Action string          `json:"action"`
		If     json.RawMessage `json:"if"`
		Each   json.RawMessage `json:"each"`
		Input  json.RawMessage `json:"input"`
	}
	if err := decode(data, &fields, "id", "name", "action", "if", "each", "input"); err != nil {
		return err
	}
	source := append(json.RawMessage(nil), data...)
	*s = Step{fields.ID, fields.Name, fields.Action, orNothing(fields.If), orNothing(fields.Each), orNothing(fields.Input), source}
	return nil
}

// Pin combines the template with a run's values, its user and its Base. Steps without an id get the id
// step-N, those without a name the name of their action. Two steps may have the same id: expressions then
// read the output of the later one.
func (t *Template) Pin(values json.RawMessage, user User, base provenance.Place) (TaskSpec, error) {
	spec := TaskSpec{APIVersion: t.APIVersion, Steps: []Step{}, Recovery: t.Spec.Recovery, Output: t.Spec.Output, Parameters: values,
		User: user, OnFailure: t.Spec.OnFailure,
		TemplateInfo: Info{EntityRef: t.Ref(), BaseURL: base.BaseURL(), Entity: InfoEntity{t.RawMetadata}}}
	if isNull(spec.Output) {
		spec.Output = json.RawMessage("{}")
	}
	if isNull(spec.Parameters) {
		spec.Parameters = json.RawMessage("{}")
	}
	for i, raw := range t.Spec.Steps {
		step, err := pinStep(i, raw)
		if err != nil {
			return TaskSpec{}, err
		}
		spec.Steps = append(spec.Steps, step)
	}
	return spec, nil
}

func pinStep(i int, raw json.RawMessage) (Step, error) {
	var step Step
	if err := json.Unmarshal(raw, &step); err != nil {
		return Step{}, fault.Wrap(fault.Input, err, "step %d of the template is malformed: %s", i+1, explain(fmt.Sprintf("spec.steps[%d]", i), err))
	}
	if step.Action == "" {
		return Step{}, fault.New(fault.Input, "step %d of the template has no action", i+1)
	}
	if step.ID == "" {
		step.ID = fmt.Sprintf("step-%d", i+1)
	}
	if step.Name == "" {
		step.Name = step.Action
	}
	source, err := with(raw, member{"id", text(step.ID)}, member{"name", text(step.Name)})
	if err != nil {
		return Step{}, fault.Wrap(fault.Input, err, "step %d of the template is malformed: %s", i+1, err.Error())
	}
	step.source = source
	return step, nil
}

// Digest identifies a pinned spec by its bytes.
func Digest(spec []byte) string {
	sum := sha256.Sum256(spec)
	return "sha256:" + hex.EncodeToString(sum[:])
}
