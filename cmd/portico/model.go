package main

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/config"
)

// configuredModel is the model with the layers of the configuration. Its error is a *config.InvalidError with the
// places of all problems.
func configuredModel(loaded *config.Config) (*entity.Model, error) {
	model, err := entity.NewModel(modelLayers(loaded.Catalog.Model))
	wrong, is := errors.AsType[*entity.ModelError](err)
	if !is {
		return model, err
	}
	problems := make([]config.Problem, len(wrong.Problems))
	for i, problem := range wrong.Problems {
		path := slices.Concat([]string{"catalog", "model", "layers"}, problem.Path)
		problems[i] = config.Problem{File: placeOf(loaded, path), Message: "'" + strings.Join(path, ".") + "': " + problem.Message}
	}
	return nil, &config.InvalidError{Problems: problems}
}

// placeOf is where a path is written or, if it is not, what it is in.
func placeOf(loaded *config.Config, path []string) string {
	for ; len(path) > 0; path = path[:len(path)-1] {
		if place := loaded.Place(path...); place != "" {
			return place
		}
	}
	return "configuration"
}

func modelLayers(configured config.CatalogModel) []entity.Layer {
	layers := make([]entity.Layer, len(configured.Layers))
	for i, layer := range configured.Layers {
		layers[i] = entity.Layer{ID: layer.LayerID, Annotations: modelRules(layer.Annotations), Labels: modelRules(layer.Labels)}
		for _, kind := range layer.Kinds {
			layers[i].Kinds = append(layers[i].Kinds, modelKind(kind))
		}
		for _, pair := range layer.RelationPairs {
			layers[i].RelationPairs = append(layers[i].RelationPairs, entity.RelationPair{FromKinds: pair.FromKind, ToKinds: pair.ToKind,
				Description: pair.Description, Forward: entity.RelationName(pair.Forward), Reverse: entity.RelationName(pair.Reverse)})
		}
	}
	return layers
}

func modelKind(kind config.ModelKind) entity.LayerKind {
	singular := cmp.Or(kind.Names.Singular, strings.ToLower(kind.Names.Kind))
	of := entity.LayerKind{Group: kind.Group, Kind: kind.Names.Kind, Singular: singular, Plural: cmp.Or(kind.Names.Plural, singular+"s"),
		Description: kind.Description}
	for _, version := range kind.Versions {
		made := entity.KindVersion{Names: version.Name, SpecType: version.SpecType, Description: version.Description, Schema: version.Schema.JSONSchema.Value}
		for _, field := range version.RelationFields {
			made.RelationFields = append(made.RelationFields, entity.RelationField{Path: field.Selector.Path, Relation: field.Relation,
				DefaultKind: field.DefaultKind, DefaultNamespace: field.DefaultNamespace, AllowedKinds: field.AllowedKinds})
		}
		of.Versions = append(of.Versions, made)
	}
	return of
}

func modelRules(configured []config.ModelValue) []entity.ValueRule {
	rules := make([]entity.ValueRule, len(configured))
	for i, value := range configured {
		rules[i] = entity.ValueRule{Name: value.Name, Title: value.Title, Description: value.Description, Schema: value.Schema.JSONSchema.Value}
	}
	return rules
}
