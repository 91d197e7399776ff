package draft

import (
	"bytes"
	"encoding/json"

	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/catalog/entity"
)

// component is a Component, in the order in which people write it.
type component struct {
	APIVersion string        `json:"apiVersion" yaml:"apiVersion"`
	Kind       string        `json:"kind"       yaml:"kind"`
	Metadata   metadata      `json:"metadata"   yaml:"metadata"`
	Spec       componentSpec `json:"spec"       yaml:"spec"`
}

type metadata struct {
	Name        string            `json:"name"                  yaml:"name"`
	Description string            `json:"description,omitempty" yaml:"description,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty" yaml:"annotations,omitempty"`
	Tags        []string          `json:"tags,omitempty"        yaml:"tags,omitempty"`
}

type componentSpec struct {
	Type         string   `json:"type"                   yaml:"type"`
	Lifecycle    string   `json:"lifecycle"              yaml:"lifecycle"`
	Owner        string   `json:"owner"                  yaml:"owner"`
	ProvidesAPIs []string `json:"providesApis,omitempty" yaml:"providesApis,omitempty"`
}

// api is an API whose definition is in a file beside the descriptor.
type api struct {
	APIVersion string   `json:"apiVersion" yaml:"apiVersion"`
	Kind       string   `json:"kind"       yaml:"kind"`
	Metadata   metadata `json:"metadata"   yaml:"metadata"`
	Spec       apiSpec  `json:"spec"       yaml:"spec"`
}

type apiSpec struct {
	Type       string     `json:"type"       yaml:"type"`
	Lifecycle  string     `json:"lifecycle"  yaml:"lifecycle"`
	Owner      string     `json:"owner"      yaml:"owner"`
	Definition definition `json:"definition" yaml:"definition"`
}

// definition is a placeholder.
type definition struct {
	Text string `json:"$text" yaml:"$text"`
}

// write writes the entities of a draft in both forms.
func (d *Draft) write(component component, apis []api) {
	documents := []any{component}
	for _, api := range apis {
		documents = append(documents, api)
	}
	var file bytes.Buffer
	encoder := yaml.NewEncoder(&file)
	encoder.SetIndent(2)
	for _, document := range documents {
		if err := encoder.Encode(document); err != nil {
			panic(err) // texts and lists of them are always encodable
		}
		d.Entities = append(d.Entities, asEntity(document))
	}
	d.Descriptor = file.String()
}

func asEntity(document any) entity.Entity {
	encoded, err := json.Marshal(document)
	if err != nil {
		panic(err) // as above
	}
	var e entity.Entity
	if err := json.Unmarshal(encoded, &e); err != nil {
		panic(err)
	}
	return e
}
