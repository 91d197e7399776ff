package entity

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/portico-dev/portico/plainjson"
)

// Relation is one directed edge. Both ends are references in the form of Ref.String.
type Relation struct {
	Type      string `json:"type"`
	SourceRef string `json:"sourceRef"`
	TargetRef string `json:"targetRef"`
}

// link is a field of a spec that holds references, and the two relations that each reference creates.
type link struct {
	field             string
	outgoing, reverse string
	// kind is the default kind of the references; with "", a reference must name its kind.
	kind string
}

var (
	ownerLink        = link{"owner", "ownedBy", "ownerOf", "Group"}
	systemLink       = link{"system", "partOf", "hasPart", "System"}
	dependsOnLink    = link{"dependsOn", "dependsOn", "dependencyOf", ""}
	dependencyOfLink = link{"dependencyOf", "dependencyOf", "dependsOn", ""}

	links = map[string][]link{
		"Component": {
			ownerLink,
			{"subcomponentOf", "partOf", "hasPart", "Component"},
			{"providesApis", "providesApi", "apiProvidedBy", "API"},
			{"consumesApis", "consumesApi", "apiConsumedBy", "API"},
			dependsOnLink, dependencyOfLink, systemLink,
		},
		"API":      {ownerLink, systemLink},
		"Resource": {ownerLink, dependsOnLink, dependencyOfLink, systemLink},
		"System":   {ownerLink, {"domain", "partOf", "hasPart", "Domain"}},
		"Domain":   {ownerLink, {"subdomainOf", "partOf", "hasPart", "Domain"}},
		"User":     {{"memberOf", "memberOf", "hasMember", "Group"}},
		"Group": {
			{"parent", "childOf", "parentOf", "Group"},
			{"children", "parentOf", "childOf", "Group"},
			{"members", "hasMember", "memberOf", "User"},
		},
		"Template": {ownerLink},
	}
)

// Relations lists the edges that an entity declares, each with its reverse and without duplicates. References
// without a namespace refer to the entity's own namespace. The error, an *Error, names the invalid reference.
func Relations(e Entity) ([]Relation, error) {
	self := e.Ref()
	var relations []Relation
	seen := map[Relation]bool{}
	for _, link := range links[e.Kind()] {
		for _, value := range flatten(e.Spec()[link.field]) {
			target, err := targetRef(value, Ref{Kind: link.kind, Namespace: self.Namespace})
			if err == nil && !isStorableRef(target.String()) {
				err = plainErrorf("Entity reference in spec.%s is longer than %d bytes or holds the character U+0000", link.field, maxRefBytes)
			}
			if err != nil {
				return nil, inputError(err, "Processor %s threw an error while postprocessing", kinds[e.Kind()].processor)
			}
			for _, relation := range []Relation{
				{link.outgoing, self.String(), target.String()},
				{link.reverse, target.String(), self.String()},
			} {
				if !seen[relation] {
					seen[relation] = true
					relations = append(relations, relation)
				}
			}
		}
	}
	return relations, nil
}

func isStorableRef(ref string) bool { return len(ref) <= maxRefBytes && !strings.Contains(ref, "\x00") }

// flatten returns the values of a field that may hold one value, a list or nothing.
func flatten(value any) []any {
	switch value := value.(type) {
	case []any:
		return value
	case nil, bool:
		return nil
	case string:
		if value == "" {
			return nil
		}
	}
	return []any{value}
}

// targetRef reads a reference written as text, or as an object with kind, namespace and name.
func targetRef(value any, defaults Ref) (Ref, *Error) {
	if reference, isText := value.(string); isText {
		ref, err := ParseRef(reference, defaults)
		var failed *Error
		errors.As(err, &failed)
		return ref, failed
	}
	parts := object(value)
	ref := Ref{
		Kind:      cmp.Or(text(parts["kind"]), defaults.Kind),
		Namespace: cmp.Or(text(parts["namespace"]), defaults.Namespace),
		Name:      text(parts["name"]),
	}
	textual, err := plainjson.Marshal(value)
	switch {
	case err != nil:
		return Ref{}, plainErrorf("Entity reference: %s", err)
	case ref.Kind == "":
		return Ref{}, missingKind(value)
	case ref.Name == "":
		return Ref{}, plainErrorf("Entity reference %s had missing or empty name", textual)
	default:
		return ref, nil
	}
}

// SortLists sorts the lists of references in a spec in place, by UTF-16 code units as JavaScript does. Lists
// with other values than text stay as they are.
func SortLists(e Entity) {
	fields := []string{"providesApis", "consumesApis", "dependsOn", "dependencyOf", "memberOf", "children", "members"}
	for _, field := range fields {
		items, _ := e.Spec()[field].([]any)
		references := texts(items)
		if len(references) < len(items) {
			continue
		}
		slices.SortFunc(references, compareUTF16)
		for i, reference := range references {
			items[i] = reference
		}
	}
}

// compareUTF16 compares texts as JavaScript does, by UTF-16 code units: code points beyond the first 65,536
// sort before U+E000.
func compareUTF16(a, b string) int {
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

// ServedRelations are the outgoing relations that a served entity contains in its document.
func ServedRelations(e Entity) []Relation {
	shown, _ := e["relations"].([]any)
	relations := make([]Relation, len(shown))
	for i, each := range shown {
		edge := object(each)
		relations[i] = Relation{Type: text(edge["type"]), SourceRef: e.Ref().String(), TargetRef: text(edge["targetRef"])}
	}
	return relations
}
