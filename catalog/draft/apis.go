package draft

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// apiFiles are the names of files that describe APIs, with the type of the API.
var apiFiles = []struct {
	name *regexp.Regexp
	kind string
}{
	{regexp.MustCompile(`(?i)^(?:.*[-_.])?(?:openapi|swagger)(?:[-_.].*)?\.(?:ya?ml|json)$`), "openapi"},
	{regexp.MustCompile(`(?i)^(?:.*[-_.])?asyncapi(?:[-_.].*)?\.(?:ya?ml|json)$`), "asyncapi"},
	{regexp.MustCompile(`(?i)^(?:.*[-_.])?schema\.(?:graphql|gql|graphqls)$`), "graphql"},
}

// apiKind is the type of the API that a file describes by its name, "" for other files.
func apiKind(name string) string {
	for _, one := range apiFiles {
		if one.name.MatchString(path.Base(name)) {
			return one.kind
		}
	}
	return ""
}

// marks are what a description of an API contains: a file with the name alone is none.
var marks = map[string]*regexp.Regexp{
	"openapi":  regexp.MustCompile(`(?m)["']?\b(?:openapi|swagger)["']?\s*:\s*["']?[23]`),
	"asyncapi": regexp.MustCompile(`(?m)["']?\basyncapi["']?\s*:\s*["']?[1-9]`),
	"graphql":  regexp.MustCompile(`(?m)^\s*(?:extend\s+)?(?:type|schema|interface|union|enum|input|scalar|directive)\b`),
}

// apis are the APIs that the files of the repository describe.
func (d *drafting) apis() []api {
	var found []string
	for name, content := range d.of.Contents {
		if kind := apiKind(name); kind != "" && !isVendored(name) && marks[kind].Match(content) {
			found = append(found, name)
		}
	}
	slices.SortFunc(found, shallowFirst)
	found = found[:min(len(found), maxAPIs)]
	made := make([]api, len(found))
	for i, name := range found {
		made[i] = api{APIVersion: "backstage.io/v1alpha1", Kind: "API"}
		made[i].Metadata.Name = d.apiName(name, made[:i])
		made[i].Spec = apiSpec{Type: apiKind(name), Lifecycle: d.fieldOr("spec.lifecycle"), Owner: d.fieldOr("spec.owner"),
			Definition: definition{"./" + name}}
		d.suggest("spec.providesApis", made[i].Metadata.Name, "There is a "+name)
	}
	return made
}

// fieldOr is the value that was suggested for a field of the Component, or Unknown.
func (d *drafting) fieldOr(name string) string {
	for _, field := range d.fields {
		if field.Field == name && field.Value != nil {
			return *field.Value
		}
	}
	return Unknown
}

// apiName is the name of the only API, or one with the directory or the name of its file, that no other has.
func (d *drafting) apiName(file string, others []api) string {
	base := d.fieldOr("metadata.name")
	if base == Unknown {
		base = "component"
	}
	taken := names(others)
	for _, suffix := range []string{"-api", "-" + stem(path.Base(path.Dir(file))) + "-api", "-" + stem(path.Base(file)), "-" + stem(file)} {
		name := strings.Trim(base[:min(len(base), max(0, 63-len(suffix)))]+suffix, "-_.")
		if len(name) <= 63 && !slices.Contains(taken, name) {
			return name
		}
	}
	for n := 2; ; n++ {
		name := base[:min(len(base), 50)] + "-api-" + strconv.Itoa(n)
		if !slices.Contains(taken, name) {
			return name
		}
	}
}

// stem is a path as a part of a name.
func stem(name string) string {
	return strings.ToLower(strings.Trim(notInNames.ReplaceAllString(strings.TrimSuffix(name, path.Ext(name)), "-"), "-_."))
}

func names(apis []api) []string {
	var all []string
	for _, one := range apis {
		all = append(all, one.Metadata.Name)
	}
	return all
}
