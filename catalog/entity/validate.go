package entity

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// CheckEnvelope checks the fields that processing needs: apiVersion, kind and a name. The error is an *Error,
// a TypeError in the words of Backstage's schema validator.
func CheckEnvelope(e Entity) error {
	if broken := checkEnvelope(e); broken != nil {
		return broken
	}
	return nil
}

func checkEnvelope(e Entity) *Error {
	if failed := envelopeSchema.check(map[string]any(e), ""); failed != nil {
		return failed.typeError()
	}
	if ref := e.Ref().String(); len(ref) > maxRefBytes {
		return typeErrorf("<root> must be referred to in at most %d bytes - limit: %d", maxRefBytes, maxRefBytes)
	}
	return nil
}

// typeError is the violation in the form of the kinds' validators.
func (v *violation) typeError() *Error {
	return typeErrorf("%s %s - %s", v.where(), v.message, v.parameter).about(v.path)
}

// Validate is Model.Validate with the built-in kinds.
func Validate(e Entity) error { return (*Model)(nil).Validate(e) }

// enforcePolicies checks the rules for entities of every kind, in Backstage's order.
func enforcePolicies(e Entity) *Error {
	if failed := entitySchema.check(map[string]any(e), ""); failed != nil {
		return plainErrorf("Malformed envelope, %s %s", failed.where(), failed.message).about(failed.path)
	}
	if text(e.Metadata()["namespace"]) == "" {
		e.Metadata()["namespace"] = DefaultNamespace
	}
	for _, field := range sortedKeys(e) {
		if !slices.Contains([]string{"apiVersion", "kind", "metadata", "spec"}, field) {
			return plainErrorf("Unknown field %s", field).about("/" + pointerEscape(field))
		}
	}
	if broken := checkFormats(e); broken != nil {
		return broken
	}
	return checkStorable(map[string]any(e), "")
}

// checkStorable rejects NUL, the one character that JSON can represent and Postgres cannot. Backstage fails
// later, when it stores. path is that of the value, a JSON pointer.
func checkStorable(value any, path string) *Error {
	if isStorable(value) {
		return nil
	}
	path = unstorablePath(value, path)
	return plainErrorf("%q holds the character U+0000, which cannot be stored", path).about(path)
}

func isStorable(value any) bool {
	switch value := value.(type) {
	case string:
		return strings.IndexByte(value, 0) < 0
	case []any:
		return !slices.ContainsFunc(value, func(item any) bool { return !isStorable(item) })
	case map[string]any:
		for key, member := range value {
			if strings.IndexByte(key, 0) >= 0 || !isStorable(member) {
				return false
			}
		}
	}
	return true
}

// unstorablePath is the path of the first value within value that cannot be stored, or of the object with such a key.
func unstorablePath(value any, path string) string {
	switch value := value.(type) {
	case []any:
		for i, item := range value {
			if !isStorable(item) {
				return unstorablePath(item, fmt.Sprintf("%s/%d", path, i))
			}
		}
	case map[string]any:
		for _, key := range sortedKeys(value) {
			if !isStorable(value[key]) {
				return unstorablePath(value[key], path+"/"+pointerEscape(key))
			}
		}
	}
	return path
}

// format is a rule for the characters of a field, with the expectation that its error states.
type format struct {
	valid       func(string) bool
	expectation string
}

var (
	nameFormat = format{isObjectName,
		"a string that is sequences of [a-zA-Z0-9] separated by any of [-_.], at most 63 characters in total"}
	labelValueFormat = format{func(s string) bool { return s == "" || isObjectName(s) }, nameFormat.expectation}
	apiVersionFormat = format{func(s string) bool { return isPrefixed(s, alphanumeric) }, "a valid prefix and/or suffix"}
	keyFormat        = format{func(s string) bool { return isPrefixed(s, objectName) }, "a valid prefix and/or suffix"}
	namespaceFormat  = format{isLabel,
		"a string that is sequences of [a-z0-9] separated by [-], at most 63 characters in total"}
	tagFormat = format{func(s string) bool { return isShort(s, tag) },
		"a string that is sequences of [a-z0-9+#] separated by [-], at most 63 characters in total"}
	kindFormat = format{func(s string) bool { return isShort(s, kindName) },
		"a string that is a sequence of [a-zA-Z][a-z0-9A-Z], at most 63 characters in total"}
	urlFormat      = format{isAbsoluteURL, "a string that is a valid url"}
	nonBlankFormat = format{func(s string) bool { return strings.TrimSpace(s) != "" }, "a non empty string"}
)

var (
	alphanumeric = regexp.MustCompile(`^[a-z0-9A-Z]+$`)
	objectName   = regexp.MustCompile(`^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$`)
	label        = regexp.MustCompile(`^[a-z0-9]+(?:-+[a-z0-9]+)*$`)
	tag          = regexp.MustCompile(`^[a-z0-9:+#]+(-[a-z0-9:+#]+)*$`)
	kindName     = regexp.MustCompile(`^[a-zA-Z][a-z0-9A-Z]*$`)
)

func isShort(s string, pattern *regexp.Regexp) bool { return len(s) <= 63 && pattern.MatchString(s) }

func isObjectName(s string) bool { return isShort(s, objectName) }

func isLabel(s string) bool { return isShort(s, label) }

func isSubdomain(s string) bool {
	return len(s) <= 253 && !slices.ContainsFunc(strings.Split(s, "."), func(part string) bool { return !isLabel(part) })
}

// isPrefixed accepts a suffix, or a DNS subdomain, a slash and a suffix.
func isPrefixed(s string, suffix *regexp.Regexp) bool {
	prefix, rest, found := strings.Cut(s, "/")
	if !found {
		return isShort(s, suffix)
	}
	return isSubdomain(prefix) && isShort(rest, suffix)
}

func (f format) check(field, value string) *Error {
	if f.valid(value) {
		return nil
	}
	return plainErrorf(`"%s" is not valid; expected %s but found "%s". To learn more about catalog file format, visit: `+
		"https://github.com/backstage/backstage/blob/master/docs/architecture-decisions/adr002-default-catalog-file-format.md",
		field, f.expectation, value).about(formatPointer(field))
}

// formatPointer is the JSON pointer of a field as messages about formats name it: metadata.name, labels.tier,
// tags.0, links.0.url.
func formatPointer(field string) string {
	section, rest, nested := strings.Cut(field, ".")
	switch {
	case !nested:
		return "/" + field
	case section == "metadata":
		return "/metadata/" + rest
	case section == "links":
		return "/metadata/links/" + strings.ReplaceAll(rest, ".", "/")
	default:
		return "/metadata/" + section + "/" + pointerEscape(rest)
	}
}

// checkFormats checks the characters of an entity that fits entitySchema.
func checkFormats(e Entity) *Error {
	metadata := e.Metadata()
	checks := []struct {
		field string
		format
		value string
	}{
		{"apiVersion", apiVersionFormat, e.APIVersion()},
		{"kind", kindFormat, e.Kind()},
		{"metadata.name", nameFormat, e.Name()},
		{"metadata.namespace", namespaceFormat, e.Namespace()},
	}
	for _, check := range checks {
		if failed := check.check(check.field, check.value); failed != nil {
			return failed
		}
	}
	if failed := checkMap("labels", object(metadata["labels"]), labelValueFormat); failed != nil {
		return failed
	}
	if failed := checkMap("annotations", object(metadata["annotations"]), format{valid: anything}); failed != nil {
		return failed
	}
	for i, tag := range texts(metadata["tags"]) {
		if failed := tagFormat.check(fmt.Sprintf("tags.%d", i), tag); failed != nil {
			return failed
		}
	}
	return checkLinks(metadata["links"])
}

func anything(string) bool { return true }

func checkMap(field string, values map[string]any, value format) *Error {
	for _, key := range sortedKeys(values) {
		if failed := keyFormat.check(field+"."+key, key); failed != nil {
			return failed
		}
		if failed := value.check(field+"."+key, text(values[key])); failed != nil {
			return failed
		}
	}
	return nil
}

func checkLinks(links any) *Error {
	items, _ := links.([]any)
	for i, item := range items {
		link := object(item)
		field := fmt.Sprintf("links.%d", i)
		if failed := urlFormat.check(field+".url", text(link["url"])); failed != nil {
			return failed
		}
		for _, optional := range []string{"title", "icon"} {
			value, present := link[optional]
			if !present {
				continue
			}
			if failed := nonBlankFormat.check(field+"."+optional, text(value)); failed != nil {
				return failed
			}
		}
	}
	return nil
}

var (
	urlScheme      = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*$`)
	webScheme      = regexp.MustCompile(`(?i)^(https?|wss?|ftp)$`)
	forbiddenInURL = regexp.MustCompile(`[\x00-\x20<>^|%@"\[\]` + "`" + `]`)
)

// isAbsoluteURL accepts what browsers accept as an absolute URL: a scheme and, for http and https, a host.
func isAbsoluteURL(s string) bool {
	scheme, rest, found := strings.Cut(strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }), ":")
	if !found || !urlScheme.MatchString(scheme) {
		return false
	}
	if !webScheme.MatchString(scheme) {
		return true
	}
	authority := strings.TrimLeft(rest, `/\`)
	if end := strings.IndexAny(authority, `/\?#`); end >= 0 {
		authority = authority[:end]
	}
	authority = authority[strings.LastIndexByte(authority, '@')+1:]
	return isAuthority(authority)
}

func isAuthority(authority string) bool {
	host, port := authority, ""
	if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
		host, port = authority[:colon], authority[colon+1:]
	}
	if port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return false
		}
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		address, err := netip.ParseAddr(host[1 : len(host)-1])
		return err == nil && address.Is6()
	}
	host, err := url.PathUnescape(host)
	return err == nil && host != "" && !strings.Contains(host, ":") && !forbiddenInURL.MatchString(host)
}
