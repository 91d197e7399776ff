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
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/portico-dev/portico/fault"
)

// Tree is the files of a directory in a repository, at one commit. It must be closed.
type Tree struct {
	// ETag is the commit's hash.
	ETag string
	// archive is the tarball being read, root the directory asked for, "" for the repository's root.
	archive *tar.Reader
	root    string
	limits  Limits
	close   func()
}

// TreeFile is a file of a Tree.
type TreeFile struct {
	// Path is relative to the directory asked for, with slashes. It stays below that directory.
	Path string
	// Mode holds the permissions, and fs.ModeSymlink for a link.
	Mode fs.FileMode
	// Link is what a link points at: a relative path that stays within the repository. It is "" for a file.
	Link string
	Size int64
	// Content is the file's bytes, to be read before the next file is asked for.
	Content io.Reader
}

// Close ends the reading. It may be called at any time, and again.
func (t *Tree) Close() { t.close() }

// Files goes through the files, once, in the archive's order. It ends with an error when the archive breaks off, holds
// more than the limits allow or a path that leads out of the tree, or when the directory is not there.
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

// next reads up to the next file below the root; io.EOF is the end.
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

// file makes a TreeFile of an archive's entry; below is false for one that is not in the directory asked for.
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
		target := path.Join(path.Dir(name), header.Linkname) //nolint:gosec // the next line sees to it that it stays inside
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

// describe says what an error of the unpacking means.
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

// ReadTree reads the directory behind a URL on a GitHub host; a URL without a ref means the default branch. An ETag
// that is still the commit is ErrNotModified. Other errors are like ReadURL's.
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
	repository, err := s.openRepository(ctx, rawURL, options)
	if err != nil {
		return nil, err
	}
	return repository.archive(ctx, repository.path, s.limits)
}

// repository is a commit in a GitHub repository, ready to be read.
type repository struct {
	source
	client *Client
	commit string
}

// openRepository finds the commit that a URL means.
func (s *Set) openRepository(ctx context.Context, rawURL string, options ReadOptions) (*repository, error) {
	parsed, err := parseWebURL(rawURL)
	if err != nil {
		return nil, fault.New(fault.Input, "Unable to read %s, %s", rawURL, err)
	}
	if integration, _ := s.ByHost(parsed.Host); integration.Type != TypeGitHub {
		if !s.allows(parsed) {
			return nil, notAllowed(rawURL)
		}
		return nil, fault.New(fault.Input, "Unable to read %s, only files can be read from hosts that are no GitHub integration", rawURL)
	}
	found, err := parseSource(parsed)
	if err != nil {
		return nil, fault.New(fault.Input, "Incorrect URL: %s, Error: %s", rawURL, err)
	}
	client, err := s.GitHub(found.host, found.access(), options.Token)
	if err != nil {
		return nil, err
	}
	opened := &repository{source: found, client: client}
	err = opened.findCommit(ctx, options.ETag)
	if fault.KindOf(err) == fault.NotFound {
		whole, isLonger, refErr := s.withWholeRef(ctx, client, found, options.Token)
		if refErr != nil {
			return nil, refErr
		}
		if isLonger {
			opened.source = whole
			err = opened.findCommit(ctx, options.ETag)
		}
	}
	if err != nil {
		return nil, err
	}
	if opened.commit == options.ETag {
		return nil, ErrNotModified
	}
	return opened, nil
}

func (r *repository) findCommit(ctx context.Context, known string) error {
	if r.ref == "" {
		details, _, err := r.client.Repositories.Get(ctx, r.owner, r.repo)
		if err != nil {
			return r.client.failure(ctx, r.apiURL(""), err)
		}
		r.ref = details.GetDefaultBranch()
	}
	hash, _, err := r.client.Repositories.GetCommitSHA1(ctx, r.owner, r.repo, r.ref, known)
	if isAnswer(err, http.StatusUnprocessableEntity) {
		return fault.Wrap(fault.NotFound, err, "%s/%s on %s has no branch, tag or commit %s", r.owner, r.repo, r.host, r.ref)
	}
	if err != nil {
		return r.client.failure(ctx, r.apiURL("/commits/"+url.PathEscape(r.ref)), err)
	}
	if r.commit = hash; !isHash(hash) {
		return fmt.Errorf("%s/%s: %s answered without a commit for %s", r.owner, r.repo, r.host, r.ref)
	}
	return nil
}

func isHash(commit string) bool { return commitHash.FindString(commit) == commit && commit != "" }

// apiURL is where the API has a part of the repository.
func (r *repository) apiURL(part string) string {
	return fmt.Sprintf("%srepos/%s/%s%s", r.client.BaseURL, r.owner, r.repo, part)
}

// archive starts to read the commit's tarball, for the files below root.
func (r *repository) archive(ctx context.Context, root string, limits Limits) (*Tree, error) {
	request, err := r.client.NewRequest(http.MethodGet, r.apiURL("/tarball/"+r.commit), nil)
	if err != nil {
		return nil, fmt.Errorf("read %s/%s: %w", r.owner, r.repo, err)
	}
	response, err := r.client.BareDo(ctx, request)
	if err != nil {
		return nil, r.client.failure(ctx, request.URL.String(), err)
	}
	unpacked, err := gzip.NewReader(response.Body)
	if err != nil {
		response.Body.Close()
		return nil, fmt.Errorf("read the archive of %s/%s: %w", r.owner, r.repo, err)
	}
	bounded := http.MaxBytesReader(nil, unpacked, limits.TreeBytes)
	return &Tree{
		ETag: r.commit, archive: tar.NewReader(bounded), root: root, limits: limits,
		close: func() { response.Body.Close() },
	}, nil
}
