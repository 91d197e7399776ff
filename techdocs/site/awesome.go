package site

import (
	"cmp"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site/config"
	"github.com/portico-dev/portico/techdocs/site/files"
	"github.com/portico-dev/portico/techdocs/site/nav"
	"github.com/portico-dev/portico/techdocs/site/quote"
)

// folder is a folder of pages, as the plugin awesome-pages orders it.
type folder struct {
	name    string
	title   string
	hidden  bool
	entries []*folderEntry
}

// folderEntry is a page or a folder.
type folderEntry struct {
	name   string
	page   *files.File
	folder *folder
	used   bool
}

// maxPagesFile is how many bytes a .pages file may have.
const maxPagesFile = 256 << 10

// awesome makes the nav of the folders and their .pages files.
func (b *build) awesome() []config.NavItem {
	root := &folder{}
	for _, file := range b.set.Pages() {
		if file.Inclusion == files.NotInNav {
			continue
		}
		at := root
		parts := strings.Split(file.Src, "/")
		for _, part := range parts[:len(parts)-1] {
			at = at.child(part)
		}
		at.entries = append(at.entries, &folderEntry{name: path.Base(file.Src), page: file})
	}

	return b.ordered(root)
}

func (f *folder) child(name string) *folder {
	for _, entry := range f.entries {
		if entry.folder != nil && entry.name == name {
			return entry.folder
		}
	}
	child := &folder{name: path.Join(f.name, name), title: nav.Title(name)}
	f.entries = append(f.entries, &folderEntry{name: name, folder: child})

	return child
}

// ordered returns the entries of a folder in the order of its .pages file, with those of the folders in it.
func (b *build) ordered(f *folder) []config.NavItem {
	file := path.Join(b.site.DocsDir, f.name, ".pages")
	content, err := b.tree.ReadFile(file, maxPagesFile)
	if err != nil {
		return b.rest(f) // There is none, or none that can be read.
	}
	value, err := config.Parse(file, content, nil)
	if mistake, is := errors.AsType[*config.MistakeError](err); is {
		b.add(mistake.Problem)

		return nil
	}
	if title, is := value.Get("title").Any().(string); is {
		f.title = title
	}
	f.hidden, _ = value.Get("hide").Any().(bool)
	f.sort(value)
	list := value.Get("nav")
	if list == nil {
		list = value.Get("arrange")
	}
	if list.IsNull() {
		return b.rest(f)
	}

	return b.listed(f, list)
}

// sort orders the entries by name, if the file says so.
func (f *folder) sort(value *config.Value) {
	order, _ := value.Get("order").Any().(string)
	natural := value.Get("sort_type").Any() == "natural"
	if order == "" && !natural {
		return
	}
	slices.SortStableFunc(f.entries, func(a, b *folderEntry) int {
		result := cmp.Compare(a.name, b.name)
		if natural {
			result = compareNatural(a.name, b.name)
		}
		if order == "desc" {
			result = -result
		}

		return result
	})
}

// listed returns the entries of a list. "..." stands for those that it does not name.
func (b *build) listed(f *folder, list *config.Value) []config.NavItem {
	f.mark(list)
	var items []config.NavItem
	for _, item := range list.List {
		title, titled, value := "", false, item
		if item.IsMap && len(item.Map) == 1 {
			title, titled, value = item.Map[0].Key, true, item.Map[0].Value
		}
		if value.IsList {
			items = append(items, config.NavItem{Title: title, Titled: true, Section: true, Children: b.listed(f, value), At: item.At})

			continue
		}
		name, _ := value.Any().(string)
		if name == "..." || strings.HasPrefix(name, "... ") {
			items = append(items, b.rest(f)...)

			continue
		}
		items = append(items, b.named(f, config.NavItem{Title: title, Titled: titled, Path: name, At: item.At})...)
	}

	return items
}

// mark notes which entries a list names, so that "..." before them leaves them out.
func (f *folder) mark(list *config.Value) {
	for _, item := range list.List {
		value := item
		if item.IsMap && len(item.Map) == 1 {
			value = item.Map[0].Value
		}
		if value.IsList {
			f.mark(value)
		}
		name, _ := value.Any().(string)
		if entry := f.entry(name); entry != nil {
			entry.used = true
		}
	}
}

func (f *folder) entry(name string) *folderEntry {
	name = strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	for _, entry := range f.entries {
		if entry.name == name {
			return entry
		}
	}

	return nil
}

func (b *build) named(f *folder, item config.NavItem) []config.NavItem {
	entry := f.entry(item.Path)
	switch url := quote.Split(item.Path); {
	case entry == nil && (url.Scheme != "" || url.Host != ""):
		return []config.NavItem{item}
	case entry == nil:
		b.add(item.At.Problem(techdocs.Warning, "the folder %q has no page or folder %q", cmpOr(f.name, "."), item.Path))

		return nil
	}
	items := b.item(entry)
	if item.Titled && len(items) == 1 {
		items[0].Title, items[0].Titled = item.Title, true
	}
	for i := range items {
		items[i].At = item.At
	}

	return items
}

// rest returns the entries that no list names.
func (b *build) rest(f *folder) []config.NavItem {
	var items []config.NavItem
	for _, entry := range f.entries {
		if !entry.used {
			items = append(items, b.item(entry)...)
		}
	}

	return items
}

func (b *build) item(entry *folderEntry) []config.NavItem {
	if entry.page != nil {
		return []config.NavItem{{Path: entry.page.Src}}
	}
	children := b.ordered(entry.folder)
	if entry.folder.hidden || len(children) == 0 {
		return nil
	}

	return []config.NavItem{{Title: entry.folder.title, Titled: true, Section: true, Children: children}}
}

// compareNatural compares names with the numbers in them as numbers.
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		left, right := digits(a), digits(b)
		if left > 0 && right > 0 {
			x, y := strings.TrimLeft(a[:left], "0"), strings.TrimLeft(b[:right], "0")
			if result := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); result != 0 {
				return result
			}
			a, b = a[left:], b[right:]

			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}

	return cmp.Compare(len(a), len(b))
}

func digits(text string) int {
	return len(text) - len(strings.TrimLeft(text, "0123456789"))
}
