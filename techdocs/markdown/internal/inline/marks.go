package inline

// pairedMarks finds ^^insert^^, ^superscript^, ==mark==, ~~delete~~ and ~subscript~.
func pairedMarks(b *builder) error {
	if err := scriptMarks(b, "pymdownx.caret", '^', "insert", "ins", "superscript", "sup"); err != nil {
		return err
	}

	options, on := b.options("pymdownx.mark")
	if err := options.known("smart_mark"); err != nil {
		return err
	}

	if on {
		marks := []pair{{tags: "mark", open: fence{anything, 2, noSpace}, content: single, close: fence{noSpace, 2, anything}}}
		if options.flag("smart_mark", true) {
			marks = []pair{smartPair("mark")}
		}

		b.escape("=")
		b.add((&pairing{'=', marks}).pattern())
	}

	return scriptMarks(b, "pymdownx.tilde", '~', "delete", "del", "subscript", "sub")
}

// scriptMarks adds the patterns of an extension with an element for two characters and one for one.
func scriptMarks(b *builder, extension string, self byte, two, twoTag, one, oneTag string) error {
	options, on := b.options(extension)
	if err := options.known("smart_"+two, two, one); err != nil {
		return err
	}

	hasTwo, hasOne, smart := options.flag(two, true), options.flag(one, true), options.flag("smart_"+two, true)
	if !on || !hasTwo && !hasOne {
		return nil
	}

	b.escape(string(self))

	if hasOne {
		b.escape(" ")
	}

	pairs := scriptPairs(twoTag, oneTag, smart)

	switch {
	case !hasOne:
		pairs = pairs[4:5]
	case !hasTwo:
		pairs = pairs[7:8]
	}

	b.add((&pairing{self, pairs}).pattern())

	return nil
}

func smartPair(tag string) pair {
	return pair{tags: tag, open: fence{smart, 2, noSpaceSelf}, content: all, close: fence{noSpace, 2, smart}}
}

// scriptPairs are as those of emphasis, but the content of the inner element has no white space.
func scriptPairs(outer, inner string, isSmart bool) []pair {
	both, reverse := outer+","+inner, inner+","+outer
	ends := []pair{
		{tags: inner, deep: true, open: fence{noSelf, 1, noSpaceSelf}, content: solidRuns, close: fence{noSpaceSelf, 1, noSelf}},
		{tags: inner, open: fence{anything, 1, noSpace}, content: solid, close: fence{noSpace, 1, anything}},
	}

	if isSmart {
		return append([]pair{
			{tags: both, open: fence{anything, 3, noSpaceSelf}, content: solid, close: fence{noSpace, 3, anything}},
			{tags: reverse, open: fence{anything, 3, noSpaceSelf}, content: solid, middle: fence{noSpace, 2, smart}, second: solid, close: fence{noSpace, 1, anything}},
			{tags: both, open: fence{anything, 3, noSpaceSelf}, content: solid, middle: fence{noSpace, 1, smart}, second: limited, close: fence{noSpace, 2, anything}},
			{tags: both, late: true, open: fence{noSelf, 2, noSpaceSelf}, content: limited, middle: fence{smart, 1, noSpaceSelf}, second: solid, close: fence{noSpace, 3, anything}},
			smartPair(outer),
			{tags: reverse, late: true, open: fence{noSelf, 1, noSpaceSelf}, content: solid, middle: fence{smart, 2, noSpaceSelf}, second: solid, close: fence{noSpace, 3, anything}},
		}, ends...)
	}

	return append([]pair{
		{tags: both, open: fence{anything, 3, noSpace}, content: solidPlain, close: fence{noSpace, 3, anything}},
		{tags: reverse, open: fence{anything, 3, noSpaceSelf}, content: solid, middle: fence{noSpace, 2, anything}, second: solid, close: fence{noSpace, 1, anything}},
		{tags: both, open: fence{anything, 3, noSpaceSelf}, content: solid, middle: fence{noSpace, 1, anything}, second: single, close: fence{noSpace, 2, anything}},
		{tags: both, late: true, open: fence{anything, 2, noSpaceSelf}, content: single, middle: fence{anything, 1, noSpaceSelf}, second: solid, close: fence{noSpace, 3, anything}},
		{tags: outer, open: fence{anything, 2, noSpace}, content: single, close: fence{noSpace, 2, anything}},
		{tags: reverse, late: true, open: fence{noSelf, 1, noSpaceSelf}, content: solid, middle: fence{anything, 2, anything}, second: solid, close: fence{anything, 3, anything}},
	}, ends...)
}
