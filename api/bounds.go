package api

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/portico-dev/portico/fault"
)

// The bounds of a request besides its size. Each is far beyond what clients send.
const (
	// maxParameters bounds the values in a query string. Comma-separated values count one by one.
	maxParameters = 2000
	// maxDepth is how deep the objects and lists of a body may be nested, and maxValues how many values they
	// may hold.
	maxDepth  = 100
	maxValues = 200_000
)

// checkText rejects text that the database cannot store: NUL, and bytes that are not UTF-8.
func checkText(at, text string) error {
	switch {
	case strings.ContainsRune(text, 0):
		return fault.New(fault.Input, "%s must not contain a NUL character", at)
	case !utf8.ValidString(text):
		return fault.New(fault.Input, "%s must be UTF-8", at)
	default:
		return nil
	}
}

// checkPath checks the text of the path parameters.
func checkPath(parameters gin.Params) error {
	for _, p := range parameters {
		if err := checkText("request/path/"+p.Key, p.Value); err != nil {
			return err
		}
	}
	return nil
}

// checkValues checks the text and the number of query parameters.
func checkValues(query url.Values) error {
	count := 0
	for _, name := range sortedKeys(query) {
		if err := checkText("the name of a query parameter", name); err != nil {
			return err
		}
		for _, value := range query[name] {
			if err := checkText("request/query/"+name, value); err != nil {
				return err
			}
			count += 1 + strings.Count(value, ",")
		}
	}
	if count > maxParameters {
		return fault.New(fault.Input, "The query string has %d values, and at most %d are read: ask in several requests", count, maxParameters)
	}
	return nil
}

// checkJSON checks the text and the bounds of a body before it is decoded, including escaped text. Invalid
// JSON passes, and the decoder rejects it.
func checkJSON(data []byte) error {
	const at = "request/body"
	if err := checkText(at, string(data)); err != nil {
		return err
	}
	s := jsonScan{data: data}
	for s.at < len(data) {
		if err := s.next(); err != nil {
			return fault.Wrap(fault.Input, err, "%s %s", at, err)
		}
	}
	return nil
}

// jsonScan counts the parts of JSON without decoding it.
type jsonScan struct {
	data              []byte
	at, depth, values int
}

func (s *jsonScan) next() error {
	c := s.data[s.at]
	s.at++
	switch c {
	case '"':
		return s.text()
	case '{', '[':
		s.depth++
		s.values++
	case '}', ']':
		s.depth--
	case ',':
		s.values++
	}
	if s.depth > maxDepth {
		return fmt.Errorf("must not be nested deeper than %d levels", maxDepth)
	}
	if s.values > maxValues {
		return fmt.Errorf("must not have more than %d values", maxValues)
	}
	return nil
}

// text skips a string whose opening quotation mark was read. It rejects escapes that are not a character.
func (s *jsonScan) text() error {
	for s.at < len(s.data) && s.data[s.at] != '"' {
		if s.data[s.at] != '\\' {
			s.at++
			continue
		}
		unit, isUnit := s.unit(s.at)
		switch {
		case !isUnit:
			s.at += len(`\n`)
			continue
		case unit == 0:
			return errors.New(`must not contain a NUL character (\u0000)`)
		case isHigh(unit):
			second, follows := s.unit(s.at + len(`\uD800`))
			if !follows || !isLow(second) {
				return errHalfCharacter
			}
			s.at += len(`\uD800`)
		case isLow(unit):
			return errHalfCharacter
		}
		s.at += len(`\uD800`)
	}
	s.at++
	return nil
}

var errHalfCharacter = errors.New(`must be text: it contains half of a character (\uD800 to \uDFFF without its pair)`)

func isHigh(unit uint16) bool { return unit >= 0xD800 && unit < 0xDC00 }
func isLow(unit uint16) bool  { return unit >= 0xDC00 && unit < 0xE000 }

// unit decodes the UTF-16 unit of the \u escape at an index. It reports false if there is no such escape.
func (s *jsonScan) unit(at int) (uint16, bool) {
	if at+len(`\uD800`) > len(s.data) || s.data[at] != '\\' || s.data[at+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.data[at+2:at+6]), 16, 16)
	return uint16(n), err == nil
}
