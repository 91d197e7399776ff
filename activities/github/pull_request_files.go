package github

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/scaffolder/action"
)

const (
	// maxProposedFiles and maxProposedFile bound a pull request: GitHub takes blobs of up to 100 MB.
	maxProposedFiles = 20_000
	maxProposedFile  = 100 << 20
)

// Modes of files in a Git tree.
const (
	modeFile    = "100644"
	modeProgram = "100755"
	modeLink    = "120000"
)

// proposedFile is a file of the workspace that a pull request has.
type proposedFile struct {
	// name is its path below the source, path that in the repository.
	name, path, mode string
	size             int64
}

// changes are what a pull request does to the tree of its base.
type changes struct {
	source *os.Root
	files  []proposedFile
	// deleted are paths in the repository that the template wants to be gone.
	deleted []string
	// digest identifies all of that.
	digest string
}

// collect lists the files that no .gitignore leaves out, those of a directory before those of the directories
// in it.
func collect(ctx context.Context, log action.Log, source *os.Root, input pullRequestInput) (*changes, error) {
	names, err := gitpush.Names(ctx, log, source)
	if err != nil {
		return nil, err
	}
	if len(names) > maxProposedFiles {
		return nil, action.InputError("the workspace has %d files, and a pull request can have %d", len(names), maxProposedFiles)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/")), cmp.Compare(a, b))
	})
	found := &changes{source: source}
	for _, name := range names {
		if err := found.add(name, input); err != nil {
			return nil, err
		}
	}
	for _, name := range input.FilesToDelete {
		path, err := input.within(name)
		if err != nil {
			return nil, err
		}
		found.deleted = append(found.deleted, path)
		found.files = slices.DeleteFunc(found.files, func(one proposedFile) bool { return one.path == path })
	}
	found.digest, err = found.sum()
	return found, err
}

func (c *changes) add(name string, input pullRequestInput) error {
	info, err := c.source.Lstat(name)
	if err != nil {
		return fmt.Errorf("workspace: %w", err)
	}
	one := proposedFile{name: name, mode: modeFile, size: info.Size()}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		one.mode = modeLink
	case info.Mode()&0o111 != 0:
		one.mode = modeProgram
	}
	if one.size > maxProposedFile {
		return action.InputError("%s has %d bytes, and GitHub takes files of up to %d", name, one.size, maxProposedFile)
	}
	if one.path, err = input.within(name); err != nil {
		return err
	}
	c.files = append(c.files, one)
	return nil
}

// read returns the content of a file, or the target of a link.
func (c *changes) read(one proposedFile) ([]byte, error) {
	if one.mode == modeLink {
		target, err := c.source.Readlink(one.name)
		return []byte(target), err
	}
	content, err := c.source.ReadFile(one.name)
	if err != nil {
		return nil, fmt.Errorf("workspace: %w", err)
	}
	return content, nil
}

// sum is a checksum of the changes.
func (c *changes) sum() (string, error) {
	sum := sha256.New()
	for _, one := range c.files {
		content, err := c.read(one)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %q %d\n%s", one.mode, one.path, len(content), content)
	}
	fmt.Fprintf(sum, "%q", c.deleted)
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// hasWorkflow reports whether GitHub wants the permission for workflows.
func (c *changes) hasWorkflow() bool {
	isWorkflow := func(path string) bool { return strings.HasPrefix(path, ".github/workflows/") }
	return slices.ContainsFunc(c.deleted, isWorkflow) ||
		slices.ContainsFunc(c.files, func(one proposedFile) bool { return isWorkflow(one.path) })
}
