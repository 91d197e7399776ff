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
	"github.com/portico-dev/portico/integration/provenance"
)

// Files reads local files, only within the directories that the configuration names, whatever the spelling of
// a path and wherever links lead. It takes places instead of paths, because provenance.Place decides which
// files may refer to local files.
type Files struct {
	directories []string
	limits      Limits
}

// LocalFile is a local file; Path is absolute.
type LocalFile struct {
	Path string
	Body []byte
}

// NewFiles makes a reader that is confined to directories, by their absolute paths. They need not exist yet.
// The root directory is refused, because it would allow everything.
func NewFiles(directories []string, limits Limits) (*Files, error) {
	for _, directory := range directories {
		if !filepath.IsAbs(directory) || isSystem(directory) {
			return nil, fmt.Errorf("local files are not read from %s: give them a directory of their own", directory)
		}
	}
	return &Files{directories: slices.Clone(directories), limits: limits.withDefaults()}, nil
}

// isSystem reports whether a directory holds the operating system and its secrets. Such a directory is
// refused.
func isSystem(directory string) bool {
	directory = filepath.Clean(directory)
	return directory == "/" || slices.ContainsFunc([]string{"/proc", "/sys", "/dev"}, func(system string) bool {
		return directory == system || strings.HasPrefix(directory, system+"/")
	})
}

// FixedDirectory is the longest directory of a path that has no wildcard. Every match is in it or below it.
func FixedDirectory(path string) string {
	directory := filepath.Dir(path)
	for globPattern.MatchString(directory) {
		directory = filepath.Dir(directory)
	}
	return directory
}

// OpenParent opens the directory of the file at a place. The caller closes it. Errors do not contain the
// directory's path, because everybody who may run a template may read them.
func (f *Files) OpenParent(at provenance.Place) (*os.Root, error) {
	if !at.IsLocal() {
		return nil, fault.New(fault.NotAllowed, "%s is not on this machine, so it cannot refer to files here", at)
	}
	if at.Kind() != provenance.File {
		root, err := os.OpenRoot(filepath.Dir(at.Target()))
		return root, withoutPath(err)
	}
	root, relative, err := f.open(filepath.Join(filepath.Dir(at.Target()), "any"))
	if err != nil {
		return nil, withoutPath(err)
	}
	defer root.Close()
	parent, err := root.OpenRoot(filepath.Dir(relative))
	return parent, withoutPath(err)
}

func withoutPath(err error) error {
	if refused, is := errors.AsType[*outsideError](err); is {
		return fault.Wrap(fault.NotAllowed, refused, "it is in none of the directories that the configuration names")
	}
	if failed, is := errors.AsType[*fs.PathError](err); is {
		return failed.Err
	}
	return err
}

// outsideError is the error for a path outside the configured directories.
type outsideError struct{ path string }

func (e *outsideError) Error() string {
	return fmt.Sprintf("file %s could not be read, it is in none of the directories that the configuration names. Move it beside a file of "+
		"catalog.locations, or add its directory to portico.files.directories", e.path)
}

// open opens the configured directory that contains a path, which may be a glob, and returns the path
// relative to it. A path that is in none, or that a link leads out of all of them, is an *outsideError,
// whether or not the path exists.
func (f *Files) open(path string) (root *os.Root, relative string, err error) {
	path = filepath.Clean(path)
	if !slices.ContainsFunc(f.directories, func(directory string) bool { return isBelow(directory, path) }) {
		return nil, "", &outsideError{path}
	}
	resolved := resolveDirectory(path)
	for _, directory := range f.directories {
		actual, err := filepath.EvalSymlinks(directory)
		if err != nil && isBelow(directory, path) {
			return nil, "", err
		}
		if err != nil || isSystem(actual) || !isBelow(actual, resolved) {
			continue
		}
		relative, err := filepath.Rel(actual, resolved)
		if err != nil {
			return nil, "", err
		}
		root, err := os.OpenRoot(actual)
		return root, relative, err
	}
	return nil, "", &outsideError{path}
}

func isBelow(directory, path string) bool {
	relative, err := filepath.Rel(directory, path)
	return err == nil && filepath.IsLocal(relative)
}

// resolveDirectory resolves links in the directories that the path names without wildcards. An os.Root does
// not follow absolute links, even those that stay inside, and home directories are often behind one.
func resolveDirectory(path string) string {
	fixed := FixedDirectory(path)
	resolved, err := filepath.EvalSymlinks(fixed)
	if err != nil {
		return path // a missing directory has no links; reading reports it
	}
	return filepath.Join(resolved, strings.TrimPrefix(path, fixed))
}

// Glob reads the files of a place, whose path may be a glob in which ** matches any depth, sorted by path.
// The result may be empty. A place that is not a file in the configured directories is a fault of kind
// NotAllowed.
func (f *Files) Glob(ctx context.Context, at provenance.Place) ([]LocalFile, error) {
	if at.Kind() != provenance.File {
		return nil, fault.New(fault.NotAllowed, "%s is not a file on this machine", at)
	}
	path := filepath.Clean(at.Target())
	root, pattern, err := f.open(path)
	switch refused, isOutside := errors.AsType[*outsideError](err); {
	case isOutside:
		return nil, fault.Wrap(fault.NotAllowed, refused, "%s", refused)
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("file %s could not be read, %w", path, err)
	}
	defer root.Close()
	found := finder{root: root, limits: f.limits, path: path, pattern: filepath.ToSlash(pattern)}
	return found.all(ctx)
}

// finder reads the files of a path below a directory.
type finder struct {
	root   *os.Root
	limits Limits
	// path is the original path. pattern is the same path relative to root, with links in its directories
	// resolved.
	path, pattern string
}

func (f *finder) all(ctx context.Context) ([]LocalFile, error) {
	names, err := f.glob(ctx)
	if err != nil {
		return nil, fmt.Errorf("file %s could not be read, %w", f.path, err)
	}
	files := make([]LocalFile, 0, len(names))
	total := int64(0)
	for _, name := range names {
		named := f.asNamed(name)
		body, err := f.read(name, named)
		if err != nil {
			return nil, err
		}
		if total += int64(len(body)); total > f.limits.SearchBytes {
			return nil, fault.New(fault.Input, "file %s names more than %d bytes", f.path, f.limits.SearchBytes)
		}
		files = append(files, LocalFile{Path: named, Body: body})
	}
	return files, nil
}

// read reads one file. Errors contain the path named. A file that has disappeared since it was listed is a
// fault of kind NotFound.
func (f *finder) read(name, named string) ([]byte, error) {
	// Without O_NONBLOCK, opening a pipe waits for its writer, possibly for ever.
	file, err := f.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.NotFound, err, "file %s does not exist", named)
	}
	if err != nil {
		return nil, fmt.Errorf("file %s could not be read, %w", named, err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fault.New(fault.Input, "file %s could not be read, it is not a regular file", named)
	}
	body, err := io.ReadAll(io.LimitReader(file, f.limits.FileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("file %s could not be read, %w", named, err)
	}
	if int64(len(body)) > f.limits.FileBytes {
		return nil, fault.New(fault.Input, "file %s could not be read, it is larger than %d bytes", named, f.limits.FileBytes)
	}
	return body, nil
}

// asNamed is the path of a found file as the original path spells its directory, not as links resolve it.
func (f *finder) asNamed(name string) string {
	if name == f.pattern {
		return f.path
	}
	below := strings.TrimPrefix(filepath.FromSlash(name), filepath.FromSlash(f.fixed()))
	return filepath.Join(FixedDirectory(f.path), below)
}

// fixed is FixedDirectory of the path relative to root, with a slash at its end; "" is root itself.
func (f *finder) fixed() string {
	if fixed := filepath.ToSlash(FixedDirectory(f.pattern)); fixed != "." {
		return fixed + "/"
	}
	return ""
}

// glob lists the matching files. It does not follow links.
func (f *finder) glob(ctx context.Context) ([]string, error) {
	if !globPattern.MatchString(f.pattern) {
		if _, err := f.root.Stat(filepath.FromSlash(f.pattern)); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return []string{f.pattern}, nil
	}
	var names []string
	collect := func(name string, _ fs.DirEntry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if dots(name) > dots(f.pattern) {
			return nil
		}
		if names = append(names, name); len(names) > f.limits.SearchFiles {
			return fmt.Errorf("it names more than %d files", f.limits.SearchFiles)
		}
		return nil
	}
	err := doublestar.GlobWalk(f.root.FS(), f.pattern, collect, doublestar.WithFilesOnly(), doublestar.WithNoFollow())
	slices.Sort(names)
	return names, err
}
