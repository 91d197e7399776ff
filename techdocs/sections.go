package techdocs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/portico-dev/portico/fault"
)

// Section is a part of a page, as search/search_index.json of a site has it.
type Section struct {
	// Title and Text may have the entities of HTML, as MkDocs writes them.
	Title string `json:"title"`
	Text  string `json:"text"`
	// Location is the address of the section within its site: guide/#set-up. That of the first page is "".
	Location string `json:"location"`
	// Tags are those of the page.
	Tags []string `json:"tags,omitempty"`
}

// MaxSections bounds the sections of one site that are found.
const MaxSections = 20_000

// ReadSections reads a search index as MkDocs writes it, up to MaxSections: a few bytes of JSON are a section, which takes many times the
// memory. An index that is something else is a fault of kind fault.Input.
func ReadSections(index io.Reader) ([]Section, error) {
	decoder := json.NewDecoder(index)
	if err := open(decoder, '{'); err != nil {
		return nil, wrong(err)
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, wrong(err)
		}
		if key == "docs" {
			return listed(decoder)
		}
		var other json.RawMessage
		if err := decoder.Decode(&other); err != nil {
			return nil, wrong(err)
		}
	}
	_, err := decoder.Token()
	return nil, wrong(err)
}

// listed reads the list of sections. What is behind it is not needed.
func listed(decoder *json.Decoder) ([]Section, error) {
	if err := open(decoder, '['); err != nil {
		return nil, wrong(err)
	}
	var sections []Section
	for decoder.More() && len(sections) < MaxSections {
		var section Section
		if err := decoder.Decode(&section); err != nil {
			return nil, wrong(err)
		}
		sections = append(sections, section)
	}
	if len(sections) == MaxSections {
		return sections, nil
	}
	if _, err := decoder.Token(); err != nil {
		return nil, wrong(err)
	}
	return sections, nil
}

// errForm is of JSON that has another form.
var errForm = errors.New("it has another form")

// open reads the beginning of an object or of a list.
func open(decoder *json.Decoder, begin json.Delim) error {
	token, err := decoder.Token()
	if err == nil && token != begin {
		err = fmt.Errorf("%w: %v stands where %s should", errForm, token, begin)
	}
	return err
}

// wrong is the error of what is no search index, or cannot be read to its end. It is nil for none.
func wrong(err error) error {
	if err == nil {
		return nil
	}
	_, isSyntax := errors.AsType[*json.SyntaxError](err)
	if _, isType := errors.AsType[*json.UnmarshalTypeError](err); isSyntax || isType || errors.Is(err, errForm) {
		return fault.Wrap(fault.Input, err, "The search index of the site is not as MkDocs writes it: %s", err)
	}
	return fmt.Errorf("read the search index of the site: %w", err)
}
