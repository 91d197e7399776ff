package inline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/emoji"
	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// Where the images are, unless image_path says something else.
const (
	emojioneImages = "https://cdnjs.cloudflare.com/ajax/libs/emojione/2.2.7/assets/"
	twemojiImages  = "https://cdn.jsdelivr.net/gh/jdecked/twemoji@16.0.1/assets/"
	githubImages   = "https://github.githubassets.com/images/icons/emoji/"
)

// emojis finds :name:.
func emojis(b *builder) error {
	options, on := b.options("pymdownx.emoji")
	if !on {
		return nil
	}

	err := options.known("emoji_index", "emoji_generator", "title", "alt", "remove_variation_selector", "strict", "options")
	if err != nil {
		return err
	}

	e := &emojiMaker{
		title: options.text("title", "short"), alt: options.text("alt", "unicode"), plain: options.flag("remove_variation_selector", false),
		options: Options{"pymdownx.emoji", options.table("options")},
	}

	index := options.text("emoji_index", "emojione")
	if e.index, err = emojiIndex(index); err != nil {
		return err
	}

	// The index of mkdocs-material, whose module had another name before, has icons, too.
	e.icons = strings.HasPrefix(index, "material")

	if e.make, err = emojiGenerator(options.text("emoji_generator", "to_png")); err != nil {
		return err
	}

	b.escape(":")
	b.add(&pattern{trigger: ":", find: e.find})

	return nil
}

// lastPart is what is after the last dot, which is how Python's functions are named within their module.
func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

func emojiIndex(name string) (emoji.Index, error) {
	for _, index := range []emoji.Index{emoji.EmojiOne, emoji.Gemoji, emoji.Twemoji} {
		if index.Name == lastPart(name) {
			return index, nil
		}
	}

	return emoji.Index{}, fmt.Errorf("pymdownx.emoji: emoji_index %q is not known; there are emojione, gemoji and twemoji", name)
}

// An emojiParts is what a generator makes an element of.
type emojiParts struct {
	emoji      emoji.Emoji
	alt, title string
}

func emojiGenerator(name string) (func(*reader, *emojiMaker, emojiParts) found, error) {
	switch lastPart(name) {
	case "to_svg":
		return (*reader).svgEmoji, nil
	case "to_png":
		return (*reader).pngEmoji, nil
	case "to_alt":
		return func(r *reader, _ *emojiMaker, parts emojiParts) found {
			return found{text: r.doc.Stash.Store(parts.alt)}
		}, nil
	case "to_png_sprite":
		return (*reader).pngSprite, nil
	case "to_svg_sprite":
		return (*reader).svgSprite, nil
	}

	return nil, fmt.Errorf("pymdownx.emoji: emoji_generator %q is not known; there are to_svg, to_png, to_alt, to_png_sprite and to_svg_sprite", name)
}

// emojiMaker has the options.
type emojiMaker struct {
	index      emoji.Index
	title, alt string
	plain      bool
	icons      bool
	options    Options
	make       func(*reader, *emojiMaker, emojiParts) found
}

func (e *emojiMaker) find(r *reader, data string, pos, _ int) (match, bool) {
	for {
		start := indexByteFrom(data, ':', pos)
		if start < 0 {
			return match{}, false
		}

		end := start + 1
		for end < len(data) && (data[end] == '+' || data[end] == '-' || isWord(at(data, end))) {
			end += width(data, end)
		}

		if end == start+1 || at(data, end) != ':' {
			pos = end

			continue
		}

		end++

		return match{start: start, end: end, found: e.found(r, data[start:end])}, true
	}
}

// found is the emoji with a name, or the name itself, which is then not read any more.
func (e *emojiMaker) found(r *reader, name string) found {
	known, ok := e.index.Find(name)
	if !ok {
		return e.icon(r, name)
	}

	parts := emojiParts{emoji: known, alt: name}

	switch e.title {
	case "long":
		parts.title = known.Description
	case "short":
		parts.title = name
	}

	if text := known.Text(e.plain); text != "" && (e.alt == "unicode" || e.alt == "html_entity") {
		parts.alt = text
		if e.alt == "html_entity" {
			parts.alt = entitiesOf(text)
		}
	}

	return e.make(r, e, parts)
}

// icon is the icon of mkdocs-material with a name, or the name itself.
func (e *emojiMaker) icon(r *reader, name string) found {
	svg := ""
	if e.icons {
		svg = emoji.Icon(name)
	}

	if svg == "" {
		return found{text: name}
	}

	element := tree.New("span", "class", e.options.text("classes", e.index.Name))
	element.SetText(r.doc.Stash.Store(svg))

	return found{element: element}
}

func entitiesOf(text string) string {
	var out strings.Builder
	for _, char := range text {
		fmt.Fprintf(&out, "%s#x%04x;", tree.Amp, char)
	}

	return out.String()
}

func (e *emojiMaker) finish(element *tree.Element, title string) found {
	if title != "" {
		element.Set("title", title)
	}

	attributes := e.options.table("attributes")
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		element.Set(key, fmt.Sprint(attributes[key]))
	}

	return found{element: element}
}

func (r *reader) svgEmoji(e *emojiMaker, parts emojiParts) found {
	path := emojioneImages + "svg/"
	if e.index.Name == "twemoji" {
		path = twemojiImages + "svg/"
	}

	code := parts.emoji.Code
	if code == "" {
		code = "None" // what Python writes
	}

	return e.finish(tree.New("img", "class", e.options.text("classes", e.index.Name), "alt", parts.alt,
		"src", e.options.text("image_path", path)+code+".svg"), parts.title)
}

func (r *reader) pngEmoji(e *emojiMaker, parts emojiParts) found {
	paths := map[string][2]string{
		"emojione": {emojioneImages + "png/", emojioneImages + "png/"},
		"gemoji":   {githubImages + "unicode/", githubImages},
		"twemoji":  {twemojiImages + "72x72/", twemojiImages + "72x72/"},
	}[e.index.Name]

	path, file := e.options.text("image_path", paths[0]), parts.emoji.Code
	if file == "" {
		path, file = e.options.text("non_standard_image_path", paths[1]), strings.Trim(parts.emoji.Name, ":")
	}

	return e.finish(tree.New("img", "class", e.options.text("classes", e.index.Name), "alt", parts.alt, "src", path+file+".png"), parts.title)
}

func (r *reader) pngSprite(e *emojiMaker, parts emojiParts) found {
	element := tree.New("span", "class", fmt.Sprintf("%s-%s-%s _%s", e.options.text("classes", e.index.Name),
		e.options.text("size", "64"), parts.emoji.Category, parts.emoji.Code))
	element.SetFinal(parts.alt)

	return e.finish(element, parts.title)
}

func (r *reader) svgSprite(e *emojiMaker, parts emojiParts) found {
	path := e.options.text("image_path", "./../assets/sprites/emojione.sprites.svg")

	element := tree.New("svg", "class", e.options.text("classes", e.index.Name))
	element.Add("description").SetFinal(parts.alt)
	element.Add("use", "xlink:href", path+"#emoji-"+parts.emoji.Code)

	return found{element: element}
}
