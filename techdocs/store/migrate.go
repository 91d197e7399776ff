package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"
	"golang.org/x/sync/errgroup"
)

// Migration is how a store is brought to lower-case paths.
type Migration struct {
	// RemoveOriginal moves files, which are copied otherwise.
	RemoveOriginal bool
	// Concurrency is how many are copied at once, DefaultConcurrency when it is 0.
	Concurrency int
	// Log gets a line for each file. Nil: nobody wants it.
	Log func(line string)
}

// Migrated is what a migration did.
type Migrated struct {
	// Copied files are new, Present ones were at their new place already, and Removed ones are no longer at their old one.
	Copied, Present, Removed int
}

// Migrate copies the files of sites whose namespace, kind or name is not in lower case to where it is, as techdocs-cli does. Doing it
// again continues. It goes on after a file that failed; the error is then that of all of them.
func (s *Store) Migrate(ctx context.Context, how Migration) (Migrated, error) {
	if how.Concurrency <= 0 {
		how.Concurrency = DefaultConcurrency
	}
	if how.Log == nil {
		how.Log = func(string) {}
	}
	m := &migrating{Store: s, how: how}
	var group errgroup.Group
	group.SetLimit(how.Concurrency)
	prefix := ""
	if s.options.Root != "" {
		prefix = s.options.Root + "/"
	}
	objects := s.bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		object, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			_ = group.Wait()
			return m.done, fmt.Errorf("list %s: %w", s.Name(), err)
		}
		to, needed := lowered(object.Key, prefix)
		if !needed {
			continue
		}
		group.Go(func() error {
			m.move(ctx, object, to)
			return nil // it is in m.failed
		})
	}
	_ = group.Wait()
	if m.count > 0 {
		return m.done, fmt.Errorf("%d files of %s could not be migrated; do it again to continue. The first: %w", m.count, s.Name(), m.failed)
	}
	return m.done, nil
}

// lowered is the key with namespace, kind and name in lower case, and whether that is another one.
func lowered(key, prefix string) (string, bool) {
	parts := strings.SplitN(strings.TrimPrefix(key, prefix), "/", 4)
	if len(parts) < 4 {
		return "", false // it is no file of a site
	}
	for n := range 3 {
		parts[n] = strings.ToLower(parts[n])
	}
	to := prefix + strings.Join(parts, "/")
	return to, to != key
}

// migrating is a migration that is under way.
type migrating struct {
	*Store

	how Migration

	mutex  sync.Mutex
	done   Migrated
	count  int
	failed error
}

func (m *migrating) move(ctx context.Context, object *blob.ListObject, to string) {
	step := Migrated{}
	err := m.moved(ctx, object, to, &step)
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.done.Copied += step.Copied
	m.done.Present += step.Present
	m.done.Removed += step.Removed
	if err == nil {
		m.how.Log(object.Key + " -> " + to)
		return
	}
	m.how.Log(object.Key + ": " + err.Error())
	m.count++
	if m.failed == nil {
		m.failed = fmt.Errorf("%s: %w", object.Key, err)
	}
}

func (m *migrating) moved(ctx context.Context, object *blob.ListObject, to string, step *Migrated) error {
	there, err := m.attributes(ctx, to)
	switch {
	case isMissing(err):
		if err := m.copy(ctx, object, to); err != nil {
			return err
		}
		step.Copied++
	case err != nil:
		return err
	case there.ModTime.Before(object.ModTime.Truncate(time.Second)): // some servers list parts of seconds, and tell none of one object
		if err := m.copy(ctx, object, to); err != nil { // it was published anew with the old path
			return err
		}
		step.Copied++
	default:
		step.Present++
	}
	if !m.how.RemoveOriginal {
		return nil
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := m.bucket.Delete(ctx, object.Key); err != nil && !isMissing(err) {
		return err
	}
	step.Removed++
	return nil
}

// copy copies within the bucket, or through this process where the bucket cannot.
func (m *migrating) copy(ctx context.Context, object *blob.ListObject, to string) (err error) {
	if m.bucket.Copy(ctx, to, object.Key, nil) == nil {
		return nil
	}
	reader, err := m.bucket.NewReader(ctx, object.Key, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	said, err := m.attributes(ctx, object.Key)
	if err != nil {
		return err
	}
	return m.put(ctx, to, reader, &blob.WriterOptions{ContentType: storedType(to), Metadata: said.Metadata, MaxConcurrency: 1})
}
