package main

import (
	"os"
	"strings"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site"
)

// docsGenerator generates sites for whoever runs the command: mkdocs.yml may name the variables of their environment.
func docsGenerator() techdocs.Generator {
	environment := map[string]string{}
	for _, pair := range os.Environ() {
		if name, value, is := strings.Cut(pair, "="); is {
			environment[name] = value
		}
	}
	return site.New(site.Config{Env: environment})
}
