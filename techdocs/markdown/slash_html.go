package markdown

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// The parts of a selector, as in CSS.
const (
	selectorName  = `(?:(?:-?[^\x00-\x2f\x30-\x40\x5B-\x5E\x60\x7B-\x9f]+|--)[^\x00-\x2c\x2e\x2f\x3A-\x40\x5B-\x5E\x60\x7B-\x9f]*)`
	selectorValue = `(?:"(?:\\.|[^\\"\r\n\f]+)*?"|'(?:\\.|[^\\'\r\n\f]+)*?'|` + selectorName + `+)`
	selectorAttr  = `[ \t]*(` + selectorName + `)(?:[ \t]*=[ \t]*(` + selectorValue + `))?`
)

var (
	selectorPart  = regexp.MustCompile(`^(?:#(` + selectorName + `)|\.(` + selectorName + `)|\[((?:` + selectorAttr + `)+)[ \t]*\])`)
	selectorTag   = regexp.MustCompile(`^` + selectorName)
	selectorAttrs = regexp.MustCompile(selectorAttr)
)

// parseSelector reads "tag#id.class[key=value]".
func parseSelector(text string, needsTag bool) (tag string, attrs []tree.Attr, ok bool) {
	if needsTag {
		if tag = selectorTag.FindString(text); tag == "" {
			return "", nil, false
		}

		text = text[len(tag):]
	}

	var classes []string

	hasID := false

	for text != "" {
		m := selectorPart.FindStringSubmatch(text)

		switch {
		case m == nil, m[1] != "" && hasID:
			return "", nil, false
		case m[1] != "":
			attrs = setAttr(attrs, "id", m[1])
			hasID = true
		case m[2] != "":
			classes = append(classes, m[2])
		default:
			var more []string

			attrs, more = selectorAttributes(attrs, m[3])
			classes = append(classes, more...)
		}

		text = text[len(m[0]):]
	}

	if len(classes) > 0 {
		attrs = setAttr(attrs, "class", strings.Join(sorted(classes), " "))
	}

	return tag, attrs, true
}

// selectorAttributes reads "key=value key" and adds it to attributes; classes are for the caller.
func selectorAttributes(attrs []tree.Attr, text string) (all []tree.Attr, classes []string) {
	for _, attr := range selectorAttrs.FindAllStringSubmatch(text, -1) {
		key, value := strings.ToLower(attr[1]), attr[2]

		switch {
		case value == "" && key != "class":
			value = key
		case strings.HasPrefix(value, `"`), strings.HasPrefix(value, "'"):
			value = value[1 : len(value)-1]
		}

		if key == "class" {
			classes = append(classes, strings.Fields(value)...)
		} else {
			attrs = setAttr(attrs, key, value)
		}
	}

	return attrs, classes
}

func (c *Converter) addHTML(extension string, kinds map[string]*blockKind) error {
	modes := map[string]string{}

	for _, value := range c.extensions.list(extension, "custom") {
		entry, _ := value.(map[string]any)
		tag, _ := entry["tag"].(string)
		mode, _ := entry["mode"].(string)
		modes[tag] = mode
	}

	modeOf := func(b *block) string {
		mode, _ := b.options["markdown"].(string)
		if custom := modes[strings.ToLower(b.tag)]; (mode == "" || mode == "auto") && custom != "" {
			mode = custom
		}

		if mode == "" {
			mode = "auto"
		}

		return mode
	}

	kinds["html"] = &blockKind{
		argument: "required",
		options: map[string]func(any) (any, bool){"markdown": func(value any) (any, bool) {
			mode := strings.ToLower(fmt.Sprint(value))

			return mode, slices.Contains([]string{"auto", "inline", "block", "raw", "html"}, mode)
		}},
		accept: func(b *block) bool {
			tag, attrs, ok := parseSelector(b.argument, true)
			b.tag = tag
			// The attributes of the selector are the element's own, those of the option come over them.
			b.attrs = append(attrs, b.attrs...)

			return ok
		},
		create: func(_ *page, parent *tree.Element, b *block) *tree.Element { return parent.Add(strings.ToLower(b.tag)) },
		mode: func(b *block) string {
			if mode := modeOf(b); mode != "html" {
				return mode
			}

			return "raw"
		},
		end: func(p *page, b *block) {
			e, mode := b.element, modeOf(b)

			switch {
			case mode == "html", mode == "auto" && (e.Tag == "script" || e.Tag == "style"):
				e.SetText(p.stash.Store(e.Text))
			case mode == "raw", mode == "auto" && (rawTags[e.Tag] || e.Tag == "code"):
				e.SetText(p.stash.Store(escapeCode(e.Text)))
			}
		},
	}

	return nil
}
