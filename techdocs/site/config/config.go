// Package config reads mkdocs.yml as MkDocs 1.6 and Backstage's TechDocs do, and says in which line and column a mistake is. It reads
// files through its caller and knows nothing about pages.
package config

import (
	"cmp"
	"errors"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site/source"
)

// maxFile is how many bytes a configuration may have. A nav of 10,000 entries has less than one million.
const maxFile = 4 << 20

// Config is a valid mkdocs.yml.
type Config struct {
	// File is the name of the file; empty when there is none.
	File                                                      string
	SiteName, SiteDescription, SiteAuthor, SiteURL, Copyright string
	RepoURL, RepoName, EditURI, EditURITemplate               string
	DocsDir                                                   string
	HasDescription, UseDirectoryURLs, Strict                  bool
	Nav                                                       []NavItem
	ExcludeDocs, DraftDocs, NotInNav                          string
	Theme                                                     Theme
	ExtraCSS                                                  []string
	Extensions                                                []Extension
	Plugins                                                   []Plugin
	UseBlocks                                                 bool
	Validation                                                Validation
	at                                                        map[string]Position
}

// At returns the place of a top-level key, that of the file when it has no such key.
func (c *Config) At(key string) Position {
	if at, is := c.at[key]; is {
		return at
	}

	return Position{File: c.File}
}

// Theme has what is used of the settings of mkdocs-material.
type Theme struct {
	Language, Direction string
	Features            []string
}

// Extension is an extension of Markdown with its options as written.
type Extension struct {
	Name    string
	Options map[string]any
	// Value is where Options come from, for those that hold a Relative. Nil: there are none.
	Value *Value
	At    Position
}

// Plugin is a plugin that this package knows how to replace.
type Plugin struct {
	Name  string
	Value *Value
	At    Position
}

// Level is how loud a message is.
type Level int

// The levels of messages, which are those of "validation" in mkdocs.yml.
const (
	Ignore Level = iota
	Info
	Warn
	// RelativeToDocs resolves absolute links from docs_dir instead of reporting them.
	RelativeToDocs
)

// Severity is the severity of a problem of this level, empty when it is not reported.
func (l Level) Severity() string {
	switch l {
	case Info:
		return techdocs.Info
	case Warn:
		return techdocs.Warning
	default:
		return ""
	}
}

// Validation says how loud each message is.
type Validation struct {
	NavOmitted, NavNotFound, NavAbsolute                          Level
	LinksNotFound, LinksAbsolute, LinksUnrecognized, LinksAnchors Level
}

// Files is what this package reads from the source.
type Files interface {
	ReadFile(name string, limit int64) ([]byte, error)
	IsDir(name string) (bool, error)
}

// Defaults are used where mkdocs.yml says nothing.
type Defaults struct {
	// SiteName is the name of a site without mkdocs.yml.
	SiteName         string
	RepoURL, EditURI string
	// DocsDirMayMiss is true when the caller adds a page where there is no folder of pages.
	DocsDirMayMiss bool
}

// Read finds and reads the configuration in the root of the source. Its problems are complete also when there is an error, of type
// *MistakeError for the first problem of severity error.
func Read(files Files, env Env, defaults Defaults) (*Config, []techdocs.Problem, error) {
	root, name, err := find(files, env)
	if err != nil {
		return nil, mistakes(err), err
	}
	v := &validator{files: files, root: root, defaults: defaults, config: &Config{File: name, at: map[string]Position{}}}
	if name == "" {
		v.root = &Value{IsMap: true, Map: []Entry{{Key: "site_name", Value: &Value{Scalar: cmp.Or(defaults.SiteName, "Documentation Site")}}}}
	}
	v.validate()
	slices.SortStableFunc(v.problems, func(a, b techdocs.Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Message, b.Message))
	})
	v.problems = slices.Compact(v.problems)
	for _, problem := range v.problems {
		if problem.Severity == techdocs.Error {
			return v.config, v.problems, &MistakeError{Problem: problem}
		}
	}

	return v.config, v.problems, nil
}

func mistakes(err error) []techdocs.Problem {
	if mistake, is := errors.AsType[*MistakeError](err); is {
		return []techdocs.Problem{mistake.Problem}
	}

	return nil
}

// find reads mkdocs.yaml, else mkdocs.yml, in the order of Backstage.
func find(files Files, env Env) (*Value, string, error) {
	for _, name := range []string{"mkdocs.yaml", "mkdocs.yml"} {
		root, err := Load(files, name, env)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		if root.IsNull() {
			root.IsMap = true
		}
		if !root.IsMap {
			return nil, "", root.At.mistake("the file must be a mapping of keys to values, not %s", root.kind())
		}

		return root, name, nil
	}

	return nil, "", nil
}

// Load reads a YAML file of the source with what it inherits. An error that wraps fs.ErrNotExist says that there is no such file.
func Load(files Files, name string, env Env) (*Value, error) {
	return load(files, name, env, nil)
}

func load(files Files, name string, env Env, children []string) (*Value, error) {
	at := Position{File: name, Line: 1, Column: 1}
	content, err := files.ReadFile(name, maxFile)
	switch {
	case errors.Is(err, source.ErrTooLarge):
		return nil, at.mistake("the file has more than %d bytes", maxFile)
	case errors.Is(err, source.ErrOutside):
		return nil, at.mistake("the file leads out of the folder of the source, which is not permitted")
	case err != nil:
		return nil, err
	}
	value, err := Parse(name, content, env)
	if err != nil {
		return nil, err
	}
	inherit := value.Get("INHERIT")
	if inherit == nil {
		return value, nil
	}
	value.remove("INHERIT")
	relative, is := inherit.Scalar.(string)
	if !is {
		return nil, inherit.At.mistake("INHERIT must be the path of a file, not %s", inherit.kind())
	}
	parentName, err := source.Clean(path.Join(path.Dir(name), relative))
	if err != nil || path.IsAbs(relative) {
		return nil, inherit.At.mistake("INHERIT leads to %q, which is not in the folder of the source", relative)
	}
	children = append(children, name)
	if slices.Contains(children, parentName) {
		return nil, inherit.At.mistake("the file %q inherits from itself: %s", parentName, strings.Join(append(children, parentName), " → "))
	}
	parent, err := load(files, parentName, env, children)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, inherit.At.mistake("the inherited file %q does not exist", relative)
	}
	if err != nil {
		return nil, err
	}
	if !parent.IsMap {
		return nil, inherit.At.mistake("the inherited file %q must be a mapping of keys to values, not %s", relative, parent.kind())
	}

	return merge(parent, value), nil
}

// merge puts the child over the parent: mappings key by key, everything else as a whole.
func merge(parent, child *Value) *Value {
	if !parent.IsMap || !child.IsMap {
		return child
	}
	merged := &Value{At: child.At, IsMap: true, Map: slices.Clone(parent.Map)}
	places := make(map[string]int, len(parent.Map))
	for at, entry := range parent.Map {
		places[entry.Key] = at
	}
	for _, entry := range child.Map {
		at, is := places[entry.Key]
		if !is {
			merged.Map = append(merged.Map, entry)

			continue
		}
		entry.Value = merge(merged.Map[at].Value, entry.Value)
		merged.Map[at] = entry
	}

	return merged
}

type validator struct {
	files    Files
	root     *Value
	defaults Defaults
	config   *Config
	problems []techdocs.Problem
}

func (v *validator) report(problem techdocs.Problem) { v.problems = append(v.problems, problem) }

func (v *validator) errorf(at Position, format string, args ...any) {
	v.report(at.Problem(techdocs.Error, format, args...))
}

func (v *validator) warnf(at Position, format string, args ...any) {
	v.report(at.Problem(techdocs.Warning, format, args...))
}

// known are the keys that MkDocs has. Those with a false value are read below; those with a true value have no effect on files.
var known = map[string]bool{
	"site_name": false, "nav": false, "pages": false, "exclude_docs": false, "draft_docs": false, "not_in_nav": false, "site_url": false,
	"site_description": false, "site_author": false, "theme": false, "docs_dir": false, "site_dir": true, "copyright": false,
	"google_analytics": false, "dev_addr": true, "use_directory_urls": false, "repo_url": false, "repo_name": false, "edit_uri": false,
	"edit_uri_template": false, "extra_css": false, "extra_javascript": false, "extra_templates": false, "markdown_extensions": false,
	"mdx_configs": false, "strict": false, "remote_branch": true, "remote_name": true, "extra": false, "plugins": false, "hooks": false,
	"watch": true, "validation": false, "config_file_path": false,
}

func (v *validator) validate() {
	for _, entry := range v.root.Map {
		v.config.at[entry.Key] = entry.At
		if _, is := known[entry.Key]; !is {
			v.warnf(entry.At, "the key %q is not known", entry.Key)
		}
	}
	c := v.config
	v.removed()
	c.SiteName = v.text("site_name")
	if v.root.Get("site_name").IsNull() {
		v.errorf(c.At("site_name"), "site_name is missing: it is the name of the site")
	}
	c.SiteDescription, c.SiteAuthor, c.Copyright = v.text("site_description"), v.text("site_author"), v.text("copyright")
	c.HasDescription = !v.root.Get("site_description").IsNull()
	c.ExcludeDocs, c.DraftDocs, c.NotInNav = v.patterns("exclude_docs"), v.patterns("draft_docs"), v.patterns("not_in_nav")
	c.UseDirectoryURLs, c.Strict = v.flag("use_directory_urls", true), v.flag("strict", false)
	c.SiteURL = v.url("site_url")
	if c.SiteURL != "" && !strings.HasSuffix(c.SiteURL, "/") {
		c.SiteURL += "/"
	}
	v.repository()
	v.docsDir()
	c.Nav = v.nav(v.root.Get("nav"))
	v.theme()
	c.ExtraCSS = v.texts("extra_css")
	v.extensions()
	v.plugins()
	v.validation()
}

// removed reports keys that do nothing here, or that MkDocs does not accept.
func (v *validator) removed() {
	for key, message := range map[string]string{
		"pages":            "the key pages was removed from MkDocs; use nav",
		"mdx_configs":      "mdx_configs is for internal use; give options of extensions in markdown_extensions",
		"config_file_path": "config_file_path cannot be set",
	} {
		if !v.root.Get(key).IsNull() {
			v.errorf(v.config.At(key), "%s", message)
		}
	}
	for _, key := range []string{"hooks", "extra_templates"} {
		if value := v.root.Get(key); !value.IsNull() && (!value.IsList || len(value.List) > 0) {
			v.warnf(v.config.At(key), "%s is refused: it would run code of the repository. The site is built without; "+
				"set the generator to mkdocs if it is needed", key)
		}
	}
	if value := v.root.Get("google_analytics"); !value.IsNull() {
		v.warnf(v.config.At("google_analytics"), "google_analytics has no effect: the documentation is read without scripts")
	}
}

// maxPatterns bounds the lines of a list of patterns: each is held against each file.
const maxPatterns = 1000

func (v *validator) patterns(key string) string {
	text := v.text(key)
	if strings.Count(text, "\n") > maxPatterns {
		v.errorf(v.config.At(key), "%s has more than %d lines; name folders in place of their files", key, maxPatterns)
	}

	return text
}

func (v *validator) text(key string) string {
	value := v.root.Get(key)
	if value.IsNull() {
		return ""
	}
	text, is := value.Scalar.(string)
	if !is {
		v.errorf(value.At, "%s must be a text, not %s", key, value.kind())
	}

	return text
}

func (v *validator) flag(key string, otherwise bool) bool {
	value := v.root.Get(key)
	if value.IsNull() {
		return otherwise
	}
	flag, is := value.Scalar.(bool)
	if !is {
		v.errorf(value.At, "%s must be true or false, not %s", key, value.kind())
	}

	return flag
}

func (v *validator) url(key string) string {
	text := v.text(key)
	if text == "" {
		return ""
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme == "" || parsed.Host == "" {
		v.errorf(v.root.Get(key).At, "%s must be a URL with https:// or http://, not %q", key, text)
	}

	return text
}

func (v *validator) texts(key string) []string {
	value := v.root.Get(key)
	if value.IsNull() {
		return nil
	}
	if !value.IsList {
		v.errorf(value.At, "%s must be a list, not %s", key, value.kind())

		return nil
	}
	var texts []string
	for _, item := range value.List {
		if text, is := item.Scalar.(string); is {
			texts = append(texts, text)
		}
	}

	return texts
}

func (v *validator) docsDir() {
	c := v.config
	c.DocsDir = cmp.Or(v.text("docs_dir"), "docs")
	at := c.At("docs_dir")
	clean, err := source.Clean(c.DocsDir)
	if err != nil || path.IsAbs(c.DocsDir) {
		v.errorf(at, "docs_dir leads to %q, which is not in the folder of %s", c.DocsDir, cmp.Or(c.File, "the source"))

		return
	}
	is, err := v.files.IsDir(clean)
	switch {
	case errors.Is(err, source.ErrOutside):
		v.errorf(at, "docs_dir is a link that leads out of the folder of the source")
	case err != nil || !is && !v.defaults.DocsDirMayMiss:
		v.errorf(at, "docs_dir is %q, but there is no such folder", c.DocsDir)
	}
	c.DocsDir = clean
}

// repository reads where the source is kept, and fills in what its host is known to use.
func (v *validator) repository() {
	c := v.config
	c.RepoURL, c.RepoName, c.EditURI, c.EditURITemplate = v.url("repo_url"), v.text("repo_name"), v.text("edit_uri"), v.text("edit_uri_template")
	if err := checkTemplate(c.EditURITemplate); err != nil {
		v.errorf(v.root.Get("edit_uri_template").At, "edit_uri_template is wrong: %v", err)
		c.EditURITemplate = ""
	}
	if c.EditURITemplate != "" && c.EditURI != "" {
		v.warnf(c.At("edit_uri"), "edit_uri has no effect when edit_uri_template is set")
	}
	if v.root.Get("repo_url").IsNull() {
		c.RepoURL = v.defaults.RepoURL
	}
	if v.root.Get("edit_uri").IsNull() && c.EditURITemplate == "" {
		c.EditURI = v.defaults.EditURI
	}
	if c.RepoURL == "" {
		return
	}
	var host string
	if parsed, err := url.Parse(c.RepoURL); err == nil {
		host = strings.ToLower(parsed.Host)
	}
	names := map[string][2]string{
		"github.com": {"GitHub", "edit/master/docs/"}, "gitlab.com": {"GitLab", "edit/master/docs/"}, "bitbucket.org": {"Bitbucket", "src/default/docs/"},
	}
	name, is := names[host]
	if !is {
		first, _, _ := strings.Cut(host, ".")
		name[0] = title(first)
	}
	if v.root.Get("repo_name").IsNull() {
		c.RepoName = name[0]
	}
	if v.root.Get("edit_uri").IsNull() && c.EditURI == "" {
		c.EditURI = name[1]
	}
}

func title(word string) string {
	if word == "" {
		return ""
	}

	return strings.ToUpper(word[:1]) + word[1:]
}

func (v *validator) theme() {
	value, c := v.root.Get("theme"), v.config
	if value.IsNull() {
		return
	}
	name := value
	if value.IsMap {
		name = value.Get("name")
		if name == nil {
			v.errorf(value.At, "theme has no name; it is material in TechDocs")

			return
		}
		if name.IsNull() && value.Get("custom_dir").IsNull() {
			v.errorf(name.At, "theme has no name; it is material in TechDocs")
		}
	}
	text, is := name.Scalar.(string)
	if !is && !name.IsNull() {
		v.errorf(name.At, "theme must be a name or a mapping with a name, not %s", name.kind())

		return
	}
	if is && !slices.Contains([]string{"material", "mkdocs", "readthedocs"}, text) {
		v.errorf(name.At, "the theme %q is not installed; documentation is shown with the theme material", text)
	}
	if !value.IsMap {
		return
	}
	if custom := value.Get("custom_dir"); !custom.IsNull() {
		v.warnf(custom.At, "custom_dir is left out: templates of the repository are not run")
	}
	if text != "material" {
		return // techdocs-core puts material with its defaults in the place of another theme.
	}
	c.Theme.Language, _ = scalarText(value.Get("language"))
	c.Theme.Direction, _ = scalarText(value.Get("direction"))
	if features := value.Get("features"); features != nil {
		for _, item := range features.List {
			if feature, is := scalarText(item); is {
				c.Theme.Features = append(c.Theme.Features, feature)
			}
		}
	}
}

func scalarText(value *Value) (string, bool) {
	if value.IsNull() {
		return "", false
	}
	text, is := value.Scalar.(string)

	return text, is
}

// named is an item of a list of names that may have options, or of a mapping of names to options.
type named struct {
	name    string
	at      Position
	options *Value
}

// names reads markdown_extensions and plugins, which are written in the same ways.
func (v *validator) names(key string) []named {
	value := v.root.Get(key)
	if value.IsNull() {
		return nil
	}
	var all []named
	switch {
	case value.IsMap:
		for _, entry := range value.Map {
			all = append(all, named{name: entry.Key, at: entry.At, options: entry.Value})
		}
	case value.IsList:
		for _, item := range value.List {
			name, is := item.Scalar.(string)
			switch {
			case is && !item.IsMap && !item.IsList:
				all = append(all, named{name: name, at: item.At})
			case item.IsMap && len(item.Map) == 1:
				all = append(all, named{name: item.Map[0].Key, at: item.Map[0].At, options: item.Map[0].Value})
			default:
				v.errorf(item.At, "an item of %s must be a name, or a name with options, not %s", key, item.kind())
			}
		}
	default:
		v.errorf(value.At, "%s must be a list or a mapping, not %s", key, value.kind())
	}

	return all
}

func (v *validator) extensions() {
	for _, item := range v.names("markdown_extensions") {
		extension := Extension{Name: item.name, At: item.at}
		if !item.options.IsNull() {
			if !item.options.IsMap {
				v.errorf(item.options.At, "the options of the extension %s must be a mapping, not %s", item.name, item.options.kind())

				continue
			}
			extension.Value = item.options
			extension.Options, _ = item.options.Any().(map[string]any)
		}
		v.config.Extensions = append(v.config.Extensions, extension)
	}
}
