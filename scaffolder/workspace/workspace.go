// Package workspace makes the directory that a run's steps share into a value: a step opens the snapshot that its
// predecessor left, works in a directory of its own and leaves a new snapshot, named by the digest of what it holds. Snapshots lie in a
// bucket, so that any worker can go on from one; a worker keeps the directories it saved last, so that it need not unpack what it just
// packed. Which snapshot a run goes on from is not known here.
package workspace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"gocloud.dev/blob"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Empty is the digest of a workspace that holds nothing. Nothing is stored for it, and the empty string opens the same.
const Empty = "empty"

// Options say where snapshots live and how large they may be. Bucket and Directory are required; a zero limit is the
// default.
type Options struct {
	// Bucket holds the snapshots; the caller opens and closes it.
	Bucket *blob.Bucket
	// Directory is where this machine's working directories are made. Stores of several processes may share it.
	Directory string
	// KeepBytes bounds the directories kept for the next step; 0 is 2 GiB.
	KeepBytes int64
	// MaxBytes and MaxFiles bound one workspace; 0 is 1 GiB and 100,000 files and directories.
	MaxBytes int64
	MaxFiles int
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
	return o
}

// Store opens, saves and deletes workspaces. It is safe for concurrent use.
type Store struct {
	options Options
	home    *home

	mutex sync.Mutex
	kept  []kept // the least recently kept first
}

// kept is a directory that holds exactly what its digest says and that nobody uses.
type kept struct {
	digest   string
	path     string
	manifest manifest
}

// New makes a store, and removes the working directories that processes which died left in Directory.
func New(options Options) (*Store, error) {
	home, err := newHome(options.Directory)
	if err != nil {
		return nil, Explain(err)
	}
	return &Store{options: options.withDefaults(), home: home}, nil
}

// Close removes this store's working directories. Workspaces that are still open lose theirs.
func (s *Store) Close() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.kept = nil
	return s.home.remove()
}

// Workspace is a snapshot opened for one step, which has it alone. Close it when the step is over.
type Workspace struct {
	// Root is the directory to work in. Nothing outside it can be reached through it.
	Root *os.Root

	store    *Store
	digest   string
	manifest manifest
	// clean says that the directory holds what digest and manifest say, as far as we were told.
	clean bool
}

// Open gives a directory of its own with the content of the snapshot. A snapshot that is not in the bucket is a final
// error, a bucket that cannot be read a transient one.
func (s *Store) Open(ctx context.Context, digest string) (*Workspace, error) {
	if digest == "" || digest == Empty {
		return s.openEmpty()
	}
	if err := checkDigest(digest); err != nil {
		return nil, action.Final(err)
	}
	if opened := s.openKept(digest); opened != nil {
		return opened, nil
	}
	opened, err := s.openEmpty()
	if err != nil {
		return nil, err
	}
	if err := s.unpack(ctx, digest, opened); err != nil {
		return nil, errors.Join(fmt.Errorf("workspace %s: %w", digest, Explain(err)), opened.Close())
	}
	return opened, nil
}

func (s *Store) openEmpty() (*Workspace, error) {
	root, err := s.home.newRoot()
	if err != nil {
		return nil, fmt.Errorf("workspace: %w", Explain(err))
	}
	return &Workspace{Root: root, store: s, digest: Empty}, nil
}

// openKept takes a directory that was kept, nil when there is none or when something has changed it since.
func (s *Store) openKept(digest string) *Workspace {
	found, ok := s.take(digest)
	if !ok {
		return nil
	}
	root, err := os.OpenRoot(found.path)
	if err != nil {
		return nil
	}
	opened := &Workspace{Root: root, store: s, digest: digest, manifest: found.manifest}
	if same, err := opened.unchanged(); err != nil || !same {
		_ = opened.Close() // what is wrong with a copy need not concern the caller, who gets a fresh one
		return nil
	}
	return opened
}

// Save leaves a snapshot of the workspace as it is and returns its digest: that of the snapshot it was opened from if
// nothing has changed. After Save, nothing may be changed any more.
func (w *Workspace) Save(ctx context.Context) (string, error) {
	same, err := w.unchanged()
	if err == nil && !same {
		err = w.pack(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("saving the workspace: %w", Explain(err))
	}
	w.clean = true
	return w.digest, nil
}

// unchanged compares the directory with the snapshot it was opened from, and takes the newer listing when they are the same: the
// older a file is when it is listed, the surer the next comparison.
func (w *Workspace) unchanged() (bool, error) {
	found, err := w.store.scan(w.Root)
	if err != nil {
		return false, err
	}
	same, err := w.manifest.matches(w.Root, found)
	if same {
		w.manifest = found
	}
	return same, err
}

// Close ends the use of the directory. It is kept for the next step if it was saved, and removed otherwise.
func (w *Workspace) Close() error {
	path := w.Root.Name()
	err := w.Root.Close()
	if w.clean && w.digest != Empty {
		return errors.Join(err, w.store.keep(kept{digest: w.digest, path: path, manifest: w.manifest}))
	}
	return errors.Join(err, removeTree(path))
}

// take hands over a kept directory.
func (s *Store) take(digest string) (kept, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for n := len(s.kept) - 1; n >= 0; n-- {
		if found := s.kept[n]; found.digest == digest {
			s.kept = append(s.kept[:n], s.kept[n+1:]...)
			return found, true
		}
	}
	return kept{}, false
}

// keep adds a directory to those kept and removes the oldest ones beyond the limit.
func (s *Store) keep(directory kept) error {
	var surplus []kept
	s.mutex.Lock()
	s.kept = append(s.kept, directory)
	total := int64(0)
	for n := len(s.kept) - 1; n >= 0; n-- {
		if total += s.kept[n].manifest.footprint(); total > s.options.KeepBytes {
			surplus = append(surplus, s.kept[:n+1]...)
			s.kept = append([]kept(nil), s.kept[n+1:]...)
			break
		}
	}
	s.mutex.Unlock()
	var err error
	for _, old := range surplus {
		err = errors.Join(err, removeTree(old.path))
	}
	return err
}

// graceTime is how long a snapshot is safe from Delete after it was saved. Two runs may hold the same content: while one run's
// snapshots are being collected, another may save the same one and find it there.
const graceTime = time.Hour

// Delete removes snapshots that no run needs any more. One that was saved within the last hour stays: name it again
// later. Snapshots that are not there are none the worse.
func (s *Store) Delete(ctx context.Context, digests ...string) error {
	var failed error
	for _, digest := range digests {
		if digest == "" || digest == Empty {
			continue
		}
		if err := s.delete(ctx, digest); err != nil {
			failed = errors.Join(failed, fmt.Errorf("deleting workspace %s: %w", digest, err))
		}
	}
	return failed
}
