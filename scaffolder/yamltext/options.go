package yamltext

import "encoding/json"

// Options say how YAML is written. They have the names and the meaning of the npm package's options; the
// default of each is in parentheses.
type Options struct {
	// BlockQuote allows block scalars (true); "folded" and "literal" choose one of them.
	BlockQuote blockQuote `json:"blockQuote"`
	// CollectionStyle is "any", "block" or "flow" ("any": as the document had it).
	CollectionStyle string `json:"collectionStyle"`
	// DefaultKeyType and DefaultStringType are styles of strings (nothing, and "PLAIN").
	DefaultKeyType    string `json:"defaultKeyType"`
	DefaultStringType string `json:"defaultStringType"`
	// Directives begins the document with --- (false).
	Directives bool `json:"directives"`
	// DoubleQuotedAsJSON writes double-quoted strings as JSON does (false), DoubleQuotedMinMultiLineLength is
	// the length from which they may have several lines (40).
	DoubleQuotedAsJSON             bool     `json:"doubleQuotedAsJSON"`
	DoubleQuotedMinMultiLineLength *float64 `json:"doubleQuotedMinMultiLineLength"`
	// TrueStr, FalseStr and NullStr are the words for these values.
	TrueStr  *string `json:"trueStr"`
	FalseStr *string `json:"falseStr"`
	NullStr  *string `json:"nullStr"`
	// FlowCollectionPadding puts a space inside of the brackets of a flow collection (true).
	FlowCollectionPadding *bool `json:"flowCollectionPadding"`
	// Indent is the number of spaces of a level (2), IndentSeq indents lists within objects (true).
	Indent    *float64 `json:"indent"`
	IndentSeq *bool    `json:"indentSeq"`
	// LineWidth is the column at which text is folded (80; 0 is never), MinContentWidth the least width of
	// text that is indented much (20).
	LineWidth       *float64 `json:"lineWidth"`
	MinContentWidth *float64 `json:"minContentWidth"`
	// SimpleKeys writes all keys on one line, without "? " (false).
	SimpleKeys bool `json:"simpleKeys"`
	// SingleQuote prefers single quotes; false avoids them altogether (nothing).
	SingleQuote *bool `json:"singleQuote"`
}

// blockQuote is true, false, "folded" or "literal"; empty is true.
type blockQuote string

const (
	noBlocks      blockQuote = "false"
	foldedBlocks  blockQuote = "folded"
	literalBlocks blockQuote = "literal"
)

// UnmarshalJSON reads all forms.
func (b *blockQuote) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true", "null":
		*b = ""
		return nil
	case "false":
		*b = noBlocks
		return nil
	}
	var text string
	err := json.Unmarshal(data, &text)
	*b = blockQuote(text)
	return err
}

// The largest values of options that are lengths: more has no use, and takes memory for each line.
const (
	maxIndent = 100
	maxWidth  = 1 << 20
)

// orDefault returns what an optional number says, at least 0 and at most limit.
func orDefault(number *float64, standard, limit int) int {
	if number == nil || *number != *number {
		return standard
	}
	return int(max(0, min(*number, float64(limit))))
}

func textOr(text *string, standard string) string {
	if text == nil {
		return standard
	}
	return *text
}

func isTrue(flag *bool, standard bool) bool {
	if flag == nil {
		return standard
	}
	return *flag
}
