package run

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/plainjson"
)

// minLine is the shortest line of a secret of many lines that is masked by itself.
const minLine = 8

// maxFormed bounds the texts of which all forms are masked, in bytes: no longer one goes into a header or a
// URL.
const maxFormed = 16 << 10

// formsOf are a secret in the forms in which it may meet people, beside itself: what templates and actions
// make of a text on its way into a URL, a header, a document or a log.
func formsOf(secret string) []string {
	forms := inJSON(secret)
	// A key of many lines is masked line by line as well, however its ends of lines are written.
	for line := range strings.Lines(secret) {
		if line = strings.TrimSpace(line); len(line) >= minLine && line != secret {
			forms = append(forms, line)
		}
	}
	if len(secret) > maxFormed {
		return forms
	}
	runes := []rune(secret)
	slices.Reverse(runes)
	forms = append(forms, string(runes), strings.ToUpper(secret), strings.ToLower(secret), hex.EncodeToString([]byte(secret)))
	forms = append(forms, inURL(secret)...)
	forms = append(forms, inHTML(secret)...)
	return append(forms, inBase64(secret)...)
}

// inJSON is the secret within JSON, and within JSON that is quoted in JSON.
func inJSON(secret string) []string {
	var forms []string
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

// asComponent makes out of a query's encoding that of JavaScript's encodeURIComponent.
var asComponent = strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")

func inURL(secret string) []string {
	query := url.QueryEscape(secret)
	return []string{query, asComponent.Replace(query), url.PathEscape(secret)}
}

// asNunjucks makes out of Go's escaping that of the language of templates.
var asNunjucks = strings.NewReplacer("&#34;", "&quot;", "`", "&#96;", `\`, "&#92;")

func inHTML(secret string) []string {
	escaped := html.EscapeString(secret)
	return []string{escaped, asNunjucks.Replace(escaped)}
}

// base64Unit is how many bytes become four characters of base64.
const base64Unit = 3

// inBase64 is the secret in base64: by itself, and the characters that it alone decides on wherever it stands
// in a longer text.
func inBase64(secret string) []string {
	var forms []string
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		forms = append(forms, encoding.EncodeToString([]byte(secret)))
		for before := range base64Unit {
			encoded := encoding.EncodeToString(append(make([]byte, before), secret...))
			first := (before*8 + 5) / 6
			last := (before + len(secret)) * 8 / 6
			forms = append(forms, encoded[first:max(first, last)])
		}
	}
	return forms
}
