// Package store keeps the sites of TechDocs in a folder or a bucket, and reads them. Its layout is Backstage's, so that sites that
// techdocs-cli has published are read, and Backstage reads those that are published here: ROOT/namespace/kind/name/FILE, with
// namespace, kind and name in lower case. The package knows neither who may read a site nor how it is made.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/flight"
	"github.com/portico-dev/portico/techdocs"
)

const (
	// requestTimeout bounds a question about an object, and reading a small one.
	requestTimeout = 30 * time.Second
	// maxPath bounds the path of a file in a site, in bytes.
	maxPath = 1024
	// maxName bounds the name of a file or folder, as file systems do.
	maxName = 255
)

// Options are how a Store keeps its sites.
type Options struct {
	// Name is what people recognize the place by, such as s3://acme-techdocs.
	Name string
	// Root is the folder in the bucket, "" for all of it.
	Root string
	// KeepCase keeps the case of namespace, kind and name: Backstage's legacyUseCaseSensitiveTripletPaths.
	KeepCase bool
	// Fresh is how long a file is served from memory without asking the bucket; zero asks each time.
	Fresh time.Duration
	// CacheBytes bounds the memory for files that were read, DefaultCacheBytes when it is 0.
	CacheBytes int64
	// Concurrency bounds the requests of a Publish at once, DefaultConcurrency when it is 0.
	Concurrency int
}

const (
	// DefaultCacheBytes holds the pages of a few hundred sites that are being read.
	DefaultCacheBytes = 64 << 20
	// DefaultConcurrency is that of techdocs-cli.
	DefaultConcurrency = 10
)

// Store has the sites of one place. It is safe for concurrent use.
type Store struct {
	options Options
	bucket  *blob.Bucket
	// folder is what the bucket is in, nil for a bucket that is none. It does not follow a link that leads out of it.
	folder  *os.Root
	cache   *cache
	lists   lists
	digests digests
	reading flight.Group[*kept]
}

// New keeps sites in a bucket, which Close closes.
func New(bucket *blob.Bucket, options Options) *Store {
	if options.CacheBytes == 0 {
		options.CacheBytes = DefaultCacheBytes
	}
	if options.Concurrency == 0 {
		options.Concurrency = DefaultConcurrency
	}
	options.Root = strings.Trim(options.Root, "/")
	return &Store{options: options, bucket: bucket, cache: newCache(options.CacheBytes)}
}

// NewFolder keeps sites in a folder, which is made when it does not exist.
func NewFolder(directory string, options Options) (*Store, error) {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, fmt.Errorf("the folder for documentation: %w", err)
	}
	folder, err := os.OpenRoot(directory)
	if err != nil {
		return nil, fmt.Errorf("the folder for documentation: %w", err)
	}
	// The temporary file is in the directory of the final one, so that the rename is atomic.
	bucket, err := fileblob.OpenBucket(directory, &fileblob.Options{Metadata: fileblob.MetadataDontWrite, NoTempDir: true, DirFileMode: 0o755})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the folder for documentation: %w", err), folder.Close())
	}
	options.Name = directory
	s := New(bucket, options)
	s.folder = folder
	return s, nil
}

// Close closes the bucket.
func (s *Store) Close() error {
	if s.folder != nil {
		return errors.Join(s.bucket.Close(), s.folder.Close())
	}
	return s.bucket.Close()
}

// Name is what people recognize the place by.
func (s *Store) Name() string { return s.options.Name }

// IsFolder reports whether the place is a folder, on which Backstage answers some requests in another way.
func (s *Store) IsFolder() bool { return s.folder != nil }

// KeepsCase reports whether the store keeps the case of namespace, kind and name.
func (s *Store) KeepsCase() bool { return s.options.KeepCase }

// Where is a file of a site for people: its path, or its name in the bucket.
func (s *Store) Where(ref techdocs.Ref, name string) string {
	key := s.folderOf(ref) + "/" + name
	if s.folder != nil {
		return filepath.Join(s.options.Name, filepath.FromSlash(key))
	}
	return s.options.Name + "/" + key
}

// folderOf is the folder of a site.
func (s *Store) folderOf(ref techdocs.Ref) string {
	path := ref.Path()
	if s.options.KeepCase {
		path = cmp.Or(ref.Namespace, "default") + "/" + ref.Kind + "/" + ref.Name
	}
	if s.options.Root != "" {
		return s.options.Root + "/" + path
	}
	return path
}

// keyOf is the key of a file. A path that would leave the site is not found: no site has such a file.
func (s *Store) keyOf(ref techdocs.Ref, path string) (string, error) {
	if err := checkRef(ref); err != nil {
		return "", err
	}
	isTooLong := func(name string) bool { return len(name) > maxName }
	if len(path) > maxPath || path == "." || !fs.ValidPath(path) || strings.ContainsAny(path, "\\\x00") || slices.ContainsFunc(strings.Split(path, "/"), isTooLong) {
		return "", notFound(ref, path, nil)
	}
	return s.folderOf(ref) + "/" + path, nil
}

// checkRef holds the parts of a reference to what can be the name of a folder.
func checkRef(ref techdocs.Ref) error {
	for _, part := range []string{cmp.Or(ref.Namespace, "default"), ref.Kind, ref.Name} {
		if part == "" || strings.HasPrefix(part, ".") || len(part) > maxName || strings.ContainsAny(part, "/\\\x00") {
			return fault.New(fault.Input, "'%s/%s/%s' is no entity: write namespace/kind/name, such as default/component/shop", ref.Namespace, ref.Kind, ref.Name)
		}
	}
	return nil
}

func notFound(ref techdocs.Ref, path string, cause error) error {
	return fault.Wrap(fault.NotFound, cause, "The documentation of %s has no file '%s'", ref.Path(), path)
}

func isMissing(err error) bool {
	return gcerrors.Code(err) == gcerrors.NotFound || errors.Is(err, fs.ErrNotExist)
}

// bounded gives one question to the bucket a deadline.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, requestTimeout)
}
