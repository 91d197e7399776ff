package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/mkdocs"
	"github.com/portico-dev/portico/techdocs/site"
)

// docsGenerator generates sites for whoever runs the command: mkdocs.yml may name the variables of their environment. A site that needs
// MkDocs is built with it where it is installed.
func docsGenerator() (techdocs.Generator, error) {
	environment := map[string]string{}
	for _, pair := range os.Environ() {
		if name, value, is := strings.Cut(pair, "="); is {
			environment[name] = value
		}
	}
	own, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find Portico's own program: %w", err)
	}
	return mkdocs.Choosing{Native: site.New(site.Config{Env: environment}), MkDocs: mkdocs.New(mkdocs.Config{Confiner: []string{own, confineName}})}, nil
}
