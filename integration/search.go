package integration

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/fault"
)

// concurrentBlobs is the number of a glob's files that are read at once.
const concurrentBlobs = 5

// File is a file that a search found.
type File struct {
	URL  string
	Body []byte
}

// SearchResult is the result of a search; ETag is "" when the host returned none.
type SearchResult struct {
	Files []File
	ETag  string
}

var globPattern = regexp.MustCompile(`[*?]|\[.+\]|\{.+\}`)

// Search reads the files that a URL names. On a host of an integration, its path may be a glob, in which **
// matches any depth; elsewhere it is one file. No match is an empty result without an error. Where the
// credential may be insufficient, it is a fault of kind NotFound that says why. Other errors are like
// ReadURL's.
func (s *Set) Search(ctx context.Context, rawURL string, options ReadOptions) (SearchResult, error) {
	if isGlob, err := s.isGlob(rawURL); err != nil {
		return SearchResult{}, err
	} else if isGlob {
		ctx, cancel := context.WithTimeout(ctx, treeDeadline)
		defer cancel()
		return s.searchTree(ctx, rawURL, options)
	}
	read, err := s.ReadURL(ctx, rawURL, options)
	if _, isHidden := errors.AsType[*HiddenError](err); fault.KindOf(err) == fault.NotFound && !isHidden {
		return SearchResult{}, nil
	}
	if err != nil {
		return SearchResult{}, err
	}
	return SearchResult{Files: []File{{URL: rawURL, Body: read.Body}}, ETag: read.ETag}, nil
}

func (s *Set) isGlob(rawURL string) (bool, error) {
	parsed, err := parseReadable(rawURL)
	if err != nil {
		return false, err
	}
	if readable, is := s.byHost[parsed.Host].(Readable); is {
		place, err := readable.Parse(parsed)
		return err == nil && globPattern.MatchString(place.Path), nil
	}
	if s.allows(parsed) && strings.ContainsAny(parsed.EscapedPath(), "*?") {
		return false, fault.New(fault.Input, "Unsupported search pattern URL")
	}
	return false, nil
}

func (s *Set) searchTree(ctx context.Context, rawURL string, options ReadOptions) (SearchResult, error) {
	commit, err := s.openCommit(ctx, rawURL, options)
	if err != nil {
		return SearchResult{}, err
	}
	if !doublestar.ValidatePattern(commit.Path) {
		return SearchResult{}, fault.New(fault.Input, "Unsupported search pattern URL: %q is not a glob", commit.Path)
	}
	found := &finding{commit: commit, url: rawURL, limits: s.limits}
	entries, err := commit.repository.List(ctx, commit.hash, found.directory())
	switch {
	case errors.Is(err, ErrTooManyFiles):
		err = found.readArchive(ctx)
	case err == nil:
		err = found.readBlobs(ctx, entries)
	}
	return SearchResult{Files: found.files, ETag: commit.hash}, err
}

// finding collects the files of a commit that match the glob in its path.
type finding struct {
	*commit
	// url is the searched URL.
	url    string
	limits Limits
	files  []File
	// mutex guards matched and bytes, which count the matches.
	mutex   sync.Mutex
	matched int
	bytes   int64
}

// directory is the directory that contains all possible matches, "" for the root.
func (f *finding) directory() string {
	directory, _ := doublestar.SplitPattern(f.Path)
	if directory == "." {
		return ""
	}
	return path.Clean(directory)
}

// fileURL is the URL of a file at the same ref.
func (f *finding) fileURL(name string) (string, error) {
	target, err := ParseURL(f.url)
	if err != nil {
		return "", err
	}
	place := f.Place
	place.Path = name
	return urlOf(target, f.host, place), nil
}

// matches reports whether a file matches. Hidden files match only a glob that spells their dots.
func (f *finding) matches(name string) bool {
	return doublestar.MatchUnvalidated(f.Path, name) && dots(name) <= dots(f.Path)
}

func dots(path string) int { return strings.Count("/"+path, "/.") }

// readBlobs reads the matching entries of a tree, some at a time, in its order.
func (f *finding) readBlobs(ctx context.Context, entries []Entry) error {
	var matching []Entry
	for _, entry := range entries {
		if !f.matches(entry.Path) {
			continue
		}
		if err := f.count(max(entry.Size, 0)); err != nil {
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
			f.files[i], err = f.readBlob(ctx, entry)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		f.files = nil
		return err
	}
	return nil
}

func (f *finding) readBlob(ctx context.Context, entry Entry) (File, error) {
	body, err := f.repository.Blob(ctx, f.hash, entry, f.limits.FileBytes)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return File{}, f.tooLarge()
	}
	if err == nil && entry.Size < 0 {
		err = f.countBytes(int64(len(body)))
	}
	if err != nil {
		return File{}, err
	}
	address, err := f.fileURL(entry.Path)
	return File{URL: address, Body: body}, err
}

// count adds a file to the counts and checks the limits.
func (f *finding) count(size int64) error {
	if size > f.limits.FileBytes {
		return f.tooLarge()
	}
	if f.matched++; f.matched > f.limits.SearchFiles {
		return f.tooMuch()
	}
	return f.countBytes(size)
}

func (f *finding) countBytes(size int64) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.bytes += size; f.bytes > f.limits.SearchBytes {
		return f.tooMuch()
	}
	return nil
}

func (f *finding) tooLarge() error {
	return fault.New(fault.Input, "Unable to read %s, a file is larger than %d bytes", f.url, f.limits.FileBytes)
}

func (f *finding) tooMuch() error {
	return fault.New(fault.Input, "Unable to read %s, it names more than %d files or %d bytes",
		f.url, f.limits.SearchFiles, f.limits.SearchBytes)
}

// readArchive reads the matching files from the archive, for a repository that is too big for its host to
// list.
func (f *finding) readArchive(ctx context.Context) error {
	tree, err := f.archive(ctx, f.directory(), f.limits)
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
		address, err := f.fileURL(file.Path)
		if err != nil {
			return err
		}
		f.files = append(f.files, File{URL: address, Body: body})
	}
	return nil
}
