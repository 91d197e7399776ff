package entity

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ModelProblem is an error in a layer. Path leads to it in the layers, as the configuration writes them: list
// items have their numbers.
type ModelProblem struct {
	Path    []string
	Message string
}

// ModelError is every error in the layers.
type ModelError struct{ Problems []ModelProblem }

func (e *ModelError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, problem := range e.Problems {
		lines[i] = strings.Join(problem.Path, ".") + ": " + problem.Message
	}
	return "the model is not valid:\n" + strings.Join(lines, "\n")
}

// NewModel makes the model of the built-in kinds and of layers. Its error is a *ModelError.
func NewModel(layers []Layer) (*Model, error) {
	c := &modelCompiler{model: &Model{layers: layers, own: map[string][]*ownVersion{}, reverse: map[string]string{}}, ids: map[string]bool{},
		spellings: map[string]string{}, values: map[string]bool{}}
	for name := range kinds {
		c.spellings[strings.ToLower(name)] = name
	}
	// Relations and kinds may be used before their own layer.
	for i, layer := range layers {
		at := place{strconv.Itoa(i)}
		c.addID(at, layer)
		c.addPairs(at.in("relationPairs"), layer.RelationPairs)
		c.addKinds(at.in("kinds"), layer.Kinds)
	}
	for i, layer := range layers {
		at := place{strconv.Itoa(i)}
		c.checkReferences(at, layer)
		c.model.annotations = append(c.model.annotations, c.rules(at.in("annotations"), layer.Annotations)...)
		c.model.labels = append(c.model.labels, c.rules(at.in("labels"), layer.Labels)...)
	}
	if len(c.problems) > 0 {
		return nil, &ModelError{c.problems}
	}
	var err error
	c.model.version, err = versionOfLayers(layers)
	return c.model, err
}

// place is a path in the layers.
type place []string

func (p place) in(steps ...string) place { return append(slices.Clone(p), steps...) }

func (p place) item(n int) place { return p.in(strconv.Itoa(n)) }

type modelCompiler struct {
	model *Model
	ids   map[string]bool
	// spellings are the names of kinds by their lower case.
	spellings map[string]string
	// values are the annotations and labels for which there is a rule.
	values   map[string]bool
	problems []ModelProblem
}

func (c *modelCompiler) report(at place, format string, args ...any) {
	c.problems = append(c.problems, ModelProblem{at, fmt.Sprintf(format, args...)})
}

func (c *modelCompiler) addID(at place, layer Layer) {
	if c.ids[layer.ID] {
		c.report(at.in("layerId"), "there is another layer %s", layer.ID)
	}
	c.ids[layer.ID] = true
}

var relationType = regexp.MustCompile(`^\w{1,100}$`)

func (c *modelCompiler) addPairs(at place, pairs []RelationPair) {
	for i, pair := range pairs {
		at := at.item(i)
		forward, reverse := pair.Forward.Type, pair.Reverse.Type
		for name, kind := range map[string]string{"forward": forward, "reverse": reverse} {
			if !relationType.MatchString(kind) {
				c.report(at.in(name, "type"), "%q is no name of a relation: letters, digits and _, at most 100", kind)
			}
		}
		c.addDirection(at.in("forward", "type"), forward, reverse)
		c.addDirection(at.in("reverse", "type"), reverse, forward)
	}
}

func (c *modelCompiler) addDirection(at place, relation, reverse string) {
	if known := c.model.reverseOf(relation); known != "" && known != reverse {
		c.report(at, "the reverse of %s is %s already, not %s", relation, known, reverse)
		return
	}
	c.model.reverse[relation] = reverse
}

func (c *modelCompiler) addKinds(at place, some []LayerKind) {
	for i, kind := range some {
		at := at.item(i)
		if !isSubdomain(kind.Group) {
			c.report(at.in("group"), "%q is no group: the part of apiVersion before the slash, such as acme.example.com", kind.Group)
		}
		if !kindFormat.valid(kind.Kind) {
			c.report(at.in("names", "kind"), "%q is no name of a kind: letters and digits, at most 63", kind.Kind)
		}
		lower := strings.ToLower(kind.Kind)
		if known, is := c.spellings[lower]; is && known != kind.Kind {
			c.report(at.in("names", "kind"), "there is the kind %s, and references do not tell %s from it", known, kind.Kind)
		}
		c.spellings[lower] = kind.Kind
		for j, version := range kind.Versions {
			c.addVersion(at.in("versions").item(j), kind, version)
		}
	}
}

func (c *modelCompiler) addVersion(at place, kind LayerKind, version KindVersion) {
	own := &ownVersion{specType: version.SpecType, relations: version.RelationFields}
	for _, name := range version.Names {
		if !isShort(name, alphanumeric) {
			c.report(at.in("name"), "%q is no version: letters and digits, such as v1alpha1", name)
		}
		own.versions = append(own.versions, kind.Group+"/"+name)
	}
	for _, earlier := range c.model.own[kind.Kind] {
		i := slices.IndexFunc(own.versions, func(version string) bool { return slices.Contains(earlier.versions, version) })
		if i >= 0 && earlier.specType == own.specType {
			c.report(at, "%s of %s has been described before%s", kind.Kind, own.versions[i], ofType(own.specType))
		}
	}
	at = at.in("schema", "jsonSchema")
	var broken *schemaError
	if own.schema, broken = compileSchema(version.Schema); broken != nil {
		c.report(at.in(broken.path...), "%s", broken.message)
	}
	c.model.own[kind.Kind] = append(c.model.own[kind.Kind], own)
}

func ofType(specType string) string {
	if specType == "" {
		return ""
	}
	return " for the spec.type " + specType
}

// checkReferences checks that the kinds and the relations that a layer names exist.
func (c *modelCompiler) checkReferences(at place, layer Layer) {
	for i, pair := range layer.RelationPairs {
		at := at.in("relationPairs").item(i)
		c.checkKinds(at.in("fromKind"), pair.FromKinds)
		c.checkKinds(at.in("toKind"), pair.ToKinds)
	}
	for i, kind := range layer.Kinds {
		for j, version := range kind.Versions {
			for k, field := range version.RelationFields {
				c.checkField(at.in("kinds").item(i).in("versions").item(j).in("relationFields").item(k), field)
			}
		}
	}
}

func (c *modelCompiler) checkKinds(at place, some []string) {
	for i, kind := range some {
		if c.spellings[strings.ToLower(kind)] == "" {
			c.report(at.item(i), "there is no kind %s; there are %s", kind, strings.Join(slices.Sorted(maps.Values(c.spellings)), ", "))
		}
	}
}

func (c *modelCompiler) checkField(at place, field RelationField) {
	if steps := strings.Split(field.Path, "."); steps[0] != "spec" || len(steps) < 2 || slices.Contains(steps, "") {
		c.report(at.in("selector", "path"), "%q is no path of a field in spec, such as spec.owner", field.Path)
	}
	if c.model.reverseOf(field.Relation) == "" {
		c.report(at.in("relation"), "there is no relation %s: declare it under relationPairs", field.Relation)
	}
	if field.DefaultKind != "" {
		c.checkKinds(at.in("defaultKind"), []string{field.DefaultKind})
	}
	c.checkKinds(at.in("allowedKinds"), field.AllowedKinds)
}

func (c *modelCompiler) rules(at place, some []ValueRule) []valueRule {
	compiled := make([]valueRule, 0, len(some))
	for i, rule := range some {
		at := at.item(i)
		key := at[len(at)-2] + " " + rule.Name
		if !keyFormat.valid(rule.Name) {
			c.report(at.in("name"), "%q is no name of an annotation or label", rule.Name)
		}
		if c.values[key] {
			c.report(at.in("name"), "there is another rule for %s", rule.Name)
		}
		c.values[key] = true
		schema, broken := compileSchema(rule.Schema)
		if broken != nil {
			c.report(at.in("schema", "jsonSchema").in(broken.path...), "%s", broken.message)
		}
		compiled = append(compiled, valueRule{rule.Name, schema})
	}
	return compiled
}
