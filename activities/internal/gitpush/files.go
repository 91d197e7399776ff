package gitpush

import (
	"context"
	"crypto/sha1" //nolint:gosec // Git names blobs by SHA-1.
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
)

// File is a file that a commit takes.
type File struct {
	// Path is relative to the directory, with slashes.
	Path       string
	Content    []byte
	Executable bool
}

// BlobID is the name that Git gives the content.
func (f File) BlobID() string {
	sum := sha1.New() //nolint:gosec // As above.
	sum.Write([]byte("blob " + strconv.Itoa(len(f.Content)) + "\x00"))
	sum.Write(f.Content)
	return hex.EncodeToString(sum.Sum(nil))
}

// Files reads the files below a directory that its .gitignore files do not keep out, sorted by path. It is for
// hosts whose API takes files in place of a push. Links are not files: their names are returned beside.
func Files(ctx context.Context, source *os.Root) (files []File, links []string, err error) {
	tree, err := newWorktree(source.Name(), Remote{})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	names, err := tree.untracked(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("listing the workspace: %w", err)
	}
	for _, name := range names {
		info, err := source.Lstat(name)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("workspace: %w", err)
		case info.Mode()&fs.ModeSymlink != 0:
			links = append(links, name)
			continue
		}
		content, err := source.ReadFile(name)
		if err != nil {
			return nil, nil, fmt.Errorf("workspace: %w", err)
		}
		files = append(files, File{Path: name, Content: content, Executable: info.Mode()&0o100 != 0})
	}
	return files, links, nil
}

// Names lists the files, programs and links below a directory that its .gitignore files do not keep out. The log
// names those that they do.
func Names(ctx context.Context, log action.Log, source *os.Root) (names []string, err error) {
	tree, err := newWorktree(source.Name(), Remote{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	if names, err = tree.untracked(ctx); err != nil {
		return nil, fmt.Errorf("listing the workspace: %w", err)
	}
	return names, tree.logIgnored(ctx, log)
}

// untracked lists the files that a commit would take. The repository is new, so that is all but the ignored.
func (w *worktree) untracked(ctx context.Context) ([]string, error) {
	listed, err := w.git(ctx, nil, "-C", w.directory, "ls-files", "-z", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	names := strings.FieldsFunc(listed, func(r rune) bool { return r == 0 })
	slices.Sort(names)
	return names, nil
}
