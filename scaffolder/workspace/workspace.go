// Package workspace stores the directory that a run's steps share as snapshots. A step opens the snapshot of
// the step before, works in its own directory and saves a new snapshot, whose name is the digest of its
// content. Snapshots are in a bucket, so that any worker can continue from one. A worker keeps the
// directories that it saved last, so that it need not unpack what it just packed. The caller knows which
// snapshot a run continues from.
package workspace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"gocloud.dev/blob"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Empty is the digest of an empty workspace. Nothing is stored for it. The empty string opens an empty
// workspace, too.
const Empty = "empty"

func isEmpty(digest string) bool { return digest == "" || digest == Empty }

// Options configures a Store: where snapshots are stored and how large they may be. Bucket and Directory are
// required; a limit of zero is the default.
type Options struct {
	// Bucket stores the snapshots; the caller opens and closes it.
	Bucket *blob.Bucket
	// Directory contains this machine's working directories. Stores of several processes may share it.
	Directory string
	// KeepBytes bounds the directories kept for the next step; 0 is 2 GiB.
	KeepBytes int64
	// MaxBytes and MaxFiles bound one workspace; 0 is 1 GiB and 100,000 files and directories.
	MaxBytes int64
	MaxFiles int
	// Log receives warnings about directories that could not be removed; nil is slog.Default().
	Log *slog.Logger
}

const (
	defaultKeepBytes = 2 << 30
	defaultMaxBytes  = 1 << 30
	defaultMaxFiles  = 100_000
)

func (o Options) withDefaults() Options {
	if o.KeepBytes == 0 {
		o.KeepBytes = defaultKeepBytes
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.MaxFiles == 0 {
		o.MaxFiles = defaultMaxFiles
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Store opens, saves and deletes workspaces. It is safe for concurrent use.
type Store struct {
	options Options
	home    *home

	mutex sync.Mutex
	// inUse has the directories that were opened and not released yet.
	inUse map[*os.Root]*directory
	// kept are unused directories whose content is exactly that of their digest, the least recently kept
	// first.
	kept []*directory
}

// directory is a working directory, with the snapshot that it was opened from or saved as.
type directory struct {
	root     *os.Root
	digest   string
	manifest manifest
	// saved is true when its content is that of digest and manifest.
	saved bool
}

// New makes a store. It removes the working directories in Directory whose processes have died.
func New(options Options) (*Store, error) {
	home, err := newHome(options.Directory)
	if err != nil {
		return nil, explain(err)
	}
	return &Store{options: options.withDefaults(), home: home, inUse: map[*os.Root]*directory{}}, nil
}

// Close removes this store's working directories, including those that are still open.
func (s *Store) Close() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var err error
	for _, unused := range s.kept {
		err = errors.Join(err, unused.root.Close())
	}
	s.kept = nil
	return errors.Join(err, s.home.remove())
}

// Open returns a directory with the content of the snapshot, for one step only. Nothing outside it can be
// reached through root. The step saves it when it succeeded, and calls release in any case: a saved directory
// is kept for the next step, any other is removed. A snapshot that is not in the bucket is a final error; a
// bucket that cannot be read is a transient error.
func (s *Store) Open(ctx context.Context, digest string) (root *os.Root, release func(), err error) {
	opened, err := s.open(ctx, digest)
	if err != nil {
		return nil, nil, fmt.Errorf("opening workspace %q: %w", digest, explain(err))
	}
	s.mutex.Lock()
	s.inUse[opened.root] = opened
	s.mutex.Unlock()
	return opened.root, sync.OnceFunc(func() { s.release(opened) }), nil
}

func (s *Store) open(ctx context.Context, digest string) (*directory, error) {
	if err := checkDigest(digest); err != nil {
		return nil, action.Final(err)
	}
	if unused := s.reuse(digest); unused != nil {
		return unused, nil
	}
	opened, err := s.newDirectory(digest)
	if err != nil || isEmpty(digest) {
		return opened, err
	}
	if err := s.unpack(ctx, opened); err != nil {
		s.discard(opened)
		return nil, err
	}
	return opened, nil
}

func (s *Store) newDirectory(digest string) (*directory, error) {
	root, err := s.home.newRoot()
	if err != nil {
		return nil, err
	}
	return &directory{root: root, digest: digest}, nil
}

// reuse removes a kept directory from kept and returns it. It returns nil when there is none, or when it was
// changed since.
func (s *Store) reuse(digest string) *directory {
	s.mutex.Lock()
	n := slices.IndexFunc(s.kept, func(unused *directory) bool {
		return unused.digest == digest || isEmpty(unused.digest) && isEmpty(digest)
	})
	if n < 0 {
		s.mutex.Unlock()
		return nil
	}
	found := s.kept[n]
	s.kept = slices.Delete(s.kept, n, n+1)
	s.mutex.Unlock()

	if same, err := s.unchanged(found); err != nil || !same {
		s.discard(found)
		return nil
	}
	found.digest, found.saved = digest, false
	return found
}

// Save saves a snapshot of a directory from Open and returns its digest, which is unchanged if the content is
// unchanged. After Save the directory must not be changed any more.
func (s *Store) Save(ctx context.Context, root *os.Root) (digest string, err error) {
	s.mutex.Lock()
	opened := s.inUse[root]
	s.mutex.Unlock()
	if opened == nil {
		return "", errors.New("saving the workspace: the directory is not open")
	}
	same, err := s.unchanged(opened)
	if err == nil && !same {
		err = s.pack(ctx, opened)
	}
	if err != nil {
		return "", fmt.Errorf("saving the workspace: %w", explain(err))
	}
	opened.saved = true
	return opened.digest, nil
}

// unchanged compares the directory with the snapshot it was opened from. When they are the same, it keeps the
// newer listing: the older a file is when it is listed, the more reliable the next comparison.
func (s *Store) unchanged(opened *directory) (bool, error) {
	found, err := s.scan(opened.root)
	if err != nil {
		return false, err
	}
	same, err := opened.manifest.matches(opened.root, found)
	if same {
		opened.manifest = found
	}
	return same, err
}

// release ends the use of a directory.
func (s *Store) release(opened *directory) {
	s.mutex.Lock()
	delete(s.inUse, opened.root)
	s.mutex.Unlock()
	if !opened.saved {
		s.discard(opened)
		return
	}
	for _, surplus := range s.keep(opened) {
		s.discard(surplus)
	}
}

// maxKept bounds how many directories are kept, each of which holds a file descriptor.
const maxKept = 64

// keep adds a directory to kept and removes the oldest ones beyond the limits.
func (s *Store) keep(unused *directory) (surplus []*directory) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.kept = append(s.kept, unused)
	total := int64(0)
	for n, each := range slices.Backward(s.kept) {
		total += each.manifest.footprint()
		if total > s.options.KeepBytes || len(s.kept)-n > maxKept {
			surplus = slices.Clone(s.kept[:n+1])
			s.kept = slices.Delete(s.kept, 0, n+1)
			break
		}
	}
	return surplus
}

func (s *Store) discard(unwanted *directory) {
	if err := errors.Join(unwanted.root.Close(), removeTree(unwanted.root.Name())); err != nil {
		s.options.Log.Warn("a working directory could not be removed", "path", unwanted.root.Name(), "error", err)
	}
}

// graceTime is how long a snapshot is protected from Delete after it was saved. Two runs may have the same
// content: while one run's snapshots are being deleted, another may save the same snapshot and find it in the
// bucket.
const graceTime = time.Hour

// Delete removes snapshots that no run needs any more. A snapshot that was saved within the last hour stays;
// the caller must delete it again later. A snapshot that does not exist is no error.
func (s *Store) Delete(ctx context.Context, digests ...string) error {
	var failed error
	for _, digest := range digests {
		if isEmpty(digest) {
			continue
		}
		if err := s.delete(ctx, digest); err != nil {
			failed = errors.Join(failed, fmt.Errorf("deleting workspace %s: %w", digest, err))
		}
	}
	return failed
}
