package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/portico-dev/portico/fault"
)

// Files reads local files below one directory, for locations of type file. Links cannot lead out of it. It must be
// closed.
type Files struct {
	root *os.Root
	// base is the absolute path of the directory.
	base   string
	limits Limits
}

// LocalFile is a local file; Path is absolute.
type LocalFile struct {
	Path string
	Body []byte
}

// OpenFiles confines a reader to the directory base.
func OpenFiles(base string, limits Limits) (*Files, error) {
	absolute, err := filepath.Abs(base)
	if err != nil {
		return nil, fmt.Errorf("directory %s: %w", base, err)
	}
	if absolute, err = filepath.EvalSymlinks(absolute); err != nil {
		return nil, fmt.Errorf("directory %s: %w", base, err)
	}
	root, err := os.OpenRoot(absolute)
	if err != nil {
		return nil, fmt.Errorf("directory %s: %w", base, err)
	}
	return &Files{root: root, base: absolute, limits: limits.withDefaults()}, nil
}

// Close lets go of the directory.
func (f *Files) Close() error { return f.root.Close() }

// ReadFile reads one file, by its absolute path or one relative to the base. A missing file is a NotFound fault, one
// outside the base a NotAllowed one.
func (f *Files) ReadFile(name string) ([]byte, error) {
	relative, err := f.relative(name)
	if err != nil {
		return nil, err
	}
	// A pipe opened in any other way waits for its writer, for ever if need be.
	file, err := f.root.OpenFile(relative, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.NotFound, err, "file %s does not exist", name)
	}
	if err != nil {
		return nil, fmt.Errorf("file %s could not be read, %w", name, err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fault.New(fault.Input, "file %s could not be read, it is no regular file", name)
	}
	body, err := io.ReadAll(io.LimitReader(file, f.limits.FileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("file %s could not be read, %w", name, err)
	}
	if int64(len(body)) > f.limits.FileBytes {
		return nil, fault.New(fault.Input, "file %s could not be read, it is larger than %d bytes", name, f.limits.FileBytes)
	}
	return body, nil
}

func (f *Files) relative(name string) (string, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(f.base, name)
	}
	relative, err := filepath.Rel(f.base, resolveDirectory(name))
	if err != nil || !filepath.IsLocal(relative) {
		return "", fault.New(fault.NotAllowed, "file %s could not be read, it is not below %s", name, f.base)
	}
	return relative, nil
}

// resolveDirectory is the path without links in the directories that it names in full: an os.Root follows no absolute link, not even one that
// stays inside, and home directories are often behind one.
func resolveDirectory(path string) string {
	directory, rest := filepath.Split(path)
	for globPattern.MatchString(directory) {
		var segment string
		directory, segment = filepath.Split(filepath.Clean(directory))
		rest = filepath.Join(segment, rest)
	}
	resolved, err := filepath.EvalSymlinks(directory)
	if err != nil {
		return path // what is not there has no links; reading says so
	}
	return filepath.Join(resolved, rest)
}

// GlobFiles reads the files that a path names, which may be a glob, where ** is any depth. None found is an empty
// result. They come sorted by path.
func (f *Files) GlobFiles(ctx context.Context, pattern string) ([]LocalFile, error) {
	relative, err := f.relative(pattern)
	if err != nil {
		return nil, err
	}
	names, err := f.glob(ctx, filepath.ToSlash(relative))
	if err != nil {
		return nil, fmt.Errorf("file %s could not be read, %w", pattern, err)
	}
	files := make([]LocalFile, 0, len(names))
	total := int64(0)
	for _, name := range names {
		body, err := f.ReadFile(filepath.FromSlash(name))
		if err != nil {
			return nil, err
		}
		if total += int64(len(body)); total > f.limits.SearchBytes {
			return nil, fault.New(fault.Input, "file %s names more than %d bytes", pattern, f.limits.SearchBytes)
		}
		files = append(files, LocalFile{Path: f.asNamed(pattern, relative, name), Body: body})
	}
	return files, nil
}

// asNamed is the path of a file that was found, by the directory that the pattern names it by rather than by where a link leads.
func (f *Files) asNamed(pattern, resolvedPattern, name string) string {
	found := filepath.FromSlash(name)
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(f.base, pattern)
	}
	if found == resolvedPattern {
		return pattern
	}
	fixed, _ := doublestar.SplitPattern(filepath.ToSlash(pattern))
	resolvedFixed, _ := doublestar.SplitPattern(filepath.ToSlash(resolvedPattern))
	below, err := filepath.Rel(filepath.FromSlash(resolvedFixed), found)
	if err != nil {
		return filepath.Join(f.base, found)
	}
	return filepath.Join(filepath.FromSlash(fixed), below)
}

// glob lists the files that match, following no links while it searches.
func (f *Files) glob(ctx context.Context, pattern string) ([]string, error) {
	if !globPattern.MatchString(pattern) {
		if _, err := f.root.Stat(filepath.FromSlash(pattern)); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return []string{pattern}, nil
	}
	var names []string
	collect := func(name string, _ fs.DirEntry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if strings.Count("/"+name, "/.") > strings.Count("/"+pattern, "/.") {
			return nil
		}
		if names = append(names, name); len(names) > f.limits.SearchFiles {
			return fmt.Errorf("it names more than %d files", f.limits.SearchFiles)
		}
		return nil
	}
	err := doublestar.GlobWalk(f.root.FS(), pattern, collect, doublestar.WithFilesOnly(), doublestar.WithNoFollow())
	slices.Sort(names)
	return names, err
}
