package nunjucks

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/portico-dev/portico/scaffolder/budget"
)

// Options configures an Environment. The zero value is Backstage's step rendering.
type Options struct {
	// VariableStart and VariableEnd open and close an output; empty means "${{" and "}}", or "{{" and "}}"
	// with CookiecutterCompat.
	VariableStart, VariableEnd string
	// BlockStart, BlockEnd, CommentStart and CommentEnd default to {% %} and {# #}.
	BlockStart, BlockEnd, CommentStart, CommentEnd string
	// TrimBlocks drops the line break after a block tag, LstripBlocks the indentation before it.
	TrimBlocks, LstripBlocks bool
	// CookiecutterCompat is fetch:template's mode of that name: {{ }}, the filter jsonify, and what nunjucks
	// calls Jinja compatibility: slices, True, False, None, and Python's methods of lists and dictionaries.
	CookiecutterCompat bool
	// Filters and Globals are added to the built-in ones and override them. A global is any Value, or a
	// Function.
	Filters map[string]Function
	Globals map[string]Value
	Limits  Limits
}

func (o *Options) delimiters() delimiters {
	d := delimiters{
		blockStart: o.BlockStart, blockEnd: o.BlockEnd,
		variableStart: o.VariableStart, variableEnd: o.VariableEnd,
		commentStart: o.CommentStart, commentEnd: o.CommentEnd,
	}
	variableStart := "${{"
	if o.CookiecutterCompat {
		variableStart = "{{"
	}
	for field, standard := range map[*string]string{
		&d.blockStart: "{%", &d.blockEnd: "%}", &d.variableStart: variableStart, &d.variableEnd: "}}",
		&d.commentStart: "{#", &d.commentEnd: "#}",
	} {
		if *field == "" {
			*field = standard
		}
	}
	d.blockStartTrim, d.blockEndTrim = d.blockStart+"-", "-"+d.blockEnd
	d.variableStartTrim, d.variableEndTrim = d.variableStart+"-", "-"+d.variableEnd
	return d
}

// Environment parses templates. It is immutable and safe for concurrent use.
type Environment struct {
	options Options
	tags    delimiters
	filters map[string]builtin
	globals map[string]Value
	limits  Limits
}

// New makes an environment.
func New(options Options) *Environment {
	env := &Environment{
		options: options,
		tags:    options.delimiters(),
		filters: maps.Clone(builtinFilters),
		globals: maps.Clone(builtinGlobals),
		limits:  options.Limits.withDefaults(),
	}
	if options.CookiecutterCompat {
		env.filters["jsonify"] = filterDump
	}
	for name, function := range options.Filters {
		env.filters[name] = hostFunction(name, function)
	}
	for name, value := range options.Globals {
		if function, ok := value.(Function); ok {
			value = newCallable(0, hostFunction(name, function).method())
		}
		env.globals[name] = value
	}
	return env
}

// FilterNames returns the names of all filters, sorted.
func (e *Environment) FilterNames() []string { return slices.Sorted(maps.Keys(e.filters)) }

// hostFunction adapts a function of the host to the evaluator.
func hostFunction(name string, function Function) builtin {
	return func(r *run, args []Value) Value {
		positional, keywords := keywordArguments(args)
		for _, arg := range positional {
			if text, ok := arg.(string); ok {
				r.allocateEach(len(text), hostBytes)
			}
		}
		result, err := function(r.ctx, positional, r.withoutMark(keywords))
		if err != nil {
			panic(thrown{fmt.Errorf("%s: %w", name, err)})
		}
		return result
	}
}

func (r *run) withoutMark(keywords *Object) *Object {
	if keywords == nil {
		return nil
	}
	plain := r.newObject(keywords.Len())
	for _, m := range r.members(keywords) {
		if m.key != keywordsMark {
			plain.Set(m.key, m.value)
		}
	}
	return plain
}

// Template is a parsed template, immutable and safe for concurrent use.
type Template struct {
	env  *Environment
	root *functionBody
	// blocks has the bodies of the template's blocks by name.
	blocks map[string]*functionBody
	// sole is the expression of a template that is one output and nothing else; otherwise it is nil.
	sole expression
	// solePosition is the position of sole in the source.
	solePosition position
	// single is true when the template is one tag or one output and nothing else.
	single bool
	// sourceBytes is the length of the source, size the memory that the template takes.
	sourceBytes, size int
	// mentionsLoop is true when loops must keep the variable loop.
	mentionsLoop bool
	// mutates is true when a rendering may change its data and must work on a copy.
	mutates bool
	// missing has a sentence for each filter or test that does not exist. called are the names that are
	// called and are no globals.
	missing, called []string
	reads           map[Path]struct{}
}

// Missing returns a sentence for each filter or test that the template uses and that does not exist. A
// rendering fails when it reaches one.
func (t *Template) Missing() []string { return t.missing }

// Called returns the names that the template calls as functions and that are no globals. A rendering fails
// when it reaches one, unless the template sets that name or the data has it.
func (t *Template) Called() []string { return t.called }

// Parse compiles a template. The error is a *SyntaxError, or a *LimitError for a source that is too long or
// would become too large.
func (e *Environment) Parse(source string) (*Template, error) {
	return e.ParseWithin(context.Background(), source)
}

// ParseWithin is Parse, and counts its memory in the context's account.
func (e *Environment) ParseWithin(ctx context.Context, source string) (template *Template, err error) {
	if len(source) > e.limits.SourceBytes {
		return nil, &LimitError{"SourceBytes", fmt.Sprint(e.limits.SourceBytes)}
	}
	defer caught(&err)
	memory := &sourceMemory{ctx: ctx, account: budget.Of(ctx), limit: e.limits.AllocationBytes,
		time: e.limits.Time, deadline: time.Now().Add(e.limits.Time)}
	memory.charge(len(source))
	return compileTemplate(e, source, memory), nil
}

// Size estimates how many bytes of memory the template takes.
func (t *Template) Size() int { return t.size }

// Render renders the template to text. The data's members are the template's variables; data is not changed,
// and nil is no data. An error is a *RenderError.
func (t *Template) Render(ctx context.Context, data *Object) (string, error) {
	text, err := t.renderText(ctx, data)
	if err != nil {
		return "", err
	}
	return wellFormed(text), nil
}

func (t *Template) renderText(ctx context.Context, data *Object) (text string, err error) {
	r := newRun(ctx, t, data)
	defer r.finish(&err)
	r.begin()
	r.output = r.makeText(min(t.sourceBytes, maxExpected))
	r.root()
	if text = r.textOf(r.output); !utf8.ValidString(text) {
		r.allocate(utf8.UTFMax * len(text))
	}
	r.kept += len(text) + stringBytes
	return text, nil
}

// Evaluate renders a template that is one single output ("${{ x }}", comments aside) to the native value of
// its expression, Undefined included, and any other template to its text. The value is a copy that shares
// nothing with data.
func (t *Template) Evaluate(ctx context.Context, data *Object) (value Value, err error) {
	if t.sole == nil {
		return t.Render(ctx, data)
	}
	r := newRun(ctx, t, data)
	defer r.finish(&err)
	r.begin()
	r.position = t.solePosition
	return r.export(t.sole.eval(r)), nil
}

// IsSole reports whether Evaluate returns the native value of an expression rather than text.
func (t *Template) IsSole() bool { return t.sole != nil }

// IsSingle reports whether the template is one output or one block tag, comments aside. Older Backstage
// parsed the text of such a template as JSON.
func (t *Template) IsSingle() bool { return t.single }
