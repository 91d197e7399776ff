package jsonata

import (
	"encoding/base64"
	"math"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// builtins are the functions of the language.
var builtins = newBuiltins()

func newBuiltins() *scope {
	made := newScope(nil)
	for _, table := range []map[string]definition{numericFunctions, textFunctions, listFunctions, objectFunctions, otherFunctions} {
		for name, each := range table {
			made.bind(name, &function{name: name, signature: newSignature(each.signature, 0), arity: each.arity, native: each.native})
		}
	}
	return made
}

// definition is a native function. arity is how many arguments it takes as a callback.
type definition struct {
	signature string
	arity     int
	native    func(c *call) Value
}

// orUndefined makes a function whose result is undefined when its first argument is.
func orUndefined(native func(c *call) Value) func(c *call) Value {
	return func(c *call) Value {
		if !c.has(0) {
			return undefined
		}
		return native(c)
	}
}

// ofNumber makes a function of one number.
func ofNumber(f func(float64) float64) func(c *call) Value {
	return orUndefined(func(c *call) Value { return f(c.number(0)) })
}

var numericFunctions = map[string]definition{
	"sum":          {"<a<n>:n>", 1, orUndefined(func(c *call) Value { return total(c.items(0)) })},
	"count":        {"<a:n>", 1, func(c *call) Value { return float64(len(c.items(0))) }},
	"max":          {"<a<n>:n>", 1, func(c *call) Value { return extreme(c.items(0), math.Max) }},
	"min":          {"<a<n>:n>", 1, func(c *call) Value { return extreme(c.items(0), math.Min) }},
	"average":      {"<a<n>:n>", 1, average},
	"number":       {"<(nsb)-:n>", 1, orUndefined(toNumber)},
	"floor":        {"<n-:n>", 1, ofNumber(math.Floor)},
	"ceil":         {"<n-:n>", 1, ofNumber(math.Ceil)},
	"round":        {"<n-n?:n>", 2, orUndefined(func(c *call) Value { return round(c.number(0), int(c.number(1))) })},
	"abs":          {"<n-:n>", 1, ofNumber(math.Abs)},
	"sqrt":         {"<n-:n>", 1, orUndefined(squareRoot)},
	"power":        {"<n-n:n>", 2, orUndefined(toPower)},
	"random":       {"<:n>", 0, func(*call) Value { return rand.Float64() }}, //nolint:gosec // an expression's dice
	"formatNumber": {"<n-so?:s>", 3, orUndefined(formatNumber)},
	"formatBase":   {"<n-n?:s>", 2, orUndefined(formatBase)},
	"formatInteger": {"<n-s:s>", 2, orUndefined(func(c *call) Value {
		return c.evaluator.text(formatInteger(math.Floor(c.number(0)), newIntegerFormat(c.text(1))))
	})},
	"parseInteger": {"<s-s:n>", 2, orUndefined(func(c *call) Value { return parseInteger(c.text(0), newIntegerFormat(c.text(1))) })},
}

func total(items []Value) float64 {
	sum := 0.0
	for _, item := range items {
		number, _ := item.(float64)
		sum += number
	}
	return sum
}

func extreme(items []Value, pick func(a, b float64) float64) Value {
	if len(items) == 0 {
		return undefined
	}
	best, _ := items[0].(float64)
	for _, item := range items {
		number, _ := item.(float64)
		best = pick(best, number)
	}
	return best
}

func average(c *call) Value {
	items := c.items(0)
	if len(items) == 0 {
		return undefined
	}
	return total(items) / float64(len(items))
}

func toNumber(c *call) Value {
	switch value := c.argument(0).(type) {
	case float64:
		return value
	case bool:
		if value {
			return 1.0
		}
		return 0.0
	case string:
		if number, ok := parseNumber(value); ok {
			return number
		}
	}
	fail("D3030", 0, "value", c.argument(0), "index", 1.0)
	return undefined
}

func squareRoot(c *call) Value {
	if c.number(0) < 0 {
		fail("D3060", 0, "value", c.argument(0), "index", 1.0)
	}
	return math.Sqrt(c.number(0))
}

func toPower(c *call) Value {
	result := nunjucks.Power(c.number(0), c.number(1))
	if math.IsInf(result, 0) || math.IsNaN(result) {
		fail("D3061", 0, "value", c.argument(0), "exp", c.argument(1), "index", 1.0)
	}
	return result
}

func formatBase(c *call) Value {
	radix := 10.0
	if c.has(1) {
		radix = round(c.number(1), 0)
	}
	if radix < 2 || radix > 36 {
		fail("D3100", 0, "value", radix)
	}
	return c.evaluator.text(nunjucks.FormatRadix(round(c.number(0), 0), int(radix)))
}

var listFunctions = map[string]definition{
	"map":      {"<af>", 2, mapItems},
	"filter":   {"<af>", 2, filterItems},
	"single":   {"<af?>", 2, singleItem},
	"reduce":   {"<afj?:j>", 3, reduceItems},
	"zip":      {"<a+>", 0, zipLists},
	"append":   {"<xx:a>", 2, appendItems},
	"reverse":  {"<a:a>", 1, orUndefined(reverseItems)},
	"sort":     {"<af?:a>", 2, orUndefined(sortItems)},
	"shuffle":  {"<a:a>", 1, orUndefined(shuffleItems)},
	"distinct": {"<x:x>", 1, distinctItems},
}

func mapItems(c *call) Value {
	if !c.has(0) {
		return undefined
	}
	result := c.sequence()
	for i, item := range c.items(0) {
		if value := c.callback(c.argument(1), item, float64(i), c.argument(0)); !isUndefined(value) {
			c.push(result, value)
		}
	}
	return result
}

func filterItems(c *call) Value {
	if !c.has(0) {
		return undefined
	}
	result := c.sequence()
	for i, item := range c.items(0) {
		if isTruthy(c.callback(c.argument(1), item, float64(i), c.argument(0))) {
			c.push(result, item)
		}
	}
	return result
}

func singleItem(c *call) Value {
	if !c.has(0) {
		return undefined
	}
	result, isFound := undefined, false
	for i, item := range c.items(0) {
		if c.has(1) && !isTruthy(c.callback(c.argument(1), item, float64(i), c.argument(0))) {
			continue
		}
		if isFound {
			fail("D3138", 0, "index", float64(i))
		}
		result, isFound = item, true
	}
	if !isFound {
		fail("D3139", 0)
	}
	return result
}

func reduceItems(c *call) Value {
	if !c.has(0) {
		return undefined
	}
	if f, is := c.argument(1).(*function); !is || f.arity < 2 {
		fail("D3050", 0, "index", 1.0)
	}
	items, result := c.items(0), c.argument(2)
	from := 0
	if isUndefined(result) && len(items) > 0 {
		result, from = items[0], 1
	}
	for i := from; i < len(items); i++ {
		result = c.callback(c.argument(1), result, items[i], float64(i), c.argument(0))
	}
	return result
}

func zipLists(c *call) Value {
	shortest := math.MaxInt
	for _, argument := range c.arguments {
		l, isList := argument.(*list)
		if !isList {
			return &list{}
		}
		shortest = min(shortest, len(l.items))
	}
	result := &list{}
	for i := 0; i < shortest && len(c.arguments) > 0; i++ {
		row := &list{}
		for n := range c.arguments {
			c.push(row, c.items(n)[i])
		}
		c.push(result, row)
	}
	return result
}

func appendItems(c *call) Value {
	switch {
	case !c.has(0):
		return c.argument(1)
	case !c.has(1):
		return c.argument(0)
	}
	result := &list{}
	c.push(result, c.items(0)...)
	c.push(result, c.items(1)...)
	return result
}

func reverseItems(c *call) Value {
	items := c.items(0)
	result := &list{}
	for _, item := range slices.Backward(items) {
		c.push(result, item)
	}
	return result
}

func sortItems(c *call) Value {
	l, isList := c.argument(0).(*list)
	if !isList || len(l.items) <= 1 {
		return c.argument(0)
	}
	if c.has(1) {
		return c.mergeSort(l, func(a, b Value) bool { return isTruthy(c.apply(c.argument(1), []Value{a, b}, nil, c.scope)) })
	}
	if !allAre(l.items, isNumeric) && !allAre(l.items, isText) {
		fail("D3070", 0, "index", 1.0)
	}
	return c.mergeSort(l, func(a, b Value) bool {
		order, _ := orderOf(a, b)
		return order > 0
	})
}

func shuffleItems(c *call) Value {
	result := &list{}
	c.push(result, c.items(0)...)
	rand.Shuffle(len(result.items), func(i, j int) { //nolint:gosec // an expression's dice
		result.items[i], result.items[j] = result.items[j], result.items[i]
	})
	return result
}

func distinctItems(c *call) Value {
	l, isList := c.argument(0).(*list)
	if !isList || len(l.items) <= 1 {
		return c.argument(0)
	}
	result := &list{isSequence: l.isSequence}
	seen := map[Value]bool{}
	for _, item := range l.items {
		c.step()
		if isScalar(item) {
			if !seen[item] {
				seen[item] = true
				c.push(result, item)
			}
			continue
		}
		isThere := false
		for _, other := range result.items {
			if isThere = c.isEqual(item, other); isThere {
				break
			}
		}
		if !isThere {
			c.push(result, item)
		}
	}
	return result
}

func isScalar(v Value) bool {
	switch v.(type) {
	case string, float64, bool, nil:
		return true
	}
	return false
}

var objectFunctions = map[string]definition{
	"keys":   {"<x-:a<s>>", 1, func(c *call) Value { return c.keys(c.argument(0)) }},
	"lookup": {"<x-s:x>", 2, func(c *call) Value { return c.member(c.argument(0), c.text(1)) }},
	"spread": {"<x-:a<o>>", 1, func(c *call) Value { return c.spread(c.argument(0)) }},
	"merge":  {"<a<o>:o>", 1, orUndefined(mergeObjects)},
	"each":   {"<o-f:a>", 2, eachMember},
	"sift":   {"<o-f?:o>", 2, siftMembers},
	"clone":  {"<(oa)-:o>", 1, orUndefined(func(c *call) Value { return c.clone(c.argument(0), 0) })},
	"type":   {"<x:s>", 1, typeOf},
}

func (c *call) keys(v Value) Value {
	result := c.sequence()
	switch v := v.(type) {
	case *list:
		seen := map[Value]bool{}
		for _, item := range v.items {
			for _, key := range itemsOf(c.keys(item)) {
				if !seen[key] {
					seen[key] = true
					c.push(result, key)
				}
			}
		}
	case *nunjucks.Object:
		for key := range v.All() {
			c.push(result, key)
		}
	}
	return result
}

func (c *call) spread(v Value) Value {
	result := c.sequence()
	switch v := v.(type) {
	case *list:
		for _, item := range v.items {
			c.push(result, itemsOf(c.spread(item))...)
		}
	case *nunjucks.Object:
		for key, value := range v.All() {
			c.allocate(objectBytes + memberBytes)
			object := nunjucks.NewObject()
			object.Set(key, value)
			c.push(result, object)
		}
	default:
		return v
	}
	return result
}

func mergeObjects(c *call) Value {
	c.allocate(objectBytes)
	result := nunjucks.NewObject()
	for _, item := range c.items(0) {
		object, isObject := item.(*nunjucks.Object)
		if !isObject {
			continue
		}
		for key, value := range object.All() {
			c.allocate(memberBytes)
			result.Set(key, value)
		}
	}
	return result
}

func eachMember(c *call) Value {
	result := c.sequence()
	object, isObject := c.argument(0).(*nunjucks.Object)
	if !isObject {
		return result
	}
	for key, value := range object.All() {
		if made := c.callback(c.argument(1), value, key, object); !isUndefined(made) {
			c.push(result, made)
		}
	}
	return result
}

func siftMembers(c *call) Value {
	object, isObject := c.argument(0).(*nunjucks.Object)
	if !isObject {
		return undefined
	}
	result := nunjucks.NewObject()
	for key, value := range object.All() {
		if isTruthy(c.callback(c.argument(1), value, key, object)) {
			c.allocate(memberBytes)
			result.Set(key, value)
		}
	}
	if result.Len() == 0 {
		return undefined
	}
	return result
}

// clone copies deeply. Functions become empty strings, as when the value is written as JSON and read again.
func (c *call) clone(v Value, depth int) Value {
	c.checkDepth(depth)
	switch v := v.(type) {
	case *list:
		if v.isWrapper && len(v.items) > 0 {
			return c.clone(v.items[0], depth)
		}
		result := &list{}
		for _, item := range v.items {
			c.push(result, c.clone(item, depth+1))
		}
		return result
	case *nunjucks.Object:
		c.allocate(objectBytes)
		result := nunjucks.NewObject()
		for key, value := range v.All() {
			c.allocate(memberBytes)
			result.Set(key, c.clone(value, depth+1))
		}
		return result
	case *function, *matcher:
		return ""
	}
	return v
}

func typeOf(c *call) Value {
	switch letterOf(c.argument(0)) {
	case "s":
		return "string"
	case "n":
		return "number"
	case "b":
		return "boolean"
	case "l":
		return "null"
	case "a":
		return "array"
	case "f":
		return "function"
	case "o":
		return "object"
	}
	return undefined
}

var otherFunctions = map[string]definition{
	"boolean": {"<x-:b>", 1, orUndefined(func(c *call) Value { return isTruthy(c.argument(0)) })},
	"not":     {"<x-:b>", 1, orUndefined(func(c *call) Value { return !isTruthy(c.argument(0)) })},
	"exists":  {"<x:b>", 1, func(c *call) Value { return c.has(0) }},
	"error": {"<s?:x>", 1, func(c *call) Value {
		failWith("D3137", c, 0, "$error() function evaluated")
		return undefined
	}},
	"assert": {"<bs?:x>", 2, func(c *call) Value {
		if !isTruthy(c.argument(0)) {
			failWith("D3141", c, 1, "$assert() statement failed")
		}
		return undefined
	}},
	"eval":               {"<sx?:x>", 2, orUndefined(evaluateText)},
	"now":                {"<s?s?:s>", 2, func(c *call) Value { return formatTime(c.evaluator, c.began, c.argument(0), c.argument(1)) }},
	"millis":             {"<:n>", 0, func(c *call) Value { return float64(c.began.UnixMilli()) }},
	"fromMillis":         {"<n-s?s?:s>", 3, orUndefined(fromMillis)},
	"toMillis":           {"<s-s?:n>", 2, orUndefined(toMillis)},
	"base64encode":       {"<s-:s>", 1, orUndefined(encodeBase64)},
	"base64decode":       {"<s-:s>", 1, orUndefined(decodeBase64)},
	"encodeUrlComponent": {"<s-:s>", 1, orUndefined(func(c *call) Value { return c.evaluator.text(encodeURL(c.text(0), componentCharacters)) })},
	"encodeUrl":          {"<s-:s>", 1, orUndefined(func(c *call) Value { return c.evaluator.text(encodeURL(c.text(0), componentCharacters+urlCharacters)) })},
	"decodeUrlComponent": {"<s-:s>", 1, orUndefined(func(c *call) Value { return decodeURL(c, "decodeUrlComponent", "") })},
	"decodeUrl":          {"<s-:s>", 1, orUndefined(func(c *call) Value { return decodeURL(c, "decodeUrl", urlCharacters+"#") })},
}

func failWith(code string, c *call, argument int, standard string) {
	message := c.text(argument)
	if message == "" {
		message = standard
	}
	fail(code, 0, "message", message)
}

// evaluateText is $eval.
func evaluateText(c *call) (result Value) {
	input := c.input
	if c.has(1) {
		input = c.argument(1)
	}
	const maxEvals = 50
	if c.evals++; c.evals > maxEvals {
		fail("D1011", 0, "value", float64(maxEvals))
	}
	explain := func(code string) {
		cause := recover()
		c.attribute(cause)
		failure, is := cause.(thrown)
		if failed, isError := failure.err.(*Error); is && isError { //nolint:errorlint // what is thrown is not wrapped
			if isLimit := strings.HasPrefix(failed.Code, "P") || failed.Code == "D1011" || failed.Code == "D1012"; isLimit {
				panic(cause)
			}
			failed.populate()
			fail(code, 0, "value", failed.Message)
		}
		if cause != nil {
			panic(cause)
		}
	}
	tree := func() *node {
		defer explain("D3120")
		return parse(c.text(0))
	}()
	defer explain("D3121")
	result = c.evaluate(tree, input, c.scope)
	c.evals--
	return result
}

func encodeBase64(c *call) Value {
	bytes := make([]byte, 0, len(c.text(0)))
	for _, r := range c.text(0) {
		if r > math.MaxUint8 {
			return c.evaluator.text(base64.StdEncoding.EncodeToString([]byte(c.text(0))))
		}
		bytes = append(bytes, byte(r))
	}
	return c.evaluator.text(base64.StdEncoding.EncodeToString(bytes))
}

func decodeBase64(c *call) Value {
	text := strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "", " ", "", "=", "").Replace(c.text(0))
	bytes, _ := base64.RawStdEncoding.DecodeString(text) // As Node does, up to what cannot be decoded.
	var out strings.Builder
	for _, each := range bytes {
		out.WriteRune(rune(each))
	}
	return c.evaluator.text(out.String())
}

// The characters that JavaScript's encodeURIComponent leaves, and those that encodeURI leaves beside them.
const (
	componentCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()"
	urlCharacters       = ";/?:@&=+$,#"
)

func encodeURL(text, left string) string {
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	for i := range len(text) {
		if c := text[i]; strings.IndexByte(left, c) >= 0 {
			out.WriteByte(c)
		} else {
			out.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return out.String()
}

// decodeURL decodes all escapes but those of some characters.
func decodeURL(c *call, name, kept string) Value {
	text := c.text(0)
	for _, r := range kept {
		escape := encodeURL(string(r), "")
		text = strings.ReplaceAll(text, escape, "%25"+escape[1:])
		text = strings.ReplaceAll(text, strings.ToLower(escape), "%25"+strings.ToLower(escape[1:]))
	}
	decoded, err := url.PathUnescape(text)
	if err != nil || !utf8.ValidString(decoded) {
		fail("D3140", 0, "value", c.argument(0), "functionName", name)
	}
	return c.evaluator.text(decoded)
}

func fromMillis(c *call) Value {
	return formatTime(c.evaluator, time.UnixMilli(int64(c.number(0))).UTC(), c.argument(1), c.argument(2))
}
