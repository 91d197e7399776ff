package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// token is a static token of externalAccess in both systems.
const token = "benchmark-0123456789"

const (
	threeLogs = "bench-three-logs"
	skeleton  = "bench-skeleton"
)

const templateFile = `apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: { name: ` + threeLogs + ` }
spec:
  type: service
  parameters: { properties: { name: { type: string } } }
  steps:
    - { id: one, name: One, action: 'debug:log', input: { message: 'one ${{ parameters.name }}' } }
    - { id: two, name: Two, action: 'debug:log', input: { message: 'two ${{ parameters.name }}' } }
    - { id: three, name: Three, action: 'debug:log', input: { message: 'three ${{ parameters.name }}' } }
---
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: { name: ` + skeleton + ` }
spec:
  type: service
  parameters: { properties: { name: { type: string } } }
  steps:
    - id: fetch
      name: Fetch
      action: fetch:template
      input:
        url: ./skeleton
        values: { name: '${{ parameters.name }}', owner: team-a, languages: [go, ts, java], docs: true }
`

// writeTemplates writes the templates that both systems run, and returns the path of the file that lists
// them.
func writeTemplates(directory string, files int) (string, error) {
	for i := range files {
		path := filepath.Join(directory, "skeleton", fmt.Sprintf("part-%d", i/20), skeletonName(i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(skeletonFile(i)), 0o644); err != nil {
			return "", err
		}
	}
	path := filepath.Join(directory, "templates.yaml")
	return path, os.WriteFile(path, []byte(templateFile), 0o644)
}

func skeletonName(i int) string {
	if i%25 == 0 {
		return fmt.Sprintf("${{ values.name }}-%d.txt", i)
	}
	return fmt.Sprintf("file-%d.txt", i)
}

// skeletonFile is about two kilobytes of text. Every second file has expressions, every tenth a loop and a
// condition as well.
func skeletonFile(i int) string {
	const size = 2048
	var b strings.Builder
	tagged := i%2 == 0
	if tagged {
		b.WriteString("name: ${{ values.name }}\nowner: ${{ values.owner | upper }}\nmodule: ${{ values.name | replace(\"-\", \"_\") }}\n")
	}
	if i%10 == 0 {
		b.WriteString("{% for l in values.languages %}\n- ${{ loop.index }} ${{ l }}{% if l == \"go\" %} (compiled){% else %} (other){% endif %}\n" +
			"{% endfor %}\n{% if values.docs %}docs: true\n{% endif %}\n")
	}
	for line := 0; b.Len() < size; line++ {
		if tagged && line%8 == 7 {
			b.WriteString("of ${{ values.name }}: ")
		}
		fmt.Fprintf(&b, "line %d of a text that says nothing and is here to be copied from one place to another\n", line)
	}
	return b.String()
}

// readable is the host from which the systems may read files, as an item of backend.reading.allow; "" without a catalog.
func (o options) readable() string {
	if o.catalog == nil {
		return ""
	}
	return "{ host: '" + o.catalog.host + "' }"
}

// writeConfig writes a system's configuration: the listen address, the token, and the templates.
// The system may read the host of the catalog, when there is one.
func writeConfig(path, templates, readable string, port int) error {
	config := fmt.Sprintf(`app:
  baseUrl: http://127.0.0.1:%[1]d
backend:
  baseUrl: http://127.0.0.1:%[1]d
  listen: { host: 127.0.0.1, port: %[1]d }
  reading: { allow: [%[4]s] }
  auth:
    externalAccess:
      - type: static
        options: { token: %[2]s, subject: benchmark }
# Each component of the catalog says that it has documentation. Nobody asks for it.
techdocs: { builder: external }
catalog:
  rules:
    - allow: [Component, System, API, Resource, Location, Group, User, Domain, Template]
  locations:
    - type: file
      target: %[3]s
`, port, token, templates, readable)
	return os.WriteFile(path, []byte(config), 0o600)
}
