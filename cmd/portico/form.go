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

// sortedKeys are the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// form is what a template's form asks for, page by page.
type form struct {
	template string
	Steps    []struct {
		Schema parameters `json:"schema"`
	} `json:"steps"`
}

// parameters is as much of a schema in a template's form as says what it asks for, and what it starts with.
type parameters struct {
	Default    json.RawMessage            `json:"default"`
	Enum       []json.RawMessage          `json:"enum"`
	Properties map[string]json.RawMessage `json:"properties"`
	// What is asked for under a condition.
	AllOf             []json.RawMessage          `json:"allOf"`
	AnyOf             []json.RawMessage          `json:"anyOf"`
	OneOf             []json.RawMessage          `json:"oneOf"`
	Then              json.RawMessage            `json:"then"`
	Else              json.RawMessage            `json:"else"`
	Dependencies      map[string]json.RawMessage `json:"dependencies"`
	DependentSchemas  map[string]json.RawMessage `json:"dependentSchemas"`
	PatternProperties map[string]json.RawMessage `json:"patternProperties"`
	// Additional properties are asked for where this is a schema.
	AdditionalProperties json.RawMessage `json:"additionalProperties"`
	// Field is what a form fills it in with, and Options are those of that field.
	Field   string `json:"ui:field"`
	Options struct {
		AllowedHosts []string `json:"allowedHosts"`
	} `json:"ui:options"`
}

// form reads the form of a template; nil for who may start a run but not read its form.
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

// names are the values that the form may ask for, under whatever condition, with their schemas. They are not
// all when a page takes values of any name.
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

// collect adds the names that a schema asks for, and says whether these are all.
func (p parameters) collect(asked map[string]parameters) bool {
	for name, schema := range p.Properties {
		var property parameters
		_ = json.Unmarshal(schema, &property) // one that is no object says nothing of its value
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

// check refuses values that the form does not ask for, and names those that may have been meant.
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

// meant suggests what somebody may have meant: the names that are near, or else all.
func meant(name string, known []string) string {
	// As cobra suggests commands.
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

// initial is what the form would start with: the default, or for an object those of what is in it; nil for
// neither. What is only there under a condition is left to the template.
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

// addTo adds what the form would start with to values that have it not. A property whose schema is no object
// has nothing.
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

// complete gives values what the template's form would start with: the server, as Backstage's, adds nothing.
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

// addHosts writes the host into addresses of repositories that were given without one, ?owner=acme&repo=shop:
// the one that the form offers first.
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
		g.values[name] = hosts[0] + written
	}
	return nil
}

// hosts are those that repositories can be made on, in the order of the configuration.
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
