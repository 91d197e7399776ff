package inline

import "strings"

// symbols finds (c), -->, 1/2, 1st and the like. Each kind is one option.
func symbols(b *builder) error {
	options, on := b.options("pymdownx.smartsymbols")
	if !on {
		return nil
	}

	kinds := []struct {
		option string
		find   *pattern
	}{
		{"trademark", symbolPattern("(tm)", "&trade;")},
		{"copyright", symbolPattern("(c)", "&copy;")},
		{"registered", symbolPattern("(r)", "&reg;")},
		{"plusminus", symbolPattern("+/-", "&plusmn;")},
		{"arrows", &pattern{trigger: "-", find: findArrow}},
		{"notequal", symbolPattern("=/=", "&ne;")},
		{"fractions", &pattern{trigger: "/", find: findFraction}},
		{"ordinal_numbers", &pattern{trigger: "tsnr", find: findOrdinal}},
		{"care_of", &pattern{trigger: "/", find: findCareOf}},
	}

	names := make([]string, 0, len(kinds))

	for _, kind := range kinds {
		names = append(names, kind.option)
		if options.flag(kind.option, true) {
			b.parser.symbols = append(b.parser.symbols, kind.find)
		}
	}

	return options.known(names...)
}

func symbolPattern(text, html string) *pattern {
	return textPattern(text[1:2], text, func(r *reader) found { return found{text: r.doc.Stash.Store(html)} })
}

func symbol(r *reader, start, end int, html string) (match, bool) {
	return match{start: start, end: end, found: found{text: r.doc.Stash.Store(html)}}, true
}

// findArrow finds <-->, --> and <--.
func findArrow(r *reader, data string, pos, floor int) (match, bool) {
	for {
		start := indexFrom(data, "--", pos)
		if start < 0 {
			return match{}, false
		}

		left := start > pos && data[start-1] == '<'
		right := at(data, start+2) == '>'

		switch {
		case left && right:
			return symbol(r, start-1, start+3, "&harr;")
		case right && before(data, start, floor) != '-':
			return symbol(r, start, start+3, "&rarr;")
		case left && at(data, start+2) != '-':
			return symbol(r, start-1, start+2, "&larr;")
		}

		pos = start + 1
	}
}

var fractions = map[string]string{
	"1/4": "&frac14;", "1/2": "&frac12;", "3/4": "&frac34;", "1/3": "&#8531;", "2/3": "&#8532;", "1/5": "&#8533;", "2/5": "&#8534;",
	"3/5": "&#8535;", "4/5": "&#8536;", "1/6": "&#8537;", "5/6": "&#8538;", "1/8": "&#8539;", "3/8": "&#8540;", "5/8": "&#8541;", "7/8": "&#8542;",
}

// findFraction finds a fraction that is not part of a longer number.
func findFraction(r *reader, data string, pos, floor int) (match, bool) {
	from := pos

	for {
		slash := indexByteFrom(data, '/', pos)
		if slash < 0 {
			return match{}, false
		}

		pos = slash + 1

		if slash-1 < from || slash+2 > len(data) {
			continue
		}

		html, ok := fractions[data[slash-1:slash+2]]
		if ok && !isDecimal(before(data, slash-1, floor)) && !isDecimal(at(data, slash+2)) {
			return symbol(r, slash-1, slash+2, html)
		}
	}
}

// findOrdinal finds 1st, 2nd, 3rd, 4th and so on.
func findOrdinal(r *reader, data string, pos, floor int) (match, bool) {
	for start := pos; start < len(data); start++ {
		if !isDigit(rune(data[start])) || isWord(before(data, start, floor)) {
			continue
		}

		end := start
		for end < len(data) && isDigit(rune(data[end])) {
			end++
		}

		if digits := data[start:end]; end+2 <= len(data) && isOrdinal(digits, data[end:end+2]) && !isWord(at(data, end+2)) {
			return symbol(r, start, end+2, digits+"<sup>"+data[end:end+2]+"</sup>")
		}

		start = end - 1
	}

	return match{}, false
}

// isOrdinal says which ending belongs to a number. As in the original, only 11, 12 and 13 (with what is before them) have "th" with 1 to 3.
func isOrdinal(digits, ending string) bool {
	leading, last := digits[:len(digits)-1], digits[len(digits)-1]
	if strings.HasPrefix(leading, "0") {
		return false
	}

	switch ending {
	case "st":
		return last == '1'
	case "nd":
		return last == '2'
	case "rd":
		return last == '3'
	case "th":
		return last == '0' || last >= '4' || strings.HasSuffix(leading, "1")
	}

	return false
}

// findCareOf finds c/o.
func findCareOf(r *reader, data string, pos, floor int) (match, bool) {
	for {
		start := indexFrom(data, "c/o", pos)
		if start < 0 {
			return match{}, false
		}

		if !isWord(before(data, start, floor)) && !isWord(at(data, start+3)) {
			return symbol(r, start, start+3, "&#8453;")
		}

		pos = start + 1
	}
}
