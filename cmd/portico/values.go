package main

import (
	"encoding/json"
	"fmt"
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
