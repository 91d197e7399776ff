package integration

import (
	"context"
	"errors"
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/fault"
)

// Survey is what is in a repository: the names of its files, and the content of some.
type Survey struct {
	// Repository is the name of the repository as in the host's URLs: "acme/shop".
	Repository string
	// Branch is the branch, the tag or the commit that was looked at.
	Branch string
	// Files are all files below the directory of the URL, in the host's order. Their paths are relative to the repository's
	// root.
	Files []Entry
	// Contents has the files that were wanted, by path, as far as they are not too large.
	Contents map[string][]byte

	url func(path string) string
}

// URL is the page of a file of the repository at the branch.
func (s Survey) URL(path string) string { return s.url(path) }

// fileViews are the views of files in URLs, by the type of the host.
var fileViews = map[string]string{
	TypeGitHub: "blob", TypeGitLab: "blob", TypeGitea: "src/branch", TypeAzure: "GB", TypeBitbucketCloud: "src", TypeBitbucketServer: "browse",
}

const (
	// surveyFiles bounds the files that a survey reads, and surveyFileBytes the size of each.
	surveyFiles     = 60
	surveyFileBytes = 512 << 10
)

// Survey lists the files of the repository at a URL on a host of an integration, and reads those that are wanted,
// which gets all files and returns paths. Errors are like ReadURL's.
func (s *Set) Survey(ctx context.Context, rawURL string, wanted func(files []Entry) []string) (Survey, error) {
	ctx, cancel := context.WithTimeout(ctx, treeDeadline)
	defer cancel()
	commit, err := s.openCommit(ctx, rawURL, ReadOptions{})
	if err != nil {
		return Survey{}, err
	}
	entries, err := commit.repository.List(ctx, commit.hash, "")
	if errors.Is(err, ErrTooManyFiles) {
		return Survey{}, fault.New(fault.Input, "%s has more files than %s lists at once", commit.Repository, commit.host.Name())
	}
	if err != nil {
		return Survey{}, err
	}
	found := Survey{Repository: commit.Repository, Branch: commit.Ref, Files: entries}
	target, err := ParseURL(rawURL)
	if err != nil {
		return Survey{}, err
	}
	found.url = func(path string) string {
		place := commit.Place
		place.Path = path
		if place.View == "" || place.View == "tree" {
			place.View = fileViews[commit.host.Type()]
		}
		return urlOf(target, commit.host, place)
	}
	found.Contents, err = commit.readFiles(ctx, entries, wanted(entries))
	return found, err
}

// readFiles reads files of a listing by their paths, some at a time. Those that are too large are left out.
func (c *commit) readFiles(ctx context.Context, entries []Entry, paths []string) (map[string][]byte, error) {
	byPath := make(map[string]Entry, len(entries))
	for _, entry := range entries {
		byPath[entry.Path] = entry
	}
	paths = paths[:min(len(paths), surveyFiles)]
	bodies := make([][]byte, len(paths))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrentBlobs)
	for i, path := range paths {
		entry, there := byPath[path]
		if !there || entry.Size > surveyFileBytes {
			continue
		}
		group.Go(func() (err error) {
			defer fault.Recover(&err)
			bodies[i], err = c.repository.Blob(ctx, c.hash, entry, surveyFileBytes)
			if isTooLarge(err) {
				err = nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	contents := map[string][]byte{}
	for i, path := range paths {
		if bodies[i] != nil {
			contents[path] = bodies[i]
		}
	}
	return contents, nil
}

func isTooLarge(err error) bool {
	_, is := errors.AsType[*http.MaxBytesError](err)
	return is
}
