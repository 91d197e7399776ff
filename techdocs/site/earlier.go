package site

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/portico-dev/portico/techdocs/site/files"
)

// maxCompared is how many bytes a file may have to be compared with that of the earlier build; a larger one is copied again.
const maxCompared = 1 << 20

// readEarlier lists the files of an earlier build in the output, and removes those that this one will not have: a folder may come where a
// file was.
func (b *build) readEarlier() error {
	earlier := map[string]bool{}
	err := filepath.WalkDir(b.output, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(b.output, name)
		earlier[filepath.ToSlash(relative)] = true

		return err
	})
	if err != nil {
		return fmt.Errorf("read the earlier site: %w", err)
	}
	b.earlier = earlier
	if len(earlier) == 0 {
		return nil
	}
	planned := b.planned()

	return b.removeEarlier(func(name string) bool { return planned[name] })
}

// planned are the files that the site may have.
func (b *build) planned() map[string]bool {
	planned := map[string]bool{}
	for _, name := range []string{"404.html", "sitemap.xml", "sitemap.xml.gz", "search/search_index.json", metadataName} {
		planned[name] = true
	}
	for name := range b.theme.Assets() {
		planned[name] = true
	}
	for _, file := range b.set.All {
		if file.Inclusion.Published() {
			planned[file.Dest] = true
		}
	}
	for _, plugin := range b.site.Plugins {
		if maps := plugin.Value.Get("redirect_maps"); plugin.Name == "redirects" && maps != nil {
			for _, entry := range maps.Map {
				planned[files.New(path.Clean(entry.Key), "", 0, b.site.UseDirectoryURLs).Dest] = true
			}
		}
	}

	return planned
}

// removeEarlier removes the files of the earlier build that are not to be kept, and folders that are empty then.
func (b *build) removeEarlier(keep func(name string) bool) error {
	for name := range b.earlier {
		if keep(name) {
			continue
		}
		if err := os.Remove(filepath.Join(b.output, filepath.FromSlash(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what the site has no more: %w", err)
		}
		delete(b.earlier, name)
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if os.Remove(filepath.Join(b.output, filepath.FromSlash(dir))) != nil {
				break // It is not empty.
			}
		}
	}

	return nil
}
