package highlight

import (
	"regexp/syntax"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// A program is a pattern of a rule for sources of ASCII characters. It gives the same match as regexp2, in a fraction of the time: it
// has no other characters to think of, and makes nothing on the way. A pattern that means something else here, or that it cannot say,
// has no program, and is left to regexp2.
type program struct {
	steps []step
	start int32
	// groups is the number of groups, with that of the whole match.
	groups int
	// places has for each group of the parser twice its number, or -1-n for the look n.
	places []int32
	looks  []look
}

// A step is an instruction.
type step struct {
	do       operation
	out, arg int32
	set      asciiSet
}

type operation uint8

const (
	stepFail operation = iota
	stepDone
	stepNext
	// stepChoose tries out, and arg if that fails.
	stepChoose
	stepCharacter
	// stepEmpty holds the condition arg, which takes no character.
	stepEmpty
	// stepGroup notes the position as the border arg of a group.
	stepGroup
	// stepLook looks ahead or behind by the look arg.
	stepLook
)

// look is a condition on what comes next, or on what was before.
type look struct {
	program *program
	negated bool
	// behind is how many characters it goes back.
	behind int
}

// asciiSet is a set of ASCII characters.
type asciiSet [2]uint64

func (s *asciiSet) has(c byte) bool { return s[c>>6&1]&(1<<(c&63)) != 0 }

func (s *asciiSet) add(c byte) { s[c>>6&1] |= 1 << (c & 63) }

// lookName begins the names of the groups that stand for looks while a pattern is parsed.
const lookName = "look"

// maxProgram bounds a program: the parser writes a repetition out.
const maxProgram = 10_000

// parser parses a pattern as parse does.
type parser func(pattern, flags string) (*syntax.Regexp, error)

// parseOnce is a parser that remembers the last pattern: most have a program of the same pattern by which their first characters are found.
func parseOnce() parser {
	var (
		mutex  sync.Mutex
		last   string
		parsed *syntax.Regexp
	)

	return func(pattern, flags string) (*syntax.Regexp, error) {
		mutex.Lock()
		defer mutex.Unlock()
		if parsed != nil && last == pattern {
			return parsed, nil
		}
		var err error
		last = pattern
		parsed, err = parse(pattern, flags)

		return parsed, err
	}
}

// newProgram returns nil if the pattern has none.
func newProgram(pattern, flags string, parse parser) *program {
	p := &program{}
	// Where flags change within a pattern, a look would have to know them.
	changes := strings.Contains(withoutPlainGroups.Replace(pattern), "(?")
	simple, ok := rewritten(pattern, exactly, func(kind, inside string) (string, bool) {
		if changes || !p.addLook(kind, inside, flags) {
			return "", false
		}

		return "(?P<" + lookName + strconv.Itoa(len(p.looks)-1) + ">)", true
	})
	if !ok {
		return nil
	}
	parsed, err := parse(simple, flags)
	if err != nil || !isExact(parsed) {
		return nil
	}
	if !p.place(parsed) {
		return nil
	}
	compiled, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(compiled.Inst) > maxProgram {
		return nil
	}
	p.start = int32(compiled.Start)
	p.steps = make([]step, len(compiled.Inst))
	for i := range compiled.Inst {
		p.steps[i] = p.step(&compiled.Inst[i])
	}

	return p
}

// withoutPlainGroups removes the beginnings of groups that change no flags.
var withoutPlainGroups = strings.NewReplacer("(?:", "", "(?=", "", "(?!", "", "(?<=", "", "(?<!", "")

func parse(pattern, flags string) (*syntax.Regexp, error) {
	mode := syntax.Perl
	if strings.Contains(flags, "i") {
		mode |= syntax.FoldCase
	}
	if strings.Contains(flags, "s") {
		mode |= syntax.DotNL
	}
	if strings.Contains(flags, "m") {
		mode &^= syntax.OneLine
	}

	return syntax.Parse(pattern, mode)
}

// addLook adds a look, unless there is no program for it.
func (p *program) addLook(kind, inside, flags string) bool {
	l := look{program: newProgram(inside, flags, parse), negated: strings.HasSuffix(kind, "!")}
	if l.program == nil || l.program.groups > 1 {
		return false
	}
	if strings.HasPrefix(kind, "(?<") {
		parsed, err := parse(inside, flags)
		if err != nil || len(l.program.looks) > 0 {
			return false
		}
		var fixed bool
		if l.behind, fixed = widthOf(parsed); !fixed {
			return false
		}
	}
	p.looks = append(p.looks, l)

	return true
}

// widthOf is the number of characters that a pattern matches, if that is always the same.
func widthOf(r *syntax.Regexp) (width int, fixed bool) {
	switch r.Op {
	case syntax.OpLiteral:
		return len(r.Rune), true
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1, true
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return 0, true
	case syntax.OpConcat:
		for _, sub := range r.Sub {
			w, fixed := widthOf(sub)
			if !fixed {
				return 0, false
			}
			width += w
		}

		return width, true
	case syntax.OpAlternate:
		for i, sub := range r.Sub {
			w, fixed := widthOf(sub)
			if !fixed || i > 0 && w != width {
				return 0, false
			}
			width = w
		}

		return width, true
	default:
		return 0, false
	}
}

// isExact says that a pattern means the same here as for regexp2. What repeats and may be empty ends differently, and a dollar that is
// the end of the text is there also before a last line feed.
func isExact(r *syntax.Regexp) bool {
	switch r.Op {
	case syntax.OpEndText:
		if r.Flags&syntax.WasDollar != 0 {
			return false
		}
	case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		if addFirst(r.Sub[0], &[utf8.RuneSelf]bool{}) {
			return false
		}
	}
	for _, sub := range r.Sub {
		if !isExact(sub) {
			return false
		}
	}

	return true
}

// place decides what the groups of the parser are: a look, or a group that counts.
func (p *program) place(parsed *syntax.Regexp) bool {
	names := parsed.CapNames()
	p.places = make([]int32, len(names))
	for i, name := range names {
		if number, is := strings.CutPrefix(name, lookName); is {
			n, err := strconv.Atoi(number)
			if err != nil || n >= len(p.looks) {
				return false
			}
			p.places[i] = int32(-1 - n)

			continue
		}
		if name != "" { // groups with names have other numbers in regexp2
			return false
		}
		p.places[i] = int32(2 * p.groups)
		p.groups++
	}

	return true
}

func (p *program) step(from *syntax.Inst) step {
	s := step{out: int32(from.Out), arg: int32(from.Arg)}
	switch from.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		s.do = stepChoose
	case syntax.InstCapture:
		place := p.places[from.Arg/2]
		switch isEnd := from.Arg%2 == 1; {
		case place >= 0:
			s.do, s.arg = stepGroup, place+int32(from.Arg%2)
		case isEnd:
			s.do = stepNext
		default:
			s.do, s.arg = stepLook, -1-place
		}
	case syntax.InstEmptyWidth:
		s.do = stepEmpty
	case syntax.InstMatch:
		s.do = stepDone
	case syntax.InstNop:
		s.do = stepNext
	case syntax.InstFail:
		s.do = stepFail
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		s.do = stepCharacter
		s.set = setOf(from)
	}

	return s
}

func setOf(from *syntax.Inst) (set asciiSet) {
	switch {
	case len(from.Rune) == 1:
		addRune(from.Rune[0], from.Op == syntax.InstRune && syntax.Flags(from.Arg)&syntax.FoldCase != 0, func(c byte) { set.add(c) })
	case from.Op == syntax.InstRuneAny, from.Op == syntax.InstRuneAnyNotNL:
		set = asciiSet{^uint64(0), ^uint64(0)}
		if from.Op == syntax.InstRuneAnyNotNL {
			set[0] &^= 1 << '\n'
		}
	default:
		for i := 0; i+1 < len(from.Rune); i += 2 {
			for c := from.Rune[i]; c <= from.Rune[i+1] && c < utf8.RuneSelf; c++ {
				set.add(byte(c))
			}
		}
	}

	return set
}
