package entity

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/plainjson"
)

const (
	// MaxFileBytes bounds one YAML file.
	MaxFileBytes = 5 << 20
	// maxExpandedBytes bounds the JSON of one file with its aliases expanded: a few lines of YAML can expand
	// to a terabyte. A small file may grow to minExpandedBytes, a larger one to expansion times its size.
	maxExpandedBytes = 2 * MaxFileBytes
	minExpandedBytes = 1 << 20
	expansion        = 8
	// maxDepth bounds the nesting of one document.
	maxDepth = 200
	// maxDocuments bounds the documents of one file: a few bytes are a document, and each takes memory as an
	// entity or an error.
	maxDocuments = 20_000
)

// Document is one YAML document of a file: an entity, or the error in it.
type Document struct {
	Entity Entity
	// Source is the entity as JSON with its keys in the order of the file, and Order is that order.
	Source json.RawMessage
	Order  Order
	// Line is the line of the file on which the document or its error begins; 0 when it is not known.
	Line int
	Err  error
}

// ParseYAML reads a file of YAML documents, or of JSON, which is YAML too. It reads YAML 1.2 with the core
// schema: "yes" and dates are text, 0777 is 777, and << is an ordinary key. Empty documents are skipped. A
// document that is not an object, or not YAML, is a Document with Err, an *Error; the others are still read.
// source is the location reference that errors name. The returned error means that the whole file is too big.
func ParseYAML(data []byte, source string) ([]Document, error) {
	if len(data) > MaxFileBytes {
		return nil, plainErrorf("YAML error at %s, the file has %d bytes, more than the %d that are read", source, len(data), MaxFileBytes)
	}
	parser := yamlParser{source: source, writer: newJSONWriter(len(data))}
	for linesBefore, part := range yamlParts(data) {
		if !parser.read(part, linesBefore) {
			break
		}
	}
	return parser.documents, nil
}

// yamlParser gathers the documents of one file, part by part.
type yamlParser struct {
	source    string
	writer    *jsonWriter
	documents []Document
}

// read reads one part of the file up to the first syntax error. It reports whether more documents fit.
func (p *yamlParser) read(part []byte, linesBefore int) bool {
	reader := newReader(part)
	for {
		if len(p.documents) > maxDocuments {
			p.documents[maxDocuments] = Document{Err: plainErrorf("YAML error at %s, the file has more than %d documents", p.source, maxDocuments)}
			return false
		}
		node, err := reader.next()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			p.addError(yamlMessage(err), linesBefore)
			return true
		}
		document, err := p.writer.document(node)
		if err != nil {
			p.addError(err.Error(), linesBefore)
			continue
		}
		if !bytes.Equal(document, []byte("null")) {
			p.documents = append(p.documents, newDocument(document, linesBefore+node.Content[0].Line))
		}
	}
}

var lineNumber = regexp.MustCompile(`^line (\d+)`)

// addError adds a document that cannot be read. Line numbers in the message count from the beginning of its
// part.
func (p *yamlParser) addError(message string, linesBefore int) {
	line := linesBefore + 1
	if said := lineNumber.FindStringSubmatch(message); said != nil {
		within, _ := strconv.Atoi(said[1]) // the pattern matches digits only
		line = linesBefore + within
		message = fmt.Sprintf("line %d%s", line, message[len(said[0]):])
	}
	p.documents = append(p.documents, Document{Line: line, Err: plainErrorf("YAML error at %s, %s", p.source, message)})
}

// yamlParts splits a file where documents begin, and counts the lines before each part. A line that begins
// with three dashes and a space always begins a document in YAML. So a syntax error in one part does not
// affect the next. Directives stay with their document.
func yamlParts(data []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		begin, firstLine, line, blank := 0, 0, 0, true
		for at := 0; at < len(data); line++ {
			end := len(data)
			if newline := bytes.IndexByte(data[at:], '\n'); newline >= 0 {
				end = at + newline + 1
			}
			text := data[at:end]
			if !blank && isDocumentMark(text) {
				if !yield(firstLine, data[begin:at]) {
					return
				}
				begin, firstLine, blank = at, line, true
			}
			blank = blank && notYetContent.Match(text)
			at = end
		}
		yield(firstLine, data[begin:])
	}
}

// notYetContent matches the lines that may precede a document's mark and belong to it.
var notYetContent = regexp.MustCompile(`^\x{FEFF}?(?:[ \t]*(?:#.*)?|%.*)[\r\n]*$`)

func isDocumentMark(line []byte) bool {
	rest, found := bytes.CutPrefix(line, []byte("---"))
	return found && (len(rest) == 0 || strings.IndexByte(" \t\r\n", rest[0]) >= 0)
}

var versionDirective = regexp.MustCompile(`(?m)^%YAML 1\.`)

// yamlReader reads the documents of a file.
type yamlReader struct {
	*yaml.Decoder
	// hidden reports that hideEscapes has replaced escapes.
	hidden bool
}

// newReader returns a reader of YAML 1.2. The parser implements 1.1 and rejects the directive of 1.2, so the
// directive becomes a comment. A missing line break at the end is added.
func newReader(data []byte) *yamlReader {
	if bytes.Contains(data, []byte("%YAML 1.")) { // few have one, and a regular expression takes long to find none
		data = versionDirective.ReplaceAll(data, []byte("#YAML 1."))
	}
	data, hidden := hideEscapes(data)
	lines := io.MultiReader(bytes.NewReader(data), strings.NewReader(lastLineEnd(data)))
	return &yamlReader{yaml.NewDecoder(lines), hidden}
}

func lastLineEnd(data []byte) string {
	if len(data) == 0 || data[len(data)-1] == '\n' {
		return ""
	}
	return "\n"
}

// next reads a document. After the last, the error is io.EOF.
func (r *yamlReader) next() (*yaml.Node, error) {
	var node yaml.Node
	if err := r.Decode(&node); err != nil {
		return nil, err
	}
	if r.hidden {
		findEscapes(&node)
	}
	return &node, nil
}

func yamlMessage(err error) string { return strings.TrimPrefix(err.Error(), "yaml: ") }

// newDocument decodes the JSON of a YAML document that begins on a line.
func newDocument(source json.RawMessage, line int) Document {
	value, order, err := decode(source)
	if err != nil {
		return Document{Line: line, Err: plainErrorf("YAML error: %s", err)}
	}
	root, ok := value.(map[string]any)
	if !ok {
		return Document{Line: line, Err: plainErrorf("Expected object at root, got %s", typeOf(value))}
	}
	if broken := checkStorable(root, ""); broken != nil {
		return Document{Line: line, Err: broken}
	}
	return Document{Entity: root, Source: source, Order: Order{order}, Line: line}
}

// typeOf is JavaScript's typeof of a JSON value.
func typeOf(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	default:
		return "object"
	}
}

// decodeYAML decodes exactly one YAML document into a JSON value. found is the number of documents.
func decodeYAML(data []byte) (value any, found int, err error) {
	reader := newReader(data)
	writer := newJSONWriter(len(data))
	for ; ; found++ {
		node, err := reader.next()
		if errors.Is(err, io.EOF) {
			return value, found, nil
		}
		if err != nil {
			return nil, found, errors.New(yamlMessage(err))
		}
		document, err := writer.document(node)
		if err != nil {
			return nil, found, err
		}
		if err := json.Unmarshal(document, &value); err != nil {
			return nil, found, err
		}
	}
}

// jsonWriter writes YAML nodes as JSON, in their order, up to a number of bytes.
type jsonWriter struct {
	out    bytes.Buffer
	budget int
	depth  int
	// open holds the anchors that are being written, to detect those that contain themselves.
	open map[*yaml.Node]bool
}

func newJSONWriter(fileBytes int) *jsonWriter {
	budget := min(maxExpandedBytes, max(minExpandedBytes, expansion*fileBytes))
	return &jsonWriter{budget: budget, open: map[*yaml.Node]bool{}}
}

func (w *jsonWriter) document(node *yaml.Node) (json.RawMessage, error) {
	w.out.Reset()
	if err := w.node(node); err != nil {
		return nil, err
	}
	w.budget -= w.out.Len()
	return bytes.Clone(w.out.Bytes()), nil
}

func (w *jsonWriter) node(node *yaml.Node) error {
	if w.out.Len() > w.budget {
		return fmt.Errorf("line %d: the document is too big once its aliases are written out", node.Line)
	}
	if w.depth++; w.depth > maxDepth {
		return fmt.Errorf("line %d: nested more than %d deep", node.Line, maxDepth)
	}
	defer func() { w.depth-- }()
	switch node.Kind {
	case yaml.DocumentNode:
		return w.node(node.Content[0])
	case yaml.MappingNode:
		return w.mapping(node)
	case yaml.SequenceNode:
		return w.sequence(node)
	case yaml.AliasNode:
		return w.alias(node)
	case yaml.ScalarNode:
		return w.value(resolveScalar(node))
	default:
		return w.value(nil)
	}
}

func (w *jsonWriter) mapping(node *yaml.Node) error {
	members, err := membersOf(node)
	if err != nil {
		return err
	}
	w.out.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			w.out.WriteByte(',')
		}
		if err := w.value(m.key); err != nil {
			return err
		}
		w.out.WriteByte(':')
		if err := w.node(m.value); err != nil {
			return err
		}
	}
	w.out.WriteByte('}')
	return nil
}

// member is a property of the object that a mapping is converted to.
type member struct {
	key   string
	value *yaml.Node
}

// membersOf lists the properties of a mapping in JavaScript's order. A duplicate key is an error. Different
// keys that become the same property, such as 1 and "1", are not: the later one wins.
func membersOf(node *yaml.Node) ([]member, error) {
	members := make([]member, 0, len(node.Content)/2)
	at, seen := make(map[string]int, cap(members)), make(map[any]bool, cap(members))
	for i := 0; i+1 < len(node.Content); i += 2 {
		written, value := node.Content[i], node.Content[i+1]
		key := keyText(written)
		if written.Kind == yaml.ScalarNode {
			unique := resolveScalar(written)
			if unique == nil && key != "" {
				unique = infinity(key)
			}
			if seen[unique] {
				return nil, fmt.Errorf("line %d: Map keys must be unique, %q is there twice", written.Line, key)
			}
			seen[unique] = true
		}
		if place, taken := at[key]; taken {
			members[place].value = value
			continue
		}
		at[key] = len(members)
		members = append(members, member{key, value})
	}
	slices.SortStableFunc(members, func(a, b member) int { return cmp.Compare(propertyOrder(a.key), propertyOrder(b.key)) })
	return members, nil
}

// infinity is a number that JSON cannot represent, used as a key.
type infinity string

// propertyOrder is the position that JavaScript gives a property: array indexes come first, by their numbers.
func propertyOrder(key string) uint64 {
	index, err := strconv.ParseUint(key, 10, 32)
	if err != nil || index == math.MaxUint32 || strconv.FormatUint(index, 10) != key {
		return math.MaxUint64
	}
	return index
}

func (w *jsonWriter) sequence(node *yaml.Node) error {
	w.out.WriteByte('[')
	for i, item := range node.Content {
		if i > 0 {
			w.out.WriteByte(',')
		}
		if err := w.node(item); err != nil {
			return err
		}
	}
	w.out.WriteByte(']')
	return nil
}

func (w *jsonWriter) alias(node *yaml.Node) error {
	if w.open[node.Alias] {
		return fmt.Errorf("line %d: the anchor %q contains itself", node.Line, node.Value)
	}
	w.open[node.Alias] = true
	defer delete(w.open, node.Alias)
	return w.node(node.Alias)
}

func (w *jsonWriter) value(value any) error {
	return plainjson.Write(&w.out, value)
}

// keyText is the property name for a mapping's key: JavaScript's String of a scalar, the YAML of a
// collection.
func keyText(node *yaml.Node) string {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.ScalarNode {
		return flowText(node, "")
	}
	value := resolveScalar(node)
	if value == nil {
		return numberName(node.Value)
	}
	return scalarText(value)
}

// numberName is JavaScript's name of a number that JSON cannot represent, "" for null.
func numberName(plain string) string {
	switch number, isNumber := resolveNumber(plain); {
	case yamlInf.MatchString(plain) && strings.EqualFold(plain, ".nan"):
		return "NaN"
	case yamlInf.MatchString(plain) && plain[0] == '-', isNumber && math.IsInf(number, -1):
		return "-Infinity"
	case yamlInf.MatchString(plain), isNumber:
		return "Infinity"
	}
	return ""
}

// The plain scalars of the YAML 1.2 core schema that are not text.
var (
	yamlOctal = regexp.MustCompile(`^0o[0-7]+$`)
	yamlHex   = regexp.MustCompile(`^0x[0-9a-fA-F]+$`)
	yamlFloat = regexp.MustCompile(`^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$`)
	yamlInf   = regexp.MustCompile(`^(?:[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN)$`)
)

// resolveScalar is the JSON value of a scalar: float64, bool, nil or string. Numbers that JSON cannot
// represent are null.
func resolveScalar(node *yaml.Node) any {
	if isText(node) {
		return node.Value
	}
	text := node.Value
	switch text {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "true", "True", "TRUE":
		return true
	case "false", "False", "FALSE":
		return false
	}
	if strings.IndexByte("+-.0123456789", text[0]) < 0 {
		return text // and no number
	}
	if yamlInf.MatchString(text) {
		return nil
	}
	if number, ok := resolveNumber(text); ok {
		if math.IsInf(number, 0) || math.IsNaN(number) {
			return nil
		}
		return number
	}
	return text
}

// isText reports whether a scalar is text by its quotes or its tag, whatever its content.
func isText(node *yaml.Node) bool {
	if node.Style&yaml.TaggedStyle != 0 && slices.Contains([]string{"!!int", "!!float", "!!bool", "!!null"}, node.ShortTag()) {
		return false
	}
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	return node.Style&quoted != 0 || node.Style&yaml.TaggedStyle != 0 && node.ShortTag() == "!!str"
}

func resolveNumber(plain string) (float64, bool) {
	switch {
	case yamlOctal.MatchString(plain):
		return parseRadix(plain[2:], 8), true
	case yamlHex.MatchString(plain):
		return parseRadix(plain[2:], 16), true
	case yamlFloat.MatchString(plain):
		number, err := strconv.ParseFloat(plain, 64)
		return number, err == nil || errors.Is(err, strconv.ErrRange)
	default:
		return 0, false
	}
}

func parseRadix(digits string, radix int) float64 {
	whole, ok := new(big.Int).SetString(digits, radix)
	if !ok {
		return math.NaN()
	}
	number, _ := new(big.Float).SetInt(whole).Float64()
	return number
}
