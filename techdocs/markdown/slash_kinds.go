package markdown

import (
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// newBlocks makes the kinds of blocks.
func (c *Converter) newBlocks() error {
	kinds := map[string]*blockKind{}

	for _, extension := range []struct {
		name string
		add  func(name string, kinds map[string]*blockKind) error
	}{
		{"admonition", c.addAdmonitions}, {"details", c.addDetails}, {"tab", c.addTabs}, {"html", c.addHTML},
		{"definition", c.addDefinitions}, {"caption", c.addCaptions},
	} {
		name := "pymdownx.blocks." + extension.name
		if !c.has(name) {
			continue
		}

		if err := extension.add(name, kinds); err != nil {
			return err
		}
	}

	if len(kinds) > 0 {
		c.blocks = kinds
	}

	return nil
}

// A blockType is a name that an option "types" gives to blocks.
type blockType struct{ name, class, title string }

// types are those of an extension of blocks.
func (c *Converter) types(extension, preset string) ([]blockType, error) {
	values := c.extensions.list(extension, "types")
	if _, ok := c.extensions[extension]["types"]; !ok {
		for name := range strings.FieldsSeq(preset) {
			values = append(values, name)
		}
	}

	var types []blockType

	for _, value := range values {
		t := blockType{}

		switch value := value.(type) {
		case string:
			t.name = value
		case map[string]any:
			t.name, _ = value["name"].(string)
			t.class, _ = value["class"].(string)
			t.title, _ = value["title"].(string)
		}

		if t.name == "" {
			return nil, fault.New(fault.Input, "mkdocs.yml: a type in the options of %s has no name", extension)
		}

		if t.class == "" {
			t.class = t.name
		}

		if t.title == "" {
			t.title = titleOf(t.class)
		}

		types = append(types, t)
	}

	return types, nil
}

// titleOf makes a title of the name of a type.
func titleOf(class string) string {
	return titleCase(wordSeparator.ReplaceAllString(class, " "))
}

// titled is the type and the title of a block: those of its kind, or of its option type.
func (b *block) titled(t blockType) (class, title string, hasTitle bool) {
	class, title = t.class, t.title

	if name, ok := b.options["type"].(string); ok {
		class, title = name, titleOf(name)
	}

	switch {
	case !b.hasText:
		return class, title, class != ""
	case b.argument != "":
		return class, b.argument, true
	}

	return class, "", false
}

func (c *Converter) addAdmonitions(extension string, kinds map[string]*blockKind) error {
	types, err := c.types(extension, "note attention caution danger error tip hint warning important")
	if err != nil {
		return err
	}

	add := func(name string, t blockType, options map[string]func(any) (any, bool)) {
		kinds[name] = &blockKind{argument: "optional", options: options, create: func(_ *page, parent *tree.Element, b *block) *tree.Element {
			class, title, hasTitle := b.titled(t)

			box := parent.Add("div", "class", strings.TrimSpace("admonition "+strings.TrimPrefix(class, "admonition ")))
			if class == "admonition" {
				box.Set("class", "admonition")
			}

			if hasTitle {
				box.Add("p", "class", "admonition-title").SetText(title)
			}

			return box
		}}
	}
	add("admonition", blockType{}, map[string]func(any) (any, bool){"type": identifier})

	for _, t := range types {
		add(t.name, t, nil)
	}

	return nil
}

func (c *Converter) addDetails(extension string, kinds map[string]*blockKind) error {
	types, err := c.types(extension, "")
	if err != nil {
		return err
	}

	add := func(name string, t blockType, options map[string]func(any) (any, bool)) {
		kinds[name] = &blockKind{argument: "optional", options: options, create: func(_ *page, parent *tree.Element, b *block) *tree.Element {
			class, title, hasTitle := b.titled(t)
			box := parent.Add("details")

			if b.options["open"] == true {
				box.Set("open", "open")
			}

			if class != "" {
				box.Set("class", class)
			}

			if hasTitle {
				box.Add("summary").SetText(title)
			}

			return box
		}}
	}
	add("details", blockType{}, map[string]func(any) (any, bool){"open": anyBool, "type": identifier})

	for _, t := range types {
		add(t.name, t, map[string]func(any) (any, bool){"open": anyBool})
	}

	return nil
}

func (c *Converter) addTabs(_ string, kinds map[string]*blockKind) error {
	kinds["tab"] = &blockKind{
		argument: "required",
		options:  map[string]func(any) (any, bool){"new": anyBool, "select": anyBool},
		create: func(p *page, parent *tree.Element, b *block) *tree.Element {
			set := p.addTab(c.blockTabs, &p.blocks.tabSets, parent, b.argument, b.options["new"] == true, b.options["select"] == true)
			b.tab = c.blockTabs.content(set)

			return set
		},
		content: func(b *block) *tree.Element { return b.tab },
	}

	return nil
}

func (c *Converter) addDefinitions(_ string, kinds map[string]*blockKind) error {
	kinds["define"] = &blockKind{
		argument: "forbidden",
		create:   func(_ *page, parent *tree.Element, _ *block) *tree.Element { return parent.Add("dl") },
		end: func(_ *page, b *block) {
			var kept []*tree.Element

			for _, child := range b.element.Children {
				switch strings.ToLower(child.Tag) {
				case "dt", "dd":
					kept = append(kept, child)
				case "ul", "ol":
					for _, item := range child.Children {
						item.Tag = "dd"
						kept = append(kept, item)
					}
				case "p":
					child.Tag = "dt"
					kept = append(kept, child)
				default:
					term := tree.New("dt")
					term.Append(child)
					kept = append(kept, term)
				}
			}

			b.element.Children = kept
		},
	}

	return nil
}
