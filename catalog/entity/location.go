package entity

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Values of LocationSpec.Presence.
const (
	PresenceRequired = "required"
	PresenceOptional = "optional"
)

// LocationSpec is the address from which entities are read. Type is "url" or "file"; Target is an absolute
// URL or a path. Presence says whether an absent target is an error; "" is PresenceRequired.
type LocationSpec struct{ Type, Target, Presence string }

// String is the location reference: type:target.
func (l LocationSpec) String() string { return l.Type + ":" + l.Target }

// harmless are the query parameters with which hosts name a file.
var harmless = []string{"path", "version", "at", "ref"}

// WithoutSecrets is the location reference for messages and the audit log. It leaves out what may be a secret
// in a URL, which is its user and all query parameters that name no file.
func (l LocationSpec) WithoutSecrets() string {
	if l.Type != "url" {
		return l.String()
	}
	parsed, err := url.Parse(l.Target)
	if err != nil {
		return l.Type + ":" // it can never be read
	}
	query := parsed.Query()
	maps.DeleteFunc(query, func(name string, _ []string) bool { return !slices.Contains(harmless, name) })
	parsed.User, parsed.RawQuery, parsed.Fragment = nil, query.Encode(), ""
	return l.Type + ":" + parsed.String()
}

// Optional reports whether the target may be absent.
func (l LocationSpec) Optional() bool { return l.Presence == PresenceOptional }

// scriptURL matches what browsers accept as a javascript: URL, including control characters.
var scriptURL = regexp.MustCompile(`(?i)^[\x00-\x1f ]*` + strings.Join(strings.Split("javascript", ""), `[\r\n\t]*`) + `[\r\n\t]*:`)

// ParseLocationRef reads a location reference, type:target. The error is an *Error.
func ParseLocationRef(ref string) (LocationSpec, error) {
	kind, target, found := strings.Cut(ref, ":")
	kind, target = strings.TrimSpace(kind), strings.TrimSpace(target)
	switch {
	case !found || kind == "" || target == "":
		return LocationSpec{}, typeErrorf(
			"Unable to parse location ref '%s', expected '<type>:<target>', e.g. 'url:https://host/path'", ref)
	case kind == "http" || kind == "https":
		return LocationSpec{}, typeErrorf("Invalid location ref '%s', please prefix it with 'url:', e.g. 'url:%s'", ref, ref)
	case scriptURL.MatchString(target):
		return LocationSpec{}, typeErrorf("Invalid location ref '%s', target is a javascript: URL", ref)
	default:
		return LocationSpec{Type: kind, Target: target}, nil
	}
}

// rejectedURL replaces a link that would run a script in the reader's browser.
const rejectedURL = "https://backstage.io/annotation-rejected-for-security-reasons"

// RejectScriptURLs replaces javascript: URLs in the annotations that portals show as links.
func RejectScriptURLs(e Entity) {
	for _, annotation := range []string{AnnotationViewURL, AnnotationEditURL} {
		if scriptURL.MatchString(e.Annotation(annotation)) {
			e.SetAnnotation(annotation, rejectedURL)
		}
	}
}

// LocationEntityName is the name of the Location entity of a registered location.
func LocationEntityName(kind, target string) string {
	return "generated-" + sha1Hex([]byte(kind+":"+target))
}

// LocationEntity is the root entity of a registered or configured location: its own origin.
func LocationEntity(spec LocationSpec) Entity {
	entity := Entity{
		"apiVersion": "backstage.io/v1alpha1",
		"kind":       "Location",
		"metadata": map[string]any{
			"name": LocationEntityName(spec.Type, spec.Target),
			"annotations": map[string]any{
				AnnotationLocation:       spec.String(),
				AnnotationOriginLocation: spec.String(),
			},
		},
		"spec": map[string]any{"type": spec.Type, "target": spec.Target},
	}
	if spec.Presence != "" {
		entity.Spec()["presence"] = spec.Presence
	}
	return entity
}

// LocationTargets lists the targets of a Location entity as written: a target may be relative to the file of
// the entity. A Location without a type has the type of its own location.
func LocationTargets(e Entity, ownType string) []LocationSpec {
	spec := e.Spec()
	like := LocationSpec{Type: text(spec["type"]), Presence: text(spec["presence"])}
	if like.Type == "" {
		like.Type = ownType
	}
	var targets []LocationSpec
	for _, target := range append(texts([]any{spec["target"]}), texts(spec["targets"])...) {
		if target == "" {
			continue
		}
		like.Target = target
		targets = append(targets, like)
	}
	return targets
}
