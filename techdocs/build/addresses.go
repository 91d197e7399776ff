package build

import (
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxConfig bounds an mkdocs.yml that is looked into here.
const maxConfig = 1 << 20

// addresses are the repository's page for people and the form in which a page of the documentation is edited. They stand in for what
// mkdocs.yml does not say. "" is none.
func (m *making) addresses(target string) (repoURL, editURI string) {
	edited, there := m.Hosts.EditURL(strings.TrimRight(target, "/") + "/" + m.docsDir() + "/")
	if !there {
		return target, ""
	}
	return target, strings.TrimRight(edited, "/") + "/"
}

// docsDir is the folder of the pages as mkdocs.yml says. What is wrong with the file is reported when it is read for the site.
func (m *making) docsDir() string {
	const usual = "docs"
	root, err := os.OpenRoot(m.sources())
	if err != nil {
		return usual
	}
	defer root.Close()
	for _, name := range []string{"mkdocs.yaml", "mkdocs.yml"} {
		if info, err := root.Stat(name); err != nil || info.Size() > maxConfig {
			continue
		}
		content, err := root.ReadFile(name)
		if err != nil {
			continue
		}
		var said struct {
			DocsDir string `yaml:"docs_dir"`
		}
		_ = yaml.Unmarshal(content, &said) // tags of Python are kept as text or refused, and the rest is as usual
		if said.DocsDir != "" && filepath.IsLocal(said.DocsDir) {
			return filepath.ToSlash(filepath.Clean(said.DocsDir))
		}
		return usual
	}
	return usual
}
