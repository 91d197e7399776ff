package inline

import (
	"strings"
)

// magicLinks finds addresses without any markup.
func magicLinks(b *builder) error {
	options, on := b.options("pymdownx.magiclink")
	if !on {
		return nil
	}

	hide, shorten := options.flag("hide_protocol", false), options.flag("repo_url_shortener", false)

	b.add(
		&pattern{trigger: ":.", outsideLinks: true, find: func(r *reader, data string, pos, floor int) (match, bool) {
			return findAddress(r, data, pos, floor, hide, shorten)
		}},
		&pattern{trigger: "@", outsideLinks: true, find: findMail},
	)

	return shortLinks(b, options)
}

// findAddress finds http://host and www.host.
func findAddress(r *reader, data string, pos, floor int, hide, shorten bool) (match, bool) {
	for ; pos < len(data); pos++ {
		switch data[pos] | 0x20 {
		case 'h', 'f', 'w':
		default:
			continue
		}

		if left := before(data, pos, floor); isWord(left) && left != '_' {
			continue
		}

		host := pos + protocolLength(data[pos:])
		www := host == pos

		if www {
			if len(data)-pos < 4 || !strings.EqualFold(data[pos:pos+4], "www.") {
				continue
			}

			host += 4
		}

		end := addressEnd(data, host)
		if end < 0 {
			continue
		}

		address := data[pos:end]
		href := address

		if www {
			href = "http://" + address
		}

		return match{start: pos, end: end, found: found{element: addressLink(r.unmark(href), address, hide && !www, shorten)}}, true
	}

	return match{}, false
}

// addressEnd is the end of the address whose host begins at pos, or -1.
func addressEnd(data string, pos int) int {
	if char := at(data, pos); char == none || char == '_' || !isWord(char) {
		return -1
	}

	start := pos + width(data, pos)
	end := -1

	for pos = start; pos < len(data); {
		char := at(data, pos)

		word := isWord(char)
		if !word && (char >= 0x80 || strings.IndexByte("-.?,!'(){}[]/+&@%$#=:\"|~;", byte(char)) < 0) {
			break
		}

		pos += width(data, pos)

		if word && char != '_' || char < 0x80 && strings.IndexByte("-/#@$+=", byte(char)) >= 0 {
			end = pos
		}
	}

	return end
}

func isMailChar(char byte) bool {
	return char == '-' || char == '_' || char < 0x80 && isAlnum(rune(char))
}

// findMail finds name@host.
func findMail(r *reader, data string, pos, floor int) (match, bool) {
	from := max(pos, floor)

	for {
		sign := indexByteFrom(data, '@', pos)
		if sign < 0 {
			return match{}, false
		}

		pos = sign + 1

		start, end := mailStart(data, sign, from, floor), mailEnd(data, sign+1)
		if start < 0 || end < 0 {
			continue
		}

		return match{start: start, end: end, found: found{element: mailLink(r.unmark(data[start:end]))}}, true
	}
}

// mailStart is where the local part of an address begins that ends at the sign, not before from. -1: there is none.
func mailStart(data string, sign, from, floor int) int {
	start := sign

	for start > from {
		char := data[start-1]
		if char == '.' {
			if data[start] == '.' || start == sign {
				break
			}
		} else if !isMailChar(char) && char != '+' {
			break
		}

		start--
	}

	for ; start < sign; start++ {
		left := before(data, start, floor)
		if data[start] != '.' && !(left > 0 && left < 0x80 && (isMailChar(byte(left)) || strings.ContainsRune("/+@", left))) {
			return start
		}
	}

	return -1
}

// mailEnd is the end of the host of an address, or -1.
func mailEnd(data string, pos int) int {
	label := pos
	for pos < len(data) && isMailChar(data[pos]) {
		pos++
	}

	if pos == label || at(data, pos) != '.' {
		return -1
	}

	end := -1

	for pos++; pos < len(data); pos++ {
		char := data[pos]
		if char == '.' && (data[pos-1] == '.' || at(data, pos+1) == '.') || char != '.' && !isMailChar(char) {
			break
		}

		letter := isAlnum(rune(char)) && !isDigit(rune(char)) && char < 0x80
		if next := at(data, pos+1); letter && !isWord(next) && next != '-' && next != '@' {
			end = pos + 1
		}
	}

	return end
}
