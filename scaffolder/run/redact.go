package run

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/portico-dev/portico/plainjson"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

const mask = "***"

// The levels of log lines, as Backstage's logger colours them; its log viewer renders the colours.
const (
	InfoLevel  = "\u001b[32minfo\u001b[39m: "
	WarnLevel  = "\u001b[33mwarn\u001b[39m: "
	ErrorLevel = "\u001b[31merror\u001b[39m: "
)

// Redactor masks a run's secrets in what people get to see. A secret of one character is not masked, as in Backstage:
// it would blot out the text.
type Redactor struct{ secrets []string }

// NewRedactor masks the values of secrets.
func NewRedactor(secrets ...map[string]string) Redactor {
	var values []string
	for _, some := range secrets {
		for _, secret := range some {
			if trimmed := strings.TrimSpace(secret); len(trimmed) > 1 {
				values = append(values, formsOf(trimmed)...)
			}
		}
	}
	// The longest first, so that a secret that contains another is masked whole.
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return Redactor{slices.Compact(values)}
}

// minLine is the shortest line of a secret of many lines that is masked by itself.
const minLine = 8

// formsOf are a secret in the forms in which it may meet people. Within JSON, and within JSON that is quoted in JSON,
// it is escaped; a key of many lines is masked line by line as well, however its ends of lines are written.
func formsOf(secret string) []string {
	forms := []string{secret}
	for line := range strings.Lines(secret) {
		if line = strings.TrimSpace(line); len(line) >= minLine && line != secret {
			forms = append(forms, line)
		}
	}
	for _, encode := range []func(any) ([]byte, error){json.Marshal, plainjson.Marshal} {
		form := secret
		for range 2 {
			encoded, err := encode(form)
			if err != nil {
				break // not even JSON can show it
			}
			form = string(encoded[1 : len(encoded)-1])
			forms = append(forms, form)
		}
	}
	return forms
}

// Also masks more texts. Those in which a secret is masked already show nothing of it, and are left readable.
func (r Redactor) Also(texts []string) Redactor {
	more := map[string]string{}
	for _, text := range texts {
		if r.Text(text) == text {
			more[text] = text
		}
	}
	if len(more) == 0 {
		return r
	}
	for _, secret := range r.secrets {
		more[secret] = secret
	}
	return NewRedactor(more)
}

// Text masks secrets in a line.
func (r Redactor) Text(s string) string {
	for _, secret := range r.secrets {
		s = strings.ReplaceAll(s, secret, mask)
	}
	return s
}

// JSON masks secrets in every string of a JSON document; what is no JSON is masked as text. Keys keep their order.
func (r Redactor) JSON(document json.RawMessage) json.RawMessage {
	if len(r.secrets) == 0 || len(document) == 0 {
		return document
	}
	value, err := nunjucks.DecodeJSON(document)
	if err != nil {
		return json.RawMessage(r.Text(string(document)))
	}
	masked, err := nunjucks.EncodeJSON(r.value(value))
	if err != nil {
		return json.RawMessage(r.Text(string(document)))
	}
	return masked
}

func (r Redactor) value(value nunjucks.Value) nunjucks.Value {
	switch value := value.(type) {
	case string:
		return r.Text(value)
	case *nunjucks.Array:
		masked := &nunjucks.Array{}
		for _, item := range value.Items {
			masked.Items = append(masked.Items, r.value(item))
		}
		return masked
	case *nunjucks.Object:
		masked := nunjucks.NewObject()
		for key, member := range value.All() {
			masked.Set(r.Text(key), r.value(member))
		}
		return masked
	default:
		return value
	}
}
