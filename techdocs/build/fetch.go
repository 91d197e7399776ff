package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
)

// Trees reads folders on hosts. *integration.Set implements it.
type Trees interface {
	ReadTree(ctx context.Context, url string, options integration.ReadOptions) (*integration.Tree, error)
}

// Folders opens folders on this machine. *integration.Files implements it.
type Folders interface {
	OpenParent(at provenance.Place) (*os.Root, error)
}

// Bounds bound the files of one site. Zero fields have defaults.
type Bounds struct {
	// Bytes is the size of all files, 200 MB by default, and Files their number, 20,000 by default.
	Bytes int64
	Files int
}

const (
	defaultBytes = 200_000_000
	defaultFiles = 20_000
)

func (b Bounds) withDefaults() Bounds {
	if b.Bytes == 0 {
		b.Bytes = defaultBytes
	}
	if b.Files == 0 {
		b.Files = defaultFiles
	}
	return b
}

// fetched are the files of a site in a folder of their own.
type fetched struct {
	// etag is the commit, or the digest of local files.
	etag string
	// digest is that of all files.
	digest string
	files  int
	bytes  int64
}

// fetch copies the files of a source into an empty folder. With the etag of what is there already it returns
// integration.ErrNotModified and copies nothing.
func (b *Builder) fetch(ctx context.Context, source Source, folder, etag string) (fetched, error) {
	copying := copier{folder: folder, bounds: b.Bounds.withDefaults(), source: source.String(), made: map[string]bool{folder: true}}
	if source.Kind == KindURL {
		return b.fetchTree(ctx, source, &copying, etag)
	}
	return b.fetchFolder(ctx, source, &copying, etag)
}

func (b *Builder) fetchTree(ctx context.Context, source Source, copying *copier, etag string) (fetched, error) {
	tree, err := b.Trees.ReadTree(ctx, source.Target, integration.ReadOptions{ETag: etag, Ref: source.Ref})
	if err != nil {
		return fetched{}, err
	}
	defer tree.Close()
	copying.lines = append(copying.lines, "\x00source\x00"+source.Target) // pages name their source
	err = copying.all(ctx, func(yield func(file, error) bool) {
		for each, err := range tree.Files() {
			if !yield(file{path: each.Path, link: each.Link, content: each.Content}, err) {
				return
			}
		}
	})
	return copying.fetched(tree.ETag), err
}

func (b *Builder) fetchFolder(ctx context.Context, source Source, copying *copier, etag string) (fetched, error) {
	parent, err := b.Folders.OpenParent(source.file)
	if err != nil {
		return fetched{}, localError(source, err)
	}
	defer parent.Close()
	folder, err := parent.OpenRoot(filepath.FromSlash(source.folder))
	if err != nil {
		return fetched{}, localError(source, err)
	}
	defer folder.Close()
	if err := copying.all(ctx, filesOf(folder)); err != nil {
		return fetched{}, localError(source, err)
	}
	found := copying.fetched("")
	if found.etag = found.digest; found.etag == etag {
		return found, integration.ErrNotModified
	}
	return found, nil
}

// localError is an error about local files without their path, because everybody who may read the entity may read it.
func localError(source Source, err error) error {
	if fault.KindOf(err) != "" {
		return err
	}
	cause := err
	if at, is := errors.AsType[*fs.PathError](err); is {
		cause = at.Err
	}
	kind := fault.Input
	if errors.Is(err, fs.ErrNotExist) {
		kind = fault.NotFound
	}
	return fault.Wrap(kind, err, "%s could not be read: %s", source, cause)
}

// file is a file or a link that is copied.
type file struct {
	// path is relative, with slashes.
	path string
	// link is the target of a link, "" for a file.
	link    string
	content io.Reader
}

// skipped are folders that are no documentation and often large, besides those that Git ignores.
var skipped = []string{".git", "node_modules"}

// filesOf iterates over the files and links below a folder.
func filesOf(folder *os.Root) iter.Seq2[file, error] {
	return func(yield func(file, error) bool) {
		stopped, rules := errors.New("stopped"), ignoredIn(folder)
		err := fs.WalkDir(folder.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && (slices.Contains(skipped, entry.Name()) || rules.has(name, true)):
				return fs.SkipDir
			case rules.has(name, entry.IsDir()):
				return nil
			case entry.IsDir():
				return nil
			case entry.Type()&fs.ModeSymlink == 0 && !entry.Type().IsRegular():
				return nil
			}
			if !visit(folder, name, entry, yield) {
				return stopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, stopped) {
			yield(file{}, err)
		}
	}
}

func visit(folder *os.Root, name string, entry fs.DirEntry, yield func(file, error) bool) bool {
	local := filepath.FromSlash(name)
	if entry.Type()&fs.ModeSymlink != 0 {
		target, err := folder.Readlink(local)
		return yield(file{path: name, link: filepath.ToSlash(target)}, err)
	}
	// Without O_NONBLOCK, opening a pipe waits for its writer, possibly for ever.
	opened, err := folder.OpenFile(local, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return yield(file{}, err)
	}
	defer opened.Close()
	return yield(file{path: name, content: opened}, nil)
}

// copier copies files into a folder within bounds, and computes their digest. Links are made last, so that no file is written through one.
type copier struct {
	folder string
	bounds Bounds
	source string

	// made are the folders that are there.
	made  map[string]bool
	links []file
	// lines are what the digest is of.
	lines []string
	files int
	bytes int64
}

func (c *copier) all(ctx context.Context, files iter.Seq2[file, error]) error {
	for each, err := range files {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = c.copy(each)
		}
		if err != nil {
			return err
		}
	}
	for _, each := range c.links {
		if err := c.link(each); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) copy(each file) error {
	if c.files++; c.files > c.bounds.Files {
		return fault.New(fault.Input, "%s has more than %d files. Move the documentation to a folder of its own, and name that in %s", c.source, c.bounds.Files,
			AnnotationRef)
	}
	if each.link != "" {
		c.lines = append(c.lines, each.path+"\x00link\x00"+each.link)
		c.links = append(c.links, each)
		return nil
	}
	path, err := c.make(each.path)
	if err != nil {
		return err
	}
	written, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return c.wrong(each.path, err)
	}
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(written, hash), io.LimitReader(each.content, c.bounds.Bytes-c.bytes+1))
	err = errors.Join(err, written.Close())
	if c.bytes += size; c.bytes > c.bounds.Bytes {
		return fault.New(fault.Input, "%s has more than %d MB of files. Move the documentation to a folder of its own, and name that in %s", c.source,
			c.bounds.Bytes/1_000_000, AnnotationRef)
	}
	c.lines = append(c.lines, each.path+"\x00file\x00"+hex.EncodeToString(hash.Sum(nil)))
	return err
}

// make makes the folder of a file, and returns the file's path.
func (c *copier) make(name string) (string, error) {
	local := filepath.FromSlash(name)
	if !filepath.IsLocal(local) {
		return "", fault.New(fault.Input, "the path %s of %s leads out of the folder", name, c.source)
	}
	at := filepath.Join(c.folder, local)
	if directory := filepath.Dir(at); !c.made[directory] {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return "", c.wrong(name, err)
		}
		c.made[directory] = true
	}
	return at, nil
}

// link makes a link that stays below the folder. Another one is left out: nothing outside is read, and a page that needs it is reported as
// missing.
func (c *copier) link(each file) error {
	if path.IsAbs(each.link) || !filepath.IsLocal(filepath.FromSlash(path.Join(path.Dir(each.path), each.link))) {
		return nil
	}
	at, err := c.make(each.path)
	if err != nil {
		return err
	}
	if err := os.Symlink(filepath.FromSlash(each.link), at); err != nil {
		return c.wrong(each.path, err)
	}
	return nil
}

// wrong is an error about a path that cannot be written.
func (c *copier) wrong(name string, err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("copy the files of a site: %w", err)
	}
	return fault.Wrap(fault.Input, err, "the file %s of %s cannot be read: its path is there twice, or leads through a link", name, c.source)
}

func (c *copier) fetched(etag string) fetched {
	slices.Sort(c.lines)
	sum := sha256.Sum256([]byte(strings.Join(c.lines, "\x00\x00")))
	return fetched{etag: etag, digest: hex.EncodeToString(sum[:]), files: c.files, bytes: c.bytes}
}
