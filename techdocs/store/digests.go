package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"gocloud.dev/blob"
)

// digests remembers those of the files of a folder, so that they are not read each time. It is safe for concurrent use.
type digests struct {
	mutex sync.Mutex
	known map[string]knownDigest
}

// knownDigest is a digest of a file that was as stamp says.
type knownDigest struct {
	stamp  stamp
	digest []byte
}

// stamp tells a file from the one that replaces it, and from itself after it was written to.
type stamp struct {
	size, modified, changed int64
	device, inode           uint64
}

const (
	// maxDigests bounds the files that are remembered, to some 30 MB.
	maxDigests = 200_000
	// settled is how long ago a file was changed whose stamp is believed: clocks of file systems are coarse, and a later change may bear
	// the same time.
	settled = time.Second
)

// of is the MD5 of a file.
func (d *digests) of(ctx context.Context, folder *os.Root, name string) ([]byte, error) {
	info, err := folder.Stat(name)
	if err != nil {
		return nil, err
	}
	if known := d.remembered(name, info); known != nil {
		return known, nil
	}
	at, stamped := stampOf(info)
	digest, err := digestOf(ctx, folder, name)
	if err == nil && stamped && time.Since(time.Unix(0, max(at.modified, at.changed))) > settled {
		d.put(name, knownDigest{at, digest})
	}
	return digest, err
}

// attributesSuffix is the ending of files in which other programs keep what a bucket knows about a file.
const attributesSuffix = ".attrs"

// escaped begins what the bucket of a folder writes for characters that no file name should have.
const escaped = "__0x"

// list lists a folder, with the digests that are known. It is nil when a name is not that of the file, and the bucket has to say it.
func (d *digests) list(ctx context.Context, directory, folder string) (map[string]*blob.ListObject, error) {
	found := map[string]*blob.ListObject{}
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(outside(err), fs.ErrNotExist) {
			return nil // it was deleted meanwhile, or never there
		}
		if err != nil || entry.IsDir() || path == directory || strings.HasSuffix(path, attributesSuffix) {
			return err
		}
		name := filepath.ToSlash(path[len(directory)+1:])
		if strings.Contains(name, escaped) {
			found = nil
			return fs.SkipAll
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		found[name] = &blob.ListObject{Key: folder + "/" + name, Size: info.Size(), ModTime: info.ModTime(), MD5: d.remembered(folder+"/"+name, info)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the files of the site: %w", err)
	}
	return found, nil
}

// remembered is the digest of a file that was read before, nil for others.
func (d *digests) remembered(name string, info fs.FileInfo) []byte {
	at, stamped := stampOf(info)
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if known := d.known[name]; stamped && known.stamp == at {
		return known.digest
	}
	return nil
}

func (d *digests) put(name string, digest knownDigest) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.known == nil || len(d.known) >= maxDigests {
		d.known = map[string]knownDigest{}
	}
	d.known[name] = digest
}

// stampOf is false where the system does not tell.
func stampOf(info os.FileInfo) (stamp, bool) {
	said, is := info.Sys().(*syscall.Stat_t)
	if !is {
		return stamp{}, false
	}
	at, is := systemStamp(said)
	at.size, at.modified = info.Size(), info.ModTime().UnixNano()
	return at, is
}
