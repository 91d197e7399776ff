package entity

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"
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
	// specType restricts the link to one spec.type; "" does not.
	specType string
}

var (
	ownerLink        = link{field: "owner", outgoing: "ownedBy", reverse: "ownerOf", kind: "Group"}
	ownersLink       = link{field: "owners", outgoing: "ownedBy", reverse: "ownerOf", kind: "Group"}
	systemLink       = link{field: "system", outgoing: "partOf", reverse: "hasPart", kind: "System"}
	dependsOnLink    = link{field: "dependsOn", outgoing: "dependsOn", reverse: "dependencyOf"}
	dependencyOfLink = link{field: "dependencyOf", outgoing: "dependencyOf", reverse: "dependsOn"}

	links = map[string][]link{
		"Component": {
			ownerLink, ownersLink,
			{field: "subcomponentOf", outgoing: "partOf", reverse: "hasPart", kind: "Component"},
			{field: "providesApis", outgoing: "providesApi", reverse: "apiProvidedBy", kind: "API"},
			{field: "consumesApis", outgoing: "consumesApi", reverse: "apiConsumedBy", kind: "API"},
			dependsOnLink, dependencyOfLink, systemLink,
		},
		"API":      {ownerLink, ownersLink, systemLink},
		"Resource": {ownerLink, ownersLink, dependsOnLink, dependencyOfLink, systemLink},
		"System":   {ownerLink, ownersLink, {field: "domain", outgoing: "partOf", reverse: "hasPart", kind: "Domain"}},
		"Domain":   {ownerLink, ownersLink, {field: "subdomainOf", outgoing: "partOf", reverse: "hasPart", kind: "Domain"}},
		"User":     {{field: "memberOf", outgoing: "memberOf", reverse: "hasMember", kind: "Group"}},
		"Group": {
			{field: "parent", outgoing: "childOf", reverse: "parentOf", kind: "Group"},
			{field: "children", outgoing: "parentOf", reverse: "childOf", kind: "Group"},
			{field: "members", outgoing: "hasMember", reverse: "memberOf", kind: "User"},
		},
		"Template": {ownerLink, ownersLink},
		"AiResource": {
			ownerLink, ownersLink, systemLink,
			{field: "dependsOn", outgoing: "dependsOn", reverse: "dependencyOf", kind: "AiResource", specType: "skill"},
			{field: "skills", outgoing: "hasPart", reverse: "partOf", kind: "AiResource", specType: "plugin"},
			{field: "plugins", outgoing: "hasPart", reverse: "partOf", kind: "AiResource", specType: "marketplace"},
		},
	}

	// builtInReverse are the built-in relations with their reverses, in both directions.
	builtInReverse = sync.OnceValue(func() map[string]string {
		reverses := map[string]string{}
		for _, some := range links {
			for _, link := range some {
				reverses[link.outgoing], reverses[link.reverse] = link.reverse, link.outgoing
			}
		}
		return reverses
	})
)

// Relations is Model.Relations with the built-in kinds.
func Relations(e Entity) ([]Relation, error) { return (*Model)(nil).Relations(e) }

// edges collects the relations of an entity, each with its reverse and without duplicates.
type edges struct {
	entity    Entity
	self      Ref
	relations []Relation
	seen      map[Relation]bool
}

func newEdges(e Entity) *edges { return &edges{entity: e, self: e.Ref(), seen: map[Relation]bool{}} }

// addLink adds the relations of a field of the spec.
func (s *edges) addLink(link link) *Error {
	for _, value := range flatten(s.entity.Spec()[link.field]) {
		target, broken := targetRef(value, Ref{Kind: link.kind, Namespace: s.self.Namespace})
		if broken == nil {
			broken = s.add("spec."+link.field, link, target)
		}
		if broken != nil {
			return broken.about("/spec/" + link.field)
		}
	}
	return nil
}

func (s *edges) add(field string, link link, target Ref) *Error {
	if !isStorableRef(target.String()) {
		return plainErrorf("Entity reference in %s is longer than %d bytes or holds the character U+0000", field, maxRefBytes)
	}
	for _, relation := range []Relation{{link.outgoing, s.self.String(), target.String()}, {link.reverse, target.String(), s.self.String()}} {
		if !s.seen[relation] {
			s.seen[relation] = true
			s.relations = append(s.relations, relation)
		}
	}
	return nil
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
