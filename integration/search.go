package integration

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/google/go-github/v60/github"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/fault"
)

// concurrentBlobs is how many files of a glob are read at once.
const concurrentBlobs = 5

// File is a file that a search found.
type File struct {
	URL  string
	Body []byte
}

// SearchResult is what a search found; ETag is "" when the host gave none.
type SearchResult struct {
	Files []File
	ETag  string
}

var globPattern = regexp.MustCompile(`[*?]|\[.+\]|\{.+\}`)

// Search reads the files that a URL names. On a GitHub host its path may be a glob, where ** is any depth; elsewhere it
// is one file. Nothing found is an empty result and no error; where there may be something that nobody may see, it is a
// fault of kind NotFound that says why. Other errors are like ReadURL's.
func (s *Set) Search(ctx context.Context, rawURL string, options ReadOptions) (SearchResult, error) {
	if isGlob, err := s.isGlob(rawURL); err != nil {
		return SearchResult{}, err
	} else if isGlob {
		ctx, cancel := context.WithTimeout(ctx, treeDeadline)
		defer cancel()
		return s.searchTree(ctx, rawURL, options)
	}
	read, err := s.ReadURL(ctx, rawURL, options)
	if _, isHidden := errors.AsType[*hiddenError](err); fault.KindOf(err) == fault.NotFound && !isHidden {
		return SearchResult{}, nil
	}
	if err != nil {
		return SearchResult{}, err
	}
	return SearchResult{Files: []File{{URL: rawURL, Body: read.Body}}, ETag: read.ETag}, nil
}

func (s *Set) isGlob(rawURL string) (bool, error) {
	parsed, err := parseWebURL(rawURL)
	if err != nil {
		return false, fault.New(fault.Input, "Unable to read %s, %s", rawURL, err)
	}
	if integration, _ := s.ByHost(parsed.Host); integration.Type == TypeGitHub {
		found, err := parseSource(parsed)
		return err == nil && globPattern.MatchString(found.path), nil
	}
	if s.allows(parsed) && strings.ContainsAny(parsed.EscapedPath(), "*?") {
		return false, fault.New(fault.Input, "Unsupported search pattern URL")
	}
	return false, nil
}

func (s *Set) searchTree(ctx context.Context, rawURL string, options ReadOptions) (SearchResult, error) {
	repository, err := s.openRepository(ctx, rawURL, options)
	if err != nil {
		return SearchResult{}, err
	}
	if !doublestar.ValidatePattern(repository.path) {
		return SearchResult{}, fault.New(fault.Input, "Unsupported search pattern URL: %q is no glob", repository.path)
	}
	tree, _, err := repository.client.Git.GetTree(ctx, repository.owner, repository.repo, repository.commit, true)
	if err != nil {
		return SearchResult{}, repository.client.failure(ctx, repository.apiURL("/git/trees/"+repository.commit), err)
	}
	found := &finding{repository: repository, url: rawURL, base: repository.rootURL(rawURL), limits: s.limits}
	if tree.GetTruncated() {
		err = found.readArchive(ctx)
	} else {
		err = found.readBlobs(ctx, tree.Entries)
	}
	return SearchResult{Files: found.files, ETag: repository.commit}, err
}

// finding gathers the files of a repository that fit the glob in its path.
type finding struct {
	*repository
	// url is what is searched; base is the URL of the repository's root at the same ref, with a slash at its end.
	url, base string
	limits    Limits
	files     []File
	// matched and bytes count what fits the glob.
	matched int
	bytes   int64
}

func (r *repository) rootURL(rawURL string) string {
	parsed, err := parseWebURL(rawURL)
	if err != nil {
		return rawURL
	}
	if strings.Contains(r.ref, "/") {
		return r.root(parsed.Scheme)
	}
	return parsed.Scheme + "://" + parsed.Host + repositoryRoot(TypeGitHub, parsed) + "/"
}

// matches leaves hidden files out, unless the glob spells their dots.
func (f *finding) matches(name string) bool {
	return doublestar.MatchUnvalidated(f.path, name) && dots(name) <= dots(f.path)
}

func dots(path string) int { return strings.Count("/"+path, "/.") }

// readBlobs reads the matching entries of a whole tree, some at a time, in its order.
func (f *finding) readBlobs(ctx context.Context, entries []*github.TreeEntry) error {
	var matching []*github.TreeEntry
	for _, entry := range entries {
		if entry.GetType() != "blob" || entry.GetMode() == "120000" || !f.matches(entry.GetPath()) {
			continue
		}
		if err := f.count(int64(entry.GetSize())); err != nil {
			return err
		}
		matching = append(matching, entry)
	}
	f.files = make([]File, len(matching))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrentBlobs)
	for i, entry := range matching {
		group.Go(func() (err error) {
			defer fault.Recover(&err)
			body, err := f.readBlob(ctx, entry.GetSHA())
			f.files[i] = File{URL: f.base + escapePath(entry.GetPath()), Body: body}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		f.files = nil
		return err
	}
	return nil
}

// count adds a file to what was found, within the limits.
func (f *finding) count(size int64) error {
	if size > f.limits.FileBytes {
		return fault.New(fault.Input, "Unable to read %s, a file is larger than %d bytes", f.url, f.limits.FileBytes)
	}
	f.bytes += size
	f.matched++
	if f.matched > f.limits.SearchFiles || f.bytes > f.limits.SearchBytes {
		return fault.New(fault.Input, "Unable to read %s, it names more than %d files or %d bytes",
			f.url, f.limits.SearchFiles, f.limits.SearchBytes)
	}
	return nil
}

func (f *finding) readBlob(ctx context.Context, hash string) ([]byte, error) {
	blob, _, err := f.client.Git.GetBlob(ctx, f.owner, f.repo, hash)
	if err != nil {
		return nil, f.client.failure(ctx, f.apiURL("/git/blobs/"+hash), err)
	}
	if blob.GetEncoding() != "base64" {
		return []byte(blob.GetContent()), nil
	}
	body, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(blob.GetContent(), "\n", ""))
	if err != nil {
		return nil, fmt.Errorf("blob %s of %s/%s: %w", hash, f.owner, f.repo, err)
	}
	return body, nil
}

// readArchive reads the matching files out of the tarball, for a repository too big for GitHub to list at once.
func (f *finding) readArchive(ctx context.Context) error {
	tree, err := f.archive(ctx, "", f.limits)
	if err != nil {
		return err
	}
	defer tree.Close()
	for file, err := range tree.Files() {
		if err != nil {
			return err
		}
		if file.Link != "" || !f.matches(file.Path) {
			continue
		}
		if err := f.count(file.Size); err != nil {
			return err
		}
		body, err := io.ReadAll(file.Content)
		if err != nil {
			return err
		}
		f.files = append(f.files, File{URL: f.base + escapePath(file.Path), Body: body})
	}
	return nil
}
