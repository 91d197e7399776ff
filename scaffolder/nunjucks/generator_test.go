package nunjucks_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// generator writes random templates from the grammar of the language. Most are valid. The same seed gives the
// same template.
type generator struct {
	random *rand.Rand
	// depth is how much nesting is left.
	depth int
	// blocks counts the blocks, whose names must differ.
	blocks int
}

// generatedCase is a template with its options and data.
type generatedCase struct {
	template string
	context  *nunjucks.Object
	options  *nunjucks.Object
}

func generate(seed uint64) generatedCase {
	g := &generator{random: rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)), depth: 1 + int(seed%4)}
	tc := generatedCase{context: g.context(), options: nunjucks.NewObject()}
	for _, option := range []string{"trimBlocks", "lstripBlocks", "jinjaCompat"} {
		tc.options.Set(option, g.chance(8))
	}
	tc.template = g.body()
	if g.chance(40) {
		tc.template = g.mutilate(tc.template)
	}
	return tc
}

// chance is true once in n times.
func (g *generator) chance(n int) bool { return g.random.IntN(n) == 0 }

func (g *generator) pick(choices ...string) string { return choices[g.random.IntN(len(choices))] }

// nested runs write with one level of nesting less, or returns the fallback where none is left.
func (g *generator) nested(fallback string, write func() string) string {
	if g.depth <= 0 {
		return fallback
	}
	g.depth--
	defer func() { g.depth++ }()
	return write()
}

// mutilate changes a few bytes, so that most such templates fail.
func (g *generator) mutilate(template string) string {
	if template == "" {
		return template
	}
	at := g.random.IntN(len(template))
	for at > 0 && template[at]&0xC0 == 0x80 {
		at--
	}
	if g.chance(2) {
		return template[:at]
	}
	return template[:at] + g.pick("{", "}", "%", "-", "(", ")", "'", "|", ".", " ", "#}", "{#", "~", "not ", "is ", "[") + template[at:]
}

var variableNames = []string{"a", "b", "s", "n", "list", "obj", "rows", "x", "y", "flag", "missing", "none_", "loop", "item",
	"True", "None"}

func (g *generator) context() *nunjucks.Object {
	context := nunjucks.NewObject()
	for _, name := range variableNames {
		if name == "missing" || name == "True" || name == "None" || name == "loop" && !g.chance(30) || g.chance(8) {
			continue
		}
		context.Set(name, g.valueFor(name))
	}
	return context
}

func (g *generator) valueFor(name string) nunjucks.Value {
	switch name {
	case "s":
		return g.text()
	case "n":
		return g.number()
	case "list":
		return g.array(2)
	case "obj":
		return g.object(2)
	case "rows":
		rows := &nunjucks.Array{}
		for range g.random.IntN(4) {
			rows.Items = append(rows.Items, g.object(1))
		}
		return rows
	case "flag":
		return g.chance(2)
	}
	return g.value(2)
}

func (g *generator) value(depth int) nunjucks.Value {
	switch g.random.IntN(8) {
	case 0:
		return nil
	case 1:
		return g.chance(2)
	case 2, 3:
		return g.number()
	case 4:
		return g.array(depth)
	case 5:
		return g.object(depth)
	}
	return g.text()
}

var numbers = []float64{
	0, 1, 2, 3, 5, 7, 10, 42, -1, -3, 0.5, 1.5, 2.675, -2.5, 0.1, 1e21, 1.5e-7, 123456789012345680000, 9007199254740993, 1e100,
}

func (g *generator) number() float64 { return numbers[g.random.IntN(len(numbers))] }

var texts = []string{
	"", " ", "a", "b", "Hello", "hello world", "foo bar  baz", "10", "3.5", "0", "-1", "0x1f", "1e3", "NaN", "a,b,c", "x-y-z",
	"<b>bold</b> & \"quotes\" 'single' \\", "line one\nline two\r\n  three", "  padded\t", "Straße", "ÀÉÎ", "😀x", "日本語", "ﬁ",
	"http://example.com/a?b=c", "mail me@example.org, see www.example.net.", "true", "null", "key", "name", "${{ x }}",
	"\u00a0nbsp\u2003", "İstanbul ΣΑΣ", "tab\tbed", "UPPER lower", "aaa", "<!-- c --><a href='x'>t</a>",
}

func (g *generator) text() string { return texts[g.random.IntN(len(texts))] }

func (g *generator) array(depth int) nunjucks.Value {
	array := &nunjucks.Array{}
	kind := g.random.IntN(4)
	for range g.random.IntN(5) {
		switch {
		case kind == 0:
			array.Items = append(array.Items, g.number())
		case kind == 1:
			array.Items = append(array.Items, g.text())
		case depth > 0:
			array.Items = append(array.Items, g.value(depth-1))
		default:
			array.Items = append(array.Items, nil)
		}
	}
	return array
}

var keys = []string{"a", "b", "name", "key", "value", "1", "0", "10", "x y", "length", "items", "n", "é"}

func (g *generator) object(depth int) nunjucks.Value {
	object := nunjucks.NewObject()
	for range g.random.IntN(5) {
		if depth > 0 {
			object.Set(keys[g.random.IntN(len(keys))], g.value(depth-1))
		} else {
			object.Set(keys[g.random.IntN(len(keys))], g.text())
		}
	}
	return object
}

func (g *generator) body() string {
	var out strings.Builder
	for range 1 + g.random.IntN(3) {
		out.WriteString(g.part())
	}
	return out.String()
}

func (g *generator) part() string {
	switch g.random.IntN(9) {
	case 0, 1:
		return g.plain()
	case 2, 3, 4, 5:
		return g.output()
	case 6:
		return g.open("{#") + g.pick(" c ", "", " ${{ x }} ", "{% if %}", "-") + g.close("#}")
	}
	return g.nested(g.output(), g.tag)
}

func (g *generator) plain() string {
	return g.pick("text ", "\n", "  \n  ", " ", "a{b}c", "{ { x } }", "$ {", "# %}", "\t", "é😀", "}}", "line\n", "%", "\r\n", "\"'\\")
}

// open returns the start of a tag, sometimes with whitespace control.
func (g *generator) open(tag string) string {
	if g.chance(6) {
		return tag + "-"
	}
	return tag
}

func (g *generator) close(tag string) string {
	if g.chance(6) {
		return "-" + tag
	}
	return tag
}

func (g *generator) output() string {
	return g.open("${{") + " " + g.expression() + " " + g.close("}}")
}

// block writes a tag.
func (g *generator) block(format string, args ...any) string {
	return g.open("{%") + g.pick(" ", " ", "  ", "\n") + fmt.Sprintf(format, args...) + " " + g.close("%}")
}

func (g *generator) tag() string {
	switch g.random.IntN(16) {
	case 0, 1, 2:
		return g.ifTag()
	case 3, 4, 5:
		return g.forTag()
	case 6, 7:
		return g.setTag()
	case 8, 9:
		return g.macroTag()
	case 10:
		return g.callTag()
	case 11:
		return g.block("filter %s", g.filter()) + g.body() + g.block("endfilter")
	case 12:
		return g.switchTag()
	case 13:
		return g.blockTag()
	case 14:
		return g.rawTag()
	}
	return g.rareTag()
}

func (g *generator) ifTag() string {
	out := g.block("if %s", g.expression()) + g.body()
	if g.chance(3) {
		out += g.block("%s %s", g.pick("elif", "elseif"), g.expression()) + g.body()
	}
	if g.chance(2) {
		out += g.block("else") + g.body()
	}
	return out + g.block("endif")
}

func (g *generator) forTag() string {
	tag, end := "for", "endfor"
	if g.chance(10) {
		tag, end = "asyncEach", "endeach"
	} else if g.chance(20) {
		tag, end = "asyncAll", "endall"
	}
	names := g.pick("item", "item", "x", "k, v", "a, b", "a, b, y")
	out := g.block("%s %s in %s", tag, names, g.iterable()) + g.body()
	if g.chance(3) {
		out += g.block("else") + g.body()
	}
	return out + g.block("%s", end)
}

func (g *generator) iterable() string {
	switch g.random.IntN(8) {
	case 0:
		return "list"
	case 1:
		return "obj"
	case 2:
		return "rows"
	case 3:
		return fmt.Sprintf("range(%d)", g.random.IntN(4))
	case 4:
		return "[[1, 2, 3], [4, 5, 6]]"
	case 5:
		return `{"k1": 1, "k2": [2], "7": "x"}`
	case 6:
		return "obj | dictsort"
	}
	return g.expression()
}

func (g *generator) setTag() string {
	name := g.pick("a", "b", "x", "y", "item", "acc", "a, b", "_p")
	if g.chance(4) {
		return g.block("set %s", name) + g.body() + g.block("endset")
	}
	return g.block("set %s = %s", name, g.expression())
}

func (g *generator) macroTag() string {
	name := g.pick("m", "f", "g")
	parameters := g.pick("", "a", "a, b", "x, y=2", "a, b=n, x='d'", "k='v'")
	out := g.block("macro %s(%s)", name, parameters) + g.body() + g.pick("", "${{ caller() if caller }}") + g.block("endmacro")
	if g.chance(3) {
		return out
	}
	return out + "${{ " + name + "(" + g.arguments() + ") }}"
}

func (g *generator) callTag() string {
	definition := g.block("macro w(t='T', u)") + "[${{ t }}:${{ caller(1, 'two') }}" + g.body() + "]" + g.block("endmacro")
	return definition + g.block("call%s w(%s)", g.pick("", "", "(a)", "(a, b)"), g.arguments()) + g.body() + g.block("endcall")
}

func (g *generator) switchTag() string {
	out := g.block("switch %s", g.expression()) + g.pick("", "\n", "ignored")
	for range 1 + g.random.IntN(3) {
		out += g.block("case %s", g.operand())
		if !g.chance(4) {
			out += g.body()
		}
	}
	if g.chance(2) {
		out += g.block("default") + g.body()
	}
	return out + g.block("endswitch")
}

func (g *generator) blockTag() string {
	g.blocks++
	name := fmt.Sprintf("blk%d", g.blocks)
	return g.block("block %s", name) + g.body() + g.block("endblock%s", g.pick("", " "+name))
}

func (g *generator) rawTag() string {
	name := g.pick("raw", "verbatim")
	return g.block("%s", name) + g.pick("${{ x }}", "{% if %}", "", "{# #}", " \n raw") + "{% end" + name + " %}"
}

func (g *generator) rareTag() string {
	switch g.random.IntN(6) {
	case 0:
		return g.block("include %s ignore missing", g.pick(`"x"`, "s", "n"))
	case 1:
		return g.block("include %s", g.operand())
	case 2:
		return g.block("ifAsync %s", g.expression()) + g.body() + g.block("endif")
	case 3:
		return g.block("import 'x' as y")
	case 4:
		return g.block("extends 'base'")
	}
	return g.block("%s", g.pick("unknown", "endif", "else", "set = 1", "for in x", "macro", "block 5"))
}

func (g *generator) expression() string {
	return g.nested(g.operand(), func() string {
		switch g.random.IntN(14) {
		case 0, 1, 2:
			return g.operand()
		case 3, 4:
			return g.expression() + " " + g.operator() + " " + g.expression()
		case 5, 6, 7, 8:
			return g.operand() + " | " + g.filter()
		case 9:
			return g.pick("not ", "-", "+", "- -", "not not ") + g.operand()
		case 10:
			return g.operand() + g.pick(" is ", " is ", " is not ") + g.test()
		case 11:
			return g.operand() + " if " + g.expression() + g.pick("", " else "+g.operand())
		case 12:
			return g.expression() + " | " + g.filter() + " | " + g.filter()
		}
		return "(" + g.expression() + g.pick("", "", "", ", "+g.expression()) + ")"
	})
}

func (g *generator) operator() string {
	return g.pick("+", "-", "*", "/", "//", "%", "** 2 *", "** 3 +", "~", "==", "===", "!=", "!==", "<", ">", "<=", ">=", "and", "or", "in", "not in")
}

func (g *generator) operand() string {
	switch g.random.IntN(12) {
	case 0, 1, 2, 3:
		return g.variable()
	case 4:
		return g.literal()
	case 5:
		return g.variable() + "." + g.pick("a", "b", "name", "length", "0", "first", "index", "key", "value", "items")
	case 6:
		if g.chance(5) {
			return g.variable() + g.pick("[1:]", "[:2]", "[::-1]", "[-2:]", "[1:3:2]", "[n:]", "[:]", "[x:y]")
		}
		return g.variable() + "[" + g.nested("0", g.expression) + "]"
	case 7:
		return g.nested("[1, 2]", func() string { return "[" + g.list(g.expression) + "]" })
	case 8:
		return g.nested(`{"a": 1}`, func() string { return "{" + g.list(g.pair) + " }" })
	case 9:
		return g.nested("s", func() string { return g.variable() + "." + g.method() })
	case 10:
		return g.nested("n", g.globalCall)
	}
	return g.literal()
}

func (g *generator) variable() string {
	return g.pick(append(variableNames, "loop.index", "loop.last", "loop.revindex", "loop.length", "k", "v", "acc", "caller", "m", "obj.name")...)
}

func (g *generator) literal() string {
	return g.pick("0", "1", "2", "3", "10", "-1", "1.5", "0.1", "''", "' '", "'a'", `"hello world"`, "'10'", `"x\ny"`, `'it\'s'`, "true",
		"false", "none", "null", "undefined", "r/[a-z]+/g", "r/(\\w)(\\w)/", "r/^h.*o$/i", `"日本"`, "'😀b'", "1e3", "007", "'<i>'",
		"123456789", "0.000001", "3.", "1.0", `"a\\b\/"`, `'${{'`, "'%}'", "r/(?<n>.)\\1|[^a-c]+?/gi", "r/\\bw|\\d{2,}$/m", "r/x*/g", "()")
}

func (g *generator) list(item func() string) string {
	items := make([]string, g.random.IntN(4))
	for i := range items {
		items[i] = item()
	}
	return strings.Join(items, ", ")
}

func (g *generator) pair() string {
	return g.pick("a", `"b c"`, "'1'", "key", "name", "'10'", "length") + ": " + g.expression()
}

func (g *generator) arguments() string {
	arguments := g.list(g.operand)
	if g.chance(4) {
		if arguments != "" {
			arguments += ", "
		}
		arguments += g.pick("a", "b", "x", "y", "k", "reverse", "attribute", "default") + "=" + g.operand()
	}
	return arguments
}

func (g *generator) globalCall() string {
	switch g.random.IntN(8) {
	case 0, 1:
		return fmt.Sprintf("range(%d, %d, %d)", g.random.IntN(4), g.random.IntN(12), 1+g.random.IntN(3))
	case 2:
		return "range(" + g.pick("3", "'3'", "2, 5", "5, 1, -2", "0.5, 3", "") + ")"
	case 3:
		return "cycler(" + g.arguments() + ").next()"
	case 4:
		return "joiner(" + g.operand() + ")()"
	case 5:
		return g.pick("m", "f", "g", "caller", "w") + "(" + g.arguments() + ")"
	case 6:
		return "super()"
	}
	return g.operand() + "(" + g.arguments() + ")"
}

func (g *generator) method() string {
	if g.chance(6) {
		return g.nested("length", func() string { return g.randomCall(methodNames) })
	}
	return g.pick(
		"charAt(1)", "charCodeAt(0)", "codePointAt(0)", "concat('x', 1)", "endsWith('o')", "includes('a')", "indexOf('o')",
		"lastIndexOf('o')", "padEnd(8, 'ab')", "padStart(8)", "repeat(2)", "replace('a', '[$&]')", "replace(r/o/g, '0')",
		"replaceAll('a', 'b')", "search(r/l+/)", "slice(1)", "slice(-3, -1)", "split('')", "split(' ')", "split(r/[ ,]/)", "split(',', 2)",
		"startsWith('h')", "substr(1, 2)", "substr(-2)", "substring(3, 1)", "toLowerCase()", "toUpperCase()", "toString()", "trim()",
		"trimStart()", "trimEnd()", "match(r/[a-z]/g)", "match(r/(.)(.)/)", "normalize('NFD')", "at(-1)", "toFixed(2)", "toFixed()",
		"toPrecision(3)", "toExponential(2)", "toString(2)", "toString(16)", "join('-')", "push(9)", "pop()", "shift()", "unshift(0)",
		"reverse()", "sort()", "splice(1, 1)", "splice(0, 1, 'n')", "fill(0)", "flat()", "concat([1], 2)", "slice(0, 2)", "indexOf(1)",
		"includes(2)", "copyWithin(0, 1)", "map(m)", "filter(f)", "hasOwnProperty('a')", "items()", "keys()", "values()", "get('a', 'd')",
		"append(1)", "count(1)", "index(1)", "find(1)", "insert(1, 'i')", "remove(1)", "has_key('a')", "pop('a', 1)",
		"setdefault('q', 1)", "update({z: 1})", "popitem()", "nomethod()", "length", "hasOwnProperty", "lastIndexOf(1)", "valueOf()",
		"search('l')", "trimLeft()", "toLocaleString()", "test('abc')", "exec('abc')", "source", "flags")
}

// randomCall is a call of one of the names with arbitrary arguments.
func (g *generator) randomCall(names []string) string {
	return names[g.random.IntN(len(names))] + "(" + g.arguments() + ")"
}

var filterNames = []string{
	"abs", "batch", "capitalize", "center", "default", "dictsort", "dump", "escape", "first", "float", "forceescape", "groupby", "indent",
	"int", "join", "last", "length", "list", "lower", "nl2br", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select",
	"selectattr", "slice", "sort", "string", "striptags", "sum", "title", "trim", "truncate", "upper", "urlencode", "urlize", "wordcount",
}

var methodNames = []string{
	"charAt", "charCodeAt", "concat", "endsWith", "includes", "indexOf", "lastIndexOf", "padEnd", "padStart", "repeat", "replace",
	"replaceAll", "slice", "split", "startsWith", "substr", "substring", "toFixed", "toPrecision", "toString", "join", "push", "splice",
	"fill", "flat", "copyWithin", "sort", "unshift", "at", "match", "search", "toExponential", "localeCompare", "reduce", "map", "test",
}

func (g *generator) filter() string {
	if g.chance(6) {
		return g.nested("trim", func() string { return g.randomCall(filterNames) })
	}
	return g.pick(
		"abs", "batch(2)", "batch(3, 'z')", "capitalize", "center", "center(9)", "center(10)", "d('def')", "default('def')",
		"default('def', true)", "dictsort", "dictsort(true, 'value')", "dictsort(false, 'value')", "dump", "dump(2)", "dump('--')", "e",
		"escape", "first", "float", "float(1.5)", "forceescape", "groupby('a')", "groupby('name')", "groupby('length')", "indent",
		"indent(2, true)", "int", "int(7)", "int(0, 16)", "int(default=3)", "join", "join(',')", "join('-', 'name')", "last", "length", "list",
		"lower", "nl2br", "reject", "reject('odd')", "rejectattr('a')", "replace('a', 'b')", "replace('o', '0', 1)", "replace('', '.')",
		"replace(r/[aeiou]/g, '<$&>')", "replace(r/(l)(.)/, '$2$1')", "replace(1, 2)", "reverse", "round", "round(1)", "round(2, 'floor')",
		"round(0, 'ceil')", "safe", "select", "select('even')", "select('gt', 1)", "select('string')", "selectattr('name')", "slice(2)",
		"slice(3, 'f')", "sort", "sort(true)", "sort(false, true)", "sort(attribute='name')", "sort(true, false, 'a')", "sort(reverse=true)",
		"string", "striptags", "striptags(true)", "sum", "sum('n')", "sum('a', 10)", "title", "trim", "truncate(5)",
		"truncate(5, true)", "truncate(7, false, '!')", "truncate(3, true, '')", "upper", "urlencode", "urlize", "urlize(10, true)", "wordcount",
		"nofilter", "replace(s, n)", "default(list)", "join(s)", "jsonify", "list.x")
}

func (g *generator) test() string {
	return g.pick(
		"callable", "defined", "divisibleby(2)", "divisibleby(0)", "escaped", "equalto('a')", "eq(1)", "sameas(x)", "even", "falsy", "ge(1)",
		"greaterthan(2)", "gt('a')", "le(3)", "lessthan(0)", "lt(5)", "lower", "ne(1)", "null", "none", "number", "odd", "string", "truthy",
		"undefined", "upper", "iterable", "mapping", "true", "notest", "odd(1)", "eq", "divisibleby(1, 2)", "a.b", "'even'")
}
