package parameters

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// keywordOf returns the check of a schema keyword, nil for one that is not checked. It is no map, because the
// checks call keywordOf, and a map would be an initialization cycle.
func keywordOf(name string) keyword {
	switch name {
	case "type":
		return checkType
	case "enum":
		return checkEnum
	case "const":
		return checkConst
	case "required":
		return checkRequired
	case "properties":
		return checkProperties
	case "patternProperties":
		return checkPatternProperties
	case "additionalProperties":
		return checkAdditionalProperties
	case "propertyNames":
		return checkPropertyNames
	case "minProperties":
		return checkMinProperties
	case "maxProperties":
		return checkMaxProperties
	case "dependencies":
		return checkDependencies
	case "items":
		return checkItems
	case "contains":
		return checkContains
	case "minItems":
		return checkMinItems
	case "maxItems":
		return checkMaxItems
	case "uniqueItems":
		return checkUniqueItems
	case "minimum":
		return checkMinimum
	case "maximum":
		return checkMaximum
	case "exclusiveMinimum":
		return checkExclusiveMinimum
	case "exclusiveMaximum":
		return checkExclusiveMaximum
	case "multipleOf":
		return checkMultipleOf
	case "divisibleBy":
		return checkDivisibleBy
	case "minLength":
		return checkMinLength
	case "maxLength":
		return checkMaxLength
	case "pattern":
		return checkPattern
	case "format":
		return checkFormat
	case "allOf":
		return checkAllOf
	case "anyOf":
		return checkAnyOf
	case "oneOf":
		return checkOneOf
	case "not", "disallow":
		return checkNot
	case "if":
		return checkIf
	default:
		return nil
	}
}

func checkType(c *check, argument nunjucks.Value) {
	if c.instance == nunjucks.Undefined {
		return
	}
	names := []string{}
	for _, wanted := range listOf(argument) {
		if c.isOfType(wanted) {
			return
		}
		names = append(names, typeName(wanted))
	}
	c.violation("type", names, "is not of a type(s) %s", strings.Join(names, ","))
}

// isOfType reports whether the value is of a type. The type is a name or, in old schemas, a schema. Every
// value is of an unknown type.
func (c *check) isOfType(wanted nunjucks.Value) bool {
	switch wanted := wanted.(type) {
	case nil:
		c.fail(fmt.Errorf("schema of %s has the type null without quotes", c.at.property))
		return true
	case string:
		return isOfType(c.instance, wanted)
	case *nunjucks.Object, bool:
		return len(c.validate(c.at, wanted, c.instance)) == 0
	default:
		return true
	}
}

// typeName returns the name of a type in messages.
func typeName(wanted nunjucks.Value) string {
	if id := idOf(wanted); id != "" {
		return "<" + id + ">"
	}
	return plain(wanted)
}

// listOf returns a list's items, or a list of one value.
func listOf(value nunjucks.Value) []nunjucks.Value {
	if list, isList := value.(*nunjucks.Array); isList {
		return list.Items
	}
	return []nunjucks.Value{value}
}

func isOfType(v nunjucks.Value, name string) bool {
	switch name {
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
	case "date": // a JavaScript Date, which JSON does not have
		return false
	default:
		return true
	}
}

func checkEnum(c *check, argument nunjucks.Value) {
	if c.instance == nunjucks.Undefined {
		return
	}
	allowed, isList := argument.(*nunjucks.Array)
	if !isList {
		c.fail(fmt.Errorf("schema of %s has an enum that is not a list", c.at.property))
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
		c.violation("required", nil, "is required")
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

// checkSize checks a size against a bound.
func checkSize(c *check, name string, size, bound float64, tooSmall bool, message string) {
	if tooSmall && size < bound || !tooSmall && size > bound {
		c.violation(name, bound, "%s %s", message, plain(bound))
	}
}

func checkMinLength(c *check, argument nunjucks.Value) {
	if text, bound, ok := textAndNumber(c.instance, argument); ok {
		checkSize(c, "minLength", float64(utf8.RuneCountInString(text)), bound, true, "does not meet minimum length of")
	}
}

func checkMaxLength(c *check, argument nunjucks.Value) {
	if text, bound, ok := textAndNumber(c.instance, argument); ok {
		checkSize(c, "maxLength", float64(utf8.RuneCountInString(text)), bound, false, "does not meet maximum length of")
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
		checkSize(c, "minItems", float64(len(list.Items)), bound, true, "does not meet minimum length of")
	}
}

func checkMaxItems(c *check, argument nunjucks.Value) {
	list, isList := c.instance.(*nunjucks.Array)
	if bound, isNumber := argument.(float64); isList && isNumber {
		checkSize(c, "maxItems", float64(len(list.Items)), bound, false, "does not meet maximum length of")
	}
}

func checkMinProperties(c *check, argument nunjucks.Value) {
	object, isObject := c.instance.(*nunjucks.Object)
	if bound, isNumber := argument.(float64); isObject && isNumber {
		checkSize(c, "minProperties", float64(object.Len()), bound, true, "does not meet minimum property length of")
	}
}

func checkMaxProperties(c *check, argument nunjucks.Value) {
	object, isObject := c.instance.(*nunjucks.Object)
	if bound, isNumber := argument.(float64); isObject && isNumber {
		checkSize(c, "maxProperties", float64(object.Len()), bound, false, "does not meet maximum property length of")
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
	checkMultiple(c, "multipleOf", argument, "is not a multiple of (divisible by)")
}

func checkDivisibleBy(c *check, argument nunjucks.Value) {
	checkMultiple(c, "divisibleBy", argument, "is not divisible by (multiple of)")
}

func checkMultiple(c *check, name string, argument nunjucks.Value, message string) {
	n, divisor, ok := numbers(c, argument)
	switch {
	case !ok:
	case divisor == 0:
		c.fail(fmt.Errorf("schema of %s divides by zero", c.at.property))
	case !isMultiple(n, divisor):
		c.violation(name, divisor, "%s %s", message, plain(divisor))
	}
}

// isMultiple scales both numbers to whole ones before it divides: decimal fractions are not exact in binary,
// but 0.3 must be a multiple of 0.1.
func isMultiple(n, divisor float64) bool {
	scale := math.Pow10(max(decimals(n), decimals(divisor)))
	return math.Mod(jsRound(n*scale), jsRound(divisor*scale)) == 0
}

// decimals returns the number of decimal places in a number's shortest text.
func decimals(n float64) int {
	_, fraction, _ := strings.Cut(strconv.FormatFloat(n, 'f', -1, 64), ".")
	return len(fraction)
}

// jsRound rounds halves up, as JavaScript does.
func jsRound(n float64) float64 { return math.Floor(n + 0.5) }

func checkPattern(c *check, argument nunjucks.Value) {
	text, isText := c.instance.(string)
	pattern, isPattern := argument.(string)
	if isText && isPattern && !c.matches(pattern, text) {
		c.violation("pattern", pattern, "does not match pattern %s", quote(pattern))
	}
}

// matches reports whether a text matches a JavaScript pattern. A pattern that does not compile or exceeds the
// time limit ends the validation with an error.
func (c *check) matches(pattern, text string) bool {
	expression, err := regexp2.Compile(pattern, regexp2.ECMAScript|regexp2.Unicode)
	if err != nil {
		c.fail(err)
		return true
	}
	expression.MatchTimeout = max(matchTimeout-c.matching, time.Millisecond)
	began := time.Now()
	matched, err := expression.MatchString(text)
	c.matching += time.Since(began)
	if err != nil {
		c.fail(err)
		return true
	}
	return matched
}

// equal is strict deep equality. The order of keys does not matter.
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

// plain formats a JSON value as JavaScript's String() does.
func plain(value nunjucks.Value) string {
	switch value := value.(type) {
	case string:
		return value
	case *nunjucks.Object:
		return "[object Object]"
	case *nunjucks.Array:
		items := make([]string, len(value.Items))
		for i, item := range value.Items {
			if item != nil {
				items[i] = plain(item)
			}
		}
		return strings.Join(items, ",")
	default:
		return string(encode(value))
	}
}
