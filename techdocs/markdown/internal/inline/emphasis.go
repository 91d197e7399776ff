package inline

// emphasis finds *em*, **strong** and their combinations, as pymdownx.betterem does.
func emphasis(b *builder) error {
	options, better := b.options("pymdownx.betterem")
	if err := options.known("smart_enable"); err != nil {
		return err
	}

	if !better {
		b.add((&pairing{'*', simpleStars}).pattern(), (&pairing{'_', simpleUnderscores}).pattern())

		return nil
	}

	enabled := options.text("smart_enable", "underscore")
	stars, underscores := stiff("strong", "em"), stiff("strong", "em")

	if enabled == "all" || enabled == "asterisk" {
		stars = smartly(smart, noSpaceSelf)
	}

	if enabled == "all" || enabled == "underscore" {
		underscores = smartly(noWord, noSpace)
	}

	b.add((&pairing{'*', stars}).pattern(), (&pairing{'_', underscores}).pattern())

	return nil
}

// smartly are the patterns that do not count within words. edge is around the elements, and inside is before the end of a content.
func smartly(edge, inside look) []pair {
	return []pair{
		{tags: "strong,em", open: fence{edge, 3, noSpaceSelf}, content: all, close: fence{noSpace, 3, edge}},
		{tags: "em,strong", open: fence{edge, 3, noSpaceSelf}, content: limited, middle: fence{inside, 2, edge}, second: limited, close: fence{inside, 1, edge}},
		{tags: "strong,em", open: fence{edge, 3, noSpaceSelf}, content: limited, middle: fence{inside, 1, edge}, second: limited, close: fence{inside, 2, edge}},
		{tags: "strong,em", late: true, open: fence{edge, 2, noSpaceSelf}, content: limited, middle: fence{edge, 1, noSpaceSelf}, second: limited, close: fence{inside, 3, edge}},
		{tags: "strong", open: fence{edge, 2, noSpaceSelf}, content: all, close: fence{noSpace, 2, edge}},
		{tags: "em,strong", late: true, open: fence{edge, 1, noSpaceSelf}, content: limited, middle: fence{edge, 2, noSpaceSelf}, second: limited, close: fence{noSpace, 3, edge}},
		{tags: "em", deep: true, open: fence{edge, 1, noSpaceSelf}, content: runs, close: fence{noSpaceSelf, 1, edge}},
		{tags: "em", open: fence{edge, 1, noSpaceSelf}, content: all, close: fence{noSpace, 1, edge}},
	}
}

// stiff are the patterns that count within words, too: outer is the element of two characters, and inner that of one.
func stiff(outer, inner string) []pair {
	both, reverse := outer+","+inner, inner+","+outer

	return []pair{
		{tags: both, open: fence{anything, 3, noSpace}, content: plain, close: fence{noSpace, 3, anything}},
		{tags: reverse, open: fence{anything, 3, noSpaceSelf}, content: spaced, middle: fence{noSpace, 2, anything}, second: spaced, close: fence{noSpace, 1, anything}},
		{tags: both, open: fence{anything, 3, noSpaceSelf}, content: spaced, middle: fence{noSpace, 1, anything}, second: spaced, close: fence{noSpace, 2, anything}},
		{tags: both, late: true, open: fence{anything, 2, noSpaceSelf}, content: spaced, middle: fence{anything, 1, noSpaceSelf}, second: spaced, close: fence{noSpace, 3, anything}},
		{tags: outer, open: fence{anything, 2, noSpace}, content: single, close: fence{noSpace, 2, anything}},
		{tags: reverse, late: true, open: fence{noSelf, 1, noSpaceSelf}, content: spaced, middle: fence{anything, 2, anything}, second: spaced, close: fence{anything, 3, anything}},
		{tags: inner, deep: true, open: fence{noSelf, 1, noSpaceSelf}, content: runs, close: fence{noSpaceSelf, 1, noSelf}},
		{tags: inner, open: fence{anything, 1, noSpace}, content: spaced, close: fence{noSpace, 1, anything}},
	}
}

// simpleStars and simpleUnderscores are the patterns of Python-Markdown itself.
var simpleStars = []pair{
	{tags: "strong,em", open: fence{anything, 3, anything}, content: all, middle: fence{anything, 1, anything}, second: nothing, close: fence{anything, 2, anything}},
	{tags: "em,strong", open: fence{anything, 3, anything}, content: all, middle: fence{anything, 2, anything}, second: nothing, close: fence{anything, 1, anything}},
	{tags: "strong,em", late: true, open: fence{anything, 2, noSelf}, content: never, middle: fence{anything, 1, noSelf}, second: all, close: fence{anything, 3, anything}},
	{tags: "strong", open: fence{anything, 2, anything}, content: all, close: fence{anything, 2, anything}},
	{tags: "em", open: fence{anything, 1, anything}, content: never, close: fence{anything, 1, anything}},
}

var simpleUnderscores = []pair{
	simpleStars[0],
	simpleStars[1],
	{tags: "strong,em", late: true, open: fence{noWord, 2, noSelf}, content: all, middle: fence{noWord, 1, noSelf}, second: all, close: fence{anything, 3, noWord}},
	{tags: "strong", open: fence{noWord, 2, noSelf}, content: all, close: fence{noSelf, 2, noWord}},
	{tags: "em", open: fence{noWord, 1, noSelf}, content: all, close: fence{noSelf, 1, noWord}},
}

// loneMarks keeps runs of *, _ and ~ that stand alone from being emphasis. That of the last extension counts for ^, = and ~, which is
// why ^ and = are not among them.
func loneMarks(b *builder) error {
	b.add(lonePattern("*_"))

	for _, mark := range []struct{ extension, char string }{{"pymdownx.tilde", "~"}, {"pymdownx.mark", "="}, {"pymdownx.caret", "^"}} {
		if b.any(mark.extension) {
			b.add(lonePattern(mark.char))

			break
		}
	}

	return nil
}

func lonePattern(chars string) *pattern {
	return &pattern{trigger: chars, find: func(_ *reader, data string, pos, floor int) (match, bool) {
		for pos < len(data) {
			start := indexAnyFrom(data, chars, pos)
			if start < 0 {
				break
			}

			length := runLength(data, start, data[start])
			pos = start + length

			left, right := before(data, start, floor), at(data, pos)
			if (left == none || isSpace(left)) && (right == none || isSpace(right)) {
				return match{start: start, end: pos, found: found{text: data[start:pos]}}, true
			}
		}

		return match{}, false
	}}
}
