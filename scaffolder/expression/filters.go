package expression

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// filters are Backstage's own: parseRepoUrl, projectSlug, parseEntityRef and pick.
func filters(integrationType func(host string) (string, bool)) map[string]nunjucks.Function {
	if integrationType == nil {
		integrationType = func(string) (string, bool) { return "", false }
	}
	return map[string]nunjucks.Function{
		"parseRepoUrl": func(_ context.Context, args []nunjucks.Value, _ *nunjucks.Object) (nunjucks.Value, error) {
			return parseRepoURL(argument(args, 0), integrationType)
		},
		"projectSlug": func(_ context.Context, args []nunjucks.Value, _ *nunjucks.Object) (nunjucks.Value, error) {
			repo, err := parseRepoURL(argument(args, 0), integrationType)
			if err != nil {
				return nil, err
			}
			return part(repo, "owner") + "/" + part(repo, "repo"), nil
		},
		"parseEntityRef": func(_ context.Context, args []nunjucks.Value, _ *nunjucks.Object) (nunjucks.Value, error) {
			return parseEntityRef(argument(args, 0), argument(args, 1))
		},
		"pick": func(_ context.Context, args []nunjucks.Value, _ *nunjucks.Object) (nunjucks.Value, error) {
			return pick(argument(args, 0), argument(args, 1)), nil
		},
	}
}

func argument(args []nunjucks.Value, i int) nunjucks.Value {
	if i < len(args) {
		return args[i]
	}
	return nunjucks.Undefined
}

// required are the query parameters that a repository URL must have, by the type of its host (Backstage's parseRepoUrl). For others: owner
// and repo.
var required = map[string][]string{
	"bitbucketCloud":  {"workspace", "project", "repo"},
	"bitbucketServer": {"project", "repo"},
	"azure":           {"project", "repo"},
	"gitlab":          {"owner", "repo"},
	"gitea":           {"repo"},
	"gerrit":          {"repo"},
}

var repositoryParts = []string{"owner", "repo", "organization", "workspace", "project"}

// parseRepoURL takes a repository URL apart, such as github.com?owner=acme&repo=shop.
func parseRepoURL(value nunjucks.Value, integrationType func(string) (string, bool)) (*nunjucks.Object, error) {
	text, isText := value.(string)
	if !isText {
		return nil, errors.New("repository URL is not text")
	}
	parsed, err := url.Parse("https://" + text)
	if err != nil || parsed.Host == "" {
		return nil, fmt.Errorf("Invalid repo URL passed to publisher, got %s", text) //nolint:staticcheck // Backstage's words
	}
	kind, known := integrationType(parsed.Host)
	if !known {
		return nil, fmt.Errorf("No matching integration configuration for host %s, please check your integrations config", parsed.Host) //nolint:staticcheck // Backstage's words
	}
	query := parsed.Query()
	if err := checkParts(text, kind, query); err != nil {
		return nil, err
	}
	repo := nunjucks.NewObject()
	repo.Set("host", parsed.Host)
	for _, name := range repositoryParts {
		if query.Has(name) {
			repo.Set(name, strings.Trim(query.Get(name), "/"))
		}
	}
	return repo, nil
}

func checkParts(text, kind string, query url.Values) error {
	names, special := required[kind]
	if !special {
		names = []string{"repo", "owner"}
	}
	if kind == "gitlab" && query.Get("project") != "" {
		names = nil
	}
	for _, name := range names {
		if query.Get(name) == "" {
			return fmt.Errorf("Invalid repo URL passed to publisher: %s, missing %s", text, name) //nolint:staticcheck // Backstage's words
		}
	}
	return nil
}

func part(object *nunjucks.Object, name string) string {
	value, has := object.Get(name)
	if text, isText := value.(string); has && isText {
		return text
	}
	return "undefined"
}

// parseEntityRef takes an entity reference apart, in text or as an object; defaults may hold defaultKind and defaultNamespace.
func parseEntityRef(value, defaults nunjucks.Value) (nunjucks.Value, error) {
	kind, namespace := "", "default"
	if object, isObject := defaults.(*nunjucks.Object); isObject {
		kind = textOr(object, "defaultKind", kind)
		namespace = textOr(object, "defaultNamespace", namespace)
	}
	name := ""
	switch value := value.(type) {
	case string:
		var err error
		if kind, namespace, name, err = splitRef(value, kind, namespace); err != nil {
			return nil, err
		}
	case *nunjucks.Object:
		kind, namespace, name = textOr(value, "kind", kind), textOr(value, "namespace", namespace), textOr(value, "name", "")
	default:
		return nil, errors.New("entity reference is neither text nor an object")
	}
	if kind == "" || name == "" {
		return nil, errors.New(`Entity reference had missing or empty kind (e.g. did not start with "component:" or similar)`) //nolint:staticcheck // Backstage's words
	}
	ref := nunjucks.NewObject()
	ref.Set("kind", kind)
	ref.Set("namespace", namespace)
	ref.Set("name", name)
	return ref, nil
}

func splitRef(text, kind, namespace string) (string, string, string, error) {
	rest := text
	colon, slash := strings.Index(rest, ":"), strings.Index(rest, "/")
	if colon >= 0 && (slash < 0 || colon < slash) {
		kind, rest = rest[:colon], rest[colon+1:]
	}
	if before, after, found := strings.Cut(rest, "/"); found {
		namespace, rest = before, after
	}
	if rest == "" || colon == 0 || namespace == "" {
		return "", "", "", fmt.Errorf(`Entity reference "%s" was not on the form [<kind>:][<namespace>/]<name>`, text) //nolint:staticcheck // Backstage's words
	}
	return kind, namespace, rest, nil
}

func textOr(object *nunjucks.Object, name, otherwise string) string {
	value, _ := object.Get(name)
	if text, isText := value.(string); isText && text != "" {
		return text
	}
	return otherwise
}

// pathSegment is one step of a lodash path: a name, or what stands in brackets.
var pathSegment = regexp.MustCompile(`[^.[\]]+|\[(?:"([^"]*)"|'([^']*)'|([^\]]*))\]`)

// pick is lodash.get: a path with dots and brackets, undefined where it leads nowhere.
func pick(value, path nunjucks.Value) nunjucks.Value {
	text, isText := path.(string)
	if !isText {
		return nunjucks.Undefined
	}
	if object, isObject := value.(*nunjucks.Object); isObject {
		if member, has := object.Get(text); has {
			return member
		}
	}
	for _, match := range pathSegment.FindAllStringSubmatch(text, -1) {
		segment := match[0]
		if strings.HasPrefix(segment, "[") {
			segment = match[1] + match[2] + match[3]
		}
		value = memberOf(value, segment)
	}
	return value
}

func memberOf(value nunjucks.Value, name string) nunjucks.Value {
	switch value := value.(type) {
	case *nunjucks.Object:
		if member, has := value.Get(name); has {
			return member
		}
	case *nunjucks.Array:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(value.Items) {
			return value.Items[i]
		}
		if name == "length" {
			return float64(len(value.Items))
		}
	}
	return nunjucks.Undefined
}
