package inline

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// wikiLinks finds [[page]].
func wikiLinks(b *builder) error {
	options, on := b.options("wikilinks")
	if err := options.known("base_url", "end_url", "html_class", "build_url"); err != nil || !on {
		return err
	}

	base, end, class := options.text("base_url", "/"), options.text("end_url", "/"), options.text("html_class", "wikilink")

	b.add(&pattern{trigger: "[", find: func(_ *reader, data string, pos, _ int) (match, bool) {
		for {
			start := indexFrom(data, "[[", pos)
			if start < 0 {
				return match{}, false
			}

			stop := start + 2
			for stop < len(data) && (data[stop] == ' ' || data[stop] == '-' || isWord(at(data, stop))) {
				stop += width(data, stop)
			}

			if stop == start+2 || !strings.HasPrefix(data[stop:], "]]") {
				pos = start + 1

				continue
			}

			f := found{}
			if name := strip(data[start+2 : stop]); name != "" {
				f.element = wikiLink(name, base, end, class)
			}

			return match{start: start, end: stop + 2, found: f}, true
		}
	}})

	return nil
}

var wikiSpaces = regexp.MustCompile(`[ ]+_|_[ ]+|[ ]+`)

func wikiLink(name, base, end, class string) *tree.Element {
	element := tree.New("a", "href", base+wikiSpaces.ReplaceAllString(name, "_")+end)
	if class != "" {
		element.Set("class", class)
	}

	element.SetText(name)

	return element
}

var progress = regexp.MustCompile(`\[=+\s*(?:(?P<percent>100(?:\.0+)?|[1-9]?[0-9](?:\.\d+)?)%|(?P<num>\d+(?:\.\d+)?)\s*/\s*(?P<den>\d+(?:\.\d+)?))` +
	`(?P<title>\s+(?:'(?s:.*?)'|"(?s:.*?)"))?\s*\](?P<attrs>\{:?[^}]*\})?`)

// progressBars finds [=75% "title"].
func progressBars(b *builder) error {
	options, on := b.options("pymdownx.progressbar")
	if err := options.known("level_class", "progress_increment", "add_classes"); err != nil || !on {
		return err
	}

	b.escape("=")

	bar := progressBar{
		level: options.flag("level_class", true), classes: strings.Fields(options.text("add_classes", "")), attrList: b.any("attr_list"),
	}

	bar.increment, _ = strconv.Atoi(options.text("progress_increment", "20"))

	b.add(&pattern{trigger: "=", find: func(r *reader, data string, pos, _ int) (match, bool) {
		if !strings.Contains(data[pos:], "[=") {
			return match{}, false
		}

		groups := progress.FindStringSubmatchIndex(data[pos:])
		if groups == nil {
			return match{}, false
		}

		parts := named(progress.SubexpNames(), data[pos:], groups)

		return match{start: pos + groups[0], end: pos + groups[1], found: found{element: bar.element(r, parts)}}, true
	}})

	return nil
}

type progressBar struct {
	level, attrList bool
	increment       int
	classes         []string
}

func (p progressBar) element(r *reader, parts map[string]string) *tree.Element {
	value, _ := strconv.ParseFloat(parts["percent"], 64)

	if parts["percent"] == "" {
		num, _ := strconv.ParseFloat(parts["num"], 64)
		den, _ := strconv.ParseFloat(parts["den"], 64)

		if den != 0 {
			value = num / den * 100
		}
	}

	value = min(value, 100)
	classes := append([]string{"progress"}, p.classes...)

	if p.level && p.increment > 0 {
		classes = append(classes, "progress-"+strconv.Itoa(int(value)/p.increment*p.increment)+"plus")
	}

	element := tree.New("div", "class", strings.Join(sortedSet(classes), " "))
	bar := element.Add("div", "class", "progress-bar", "style", "width:"+strconv.FormatFloat(value, 'f', 2, 64)+"%")
	bar.Add("p", "class", "progress-label").SetText(dequote(r.unmark(strip(parts["title"]))))
	element.Tail = parts["attrs"]

	if p.attrList {
		element.TakeAttrs()
	}

	return element
}
