package forge

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1" //nolint:gosec // It is the hash of Git's objects.
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Git's loose objects, written and read without a process: an answer of the GraphQL API has files of a hundred
// repositories.

// maxLoose bounds an object that is read without Git, unpacked.
const maxLoose = 64 << 20

// packers are kept because each takes a megabyte.
var packers = sync.Pool{New: func() any { return zlib.NewWriter(nil) }}

// initializeLoose makes a bare repository with one commit of files on its branch main, or an empty one.
func initializeLoose(directory string, files map[string]string, author signature, when time.Time) error {
	for _, name := range []string{"objects", "refs/heads", "refs/tags"} {
		if err := os.MkdirAll(filepath.Join(directory, name), 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(directory, "HEAD"), []byte("ref: refs/heads/main\n"), 0o600); err != nil {
		return err
	}
	if len(files) == 0 {
		return nil
	}
	tree, err := writeLooseTree(directory, files)
	if err != nil {
		return err
	}
	who := fmt.Sprintf("%s <%s> %d +0000", author.Name, author.Email, when.Unix())
	commit, err := writeLoose(directory, "commit", fmt.Appendf(nil, "tree %x\nauthor %s\ncommitter %s\n\nInitial commit\n", tree, who, who))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, "refs/heads/main"), []byte(hex.EncodeToString(commit)+"\n"), 0o600)
}

// writeLooseTree writes the tree of files by path, and returns its hash.
func writeLooseTree(directory string, files map[string]string) ([]byte, error) {
	below := map[string]map[string]string{}
	entries := map[string][]byte{} // By name; Git sorts a directory as if its name ended in a slash.
	for path, content := range files {
		name, rest, isNested := strings.Cut(path, "/")
		if !isNested {
			hash, err := writeLoose(directory, "blob", []byte(content))
			if err != nil {
				return nil, err
			}
			entries[name] = slices.Concat([]byte("100644 "+name+"\x00"), hash)
			continue
		}
		if below[name] == nil {
			below[name] = map[string]string{}
		}
		below[name][rest] = content
	}
	for name, nested := range below {
		hash, err := writeLooseTree(directory, nested)
		if err != nil {
			return nil, err
		}
		entries[name+"/"] = slices.Concat([]byte("40000 "+name+"\x00"), hash)
	}
	var tree []byte
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		tree = append(tree, entries[name]...)
	}
	return writeLoose(directory, "tree", tree)
}

// writeLoose writes an object and returns its hash.
func writeLoose(directory, kind string, content []byte) ([]byte, error) {
	object := slices.Concat(fmt.Appendf(nil, "%s %d\x00", kind, len(content)), content)
	hash := sha1.Sum(object) //nolint:gosec // It is the hash of Git's objects.
	path := loosePath(directory, hex.EncodeToString(hash[:]))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	writer, _ := packers.Get().(*zlib.Writer)
	defer packers.Put(writer)
	writer.Reset(&packed)
	_, err := writer.Write(object)
	if err = errors.Join(err, writer.Close()); err != nil {
		return nil, err
	}
	return hash[:], os.WriteFile(path, packed.Bytes(), 0o600)
}

func loosePath(directory, hash string) string {
	return filepath.Join(directory, "objects", hash[:2], hash[2:])
}

// file is a path in the commit of a branch, with its content when it is a blob.
type file struct {
	Hash, Kind string
	Content    []byte
}

// fileAt finds what "HEAD:docs/index.md" names: an *fs.PathError that is fs.ErrNotExist when there is nothing. It
// asks Git for what is not in a loose object.
func (g gitRepository) fileAt(ctx context.Context, revision, path string) (file, error) {
	if found, err := g.looseFileAt(revision, path); err == nil {
		return found, nil
	}
	commit, err := g.resolve(ctx, revision)
	if err != nil {
		return file{}, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	entry, err := g.entry(ctx, commit, path)
	if errors.Is(err, errNotFound) {
		return file{}, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if err != nil || entry.Type != "blob" {
		return file{Hash: entry.Hash, Kind: entry.Type}, err
	}
	content, err := g.blob(ctx, entry.Hash)
	return file{Hash: entry.Hash, Kind: "blob", Content: content}, err
}

// hasLooseBranch reports whether a branch has a commit, as far as that is known without Git.
func (g gitRepository) hasLooseBranch(branch string) bool {
	if !filepath.IsLocal(branch) {
		return false
	}
	_, err := os.Stat(filepath.Join(g.directory, "refs/heads", branch))
	return err == nil
}

func (g gitRepository) looseFileAt(revision, path string) (file, error) {
	if revision == "HEAD" {
		branch, err := g.defaultBranch()
		if err != nil {
			return file{}, err
		}
		revision = branch
	}
	if !revisionPattern.MatchString(revision) || !filepath.IsLocal(revision) {
		return file{}, errNoRevision
	}
	hash, err := os.ReadFile(filepath.Join(g.directory, "refs/heads", revision))
	if err != nil {
		return file{}, err
	}
	_, commit, err := g.readLoose(strings.TrimSpace(string(hash)))
	if err != nil {
		return file{}, err
	}
	tree, _, _ := strings.Cut(strings.TrimPrefix(string(commit), "tree "), "\n")
	for name := range strings.SplitSeq(path, "/") {
		_, content, err := g.readLoose(tree)
		if err != nil {
			return file{}, err
		}
		if tree = entryOfTree(content, name); tree == "" {
			return file{}, errNotFound
		}
	}
	kind, content, err := g.readLoose(tree)
	return file{Hash: tree, Kind: kind, Content: content}, err
}

// entryOfTree is the hash of an entry of a tree object, "" for none.
func entryOfTree(tree []byte, name string) string {
	for len(tree) > 0 {
		head, rest, found := bytes.Cut(tree, []byte{0})
		if !found || len(rest) < sha1.Size {
			return ""
		}
		if _, entry, _ := strings.Cut(string(head), " "); entry == name {
			return hex.EncodeToString(rest[:sha1.Size])
		}
		tree = rest[sha1.Size:]
	}
	return ""
}

func (g gitRepository) readLoose(hash string) (kind string, content []byte, err error) {
	if len(hash) != 2*sha1.Size {
		return "", nil, errNoRevision
	}
	packed, err := os.Open(loosePath(g.directory, hash))
	if err != nil {
		return "", nil, err
	}
	defer packed.Close()
	reader, err := zlib.NewReader(packed)
	if err != nil {
		return "", nil, err
	}
	defer reader.Close()
	object, err := io.ReadAll(io.LimitReader(reader, maxLoose))
	if err != nil {
		return "", nil, err
	}
	head, content, _ := bytes.Cut(object, []byte{0})
	kind, _, _ = strings.Cut(string(head), " ")
	return kind, content, nil
}
