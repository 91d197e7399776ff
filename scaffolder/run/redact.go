package run

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

const mask = "***"

// The levels of log lines, as Backstage's logger colours them; its log viewer renders the colours.
const (
	InfoLevel  = "\u001b[32minfo\u001b[39m: "
	WarnLevel  = "\u001b[33mwarn\u001b[39m: "
	ErrorLevel = "\u001b[31merror\u001b[39m: "
)

// Redactor masks a run's secrets in texts that people see, also where they are encoded, quoted or in
// capitals. A secret of one character is not masked, as in Backstage: too much of the text would be. The zero
// value masks nothing.
type Redactor struct {
	// texts are the secrets as they were given.
	texts   map[string]struct{}
	needles needles
	// directory is where a worker keeps the workspace, "" when that is not known.
	directory string
}

// NewRedactor masks the values of secrets.
func NewRedactor(secrets ...map[string]string) Redactor {
	var r Redactor
	for _, some := range secrets {
		r = r.Also(slices.Collect(maps.Values(some)))
	}
	return r
}

// Also is a Redactor that masks more texts, such as those that expressions made out of secrets.
func (r Redactor) Also(texts []string) Redactor {
	more := Redactor{texts: maps.Clone(r.texts), directory: r.directory}
	for _, text := range texts {
		if text = strings.TrimSpace(text); len(text) > 1 {
			if more.texts == nil {
				more.texts = map[string]struct{}{}
			}
			more.texts[text] = struct{}{}
		}
	}
	if len(more.texts) == len(r.texts) {
		return r
	}
	for text := range more.texts {
		more.needles.add(text)
		for _, form := range formsOf(text) {
			// A shorter form reveals little, and occurs in ordinary words.
			if len(form) >= keyLength {
				more.needles.add(form)
			}
		}
	}
	return more
}

// Within also leaves out the directory of the workspace: paths in it are shown from there. Where a worker
// keeps it tells people nothing, and differs from one attempt to the next.
func (r Redactor) Within(directory string) Redactor {
	r.directory = strings.TrimRight(directory, "/")
	return r
}

// Text masks secrets in a line, and shows paths from the workspace on.
func (r Redactor) Text(s string) string {
	masked := r.mask(s)
	if r.directory == "" {
		return masked
	}
	return strings.NewReplacer(r.directory+"/", "", r.directory, "the workspace").Replace(masked)
}

func (r Redactor) mask(s string) string {
	spans := r.needles.find(s)
	if len(spans) == 0 {
		return s
	}
	var out strings.Builder
	from := 0
	for _, span := range spans {
		out.WriteString(s[from:span.start])
		out.WriteString(mask)
		from = span.end
	}
	out.WriteString(s[from:])
	return out.String()
}

// JSON masks secrets in every string and number of a JSON document; what is no JSON is masked as text. Keys
// keep their order. Paths stay as they are: they are data.
func (r Redactor) JSON(document json.RawMessage) json.RawMessage {
	r.directory = ""
	if len(r.texts) == 0 || len(document) == 0 {
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
	case float64:
		if text, err := nunjucks.EncodeJSON(value); err == nil && r.Text(string(text)) != string(text) {
			return mask
		}
		return value
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
