package mkdocs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/techdocs"
)

// Permit is what sites may use, with the meaning of Backstage's techdocs.generator.mkdocs.
type Permit struct {
	// DefaultPlugins are added to each site, and permitted.
	DefaultPlugins []string
	// Plugins and Keys are permitted in addition to those that are known to be harmless.
	Plugins, Keys []string
	// OmitCore does not add the plugin techdocs-core.
	OmitCore bool
	// DisableExternalFonts leaves out the fonts that pages fetch from Google.
	DisableExternalFonts bool
}

// keys of mkdocs.yml that are permitted, as in Backstage, and INHERIT, which is resolved here.
var keys = strings.Fields(`site_name site_url site_description site_author repo_url repo_name edit_uri edit_uri_template docs_dir site_dir nav
	exclude_docs not_in_nav theme plugins markdown_extensions extra extra_css use_directory_urls strict dev_addr watch copyright remote_branch
	remote_name validation google_analytics`)

// themeKeys are those of theme; custom_dir, which has templates that run code, is not one.
var themeKeys = strings.Fields("name font icon logo favicon language direction palette features")

// plugins that are permitted, as in Backstage.
var plugins = strings.Fields("techdocs-core search material/search redirects group material/group")

// core is the plugin that every site of TechDocs has.
const core = "techdocs-core"

// pythonNames are the tags that name a function of Python's packages for Markdown. Others could call anything.
var pythonNames = regexp.MustCompile(`^tag:yaml\.org,2002:python/(name:|object/apply:)(` +
	`material(x)?\.(extensions\.)?emoji\.(twemoji|to_svg)|` +
	`pymdownx\.emoji\.(emojione|gemoji|twemoji|to_png|to_svg|to_png_sprite|to_svg_sprite|to_alt)|` +
	`pymdownx\.slugs\.\w+|` +
	`pymdownx\.superfences\.(fence_code_format|fence_div_format)|` +
	`pymdownx\.arithmatex\.\w+|` +
	`markdown\.extensions\.toc\.slugify(_unicode)?)$`)

// site is a prepared source.
type site struct {
	// file is the name of its configuration.
	file string
	// docs is the folder of its pages, relative to the source, with slashes.
	docs string
	// original is what its author wrote: the program gets a changed one.
	original []byte
	// lines has where its keys are.
	lines map[string]int
}

// mistake is what an author did wrong in the configuration.
type mistake struct{ problem techdocs.Problem }

func (m *mistake) Error() string { return m.problem.Message }

func mistaken(file string, line int, format string, args ...any) error {
	return &mistake{problem: techdocs.Problem{Severity: "error", File: file, Line: line, Message: fmt.Sprintf(format, args...)}}
}

// maxSettings is the size of a configuration file.
const maxSettings = 1 << 20

// prepare writes the configuration that the program gets over that of the copied source.
func (b *build) prepare() (site, error) {
	root, err := os.OpenRoot(b.places.source)
	if err != nil {
		return site{}, err
	}
	defer root.Close()
	s, document, err := load(root, b.options.SiteName)
	if err != nil {
		return site{}, err
	}
	p := patch{permit: b.config.Permit, options: b.options, file: s.file, warn: b.problem}
	p.apply(document)
	if s.docs, err = docsFolder(root, s.file, document); err != nil {
		return site{}, err
	}
	if b.options.CopyReadme {
		if err := copyReadme(root, s.docs); err != nil {
			return site{}, err
		}
	}
	content, err := yaml.Marshal(document)
	if err != nil {
		return site{}, fmt.Errorf("write %s: %w", s.file, err)
	}
	// A symbolic link would be written through, a file of another mode could be unreadable.
	if err := root.Remove(s.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return site{}, fmt.Errorf("replace %s: %w", s.file, err)
	}
	if err := errors.Join(root.WriteFile(s.file, content, 0o644), root.Chmod(s.file, 0o644)); err != nil {
		return site{}, fmt.Errorf("write %s: %w", s.file, err)
	}
	return s, nil
}

// load reads the configuration, with what it inherits, or makes one.
func load(root *os.Root, siteName string) (site, *yaml.Node, error) {
	for _, name := range []string{"mkdocs.yaml", "mkdocs.yml"} {
		if _, err := root.Stat(name); err == nil {
			document, err := read(root, name, map[string]bool{})
			if err != nil {
				return site{}, nil, err
			}
			s := site{file: name, lines: map[string]int{}}
			if s.original, err = readLimited(root, name); err != nil {
				return site{}, nil, err
			}
			for i := 0; i+1 < len(document.Content); i += 2 {
				s.lines[document.Content[i].Value] = document.Content[i].Line
			}
			return s, document, nil
		}
	}
	if siteName == "" {
		siteName = "Documentation Site"
	}
	document := &yaml.Node{Kind: yaml.MappingNode}
	set(document, "site_name", text(siteName))
	set(document, "docs_dir", text("docs"))
	return site{file: "mkdocs.yml"}, document, nil
}

// yamlLine is how the parser writes the place of a mistake.
var yamlLine = regexp.MustCompile(`line (\d+): `)

// read parses a file. Files that inherit from each other are merged, the later over the earlier, as MkDocs does.
func read(root *os.Root, name string, seen map[string]bool) (*yaml.Node, error) {
	if seen[name] || len(seen) > 8 {
		return nil, mistaken(name, 0, "The files that INHERIT names lead back to %s, or there are more than eight.", name)
	}
	seen[name] = true
	content, err := readLimited(root, name)
	if err != nil {
		return nil, err
	}
	var file yaml.Node
	if err := yaml.Unmarshal(content, &file); err != nil {
		message, line := err.Error(), 0
		if found := yamlLine.FindStringSubmatch(message); found != nil {
			line, _ = strconv.Atoi(found[1])
		}
		return nil, mistaken(name, line, "This is not valid YAML: %s", strings.TrimPrefix(yamlLine.ReplaceAllString(message, ""), "yaml: "))
	}
	if len(file.Content) == 0 || file.Content[0].Kind != yaml.MappingNode {
		return nil, mistaken(name, 1, "The configuration has to be a mapping, such as site_name: Handbook.")
	}
	document := file.Content[0]
	if err := refusePython(name, document); err != nil {
		return nil, err
	}
	parent := remove(document, "INHERIT")
	if parent == nil {
		return document, nil
	}
	inherited, err := read(root, path.Join(path.Dir(name), parent.Value), seen)
	if err != nil {
		return nil, err
	}
	merge(inherited, document)
	return inherited, nil
}

func readLimited(root *os.Root, name string) ([]byte, error) {
	file, err := root.Open(name)
	if err != nil {
		return nil, mistaken(name, 0, "%s cannot be read: it is missing, or outside of the source.", name)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxSettings+1))
	if err != nil {
		return nil, mistaken(name, 0, "%s cannot be read: it is not a file.", name)
	}
	if len(content) > maxSettings {
		return nil, mistaken(name, 0, "%s has more than %d MiB, the limit.", name, maxSettings>>20)
	}
	return bytes.TrimPrefix(content, []byte("\ufeff")), nil
}

// refusePython refuses tags that make Python call or import what an author names.
func refusePython(file string, node *yaml.Node) error {
	if tag := node.LongTag(); strings.HasPrefix(tag, "tag:yaml.org,2002:python/") && !pythonNames.MatchString(tag) {
		return mistaken(file, node.Line, "The tag !!%s is not permitted.", strings.TrimPrefix(tag, "tag:yaml.org,2002:"))
	}
	for _, child := range node.Content {
		if err := refusePython(file, child); err != nil {
			return err
		}
	}
	return nil
}

// docsFolder is docs_dir, which has to be in the source.
func docsFolder(root *os.Root, file string, document *yaml.Node) (string, error) {
	value := get(document, "docs_dir")
	if value == nil || value.Tag == "!ENV" {
		return "docs", nil
	}
	folder := path.Clean(filepath.ToSlash(value.Value))
	if value.Kind != yaml.ScalarNode || !filepath.IsLocal(filepath.FromSlash(folder)) {
		return "", mistaken(file, value.Line, "docs_dir has to be a folder of the source, not %q.", value.Value)
	}
	if _, err := root.Stat(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", mistaken(file, value.Line, "docs_dir %q leads out of the source.", value.Value)
	}
	return folder, nil
}

// copyReadme makes a README the first page of a site that has none, as techdocs-cli does.
func copyReadme(root *os.Root, docs string) error {
	index := path.Join(docs, "index.md")
	if _, err := root.Stat(index); err == nil {
		return nil
	}
	for _, name := range []string{path.Join(docs, "README.md"), path.Join(docs, "readme.md"), "README.md", "readme.md"} {
		content, err := root.ReadFile(name)
		if err != nil {
			continue
		}
		if err := root.MkdirAll(docs, readable); err != nil {
			return fmt.Errorf("make %s: %w", docs, err)
		}
		return errors.Join(root.WriteFile(index, content, 0o644), root.Chmod(index, 0o644))
	}
	return nil
}

// patch cuts a configuration down to what is permitted, and adds what every site has.
type patch struct {
	permit  Permit
	options techdocs.Options
	file    string
	warn    func(techdocs.Problem)
}

func (p *patch) leftOut(node *yaml.Node, what, where string) {
	p.warn(techdocs.Problem{
		Severity: "warning", File: p.file, Line: node.Line,
		Message: fmt.Sprintf("%s is not permitted and was left out. An administrator can permit it in techdocs.generator.mkdocs.%s.", what, where),
	})
}

func (p *patch) apply(document *yaml.Node) {
	p.filter(document, func(key *yaml.Node) bool {
		if slices.Contains(keys, key.Value) || slices.Contains(p.permit.Keys, key.Value) {
			return true
		}
		p.leftOut(key, "The key "+key.Value, "dangerouslyAllowAdditionalKeys")
		return false
	})
	if theme := get(document, "theme"); theme != nil && !slices.Contains(p.permit.Keys, "theme") {
		p.filter(theme, func(key *yaml.Node) bool {
			if slices.Contains(themeKeys, key.Value) {
				return true
			}
			p.leftOut(key, "The key theme."+key.Value, "dangerouslyAllowAdditionalKeys, by the word theme")
			return false
		})
	}
	if get(document, "repo_url") == nil && p.options.RepoURL != "" {
		set(document, "repo_url", text(p.options.RepoURL))
	}
	if get(document, "edit_uri") == nil && p.options.EditURI != "" {
		set(document, "edit_uri", text(p.options.EditURI))
	}
	p.extensions(get(document, "markdown_extensions"))
	p.plugins(document)
	if p.permit.DisableExternalFonts {
		theme := get(document, "theme")
		if theme == nil || theme.Kind != yaml.MappingNode {
			theme = &yaml.Node{Kind: yaml.MappingNode}
			set(theme, "name", text("material"))
			set(document, "theme", theme)
		}
		set(theme, "font", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "false"})
	}
}

// filter keeps the keys of a mapping that keep accepts.
func (p *patch) filter(mapping *yaml.Node, keep func(key *yaml.Node) bool) {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return
	}
	var kept []*yaml.Node
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if keep(mapping.Content[i]) {
			kept = append(kept, mapping.Content[i], mapping.Content[i+1])
		}
	}
	mapping.Content = kept
}

// named calls keep for each item of a list of names that may have settings, in all forms that MkDocs takes, and removes those that it
// does not accept.
func (p *patch) named(list *yaml.Node, keep func(name, settings *yaml.Node) bool) {
	if list == nil {
		return
	}
	if list.Kind == yaml.MappingNode {
		var kept []*yaml.Node
		for i := 0; i+1 < len(list.Content); i += 2 {
			if keep(list.Content[i], list.Content[i+1]) {
				kept = append(kept, list.Content[i], list.Content[i+1])
			}
		}
		list.Content = kept
		return
	}
	var kept []*yaml.Node
	for _, item := range list.Content {
		resolved := item
		if item.Kind == yaml.AliasNode {
			resolved = item.Alias
		}
		switch {
		case resolved.Kind == yaml.MappingNode:
			if p.named(resolved, keep); len(resolved.Content) > 0 {
				kept = append(kept, item)
			}
		case keep(resolved, nil):
			kept = append(kept, item)
		}
	}
	list.Content = kept
}

// extensions removes those that name a class, and programs that the PlantUML extension would start.
func (p *patch) extensions(list *yaml.Node) {
	p.named(list, func(name, settings *yaml.Node) bool {
		if strings.Contains(name.Value, ":") {
			p.warn(techdocs.Problem{Severity: "warning", File: p.file, Line: name.Line, Message: "The extension " + name.Value + " names a class and was left out."})
			return false
		}
		if settings != nil && settings.Kind == yaml.MappingNode {
			remove(settings, "plantuml_cmd")
		}
		return true
	})
}

// plugins removes those that are not permitted, also from groups, and adds the default ones.
func (p *patch) plugins(document *yaml.Node) {
	wanted := slices.Clone(p.permit.DefaultPlugins)
	if !p.permit.OmitCore && !slices.Contains(wanted, core) {
		wanted = append(wanted, core)
	}
	list := get(document, "plugins")
	if list == nil || list.Kind == yaml.ScalarNode {
		list = &yaml.Node{Kind: yaml.SequenceNode}
		set(document, "plugins", list)
	}
	var present []string
	var keep func(name, settings *yaml.Node) bool
	keep = func(name, settings *yaml.Node) bool {
		if !slices.Contains(plugins, name.Value) && !slices.Contains(p.permit.Plugins, name.Value) && !slices.Contains(p.permit.DefaultPlugins, name.Value) {
			p.leftOut(name, "The plugin "+name.Value, "dangerouslyAllowAdditionalPlugins")
			return false
		}
		present = append(present, name.Value)
		if strings.HasSuffix(name.Value, "group") && settings != nil {
			p.named(get(settings, "plugins"), keep)
		}
		return true
	}
	p.named(list, keep)
	for _, name := range wanted {
		if slices.Contains(present, name) {
			continue
		}
		if list.Kind == yaml.MappingNode {
			set(list, name, &yaml.Node{Kind: yaml.MappingNode})
		} else {
			list.Content = append(list.Content, text(name))
		}
	}
}

func text(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

func get(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			if value := mapping.Content[i+1]; value.Kind == yaml.AliasNode {
				return value.Alias
			}
			return mapping.Content[i+1]
		}
	}
	return nil
}

func set(mapping *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content[i+1] = value
			return
		}
	}
	mapping.Content = append(mapping.Content, text(key), value)
}

func remove(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			value := mapping.Content[i+1]
			mapping.Content = slices.Delete(mapping.Content, i, i+2)
			return value
		}
	}
	return nil
}

// merge puts the keys of a mapping over another's, and mappings into each other.
func merge(into, from *yaml.Node) {
	for i := 0; i+1 < len(from.Content); i += 2 {
		key, value := from.Content[i], from.Content[i+1]
		if present := get(into, key.Value); present != nil && present.Kind == yaml.MappingNode && value.Kind == yaml.MappingNode {
			merge(present, value)
			continue
		}
		set(into, key.Value, value)
	}
}
