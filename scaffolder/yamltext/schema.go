package yamltext

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// The plain scalars of YAML 1.2's core schema that are no strings.
var (
	nullText  = regexp.MustCompile(`^(?:~|[Nn]ull|NULL)?$`)
	boolText  = regexp.MustCompile(`^(?:true|True|TRUE|false|False|FALSE)$`)
	octalText = regexp.MustCompile(`^0o[0-7]+$`)
	intText   = regexp.MustCompile(`^[-+]?[0-9]+$`)
	hexText   = regexp.MustCompile(`^0x[0-9a-fA-F]+$`)
	nanText   = regexp.MustCompile(`^(?:[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN)$`)
	expText   = regexp.MustCompile(`^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+$`)
	floatText = regexp.MustCompile(`^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)$`)
)

// isString reports whether a plain scalar of this text would be read as the string.
func isString(text string) bool {
	for _, other := range []*regexp.Regexp{nullText, boolText, octalText, intText, hexText, nanText, expText, floatText} {
		if other.MatchString(text) {
			return false
		}
	}
	return true
}

// resolve gives a plain scalar its value.
func resolve(text string) Value {
	switch {
	case nullText.MatchString(text):
		return nil
	case boolText.MatchString(text):
		return text[0] == 't' || text[0] == 'T'
	case octalText.MatchString(text):
		return parseUnsigned(text[2:], 8)
	case hexText.MatchString(text):
		return parseUnsigned(text[2:], 16)
	case nanText.MatchString(text):
		switch {
		case strings.HasSuffix(strings.ToLower(text), "nan"):
			return math.NaN()
		case text[0] == '-':
			return math.Inf(-1)
		}
		return math.Inf(1)
	case intText.MatchString(text), expText.MatchString(text), floatText.MatchString(text):
		// The only possible error is a number out of range; then JavaScript gives infinity or zero, too.
		number, _ := strconv.ParseFloat(text, 64)
		return number
	}
	return text
}

func parseUnsigned(digits string, base int) float64 {
	if number, err := strconv.ParseUint(digits, base, 64); err == nil {
		return float64(number)
	}
	sum := 0.0
	for _, digit := range digits {
		value, _ := strconv.ParseUint(string(digit), base, 8) // The text was matched before.
		sum = sum*float64(base) + float64(value)
	}
	return sum
}
