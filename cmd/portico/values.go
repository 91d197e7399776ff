package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
)

// parseSets reads the values of a run from name=value.
func parseSets(sets []string) (map[string]any, error) {
	values := map[string]any{}
	for _, set := range sets {
		name, text, found := strings.Cut(set, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("--set %s: write name=value", set)
		}
		values[name] = parseValue(text)
	}
	return values, nil
}

// parseValue is what a person means by a value on the command line: JSON where it is JSON, a list or an object where it is
// one in YAML's [] or {}, and otherwise the text as it stands. YAML at large would take a note with a colon for an object,
// cut one at a #, and make another day's time of a date.
func parseValue(text string) any {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "[") || strings.HasPrefix(trimmed, "{") {
		if value, err := entity.DecodePlaceholder("yaml", "--set", []byte(text)); err == nil {
			return value
		}
	}
	return text
}

// parseSecrets reads the secrets of a run from name=value. What is wrong with one is said without it.
func parseSecrets(secrets []string) (map[string]string, error) {
	values := map[string]string{}
	for _, secret := range secrets {
		name, text, found := strings.Cut(secret, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("--secret: write name=value")
		}
		values[name] = text
	}
	return values, nil
}

// parameters is as much of a page of a template's form as says what it starts with.
type parameters struct {
	Default    json.RawMessage            `json:"default"`
	Properties map[string]json.RawMessage `json:"properties"`
	// Field is what a form fills it in with, and Options are those of that field.
	Field   string `json:"ui:field"`
	Options struct {
		AllowedHosts []string `json:"allowedHosts"`
	} `json:"ui:options"`
}

// initial is what the form would start with: the default, or for an object those of what is in it; nil for neither. What is
// only there under a condition is left to the template.
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

// addTo adds what the form would start with to values that have it not. A property whose schema is no object has nothing.
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

// addDefaults gives values what the template's form would start with: the server, as Backstage's, adds nothing. Who may start
// a run but not read its form goes without.
func (c *apiClient) addDefaults(ctx context.Context, template string, values map[string]any) error {
	ref, err := entity.ParseRef(template, entity.Ref{Kind: "template", Namespace: "default"})
	if err != nil {
		return err
	}
	var form struct {
		Steps []struct {
			Schema parameters `json:"schema"`
		} `json:"steps"`
	}
	path := fmt.Sprintf("/api/scaffolder/v2/templates/%s/%s/%s/parameter-schema",
		url.PathEscape(ref.Namespace), url.PathEscape(ref.Kind), url.PathEscape(ref.Name))
	err = c.call(ctx, http.MethodGet, path, nil, &form)
	if refused, is := errors.AsType[*apiError](err); is && refused.status == http.StatusForbidden {
		return nil
	}
	if err != nil {
		return err
	}
	for _, page := range form.Steps {
		page.Schema.addTo(values)
		if err := c.addHosts(ctx, page.Schema, values); err != nil {
			return err
		}
	}
	return nil
}

// addHosts writes the host into addresses of repositories that were given without one, ?owner=acme&repo=shop: the one that the form offers first.
func (c *apiClient) addHosts(ctx context.Context, page parameters, values map[string]any) error {
	for name, schema := range page.Properties {
		var property parameters
		written, isText := values[name].(string)
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
		values[name] = hosts[0] + written
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
