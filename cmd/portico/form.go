package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/catalog/entity"
)

// sortedKeys returns the sorted keys of a map.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// form is a template's form, page by page.
type form struct {
	template string
	Steps    []struct {
		Schema parameters `json:"schema"`
	} `json:"steps"`
}

// parameters is the part of a form's schema that lists the values and their defaults.
type parameters struct {
	Default    json.RawMessage            `json:"default"`
	Enum       []json.RawMessage          `json:"enum"`
	Properties map[string]json.RawMessage `json:"properties"`
	// Values that the form has under a condition.
	AllOf             []json.RawMessage          `json:"allOf"`
	AnyOf             []json.RawMessage          `json:"anyOf"`
	OneOf             []json.RawMessage          `json:"oneOf"`
	Then              json.RawMessage            `json:"then"`
	Else              json.RawMessage            `json:"else"`
	Dependencies      map[string]json.RawMessage `json:"dependencies"`
	DependentSchemas  map[string]json.RawMessage `json:"dependentSchemas"`
	PatternProperties map[string]json.RawMessage `json:"patternProperties"`
	// Additional properties are values if this is a schema.
	AdditionalProperties json.RawMessage `json:"additionalProperties"`
	// Field is the form field, and Options are its options.
	Field   string `json:"ui:field"`
	Options struct {
		AllowedHosts []string `json:"allowedHosts"`
	} `json:"ui:options"`
}

// form fetches the form of a template; nil if the user may start a run but not read the form.
func (c *apiClient) form(ctx context.Context, template string) (*form, error) {
	ref, err := entity.ParseRef(template, entity.Ref{Kind: "template", Namespace: "default"})
	if err != nil {
		return nil, err
	}
	f := &form{template: template}
	path := fmt.Sprintf("/api/scaffolder/v2/templates/%s/%s/%s/parameter-schema",
		url.PathEscape(ref.Namespace), url.PathEscape(ref.Kind), url.PathEscape(ref.Name))
	err = c.call(ctx, http.MethodGet, path, nil, f)
	if refused, is := errors.AsType[*apiError](err); is && refused.status == http.StatusForbidden {
		return nil, nil
	}
	return f, err
}

// names returns the values that the form may have, under any condition, with their schemas. all is false when
// a page accepts values with any name.
func (f *form) names() (asked map[string]parameters, all bool) {
	asked, all = map[string]parameters{}, true
	if f == nil {
		return asked, false
	}
	for _, page := range f.Steps {
		all = page.Schema.collect(asked) && all
	}
	return asked, all
}

// collect adds the names in a schema, and reports whether these are all.
func (p parameters) collect(asked map[string]parameters) bool {
	for name, schema := range p.Properties {
		var property parameters
		_ = json.Unmarshal(schema, &property) // a schema that is not an object says nothing about its value
		asked[name] = property
	}
	all := len(p.PatternProperties) == 0 && !strings.HasPrefix(strings.TrimSpace(string(p.AdditionalProperties)), "{")
	parts := slices.Concat(p.AllOf, p.AnyOf, p.OneOf, []json.RawMessage{p.Then, p.Else})
	for _, conditional := range []map[string]json.RawMessage{p.Dependencies, p.DependentSchemas} {
		for _, schema := range conditional {
			parts = append(parts, schema)
		}
	}
	for _, part := range parts {
		var schema parameters
		if len(part) > 0 && json.Unmarshal(part, &schema) == nil {
			all = schema.collect(asked) && all
		}
	}
	return all
}

// check rejects values that the form does not have, and suggests similar names.
func (f *form) check(g given) error {
	asked, all := f.names()
	if !all {
		return nil
	}
	var problems []error
	for _, name := range sortedKeys(g.values) {
		if _, is := asked[name]; !is {
			problems = append(problems, fmt.Errorf("%s: %s has no value called %q%s", g.flag(name), f.template, name, meant(name, sortedKeys(asked))))
		}
	}
	return errors.Join(problems...)
}

// meant suggests names: the similar ones, or else all.
func meant(name string, known []string) string {
	// Use cobra's algorithm for suggestions.
	commands := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, each := range known {
		commands.AddCommand(&cobra.Command{Use: each, Run: func(*cobra.Command, []string) {}})
	}
	switch near := commands.SuggestionsFor(name); {
	case len(near) > 0:
		return fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
	case len(known) == 0:
		return "; it asks for none"
	default:
		return "; it has " + strings.Join(known, ", ")
	}
}

// initial is the form's initial value: the default or, for an object, the defaults of its properties; nil
// without any. Values under a condition are left to the template.
func (p parameters) initial() any {
	if p.Default != nil {
		return p.Default
	}
	members := map[string]any{}
	p.addTo(members)
	if len(members) == 0 {
		return nil
	}
	return members
}

// addTo adds the form's initial values to missing values. It skips properties whose schema is not an object.
func (p parameters) addTo(values map[string]any) {
	for name, schema := range p.Properties {
		var property parameters
		if _, given := values[name]; given || json.Unmarshal(schema, &property) != nil {
			continue
		}
		if value := property.initial(); value != nil {
			values[name] = value
		}
	}
}

// complete adds the form's initial values, because the server, like Backstage's, adds none.
func (f *form) complete(ctx context.Context, c *apiClient, g given) error {
	if f == nil {
		return nil
	}
	for _, page := range f.Steps {
		page.Schema.addTo(g.values)
		if err := c.addHosts(ctx, page.Schema, g); err != nil {
			return err
		}
	}
	return nil
}

// addHosts adds the host to repository URLs without one, ?owner=acme&repo=shop: the one that the form offers
// first.
func (c *apiClient) addHosts(ctx context.Context, page parameters, g given) error {
	for name, schema := range page.Properties {
		var property parameters
		written, isText := g.values[name].(string)
		if !isText || !strings.HasPrefix(written, "?") || json.Unmarshal(schema, &property) != nil || property.Field != "RepoUrlPicker" {
			continue
		}
		hosts := property.Options.AllowedHosts
		if len(hosts) == 0 {
			var err error
			if hosts, err = c.hosts(ctx); err != nil {
				return err
			}
		}
		if len(hosts) == 0 {
			return fmt.Errorf("--set %s=%s: no host is configured for repositories; write host?owner=OWNER&repo=NAME", name, written)
		}
		first, err := c.firstHost(ctx, hosts)
		if err != nil {
			return err
		}
		g.values[name] = first + written
	}
	return nil
}

// firstHost is the host that the form offers first: the first with credentials, or the first when none has
// any. With one host there is nothing to ask the server.
func (c *apiClient) firstHost(ctx context.Context, hosts []string) (string, error) {
	if len(hosts) == 1 {
		return hosts[0], nil
	}
	var list struct {
		Hosts []struct {
			Host           string `json:"host"`
			HasCredentials bool   `json:"hasCredentials"`
		} `json:"hosts"`
	}
	if err := c.call(ctx, http.MethodGet, "/api/portico/v1/hosts", nil, &list); err != nil {
		return "", fmt.Errorf("choose a host for the repository: %w", err)
	}
	withCredentials := map[string]bool{}
	for _, each := range list.Hosts {
		withCredentials[each.Host] = each.HasCredentials
	}
	return hosts[max(0, slices.IndexFunc(hosts, func(host string) bool { return withCredentials[host] }))], nil
}

// hosts lists the hosts on which repositories can be created, in the order of the configuration.
func (c *apiClient) hosts(ctx context.Context) ([]string, error) {
	var info struct {
		Integrations []struct {
			Host string `json:"host"`
		} `json:"integrations"`
	}
	if err := c.call(ctx, http.MethodGet, "/api/portico/v1/info", nil, &info); err != nil {
		return nil, err
	}
	var hosts []string
	for _, each := range info.Integrations {
		hosts = append(hosts, each.Host)
	}
	return hosts, nil
}
