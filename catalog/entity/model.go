package entity

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/portico-dev/portico/plainjson"
)

// Model is what the catalog knows of entities: the built-in kinds and relations, and those of layers. Nil knows
// the built-in ones alone. It is safe for concurrent use.
type Model struct {
	layers []Layer
	// own are the versions that layers have, by kind.
	own map[string][]*ownVersion
	// reverse is the reverse of each relation of layers.
	reverse             map[string]string
	annotations, labels []valueRule
	version             string
}

// ownVersion is a KindVersion with its schema compiled.
type ownVersion struct {
	versions  []string
	specType  string
	schema    *jsonSchema
	relations []RelationField
}

// valueRule is a ValueRule with its schema compiled.
type valueRule struct {
	name   string
	schema *jsonSchema
}

// Version changes when the layers change. It is "" without layers.
func (m *Model) Version() string {
	if m == nil {
		return ""
	}
	return m.version
}

// OwnKinds are the kinds of which layers have versions, sorted.
func (m *Model) OwnKinds() []string {
	if m == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(m.own))
}

// EveryKind allows every known kind from every location.
func (m *Model) EveryKind() Rules {
	every := EveryKind()
	for _, kind := range m.OwnKinds() {
		if _, builtIn := kinds[kind]; !builtIn {
			every[0].Allow = append(every[0].Allow, AllowedKind{Kind: kind})
		}
	}
	return every
}

// Validate checks an entity from its envelope to its kind, and sets the default namespace where there is
// none. It returns the first failure, an *Error of name InputError whose cause is the violated rule.
func (m *Model) Validate(e Entity) error {
	if broken := checkEnvelope(e); broken != nil {
		return inputError(broken, "Entity envelope failed validation before processing")
	}
	broken := enforcePolicies(e)
	if broken == nil {
		broken = m.checkValues(e)
	}
	if broken != nil {
		return inputError(broken, "Policy check failed for %s", e.Ref())
	}
	return m.checkKind(e)
}

// checkValues checks the annotations and labels for which there are rules.
func (m *Model) checkValues(e Entity) *Error {
	if m == nil {
		return nil
	}
	for _, field := range []struct {
		name  string
		rules []valueRule
	}{{"annotations", m.annotations}, {"labels", m.labels}} {
		values := object(e.Metadata()[field.name])
		for _, rule := range field.rules {
			value, there := values[rule.name]
			if !there {
				continue
			}
			path := "/metadata/" + field.name + "/" + pointerEscape(rule.name)
			if failed := rule.schema.check(value, path); failed != nil {
				return failed.typeError()
			}
		}
	}
	return nil
}

// modelProcessor is the name under which errors of layers are reported, as those of processors are.
const modelProcessor = "CatalogModelProcessor"

// checkKind checks an entity by its kind.
func (m *Model) checkKind(e Entity) error {
	known, builtIn := kinds[e.Kind()]
	builtIn = builtIn && slices.Contains(known.versions, e.APIVersion())
	own := m.versionOf(e)
	if !builtIn && own == nil {
		return inputError(nil, "No processor recognized the entity %s as valid, possibly caused by a foreign kind or apiVersion", e.Ref())
	}
	if builtIn && (own == nil || own.specType == "") {
		if failed := known.check(e); failed != nil {
			return inputError(failed.typeError(), "Processor %s threw an error while validating the entity %s", known.processor, e.Ref())
		}
	}
	if own == nil {
		return nil
	}
	if failed := own.schema.check(map[string]any(e), ""); failed != nil {
		return inputError(failed.typeError(), "Processor %s threw an error while validating the entity %s", modelProcessor, e.Ref())
	}
	return nil
}

// versionOf is the version of a layer for an entity: that of its spec.type, else that of all types, nil when
// there is none.
func (m *Model) versionOf(e Entity) *ownVersion {
	if m == nil {
		return nil
	}
	var general *ownVersion
	for _, version := range m.own[e.Kind()] {
		switch {
		case !slices.Contains(version.versions, e.APIVersion()):
		case version.specType == "":
			general = version
		case version.specType == e.Type():
			return version
		}
	}
	return general
}

// Relations lists the edges that an entity declares, each with its reverse and without duplicates. References
// without a namespace refer to the entity's own namespace, unless a layer says otherwise. The error, an *Error,
// names the invalid reference.
func (m *Model) Relations(e Entity) ([]Relation, error) {
	edges := newEdges(e)
	for _, link := range links[e.Kind()] {
		if link.specType != "" && link.specType != e.Type() {
			continue
		}
		if broken := edges.addLink(link); broken != nil {
			return nil, inputError(broken, "Processor %s threw an error while postprocessing", kinds[e.Kind()].processor)
		}
	}
	if own := m.versionOf(e); own != nil {
		for _, field := range own.relations {
			if broken := m.addField(edges, field); broken != nil {
				return nil, inputError(broken, "Processor %s threw an error while postprocessing", modelProcessor)
			}
		}
	}
	return edges.relations, nil
}

func (m *Model) addField(edges *edges, field RelationField) *Error {
	defaults := Ref{Kind: field.DefaultKind, Namespace: edges.self.Namespace}
	if field.DefaultNamespace == DefaultNamespace {
		defaults.Namespace = DefaultNamespace
	}
	for _, value := range valuesAt(map[string]any(edges.entity), strings.Split(field.Path, ".")) {
		target, broken := targetRef(value, defaults)
		if broken == nil && len(field.AllowedKinds) > 0 && !containsFold(field.AllowedKinds, target.Kind) {
			broken = plainErrorf("Entity reference %s is of the kind %s, and may be of %s only", target, target.Kind, strings.Join(field.AllowedKinds, ", "))
		}
		if broken == nil {
			broken = edges.add(field.Path, link{outgoing: field.Relation, reverse: m.reverseOf(field.Relation)}, target)
		}
		if broken != nil {
			broken.Field = "/" + strings.ReplaceAll(field.Path, ".", "/")
			return broken
		}
	}
	return nil
}

func containsFold(words []string, word string) bool {
	return slices.ContainsFunc(words, func(one string) bool { return strings.EqualFold(one, word) })
}

// reverseOf is the reverse of a relation, "" for one that nobody has declared.
func (m *Model) reverseOf(relation string) string {
	if reverse, builtIn := builtInReverse()[relation]; builtIn {
		return reverse
	}
	if m == nil {
		return ""
	}
	return m.reverse[relation]
}

// valuesAt are the values at a path, with the items of lists in place of the lists.
func valuesAt(value any, path []string) []any {
	if items, is := value.([]any); is {
		var found []any
		for _, item := range items {
			found = append(found, valuesAt(item, path)...)
		}
		return found
	}
	if len(path) == 0 {
		return flatten(value)
	}
	inside, there := object(value)[path[0]]
	if !there {
		return nil
	}
	return valuesAt(inside, path[1:])
}

// ModelKind is a kind as the model describes it.
type ModelKind struct {
	Kind, Singular, Plural string
	Description            string
	APIVersions            []string
	// Types are the spec.type values that have a version of their own.
	Types []string
	// Layers are the ids of the layers that it comes from; none for a built-in kind that no layer extends.
	Layers []string
}

// Kinds describes all kinds, sorted by name.
func (m *Model) Kinds() []ModelKind {
	described := map[string]*ModelKind{}
	for name, known := range kinds {
		described[name] = &ModelKind{Kind: name, Singular: strings.ToLower(name), Plural: strings.ToLower(name) + "s",
			Description: known.description, APIVersions: slices.Clone(known.versions), Types: slices.Sorted(maps.Keys(known.types))}
	}
	for _, layer := range m.layered() {
		for _, kind := range layer.Kinds {
			one := described[kind.Kind]
			if one == nil {
				one = &ModelKind{Kind: kind.Kind, Singular: kind.Singular, Plural: kind.Plural, Description: kind.Description}
				described[kind.Kind] = one
			}
			one.Layers = append(one.Layers, layer.ID)
			for _, version := range kind.Versions {
				for _, name := range version.Names {
					one.APIVersions = append(one.APIVersions, kind.Group+"/"+name)
				}
				if version.SpecType != "" {
					one.Types = append(one.Types, version.SpecType)
				}
			}
		}
	}
	all := make([]ModelKind, 0, len(described))
	for _, name := range slices.Sorted(maps.Keys(described)) {
		one := *described[name]
		one.APIVersions, one.Types = sortedSet(one.APIVersions), sortedSet(one.Types)
		one.Layers = sortedSet(one.Layers)
		all = append(all, one)
	}
	return all
}

// RelationTitles are the names for people of the relations of layers, by type.
func (m *Model) RelationTitles() map[string]string {
	titles := map[string]string{}
	for _, layer := range m.layered() {
		for _, pair := range layer.RelationPairs {
			for _, name := range []RelationName{pair.Forward, pair.Reverse} {
				if name.Title != "" {
					titles[name.Type] = name.Title
				}
			}
		}
	}
	return titles
}

// ValueRules are the rules for annotations and for labels, in the order of the layers.
func (m *Model) ValueRules() (annotations, labels []ValueRule) {
	for _, layer := range m.layered() {
		annotations, labels = append(annotations, layer.Annotations...), append(labels, layer.Labels...)
	}
	return annotations, labels
}

func (m *Model) layered() []Layer {
	if m == nil {
		return nil
	}
	return m.layers
}

func sortedSet(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}

func versionOfLayers(layers []Layer) (string, error) {
	if len(layers) == 0 {
		return "", nil
	}
	encoded, err := plainjson.Marshal(layers)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:]), nil
}
