// Package draft drafts descriptors of repositories that have none, from what is in them: the languages of their
// files, CODEOWNERS, mkdocs.yml, a Dockerfile, descriptions of APIs. It reads nothing itself, and it guesses
// nothing that it cannot show the reason for.
package draft

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
)

// Repository is what is known of a repository.
type Repository struct {
	// Name is the name of the repository, Description what its host says of it.
	Name, Description string
	Topics            []string
	// Archived means that nobody changes it any more.
	Archived bool
	// SlugAnnotation is the annotation that names the repository for its host's plugins, "" for none, and Slug its value.
	SlugAnnotation, Slug string
	// Files are the paths of all files, with their sizes in bytes; a negative size is unknown.
	Files []File
	// Contents has the content of the files that Wanted asked for.
	Contents map[string][]byte
}

// File is a file of a repository.
type File struct {
	Path string
	Size int64
}

// Draft is a descriptor to be looked at by a person.
type Draft struct {
	// Entities are the Component, and an API for each description of one.
	Entities []entity.Entity
	// Descriptor is the entities as a file.
	Descriptor string
	Fields     []Field
	// Existing are descriptors that the repository has already.
	Existing []string
}

// Field is a field of the Component, and where its value is from.
type Field struct {
	// Field is the path of the field: spec.owner.
	Field string `json:"field"`
	State State  `json:"state" jsonschema:"enum=analysisSuggestedValue,enum=analysisSuggestedNoValue,enum=needsUserInput"`
	// Value is the suggested value, nil without one.
	Value *string `json:"value" jsonschema:"nullable"`
	// Description says why.
	Description string `json:"description"`
}

// State is what a person has to do about a field, in Backstage's words.
type State string

// The states.
const (
	Suggested  State = "analysisSuggestedValue"
	NeedsInput State = "needsUserInput"
)

const (
	// maxAPIs bounds the descriptions of APIs that become entities.
	maxAPIs = 10
	// maxTags bounds the tags of a Component.
	maxTags = 10
	// maxFiles bounds the files that are looked at.
	maxFiles = 100_000
	// Unknown is a value that nothing in the repository tells.
	Unknown = "unknown"
)

// DescriptorNames are the names of descriptors that are looked for.
func DescriptorNames() []string { return []string{"catalog-info.yaml", "catalog-info.yml"} }

func isDescriptor(name string) bool {
	return slices.Contains(DescriptorNames(), path.Base(name)) && !isVendored(name)
}

// Wanted are the files whose content a draft needs.
func Wanted(files []File) []string {
	var wanted []string
	for _, file := range files[:min(len(files), maxFiles)] {
		if isCodeOwners(file.Path) || isDescriptor(file.Path) || apiKind(file.Path) != "" && !isVendored(file.Path) {
			wanted = append(wanted, file.Path)
		}
	}
	slices.SortFunc(wanted, shallowFirst)
	return wanted
}

// shallowFirst sorts paths by their depth, then by name.
func shallowFirst(a, b string) int {
	if depth := strings.Count(a, "/") - strings.Count(b, "/"); depth != 0 {
		return depth
	}
	return strings.Compare(a, b)
}

// New drafts a descriptor.
func New(of Repository) Draft {
	of.Files = of.Files[:min(len(of.Files), maxFiles)]
	d := drafting{of: of, paths: map[string]bool{}}
	for _, file := range of.Files {
		d.paths[file.Path] = true
	}
	var draft Draft
	for _, file := range of.Files {
		if isDescriptor(file.Path) {
			draft.Existing = append(draft.Existing, file.Path)
		}
	}
	slices.SortFunc(draft.Existing, shallowFirst)
	component, apis := d.component(), d.apis()
	component.Spec.ProvidesAPIs = names(apis)
	draft.Fields = d.fields
	draft.write(component, apis)
	return draft
}

// drafting is the making of one draft.
type drafting struct {
	of     Repository
	paths  map[string]bool
	fields []Field
}

func (d *drafting) suggest(field, value, reason string) string {
	d.fields = append(d.fields, Field{field, Suggested, &value, reason})
	return value
}

func (d *drafting) ask(field, value, reason string) string {
	d.fields = append(d.fields, Field{field, NeedsInput, nil, reason})
	return value
}

func (d *drafting) has(names ...string) (string, bool) {
	for _, name := range names {
		if d.paths[name] {
			return name, true
		}
	}
	return "", false
}

func (d *drafting) component() component {
	languages := languagesOf(d.of.Files)
	made := component{APIVersion: "backstage.io/v1alpha1", Kind: "Component"}
	made.Metadata.Name = d.name()
	made.Metadata.Description = strings.TrimSpace(d.of.Description)
	made.Metadata.Annotations = d.annotations()
	made.Metadata.Tags = d.tags(languages)
	made.Spec.Type = d.specType(languages)
	made.Spec.Lifecycle = d.lifecycle()
	made.Spec.Owner = d.owner()
	return made
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// name is the name of the repository as an entity may have it.
func (d *drafting) name() string {
	name := strings.Trim(notInNames.ReplaceAllString(d.of.Name, "-"), "-_.")
	if len(name) > 63 {
		name = strings.Trim(name[:63], "-_.")
	}
	if name == "" {
		return d.ask("metadata.name", "component", "The name of the repository has no letter or digit")
	}
	return d.suggest("metadata.name", name, "The name of the repository")
}

func (d *drafting) annotations() map[string]string {
	annotations := map[string]string{}
	if d.of.SlugAnnotation != "" {
		annotations[d.of.SlugAnnotation] = d.of.Slug
	}
	if file, found := d.has("mkdocs.yml", "mkdocs.yaml"); found {
		annotations["backstage.io/techdocs-ref"] = "dir:."
		d.suggest("metadata.annotations.backstage.io/techdocs-ref", "dir:.", "There is a "+file)
	}
	return annotations
}

var (
	notInTags = regexp.MustCompile(`[^a-z0-9:+#]+`)
	isTag     = regexp.MustCompile(`^[a-z0-9:+#]+(-[a-z0-9:+#]+)*$`)
)

func (d *drafting) tags(languages []string) []string {
	var tags []string
	for _, word := range slices.Concat(languages, d.of.Topics) {
		tag := strings.Trim(notInTags.ReplaceAllString(strings.ToLower(word), "-"), "-")
		if len(tag) <= 63 && isTag.MatchString(tag) && !slices.Contains(tags, tag) && len(tags) < maxTags {
			tags = append(tags, tag)
		}
	}
	if len(tags) > 0 {
		d.suggest("metadata.tags", strings.Join(tags, ", "), "The languages of the files, and the topics of the repository")
	}
	return tags
}

// manifests are files at the root of a repository that tell its type, the first that is there.
var manifests = []struct {
	files    []string
	specType string
}{
	{[]string{"Dockerfile", "Containerfile", "Procfile", "docker-compose.yml", "compose.yaml"}, "service"},
	{[]string{"next.config.js", "next.config.mjs", "next.config.ts", "vite.config.js", "vite.config.ts", "angular.json", "nuxt.config.ts", "index.html", "hugo.toml", "_config.yml"}, "website"},
	{[]string{"go.mod", "package.json", "pom.xml", "build.gradle", "build.gradle.kts", "pyproject.toml", "setup.py", "Cargo.toml", "Gemfile", "composer.json", "mix.exs", "Package.swift"}, "library"},
	{[]string{"mkdocs.yml", "mkdocs.yaml"}, "documentation"},
}

func (d *drafting) specType(languages []string) string {
	for _, one := range manifests {
		if file, found := d.has(one.files...); found {
			return d.suggest("spec.type", one.specType, "There is a "+file)
		}
	}
	if len(languages) == 0 && len(d.of.Files) > 0 {
		return d.suggest("spec.type", "documentation", "There is no code")
	}
	return d.ask("spec.type", "other", "Nothing in the repository tells its type")
}

func (d *drafting) lifecycle() string {
	if d.of.Archived {
		return d.suggest("spec.lifecycle", "deprecated", "The repository is archived")
	}
	return d.ask("spec.lifecycle", Unknown, "Is it experimental, production or deprecated?")
}

func (d *drafting) owner() string {
	for _, file := range codeOwnersFiles {
		content, found := d.of.Contents[file]
		if !found {
			continue
		}
		if owner := ownerOf(string(content)); owner != "" {
			return d.suggest("spec.owner", owner, "The owner of everything in "+file)
		}
		return d.ask("spec.owner", Unknown, file+" names no team or person for everything")
	}
	return d.ask("spec.owner", Unknown, "There is no CODEOWNERS file")
}
