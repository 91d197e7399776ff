package entity

// Layer is a part of the model: kinds, relations and rules in addition to the built-in ones. Its fields are the
// arguments of the builder of Backstage's model layers, as data.
type Layer struct {
	// ID names the layer in messages.
	ID            string
	Kinds         []LayerKind
	RelationPairs []RelationPair
	Annotations   []ValueRule
	Labels        []ValueRule
}

// LayerKind is a kind of one's own, or further versions and types of a built-in one.
type LayerKind struct {
	// Group is the part of apiVersion before the slash.
	Group string
	// Kind is the name in entities; Singular and Plural are for people.
	Kind, Singular, Plural string
	Description            string
	Versions               []KindVersion
}

// KindVersion is what entities of a kind, an API version and possibly a spec.type must be.
type KindVersion struct {
	// Names are the parts of apiVersion after the slash.
	Names []string
	// SpecType restricts the version to one spec.type, and wins over a version without one.
	SpecType       string
	Description    string
	RelationFields []RelationField
	// Schema is a JSON Schema of the entity, as encoding/json decodes it; nil accepts any.
	Schema any
}

// RelationField is a field that holds references.
type RelationField struct {
	// Path is the path of the field: spec.owner. Lists on the way are followed.
	Path string
	// Relation is the type of the relation to what the field names.
	Relation string
	// DefaultKind is the kind of references without one. With "", they must have one.
	DefaultKind string
	// DefaultNamespace is that of references without one: InheritNamespace, or DefaultNamespace itself. "" is
	// InheritNamespace.
	DefaultNamespace string
	// AllowedKinds are the kinds that may be referred to; none means any.
	AllowedKinds []string
}

// InheritNamespace stands for the namespace of the entity itself.
const InheritNamespace = "inherit"

// RelationPair is a relation and its reverse.
type RelationPair struct {
	FromKinds, ToKinds []string
	Description        string
	Forward, Reverse   RelationName
}

// RelationName is the type of a relation, and its name for people.
type RelationName struct{ Type, Title string }

// ValueRule is a rule for the value of an annotation or a label.
type ValueRule struct {
	Name, Title, Description string
	// Schema is a JSON Schema of the value; nil accepts any text.
	Schema any
}
