package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// prepare copies a tree, and takes from its mkdocs.yml what would stop MkDocs here for a reason besides the pages: plugins and extensions that
// are not installed, folders outside the tree, and the wish that warnings are errors.
func prepare(tree, to string, without []string) error {
	if err := os.CopyFS(to, os.DirFS(tree)); err != nil {
		return fmt.Errorf("copy %s: %w", tree, err)
	}
	if err := withoutTemplates(to); err != nil {
		return err
	}
	path := filepath.Join(to, "mkdocs.yml")
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var file yaml.Node
	if err := yaml.Unmarshal(content, &file); err != nil {
		return err
	}
	if len(file.Content) != 1 || file.Content[0].Kind != yaml.MappingNode {
		return errors.New("mkdocs.yml is not a mapping")
	}
	strip(file.Content[0], without)
	if content, err = yaml.Marshal(&file); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

// withoutTemplates removes the keys of pages that name a template of the site's own theme.
func withoutTemplates(folder string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".md" || !entry.Type().IsRegular() {
			return err
		}
		content, err := root.ReadFile(path)
		if err != nil || !bytes.HasPrefix(content, []byte("---")) || !template.Match(content) {
			return err
		}
		return root.WriteFile(path, template.ReplaceAll(content, nil), 0o600)
	})
}

var template = regexp.MustCompile(`(?m)^template: .*\n`)

// installed are the plugins that both have.
var installed = strings.Fields("techdocs-core search redirects monorepo")

func strip(document *yaml.Node, without []string) {
	var kept []*yaml.Node
	for i := 0; i+1 < len(document.Content); i += 2 {
		key, value := document.Content[i], document.Content[i+1]
		switch key.Value {
		case "strict", "watch", "hooks":
			continue
		case "markdown_extensions":
			drop(value, func(name string) bool { return slices.Contains(without, name) })
		case "plugins":
			drop(value, func(name string) bool { return !slices.Contains(installed, name) })
		}
		kept = append(kept, key, value)
	}
	document.Content = kept
}

// drop removes items of a list of names with or without settings.
func drop(list *yaml.Node, unwanted func(name string) bool) {
	var kept []*yaml.Node
	if list.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(list.Content); i += 2 {
			if !unwanted(list.Content[i].Value) {
				kept = append(kept, list.Content[i], list.Content[i+1])
			}
		}
		list.Content = kept
		return
	}
	for _, item := range list.Content {
		name := item.Value
		if item.Kind == yaml.MappingNode && len(item.Content) > 0 {
			name = item.Content[0].Value
		}
		if !unwanted(name) {
			kept = append(kept, item)
		}
	}
	list.Content = kept
}
