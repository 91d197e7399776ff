package expression

import (
	"context"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// backstageFilters are the filters that Backstage adds to the language.
func backstageFilters(integrationType func(host string) (string, bool)) map[string]nunjucks.Function {
	if integrationType == nil {
		integrationType = func(string) (string, bool) { return "", false }
	}
	repositories := repositoryFilters{integrationType}
	return map[string]nunjucks.Function{
		"parseEntityRef": parseEntityRef,
		"parseRepoUrl":   repositories.parse,
		"pick":           pick,
		"projectSlug":    repositories.slug,
	}
}

// argument returns args[i], or Undefined when there are fewer arguments.
func argument(args []nunjucks.Value, i int) nunjucks.Value {
	if i < len(args) {
		return args[i]
	}
	return nunjucks.Undefined
}

// repositoryFilters parse the value of the RepoUrlPicker: host?owner=o&repo=r.
type repositoryFilters struct {
	integrationType func(host string) (string, bool)
}

// repositoryParts are the parts of a repository's location, in the order of the result's keys.
var repositoryParts = []string{"owner", "repo", "organization", "workspace", "project"}

// requiredParts are the parts without which a location on that kind of host is incomplete.
var requiredParts = map[string][]string{
	"azure":           {"project", "repo"},
	"bitbucketCloud":  {"workspace", "project", "repo"},
	"bitbucketServer": {"project", "repo"},
	"gerrit":          {"repo"},
	"gitea":           {"repo"},
	"gitlab":          {"owner", "repo"},
}

func (f repositoryFilters) parse(_ context.Context, args []nunjucks.Value, _ *nunjucks.Object) (nunjucks.Value, error) {
	text, ok := argument(args, 0).(string)
	if !ok {
		return nil, fault.New(fault.Input, "Invalid repo URL passed to publisher, it must be a string")
	}
	parsed, err := url.Parse("https://" + text)
	if err != nil || parsed.Host == "" {
		return nil, fault.Wrap(fault.Input, err, "Invalid repo URL passed to publisher, got %s", text)
	}
	host := strings.TrimSuffix(strings.ToLower(parsed.Host), ":443")
	kind, ok := f.integrationType(host)
	if !ok {
		return nil, fault.New(fault.Input,
			"No matching integration configuration for host %s, please check your integrations config", host)
	}
	query := parsed.Query()
	if part := missingPart(kind, query); part != "" {
		return nil, fault.New(fault.Input, "Invalid repo URL passed to publisher: %s, missing %s", parsed, part)
	}
	location := nunjucks.NewObject()
	location.Set("host", host)
	for _, part := range repositoryParts {
		if query.Has(part) {
			location.Set(part, strings.Trim(query.Get(part), "/"))
		}
	}
	return location, nil
}

// missingPart returns the first part that a location lacks, "" when it is complete. On GitLab the project's
// id replaces owner and repository.
func missingPart(kind string, query url.Values) string {
	required, ok := requiredParts[kind]
	if !ok {
		required = []string{"repo", "owner"}
	}
	if kind == "gitlab" && strings.Trim(query.Get("project"), "/") != "" {
		return ""
	}
	for _, part := range required {
		if query.Get(part) == "" {
			return part
		}
	}
	return ""
}

func (f repositoryFilters) slug(ctx context.Context, args []nunjucks.Value, _ *nunjucks.Object) (nunjucks.Value, error) {
	location, err := f.parse(ctx, args, nil)
	if err != nil {
		return nil, err
	}
	part := func(name string) string {
		if text, ok := nunjucks.Member(location, name).(string); ok {
			return text
		}
		return "undefined"
	}
	return part("owner") + "/" + part("repo"), nil
}

// parseEntityRef parses a reference, given as text or as an object, with optional {defaultKind,
// defaultNamespace}.
func parseEntityRef(_ context.Context, args []nunjucks.Value, kwargs *nunjucks.Object) (nunjucks.Value, error) {
	defaults := argument(args, 1)
	if _, given := defaults.(*nunjucks.Object); !given && kwargs != nil {
		defaults = kwargs
	}
	parts, err := referenceParts(argument(args, 0))
	if err != nil {
		return nil, err
	}
	fallback := map[string]string{
		"kind":      memberText(defaults, "defaultKind"),
		"namespace": memberText(defaults, "defaultNamespace"),
	}
	if fallback["namespace"] == "" {
		fallback["namespace"] = "default"
	}
	reference := nunjucks.NewObject()
	for _, name := range []string{"kind", "namespace", "name"} {
		value, given := parts[name]
		if !given {
			value = fallback[name]
		}
		if value == "" {
			return nil, fault.New(fault.Input, "Entity reference %v had missing or empty %s", nunjucks.Describe(args[0]), name)
		}
		reference.Set(name, value)
	}
	return reference, nil
}

func memberText(v nunjucks.Value, key string) string {
	text, _ := nunjucks.Member(v, key).(string)
	return text
}

// referenceParts returns the parts that a reference has.
func referenceParts(reference nunjucks.Value) (map[string]string, error) {
	switch reference := reference.(type) {
	case string:
		return splitReference(reference)
	case *nunjucks.Object:
		parts := map[string]string{}
		for _, name := range []string{"kind", "namespace", "name"} {
			if value, ok := reference.Get(name); ok && value != nil && value != nunjucks.Undefined {
				parts[name] = memberText(reference, name)
			}
		}
		return parts, nil
	}
	return nil, fault.New(fault.Input, "Entity reference must not be empty")
}

// splitReference reads [<kind>:][<namespace>/]<name>; a colon after the slash belongs to the name.
func splitReference(reference string) (map[string]string, error) {
	parts := map[string]string{}
	rest := reference
	if kind, after, found := strings.Cut(rest, ":"); found && !strings.Contains(kind, "/") {
		parts["kind"], rest = kind, after
	}
	if namespace, after, found := strings.Cut(rest, "/"); found {
		parts["namespace"], rest = namespace, after
	}
	parts["name"] = rest
	for _, part := range parts {
		if part == "" {
			return nil, fault.New(fault.Input,
				"Entity reference %q was not on the form [<kind>:][<namespace>/]<name>", reference)
		}
	}
	return parts, nil
}

// pick follows a path ("a.b[0].c") into a value. A member whose name is the whole path takes precedence.
func pick(_ context.Context, args []nunjucks.Value, _ *nunjucks.Object) (nunjucks.Value, error) {
	value := argument(args, 0)
	for _, key := range pickPath(value, argument(args, 1)) {
		value = nunjucks.Member(value, key)
	}
	return value, nil
}

func pickPath(value, path nunjucks.Value) []string {
	switch path := path.(type) {
	case string:
		if nunjucks.Member(value, path) != nunjucks.Undefined {
			return []string{path}
		}
		return splitPath(path)
	case *nunjucks.Array:
		var keys []string
		for _, key := range path.Items {
			keys = append(keys, keyText(key))
		}
		return keys
	}
	return []string{keyText(path)}
}

// keyText formats a key as JavaScript does.
func keyText(key nunjucks.Value) string {
	if text, ok := key.(string); ok {
		return text
	}
	return nunjucks.Describe(key)
}

// splitPath splits a path at its dots and brackets. A quoted text in brackets is one key.
func splitPath(path string) []string {
	var keys []string
	for rest := path; rest != ""; {
		switch {
		case rest[0] == '[':
			inner, after, _ := strings.Cut(rest[1:], "]")
			keys = append(keys, strings.Trim(inner, `"'`))
			rest = strings.TrimPrefix(after, ".")
		default:
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				return append(keys, rest)
			}
			keys = append(keys, rest[:end])
			rest = strings.TrimPrefix(rest[end:], ".")
		}
	}
	return keys
}
