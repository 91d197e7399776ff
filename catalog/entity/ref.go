package entity

import (
	"strings"

	"github.com/portico-dev/portico/plainjson"
)

// DefaultNamespace is the namespace of an entity that names none.
const DefaultNamespace = "default"

// maxRefBytes bounds a reference, because it is a key of the database.
const maxRefBytes = 1024

// Ref refers to an entity by kind, namespace and name. It keeps the case in which it was written; String
// converts it to lower case.
type Ref struct{ Kind, Namespace, Name string }

// String is the form under which an entity is stored and compared: kind:namespace/name in lower case, with
// the default namespace where the reference has none.
func (r Ref) String() string {
	namespace := r.Namespace
	if namespace == "" {
		namespace = DefaultNamespace
	}
	return strings.ToLower(r.Kind + ":" + namespace + "/" + r.Name)
}

// ParseRef reads [<kind>:][<namespace>/]<name>. It takes missing parts from defaults, whose own namespace
// defaults to DefaultNamespace. A colon after the first slash belongs to the name. The characters are not
// checked: a reference may name an entity that cannot exist. The error is an *Error.
func ParseRef(text string, defaults Ref) (Ref, error) {
	if text == "" {
		return Ref{}, plainErrorf("Entity reference must not be empty")
	}
	ref := Ref{Kind: defaults.Kind, Namespace: defaults.Namespace, Name: text}
	if ref.Namespace == "" {
		ref.Namespace = DefaultNamespace
	}
	malformed := false
	colon, slash := strings.IndexByte(text, ':'), strings.IndexByte(text, '/')
	if colon >= 0 && (slash < 0 || colon < slash) {
		ref.Kind, ref.Name = text[:colon], text[colon+1:]
		malformed = ref.Kind == ""
	}
	if before, after, found := strings.Cut(ref.Name, "/"); found {
		ref.Namespace, ref.Name = before, after
		malformed = malformed || ref.Namespace == ""
	}
	if malformed || ref.Name == "" {
		return Ref{}, typeErrorf("Entity reference \"%s\" was not on the form [<kind>:][<namespace>/]<name>", text)
	}
	if ref.Kind == "" {
		return Ref{}, missingKind(text)
	}
	return ref, nil
}

// missingKind is the error for a reference (a text or a JSON value) without a kind, where there is no default
// kind.
func missingKind(reference any) *Error {
	textual, err := plainjson.Marshal(reference)
	if err != nil {
		textual = []byte("null")
	}
	return plainErrorf(`Entity reference %s had missing or empty kind (e.g. did not start with "component:" or similar)`, textual)
}
