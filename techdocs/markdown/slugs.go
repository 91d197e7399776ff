package markdown

import (
	"html"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// slugifier finds the function that makes ids of texts which an option names.
func slugifier(value any, preset func(text, separator string) string) (func(text, separator string) string, error) {
	name := ""
	options := map[string]any{}

	switch value := value.(type) {
	case nil:
		return preset, nil
	case string:
		name = value
	case map[string]any:
		name, _ = value[callKey].(string)
		options = value
	}

	switch strings.TrimPrefix(name, longPrefix) {
	case "toc.slugify":
		return slugifyASCII, nil
	case "toc.slugify_unicode":
		return slugifyUnicode, nil
	case "pymdownx.slugs.slugify":
		folding, _ := options["case"].(string)
		form, _ := options["normalize"].(string)

		return pymdownSlugify(folding, form, truth(options["percent_encode"])), nil
	case "pymdownx.slugs.uslugify":
		return pymdownSlugify("lower", "", false), nil
	case "pymdownx.slugs.uslugify_encoded":
		return pymdownSlugify("lower", "", true), nil
	case "pymdownx.slugs.uslugify_cased":
		return pymdownSlugify("none", "", false), nil
	case "pymdownx.slugs.uslugify_cased_encoded":
		return pymdownSlugify("none", "", true), nil
	case "pymdownx.slugs.gfm":
		return pymdownSlugify("lower-ascii", "", false), nil
	case "pymdownx.slugs.gfm_encoded":
		return pymdownSlugify("lower-ascii", "", true), nil
	}

	return nil, fault.New(fault.Input,
		"mkdocs.yml: the option slugify names %q, which is Python and not run; use pymdownx.slugs.slugify, or build the site with generator: mkdocs", name)
}

func pymdownSlugify(folding, form string, encode bool) func(text, separator string) string {
	forms := map[string]norm.Form{"NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}

	return func(text, separator string) string {
		slug := strings.TrimFunc(cut(forms[form].String(text), "<", ">"), isSpace)

		switch folding {
		case "lower":
			slug = strings.ToLower(slug)
		case "lower-ascii":
			slug = strings.Map(func(r rune) rune {
				if r <= unicode.MaxASCII {
					return unicode.ToLower(r)
				}

				return r
			}, slug)
		case "fold":
			slug = cases.Fold().String(slug)
		}

		slug = strings.Map(func(r rune) rune {
			if isWord(r) || r == '-' || r == ' ' {
				return r
			}

			return -1
		}, slug)

		if slug = strings.ReplaceAll(slug, " ", separator); encode {
			return url.PathEscape(slug)
		}

		return slug
	}
}

// slugTabs gives tabs ids that are made of their titles.
func (p *page) slugTabs(root *tree.Element) {
	for _, options := range []tabOptions{p.conv.tabs, p.conv.blockTabs} {
		if options.slugify == nil {
			continue
		}

		ids := takenIDs{}

		root.All(func(e *tree.Element) bool {
			if id, ok := e.Lookup("id"); ok {
				ids[id] = ""
			}

			return true
		})
		p.slugTabsIn(root, options, ids, "")
	}
}

// slugTabsIn goes through the children of an element with the id of the heading before them.
func (p *page) slugTabsIn(parent *tree.Element, options tabOptions, ids takenIDs, heading string) {
	for _, child := range parent.Children {
		if isHeading(child.Tag) && child.Get("id") != "" {
			heading = child.Get("id")
		}

		classes := strings.Fields(child.Get("class"))
		if child.Tag == "div" && slices.Contains(classes, "tabbed-set") && (!options.alternate || slices.Contains(classes, "tabbed-alternate")) {
			p.slugSet(child, options, ids, heading)
		}

		p.slugTabsIn(child, options, ids, heading)
	}
}

func (p *page) slugSet(set *tree.Element, options tabOptions, ids takenIDs, heading string) {
	var inputs, labels []*tree.Element

	for _, child := range set.Children {
		switch {
		case child.Tag == "input":
			inputs = append(inputs, child)
		case child.Tag == "label":
			labels = append(labels, child)
		case child.Get("class") == "tabbed-labels":
			labels = append(labels, child.Children...)
		}
	}

	for i := range min(len(inputs), len(labels)) {
		slug := options.slugify(html.UnescapeString(stripTags(p.innerHTML(withoutReferences(labels[i])))), options.separator)
		if options.combine && heading != "" {
			slug = heading + options.separator + slug
		}

		slug = unique(slug, ids)
		inputs[i].Set("id", slug)
		labels[i].Set("for", slug)
	}
}

func beginsWithWord(text string) bool {
	for _, r := range text {
		return isWord(r)
	}

	return false
}
