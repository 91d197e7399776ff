package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
)

// Versions of a site are stored by content: a file that many versions have is stored once.
//
//	.versions/namespace/kind/name/sites/VERSION.json   which files a version has, and the digests of their contents
//	.versions/namespace/kind/name/blobs/DIGEST[.gz]    the contents, packed where that makes them smaller
//
// No namespace begins with a dot, so neither techdocs-cli nor Backstage reads or writes there. The contents of a version are written
// before its list, and nothing that a list has is deleted. Whoever publishes versions and whoever collects what no version needs must not
// do so at the same time for the same entity: package build sees to that.
const versionsRoot = ".versions"

const (
	// maxPacked bounds a file that is packed, because packing and unpacking are done in memory.
	maxPacked = 8 << 20
	// maxList bounds the list of a version.
	maxList = 64 << 20
	// packedSuffix is the ending of packed contents.
	packedSuffix = ".gz"
)

// versionFiles are the files of a version, by their paths.
type versionFiles struct {
	Files map[string]versionFile `json:"files"`
}

// versionFile is the content of a file of a version.
type versionFile struct {
	// Digest is the SHA-256 of the content, in hex, and Size its size in bytes.
	Digest string `json:"sha256"`
	Size   int64  `json:"size"`
	// Packed says that it is stored with gzip.
	Packed bool `json:"packed,omitempty"`
}

func (f versionFile) name() string {
	if f.Packed {
		return f.Digest + packedSuffix
	}
	return f.Digest
}

// versionsOf is the folder of the versions of an entity, in lower case always: it is not Backstage's.
func (s *Store) versionsOf(ref techdocs.Ref) string {
	folder := versionsRoot + "/" + ref.Entity().Path()
	if s.options.Root != "" {
		return s.options.Root + "/" + folder
	}
	return folder
}

func (s *Store) blobsOf(ref techdocs.Ref) string { return s.versionsOf(ref) + "/blobs" }

// listOf is the key of the list of a version.
func (s *Store) listOf(ref techdocs.Ref) (string, error) {
	if err := errors.Join(checkRef(ref), techdocs.CheckVersion(ref.Version)); err != nil {
		return "", fault.Wrap(fault.NotFound, err, "There is no version '%s' of the documentation of %s", ref.Version, ref.Entity().Path())
	}
	return s.versionsOf(ref) + "/sites/" + strings.TrimPrefix(techdocs.JoinVersion("", ref.Version), "@") + ".json", nil
}

// lists remembers lists that were read, because one of many files takes long to decode. It is safe for concurrent use.
type lists struct {
	mutex sync.Mutex
	size  int
	by    map[string]knownList
}

type knownList struct {
	etag string
	list versionFiles
}

// maxListed bounds the files in all lists that are remembered.
const maxListed = 500_000

func (l *lists) get(key, etag string) (versionFiles, bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	known, there := l.by[key]
	return known.list, there && known.etag == etag && etag != ""
}

func (l *lists) put(key, etag string, list versionFiles) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.size += len(list.Files) - len(l.by[key].list.Files)
	if l.by == nil || l.size > maxListed {
		l.by, l.size = map[string]knownList{}, len(list.Files)
	}
	l.by[key] = knownList{etag, list}
}

// list reads which files a version has, and the validator of the list with its time.
func (s *Store) listVersion(ctx context.Context, ref techdocs.Ref) (versionFiles, *File, error) {
	key, err := s.listOf(ref)
	if err != nil {
		return versionFiles{}, nil, err
	}
	file, err := s.openKey(ctx, key)
	if isMissing(err) {
		return versionFiles{}, nil, fault.Wrap(fault.NotFound, err, "There is no version '%s' of the documentation of %s", ref.Version, ref.Entity().Path())
	}
	if err != nil {
		return versionFiles{}, nil, fmt.Errorf("read the files of %s: %w", ref.Path(), err)
	}
	if known, is := s.lists.get(key, file.ETag); is {
		return known, file, file.Close()
	}
	content, err := readBounded(file, s.options.Name+"/"+key, maxList)
	if err != nil {
		return versionFiles{}, nil, err
	}
	var list versionFiles
	if err := json.Unmarshal(content, &list); err != nil {
		return versionFiles{}, nil, fmt.Errorf("decode the files of %s in %s: %w", ref.Path(), key, err)
	}
	s.lists.put(key, file.ETag, list)
	return list, file, nil
}

// openKey opens an object, or a file of the folder.
func (s *Store) openKey(ctx context.Context, key string) (*File, error) {
	if s.folder != nil {
		return s.openInFolder(key)
	}
	return s.openInBucket(ctx, key)
}

// openVersion opens a file of a version. Its validator is the digest of its content, so that a reader who knows it from another version
// does not load it again.
func (s *Store) openVersion(ctx context.Context, ref techdocs.Ref, name string) (*File, error) {
	list, at, err := s.listVersion(ctx, ref)
	if err != nil {
		return nil, err
	}
	found, there := list.Files[name]
	if !there {
		if _, isDirectory := list.Files[strings.TrimSuffix(name, "/")+"/index.html"]; isDirectory {
			return nil, ErrDirectory
		}
		return nil, notFound(ref, name, nil)
	}
	file, err := s.openBlob(ctx, s.blobsOf(ref)+"/"+found.name(), found)
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", name, ref.Path(), err)
	}
	return &File{ReadSeekCloser: file, Path: name, Size: found.Size, Modified: at.Modified, ETag: `"` + found.Digest + `"`}, nil
}

// openBlob opens a content. What was read once is never another, so nobody is asked about what is in memory.
func (s *Store) openBlob(ctx context.Context, key string, wanted versionFile) (io.ReadSeekCloser, error) {
	if known, _ := s.cache.get(key); known != nil {
		return known.open(), nil
	}
	if !wanted.Packed && (s.folder != nil || wanted.Size > maxCached) {
		return s.openKey(ctx, key)
	}
	file, err := s.reading.Do(ctx, key, requestTimeout, func(ctx context.Context) (*kept, error) { return s.readBlob(ctx, key, wanted) })
	if err != nil {
		return nil, err
	}
	return file.open(), nil
}

// readBlob reads a content whole, and keeps it when it is small.
func (s *Store) readBlob(ctx context.Context, key string, wanted versionFile) (*kept, error) {
	reader, err := s.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, err
	}
	content, err := unpacked(reader, wanted)
	if err = errors.Join(err, reader.Close()); err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != wanted.Digest {
		return nil, fmt.Errorf("%s/%s does not have the content that its name says: somebody has changed it. Build the version again with force", s.options.Name, key)
	}
	file := &kept{key: key, etag: wanted.Digest, content: content}
	if wanted.Size <= maxCached {
		s.cache.put(file, time.Now())
	}
	return file, nil
}

func unpacked(reader io.Reader, wanted versionFile) ([]byte, error) {
	if wanted.Packed {
		packed, err := gzip.NewReader(reader)
		if err != nil {
			return nil, err
		}
		reader = packed
	}
	return io.ReadAll(io.LimitReader(reader, wanted.Size+1))
}

// publishVersion makes a directory a version of a site.
func (s *Store) publishVersion(ctx context.Context, ref techdocs.Ref, directory string) (done Published, err error) {
	key, err := s.listOf(ref)
	if err != nil {
		return done, err
	}
	source, err := os.OpenRoot(directory)
	if err != nil {
		return done, fmt.Errorf("the directory of the site: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	files, err := filesOf(ctx, source)
	if err != nil {
		return done, err
	}
	stored, err := s.list(ctx, s.blobsOf(ref))
	if err != nil {
		return done, err
	}
	publishing := versionUpload{store: s, source: source, folder: s.blobsOf(ref), stored: stored, files: map[string]versionFile{}, begun: map[string]bool{}}
	done.Uploaded, err = s.each(ctx, files, publishing.add)
	done.Unchanged = len(files) - done.Uploaded
	if err != nil {
		return done, err
	}
	encoded, err := json.Marshal(versionFiles{publishing.files})
	if err != nil {
		return done, fmt.Errorf("encode the files of %s: %w", ref.Path(), err)
	}
	defer s.cache.forget(key)
	return done, s.persist(ctx, key, encoded, "application/json")
}

// versionUpload is a version that is uploaded. It is safe for concurrent use.
type versionUpload struct {
	store  *Store
	source *os.Root
	folder string
	stored map[string]*blob.ListObject

	mutex sync.Mutex
	files map[string]versionFile
	// begun are the digests that are uploaded already: a site may have a file twice.
	begun map[string]bool
}

// add uploads the content of a file that is not stored. errSkipped means that it was.
func (u *versionUpload) add(ctx context.Context, file local) error {
	digest, err := u.digest(ctx, file)
	if err != nil {
		return err
	}
	found := versionFile{Digest: digest, Size: file.size}
	found, isStored := u.find(found)
	var packed []byte
	if !isStored {
		if packed, err = u.pack(file); err != nil {
			return err
		}
		found.Packed = packed != nil
	}
	isFirst := u.note(file.path, found)
	if isStored || !isFirst {
		return errSkipped
	}
	if packed != nil {
		return u.store.persist(ctx, u.folder+"/"+found.name(), packed, "application/gzip")
	}
	return u.store.persistFile(ctx, u.folder+"/"+found.name(), u.source, file)
}

// find looks for a content among what is stored, packed or not.
func (u *versionUpload) find(wanted versionFile) (versionFile, bool) {
	for _, isPacked := range []bool{false, true} {
		wanted.Packed = isPacked
		if object := u.stored[wanted.name()]; object != nil && (isPacked || object.Size == wanted.Size) {
			return wanted, true
		}
	}
	wanted.Packed = false
	return wanted, false
}

// note notes the content of a path, and reports whether it is the first with that content.
func (u *versionUpload) note(name string, found versionFile) bool {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.files[name] = found
	isFirst := !u.begun[found.Digest]
	u.begun[found.Digest] = true
	return isFirst
}

func (u *versionUpload) digest(ctx context.Context, file local) (digest string, err error) {
	opened, err := u.source.Open(file.path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	hash := sha256.New()
	if _, err := io.Copy(hash, readerOf(ctx, opened)); err != nil {
		return "", fmt.Errorf("read %s: %w", file.path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// texts are the endings of files that become smaller when they are packed.
var texts = []string{".html", ".json", ".css", ".js", ".svg", ".xml", ".txt", ".md", ".map", ".csv", ".yaml", ".yml"}

// pack packs a text; nil for what is stored as it is. The same content is always packed to the same bytes.
func (u *versionUpload) pack(file local) ([]byte, error) {
	if file.size > maxPacked || !slices.Contains(texts, strings.ToLower(path.Ext(file.path))) {
		return nil, nil
	}
	content, err := u.source.ReadFile(file.path)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write(content); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	if int64(packed.Len()) >= file.size {
		return nil, nil
	}
	return packed.Bytes(), nil
}

// persist writes an object, and tries again when that fails.
func (s *Store) persist(ctx context.Context, key string, content []byte, contentType string) error {
	return s.persisted(ctx, key, func(ctx context.Context) error {
		return s.put(ctx, key, bytes.NewReader(content), &blob.WriterOptions{ContentType: contentType, MaxConcurrency: 1})
	})
}

// persistFile writes a file as an object.
func (s *Store) persistFile(ctx context.Context, key string, source *os.Root, file local) error {
	return s.persisted(ctx, key, func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute+time.Duration(file.size/slowest)*time.Second)
		defer cancel()
		content, err := source.Open(file.path)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, content.Close()) }()
		return s.put(ctx, key, content, &blob.WriterOptions{ContentType: storedType(file.path), MaxConcurrency: 1})
	})
}

// persisted writes, and tries again when that fails. Writing the same object again does no harm.
func (s *Store) persisted(ctx context.Context, key string, write func(context.Context) error) error {
	wait := retryWait
	for attempt := 1; ; attempt++ {
		err := write(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case attempt == attempts || isFinal(err):
			return explained(fmt.Errorf("upload %s: %w", key, err))
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		wait *= 2
	}
}

// versionExists reports whether a version is there with all of its contents.
func (s *Store) versionExists(ctx context.Context, ref techdocs.Ref) (bool, error) {
	list, _, err := s.listVersion(ctx, ref)
	if fault.KindOf(err) == fault.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	stored, err := s.list(ctx, s.blobsOf(ref))
	if err != nil {
		return false, err
	}
	for _, file := range list.Files {
		if stored[file.name()] == nil {
			return false, nil
		}
	}
	return true, nil
}

// deleteVersion deletes a version. Its contents stay until Collect.
func (s *Store) deleteVersion(ctx context.Context, ref techdocs.Ref) error {
	key, err := s.listOf(ref)
	if err != nil {
		return err
	}
	defer s.cache.forget(key)
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := s.bucket.Delete(ctx, key); err != nil && !isMissing(err) {
		return fmt.Errorf("delete %s from %s: %w", ref.Path(), s.Name(), err)
	}
	return nil
}

// DeleteVersions deletes all versions of an entity with their contents.
func (s *Store) DeleteVersions(ctx context.Context, ref techdocs.Ref) error {
	if err := checkRef(ref); err != nil {
		return err
	}
	folder := s.versionsOf(ref)
	defer s.cache.forgetBelow(folder)
	stored, err := s.list(ctx, folder)
	if err != nil {
		return err
	}
	if _, err := s.remove(ctx, folder, staleOf(nil, stored)); err != nil {
		return fmt.Errorf("delete the versions of %s from %s: %w", ref.Entity().Path(), s.Name(), err)
	}
	if s.folder != nil {
		_ = s.folder.Remove(folder) // it is empty
	}
	return nil
}

// Collect deletes contents that no version of an entity has, and returns how many. When a list cannot be read, it deletes nothing. Nobody
// may publish a version of the entity meanwhile.
func (s *Store) Collect(ctx context.Context, ref techdocs.Ref) (int, error) {
	if err := checkRef(ref); err != nil {
		return 0, err
	}
	folder := s.versionsOf(ref)
	stored, err := s.list(ctx, folder)
	if err != nil {
		return 0, err
	}
	needed := map[string]bool{}
	for name := range stored {
		if !strings.HasPrefix(name, "sites/") {
			continue
		}
		if err := s.need(ctx, folder+"/"+name, needed); err != nil {
			return 0, err
		}
	}
	var stale []string
	for name := range stored {
		if blob, is := strings.CutPrefix(name, "blobs/"); is && !needed[blob] {
			stale = append(stale, name)
			s.cache.forget(folder + "/" + name)
		}
	}
	slices.Sort(stale)
	count, err := s.remove(ctx, folder, stale)
	if err != nil {
		return count, fmt.Errorf("delete what no version of %s needs: %w", ref.Entity().Path(), err)
	}
	return count, nil
}

// need notes the contents that a list has. It reads the list itself, not what is remembered of it.
func (s *Store) need(ctx context.Context, key string, needed map[string]bool) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	reader, err := s.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return fmt.Errorf("read %s/%s: %w", s.options.Name, key, err)
	}
	content, err := readBounded(reader, s.options.Name+"/"+key, maxList)
	if err != nil {
		return err
	}
	var list versionFiles
	if err := json.Unmarshal(content, &list); err != nil || list.Files == nil {
		return fmt.Errorf("%s/%s is not the list of a version, so that nothing is deleted: %w", s.options.Name, key, errors.Join(err, fs.ErrInvalid))
	}
	for _, file := range list.Files {
		needed[file.name()] = true
	}
	return nil
}
