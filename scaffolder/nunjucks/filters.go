package nunjucks

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// newBuiltinFilters makes nunjucks' filters. args[0] is the filtered value. Where nunjucks calls a JavaScript
// method, so do we, so that a value of the wrong type fails or gives the same result as there.
func newBuiltinFilters() map[string]builtin {
	return map[string]builtin{
		"abs":         filterAbs,
		"batch":       filterBatch,
		"capitalize":  filterCapitalize,
		"center":      filterCenter,
		"d":           filterDefault,
		"default":     filterDefault,
		"dictsort":    filterDictsort,
		"dump":        filterDump,
		"e":           filterEscape,
		"escape":      filterEscape,
		"first":       filterFirst,
		"float":       filterFloat,
		"forceescape": filterForceEscape,
		"groupby":     filterGroupBy,
		"indent":      filterIndent,
		"int":         filterInt,
		"join":        filterJoin,
		"last":        filterLast,
		"length":      filterLength,
		"list":        filterList,
		"lower":       filterLower,
		"nl2br":       filterNl2br,
		"random":      filterRandom,
		"reject":      selection(false),
		"rejectattr":  attributeSelection(false),
		"replace":     filterReplace,
		"reverse":     filterReverse,
		"round":       filterRound,
		"safe":        filterSafe,
		"select":      selection(true),
		"selectattr":  attributeSelection(true),
		"slice":       filterSlice,
		"sort":        filterSort,
		"string":      filterString,
		"striptags":   filterStripTags,
		"sum":         filterSum,
		"title":       filterTitle,
		"trim":        filterTrim,
		"truncate":    filterTruncate,
		"upper":       filterUpper,
		"urlencode":   filterURLEncode,
		"urlize":      filterURLize,
		"wordcount":   filterWordCount,
	}
}

// orEmpty returns the filtered value, or an empty string for null, undefined and false.
func orEmpty(v Value) Value {
	if isNullish(v) || v == false {
		return ""
	}
	return v
}

// orDefaultNumber returns an argument as a number, or the fallback when it is falsy.
func (r *run) orDefaultNumber(v Value, fallback float64) float64 {
	if !truthy(v) {
		return fallback
	}
	return r.number(v)
}

// copySafeness makes result a safe string when model is one, as nunjucks' function of that name does.
func (r *run) copySafeness(model Value, result string) Value {
	if _, safe := model.(*safeString); safe {
		return r.newSafe(result)
	}
	return result
}

// length is v.length as a number, NaN for what has none. Null and undefined fail.
func (r *run) length(v Value) float64 {
	return r.number(r.member(r.require(v, "length"), "length"))
}

// item is v[i].
func (r *run) item(v Value, i float64) Value {
	return r.property(r.require(v, "item"), i)
}

// items returns the items of a list, or of a value that has a length and numbered members, as nunjucks' own
// map does.
func (r *run) items(v Value) []Value {
	if isNullish(v) {
		return nil
	}
	if array, ok := v.(*Array); ok {
		return array.Items
	}
	var items []Value
	length := r.length(v)
	for i := 0.0; i < length; i++ {
		items = r.appendItems(items, r.item(v, i))
	}
	return items
}

// presentItems is items without the indexes below the length that the value does not have.
func (r *run) presentItems(v Value) []Value {
	items := r.items(r.require(v, "items"))
	switch v.(type) {
	case *Array, string:
		return items
	}
	var present []Value
	for i, item := range items {
		if ownKey(r, v, formatNumber(float64(i))) {
			present = r.appendItems(present, item)
		}
	}
	return present
}

// list returns the filtered value for a filter that calls methods of arrays.
func (r *run) list(v Value) *Array {
	array, ok := v.(*Array)
	if !ok {
		r.fail("expected a list, found %s", typeName(v))
	}
	return array
}

func filterAbs(r *run, args []Value) Value { return math.Abs(r.number(args[0])) }

func filterBatch(r *run, args []Value) Value {
	size, filler := argument(args, 1), argument(args, 2)
	var batches, batch []Value
	length := r.length(args[0])
	for i := 0.0; i < length; i++ {
		if r.remainder(i, size) == 0 && len(batch) > 0 {
			batches = r.appendItems(batches, r.newArray(batch))
			batch = nil
		}
		batch = r.appendItems(batch, r.item(args[0], i))
	}
	if len(batch) == 0 {
		return r.newArray(batches)
	}
	if truthy(filler) {
		for r.less(integer(len(batch)), size) {
			batch = r.appendItems(batch, filler)
		}
	}
	return r.newArray(r.appendItems(batches, r.newArray(batch)))
}

func filterDefault(_ *run, args []Value) Value {
	value, fallback := args[0], argument(args, 1)
	if isUndefined(value) || truthy(argument(args, 2)) && !truthy(value) {
		return fallback
	}
	return value
}

func filterDictsort(r *run, args []Value) Value {
	pairs := r.inheritedEntries(args[0])
	caseSensitive, by := truthy(argument(args, 1)), argument(args, 2)
	column := 0.0
	switch by {
	case Undefined, "key":
	case "value":
		column = 1.0
	default:
		r.fail("dictsort filter: You can only sort by either key or value")
	}
	key := func(pair Value) Value {
		value := r.item(pair, column)
		if text, ok := value.(string); ok && !caseSensitive {
			return r.upperCase(text)
		}
		return value
	}
	r.sort(pairs, func(a, b Value) float64 {
		left, right := key(a), key(b)
		switch {
		case r.greater(left, right):
			return 1
		case strictEquals(left, right):
			return 0
		}
		return -1
	})
	return r.newArray(pairs)
}

// inheritedEntries returns the entries of an object and those that for-in finds in its prototype. Only a safe
// string has such a prototype.
func (r *run) inheritedEntries(v Value) []Value {
	switch v := v.(type) {
	case *Object:
		return r.entries(v)
	case *safeString:
		members := r.enumerable(v)
		members.Set("valueOf", stringMethods["valueOf"])
		members.Set("toString", stringMethods["toString"])
		return r.entries(members)
	}
	r.fail("dictsort filter: val must be an object")
	return nil
}

func filterDump(r *run, args []Value) Value {
	encoder := &jsonEncoder{append: r.appendText, charge: r.allocate}
	encoder.indent, encoder.lines = indentation(argument(args, 1))
	if !encoder.value(args[0]) {
		return Undefined
	}
	return r.textOf(encoder.out)
}

// indentation reads the third argument of JSON.stringify: a number of spaces or a text, ten characters at
// most. For a number between 0 and 1, V8 writes line breaks without spaces.
func indentation(v Value) (indent string, lines bool) {
	switch v := v.(type) {
	case float64:
		return strings.Repeat(" ", min(max(toInteger(v), 0), 10)), v > 0
	case string:
		first := units(characters(v, 10))
		return fromUnits(first[:min(len(first), 10)]), v != ""
	}
	return "", false
}

func filterFirst(r *run, args []Value) Value { return r.item(args[0], 0) }

func filterLast(r *run, args []Value) Value {
	return r.item(args[0], r.length(args[0])-1)
}

func filterFloat(r *run, args []Value) Value {
	n, _ := parseDecimal(trimLeft(r.text(args[0])))
	if math.IsNaN(n) {
		return argument(args, 1)
	}
	return n
}

func filterInt(r *run, args []Value) Value {
	bound, _ := r.bindArguments([]string{"value", "default", "base"}, nil, args)
	base := bound[2]
	if isUndefined(base) {
		base = 10.0
	}
	n := parseInteger(r.text(bound[0]), r.number(base))
	if math.IsNaN(n) {
		return bound[1]
	}
	return n
}

func filterGroupBy(r *run, args []Value) Value {
	attribute := argument(args, 1)
	function, computed := attribute.(*callable)
	groups := r.newObject(0)
	length := r.length(args[0])
	for i := 0.0; i < length; i++ {
		item := r.item(args[0], i)
		var key Value
		if computed {
			key = r.call(function, Undefined, []Value{item, i})
		} else {
			key = r.attribute(item, attribute)
		}
		name := r.text(key)
		if objectPrototype[name] {
			r.fail("groupby: %q cannot be the name of a group", name)
		}
		known, _ := groups.Get(name)
		group, ok := known.(*Array)
		if !ok {
			group = r.newArray(nil)
			r.set(groups, name, group)
		}
		group.Items = r.appendItems(group.Items, item)
	}
	return groups
}

// attribute follows a path of own members ("a.b"). It returns undefined when a member is missing.
func (r *run) attribute(item, path Value) Value {
	if !truthy(path) {
		return item
	}
	text, ok := path.(string)
	if !ok {
		text = r.text(path)
		if !ownKey(r, item, text) {
			return Undefined
		}
		return r.member(item, text)
	}
	for part := range strings.SplitSeq(text, ".") {
		if !ownKey(r, item, part) {
			return Undefined
		}
		item = r.member(item, part)
	}
	return item
}

func filterJoin(r *run, args []Value) Value {
	list, separator, attribute := args[0], argument(args, 1), argument(args, 2)
	if !truthy(separator) {
		separator = ""
	}
	if truthy(attribute) {
		list = r.pluck(list, attribute)
	}
	return r.invoke(list, "join", separator)
}

// pluck returns the list of one member of each item.
func (r *run) pluck(v, name Value) *Array {
	items := r.items(v)
	plucked := r.room(nil, len(items))
	for _, item := range items {
		plucked = append(plucked, r.property(r.require(item, "attribute"), name))
	}
	return r.newArray(plucked)
}

func filterLength(r *run, args []Value) Value {
	switch value := orEmpty(args[0]).(type) {
	case *Object:
		return integer(value.Len())
	default:
		return r.member(value, "length")
	}
}

func filterList(r *run, args []Value) Value {
	switch value := args[0].(type) {
	case string:
		return r.newArray(r.textSplit(value))
	case *Array:
		return value
	case *Object, *safeString:
		members := r.enumerable(value)
		items := r.room(nil, members.Len())
		for _, m := range r.members(members) {
			item := r.newObject(2)
			r.allocate(stringBytes)
			item.Set("key", m.key)
			item.Set("value", m.value)
			items = append(items, item)
		}
		return r.newArray(items)
	}
	r.fail("list filter: type not iterable")
	return nil
}

func filterRandom(r *run, args []Value) Value {
	length := r.length(args[0])
	return r.item(args[0], math.Floor(rand.Float64()*length)) //nolint:gosec // as random as nunjucks, which uses Math.random
}

// selection makes select and reject, which keep the items for which a test gives the expected answer.
func selection(expected bool) builtin {
	return func(r *run, args []Value) Value {
		name := "truthy"
		if given := argument(args, 1); !isUndefined(given) {
			name = r.text(given)
		}
		test := builtinTests[name]
		if test == nil {
			r.fail("test not found: %s", name)
		}
		kept := []Value{}
		for _, item := range r.presentItems(args[0]) {
			r.step()
			if test(r, []Value{item, argument(args, 2)}) == expected {
				kept = r.appendItems(kept, item)
			}
		}
		return r.newArray(kept)
	}
}

// attributeSelection makes selectattr and rejectattr, which keep the items with or without a truthy member.
func attributeSelection(expected bool) builtin {
	return func(r *run, args []Value) Value {
		kept := []Value{}
		for _, item := range r.list(args[0]).Items {
			r.step()
			if truthy(r.property(r.require(item, "attribute"), argument(args, 1))) == expected {
				kept = r.appendItems(kept, item)
			}
		}
		return r.newArray(kept)
	}
}

func filterReverse(r *run, args []Value) Value {
	if text, ok := args[0].(string); ok {
		reversed := r.textSplit(text)
		slices.Reverse(reversed)
		return r.join(&Array{reversed}, "")
	}
	reversed := r.cloneItems(r.items(args[0]))
	slices.Reverse(reversed)
	return r.newArray(reversed)
}

func filterRound(r *run, args []Value) Value {
	factor := power(10, r.orDefaultNumber(argument(args, 1), 0))
	round := roundHalfUp
	switch argument(args, 2) {
	case "ceil":
		round = math.Ceil
	case "floor":
		round = math.Floor
	}
	return round(r.number(args[0])*factor) / factor
}

func filterSlice(r *run, args []Value) Value {
	list, filler := args[0], argument(args, 2)
	count := r.number(argument(args, 1))
	length := r.length(list)
	size, extra := math.Floor(length/count), math.Mod(length, count)
	parts := []Value{}
	offset := 0.0
	for i := 0.0; i < count; i++ {
		start := offset + i*size
		if i < extra {
			offset++
		}
		part := r.invoke(list, "slice", start, offset+(i+1)*size)
		if truthy(filler) && i >= extra {
			r.invoke(part, "push", filler)
		}
		parts = r.appendItems(parts, part)
	}
	return r.newArray(parts)
}

func filterSort(r *run, args []Value) Value {
	bound, _ := r.bindArguments([]string{"value", "reverse", "case_sensitive", "attribute"}, nil, args)
	descending, caseSensitive, attribute := truthy(bound[1]), truthy(bound[2]), bound[3]
	key := func(item Value) Value {
		if truthy(attribute) {
			return r.attribute(item, attribute)
		}
		return item
	}
	sorted := r.cloneItems(r.items(bound[0]))
	r.sort(sorted, func(a, b Value) float64 {
		left, right := key(a), key(b)
		leftText, leftOK := left.(string)
		rightText, rightOK := right.(string)
		if !caseSensitive && leftOK && rightOK {
			left, right = r.lowerCase(leftText), r.lowerCase(rightText)
		}
		order := 0.0
		switch {
		case r.less(left, right):
			order = -1
		case r.greater(left, right):
			order = 1
		}
		if descending {
			return -order
		}
		return order
	})
	return r.newArray(sorted)
}

func filterSum(r *run, args []Value) Value {
	list, attribute, start := args[0], argument(args, 1), argument(args, 2)
	if truthy(attribute) {
		list = r.pluck(list, attribute)
	}
	if isUndefined(start) {
		start = 0.0
	}
	var total Value = 0.0
	for _, item := range r.list(list).Items {
		r.step()
		total = r.add(total, item)
	}
	return r.add(start, total)
}

func filterURLEncode(r *run, args []Value) Value {
	var pairs []Value
	switch value := args[0].(type) {
	case string:
		return r.encodeURIComponent(value)
	case *Array:
		pairs = value.Items
	default:
		pairs = r.entries(r.enumerable(value))
	}
	var out []byte
	for i, pair := range pairs {
		if i > 0 {
			out = r.appendText(out, "&")
		}
		r.require(pair, "pair")
		out = r.appendText(out, r.encodeURIComponent(r.text(r.property(pair, 0.0))))
		out = r.appendText(out, "=")
		out = r.appendText(out, r.encodeURIComponent(r.text(r.property(pair, 1.0))))
	}
	return r.textOf(out)
}

const upperHex = "0123456789ABCDEF"

func (r *run) encodeURIComponent(s string) string {
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()"
	size := 0
	for i := range len(s) {
		if isSurrogate(s[i:]) {
			r.fail("URI malformed")
		}
		if size += 3; strings.IndexByte(unreserved, s[i]) >= 0 {
			size -= 2
		}
	}
	out := r.makeText(size)
	for i := range len(s) {
		if strings.IndexByte(unreserved, s[i]) >= 0 {
			out = append(out, s[i])
		} else {
			out = append(out, '%', upperHex[s[i]>>4], upperHex[s[i]&15])
		}
	}
	return r.textOf(out)
}
