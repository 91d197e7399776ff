package integration

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"path"
	"path/filepath"
	"strings"

	"github.com/portico-dev/portico/fault"
)

// Tree is the files of a directory in a repository at one commit. The caller closes it.
type Tree struct {
	// ETag is the commit's hash.
	ETag string
	// archive is the tarball that is being read. root is the requested directory, "" for the repository's
	// root.
	archive *tar.Reader
	root    string
	limits  Limits
	close   func()
}

// TreeFile is a file of a Tree.
type TreeFile struct {
	// Path is relative to the requested directory, with slashes. It stays below that directory.
	Path string
	// Mode holds the permissions, and fs.ModeSymlink for a link.
	Mode fs.FileMode
	// Link is the target of a link: a relative path that stays within the repository. It is "" for a file.
	Link string
	Size int64
	// Content is the file's content. It must be read before the next file is requested.
	Content io.Reader
}

// Close stops reading. It may be called at any time, and repeatedly.
func (t *Tree) Close() { t.close() }

// Files iterates over the files once, in the archive's order. It ends with an error when the archive is cut
// off, exceeds the limits or has a path that leads out of the tree, or when the directory does not exist.
func (t *Tree) Files() iter.Seq2[TreeFile, error] {
	return func(yield func(TreeFile, error) bool) {
		defer t.Close()
		count := 0
		for {
			file, err := t.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if count++; err == nil && count > t.limits.TreeFiles {
				err = fault.New(fault.Input, "the tree has more than %d files", t.limits.TreeFiles)
			}
			if !yield(file, err) || err != nil {
				return
			}
		}
		if count == 0 && t.root != "" {
			yield(TreeFile{}, fault.New(fault.NotFound, "there is no directory %s with files in it at commit %s", t.root, t.ETag))
		}
	}
}

// next reads up to the next file below the root. io.EOF is the end.
func (t *Tree) next() (TreeFile, error) {
	for {
		header, err := t.archive.Next()
		if errors.Is(err, io.EOF) {
			return TreeFile{}, io.EOF
		}
		if err != nil {
			return TreeFile{}, t.describe(err)
		}
		if header.Typeflag != tar.TypeReg && header.Typeflag != tar.TypeSymlink {
			continue
		}
		file, below, err := t.file(header)
		if err != nil || below {
			return file, err
		}
	}
}

// file converts an archive's entry to a TreeFile. below is false for one outside the requested directory.
func (t *Tree) file(header *tar.Header) (file TreeFile, below bool, err error) {
	_, name, _ := strings.Cut(header.Name, "/")
	if !filepath.IsLocal(name) || strings.Contains(name, `\`) {
		return TreeFile{}, false, fault.New(fault.Input, "the archive's path %q leads out of the tree", header.Name)
	}
	relative, below := cutDirectory(path.Clean(name), t.root)
	if !below {
		return TreeFile{}, false, nil
	}
	file = TreeFile{Path: relative, Mode: header.FileInfo().Mode(), Size: header.Size, Content: &contentReader{t}}
	if header.Typeflag == tar.TypeSymlink {
		target := path.Join(path.Dir(name), header.Linkname) //nolint:gosec // the next line checks that it stays inside
		if path.IsAbs(header.Linkname) || !filepath.IsLocal(target) {
			return TreeFile{}, false, fault.New(fault.Input, "the link %s leads out of the repository, to %s", name, header.Linkname)
		}
		file.Link = header.Linkname
	}
	return file, true, nil
}

func cutDirectory(name, directory string) (string, bool) {
	if directory == "" {
		return name, true
	}
	return strings.CutPrefix(name, directory+"/")
}

// describe adds the meaning of an error of unpacking.
func (t *Tree) describe(err error) error {
	if tooLarge, found := errors.AsType[*http.MaxBytesError](err); found {
		return fault.New(fault.Input, "the tree is larger than %d bytes", tooLarge.Limit)
	}
	return fmt.Errorf("read the archive of commit %s: %w", t.ETag, err)
}

// contentReader reads the current file of a tree.
type contentReader struct{ tree *Tree }

func (r *contentReader) Read(p []byte) (int, error) {
	n, err := r.tree.archive.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.tree.describe(err)
	}
	return n, err
}

// ReadTree reads the directory of a URL on a host of an integration. Without a ref, it reads the default
// branch. ErrNotModified means that the commit is still options.ETag. Other errors are like ReadURL's.
func (s *Set) ReadTree(ctx context.Context, rawURL string, options ReadOptions) (*Tree, error) {
	ctx, cancel := context.WithTimeout(ctx, treeDeadline)
	tree, err := s.openTree(ctx, rawURL, options)
	if err != nil {
		cancel()
		return nil, err
	}
	closeBody := tree.close
	tree.close = func() {
		closeBody()
		cancel()
	}
	return tree, nil
}

func (s *Set) openTree(ctx context.Context, rawURL string, options ReadOptions) (*Tree, error) {
	commit, err := s.openCommit(ctx, rawURL, options)
	if err != nil {
		return nil, err
	}
	tree, err := commit.archive(ctx, commit.Path, s.limits)
	if err != nil {
		return nil, err
	}
	tree.root = commit.Path
	return tree, nil
}

// commit is an opened commit in a repository.
type commit struct {
	*position
	hash string
}

// openCommit finds the commit of a URL.
func (s *Set) openCommit(ctx context.Context, rawURL string, options ReadOptions) (*commit, error) {
	parsed, err := parseReadable(rawURL)
	if err != nil {
		return nil, err
	}
	readable, is := s.byHost[parsed.Host].(Readable)
	if !is {
		if !s.allows(parsed) {
			return nil, notAllowed(rawURL)
		}
		return nil, fault.New(fault.Input, "Unable to read %s, only files can be read from hosts that no integration reads", rawURL)
	}
	at, err := s.locate(readable, parsed, options)
	if err != nil {
		return nil, err
	}
	if options.Ref != "" {
		// Where the URL's own ref ends is where its path begins.
		if _, err := at.findLongerRef(ctx); err != nil {
			return nil, err
		}
		at.Ref, at.RefIsWhole = options.Ref, true
	}
	opened, err := at.openCommit(ctx, options.ETag)
	if fault.KindOf(err) == fault.NotFound {
		longer, refErr := at.findLongerRef(ctx)
		if refErr != nil {
			return nil, refErr
		}
		if longer {
			opened, err = at.openCommit(ctx, options.ETag)
		}
	}
	return opened, err
}

// openCommit opens the commit of the position, whose place then has a ref.
func (p *position) openCommit(ctx context.Context, known string) (*commit, error) {
	at, hash, err := CommitAt(ctx, p.host, p.repository, p.Place, known)
	if err != nil {
		return nil, err
	}
	p.Place = at
	return &commit{position: p, hash: hash}, nil
}

// CommitAt is the hash of the commit at a place of a host's repository. It returns the place with its ref,
// which is the default branch for a place without one. ErrNotModified means that the commit is still the
// known one.
func CommitAt(ctx context.Context, host Host, repository Repository, place Place, known string) (at Place, hash string, err error) {
	if place.Ref == "" {
		if place.Ref, err = repository.DefaultBranch(ctx); err != nil {
			return Place{}, "", err
		}
		if place.Ref == "" {
			return Place{}, "", fault.New(fault.NotFound, "%s on %s has no branch yet", place.Repository, host.Name())
		}
		place.RefIsWhole = true
	}
	hash, err = repository.Commit(ctx, place.Ref, known)
	switch {
	case err != nil:
		return Place{}, "", err
	case !isHash(hash):
		return Place{}, "", fmt.Errorf("%s: %s answered without a commit for %s", place.Repository, host.Name(), place.Ref)
	case hash == known:
		return Place{}, "", ErrNotModified
	}
	return place, hash, nil
}

// archive opens an archive of the commit, with at least the files below directory.
func (c *commit) archive(ctx context.Context, directory string, limits Limits) (*Tree, error) {
	body, err := c.repository.Archive(ctx, c.hash, directory)
	if err != nil {
		return nil, err
	}
	unpacked, err := gzip.NewReader(body)
	if err != nil {
		body.Close()
		return nil, fmt.Errorf("read the archive of %s: %w", c.Repository, err)
	}
	bounded := http.MaxBytesReader(nil, unpacked, limits.TreeBytes)
	return &Tree{
		ETag: c.hash, archive: tar.NewReader(bounded), limits: limits,
		close: func() { body.Close() },
	}, nil
}
