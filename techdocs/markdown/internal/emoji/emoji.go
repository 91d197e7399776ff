// Package emoji knows the short names of emoji: the indexes emojione, gemoji and twemoji of pymdown-extensions.
//
// The tables are made by tools/techdocs-tables. The names in emojione.txt are copyright EmojiOne, those in gemoji.txt copyright (c) 2019
// GitHub, Inc., and those in twemoji.txt come from both; all of them are under the MIT license, as is pymdown-extensions, copyright (c)
// 2014 - 2025 Isaac Muse.
package emoji

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

// Each line of a table has, with tabs between: the names, the canonical one first; the code points; those for a text, if they differ; the
// category; and the description.
//
//go:embed emojione.txt
var emojioneTable string

//go:embed gemoji.txt
var gemojiTable string

//go:embed twemoji.txt
var twemojiTable string

// An Emoji is one of an index.
type Emoji struct {
	// Name is the canonical short name, with colons.
	Name string
	// Code has the code points as in the names of image files, such as "1f1e6-1f1e8". It is empty for images that are no character.
	Code string
	// Category and Description are words of the index.
	Category, Description string
	text                  string
}

// Text is the emoji itself. Without variation selectors if plain. It is empty if the emoji is no character.
func (e Emoji) Text(plain bool) string {
	var out strings.Builder

	for code := range strings.SplitSeq(e.text, "-") {
		if plain && code == "fe0f" {
			continue
		}

		if char, err := strconv.ParseInt(code, 16, 32); err == nil {
			out.WriteRune(rune(char))
		}
	}

	return out.String()
}

// An Index is a set of emoji.
type Index struct {
	Name string
	load func() map[string]Emoji
}

// Find takes a short name with colons.
func (i Index) Find(name string) (Emoji, bool) {
	found, ok := i.load()[strings.Trim(name, ":")]

	return found, ok
}

// The indexes.
var (
	EmojiOne = Index{"emojione", sync.OnceValue(func() map[string]Emoji { return read(emojioneTable) })}
	Gemoji   = Index{"gemoji", sync.OnceValue(func() map[string]Emoji { return read(gemojiTable) })}
	Twemoji  = Index{"twemoji", sync.OnceValue(func() map[string]Emoji { return read(twemojiTable) })}
)

func read(table string) map[string]Emoji {
	emoji := make(map[string]Emoji, strings.Count(table, "\n")*3/2)

	for line := range strings.Lines(table) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		names := strings.Fields(fields[0])

		entry := Emoji{Name: ":" + names[0] + ":", Code: fields[1], Category: fields[3], Description: fields[4], text: fields[2]}
		if entry.text == "" {
			entry.text = entry.Code
		}

		for _, name := range names {
			emoji[name] = entry
		}
	}

	return emoji
}
