package entity

import (
	"crypto/sha1" //nolint:gosec // Backstage's etags and generated names are SHA-1; nothing here is a secret
	"encoding/hex"
	"maps"
)

// Annotations that the catalog itself reads or writes.
const (
	AnnotationLocation       = "backstage.io/managed-by-location"
	AnnotationOriginLocation = "backstage.io/managed-by-origin-location"
	AnnotationSourceLocation = "backstage.io/source-location"
	AnnotationViewURL        = "backstage.io/view-url"
	AnnotationEditURL        = "backstage.io/edit-url"
	AnnotationOrphan         = "backstage.io/orphan"
)

// Entity is the JSON document of an entity, in the values that encoding/json decodes into: map[string]any,
// []any, string, float64, bool and nil. The accessors accept documents of any shape: a field that is absent
// or of another type reads as the zero value.
type Entity map[string]any

// APIVersion is the version of the kind's schema: "backstage.io/v1alpha1".
func (e Entity) APIVersion() string { return text(e["apiVersion"]) }

// Kind is the kind in its own case: "Component".
func (e Entity) Kind() string { return text(e["kind"]) }

// Metadata is the live metadata object, nil when there is none.
func (e Entity) Metadata() map[string]any { return object(e["metadata"]) }

// Spec is the live spec object, nil when there is none.
func (e Entity) Spec() map[string]any { return object(e["spec"]) }

// Name is metadata.name in its own case.
func (e Entity) Name() string { return text(e.Metadata()["name"]) }

// Namespace is metadata.namespace, DefaultNamespace when absent.
func (e Entity) Namespace() string {
	if namespace := text(e.Metadata()["namespace"]); namespace != "" {
		return namespace
	}
	return DefaultNamespace
}

// Ref points at this entity, in its own case.
func (e Entity) Ref() Ref { return Ref{Kind: e.Kind(), Namespace: e.Namespace(), Name: e.Name()} }

// UID is the identity that the catalog gave the entity, "" for an entity that is not stored.
func (e Entity) UID() string { return text(e.Metadata()["uid"]) }

// Title is metadata.title, "" when there is none.
func (e Entity) Title() string { return text(e.Metadata()["title"]) }

// ShownName is the name that portals show: the title, else the profile's display name, else the name. A text
// that is too long to be searched is skipped.
func (e Entity) ShownName() string {
	for _, name := range []string{e.Title(), text(object(e.Spec()["profile"])["displayName"])} {
		if name != "" && length(name) <= maxSearchLength {
			return name
		}
	}
	return e.Name()
}

// Description is metadata.description.
func (e Entity) Description() string { return text(e.Metadata()["description"]) }

// Type is spec.type: "service", "library", ...
func (e Entity) Type() string { return text(e.Spec()["type"]) }

// Tags lists the strings among metadata.tags.
func (e Entity) Tags() []string { return texts(e.Metadata()["tags"]) }

// Annotation is the value of key in metadata.annotations.
func (e Entity) Annotation(key string) string {
	return text(object(e.Metadata()["annotations"])[key])
}

// SetAnnotation writes an annotation. It creates metadata and annotations where they are missing.
func (e Entity) SetAnnotation(key, value string) {
	metadata := e.Metadata()
	if metadata == nil {
		metadata = map[string]any{}
		e["metadata"] = metadata
	}
	annotations := object(metadata["annotations"])
	if annotations == nil {
		annotations = map[string]any{}
		metadata["annotations"] = annotations
	}
	annotations[key] = value
}

// Clone copies the whole document.
func (e Entity) Clone() Entity { return object(clone(map[string]any(e))) }

func clone(value any) any {
	switch value := value.(type) {
	case map[string]any:
		copied := maps.Clone(value)
		for key, item := range copied {
			copied[key] = clone(item)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, item := range value {
			copied[i] = clone(item)
		}
		return copied
	default:
		return value
	}
}

// Etag is the hex SHA-1 of the document with its keys sorted. The catalog computes it from a finished entity,
// before uid and etag are set. It is "" for a document with a value that JSON cannot represent.
func Etag(e Entity) string {
	encoded, err := Order{}.Marshal(e)
	if err != nil {
		return ""
	}
	return sha1Hex(encoded)
}

func sha1Hex(data []byte) string {
	sum := sha1.Sum(data) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

func object(value any) map[string]any {
	switch value := value.(type) {
	case map[string]any:
		return value
	case Entity:
		return value
	default:
		return nil
	}
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

func texts(value any) []string {
	items, _ := value.([]any)
	var out []string
	for _, item := range items {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
