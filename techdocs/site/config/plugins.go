package config

import (
	"strings"

	"github.com/portico-dev/portico/techdocs"
)

// ours are the plugins whose work Portico does itself.
var ours = map[string]bool{
	"techdocs-core": true, "search": true, "material/search": true, "redirects": true, "monorepo": true, "awesome-pages": true,
	"gh-admonitions": true, "material/group": true, "group": true,
}

// others are plugins of MkDocs that are used much. They need the real program.
var others = func() map[string]bool {
	all := map[string]bool{}
	for name := range strings.FieldsSeq(`
		macros mermaid2 kroki drawio drawio-exporter drawio_file git-revision-date git-revision-date-localized git-authors git-committers
		git-committers-2 git-latest-changes minify with-pdf pdf-export print-site mkdocstrings autorefs gen-files literate-nav section-index
		swagger-ui-tag render_swagger neoteroi.mkdocsoad glightbox lightbox table-reader include-markdown markdownextradata mkdocs-simple-hooks
		simple blog blogging tags rss social privacy offline optimize meta typeset projects info i18n static-i18n exclude exclude-search
		ezlinks-plugin ezlinks roamlinks wikilinks same-dir same_dir embed_file_tags file-filter codeinclude build_plantuml plantuml
		puml tooltips charts jupyter mkdocs-jupyter notebook asciinema-player mike multirepo toggle-sidebar enumerate-headings
		add-number caption img2fig img2figv2 abs-links alias htmlproofer linkcheck spellcheck encryptcontent bibtex macros-plugin
		open-in-new-tab callouts obsidian-interactive-graph structurizr d2 badges video audio pagetree-plugin
		awesome-nav nav-weight nav-enhancements semiliterate snippet ultralytics thumbnails unused_files resize-images
		material/blog material/tags material/rss material/social material/privacy material/offline material/optimize material/meta
		material/typeset material/projects material/info techdocs-backstage mkdocs-video rtd-dropdown monorepo-plugin ansible`) {
		all[name] = true
	}

	return all
}()

// plugins reads the list of plugins. As in Backstage, techdocs-core is on whether it is listed or not, and a plugin that is not permitted
// is left out with a warning. A name that nobody knows is an error, as MkDocs says it.
func (v *validator) plugins() {
	for _, item := range v.names("plugins") {
		if !item.options.IsNull() && !item.options.IsMap {
			v.errorf(item.options.At, "the options of the plugin %s must be a mapping, not %s", item.name, item.options.kind())

			continue
		}
		name := strings.TrimPrefix(item.name, "/")
		if !item.options.IsNull() {
			if enabled, is := scalarBool(item.options.Get("enabled")); is && !enabled && name != "techdocs-core" {
				continue
			}
		}
		switch {
		case ours[name]:
			plugin := Plugin{Name: name, Value: item.options, At: item.at}
			v.config.Plugins = append(v.config.Plugins, plugin)
			v.options(plugin)
		case others[name]:
			v.warnf(item.at, "the plugin %q needs the real MkDocs; the site is built without it. Set the generator to mkdocs if it is needed", name)
		default:
			v.errorf(item.at, "the plugin %q is not installed", name)
		}
	}
}

// PluginsFor returns the names of plugins in mkdocs.yml that only the real MkDocs can run.
func PluginsFor(value *Value) []string {
	var names []string
	plugins := value.Get("plugins")
	if plugins.IsNull() {
		return nil
	}
	v := &validator{root: value, config: &Config{}}
	for _, item := range v.names("plugins") {
		if name := strings.TrimPrefix(item.name, "/"); !ours[name] {
			names = append(names, name)
		}
	}

	return names
}

func scalarBool(value *Value) (bool, bool) {
	if value.IsNull() {
		return false, false
	}
	flag, is := value.Scalar.(bool)

	return flag, is
}

// options checks those of techdocs-core, and that redirects has its map.
func (v *validator) options(plugin Plugin) {
	if plugin.Value.IsNull() {
		return
	}
	for _, entry := range plugin.Value.Map {
		at, value := entry.At, entry.Value
		switch plugin.Name + "." + entry.Key {
		case "techdocs-core.use_pymdownx_blocks", "techdocs-core.use_material_search":
			flag, is := scalarBool(value)
			if !is && !value.IsNull() {
				v.errorf(value.At, "the option %s of techdocs-core must be true or false, not %s", entry.Key, value.kind())
			}
			if entry.Key == "use_pymdownx_blocks" {
				v.config.UseBlocks = flag
			}
		case "redirects.redirect_maps":
			if !value.IsMap && !value.IsNull() {
				v.errorf(value.At, "redirect_maps must be a mapping of old pages to new ones, not %s", value.kind())
			}
		default:
			if plugin.Name == "techdocs-core" || plugin.Name == "redirects" {
				v.warnf(at, "the plugin %s has no option %q", plugin.Name, entry.Key)
			}
		}
	}
}

// validation reads how loud messages are.
func (v *validator) validation() {
	c := v.config
	c.Validation = Validation{
		NavOmitted: Info, NavNotFound: Warn, NavAbsolute: Info, LinksNotFound: Warn, LinksAbsolute: Info, LinksUnrecognized: Info, LinksAnchors: Info,
	}
	value := v.root.Get("validation")
	if value.IsNull() {
		return
	}
	if !value.IsMap {
		v.errorf(value.At, "validation must be a mapping, not %s", value.kind())

		return
	}
	nav := map[string]*Level{"omitted_files": &c.Validation.NavOmitted, "not_found": &c.Validation.NavNotFound, "absolute_links": &c.Validation.NavAbsolute}
	links := map[string]*Level{
		"not_found": &c.Validation.LinksNotFound, "absolute_links": &c.Validation.LinksAbsolute,
		"unrecognized_links": &c.Validation.LinksUnrecognized, "anchors": &c.Validation.LinksAnchors,
	}
	// A level at the top is for both; what nav and links say themselves has precedence.
	for _, entry := range value.Map {
		if entry.Key == "nav" || entry.Key == "links" {
			continue
		}
		if nav[entry.Key] == nil && links[entry.Key] == nil {
			v.warnf(entry.At, "validation has no key %q", entry.Key)
		}
		v.level(nav[entry.Key], entry)
		v.level(links[entry.Key], entry)
	}
	for key, levels := range map[string]map[string]*Level{"nav": nav, "links": links} {
		group := value.Get(key)
		if group.IsNull() {
			continue
		}
		for _, entry := range group.Map {
			if levels[entry.Key] == nil {
				v.warnf(entry.At, "validation.%s has no key %q", key, entry.Key)
			}
			v.level(levels[entry.Key], entry)
		}
	}
}

func (v *validator) level(level *Level, entry Entry) {
	if level == nil {
		return
	}
	word, _ := scalarText(entry.Value)
	switch {
	case word == "warn":
		*level = Warn
	case word == "info":
		*level = Info
	case word == "ignore":
		*level = Ignore
	case word == "relative_to_docs" && entry.Key == "absolute_links":
		*level = RelativeToDocs
	default:
		v.report(entry.Value.At.Problem(techdocs.Error, "%s must be warn, info or ignore, not %s", entry.Key, entry.Value.kind()))
	}
}
