package mkdocs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// places are the folders of one build. Only source is not written by the program.
type places struct {
	folder, root, source, output, temporary, home string
}

// What the folders are called where the program runs confined. Python may be in /home or /tmp, which are therefore not among them.
const (
	insideSource    = "/portico/source"
	insideOutput    = "/portico/output"
	insideTemporary = "/portico/temporary"
	insideHome      = "/portico/home"
)

func newPlaces(folder string) places {
	return places{
		folder: folder, root: filepath.Join(folder, "root"), source: filepath.Join(folder, "source"),
		output: filepath.Join(folder, "output"), temporary: filepath.Join(folder, "temporary"), home: filepath.Join(folder, "home"),
	}
}

func (p places) written() []string { return []string{p.output, p.temporary, p.home} }

func (p places) create() error {
	for _, folder := range append(p.written(), p.root, p.source) {
		if err := os.Mkdir(folder, 0o700); err != nil {
			return fmt.Errorf("make a working folder of MkDocs: %w", err)
		}
	}
	return os.Chmod(p.source, readable)
}

// handOver gives what the program writes to another user.
func (p places) handOver(user int) error {
	for _, folder := range p.written() {
		if err := os.Chown(folder, user, user); err != nil {
			return fmt.Errorf("hand the working folders over to the user of MkDocs: %w", err)
		}
	}
	return nil
}

// empty removes what is in the folder of the site: an earlier one.
func empty(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("look at the earlier site: %w", err)
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(folder, entry.Name())); err != nil {
			return fmt.Errorf("remove the earlier site: %w", err)
		}
	}
	return nil
}

// removeAll also removes what the program made unreadable.
func removeAll(folder string) error {
	if os.RemoveAll(folder) == nil {
		return nil
	}
	filepath.WalkDir(folder, func(path string, entry fs.DirEntry, _ error) error { //nolint:errcheck // What remains is reported below.
		if entry != nil && entry.IsDir() {
			os.Chmod(path, 0o700) //nolint:errcheck,gosec // A folder has to be executable to be emptied.
		}
		return nil
	})
	return os.RemoveAll(folder)
}

// readable is the mode of copied folders: whoever the program runs as reads them, in a folder that only Portico enters. Modes are set
// again after files are made, because Portico may have a mask that takes rights away.
const readable = 0o755

// treeLimits bound a copy. With links, symbolic links that stay in the tree are copied; without, none is accepted.
type treeLimits struct {
	bytes int64
	files int
	links bool
}

// refusal says what is wrong with a tree.
type refusal struct{ file, reason string }

func (r *refusal) Error() string { return r.file + " " + r.reason }

// copyTree copies the regular files of a tree, and returns their names with slashes, in order. Nothing outside the tree is read, also
// if somebody changes it meanwhile. The folder .git is left out.
func copyTree(ctx context.Context, from, to string, limits treeLimits) ([]string, error) {
	source, err := os.OpenRoot(from)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	target, err := os.OpenRoot(to)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	c := copying{ctx: ctx, source: source, target: target, limits: limits}
	err = fs.WalkDir(source.FS(), ".", c.visit)
	return c.names, err
}

type copying struct {
	ctx            context.Context //nolint:containedctx // It lives as long as one call of copyTree.
	source, target *os.Root
	limits         treeLimits
	names          []string
	bytes          int64
}

func (c *copying) visit(name string, entry fs.DirEntry, err error) error {
	if err == nil {
		err = c.ctx.Err()
	}
	if err != nil {
		return err
	}
	switch {
	case name == ".":
		return nil
	case entry.IsDir() && entry.Name() == ".git":
		return fs.SkipDir
	case entry.IsDir():
		return errors.Join(c.target.Mkdir(name, readable), c.target.Chmod(name, readable))
	case entry.Type() == fs.ModeSymlink && c.limits.links:
		return c.link(name)
	case !entry.Type().IsRegular():
		return &refusal{file: name, reason: "has a file that is neither a regular file nor a folder."}
	}
	if c.names = append(c.names, name); len(c.names) > c.limits.files {
		return &refusal{reason: fmt.Sprintf("has more than %d files, the limit.", c.limits.files)}
	}
	return c.file(name)
}

// link copies a symbolic link after following it to its end within the tree.
func (c *copying) link(name string) error {
	target, err := c.source.Readlink(name)
	if err != nil {
		return err
	}
	_, err = c.source.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(target):
		return nil // it leads nowhere, and is reported where the missing file is used
	case err != nil || filepath.IsAbs(target):
		return &refusal{file: name, reason: "has a symbolic link to " + target + ", which is outside or unreadable: put a copy of the file there."}
	}
	return c.target.Symlink(target, name)
}

func (c *copying) file(name string) error {
	in, err := c.source.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := c.target.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if err := out.Chmod(0o644); err != nil {
		return errors.Join(err, out.Close())
	}
	written, err := io.Copy(out, io.LimitReader(in, c.limits.bytes-c.bytes+1))
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	if c.bytes += written; c.bytes > c.limits.bytes {
		return &refusal{file: name, reason: fmt.Sprintf("has more than %d MiB, the limit.", c.limits.bytes>>20)}
	}
	return nil
}

// size adds up what the program has written. Files that vanish meanwhile do not count.
func (p places) size() (bytes int64, files int) {
	for _, folder := range p.written() {
		filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error { //nolint:errcheck // Errors are of files that have vanished.
			if err != nil {
				return nil //nolint:nilerr // see above
			}
			files++
			if info, err := entry.Info(); err == nil {
				bytes += info.Size()
			}
			return nil
		})
	}
	return bytes, files
}

// outside replaces the names of folders in a line of the log by what they are for its readers.
func (p places) outside(line string) string {
	for _, folder := range []string{insideSource, p.source} {
		line = strings.ReplaceAll(line, folder+"/", "")
	}
	for _, folder := range []string{p.output, p.temporary, p.home, p.source, insideOutput, insideTemporary, insideHome, insideSource} {
		line = strings.ReplaceAll(line, folder, filepath.Base(folder))
	}
	return line
}
