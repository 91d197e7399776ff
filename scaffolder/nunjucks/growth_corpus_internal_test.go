package nunjucks

import (
	"maps"
	"slices"
	"strings"
)

// growing are templates that make as much as they can, by what of the language does it. Inputs are as large as a rendering
// may make them and still have room for more: the texts text and wide (which is not ASCII), the list list, the object
// pairs.
var growing = map[string]string{
	"filter abs":         "${{ list | abs }}",
	"filter batch":       "${{ range(10) | batch(100000000, 'x') }}",
	"filter capitalize":  "${{ wide | capitalize }}",
	"filter center":      "${{ 'x' | center(100000000000) }}",
	"filter d":           "${{ nothing | d(text ~ text) }}",
	"filter default":     "${{ nothing | default(text ~ text) }}",
	"filter dictsort":    "${{ pairs | dictsort }}",
	"filter dump":        "${{ [text, text, text, text, text, text, text, text, text, text, text, text] | dump('----------') }}",
	"filter e":           `${{ '"'.repeat(8000000) | e }}`,
	"filter escape":      `${{ '"'.repeat(8000000) | escape }}`,
	"filter first":       "${{ list | first }}",
	"filter float":       "${{ text | float }}",
	"filter forceescape": `${{ '"'.repeat(8000000) | forceescape }}`,
	"filter groupby":     "{% macro same(x) %}${{ x }}{% endmacro %}${{ range(200000) | groupby(same) }}",
	"filter indent":      "${{ '\n'.repeat(1000000) | indent(1000000000) }}",
	"filter int":         "${{ text | int }}",
	"filter join":        "${{ list | join(text) }}",
	"filter jsonify":     "${{ [text, text, text, text, text, text, text, text, text, text, text] | jsonify }}",
	"filter last":        "${{ list | last }}",
	"filter length":      "${{ range(0, 1000000000) | length }}",
	"filter list":        "${{ text | list }}",
	"filter lower":       "${{ 'İ'.repeat(8000000) | lower }}",
	"filter nl2br":       "${{ '\n'.repeat(8000000) | nl2br }}",
	"filter random":      "${{ list | random }}",
	"filter reject":      "${{ list | reject('undefined') }}",
	"filter rejectattr":  "${{ list | rejectattr('x') }}",
	"filter replace":     "${{ ('a'.repeat(100000)) | replace('', 'b'.repeat(100000)) }}",
	"filter reverse":     "${{ {length: 1000000000000} | reverse }}",
	"filter round":       "${{ 1e300 | round(1000000000) }}",
	"filter safe":        "${{ list | safe }}",
	"filter select":      "${{ {length: 1000000000000} | select }}",
	"filter selectattr":  "${{ list | selectattr('toFixed') }}",
	"filter slice":       "${{ [1] | slice(1000000000000, 'x') }}",
	"filter sort":        "${{ list | sort }}",
	"filter string":      "${{ [list, list, list, list] | string }}",
	"filter striptags":   "${{ '<b>x\n'.repeat(3000000) | striptags(true) }}",
	"filter sum":         "${{ [text, text, text, text, text, text, text] | sum }}",
	"filter title":       "${{ 'ß '.repeat(4000000) | title }}",
	"filter trim":        "${{ (text ~ ' ') | trim }}",
	"filter truncate":    "${{ 'xy'.repeat(8000000) | truncate(1, true, text ~ text) }}",
	"filter upper":       "${{ 'ΐ'.repeat(8000000) | upper }}",
	"filter urlencode":   "${{ 'é'.repeat(8000000) | urlencode }}",
	"filter urlize":      "${{ 'www.a '.repeat(2000000) | urlize }}",
	"filter wordcount":   "${{ 'a '.repeat(8000000) | wordcount }}",

	"array at":          "${{ list.at(-1) }}",
	"array concat":      "${{ list.concat(list, list, list, list, list, list, list, list) }}",
	"array copyWithin":  "${{ list.copyWithin(1, 0) }}",
	"array entries":     "${{ list.entries() | list }}",
	"array every":       "{% macro m(x) %}${{ x }}{% endmacro %}${{ list.every(m) }}",
	"array fill":        "${{ list.fill(text) }}",
	"array filter":      "{% macro m(x) %}${{ x }}{% endmacro %}${{ list.filter(m) }}",
	"array find":        "{% macro m(x) %}{% endmacro %}${{ list.find(m) }}",
	"array findIndex":   "{% macro m(x) %}{% endmacro %}${{ list.findIndex(m) }}",
	"array flat":        "${{ [list, list, list, list, list, list, list].flat() }}",
	"array forEach":     "{% macro m(x) %}${{ x }}{% endmacro %}${{ list.forEach(m) }}",
	"array includes":    "${{ list.includes('x') }}",
	"array indexOf":     "${{ list.indexOf('x') }}",
	"array join":        "${{ list.join(text) }}",
	"array keys":        "{% for k in list.keys() %}{% endfor %}",
	"array lastIndexOf": "${{ list.lastIndexOf('x') }}",
	"array map":         "{% macro m(x) %}${{ x }}{% endmacro %}${{ list.map(m) }}",
	"array pop":         "${{ list.pop() }}",
	"array push":        "{% set grown = [1] %}{% for x in grown %}{% set z = grown.push(x, x) %}{% endfor %}",
	"array reduce":      "{% macro m(a, b) %}${{ a }}${{ a }}${{ b }}{% endmacro %}${{ range(99).reduce(m) }}",
	"array reverse":     "${{ list.reverse() }}",
	"array shift":       "{% for i in range(100) %}{% set z = list.shift() %}{% endfor %}",
	"array slice":       "${{ [list.slice(), list.slice(), list.slice(), list.slice(), list.slice(), list.slice()] }}",
	"array some":        "{% macro m(x) %}{% endmacro %}${{ list.some(m) }}",
	"array sort":        "${{ list.sort() }}",
	"array splice":      "{% for i in range(100) %}{% set z = list.splice(0, 0, 1, 2, 3, 4, 5, 6, 7, 8) %}{% endfor %}${{ list.splice(1) }}",
	"array toString":    "${{ [list, list, list, list, list].toString() }}",
	"array unshift":     "{% for i in range(100) %}{% set z = list.unshift(1, 2, 3, 4, 5, 6, 7, 8) %}{% endfor %}",
	"array values":      "{% for v in list.values() %}{% endfor %}",

	"string at":                "${{ wide.at(-1) }}",
	"string charAt":            "${{ wide.charAt(1000000) }}",
	"string charCodeAt":        "${{ wide.charCodeAt(1000000) }}",
	"string codePointAt":       "${{ wide.codePointAt(1000000) }}",
	"string concat":            "${{ text.concat(text, text, text, text, text) }}",
	"string endsWith":          "${{ wide.endsWith(wide) }}",
	"string includes":          "${{ wide.includes(wide ~ 'x') }}",
	"string indexOf":           "${{ ('😀'.repeat(1000000)).indexOf('😀'.repeat(500000) ~ 'x') }}",
	"string lastIndexOf":       "${{ ('😀'.repeat(1000000)).lastIndexOf('😀'.repeat(500000) ~ 'x') }}",
	"string localeCompare":     "${{ wide.localeCompare(wide ~ 'x') }}",
	"string match":             "${{ text.match(r/a|b/g) }}",
	"string normalize":         "${{ 'ﷺ'.repeat(4000000).normalize('NFKD') }}",
	"string padEnd":            "${{ 'x'.padEnd(1000000000, 'é') }}",
	"string padStart":          "${{ 'x'.padStart(200000000) }}",
	"string repeat":            "${{ 'x'.repeat(1000000000) }}",
	"string replace":           "${{ text.replace(r/a/g, \"$`$'\") }}",
	"string replaceAll":        "${{ text.replaceAll('a', 'xyz$&$&$&$&$&') }}",
	"string search":            "${{ ('a'.repeat(4000000)).search(r/(a)*b/) }}",
	"string slice":             "${{ [wide.slice(1), ('😀'.repeat(4000000)).slice(1)] }}",
	"string split":             "${{ 'a'.repeat(16000000).split('') }}",
	"string startsWith":        "${{ wide.startsWith(wide) }}",
	"string substr":            "${{ wide.substr(1) }}",
	"string substring":         "${{ wide.substring(1) }}",
	"string toLocaleLowerCase": "${{ 'İ'.repeat(8000000).toLocaleLowerCase() }}",
	"string toLocaleUpperCase": "${{ 'ΐ'.repeat(8000000).toLocaleUpperCase() }}",
	"string toLowerCase Σ":     "${{ 'Σ'.repeat(8000000).toLowerCase() }}",
	"string toLowerCase":       "${{ 'ẞ'.repeat(8000000).toLowerCase() }}",
	"string toString":          "${{ text.toString() }}",
	"string toUpperCase":       "${{ 'ß'.repeat(8000000).toUpperCase() }}",
	"string trim":              "${{ ' '.repeat(16000000).trim() }}",
	"string trimEnd":           "${{ ' '.repeat(16000000).trimEnd() }}",
	"string trimLeft":          "${{ ' '.repeat(16000000).trimLeft() }}",
	"string trimRight":         "${{ ' '.repeat(16000000).trimRight() }}",
	"string trimStart":         "${{ ' '.repeat(16000000).trimStart() }}",
	"string valueOf":           "${{ text.valueOf() }}",

	"number toExponential":  "${{ (1e300).toExponential(100) }}",
	"number toFixed":        "${{ (1e300).toFixed(1000000000) }}",
	"number toLocaleString": "${{ (1e300).toLocaleString() }}",
	"number toPrecision":    "${{ (1e300).toPrecision(1000000000) }}",
	"number toString":       "${{ (1e300).toString(2) }}",

	"object hasOwnProperty":       "${{ pairs.hasOwnProperty(text) }}",
	"object isPrototypeOf":        "${{ pairs.isPrototypeOf(text) }}",
	"object propertyIsEnumerable": "${{ pairs.propertyIsEnumerable(text) }}",
	"object toLocaleString":       "${{ list.toLocaleString() }}",
	"object toString":             "${{ pairs.toString() }}",
	"object valueOf":              "${{ pairs.valueOf() }}",

	"regex exec":     "${{ r/(((((((a)))))))*/.exec('a'.repeat(2000000)) }}",
	"regex test":     "${{ r/(?:(a)|(b)|(c))*d/.test('abc'.repeat(1000000)) }}",
	"regex toString": "${{ [r/a/, r/b/].toString() }}",

	"iterator next":     "{% for i in list %}{% set z = list.values().next() %}{% endfor %}",
	"iterator toString": "${{ list.values().toString() }}",

	"python list append":     "{% set grown = [1] %}{% for x in grown %}{% set z = grown.append(x) %}{% endfor %}",
	"python list count":      "${{ list.count(1) }}",
	"python list find":       "${{ list.find(1) }}",
	"python list index":      "${{ list.index(1) }}",
	"python list insert":     "{% for i in range(100) %}{% set z = list.insert(0, 1) %}{% endfor %}",
	"python list pop":        "${{ list.pop(1) }}",
	"python list remove":     "${{ list.remove(1) }}",
	"python dict get":        "${{ pairs.get(text) }}",
	"python dict has_key":    "${{ pairs.has_key(text) }}",
	"python dict items":      "${{ [pairs.items(), pairs.items(), pairs.items()] }}",
	"python dict iteritems":  "${{ [pairs.iteritems(), pairs.iteritems(), pairs.iteritems()] }}",
	"python dict iterkeys":   "${{ [pairs.iterkeys(), pairs.iterkeys(), pairs.iterkeys(), pairs.iterkeys()] }}",
	"python dict itervalues": "${{ [pairs.itervalues(), pairs.itervalues(), pairs.itervalues(), pairs.itervalues()] }}",
	"python dict keys":       "${{ [pairs.keys(), pairs.keys(), pairs.keys(), pairs.keys()] }}",
	"python dict pop":        "${{ pairs.pop('x', text) }}",
	"python dict popitem":    "{% for i in range(100) %}{% set z = pairs.popitem() %}{% endfor %}",
	"python dict setdefault": "{% for i in range(1000000) %}{% set z = pairs.setdefault('k' ~ i, text) %}{% endfor %}",
	"python dict update":     "{% for i in range(1000) %}{% set z = pairs.update(list) %}{% endfor %}",
	"python dict values":     "${{ [pairs.values(), pairs.values(), pairs.values(), pairs.values()] }}",
	"python slice":           "${{ [1][0:1:1e-300] }}",
	"python string slice":    "${{ (text ~ wide)[::-1] }}",

	"global cycler": "{% set l = [] %}{% for i in range(300000) %}{% set z = l.push(cycler(1, 2, 3)) %}{% endfor %}",
	"global joiner": "{% set l = [] %}{% for i in range(300000) %}{% set z = l.push(joiner(text)) %}{% endfor %}",
	"global range":  "${{ range(0, 1, 1e-300) | length }}",

	"operator +":   "{% set x = text %}{% for i in range(99) %}{% set x = x + x %}{% endfor %}",
	"operator ~":   "{% set x = text %}{% for i in range(99) %}{% set x = x ~ list %}{% endfor %}",
	"operator -":   "${{ list - list }}",
	"operator *":   "${{ 'x' * 1000000000 }}${{ list * 2 }}",
	"operator /":   "${{ list / list }}",
	"operator %":   "${{ list % list }}",
	"operator **":  "${{ 10 ** 1000000 }}",
	"operator ==":  "${{ list == text }}",
	"operator !=":  "${{ list != text }}",
	"operator ===": "${{ list === text }}",
	"operator !==": "${{ list !== text }}",
	"operator <":   "${{ list < text }}",
	"operator >":   "${{ list > text }}",
	"operator <=":  "${{ list <= text }}",
	"operator >=":  "${{ list >= text }}",
	"operator in":  "${{ list in text }}${{ wide in wide }}",

	"list":              "{% set x = ['a'] %}{% for i in range(99) %}{% set x = [x, x] %}{% endfor %}${{ x }}",
	"dictionary":        "{% set x = {a: 'a'} %}{% for i in range(99) %}{% set x = {a: x, b: x, c: x, d: x, e: x, f: x, g: x, h: x, i: x} %}{% endfor %}${{ x | dump }}",
	"list of functions": "{% set l = [] %}{% for i in range(9999999) %}{% set z = l.push(l.push) %}{% endfor %}",
	"list of patterns":  "{% set l = [] %}{% for i in range(9999999) %}{% set z = l.push(r/a/) %}{% endfor %}",
	"dynamic patterns":  "{% for i in range(9999999) %}{% set z = 'a'.match('(' ~ i ~ ')') %}{% endfor %}",
	"output":            "{% for i in range(99999) %}${{ text }}{% endfor %}",
	"capture":           "{% set l = [] %}{% for i in range(99) %}{% set c %}${{ text }}{% endset %}{% set z = l.push(c) %}{% endfor %}",
	"macro":             "{% macro m() %}${{ text }}${{ m() }}{% endmacro %}${{ m() }}",
	"macro arguments":   "{% macro m(a, b=1, c=2) %}${{ m(a, b=a, c=a) }}{% endmacro %}${{ m(text) }}",
	"call":              "{% macro m() %}{% call m() %}${{ caller() }}${{ text }}{% endcall %}{% endmacro %}${{ m() }}",
	"loop over text":    "{% for c in wide %}{% endfor %}",
	"loop over members": "{% for k, v in text %}{% endfor %}",
	"loop over object":  "{% for k, v in pairs %}{% set w = k ~ text %}{% endfor %}",
	"error message":     "${{ text in 5 }}",
	"source of nodes":   "${{ [" + strings.Repeat("1,", 240_000) + "1] }}",
	"source of regexes": "${{ [" + strings.Repeat("r/[a-z]+(b)?/,", 200_000) + "1] }}",
	"source of braces":  strings.Repeat("${{1}}", 200_000),
}

// growingInputs are what the templates start from.
var growingInputs = map[string]string{
	"text": "'ab'.repeat(7000000)", "wide": "'é'.repeat(3000000)", "list": "range(400000)", "pairs": "{a: 1, b: 2}",
}

// vocabulary is everything that the language has by name, as the corpus calls it.
func vocabulary() []string {
	var all []string
	add := func(kind string, names []string) {
		for _, name := range names {
			all = append(all, kind+" "+name)
		}
	}
	add("filter", slices.Collect(maps.Keys(New(Options{CookiecutterCompat: true}).filters)))
	add("global", slices.Collect(maps.Keys(builtinGlobals)))
	add("operator", slices.Collect(maps.Keys(binaryOperators)))
	for kind, methods := range map[string]map[string]*callable{
		"array": arrayMethods, "iterator": iteratorMethods, "number": numberMethods, "object": objectMethods, "regex": regexMethods,
		"string": stringMethods, "python dict": pythonDictionaryMethods, "python list": pythonListMethods,
	} {
		add(kind, slices.Collect(maps.Keys(methods)))
	}
	slices.Sort(all)
	return all
}
