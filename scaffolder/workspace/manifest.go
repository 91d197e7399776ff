package workspace

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// manifest lists the content of a directory at one moment, in the order of a walk.
type manifest struct {
	entries []entry
	taken   time.Time
	bytes   int64
}

// entry is one file, directory or symbolic link. Its checksum is set once the content was read.
type entry struct {
	path string
	info fs.FileInfo
	link string
	sum  [sha256.Size]byte
}

// mode returns the kind and the permissions. A snapshot keeps no other part of a file's mode.
func (e entry) mode() fs.FileMode {
	return e.info.Mode() & (fs.ModeType | fs.ModePerm)
}

const digestPrefix = "sha256:"

// checkDigest refuses a text that is not a digest, so that it cannot name another object in the bucket.
func checkDigest(digest string) error {
	if isEmpty(digest) {
		return nil
	}
	sum, ok := strings.CutPrefix(digest, digestPrefix)
	if _, err := hex.DecodeString(sum); !ok || err != nil || len(sum) != 2*sha256.Size {
		return fmt.Errorf("%q is not the digest of a workspace", digest)
	}
	return nil
}

// digest identifies the listed files. It depends on their paths, content, kinds and permissions only.
func (m manifest) digest() string {
	if len(m.entries) == 0 {
		return Empty
	}
	hash := sha256.New()
	for _, e := range m.entries {
		fmt.Fprintf(hash, "%q %o %q %x\n", e.path, e.mode(), e.link, e.sum)
	}
	return digestPrefix + hex.EncodeToString(hash.Sum(nil))
}

// footprint estimates the directory's size on disk: a file takes at least one block.
func (m manifest) footprint() int64 {
	return m.bytes + int64(len(m.entries))*4096
}

// scan lists a directory without reading its files.
func (s *Store) scan(root *os.Root) (manifest, error) {
	found := manifest{taken: time.Now()}
	err := fs.WalkDir(root.FS(), ".", func(path string, item fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		info, err := item.Info()
		if err != nil {
			return err
		}
		if len(found.entries) == s.options.MaxFiles {
			return &TooLargeError{What: "files and directories", Limit: int64(s.options.MaxFiles)}
		}
		next := entry{path: path, info: info}
		switch info.Mode().Type() {
		case fs.ModeDir:
		case fs.ModeSymlink:
			next.link, err = root.Readlink(path)
		case 0:
			found.bytes += info.Size()
		default:
			err = fmt.Errorf("%s is neither a file nor a directory nor a symbolic link", path)
		}
		if found.bytes > s.options.MaxBytes {
			return &TooLargeError{What: "bytes", Limit: s.options.MaxBytes}
		}
		found.entries = append(found.entries, next)
		return err
	})
	return found, err
}

// clockResolution is more than the coarsest resolution of a file system's time stamps.
const clockResolution = 20 * time.Millisecond

// matches reports whether the found files are still those of the manifest; if so, it sets the checksums of
// found. A file is unchanged if its inode, size and time stamp are the same. A file that was written so
// shortly before the manifest was made that a later write could have the same stamp is read again.
func (m manifest) matches(root *os.Root, found manifest) (bool, error) {
	if len(m.entries) != len(found.entries) {
		return false, nil
	}
	for n, before := range m.entries {
		now := &found.entries[n]
		if now.path != before.path || now.link != before.link || now.mode() != before.mode() {
			return false, nil
		}
		if now.sum = before.sum; !now.info.Mode().IsRegular() {
			continue
		}
		if now.info.Size() != before.info.Size() || !now.info.ModTime().Equal(before.info.ModTime()) || !os.SameFile(now.info, before.info) {
			return false, nil
		}
		if before.info.ModTime().Before(m.taken.Add(-clockResolution)) {
			continue
		}
		if sum, err := sumFile(root, now.path); err != nil || sum != before.sum {
			return false, err
		}
	}
	return true, nil
}

func sumFile(root *os.Root, path string) (sum [sha256.Size]byte, err error) {
	file, err := root.Open(path)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(hash.Sum(nil)), nil
}
