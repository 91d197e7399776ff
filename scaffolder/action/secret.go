package action

import (
	"encoding/json"
	"maps"
	"slices"
)

// SecretTexts returns the texts in the secret outputs of a step. A step with each has a list of every output.
func (d Description) SecretTexts(output json.RawMessage) []string {
	if len(d.SecretOutputs) == 0 {
		return nil
	}
	var outputs map[string]any
	if json.Unmarshal(output, &outputs) != nil {
		return nil
	}
	var texts []string
	for name, value := range outputs {
		if slices.Contains(d.SecretOutputs, name) {
			texts = appendTexts(texts, value)
		}
	}
	return texts
}

func appendTexts(texts []string, value any) []string {
	switch value := value.(type) {
	case string:
		return append(texts, value)
	case []any:
		for _, item := range value {
			texts = appendTexts(texts, item)
		}
	case map[string]any:
		for _, item := range value {
			texts = appendTexts(texts, item)
		}
	}
	return texts
}

// NameOfSecret is the name of the run's secret that has a value, "" when none has it, as when the value is "". An
// action keeps the name in its record, so that a rollback finds the token of the step again.
func NameOfSecret(secrets map[string]string, value string) string {
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		if value != "" && secrets[name] == value {
			return name
		}
	}
	return ""
}
