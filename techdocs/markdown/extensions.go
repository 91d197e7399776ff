package markdown

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/fault"
)

// An Extension is an entry of markdown_extensions of mkdocs.yml.
type Extension struct {
	Name    string
	Options map[string]any
}

// Config says how pages are read.
type Config struct {
	// Extensions are as written in mkdocs.yml.
	Extensions []Extension
	// TechDocsCore turns on what mkdocs-techdocs-core turns on.
	TechDocsCore bool
	// UseBlocks is its option use_pymdownx_blocks: "/// note" instead of "!!! note".
	UseBlocks bool
	// Unknown is told of extensions that Portico does not know, which are then left out. Nil: they are an error.
	Unknown func(name string)
}

// extensionOptions has the options of each extension that is known.
//
//nolint:gochecknoglobals // A constant table.
var extensionOptions = map[string]string{
	"abbr":                       "glossary",
	"admonition":                 "",
	"attr_list":                  "",
	"codehilite":                 "linenums guess_lang css_class pygments_style noclasses use_pygments lang_prefix pygments_formatter",
	"def_list":                   "",
	"extra":                      "*",
	"fenced_code":                "lang_prefix",
	"footnotes":                  "PLACE_MARKER UNIQUE_IDS BACKLINK_TEXT SUPERSCRIPT_TEXT BACKLINK_TITLE SEPARATOR USE_DEFINITION_ORDER",
	"legacy_attrs":               "",
	"legacy_em":                  "",
	"markdown_inline_graphviz":   "",
	"md_in_html":                 "",
	"mdx_truly_sane_lists":       "nested_indent truly_sane",
	"meta":                       "",
	"nl2br":                      "",
	"plantuml_markdown":          plantumlOptions,
	"pymdownx.arithmatex":        "tex_inline_wrap tex_block_wrap smart_dollar block_syntax inline_syntax generic preview block_tag inline_tag",
	"pymdownx.b64":               "base_path root_path restrict_path",
	"pymdownx.betterem":          "smart_enable",
	"pymdownx.blocks.admonition": "types",
	"pymdownx.blocks.caption":    "types auto_level auto prepend",
	"pymdownx.blocks.definition": "",
	"pymdownx.blocks.details":    "types",
	"pymdownx.blocks.html":       "custom",
	"pymdownx.blocks.tab":        "alternate_style slugify combine_header_slug separator",
	"pymdownx.caret":             "smart_insert insert superscript",
	"pymdownx.critic":            "mode raw_view",
	"pymdownx.details":           "",
	"pymdownx.emoji":             "emoji_index emoji_generator title alt remove_variation_selector strict options",
	"pymdownx.escapeall":         "hardbreak nbsp",
	"pymdownx.extra":             "*",
	"pymdownx.fancylists":        "additional_ordered_styles inject_style inject_class",
	"pymdownx.highlight": "use_pygments guess_lang css_class pygments_style noclasses linenums linenums_style linenums_special " +
		"linenums_class extend_pygments_lang language_prefix code_attr_on_pre auto_title auto_title_map line_spans anchor_linenums " +
		"line_anchors pygments_lang_class stripnl default_lang _enabled",
	"pymdownx.inlinehilite": "style_plain_text css_class custom_inline",
	"pymdownx.keys":         "separator strict class camel_case key_map",
	"pymdownx.magiclink": "hide_protocol repo_url_shortener social_url_shortener shortener_user_exclude repo_url_shorthand " +
		"social_url_shorthand provider labels normalize_issue_symbols user repo custom",
	"pymdownx.mark":          "smart_mark",
	"pymdownx.pathconverter": "base_path relative_path absolute tags file_scheme",
	"pymdownx.progressbar":   "level_class progress_increment add_classes",
	"pymdownx.quotes":        "callouts",
	"pymdownx.saneheaders":   "",
	"pymdownx.smartsymbols":  "trademark copyright registered plusminus arrows notequal fractions ordinal_numbers care_of",
	"pymdownx.snippets": "base_path restrict_base_path encoding check_paths auto_append url_download url_max_size url_timeout " +
		"url_request_headers dedent_subsections max_retries backoff_factor",
	"pymdownx.striphtml":   "strip_comments strip_attributes strip_js_on_attributes",
	"pymdownx.superfences": "disable_indented_code_blocks custom_fences css_class preserve_tabs relaxed_headers",
	"pymdownx.tabbed":      "alternate_style slugify combine_header_slug separator",
	"pymdownx.tasklist":    "custom_checkbox clickable_checkbox delete subscript",
	"pymdownx.tilde":       "smart_delete delete subscript",
	"sane_lists":           "",
	"smarty":               "smart_quotes smart_angled_quotes smart_dashes smart_ellipses substitutions",
	"tables":               "use_align_attribute",
	"toc": "marker title title_class toc_class anchorlink anchorlink_class permalink permalink_class permalink_title " +
		"permalink_leading baselevel slugify separator toc_depth",
	"wikilinks": "base_url end_url html_class build_url",
}

const plantumlOptions = "classes alt format remove_inline_svg_size title config server kroki_server servers server_include_whitelist " +
	"insecure cachedir image_maps priority base_dir encoding http_method fallback_to_get theme puml_notheme_cmdlist plantuml_cmd"

const longPrefix = "markdown.extensions."

// canonical is the short name of an extension.
func canonical(name string) string { return strings.TrimPrefix(name, longPrefix) }

// extraParts are what pymdownx.extra turns on, by the names that it uses. Options are taken only from entries with just these names.
//
//nolint:gochecknoglobals // A constant table.
var extraParts = []string{
	"pymdownx.betterem", "pymdownx.superfences", longPrefix + "footnotes", longPrefix + "attr_list", longPrefix + "def_list",
	longPrefix + "tables", longPrefix + "abbr", longPrefix + "md_in_html",
}

// plainExtraParts are what markdown.extensions.extra turns on.
//
//nolint:gochecknoglobals // A constant table.
var plainExtraParts = []string{"fenced_code", "footnotes", "attr_list", "def_list", "tables", "abbr", "md_in_html"}

// A selection has the options of the extensions that are on.
type selection map[string]map[string]any

// resolve decides which extensions are on, and with which options. MkDocs turns some on before the author's, techdocs-core others behind
// them; of several entries for one extension the last one counts.
func resolve(config Config) (selection, error) {
	options := map[string]map[string]any{}
	names := []string{"toc", "tables", "fenced_code"}

	for _, extension := range config.Extensions {
		if _, ok := extensionOptions[canonical(extension.Name)]; !ok && config.Unknown != nil {
			config.Unknown(extension.Name)

			continue
		}

		if err := check(extension); err != nil {
			return nil, err
		}

		if !slices.Contains(names, extension.Name) {
			names = append(names, extension.Name)
		}

		if len(extension.Options) > 0 {
			options[extension.Name] = extension.Options
		}
	}

	if config.TechDocsCore {
		core, presets := coreExtensions(config.UseBlocks)
		names = append(names, core...)
		addPresets(options, presets)
	}

	on := selection{}
	for _, name := range names {
		on.turnOn(name, options)
	}

	return on, nil
}

func check(extension Extension) error {
	known, ok := extensionOptions[canonical(extension.Name)]
	if !ok {
		return fault.New(fault.Input, "mkdocs.yml: there is no Markdown extension %q that Portico knows; remove it, or build the site with generator: mkdocs",
			extension.Name)
	}

	if known == "*" {
		return nil
	}

	for _, option := range slices.Sorted(maps.Keys(extension.Options)) {
		if !slices.Contains(strings.Fields(known), option) {
			return fault.New(fault.Input, "mkdocs.yml: the Markdown extension %s has no option %q; it has: %s", extension.Name, option, known)
		}
	}

	return nil
}

// addPresets puts techdocs-core's options under the author's, and gives pymdownx.extra the options of its parts.
func addPresets(options, presets map[string]map[string]any) {
	for name, preset := range presets {
		merged := maps.Clone(preset)
		// Of betterem, techdocs-core's option counts.
		if name != "pymdownx.betterem" {
			maps.Copy(merged, options[name])
		}

		options[name] = merged
	}

	extra := map[string]any{}
	maps.Copy(extra, options["pymdownx.extra"])

	for _, part := range extraParts {
		if own, ok := options[part]; ok {
			extra[part] = own

			delete(options, part)
		}
	}

	options["pymdownx.extra"] = extra

	if snippets, ok := options["pymdownx.snippets"]; ok {
		snippets = maps.Clone(snippets)
		snippets["restrict_base_path"] = true
		options["pymdownx.snippets"] = snippets
	}
}

func (s selection) turnOn(name string, options map[string]map[string]any) {
	var parts []string

	switch canonical(name) {
	case "pymdownx.extra":
		parts = extraParts
	case "extra":
		parts = plainExtraParts
	default:
		own := options[name]
		if own == nil {
			own = map[string]any{}
		}

		s[canonical(name)] = own

		return
	}

	for _, part := range parts {
		own, ok := options[name][part].(map[string]any)
		if !ok {
			own = map[string]any{}
		}

		s[canonical(part)] = own
	}
}

// coreExtensions are what techdocs-core turns on, in its order, and the options that it sets.
func coreExtensions(blocks bool) (names []string, presets map[string]map[string]any) {
	presets = map[string]map[string]any{
		"toc":                {"permalink": true},
		"pymdownx.highlight": {"linenums": true, "pygments_lang_class": true},
		"pymdownx.betterem":  {"smart_enable": "all"},
		"pymdownx.tasklist":  {"custom_checkbox": true},
		"pymdownx.emoji":     {"emoji_generator": "pymdownx.emoji.to_svg"},
	}
	names = []string{"toc"}

	if blocks {
		names = append(names, "pymdownx.blocks.admonition", "pymdownx.blocks.details", "pymdownx.blocks.tab")
		presets["pymdownx.blocks.admonition"], presets["pymdownx.blocks.details"] = blockTypes()
		presets["pymdownx.blocks.tab"] = map[string]any{"alternate_style": true}
	} else {
		names = append(names, "admonition", "pymdownx.details", "pymdownx.tabbed")
		presets["pymdownx.tabbed"] = map[string]any{"alternate_style": true}
	}

	names = append(names, strings.Fields(`pymdownx.caret pymdownx.critic pymdownx.emoji pymdownx.inlinehilite pymdownx.magiclink
		pymdownx.mark pymdownx.smartsymbols pymdownx.snippets pymdownx.highlight pymdownx.extra pymdownx.tasklist pymdownx.tilde
		markdown_inline_graphviz plantuml_markdown mdx_truly_sane_lists`)...)

	return names, presets
}

func blockTypes() (admonitions, details map[string]any) {
	var names, types []any

	for name := range strings.FieldsSeq("new settings note abstract info tip success question warning failure danger bug example quote") {
		names = append(names, name)
		types = append(types, map[string]any{"name": "details-" + name, "class": name})
	}

	return map[string]any{"types": names}, map[string]any{"types": types}
}

// flag is an option that is true or false.
func (s selection) flag(extension, option string, preset bool) bool {
	value, ok := s[extension][option]
	if !ok {
		return preset
	}

	return truth(value)
}

func truth(value any) bool {
	switch value := value.(type) {
	case nil:
		return false
	case bool:
		return value
	case int:
		return value != 0
	case string:
		switch strings.ToLower(value) {
		case "", "false", "no", "n", "off", "0", "none":
			return false
		}
	}

	return true
}

func (s selection) text(extension, option, preset string) string {
	value, ok := s[extension][option]

	switch {
	case !ok:
		return preset
	case value == nil:
		return ""
	}

	return fmt.Sprint(value)
}

func (s selection) list(extension, option string) []any {
	list, _ := s[extension][option].([]any)

	return list
}

// on says whether an extension is on.
func (s selection) on(extension string) bool {
	_, ok := s[extension]

	return ok
}

// callKey is the key of the name of a Python function in options that are a call of it.
const callKey = "!python"

const (
	pythonName  = "tag:yaml.org,2002:python/name:"
	pythonApply = "tag:yaml.org,2002:python/object/apply:"
)

// DecodeOptions reads options of an extension. Names of Python functions become texts, and calls that make a function mappings. No Python
// is run: the functions that are known are part of Portico.
func DecodeOptions(node *yaml.Node) (any, error) {
	if node == nil {
		return nil, nil //nolint:nilnil // There is no value.
	}

	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}

	tag := node.LongTag()
	if name, ok := strings.CutPrefix(tag, pythonName); ok {
		return name, nil
	}

	if name, ok := strings.CutPrefix(tag, pythonApply); ok {
		return decodeCall(name, node)
	}

	switch node.Kind {
	case yaml.MappingNode:
		return decodeMapping(node)
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))

		for _, item := range node.Content {
			value, err := DecodeOptions(item)
			if err != nil {
				return nil, err
			}

			list = append(list, value)
		}

		return list, nil
	}

	value, err := yamlScalar(node)
	if err != nil {
		return nil, fault.New(fault.Input, "mkdocs.yml, line %d: %s", node.Line, err)
	}

	return value, nil
}

func decodeMapping(node *yaml.Node) (map[string]any, error) {
	mapping := map[string]any{}

	for i := 0; i+1 < len(node.Content); i += 2 {
		value, err := DecodeOptions(node.Content[i+1])
		if err != nil {
			return nil, err
		}

		mapping[node.Content[i].Value] = value
	}

	return mapping, nil
}

func decodeCall(name string, node *yaml.Node) (any, error) {
	call := map[string]any{callKey: name}

	if node.Kind != yaml.MappingNode {
		return call, nil
	}

	options, err := decodeMapping(node)
	if err != nil {
		return nil, err
	}

	if arguments, ok := options["kwds"].(map[string]any); ok {
		maps.Copy(call, arguments)
	}

	return call, nil
}
