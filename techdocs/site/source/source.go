// Package source reads the folder of a documentation site and nothing outside of it: a path or a symbolic link that leaves the folder is
// refused.
package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// ErrOutside is the error of a path that leads out of the folder.
var ErrOutside = errors.New("leads out of the folder of the source")

// ErrTooLarge is the error of a file that has more bytes than the caller accepts.
var ErrTooLarge = errors.New("is too large")

// ErrTooMany is the error of a folder with more folders in it than are read.
var ErrTooMany = errors.New("has too many folders")

const (
	// maxDepth is how many folders may be in each other. Symbolic links to a folder above end here.
	maxDepth = 40
	// MaxFolders is how many folders are read of a tree, by all walks. By symbolic links, a few can stand for billions.
	MaxFolders = 50_000
)

// Tree is the folder. Its paths have slashes and are relative to it. Only one goroutine may walk it at a time.
type Tree struct {
	root    *os.Root
	folders int
}

// Open opens the folder.
func Open(dir string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the source: %w", err)
	}

	return &Tree{root: root}, nil
}

// Close releases the folder.
func (t *Tree) Close() error { return t.root.Close() }

// Clean returns the path without dots, or ErrOutside. The path of the folder itself is ".".
func Clean(name string) (string, error) {
	clean := path.Clean(strings.ReplaceAll(name, "\\", "/"))
	if path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") {
		return "", ErrOutside
	}

	return clean, nil
}

// Stat describes what is at the path, behind symbolic links.
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	clean, err := Clean(name)
	if err != nil {
		return nil, err
	}
	info, err := t.root.Stat(clean)

	return info, outside(err)
}

// IsDir says whether there is a folder at the path. A path that leads out of the folder is an error, a missing one is none.
func (t *Tree) IsDir(name string) (bool, error) {
	info, err := t.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}

	return info.IsDir(), nil
}

// Open opens a file for reading. Pipes and devices are refused: reading them may never end.
func (t *Tree) Open(name string) (*os.File, fs.FileInfo, error) {
	clean, err := Clean(name)
	if err != nil {
		return nil, nil, err
	}
	info, err := t.root.Stat(clean)
	if err != nil {
		return nil, nil, outside(err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%w: it is no regular file", fs.ErrInvalid)
	}
	file, err := t.root.Open(clean)

	return file, info, outside(err)
}

// ReadFile reads a file of at most limit bytes.
func (t *Tree) ReadFile(name string, limit int64) ([]byte, error) {
	file, info, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if info.Size() > limit {
		return nil, ErrTooLarge
	}
	content := make([]byte, info.Size(), info.Size()+1)
	n, err := io.ReadFull(file, content)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read: %w", err)
	}

	return content[:n], nil
}

// Walk calls visit for each file below a folder, with its path in that folder, its path in the tree and its size; first the files of a
// folder by name, then its folders. Folders for which skip is true are left out. A symbolic link that leads out of the tree is given to
// refused. An error of visit ends the walk, and so does ErrTooMany.
func (t *Tree) Walk(dir string, skip func(name string) bool, refused func(name string), visit func(name, file string, size int64) error) error {
	clean, err := Clean(dir)
	if err != nil {
		return err
	}

	return (&walk{tree: t, base: clean, skip: skip, refused: refused, visit: visit}).folder("", nil)
}

type walk struct {
	tree    *Tree
	base    string
	skip    func(name string) bool
	refused func(name string)
	visit   func(name, file string, size int64) error
}

func (w *walk) folder(name string, above []fs.FileInfo) error {
	if w.tree.folders++; w.tree.folders > MaxFolders {
		return ErrTooMany
	}
	full := path.Join(w.base, name)
	info, err := w.tree.root.Stat(full)
	if err != nil {
		return outside(err)
	}
	// A link to a folder above would be followed for ever.
	if len(above) > maxDepth || slices.ContainsFunc(above, func(parent fs.FileInfo) bool { return os.SameFile(parent, info) }) {
		return nil
	}
	entries, err := fs.ReadDir(w.tree.root.FS(), full)
	if err != nil {
		return outside(err)
	}
	var folders []string
	for _, entry := range entries {
		child := path.Join(name, entry.Name())
		info, err := w.tree.root.Stat(path.Join(full, entry.Name()))
		switch {
		case err != nil && errors.Is(outside(err), ErrOutside):
			w.refused(child)
		case err != nil:
			// A link to nothing, or a file that went meanwhile: there is nothing to publish.
		case info.IsDir():
			if !w.skip(child) {
				folders = append(folders, child)
			}
		case info.Mode().IsRegular():
			if err := w.visit(child, path.Join(full, entry.Name()), info.Size()); err != nil {
				return err
			}
		}
	}
	for _, child := range folders {
		if err := w.folder(child, append(above, info)); err != nil {
			return err
		}
	}

	return nil
}

// outside names the error of os.Root for paths that leave it, which the package does not export.
func outside(err error) error {
	if err != nil && strings.Contains(err.Error(), "path escapes from parent") {
		return ErrOutside
	}

	return err
}

// Glob returns the files that a pattern with *, ?, [] and ** matches, in order. Symbolic links are not followed. Each folder is looked into
// once, whatever the pattern: with several **, doublestar's own search looks into each of them as often as they can be divided among these.
func (t *Tree) Glob(pattern string) ([]string, error) {
	clean, err := Clean(pattern)
	if err == nil && !doublestar.ValidatePattern(clean) {
		err = doublestar.ErrBadPattern
	}
	if err != nil {
		return nil, fmt.Errorf("find %q: %w", pattern, err)
	}
	base, _ := doublestar.SplitPattern(clean)
	depth := strings.Count(clean, "/")
	if strings.Contains(clean, "**") {
		depth = maxDepth
	}
	var names []string
	err = fs.WalkDir(t.root.FS(), base, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil //nolint:nilerr // What cannot be read matches nothing.
		case !entry.IsDir():
			if doublestar.MatchUnvalidated(clean, name) {
				names = append(names, name)
			}

			return nil
		case name != base && strings.Count(name, "/") >= depth:
			return fs.SkipDir
		}
		if t.folders++; t.folders > MaxFolders {
			return ErrTooMany
		}

		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find %q: %w", pattern, err)
	}
	slices.Sort(names)

	return names, nil
}
