package api

import (
	"maps"
	"slices"

	"github.com/portico-dev/portico/catalog/entity"
)

// catalogModel is an entity.Model.
type catalogModel struct {
	Kinds []modelKind `json:"kinds"`
	// Relations are those of layers that have a title.
	Relations   []modelRelation `json:"relations"`
	Annotations []modelValue    `json:"annotations"`
	Labels      []modelValue    `json:"labels"`
}

type modelKind struct {
	Kind        string   `json:"kind"`
	Singular    string   `json:"singular"`
	Plural      string   `json:"plural"`
	Description string   `json:"description,omitempty"`
	APIVersions []string `json:"apiVersions"`
	// Types are the spec.type values with rules of their own.
	Types []string `json:"types"`
	// Layers are the layers that the kind is from, or that extend it.
	Layers []string `json:"layers"`
}

type modelRelation struct {
	Type  string `json:"type"`
	Title string `json:"title"`
}

type modelValue struct {
	Name        string `json:"name"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
}

func (e *explanationAPI) model(c *call) (catalogModel, error) {
	model, err := e.service.Model(c.Request.Context(), c.principal)
	if err != nil {
		return catalogModel{}, err
	}
	shown := catalogModel{Kinds: []modelKind{}, Relations: []modelRelation{}}
	for _, kind := range model.Kinds() {
		shown.Kinds = append(shown.Kinds, modelKind{kind.Kind, kind.Singular, kind.Plural, kind.Description, orEmpty(kind.APIVersions), orEmpty(kind.Types), orEmpty(kind.Layers)})
	}
	titles := model.RelationTitles()
	for _, name := range slices.Sorted(maps.Keys(titles)) {
		shown.Relations = append(shown.Relations, modelRelation{name, titles[name]})
	}
	annotations, labels := model.ValueRules()
	shown.Annotations, shown.Labels = modelValues(annotations), modelValues(labels)
	return shown, nil
}

func modelValues(rules []entity.ValueRule) []modelValue {
	values := make([]modelValue, len(rules))
	for i, rule := range rules {
		values[i] = modelValue{rule.Name, rule.Title, rule.Description}
	}
	return values
}
