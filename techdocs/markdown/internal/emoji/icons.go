package emoji

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"io"
	"slices"
	"strings"
	"sync"
)

// icons.zip has the icons that come with mkdocs-material. Each file in it has a line for each of 100 icons: name, tab, SVG. It is called as
// its first icon. tools/techdocs-tables makes it.
//
// Material Design Icons (material-…) are under the Apache License 2.0, Octicons (octicons-…) copyright GitHub, Inc. under the MIT license,
// Simple Icons (simple-…) under CC0 1.0, and Font Awesome Free (fontawesome-…) copyright Fonticons, Inc. under CC BY 4.0, which each of
// its icons says in a comment.
//
//go:embed icons.zip
var iconArchive []byte

// maxIconPart is the size of the largest file in the archive.
const maxIconPart = 2 << 20

type iconPart struct {
	first string
	load  func() map[string]string
}

var iconParts = sync.OnceValue(func() []iconPart {
	archive, err := zip.NewReader(bytes.NewReader(iconArchive), int64(len(iconArchive)))
	if err != nil {
		panic("icons.zip is damaged: " + err.Error()) // it is part of the program
	}

	parts := make([]iconPart, 0, len(archive.File))
	for _, file := range archive.File {
		parts = append(parts, iconPart{file.Name, sync.OnceValue(func() map[string]string { return readIcons(file) })})
	}

	return parts
})

func readIcons(file *zip.File) map[string]string {
	reader, err := file.Open()
	if err != nil {
		panic("icons.zip is damaged: " + err.Error())
	}
	defer reader.Close()

	text, err := io.ReadAll(io.LimitReader(reader, maxIconPart))
	if err != nil {
		panic("icons.zip is damaged: " + err.Error())
	}

	icons := map[string]string{}

	for line := range strings.Lines(string(text)) {
		name, svg, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		icons[name] = svg
	}

	return icons
}

// Icon is the SVG of an icon of mkdocs-material by its name with colons, such as ":material-account:". It is empty if there is none.
func Icon(name string) string {
	name = strings.Trim(name, ":")
	parts := iconParts()

	at, found := slices.BinarySearchFunc(parts, name, func(part iconPart, name string) int { return strings.Compare(part.first, name) })
	if !found {
		at--
	}

	if at < 0 {
		return ""
	}

	return parts[at].load()[name]
}
