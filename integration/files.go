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
	file, err := f.root.Open(relative)
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
	relative, err := filepath.Rel(f.base, name)
	if err != nil || !filepath.IsLocal(relative) {
		return "", fault.New(fault.NotAllowed, "file %s could not be read, it is not below %s", name, f.base)
	}
	return relative, nil
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
		files = append(files, LocalFile{Path: filepath.Join(f.base, filepath.FromSlash(name)), Body: body})
	}
	return files, nil
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
