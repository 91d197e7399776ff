package http

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// placeholder stands for a field of the answer: {body.service.id} or {headers.location}.
var placeholder = regexp.MustCompile(`\{(body|headers)\.([^{}]+)\}`)

// filling fills an answer into a request.
type filling struct {
	answer *answer
	body   nunjucks.Value
	// lacks is the first field that the answer does not have.
	lacks string
}

// filled is a request in which the placeholders are replaced by fields of an answer. lacks is a field that the answer
// does not have, "" if it has all.
func filled(undo requestInput, from *answer) (made requestInput, lacks string, err error) {
	body, err := nunjucks.DecodeJSON(from.body)
	if err != nil {
		return undo, "", fmt.Errorf("the answer: %w", err)
	}
	f := &filling{answer: from, body: body}
	made = undo
	made.Path = f.path(undo.Path)
	made.Headers.Object, _ = f.value(undo.Headers.orNil()).(*nunjucks.Object)
	made.Params.Object, _ = f.value(undo.Params.orNil()).(*nunjucks.Object)
	if undo.Body != nil {
		value, err := nunjucks.DecodeJSON(undo.Body)
		if err != nil {
			return undo, "", fmt.Errorf("the body of undo: %w", err)
		}
		if made.Body, err = nunjucks.EncodeJSON(f.value(value)); err != nil {
			return undo, "", fmt.Errorf("the body of undo: %w", err)
		}
	}
	return made, f.lacks, nil
}

func (o ordered) orNil() nunjucks.Value {
	if o.Object == nil {
		return nil
	}
	return o.Object
}

// path fills a path. A field is one part of it, whatever it contains.
func (f *filling) path(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		return url.PathEscape(textOf(f.field(found)))
	})
}

// field is the value of a placeholder.
func (f *filling) field(found string) nunjucks.Value {
	parts := placeholder.FindStringSubmatch(found)
	value := nunjucks.Value(nunjucks.Undefined)
	if parts[1] == "body" {
		value = at(f.body, parts[2])
	} else if header := f.answer.header.Get(parts[2]); header != "" {
		value = header
	}
	if value == nil || value == nunjucks.Value(nunjucks.Undefined) {
		if f.lacks == "" {
			f.lacks = strings.Trim(found, "{}")
		}
		return ""
	}
	return value
}

// value fills the texts of a value. A text that is one placeholder becomes the field, of whatever type.
func (f *filling) value(of nunjucks.Value) nunjucks.Value {
	switch of := of.(type) {
	case string:
		if placeholder.FindString(of) == of && of != "" {
			return f.field(of)
		}
		return placeholder.ReplaceAllStringFunc(of, func(found string) string { return textOf(f.field(found)) })
	case *nunjucks.Array:
		filled := &nunjucks.Array{}
		for _, item := range of.Items {
			filled.Items = append(filled.Items, f.value(item))
		}
		return filled
	case *nunjucks.Object:
		filled := nunjucks.NewObject()
		for name, item := range of.All() {
			filled.Set(name, f.value(item))
		}
		return filled
	}
	return of
}
