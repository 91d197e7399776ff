package mkdocs

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
)

// Native is the name of Portico's own engine.
const Native = "portico"

// Choice is the engine that a site needs.
type Choice struct {
	Engine string
	// Reasons say for people why the site needs MkDocs. There are none for Portico's own engine.
	Reasons []string
}

// nativePlugins are what Portico's own engine does itself, by the names that a site may list.
var nativePlugins = strings.Fields(`techdocs-core search material/search redirects monorepo awesome-pages gh-admonitions group material/group`)

// nativeExtensions are the extensions of Markdown that it knows, without the packages that they are in.
var nativeExtensions = strings.Fields(`abbr admonition attr_list codehilite def_list extra fenced_code footnotes legacy_attrs md_in_html meta nl2br sane_lists
	smarty tables toc wikilinks markdown_inline_graphviz graphviz plantuml_markdown mdx_truly_sane_lists
	pymdownx.arithmatex pymdownx.betterem pymdownx.b64 pymdownx.blocks.admonition pymdownx.blocks.caption pymdownx.blocks.definition pymdownx.blocks.details
	pymdownx.blocks.html pymdownx.blocks.tab pymdownx.caret pymdownx.critic pymdownx.details pymdownx.emoji pymdownx.escapeall pymdownx.extra
	pymdownx.fancylists pymdownx.highlight pymdownx.inlinehilite pymdownx.keys pymdownx.magiclink pymdownx.mark pymdownx.pathconverter
	pymdownx.progressbar pymdownx.saneheaders pymdownx.smartsymbols pymdownx.snippets pymdownx.striphtml pymdownx.superfences pymdownx.tabbed
	pymdownx.tasklist pymdownx.tilde`)

// Detect says which engine the site in the folder source needs. Only what is permitted counts: MkDocs would not get the rest either.
// A configuration with mistakes needs Portico's own engine, which reports them.
func Detect(source string, permit Permit) (Choice, error) {
	root, err := os.OpenRoot(source)
	if err != nil {
		return Choice{}, fmt.Errorf("open the source: %w", err)
	}
	defer root.Close()
	_, document, err := load(root, "")
	if err != nil {
		return Choice{Engine: Native}, nil
	}
	p := patch{permit: permit, warn: func(techdocs.Problem) {}}
	p.apply(document)
	choice := Choice{Engine: Native, Reasons: needs(document)}
	if len(choice.Reasons) > 0 {
		choice.Engine = Engine
	}
	return choice, nil
}

// needs lists what of a configuration only MkDocs does.
func needs(document *yaml.Node) []string {
	var reasons []string
	reason := func(format string, args ...any) bool {
		if text := fmt.Sprintf(format, args...); !slices.Contains(reasons, text) {
			reasons = append(reasons, text)
		}
		return true
	}
	p := patch{}
	var plugin func(name, settings *yaml.Node) bool
	plugin = func(name, settings *yaml.Node) bool {
		if strings.HasSuffix(name.Value, "group") && settings != nil {
			p.named(get(settings, "plugins"), plugin)
		}
		return slices.Contains(nativePlugins, name.Value) || reason("the plugin %s is one of MkDocs", name.Value)
	}
	p.named(get(document, "plugins"), plugin)
	p.named(get(document, "markdown_extensions"), func(name, _ *yaml.Node) bool {
		return slices.Contains(nativeExtensions, strings.TrimPrefix(name.Value, "markdown.extensions.")) ||
			reason("the extension %s is one of Python-Markdown", name.Value)
	})
	for _, key := range []string{"hooks", "extra_templates"} {
		if get(document, key) != nil {
			reason("the key %s runs code or templates of MkDocs", key)
		}
	}
	if get(get(document, "theme"), "custom_dir") != nil {
		reason("the theme has templates of its own (custom_dir)")
	}
	return reasons
}

// Choosing is a generator that uses for each site the engine that it needs. Without an installed MkDocs, it uses Portico's own engine
// and says what is missing.
type Choosing struct {
	Native techdocs.Generator
	MkDocs *Generator
}

// Generate implements [techdocs.Generator].
func (c Choosing) Generate(ctx context.Context, source, output string, options techdocs.Options) (techdocs.Report, error) {
	choice, err := Detect(source, c.MkDocs.config.Permit)
	if err != nil {
		return techdocs.Report{}, err
	}
	if choice.Engine == Native {
		return c.Native.Generate(ctx, source, output, options)
	}
	reasons := strings.Join(choice.Reasons, "; ")
	if options.Log != nil {
		options.Log("This site needs MkDocs: " + reasons + ".")
	}
	report, err := c.MkDocs.Generate(ctx, source, output, options)
	if fault.KindOf(err) != fault.Unavailable {
		return report, err
	}
	missing := techdocs.Problem{Severity: "warning", File: "mkdocs.yml", Message: "This site needs MkDocs (" + reasons + "), and was built without: " + err.Error() + "."}
	if options.Log != nil {
		options.Log(missing.Message)
	}
	report, err = c.Native.Generate(ctx, source, output, options)
	report.Problems = append([]techdocs.Problem{missing}, report.Problems[:min(len(report.Problems), techdocs.MaxProblems-1)]...)
	return report, err
}
