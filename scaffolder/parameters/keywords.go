package parameters

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// patternTimeout bounds the matching of one pattern: authors write patterns, and some backtrack for ever.
const patternTimeout = 250 * time.Millisecond

// keywords are the schema keywords that are checked. Filled in init, because some check subschemas.
var keywords map[string]keyword

func init() {
	keywords = map[string]keyword{
		"type": checkType, "enum": checkEnum, "const": checkConst, "required": checkRequired,
		"properties": checkProperties, "patternProperties": checkPatternProperties, "additionalProperties": checkAdditionalProperties,
		"propertyNames": checkPropertyNames, "minProperties": checkMinProperties, "maxProperties": checkMaxProperties,
		"dependencies": checkDependencies,
		"items":        checkItems, "additionalItems": checkAdditionalItems, "contains": checkContains,
		"minItems": checkMinItems, "maxItems": checkMaxItems, "uniqueItems": checkUniqueItems,
		"minimum": checkMinimum, "maximum": checkMaximum, "exclusiveMinimum": checkExclusiveMinimum,
		"exclusiveMaximum": checkExclusiveMaximum, "multipleOf": checkMultipleOf, "divisibleBy": checkMultipleOf,
		"minLength": checkMinLength, "maxLength": checkMaxLength, "pattern": checkPattern, "format": checkFormat,
		"allOf": checkAllOf, "anyOf": checkAnyOf, "oneOf": checkOneOf, "not": checkNot, "if": checkIf,
	}
}

func checkType(c *check, argument nunjucks.Value) {
	if c.instance == nunjucks.Undefined {
		return
	}
	types := []nunjucks.Value{argument}
	if list, isList := argument.(*nunjucks.Array); isList {
		types = list.Items
	}
	var names []string
	for _, t := range types {
		name, _ := t.(string)
		if isOfType(c.instance, name) {
			return
		}
		names = append(names, name)
	}
	c.violation("type", names, "is not of a type(s) %s", strings.Join(names, ","))
}

func isOfType(v nunjucks.Value, name string) bool {
	switch name {
	case "any":
		return true
	case "null":
		return v == nil
	case "string":
		_, is := v.(string)
		return is
	case "boolean":
		_, is := v.(bool)
		return is
	case "number":
		n, is := v.(float64)
		return is && !math.IsInf(n, 0) && !math.IsNaN(n)
	case "integer":
		n, is := v.(float64)
		return is && n == math.Trunc(n)
	case "array":
		_, is := v.(*nunjucks.Array)
		return is
	case "object":
		_, is := v.(*nunjucks.Object)
		return is
	default:
		return true
	}
}

func checkEnum(c *check, argument nunjucks.Value) {
	allowed, isList := argument.(*nunjucks.Array)
	if !isList || c.instance == nunjucks.Undefined {
		return
	}
	names := make([]string, len(allowed.Items))
	for i, value := range allowed.Items {
		if equal(value, c.instance) {
			return
		}
		names[i] = plain(value)
	}
	c.violation("enum", encode(argument), "is not one of enum values: %s", strings.Join(names, ","))
}

func checkConst(c *check, argument nunjucks.Value) {
	if c.instance != nunjucks.Undefined && !equal(argument, c.instance) {
		c.violation("const", encode(argument), "does not exactly match expected constant: %s", plain(argument))
	}
}

func checkRequired(c *check, argument nunjucks.Value) {
	if argument == true && c.instance == nunjucks.Undefined {
		c.violation("required", true, "is required")
		return
	}
	names, isList := argument.(*nunjucks.Array)
	object, isObject := c.instance.(*nunjucks.Object)
	if !isList || !isObject {
		return
	}
	for _, item := range names.Items {
		if name, isText := item.(string); isText && member(object, name) == nunjucks.Undefined {
			c.violation("required", name, "requires property %s", quote(name))
		}
	}
}

// measured checks a size against a bound.
func measured(c *check, name string, size, bound float64, tooSmall bool, message string) {
	if tooSmall && size < bound || !tooSmall && size > bound {
		c.violation(name, bound, "%s %s", message, plain(bound))
	}
}

func checkMinLength(c *check, argument nunjucks.Value) {
	if text, bound, ok := textAndNumber(c.instance, argument); ok {
		measured(c, "minLength", float64(utf8.RuneCountInString(text)), bound, true, "does not meet minimum length of")
	}
}

func checkMaxLength(c *check, argument nunjucks.Value) {
	if text, bound, ok := textAndNumber(c.instance, argument); ok {
		measured(c, "maxLength", float64(utf8.RuneCountInString(text)), bound, false, "does not meet maximum length of")
	}
}

func textAndNumber(instance, argument nunjucks.Value) (string, float64, bool) {
	text, isText := instance.(string)
	bound, isNumber := argument.(float64)
	return text, bound, isText && isNumber
}

func checkMinItems(c *check, argument nunjucks.Value) {
	list, isList := c.instance.(*nunjucks.Array)
	if bound, isNumber := argument.(float64); isList && isNumber {
		measured(c, "minItems", float64(len(list.Items)), bound, true, "does not meet minimum length of")
	}
}

func checkMaxItems(c *check, argument nunjucks.Value) {
	list, isList := c.instance.(*nunjucks.Array)
	if bound, isNumber := argument.(float64); isList && isNumber {
		measured(c, "maxItems", float64(len(list.Items)), bound, false, "does not meet maximum length of")
	}
}

func checkMinProperties(c *check, argument nunjucks.Value) {
	object, isObject := c.instance.(*nunjucks.Object)
	if bound, isNumber := argument.(float64); isObject && isNumber {
		measured(c, "minProperties", float64(object.Len()), bound, true, "does not meet minimum property length of")
	}
}

func checkMaxProperties(c *check, argument nunjucks.Value) {
	object, isObject := c.instance.(*nunjucks.Object)
	if bound, isNumber := argument.(float64); isObject && isNumber {
		measured(c, "maxProperties", float64(object.Len()), bound, false, "does not meet maximum property length of")
	}
}

func numbers(c *check, argument nunjucks.Value) (n, bound float64, ok bool) {
	n, isNumber := c.instance.(float64)
	bound, isBound := argument.(float64)
	return n, bound, isNumber && isBound
}

func checkMinimum(c *check, argument nunjucks.Value) {
	n, bound, ok := numbers(c, argument)
	switch exclusive := member(c.schema, "exclusiveMinimum") == true; {
	case ok && exclusive && n <= bound:
		c.violation("minimum", bound, "must be greater than %s", plain(bound))
	case ok && !exclusive && n < bound:
		c.violation("minimum", bound, "must be greater than or equal to %s", plain(bound))
	}
}

func checkMaximum(c *check, argument nunjucks.Value) {
	n, bound, ok := numbers(c, argument)
	switch exclusive := member(c.schema, "exclusiveMaximum") == true; {
	case ok && exclusive && n >= bound:
		c.violation("maximum", bound, "must be less than %s", plain(bound))
	case ok && !exclusive && n > bound:
		c.violation("maximum", bound, "must be less than or equal to %s", plain(bound))
	}
}

func checkExclusiveMinimum(c *check, argument nunjucks.Value) {
	if n, bound, ok := numbers(c, argument); ok && n <= bound {
		c.violation("exclusiveMinimum", bound, "must be strictly greater than %s", plain(bound))
	}
}

func checkExclusiveMaximum(c *check, argument nunjucks.Value) {
	if n, bound, ok := numbers(c, argument); ok && n >= bound {
		c.violation("exclusiveMaximum", bound, "must be strictly less than %s", plain(bound))
	}
}

func checkMultipleOf(c *check, argument nunjucks.Value) {
	n, divisor, ok := numbers(c, argument)
	if !ok || divisor == 0 {
		return
	}
	// Decimal fractions are not exact in binary: 0.3 is a multiple of 0.1 all the same.
	if quotient := n / divisor; math.Abs(quotient-math.Round(quotient)) > 1e-9*math.Max(1, math.Abs(quotient)) {
		c.violation("multipleOf", divisor, "is not a multiple of (divisible by) %s", plain(divisor))
	}
}

func checkPattern(c *check, argument nunjucks.Value) {
	text, isText := c.instance.(string)
	pattern, isPattern := argument.(string)
	if isText && isPattern && !c.matches(pattern, text) {
		c.violation("pattern", pattern, "does not match pattern %s", quote(pattern))
	}
}

// matches tries a JavaScript pattern. One that does not compile or does not end makes the validation impossible.
func (c *check) matches(pattern, text string) bool {
	expression, err := regexp2.Compile(pattern, regexp2.ECMAScript)
	if err != nil {
		c.fail(err)
		return true
	}
	expression.MatchTimeout = patternTimeout
	matched, err := expression.MatchString(text)
	if err != nil {
		c.fail(err)
		return true
	}
	return matched
}

// equal is strict deep equality, without regard to the order of keys.
func equal(a, b nunjucks.Value) bool {
	switch a := a.(type) {
	case *nunjucks.Array:
		other, is := b.(*nunjucks.Array)
		if !is || len(a.Items) != len(other.Items) {
			return false
		}
		for i := range a.Items {
			if !equal(a.Items[i], other.Items[i]) {
				return false
			}
		}
		return true
	case *nunjucks.Object:
		other, is := b.(*nunjucks.Object)
		if !is || a.Len() != other.Len() {
			return false
		}
		for name, value := range a.All() {
			if !equal(value, member(other, name)) {
				return false
			}
		}
		return true
	default:
		return a == b
	}
}

// plain is a value as JavaScript's String() prints the ones that schemas hold.
func plain(value nunjucks.Value) string {
	if text, isText := value.(string); isText {
		return text
	}
	if _, isObject := value.(*nunjucks.Object); isObject {
		return "[object Object]"
	}
	return string(encode(value))
}
