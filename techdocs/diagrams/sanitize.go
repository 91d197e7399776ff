package diagrams

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
)

// elements are those of a drawing that only show something, as in the sanitizer of the reader. What is in others is removed with them.
var elements = setOf(`a circle clippath defs desc ellipse feblend fecolormatrix fecomponenttransfer fecomposite feconvolvematrix fediffuselighting
	fedisplacementmap fedistantlight fedropshadow feflood fefunca fefuncb fefuncg fefuncr fegaussianblur femerge femergenode femorphology feoffset
	fepointlight fespecularlighting fespotlight fetile feturbulence filter g image line lineargradient marker mask metadata path pattern polygon
	polyline radialgradient rect stop svg switch symbol text textpath title tspan view`)

// attributes are those with which elements look like something, besides those of the drawing's namespaces and links.
var attributes = setOf(`accumulate additive alignment-baseline amplitude azimuth basefrequency baseline-shift bias class clip clip-path clip-rule clippathunits
	color color-interpolation color-interpolation-filters cx cy d diffuseconstant direction display divisor dominant-baseline dx dy edgemode elevation
	exponent fill fill-opacity fill-rule filter filterunits flood-color flood-opacity font-family font-size font-size-adjust font-stretch font-style
	font-variant font-weight fx fy g1 g2 glyph-orientation-horizontal glyph-orientation-vertical gradienttransform gradientunits height id in in2
	intercept k k1 k2 k3 k4 kernelmatrix kernelunitlength kerning lang lengthadjust letter-spacing lighting-color marker-end marker-mid marker-start
	markerheight markerunits markerwidth mask mask-type maskcontentunits maskunits max media method min mode name numoctaves offset opacity operator
	order orient orientation origin overflow paint-order pathlength patterncontentunits patterntransform patternunits points preservealpha
	preserveaspectratio primitiveunits r radius refx refy result rotate rx ry scale seed shape-rendering slope specularconstant specularexponent
	spreadmethod startoffset stddeviation stitchtiles stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset stroke-linecap
	stroke-linejoin stroke-miterlimit stroke-opacity stroke-width style surfacescale tabindex tablevalues target text-anchor text-decoration
	text-rendering textlength title transform transform-origin unicode-bidi values vector-effect version viewbox visibility width word-spacing wrap
	writing-mode x x1 x2 xchannelselector y y1 y2 ychannelselector z zoomandpan`)

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

// namespaces may be declared.
var namespaces = []string{"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}

var (
	harmlessLink    = regexp.MustCompile(`^(?:#|https?://|mailto:)`)
	harmlessPicture = regexp.MustCompile(`^data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*$`)
	// loading is what in a value of CSS may load something: everything but what is in the drawing itself.
	loading = regexp.MustCompile(`(?i)url\s*\(\s*["']?\s*[^#"'\s]|@import|expression\s*\(|javascript:|image-set\s*\(|\\|/\*`)
)

// maxNesting bounds how deep elements are in each other.
const maxNesting = 500

// sanitize makes of a drawing one that only shows something. It has no scripts, no styles of its own besides attributes, nothing of another
// place, and no text that could be taken for an element.
func sanitize(drawing []byte) ([]byte, error) {
	s := sanitizer{decoder: xml.NewDecoder(bytes.NewReader(drawing))}
	s.decoder.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, errors.New("it is not in UTF-8, but in " + charset)
	}
	for {
		token, err := s.decoder.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = s.token(token)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(s.open) > 0 || s.out.Len() == 0 {
		return nil, errors.New("it has no complete element svg")
	}
	return s.out.Bytes(), nil
}

type sanitizer struct {
	decoder *xml.Decoder
	out     bytes.Buffer
	// open are the elements that are open, and removed counts those up to one that is removed: 0 is none.
	open    []string
	removed int
}

func (s *sanitizer) token(token xml.Token) error {
	switch token := token.(type) {
	case xml.StartElement:
		return s.start(token)
	case xml.EndElement:
		return s.end(nameOf(token.Name))
	case xml.CharData:
		if s.isWritten() {
			escapeText(&s.out, string(token))
		}
	}
	return nil // comments, instructions and types of documents show nothing
}

func (s *sanitizer) isWritten() bool { return len(s.open) > 0 && s.removed == 0 }

func nameOf(name xml.Name) string {
	if name.Space == "" {
		return name.Local
	}
	return name.Space + ":" + name.Local
}

func (s *sanitizer) start(element xml.StartElement) error {
	name := nameOf(element.Name)
	if len(s.open) == 0 && (name != "svg" || s.out.Len() > 0) {
		return errors.New("it is not one element svg")
	}
	if s.open = append(s.open, name); len(s.open) > maxNesting {
		return errors.New("its elements are nested too deep")
	}
	if s.removed == 0 && !elements[strings.ToLower(name)] {
		s.removed = len(s.open)
	}
	if s.removed > 0 {
		return nil
	}
	s.out.WriteString("<" + name)
	for _, attribute := range element.Attr {
		if key := nameOf(attribute.Name); isHarmless(strings.ToLower(name), strings.ToLower(key), attribute.Value) {
			s.out.WriteString(" " + key + `="`)
			escapeText(&s.out, attribute.Value)
			s.out.WriteByte('"')
		}
	}
	s.out.WriteByte('>')
	return nil
}

func (s *sanitizer) end(name string) error {
	last := len(s.open) - 1
	if last < 0 || s.open[last] != name {
		return errors.New("its element " + name + " ends where it is not open")
	}
	if s.removed == 0 {
		s.out.WriteString("</" + name + ">")
	}
	if s.removed == len(s.open) {
		s.removed = 0
	}
	s.open = s.open[:last]
	return nil
}

func isHarmless(element, key, value string) bool {
	value = strings.TrimSpace(value)
	switch {
	case key == "xmlns" || key == "xmlns:xlink":
		return slices.Contains(namespaces, value)
	case key == "href" || key == "xlink:href":
		if element == "image" {
			return harmlessPicture.MatchString(value)
		}
		return harmlessLink.MatchString(value) && (element == "a" || strings.HasPrefix(value, "#"))
	case key == "xml:space" || key == "xlink:title":
		return true
	}
	return attributes[key] && !loading.MatchString(value)
}

var textEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

func escapeText(out *bytes.Buffer, text string) { out.WriteString(textEscaper.Replace(text)) }
