package highlight

import (
	"errors"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/dlclark/regexp2/v2"
)

// An engine runs the rules of a lexer of chroma faster than chroma does, with the same tokens: it tries only those rules that can match a
// text that starts with the next character, and compiles them when they are tried first.
type engine struct {
	lexer  *chroma.RegexLexer
	states map[string]*state
}

// state has the rules of one state of the lexer. They are looked at when the lexer is in the state for the first time.
type state struct {
	once  sync.Once
	raw   []*chroma.CompiledRule
	flags string

	rules []*rule
	// byFirst are the rules that can match before an ASCII character.
	byFirst [utf8.RuneSelf][]*rule
}

type rule struct {
	chroma.Rule
	*expression

	index int
}

// An expression is a pattern with the flags that chroma compiles it with. Many rules share it.
type expression struct {
	pattern, flags string
	// first are the characters that it can begin with, nil for all.
	first func() *[utf8.RuneSelf]bool
	// program is nil if the pattern has none.
	program func() *program
	compile func() (*regexp2.Regexp, error)
	// named says that groups of the pattern have names.
	named bool
}

// expressions has those that were used.
var expressions sync.Map // of [2]string to *expression

func expressionOf(pattern, flags string) *expression {
	key := [2]string{pattern, flags}
	if known, ok := expressions.Load(key); ok {
		return known.(*expression) //nolint:forcetypeassert // It has no others.
	}
	made := &expression{pattern: pattern, flags: flags, named: strings.Contains(pattern, "(?<") || strings.Contains(pattern, "(?P<")}
	parse := parseOnce()
	made.first = sync.OnceValue(func() *[utf8.RuneSelf]bool { return firstOf(pattern, flags, parse) })
	made.program = sync.OnceValue(func() *program { return newProgram(pattern, flags, parse) })
	made.compile = sync.OnceValues(made.compiled)
	kept, _ := expressions.LoadOrStore(key, made)

	return kept.(*expression) //nolint:forcetypeassert // As above.
}

// matchTime is how long a rule may look for a match, as in chroma.
const matchTime = 250 * time.Millisecond

// engines has the engine of each lexer that was used, nil for those that are run by chroma.
var engines sync.Map // of *chroma.RegexLexer to func() *engine

// tokenise splits a source into tokens. The source ends with a line feed.
func tokenise(lexer chroma.Lexer, source string) ([]chroma.Token, error) {
	if rules, is := lexer.(*chroma.RegexLexer); is {
		made, ok := engines.Load(rules)
		if !ok {
			made, _ = engines.LoadOrStore(rules, sync.OnceValue(func() *engine { return newEngine(rules) }))
		}
		if e := made.(func() *engine)(); e != nil { //nolint:forcetypeassert // It has no others.
			return e.run(source)
		}
	}

	return chroma.Tokenise(lexer, &chroma.TokeniseOptions{State: rootState}, source)
}

// maxSteps is how many rules may match before each character, so that rules that match nothing come to an end.
const maxSteps = 20

// rootState is where lexers start.
const rootState = "root"

// newEngine returns nil for a lexer that it cannot run.
func newEngine(lexer *chroma.RegexLexer) *engine {
	raw, err := lexer.Rules()
	if err != nil {
		return nil
	}

	expanded := chroma.CompiledRules{}
	for name, rules := range raw {
		expanded[name] = nil
		for i := range rules {
			expanded[name] = append(expanded[name], &chroma.CompiledRule{Rule: rules[i]})
		}
	}
	if expand(expanded) != nil {
		return nil
	}

	flags := flagsOf(lexer.Config())
	e := &engine{lexer: lexer, states: make(map[string]*state, len(expanded))}
	for name, rules := range expanded {
		e.states[name] = &state{raw: rules, flags: flags}
	}

	return e
}

// expand puts the rules of other states where they are included. Each change may move others, so that it begins anew.
func expand(rules chroma.CompiledRules) error {
	const most = 10_000 // more than any lexer has
	for range most {
		done := true
		for _, name := range sortedStates(rules) {
			i := slices.IndexFunc(rules[name], func(r *chroma.CompiledRule) bool {
				_, is := r.Mutator.(chroma.LexerMutator)

				return is
			})
			if i < 0 {
				continue
			}
			done = false
			if err := rules[name][i].Mutator.(chroma.LexerMutator).MutateLexer(rules, name, i); err != nil { //nolint:forcetypeassert // see above
				return err
			}
		}
		if done {
			return nil
		}
	}

	return errors.New("rules that include each other")
}

func sortedStates(rules chroma.CompiledRules) []string {
	names := make([]string, 0, len(rules))
	for name := range rules {
		names = append(names, name)
	}
	slices.Sort(names)

	return names
}

func flagsOf(config *chroma.Config) string {
	flags := ""
	if !config.NotMultiline {
		flags += "m"
	}
	if config.CaseInsensitive {
		flags += "i"
	}
	if config.DotAll {
		flags += "s"
	}

	return flags
}

// prepare looks at the rules.
func (s *state) prepare() {
	for i, each := range s.raw {
		r := &rule{Rule: each.Rule, index: i, expression: expressionOf(each.Pattern, s.flags)}
		s.rules = append(s.rules, r)
		first := r.first()
		for char := range s.byFirst {
			if first == nil || first[char] {
				s.byFirst[char] = append(s.byFirst[char], r)
			}
		}
	}
	s.raw = nil
}

func (e *expression) compiled() (*regexp2.Regexp, error) {
	pattern := "(?:" + e.pattern + ")"
	if e.flags != "" {
		pattern = "(?" + e.flags + ")" + pattern
	}
	compiled, err := regexp2.Compile(`\G` + pattern)
	if err == nil {
		compiled.MatchTimeout = matchTime
	}

	return compiled, err
}

// run is chroma.Tokenise.
func (e *engine) run(source string) ([]chroma.Token, error) {
	l := &chroma.LexerState{
		Lexer: e.lexer, Registry: lexers.GlobalLexerRegistry, Text: []rune(source), Stack: []string{rootState}, MutatorContext: map[any]any{},
	}

	var m *machine
	if isSimple(source) {
		m = &machine{source: source}
	}

	tokens := make([]chroma.Token, 0, len(source)/4)
	for steps := 0; l.Pos < len(l.Text) && len(l.Stack) > 0; steps++ {
		if steps > maxSteps*(len(l.Text)+maxSteps) {
			return nil, errors.New("the lexer does not get on")
		}

		l.State = l.Stack[len(l.Stack)-1]
		current, ok := e.states[l.State]
		if !ok {
			return nil, errors.New("unknown state " + l.State)
		}

		current.once.Do(current.prepare)
		matched, err := current.match(l, m)
		switch {
		case err != nil:
			return nil, err
		case matched != nil:
			if tokens, err = matched.apply(l, tokens); err != nil {
				return nil, err
			}
		case l.Text[l.Pos] == '\n' && l.State != rootState:
			l.Stack = []string{rootState}
		default:
			l.Pos++
			tokens = append(tokens, chroma.Token{Type: chroma.Error, Value: string(l.Text[l.Pos-1])})
		}
	}
	if l.Pos != len(l.Text) && len(l.Stack) == 0 {
		tokens = append(tokens, chroma.Token{Type: chroma.Error, Value: string(l.Text[l.Pos:])})
	}

	return tokens, nil
}

// apply goes over what the rule matched.
func (r *rule) apply(l *chroma.LexerState, tokens []chroma.Token) ([]chroma.Token, error) {
	l.Rule = r.index
	l.Pos += utf8.RuneCountInString(l.Groups[0])
	if r.Mutator != nil {
		if err := r.Mutator.Mutate(l); err != nil {
			return nil, err
		}
	}

	return emit(tokens, r.Type, l), nil
}

func emit(tokens []chroma.Token, emitter chroma.Emitter, l *chroma.LexerState) []chroma.Token {
	switch kind := emitter.(type) {
	case nil:
		return tokens
	case chroma.TokenType:
		if kind != chroma.Ignore {
			tokens = append(tokens, chroma.Token{Type: kind, Value: l.Groups[0]})
		}

		return tokens
	}
	next := emitter.Emit(l.Groups, l)
	for token := next(); token != chroma.EOF; token = next() {
		if token.Type != chroma.Ignore {
			tokens = append(tokens, token)
		}
	}

	return tokens
}

// match finds the first rule that matches at the position, and sets the groups. The machine is nil for a source that it cannot run on.
func (s *state) match(l *chroma.LexerState, m *machine) (*rule, error) {
	candidates := s.rules
	if char := l.Text[l.Pos]; char < utf8.RuneSelf {
		candidates = s.byFirst[char]
	}
	for _, r := range candidates {
		matched, err := r.match(l, m)
		if err != nil {
			return nil, err
		}
		if matched {
			return r, nil
		}
	}

	return nil, nil //nolint:nilnil // no rule matches
}

func (r *rule) match(l *chroma.LexerState, m *machine) (bool, error) {
	if m != nil {
		if p := r.program(); p != nil {
			if matched, finished := m.match(p, l.Pos); finished {
				if matched {
					m.setGroups(l)
				}

				return matched, nil
			}
		}
	}
	compiled, err := r.compile()
	if err != nil {
		return false, err
	}
	match, err := compiled.FindRunesMatchStartingAt(l.Text, l.Pos)
	if match == nil || err != nil || match.RuneIndex != l.Pos {
		return false, nil //nolint:nilerr // chroma takes an expired time for no match, too
	}
	l.Groups = make([]string, 0, match.GroupCount())
	l.NamedGroups = nil
	if r.named {
		l.NamedGroups = map[string]string{}
	}
	for _, group := range match.Groups() {
		text := group.String()
		l.Groups = append(l.Groups, text)
		if r.named {
			l.NamedGroups[group.Name] = text
		}
	}

	return true, nil
}

// firstOf are the ASCII characters with which a match can start, with more of them where that is not easy to tell. It is nil if all can.
func firstOf(pattern, flags string, parse parser) *[utf8.RuneSelf]bool {
	simple, ok := rewritten(pattern, alike, func(string, string) (string, bool) { return "(?:)", true })
	if !ok {
		return nil
	}
	parsed, err := parse(simple, flags)
	if err != nil {
		return nil
	}
	first := &[utf8.RuneSelf]bool{}
	if addFirst(parsed, first) {
		return nil // it may match nothing
	}
	// White space is more for regexp2 than for the other parser.
	for char := range rune(' ') {
		first[char] = true
	}

	return first
}

// alike replaces classes that many lexers have, and that are disputed, by those that have at least as many members.
var alike = strings.NewReplacer(`[^\W\d]`, `\w`, `[^\S\n]`, `\s`, `[\w\W]`, `(?s:.)`)

// exactly replaces classes by those that are the same for the characters of a simple source. In the first one, regexp2 keeps the digits.
var exactly = strings.NewReplacer(`[^\W\d]`, `\w`, `[^\S\n]`, `[\t ]`, `[\w\W]`, `(?s:.)`)

// rewritten makes of a pattern of regexp2 one of the other parser, if there is one. What looks ahead or behind is replaced by what look
// returns; with nothing, more can match, and never less.
func rewritten(pattern string, classes *strings.Replacer, look func(kind, inside string) (string, bool)) (string, bool) {
	pattern = classes.Replace(pattern)
	var out strings.Builder
	class := false
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern):
			if disputed(pattern[i+1], class) {
				return "", false
			}
			out.WriteString(pattern[i : i+2])
			i++

			continue
		case class && strings.HasPrefix(pattern[i:], "-["), class && strings.HasPrefix(pattern[i:], "[:"):
			return "", false
		case class:
			class = pattern[i] != ']'
		case pattern[i] == '[':
			class = true
			start := classStart(pattern[i:])
			out.WriteString("[" + strings.ReplaceAll(start[1:], "]", `\]`))
			i += len(start) - 1

			continue
		case lookOf(pattern[i:]) != "":
			kind, end := lookOf(pattern[i:]), closing(pattern[i:])
			if end < 0 {
				return "", false
			}
			instead, ok := look(kind, pattern[i+len(kind):i+end])
			if !ok {
				return "", false
			}
			out.WriteString(instead)
			i += end

			continue
		case strings.HasPrefix(pattern[i:], "(?#"), strings.HasPrefix(pattern[i:], "(?("), strings.HasPrefix(pattern[i:], "(?x"):
			return "", false
		case strings.HasPrefix(pattern[i:], "(?>"):
			out.WriteString("(?:")
			i += 2

			continue
		}
		out.WriteByte(pattern[i])
	}

	return out.String(), true
}

// disputed says that the parsers may not agree about an escape. regexp2 reads [^\W\d] in a way of its own.
func disputed(escape byte, class bool) bool {
	return strings.IndexByte("GkKXRhHNZ123456789", escape) >= 0 || class && strings.IndexByte("WDSPbB", escape) >= 0
}

// classStart is the start of a class with the bracket that comes first, which is a member.
func classStart(pattern string) string {
	for _, start := range []string{"[^]", "[]", "[^"} {
		if strings.HasPrefix(pattern, start) {
			return start
		}
	}

	return "["
}

// lookOf is how a pattern looks ahead or behind that begins with that.
func lookOf(pattern string) string {
	for _, start := range []string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(pattern, start) {
			return start
		}
	}

	return ""
}

// closing is where the group ends that a pattern starts with, -1 if it does not.
func closing(pattern string) int {
	depth, class := 0, false
	for i := 0; i < len(pattern); i++ {
		switch char := pattern[i]; {
		case char == '\\':
			i++
		case class:
			class = char != ']'
		case char == '[':
			class = true
			if strings.HasPrefix(pattern[i+1:], "]") || strings.HasPrefix(pattern[i+1:], "^]") {
				return -1
			}
		case char == '(':
			depth++
		case char == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}

	return -1
}

// addFirst adds what a match can start with, and says whether it can be empty.
func addFirst(r *syntax.Regexp, first *[utf8.RuneSelf]bool) (empty bool) {
	switch r.Op {
	case syntax.OpLiteral:
		addRune(r.Rune[0], r.Flags&syntax.FoldCase != 0, func(c byte) { first[c] = true })
	case syntax.OpCharClass:
		for i := 0; i+1 < len(r.Rune); i += 2 {
			for char := r.Rune[i]; char <= r.Rune[i+1] && char < utf8.RuneSelf; char++ {
				addRune(char, r.Flags&syntax.FoldCase != 0, func(c byte) { first[c] = true })
			}
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		for i := range first {
			first[i] = true
		}
	case syntax.OpCapture, syntax.OpPlus:
		return addFirst(r.Sub[0], first)
	case syntax.OpStar, syntax.OpQuest:
		addFirst(r.Sub[0], first)

		return true
	case syntax.OpRepeat:
		return addFirst(r.Sub[0], first) || r.Min == 0
	case syntax.OpConcat:
		for _, sub := range r.Sub {
			if !addFirst(sub, first) {
				return false
			}
		}

		return true
	case syntax.OpAlternate:
		for _, sub := range r.Sub {
			empty = addFirst(sub, first) || empty
		}

		return empty
	case syntax.OpNoMatch:
	default: // what matches nothing at a certain place
		return true
	}

	return false
}

// addRune adds a character, and with fold those that are the same in another case.
func addRune(char rune, fold bool, add func(c byte)) {
	if char < utf8.RuneSelf {
		add(byte(char))
	}
	if !fold {
		return
	}
	for other := unicode.SimpleFold(char); other != char; other = unicode.SimpleFold(other) {
		if other < utf8.RuneSelf {
			add(byte(other))
		}
	}
}
