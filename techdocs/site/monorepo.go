package site

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site/config"
	"github.com/portico-dev/portico/techdocs/site/files"
	"github.com/portico-dev/portico/techdocs/site/nav"
	"github.com/portico-dev/portico/techdocs/site/quote"
	"github.com/portico-dev/portico/techdocs/site/source"
)

const (
	includeMark  = "!include "
	wildcardMark = "*include "
	// maxIncludes is how many sites a nav may include.
	maxIncludes = 1000
)

// include is a site within the site, from mkdocs-monorepo-plugin.
type include struct {
	alias, docsDir   string
	repoURL, editURI string
	at               config.Position
}

// monorepo replaces "!include path/mkdocs.yml" in nav by the nav of that site.
func (b *build) monorepo() error {
	m := &monorepo{build: b}
	b.site.Nav = m.resolve(b.site.Nav)
	if m.automatic {
		b.site.Nav, b.includes = nil, nil
	}
	seen := map[string]bool{}
	for _, include := range b.includes {
		if seen[include.alias] {
			b.add(include.at.Problem(techdocs.Error, "two included sites have the site_name %q; it is their folder in this site, so give them different names", include.alias))
		}
		seen[include.alias] = true
	}

	return b.failed()
}

type monorepo struct {
	build *build
	// automatic says that a pattern found nothing: as in the plugin, the nav follows from the folders then.
	automatic bool
}

func (m *monorepo) errorf(at config.Position, format string, args ...any) {
	m.build.add(at.Problem(techdocs.Error, format, args...))
}

func (m *monorepo) resolve(entries []config.NavItem) []config.NavItem {
	resolved := make([]config.NavItem, 0, len(entries))
	for _, entry := range entries {
		switch {
		case entry.Section:
			entry.Children = m.resolve(entry.Children)
		case strings.HasPrefix(entry.Path, includeMark):
			entry = m.include(entry, strings.TrimSpace(strings.TrimPrefix(entry.Path, includeMark)))
		case strings.HasPrefix(entry.Path, wildcardMark) && entry.Titled:
			entry = m.wildcard(entry, strings.TrimSpace(strings.TrimPrefix(entry.Path, wildcardMark)))
		}
		resolved = append(resolved, entry)
	}

	return resolved
}

// wildcard makes a section with a section for each site that the pattern finds.
func (m *monorepo) wildcard(entry config.NavItem, pattern string) config.NavItem {
	section := config.NavItem{Title: entry.Title, Titled: true, Section: true, At: entry.At}
	if !yamlName(pattern) {
		m.errorf(entry.At, "*include needs a pattern for files whose names end in .yml or .yaml, not %q", pattern)

		return section
	}
	names, err := m.build.tree.Glob(pattern)
	switch {
	case errors.Is(err, source.ErrTooMany):
		m.errorf(entry.At, "*include would look into more than %d folders for %q; begin the pattern with the folder of the sites", source.MaxFolders, pattern)
	case err != nil:
		m.errorf(entry.At, "*include has the pattern %q, which leads out of the source or is wrong", pattern)
	}
	if err == nil && len(names) == 0 {
		m.automatic = true
		m.build.add(entry.At.Problem(techdocs.Info, "*include finds no file for %q, so nav follows from the folders of docs_dir", pattern))
	}
	for _, name := range names {
		value, _ := m.load(entry.At, name)
		if value == nil {
			continue
		}
		child := config.NavItem{Title: siteName(value), Titled: true, At: entry.At}
		section.Children = append(section.Children, m.include(child, name))
	}

	return section
}

func yamlName(name string) bool {
	return strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".yaml")
}

func siteName(value *config.Value) string {
	name, _ := value.Get("site_name").Any().(string)

	return name
}

// load reads the configuration of an included site. Nil: it was reported.
func (m *monorepo) load(at config.Position, name string) (*config.Value, string) {
	clean, err := source.Clean(name)
	if err != nil {
		m.errorf(at, "!include leads to %q, which is not in the folder of the source", name)

		return nil, ""
	}
	if !yamlName(clean) {
		m.errorf(at, "!include needs a file whose name ends in .yml or .yaml, not %q", name)

		return nil, ""
	}
	value, err := config.Load(m.build.tree, clean, nil)
	if mistake, is := errors.AsType[*config.MistakeError](err); is {
		m.build.add(mistake.Problem)

		return nil, ""
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m.errorf(at, "!include leads to %q, but there is no such file", name)
	case err != nil:
		m.errorf(at, "!include leads to %q, which cannot be read", name)
	case !value.IsMap:
		m.errorf(at, "%q must be a mapping of keys to values", name)
	case siteName(value) == "":
		m.errorf(at, "%q has no site_name; it is the folder of that site in this one", name)
	default:
		return value, clean
	}

	return nil, ""
}

var plainAlias = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

func (m *monorepo) include(entry config.NavItem, name string) config.NavItem {
	section := config.NavItem{Title: entry.Title, Titled: entry.Titled, Section: true, At: entry.At}
	value, clean := m.load(entry.At, name)
	if value == nil {
		return section
	}
	if len(m.build.includes) == maxIncludes {
		m.errorf(entry.At, "nav includes more than %d sites", maxIncludes)

		return section
	}
	alias := siteName(value)
	if !plainAlias.MatchString(alias) {
		alias = slug(alias)
	}
	alias, err := source.Clean(strings.Trim(alias, "/"))
	if err != nil || alias == "." {
		m.errorf(entry.At, "the site_name of %q is no name of a folder", name)

		return section
	}
	docsDir := "docs"
	if text, is := value.Get("docs_dir").Any().(string); is && text != "" {
		docsDir = text
	}
	docsDir, err = source.Clean(path.Join(path.Dir(clean), docsDir))
	if err != nil {
		m.errorf(entry.At, "docs_dir of %q leads out of the folder of the source", name)

		return section
	}
	entries := m.entries(value, docsDir, entry.At)
	// The plugin takes no pages from a site that is included without a title; its entries lead nowhere then, and are reported.
	if entry.Titled {
		if is, err := m.build.tree.IsDir(docsDir); err != nil || !is {
			m.errorf(entry.At, "%q has the docs_dir %q, but there is no such folder", name, docsDir)
		}
		m.build.includes = append(m.build.includes, m.described(value, alias, docsDir, entry.At))
	}
	section.Children = m.prefixed(entries, alias)

	return section
}

func (m *monorepo) described(value *config.Value, alias, docsDir string, at config.Position) include {
	site := m.build.site
	described := include{alias: alias, docsDir: docsDir, at: at, repoURL: site.RepoURL, editURI: strings.ReplaceAll(site.EditURI, site.DocsDir, docsDir)}
	if text, is := value.Get("repo_url").Any().(string); is {
		described.repoURL = text
	}
	if text, is := value.Get("edit_uri").Any().(string); is {
		described.editURI = text
	}

	return described
}

// entries are the nav of an included site, or follow from its folder.
func (m *monorepo) entries(value *config.Value, docsDir string, at config.Position) []config.NavItem {
	if list := value.Get("nav"); !list.IsNull() {
		if !list.IsList {
			m.build.add(list.At.Problem(techdocs.Error, "nav must be a list"))

			return nil
		}
		entries, problems := config.Nav(list)
		m.build.problems = append(m.build.problems, problems...)

		return entries
	}
	root := &config.NavItem{Section: true}
	ignore := func(string) {}
	none := func(name string) bool { return strings.HasPrefix(path.Base(name), ".") }
	_ = m.build.tree.Walk(docsDir, none, ignore, func(name, _ string, _ int64) error {
		if path.Ext(name) != ".md" {
			return nil
		}
		branch := root
		parts := strings.Split(name, "/")
		for _, folder := range parts[:len(parts)-1] {
			title := nav.Title(folder)
			at := slices.IndexFunc(branch.Children, func(child config.NavItem) bool { return child.Section && child.Title == title })
			if at < 0 {
				branch.Children = append(branch.Children, config.NavItem{Title: title, Titled: true, Section: true})
				at = len(branch.Children) - 1
			}
			branch = &branch.Children[at]
		}
		branch.Children = append(branch.Children, config.NavItem{Path: name, At: at})

		return nil
	})
	foldersFirst(root)

	return root.Children
}

// foldersFirst puts sections in front of pages, as the plugin does.
func foldersFirst(section *config.NavItem) {
	slices.SortStableFunc(section.Children, func(a, b config.NavItem) int {
		if a.Section == b.Section {
			return 0
		}
		if a.Section {
			return -1
		}

		return 1
	})
	for i := range section.Children {
		foldersFirst(&section.Children[i])
	}
}

// prefixed puts the folder of the site in front of its paths.
func (m *monorepo) prefixed(entries []config.NavItem, alias string) []config.NavItem {
	prefixed := make([]config.NavItem, 0, len(entries))
	for _, entry := range entries {
		switch url := quote.Split(entry.Path); {
		case entry.Section:
			entry.Children = m.prefixed(entry.Children, alias)
		case strings.HasPrefix(entry.Path, includeMark):
			m.errorf(entry.At, "an included site cannot include another one; include it in the nav of the first")
		case url.Scheme == "" && url.Host == "":
			entry.Path = alias + "/" + entry.Path
		}
		prefixed = append(prefixed, entry)
	}

	return prefixed
}

// includeOf returns the included site that a file is of, nil for the site itself.
func (b *build) includeOf(file *files.File) *include {
	for i := range b.includes {
		if strings.HasPrefix(file.Real, b.includes[i].docsDir+string(os.PathSeparator)) && strings.HasPrefix(file.Src, b.includes[i].alias+"/") {
			return &b.includes[i]
		}
	}

	return nil
}

// slug makes a name of a folder as python-slugify does: letters without accents, and dashes.
func slug(name string) string {
	name = strings.NewReplacer("ß", "ss", "æ", "ae", "ø", "o", "œ", "oe", "Æ", "AE", "Ø", "O", "Œ", "OE", "ł", "l", "Ł", "L", "'", "").Replace(name)
	var out strings.Builder
	dash := false
	for _, r := range norm.NFKD.String(name) {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			if dash && out.Len() > 0 {
				out.WriteByte('-')
			}
			dash = false
			out.WriteRune(unicode.ToLower(r))
		case unicode.Is(unicode.Mn, r):
		default:
			dash = true
		}
	}

	return out.String()
}
