package nunjucks

import "slices"

// newRegexMethods makes the methods of RegExp objects.
func newRegexMethods() map[string]*callable {
	return map[string]*callable{
		"exec":     regexMethod(func(r *run, expression *regex, s string) Value { return r.exec(expression, s) }),
		"test":     regexMethod(func(r *run, expression *regex, s string) Value { return r.exec(expression, s) != nil }),
		"toString": newCallable(0, func(r *run, this Value, _ []Value) Value { return r.text(this) }),
	}
}

func regexMethod(method func(r *run, expression *regex, s string) Value) *callable {
	return newCallable(1, func(r *run, this Value, args []Value) Value {
		expression, ok := this.(*regex)
		if !ok {
			r.fail("a method of regular expressions was called on a %s", typeName(this))
		}
		return method(r, expression, r.text(argument(args, 0)))
	})
}

// member returns a property of the object, Undefined for any other name.
func (e *regex) member(name string) Value {
	switch name {
	case "source":
		return e.body
	case "flags":
		return e.flags
	case "global":
		return e.global
	case "ignoreCase":
		return e.ignore
	case "multiline":
		return e.multiline
	case "sticky":
		return e.sticky
	case "lastIndex":
		return integer(e.lastIndex)
	}
	return Undefined
}

// toRegex converts the argument of a string method to a regular expression.
func (r *run) toRegex(v Value) *regex {
	switch v := v.(type) {
	case *regex:
		return v
	case undefinedType:
		return r.compileText("")
	}
	return r.compileText(r.text(v))
}

// compileText compiles a text as a regular expression.
func (r *run) compileText(body string) *regex {
	r.allocate(patternCost(body))
	r.work(len(body))
	return &regex{pattern: compilePattern(body, "", r.limits.RegexTime, r.position)}
}

// exec is expression.exec(s): a list of the match and its groups, null without a match. A global or sticky
// expression continues after its last match.
func (r *run) exec(expression *regex, s string) Value {
	stateful := expression.global || expression.sticky
	subject := r.subject(s)
	from := 0
	if stateful {
		from = expression.lastIndex
	}
	var found match
	ok := from <= len(subject)
	if ok {
		found, ok = r.find(expression.pattern, subject, from)
	}
	if !ok {
		if stateful {
			expression.lastIndex = 0
		}
		return nil
	}
	if stateful {
		expression.lastIndex = found.end
	}
	return r.matchList(found, subject)
}

// matchList makes the list that exec and match return. Unlike JavaScript's it has items only, no further
// properties.
func (r *run) matchList(found match, subject []rune) Value {
	piece := func(from, to int) string { return r.fromRunes(subject[from:to]) }
	items := r.room(nil, 1+len(found.groups))
	items = append(items, piece(found.start, found.end))
	for _, group := range found.groups {
		items = append(items, groupValue(group, piece))
	}
	return r.newArray(items)
}

// eachMatch calls visit for every match of a global expression, and for the first match of any other.
func (r *run) eachMatch(expression *regex, subject []rune, visit func(match)) {
	from := 0
	if expression.sticky && !expression.global {
		from = expression.lastIndex
	}
	for from <= len(subject) {
		found, ok := r.find(expression.pattern, subject, from)
		if !ok {
			break
		}
		visit(found)
		if !expression.global {
			if expression.sticky {
				expression.lastIndex = found.end
			}
			return
		}
		from = found.end
		if found.end == found.start {
			from++
		}
	}
	if expression.global || expression.sticky {
		expression.lastIndex = 0
	}
}

// matchAll is s.match(expression) of a global expression: the text of each match, or null.
func (r *run) matchAll(expression *regex, s string) Value {
	subject := r.subject(s)
	var items []Value
	r.eachMatch(expression, subject, func(found match) {
		items = r.appendItems(items, r.fromRunes(subject[found.start:found.end]))
	})
	if items == nil {
		return nil
	}
	return r.newArray(items)
}

// keptMatchBytes is the size of a match in a list.
const keptMatchBytes = 56

// replacePattern is s.replace(expression, replacement).
func (r *run) replacePattern(expression *regex, s string, replacement Value) Value {
	subject := r.subject(s)
	substitute := r.substitution(replacement, s)
	var matches []match
	r.eachMatch(expression, subject, func(found match) {
		if len(matches) == cap(matches) {
			r.allocateEach(2*cap(matches)+4, keptMatchBytes)
			matches = append(make([]match, 0, 2*cap(matches)+4), matches...)
		}
		matches = append(matches, found)
	})
	var out []byte
	from := 0
	for _, found := range matches {
		out = r.appendText(out, r.fromRunes(subject[from:found.start]))
		out = r.appendText(out, substitute(found))
		from = found.end
	}
	return r.textOf(r.appendText(out, r.fromRunes(subject[from:])))
}

// splitByPattern is s.split(expression), groups included.
func (r *run) splitByPattern(p *pattern, s string) []Value {
	subject := r.subject(s)
	if len(subject) == 0 {
		if _, ok := r.find(p, subject, 0); ok {
			return nil
		}
		return []Value{s}
	}
	var parts []Value
	piece := func(from, to int) string { return r.fromRunes(subject[from:to]) }
	start := 0
	for at := 0; at < len(subject); {
		found, ok := r.find(p, subject, at)
		if !ok && !p.sticky {
			break
		}
		if !ok || found.end == start || found.start >= len(subject) {
			at = max(at, found.start) + 1
			continue
		}
		parts = r.appendItems(parts, piece(start, found.start))
		for _, group := range found.groups {
			parts = r.appendItems(parts, groupValue(group, piece))
		}
		start = found.end
		at = max(start, at)
		if found.end == found.start {
			at = found.end
		}
	}
	return r.appendItems(parts, piece(start, len(subject)))
}

// groupBounds finds a group by its name.
func (p *pattern) groupBounds(groups [][2]int, name string) ([2]int, bool) {
	i := slices.Index(p.groupNames, name)
	if name == "" || i < 0 {
		return [2]int{}, false
	}
	return groups[i], true
}
