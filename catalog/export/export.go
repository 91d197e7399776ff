// Package export writes entities as files that people take away: CSV and JSON. It knows neither HTTP nor where
// the entities come from.
package export

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/portico-dev/portico/catalog/entity"
)

// Format is a format of files.
type Format string

// The formats.
const (
	CSV  Format = "csv"
	JSON Format = "json"
)

// Formats are all formats.
func Formats() []Format { return []Format{CSV, JSON} }

// ContentType is the format's media type.
func (f Format) ContentType() string {
	if f == CSV {
		return "text/csv; charset=utf-8"
	}
	return "application/json; charset=utf-8"
}

// Writer writes one file. Each entity is written when it is added, so a file of any size takes the memory of
// one entity.
type Writer interface {
	// Add appends an entity.
	Add(document json.RawMessage) error
	// End completes the file.
	End() error
}

// bufferSize is the number of bytes that are collected before they are written.
const bufferSize = 64 << 10

// New begins a file. The columns are those of a CSV file, paths as in a projection; nil are DefaultColumns.
// Nothing is written before there is a buffer of it, or its end.
func New(format Format, out io.Writer, columns []string) Writer {
	buffer := bufio.NewWriterSize(out, bufferSize)
	if format == JSON {
		return &array{out: buffer}
	}
	if len(columns) == 0 {
		columns = DefaultColumns()
	}
	return &table{out: buffer, columns: columns}
}

// array is a JSON array with one entity on each line.
type array struct {
	out   *bufio.Writer
	begun bool
}

func (a *array) Add(document json.RawMessage) error {
	opening := ",\n"
	if !a.begun {
		opening = "[\n"
	}
	a.begun = true
	if _, err := a.out.WriteString(opening); err != nil {
		return err
	}
	_, err := a.out.Write(document)
	return err
}

func (a *array) End() error {
	closing := "\n]\n"
	if !a.begun {
		closing = "[]\n"
	}
	if _, err := a.out.WriteString(closing); err != nil {
		return err
	}
	return a.out.Flush()
}

// DefaultColumns are the columns of a CSV file for which none were chosen.
func DefaultColumns() []string {
	return []string{"kind", "metadata.namespace", "metadata.name", "metadata.title", "metadata.description", "spec.type", "spec.lifecycle",
		"relations.ownedBy", "relations.partOf", "metadata.tags"}
}

// table is a CSV file.
type table struct {
	out     *bufio.Writer
	columns []string
	begun   bool
}

func (t *table) Add(document json.RawMessage) error {
	if err := t.begin(); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber() // a number is written as it is in the entity
	var e entity.Entity
	if err := decoder.Decode(&e); err != nil {
		return fmt.Errorf("decode an entity: %w", err)
	}
	cells := make([]string, len(t.columns))
	for i, column := range t.columns {
		cell, err := cellOf(e, column)
		if err != nil {
			return fmt.Errorf("entity %s: %s: %w", e.Ref(), column, err)
		}
		cells[i] = cell
	}
	return t.row(cells)
}

func (t *table) End() error {
	if err := t.begin(); err != nil {
		return err
	}
	return t.out.Flush()
}

// begin writes the header, once.
func (t *table) begin() error {
	if t.begun {
		return nil
	}
	t.begun = true
	header := make([]string, len(t.columns))
	for i, column := range t.columns {
		header[i] = inert(column)
	}
	return t.row(header)
}

// row writes a row as RFC 4180 wants it. Every cell is quoted, so that a program that separates columns by
// semicolons or tabs does not begin a cell within one of ours.
func (t *table) row(cells []string) error {
	for i, cell := range cells {
		if i > 0 {
			cell = `,"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		} else {
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		if _, err := t.out.WriteString(cell); err != nil {
			return err
		}
	}
	_, err := t.out.WriteString("\r\n")
	return err
}

// relations is the beginning of the columns that list the targets of relations.
const relations = "relations."

// cellOf is the text of an entity's value at a path: texts as they are, lists of them separated by commas,
// anything else as JSON. A path of relations lists the targets of one type.
func cellOf(e entity.Entity, column string) (string, error) {
	if kind, is := strings.CutPrefix(column, relations); is {
		return inert(strings.Join(targets(e, kind), ", ")), nil
	}
	value, there := valueAt(map[string]any(e), column)
	if !there || value == nil {
		return "", nil
	}
	switch value := value.(type) {
	case string:
		return inert(value), nil
	case json.Number:
		return value.String(), nil // a negative number is no formula
	case []any:
		if texts, are := allTexts(value); are {
			return inert(strings.Join(texts, ", ")), nil
		}
	}
	encoded, err := json.Marshal(value)
	return inert(string(encoded)), err
}

func targets(e entity.Entity, kind string) []string {
	var refs []string
	for _, relation := range entity.ServedRelations(e) {
		if strings.EqualFold(relation.Type, kind) {
			refs = append(refs, relation.TargetRef)
		}
	}
	return refs
}

// valueAt walks a dotted path. Where a step is no key, it is joined with the next one, because keys may have
// dots.
func valueAt(object map[string]any, path string) (any, bool) {
	for end := range len(path) + 1 {
		if end < len(path) && path[end] != '.' {
			continue
		}
		value, there := object[path[:end]]
		if !there {
			continue
		}
		if end == len(path) {
			return value, true
		}
		inside, is := value.(map[string]any)
		if !is {
			return nil, false
		}
		return valueAt(inside, path[end+1:])
	}
	return nil, false
}

func allTexts(values []any) ([]string, bool) {
	texts := make([]string, len(values))
	for i, value := range values {
		text, is := value.(string)
		if !is {
			return nil, false
		}
		texts[i] = text
	}
	return texts, true
}

// inert puts an apostrophe before a text that a spreadsheet would take for a formula, also where it ignores
// spaces before it, or takes the wide forms of the characters for them.
func inert(text string) string {
	first, size := utf8.DecodeRuneInString(strings.TrimLeft(text, " \u00a0\u3000\ufeff"))
	if size > 0 && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + text
	}
	return text
}
