package site

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site/config"
	"github.com/portico-dev/portico/techdocs/site/files"
	"github.com/portico-dev/portico/techdocs/site/source"
)

// collector lists the files of the documents within the limits.
type collector struct {
	build *build
	all   []*files.File
	bytes int64
	index map[string]int
}

// collect lists the files of docs_dir and of the sites that nav includes.
func (b *build) collect() error {
	c := &collector{build: b, index: map[string]int{}}
	if err := c.folder(b.site.DocsDir, ""); err != nil {
		return err
	}
	if err := b.monorepo(); err != nil {
		return err
	}
	for _, include := range b.includes {
		if err := c.folder(include.docsDir, include.alias); err != nil {
			return err
		}
	}
	c.readme()
	set, conflicts := files.Collect(c.all, files.Rules{Exclude: b.site.ExcludeDocs, Drafts: b.site.DraftDocs, NotInNav: b.site.NotInNav})
	for _, pair := range conflicts {
		b.add(techdocs.Problem{
			Severity: techdocs.Warning, File: pair[0].Real,
			Message: fmt.Sprintf("%q is left out because %q has the same place in the site", pair[0].Src, pair[1].Src),
		})
	}
	b.set = set

	return b.failed()
}

// folder adds the files below a folder under a prefix. A file with a path that is there already takes its place, as in a copy over it.
func (c *collector) folder(dir, prefix string) error {
	b := c.build
	refused := func(name string) {
		b.add(techdocs.Problem{
			Severity: techdocs.Error, File: path.Join(dir, name),
			Message: "the symbolic link leads out of the folder of the source, which is not permitted",
		})
	}
	skip := func(name string) bool { return strings.HasPrefix(path.Base(name), ".") && !b.includesHidden() }
	limits := b.generator.Limits
	err := b.tree.Walk(dir, skip, refused, func(name, file string, size int64) error {
		c.bytes += size
		switch {
		case len(c.all) >= limits.Files:
			b.add(techdocs.Problem{Severity: techdocs.Error, File: dir, Message: fmt.Sprintf(
				"the documents have more than %d files; keep what is no documentation elsewhere", limits.Files)})

			return errProblems
		case c.bytes > limits.Bytes:
			b.add(techdocs.Problem{Severity: techdocs.Error, File: dir, Message: fmt.Sprintf(
				"the documents have more than %d bytes; keep what is no documentation elsewhere", limits.Bytes)})

			return errProblems
		}
		c.put(files.New(path.Join(prefix, name), file, size, b.site.UseDirectoryURLs))

		return nil
	})
	if errors.Is(err, fs.ErrNotExist) && b.options.CopyReadme {
		return nil
	}
	switch {
	case errors.Is(err, source.ErrOutside):
		refused("")

		return errProblems
	case errors.Is(err, source.ErrTooMany):
		b.add(techdocs.Problem{Severity: techdocs.Error, File: dir, Message: fmt.Sprintf(
			"the documents have more than %d folders, those behind symbolic links counted each time; keep what is no documentation elsewhere", source.MaxFolders)})

		return errProblems
	}

	return err
}

// includesHidden says whether exclude_docs may bring back something in a hidden folder. Without, they need not be read.
func (b *build) includesHidden() bool { return strings.Contains(b.site.ExcludeDocs, "!") }

func (c *collector) put(file *files.File) {
	if at, is := c.index[file.Src]; is {
		c.all[at] = file

		return
	}
	c.index[file.Src] = len(c.all)
	c.all = append(c.all, file)
}

// readme takes a README for a missing index.md, with the option for it.
func (c *collector) readme() {
	b := c.build
	if _, is := c.index["index.md"]; is || !b.options.CopyReadme {
		return
	}
	for _, name := range []string{path.Join(b.site.DocsDir, "README.md"), path.Join(b.site.DocsDir, "readme.md"), "README.md", "readme.md"} {
		if info, err := b.tree.Stat(name); err == nil && info.Mode().IsRegular() {
			b.log("There is no index.md; taking %s for it", name)
			c.put(files.New("index.md", name, info.Size(), b.site.UseDirectoryURLs))

			return
		}
	}
}

// snippets finds the files that pages include.
type snippets struct {
	bases    []any
	restrict bool
}

func newSnippets(site *config.Config) snippets {
	s := snippets{bases: []any{"."}, restrict: true}
	for _, extension := range site.Extensions {
		if extension.Name != "pymdownx.snippets" {
			continue
		}
		if base := extension.Value.Get("base_path"); !base.IsNull() {
			s.bases = nil
			items := base.List
			if !base.IsList {
				items = []*config.Value{base}
			}
			for _, item := range items {
				s.bases = append(s.bases, item.Scalar)
			}
		}
		if restrict, is := extension.Value.Get("restrict_base_path").Any().(bool); is {
			s.restrict = restrict
		}
	}

	return s
}

// maxSnippet is how many bytes an included file may have.
const maxSnippet = 5 << 20

// snippet reads a file for a page. An error that wraps fs.ErrNotExist says that there is none, or that it is not to be read.
func (b *build) snippet(page *files.File, name string) ([]byte, error) {
	for _, base := range b.snippets.bases {
		dir, is := b.snippetBase(page, base)
		if !is {
			continue
		}
		full := path.Join(dir, name)
		if info, err := b.tree.Stat(dir); err == nil && !info.IsDir() {
			// A file as a base stands for itself.
			if full = path.Join(path.Dir(dir), name); full != path.Clean(dir) {
				continue
			}
		} else if b.snippets.restrict && dir != "." && !strings.HasPrefix(full, dir+"/") {
			continue
		}
		if path.IsAbs(name) {
			continue
		}
		content, err := b.tree.ReadFile(full, maxSnippet)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, source.ErrOutside) || errors.Is(err, fs.ErrInvalid) {
			continue
		}

		return content, err
	}

	return nil, fs.ErrNotExist
}

func (b *build) snippetBase(page *files.File, base any) (string, bool) {
	var dir string
	switch value := base.(type) {
	case string:
		dir = value
	case config.Relative:
		switch value.Base {
		case "page":
			dir = path.Dir(page.Real)
		case "docs":
			dir = path.Join(b.site.DocsDir, value.Suffix)
		default:
			dir = cmpOr(value.Suffix, ".")
		}
	}
	clean, err := source.Clean(dir)

	return clean, err == nil && dir != ""
}
