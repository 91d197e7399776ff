package kubernetes

import "regexp"

// Manager is the field manager of everything that Portico writes.
const Manager = "portico"

// RunLabel and StepLabel say which run and step wrote an object last, with LabelValue, and EffectAnnotation for which
// effect of the run's ledger.
const (
	RunLabel         = "portico.dev/run"
	StepLabel        = "portico.dev/step"
	EffectAnnotation = "portico.dev/effect"
)

// notLabel are the characters that a label's value cannot have.
var notLabel = regexp.MustCompile(`[^A-Za-z0-9_.-]+|^[^A-Za-z0-9]+`)

// LabelValue is a text as the value of a label: at most 63 letters, digits, dots, dashes and underscores.
func LabelValue(text string) string {
	value := notLabel.ReplaceAllString(text, "-")
	value = value[:min(len(value), 63)]
	for value != "" && !isAlphanumeric(value[0]) {
		value = value[1:]
	}
	for value != "" && !isAlphanumeric(value[len(value)-1]) {
		value = value[:len(value)-1]
	}
	return value
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
