package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gocloud.dev/blob"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
)

// File is a file of a site. The caller closes it.
type File struct {
	io.ReadSeekCloser

	// Path is the path in the site, and Size in bytes.
	Path string
	Size int64
	// Modified is when the file was written, and ETag a strong validator in quotes, "" without one.
	Modified time.Time
	ETag     string
}

// ErrDirectory means that a path of a folder is that of a directory. A bucket has none.
var ErrDirectory = errors.New("this is a directory")

// errChanged means that a file was replaced while it was read.
var errChanged = errors.New("the file was replaced while it was read")

// errLarge means that a file is too large for the memory.
var errLarge = errors.New("the file is too large to be kept")

// Open opens a file of a site. A file that does not exist is a fault of kind NotFound.
func (s *Store) Open(ctx context.Context, ref techdocs.Ref, path string) (*File, error) {
	key, err := s.keyOf(ref, path)
	if err != nil {
		return nil, err
	}
	if ref.Version != "" {
		return s.openVersion(ctx, ref, path)
	}
	file, err := s.openKey(ctx, key)
	switch {
	case isMissing(err):
		return nil, notFound(ref, path, err)
	case errors.Is(err, ErrDirectory):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", s.Where(ref, path), err)
	}
	file.Path = path
	return file, nil
}

func (s *Store) openInFolder(key string) (*File, error) {
	info, err := s.folder.Stat(key)
	switch {
	case err != nil:
		return nil, outside(err)
	case info.IsDir():
		return nil, ErrDirectory
	case !info.Mode().IsRegular():
		return nil, errNoFile // opening a pipe waits for a writer
	}
	opened, err := s.folder.Open(key)
	if err != nil {
		return nil, outside(err)
	}
	if info, err = opened.Stat(); err != nil { // it may be another file by now
		return nil, errors.Join(err, opened.Close())
	}
	return &File{ReadSeekCloser: opened, Size: info.Size(), Modified: info.ModTime(), ETag: fmt.Sprintf(`"%x-%x"`, info.Size(), info.ModTime().UnixNano())}, nil
}

func (s *Store) openInBucket(ctx context.Context, key string) (*File, error) {
	file, checked := s.cache.get(key)
	if file != nil && time.Since(checked) < s.options.Fresh {
		return file.open(), nil
	}
	said, err := s.attributes(ctx, key)
	if err != nil {
		s.cache.forget(key)
		return nil, err
	}
	etag := quoted(said.ETag)
	switch {
	case file != nil && etag != "" && file.etag == etag:
		s.cache.put(file, time.Now())
		return file.open(), nil
	case said.Size > maxCached:
		return s.openLarge(ctx, key, said), nil
	}
	// Readers of the same new page share one request for it.
	file, err = s.reading.Do(ctx, key+"\x00"+etag, requestTimeout, func(ctx context.Context) (*kept, error) { return s.read(ctx, key) })
	if errors.Is(err, errLarge) {
		if said, err = s.attributes(ctx, key); err == nil {
			return s.openLarge(ctx, key, said), nil
		}
	}
	if err != nil {
		return nil, err
	}
	return file.open(), nil
}

// openLarge opens a file that is read from the bucket when it is needed, in the parts that are needed.
func (s *Store) openLarge(ctx context.Context, key string, said *blob.Attributes) *File {
	return &File{ReadSeekCloser: &remote{ctx: ctx, bucket: s.bucket, key: key, said: said}, Size: said.Size, Modified: said.ModTime, ETag: quoted(said.ETag)}
}

func (s *Store) attributes(ctx context.Context, key string) (*blob.Attributes, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return s.bucket.Attributes(ctx, key)
}

// read reads a small file whole, and keeps it. A file that is replaced in between is read again.
func (s *Store) read(ctx context.Context, key string) (*kept, error) {
	for range 3 {
		said, err := s.bucket.Attributes(ctx, key)
		if err != nil {
			return nil, err
		}
		if said.Size > maxCached {
			return nil, errLarge
		}
		content, err := s.readAll(ctx, key, said)
		if errors.Is(err, errChanged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		file := &kept{key: key, etag: quoted(said.ETag), modified: said.ModTime, content: content}
		s.cache.put(file, time.Now())
		return file, nil
	}
	return nil, errChanged
}

func (s *Store) readAll(ctx context.Context, key string, said *blob.Attributes) (content []byte, err error) {
	reader, err := s.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	if !reader.ModTime().Equal(said.ModTime) || reader.Size() != said.Size {
		return nil, errChanged
	}
	return io.ReadAll(io.LimitReader(reader, said.Size))
}

func (k *kept) open() *File {
	return &File{ReadSeekCloser: inMemory{bytes.NewReader(k.content)}, Size: int64(len(k.content)), Modified: k.modified, ETag: k.etag}
}

// inMemory is a file that has nothing to close.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// quoted writes a validator as HTTP does: Google's has no quotes.
func quoted(etag string) string {
	if etag == "" || strings.HasPrefix(etag, `"`) || strings.HasPrefix(etag, `W/"`) {
		return etag
	}
	return `"` + strings.ReplaceAll(etag, `"`, "") + `"`
}

// remote reads a large file in a bucket, from where it is asked to.
type remote struct {
	ctx    context.Context //nolint:containedctx // the file is read during one request, whose context this is
	bucket *blob.Bucket
	key    string
	said   *blob.Attributes
	offset int64
	reader *blob.Reader
}

// Seek implements io.Seeker. It makes no request.
func (r *remote) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.said.Size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning of the file")
	}
	if offset != r.offset {
		if err := r.Close(); err != nil {
			return 0, err
		}
		r.offset = offset
	}
	return offset, nil
}

// Read implements io.Reader.
func (r *remote) Read(into []byte) (int, error) {
	if r.offset >= r.said.Size {
		return 0, io.EOF
	}
	if r.reader == nil {
		reader, err := r.bucket.NewRangeReader(r.ctx, r.key, r.offset, -1, nil)
		if err != nil {
			return 0, err
		}
		r.reader = reader
		if !reader.ModTime().Equal(r.said.ModTime) {
			return 0, errChanged
		}
	}
	n, err := r.reader.Read(into)
	r.offset += int64(n)
	return n, err
}

// Close implements io.Closer.
func (r *remote) Close() error {
	if r.reader == nil {
		return nil
	}
	reader := r.reader
	r.reader = nil
	return reader.Close()
}

// Exists reports whether there is a whole site: its metadata are what is published last.
func (s *Store) Exists(ctx context.Context, ref techdocs.Ref) (bool, error) {
	if ref.Version != "" {
		return s.versionExists(ctx, ref)
	}
	for _, name := range []string{"index.html", MetadataFile} {
		key, err := s.keyOf(ref, name)
		if err != nil {
			return false, err
		}
		if _, err = s.attributes(ctx, key); isMissing(err) {
			return false, nil
		} else if err != nil {
			return false, fmt.Errorf("look for %s: %w", s.Where(ref, name), err)
		}
	}
	return true, nil
}

// IndexFile has what is searched in a site.
const IndexFile = "search/search_index.json"

// maxIndex bounds that file.
const maxIndex = 256 << 20

// SearchIndex reads what is searched in a site. A site without it is a fault of kind NotFound.
func (s *Store) SearchIndex(ctx context.Context, ref techdocs.Ref) ([]techdocs.Section, error) {
	file, err := s.Open(ctx, ref, IndexFile)
	if err != nil {
		return nil, err
	}
	sections, err := ReadIndex(file)
	return sections, errors.Join(err, file.Close())
}

// ReadIndex reads the sections of an IndexFile that was opened.
func ReadIndex(file *File) ([]techdocs.Section, error) {
	if file.Size > maxIndex {
		return nil, fault.New(fault.Input, "The search index of the site has %d MB, and %d at most are read", file.Size>>20, maxIndex>>20)
	}
	return techdocs.ReadSections(io.LimitReader(file, maxIndex))
}

// readBounded reads a file and closes it.
func readBounded(file io.ReadCloser, where string, most int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(file, most+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", where, err)
	}
	if int64(len(content)) > most {
		return nil, fault.New(fault.Input, "%s is larger than %d MB", where, most>>20)
	}
	return content, nil
}

// MetadataFile is the file that says what a site is, in its root.
const MetadataFile = "techdocs_metadata.json"

// maxMetadata bounds that file, which lists all others.
const maxMetadata = 32 << 20

// Metadata says what a site is.
type Metadata struct {
	// Raw is the file itself, a JSON object.
	Raw json.RawMessage
	// ETag is the commit, tree or digest that the site was built from, "" when nobody said.
	ETag string
	// Engine is what rendered it, "" for techdocs-cli.
	Engine string
}

// Metadata reads what a site is. A site that does not exist is a fault of kind NotFound.
func (s *Store) Metadata(ctx context.Context, ref techdocs.Ref) (Metadata, error) {
	file, err := s.Open(ctx, ref, MetadataFile)
	if err != nil {
		return Metadata{}, err
	}
	return readMetadata(file, s.Where(ref, MetadataFile))
}

func readMetadata(file io.ReadCloser, where string) (Metadata, error) {
	content, err := readBounded(file, where, maxMetadata)
	if err != nil {
		return Metadata{}, err
	}
	content = bytes.TrimSpace(content)
	var says map[string]json.RawMessage
	if err := json.Unmarshal(content, &says); err != nil || says == nil {
		return Metadata{}, fault.Wrap(fault.Input, err, "%s is not the metadata of a site: it is no JSON object", where)
	}
	found := Metadata{Raw: content}
	// Other programs write the file, too: a value of another type counts as none.
	_ = json.Unmarshal(says["etag"], &found.ETag)
	_ = json.Unmarshal(says["engine"], &found.Engine)
	return found, nil
}

// ReadMetadata reads what a site in a directory is, before it is published.
func ReadMetadata(directory string) (Metadata, error) {
	path := filepath.Join(directory, MetadataFile)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Metadata{}, fault.Wrap(fault.NotFound, err, "%s has no %s: it is not a site that was generated", directory, MetadataFile)
	}
	if err != nil {
		return Metadata{}, err
	}
	return readMetadata(file, path)
}

// Refresh asks the bucket whether a site is another than the one in memory, and forgets its files then.
func (s *Store) Refresh(ctx context.Context, ref techdocs.Ref) (changed bool, err error) {
	if s.folder != nil || s.options.Fresh == 0 || ref.Version != "" {
		return false, nil // nothing is served without being asked for
	}
	key, err := s.keyOf(ref, MetadataFile)
	if err != nil {
		return false, err
	}
	file, _ := s.cache.get(key)
	said, err := s.attributes(ctx, key)
	if err != nil && !isMissing(err) {
		return false, fmt.Errorf("read %s: %w", s.Where(ref, MetadataFile), err)
	}
	if file != nil && err == nil && quoted(said.ETag) == file.etag {
		return false, nil
	}
	s.cache.forgetBelow(s.folderOf(ref))
	return file != nil, nil
}
