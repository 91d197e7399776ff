package external

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
)

// The bounds of a push, in documents, and of the fields of a document, in bytes.
const (
	MaxBatch    = 2000
	maxID       = 512
	maxTitle    = 1000
	maxLocation = 2048
	maxTags     = 50
	maxTag      = 100
	maxReaders  = 100
	maxRef      = 512
	// maxShown bounds the mistakes that are named.
	maxShown = 10
)

// Document is what another system has others find. The fields title, text, location and authorization are those of Backstage's
// documents.
type Document struct {
	// ID identifies the document within its source. Without one, it is the location.
	ID string `json:"id"`
	// Version grows with each change of the document.
	Version int64 `json:"version"`
	// Type is what the document is, such as page. Without one, it is that of the source.
	Type  string `json:"type"`
	Title string `json:"title"`
	Text  string `json:"text"`
	// Location is its address, an http or https URL.
	Location string   `json:"location"`
	Tags     []string `json:"tags"`
	// Owner is a person or group.
	Owner string `json:"owner"`
	// Authorization is who may find it: everybody who may read the source, when it is nil.
	Authorization *Authorization `json:"authorization"`
}

// Authorization is who may find a document: those who may read an entity, and are among the readers.
type Authorization struct {
	// ResourceRef is the reference of an entity.
	ResourceRef string `json:"resourceRef"`
	// Readers are references of people and groups.
	Readers []string `json:"readers"`
}

// Parse reads documents: a JSON array, or JSON lines. Either all are right, or the error says which are not.
func Parse(body []byte) ([]Document, error) {
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	read := readLines
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		read = readArray
	}
	p := parsed{places: map[string]string{}}
	if err := read(body, &p); err != nil {
		return nil, err
	}
	if len(p.mistakes) == 0 {
		return p.documents, nil
	}
	shown := p.mistakes[:min(len(p.mistakes), maxShown)]
	more := ""
	if len(p.mistakes) > len(shown) {
		more = fmt.Sprintf("; and %d more", len(p.mistakes)-len(shown))
	}
	return nil, fault.New(fault.Input, "Nothing was stored, because %d of the documents cannot be: %s%s", len(p.mistakes), strings.Join(shown, "; "), more)
}

// parsed are the documents that were read, and what is wrong.
type parsed struct {
	documents []Document
	mistakes  []string
	// places are those of the ids.
	places map[string]string
}

var errTooMany = fault.New(fault.Input, "A push has %d documents at most: send several", MaxBatch)

// add reads and checks one document.
func (p *parsed) add(place string, encoded []byte) error {
	if len(p.documents)+len(p.mistakes) >= MaxBatch {
		return errTooMany
	}
	document, err := decode(encoded)
	if err == nil {
		document, err = check(document)
	}
	if err == nil {
		if other, taken := p.places[document.ID]; taken {
			err = fmt.Errorf("it has the id of %s", other)
		} else {
			p.places[document.ID] = place
		}
	}
	if err != nil {
		if document.ID != "" {
			place += " (" + shortened(document.ID) + ")"
		}
		p.mistakes = append(p.mistakes, place+": "+err.Error())
		return nil
	}
	p.documents = append(p.documents, document)
	return nil
}

func readLines(body []byte, p *parsed) error {
	number := 0
	for line := range bytes.Lines(body) {
		number++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := p.add(fmt.Sprintf("line %d", number), line); err != nil {
			return err
		}
	}
	return nil
}

func readArray(body []byte, p *parsed) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	broken := func(err error) error {
		return fault.Wrap(fault.Input, err, "Nothing was stored: the array is no JSON after document %d: %s", len(p.documents)+len(p.mistakes), err)
	}
	if _, err := decoder.Token(); err != nil {
		return broken(err)
	}
	for number := 1; decoder.More(); number++ {
		var encoded json.RawMessage
		if err := decoder.Decode(&encoded); err != nil {
			return broken(err)
		}
		if err := p.add(fmt.Sprintf("document %d", number), encoded); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return broken(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return broken(errors.New("there is something after its end"))
	}
	return nil
}

// decode reads one object. An unknown field is a mistake: a misspelled authorization would show the document to everybody.
func decode(encoded []byte) (document Document, err error) {
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	if trimmed := bytes.TrimSpace(encoded); trimmed[0] != '{' {
		return document, errors.New("it is no JSON object")
	}
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return document, errors.New("the object does not end: write each on one line, or all as a JSON array")
		}
		return document, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return document, errors.New("there is something after the object: write each on one line, or all as a JSON array")
	}
	return document, nil
}

// check is the document in the form in which it is stored.
func check(d Document) (Document, error) {
	d.Location, d.Title = strings.TrimSpace(d.Location), strings.TrimSpace(d.Title)
	if d.ID == "" {
		d.ID = d.Location
	}
	for _, field := range []struct {
		name, value string
		most        int
		required    bool
	}{{"id", d.ID, maxID, true}, {"title", d.Title, maxTitle, true}, {"location", d.Location, maxLocation, true}} {
		switch {
		case field.required && field.value == "":
			return d, fmt.Errorf("%s is missing", field.name)
		case len(field.value) > field.most:
			return d, fmt.Errorf("%s has %d bytes, and %d at most are stored", field.name, len(field.value), field.most)
		}
	}
	if d.Version < 0 {
		return d, fmt.Errorf("version is %d: it must not be negative", d.Version)
	}
	for _, value := range append([]string{d.ID, d.Title, d.Text, d.Location, d.Type, d.Owner}, d.Tags...) {
		if strings.ContainsRune(value, 0) || !utf8.ValidString(value) {
			return d, errors.New("it contains a NUL character, or bytes that are not UTF-8")
		}
	}
	if err := checkLocation(d.Location); err != nil {
		return d, err
	}
	if d.Type != "" && !typeName.MatchString(d.Type) {
		return d, fmt.Errorf("type is %q: write letters, digits, spaces and hyphens, 40 at most", shortened(d.Type))
	}
	if len(d.Tags) > maxTags {
		return d, fmt.Errorf("it has %d tags, and %d at most are stored", len(d.Tags), maxTags)
	}
	for _, tag := range d.Tags {
		if tag == "" || len(tag) > maxTag {
			return d, fmt.Errorf("a tag has %d bytes: write 1 to %d", len(tag), maxTag)
		}
	}
	return checkRefs(d)
}

// typeName is what documents are, in few words.
var typeName = regexp.MustCompile(`^[\pL\pN][\pL\pN -]{0,39}$`)

// checkLocation accepts addresses that a browser opens by HTTP, without credentials.
func checkLocation(location string) error {
	at, err := url.Parse(location)
	switch {
	case err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Hostname() == "":
		return errors.New("location must be an http or https URL")
	case at.User != nil:
		return errors.New("location must not have a user or a password")
	case strings.ContainsAny(location, " \t\r\n<>\"\\"):
		return errors.New("location must not have spaces, quotation marks, angle brackets or backslashes: encode them")
	}
	return nil
}

// checkRefs completes the references.
func checkRefs(d Document) (Document, error) {
	var err error
	if d.Owner != "" {
		if d.Owner, err = reference("owner", d.Owner, "group"); err != nil {
			return d, err
		}
	}
	if d.Authorization != nil {
		d.Authorization, err = checkAuthorization(*d.Authorization)
	}
	return d, err
}

// checkAuthorization completes the references to who may find a document.
func checkAuthorization(allowed Authorization) (*Authorization, error) {
	if allowed.ResourceRef == "" && len(allowed.Readers) == 0 || allowed.Readers != nil && len(allowed.Readers) == 0 {
		return nil, errors.New("authorization names nobody: give resourceRef or readers, or leave authorization out if everybody may find it")
	}
	if len(allowed.Readers) > maxReaders {
		return nil, fmt.Errorf("authorization has %d readers, and %d at most are stored: name a group that has them all", len(allowed.Readers), maxReaders)
	}
	var err error
	if allowed.ResourceRef != "" {
		if !strings.Contains(allowed.ResourceRef, ":") {
			return nil, fmt.Errorf("authorization.resourceRef is %q: write it with its kind, such as component:default/name", shortened(allowed.ResourceRef))
		}
		if allowed.ResourceRef, err = reference("authorization.resourceRef", allowed.ResourceRef, "component"); err != nil {
			return nil, err
		}
	}
	allowed.Readers = slices.Clone(allowed.Readers)
	for i, reader := range allowed.Readers {
		if allowed.Readers[i], err = reference("a reader", reader, "group"); err != nil {
			return nil, err
		}
	}
	return &allowed, nil
}

// reference completes a reference that somebody wrote, whose kind may be left out.
func reference(field, text, kind string) (string, error) {
	ref, err := entity.ParseRef(text, entity.Ref{Kind: kind, Namespace: entity.DefaultNamespace})
	if err != nil || len(text) > maxRef || !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\n") {
		return "", fmt.Errorf("%s is %q: write a reference, such as %s:default/name", field, shortened(text), kind)
	}
	return ref.String(), nil
}

// shortened is a text of others in an error.
func shortened(text string) string {
	if len(text) > 80 {
		return strings.ToValidUTF8(text[:80], "") + "…"
	}
	return text
}
