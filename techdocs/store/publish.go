package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // it tells files apart as the buckets do, and protects nothing
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
)

// maxFiles bounds a site.
const maxFiles = 200_000

// Published is what an upload did.
type Published struct {
	// Uploaded files were new or changed, Unchanged ones were there already, and Removed ones are none of the site's any more.
	Uploaded, Unchanged, Removed int
}

// local is a file of a site that is published.
type local struct {
	path   string
	size   int64
	digest []byte
}

// The phases in which files are uploaded, so that whoever reads the site meanwhile gets what belongs together: a page is there only
// when what it shows is, what finds pages only when they are, and the metadata when all is. What no page needs any more is removed
// last.
const (
	assets = iota
	pages
	index
	metadata
	phases
)

func phaseOf(name string) int {
	switch {
	case name == MetadataFile:
		return metadata
	case strings.HasPrefix(name, "search/"), name == "sitemap.xml", name == "sitemap.xml.gz":
		return index
	case path.Ext(name) == ".html":
		return pages
	default:
		return assets
	}
}

// Publish is Upload for those who do not count.
func (s *Store) Publish(ctx context.Context, ref techdocs.Ref, directory string) error {
	_, err := s.Upload(ctx, ref, directory)
	return err
}

// PublishRest makes a directory the site of an entity, with files that are not in it because they were published as they are. When they
// are not any more, it changes nothing, and returns techdocs.ErrNotKept.
func (s *Store) PublishRest(ctx context.Context, ref techdocs.Ref, directory string, kept map[string]techdocs.Digest) error {
	if _, err := s.publish(ctx, ref, directory, kept); err != nil {
		return fmt.Errorf("publish the documentation of %s to %s: %w", ref.Path(), s.Name(), err)
	}
	return nil
}

// Digests are those of the files of a site as they are stored. Those that the place does not know are left out.
func (s *Store) Digests(ctx context.Context, ref techdocs.Ref) (map[string]techdocs.Digest, error) {
	if err := checkRef(ref); err != nil {
		return nil, err
	}
	folder := s.folderOf(ref)
	stored, err := s.list(ctx, folder)
	if err != nil {
		return nil, err
	}
	found := make(map[string]techdocs.Digest, len(stored))
	for name, object := range stored {
		digest, err := s.storedDigest(ctx, folder+"/"+name, object)
		if err != nil && !isMissing(err) {
			return nil, fmt.Errorf("read the digest of %s: %w", name, err)
		}
		if as := (techdocs.Digest{Size: object.Size}); err == nil && len(digest) == len(as.MD5) {
			copy(as.MD5[:], digest)
			found[name] = as
		}
	}
	return found, nil
}

// storedDigest is the MD5 of a file as it is stored, nil where the list does not have it.
func (s *Store) storedDigest(ctx context.Context, key string, object *blob.ListObject) ([]byte, error) {
	if s.folder == nil || object.MD5 != nil {
		return object.MD5, nil
	}
	return s.digests.of(ctx, s.folder, key)
}

// areStored reports whether all files are stored as they are.
func (s *Store) areStored(ctx context.Context, folder string, kept map[string]techdocs.Digest, stored map[string]*blob.ListObject) (bool, error) {
	for name, as := range kept {
		object := stored[name]
		if object == nil || object.Size != as.Size {
			return false, nil
		}
		digest, err := s.storedDigest(ctx, folder+"/"+name, object)
		if err != nil && !isMissing(err) {
			return false, fmt.Errorf("read the digest of %s: %w", name, err)
		}
		if !bytes.Equal(digest, as.MD5[:]) {
			return false, nil
		}
	}
	return true, nil
}

// Upload makes a directory the site of an entity, or a version of it. It uploads what has changed, and removes what is not in the directory. An error
// leaves a site that can be read: of the earlier files, and of new ones that are complete. Doing it again continues.
func (s *Store) Upload(ctx context.Context, ref techdocs.Ref, directory string) (Published, error) {
	publish := s.publishVersion
	if ref.Version == "" {
		publish = func(ctx context.Context, ref techdocs.Ref, directory string) (Published, error) {
			return s.publish(ctx, ref, directory, nil)
		}
	}
	done, err := publish(ctx, ref, directory)
	if err != nil {
		return done, fmt.Errorf("publish the documentation of %s to %s: %w", ref.Path(), s.Name(), err)
	}
	return done, nil
}

func (s *Store) publish(ctx context.Context, ref techdocs.Ref, directory string, kept map[string]techdocs.Digest) (done Published, err error) {
	if err := checkRef(ref); err != nil {
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
	folder := s.folderOf(ref)
	defer s.cache.forgetBelow(folder)
	stored, err := s.list(ctx, folder)
	if err != nil {
		return done, err
	}
	if are, err := s.areStored(ctx, folder, kept, stored); err != nil || !are {
		return done, cmp.Or(err, techdocs.ErrNotKept)
	}
	all := files
	if len(kept) > 0 {
		all = slices.Grow(slices.Clone(files), len(kept))
	}
	for name, as := range kept {
		all = append(all, local{path: name, size: as.Size})
	}
	stale := staleOf(all, stored)
	later, err := s.makeRoom(ctx, folder, all, stale)
	if err != nil {
		return done, err
	}
	uploads, err := s.changed(ctx, folder, source, files, stored)
	if err != nil {
		return done, err
	}
	done.Unchanged = len(all) - len(uploads)
	for phase := range phases {
		n, err := s.each(ctx, uploads, func(ctx context.Context, file local) error {
			if phaseOf(file.path) != phase {
				return errSkipped
			}
			return s.upload(ctx, folder, source, file)
		})
		done.Uploaded += n
		if err != nil {
			return done, err
		}
	}
	if _, err = s.remove(ctx, folder, later); err == nil {
		done.Removed = len(stale)
	}
	return done, err
}

// errSkipped is of a file that is not counted.
var errSkipped = errors.New("another phase")

// each does something for many files, some at once, and counts them. It ends at the first error.
func (s *Store) each(ctx context.Context, files []local, do func(context.Context, local) error) (count int, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.options.Concurrency)
	did := make([]bool, len(files))
	for n, file := range files {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			err := do(ctx, file)
			if errors.Is(err, errSkipped) {
				return nil
			}
			did[n] = err == nil
			return err
		})
	}
	err = group.Wait()
	for _, one := range did {
		if one {
			count++
		}
	}
	return count, err
}

// filesOf lists a directory, in the order of the names. A link that leads out of it is refused: it would publish what is no
// documentation.
func filesOf(ctx context.Context, source *os.Root) ([]local, error) {
	var files []local
	err := fs.WalkDir(source.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil || entry.IsDir() {
			return err
		}
		info, err := source.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			return fault.Wrap(fault.Input, err, "%s is no file of the site: links must lead to files in the same directory", name)
		}
		if len(name) > maxPath || strings.Contains(name, "\\") {
			return fault.New(fault.Input, "%s: the name of a file has at most %d bytes and no backslash", name, maxPath)
		}
		if len(files) == maxFiles {
			return fault.New(fault.Input, "The site has more than %d files", maxFiles)
		}
		files = append(files, local{path: name, size: info.Size()})
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fault.New(fault.Input, "The directory %s is empty: generate the site first", source.Name())
	}
	return files, err
}

// list lists the files of a site as they are stored, by their paths in it.
func (s *Store) list(ctx context.Context, folder string) (map[string]*blob.ListObject, error) {
	if s.folder != nil {
		if found, err := s.digests.list(ctx, filepath.Join(s.options.Name, filepath.FromSlash(folder)), folder); err != nil || found != nil {
			return found, err
		}
	}
	found := map[string]*blob.ListObject{}
	objects := s.bucket.List(&blob.ListOptions{Prefix: folder + "/"})
	for {
		object, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list the files of the site: %w", err)
		}
		found[strings.TrimPrefix(object.Key, folder+"/")] = object
	}
}

func staleOf(files []local, stored map[string]*blob.ListObject) []string {
	kept := map[string]bool{}
	for _, file := range files {
		kept[file.path] = true
	}
	var stale []string
	for name := range stored {
		if !kept[name] {
			stale = append(stale, name)
		}
	}
	slices.Sort(stale)
	return stale
}

// changed computes the digests of files, and finds those that are not stored as they are.
func (s *Store) changed(ctx context.Context, folder string, source *os.Root, files []local, stored map[string]*blob.ListObject) ([]local, error) {
	needed := make([]bool, len(files))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.options.Concurrency)
	for n := range files {
		group.Go(func() (err error) {
			file := &files[n]
			if file.digest, err = digestOf(ctx, source, file.path); err != nil {
				return err
			}
			same, err := s.isStored(ctx, folder, *file, stored[file.path])
			needed[n] = !same
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var uploads []local
	for n, file := range files {
		if needed[n] {
			uploads = append(uploads, file)
		}
	}
	return uploads, nil
}

func (s *Store) isStored(ctx context.Context, folder string, file local, found *blob.ListObject) (bool, error) {
	switch {
	case found == nil || found.Size != file.size:
		return false, nil
	case s.folder != nil:
		digest, err := s.storedDigest(ctx, folder+"/"+file.path, found)
		if isMissing(err) {
			return false, nil
		}
		return bytes.Equal(digest, file.digest), err
	case bytes.Equal(found.MD5, file.digest):
		return true, nil
	}
	// The list has no digest of what was uploaded in parts, or is encrypted with a key. Those of our own are in their metadata.
	return s.holds(ctx, folder, file)
}

// digestKey is the name of a digest in an object's metadata.
const digestKey = "portico-md5"

// holds asks whether a file is stored as it is.
func (s *Store) holds(ctx context.Context, folder string, file local) (bool, error) {
	said, err := s.attributes(ctx, folder+"/"+file.path)
	if isMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", file.path, err)
	}
	if s.folder != nil {
		digest, err := digestOf(ctx, s.folder, folder+"/"+file.path)
		return bytes.Equal(digest, file.digest), err
	}
	return said.Size == file.size && (bytes.Equal(said.MD5, file.digest) || said.Metadata[digestKey] == hex.EncodeToString(file.digest)), nil
}

func digestOf(ctx context.Context, source *os.Root, name string) (digest []byte, err error) {
	file, err := source.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	hash := md5.New() //nolint:gosec // as above
	if _, err := io.Copy(hash, readerOf(ctx, file)); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return hash.Sum(nil), nil
}

// readerOf ends reading when the context ends.
func readerOf(ctx context.Context, from io.Reader) io.Reader { return &contextReader{ctx, from} }

type contextReader struct {
	ctx  context.Context //nolint:containedctx // it ends with the call that made it
	from io.Reader
}

func (r *contextReader) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(into)
}

const (
	// attempts of an upload, besides those that the client of the bucket makes of a request.
	attempts = 3
	// slowest is the number of bytes a second below which an upload is given up.
	slowest = 64 << 10
)

// retryWait is the wait before the second attempt; it doubles.
var retryWait = 500 * time.Millisecond

// upload writes a file. When that fails, the file may have been written nevertheless: only the answer was lost.
func (s *Store) upload(ctx context.Context, folder string, source *os.Root, file local) error {
	wait := retryWait
	for attempt := 1; ; attempt++ {
		err := s.write(ctx, folder, source, file)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if there, _ := s.holds(ctx, folder, file); there {
			return nil
		}
		if attempt == attempts || isFinal(err) {
			return explained(fmt.Errorf("upload %s: %w", file.path, err))
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		wait *= 2
	}
}

func (s *Store) write(ctx context.Context, folder string, source *os.Root, file local) (err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute+time.Duration(file.size/slowest)*time.Second)
	defer cancel()
	content, err := source.Open(file.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	return s.put(ctx, folder+"/"+file.path, content, &blob.WriterOptions{ContentType: storedType(file.path), ContentMD5: file.digest,
		Metadata: map[string]string{digestKey: hex.EncodeToString(file.digest)}, MaxConcurrency: 1})
}

// put writes an object whole or not at all. Closing a writer after an error would keep what it got until then, unless its context has ended.
func (s *Store) put(ctx context.Context, key string, content io.Reader, options *blob.WriterOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	writer, err := s.bucket.NewWriter(ctx, key, options)
	if err != nil {
		return err
	}
	if _, err := io.Copy(writer, readerOf(ctx, content)); err != nil {
		cancel()
		_ = writer.Close() // it fails, too
		return err
	}
	return writer.Close()
}

// isFinal reports an error that another attempt would only meet again.
func isFinal(err error) bool {
	if slices.Contains([]gcerrors.ErrorCode{gcerrors.PermissionDenied, gcerrors.InvalidArgument, gcerrors.NotFound, gcerrors.Unimplemented}, gcerrors.Code(err)) {
		return true
	}
	return isFull(err) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrNotExist)
}

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// explained says what to do about an error.
func explained(err error) error {
	switch {
	case isFull(err):
		return fault.Wrap(fault.Unavailable, err, "%s: the disk is full. What was published before is still served; make room, and publish again", err)
	case gcerrors.Code(err) == gcerrors.PermissionDenied:
		return fault.Wrap(fault.NotAllowed, err, "%s: the credentials may not write there. They need to list, read, write and delete", err)
	}
	return err
}

// Delete deletes a site, or one version of it. What is not there is deleted.
func (s *Store) Delete(ctx context.Context, ref techdocs.Ref) error {
	if ref.Version != "" {
		return s.deleteVersion(ctx, ref)
	}
	if err := checkRef(ref); err != nil {
		return err
	}
	folder := s.folderOf(ref)
	defer s.cache.forgetBelow(folder)
	stored, err := s.list(ctx, folder)
	if err == nil {
		_, err = s.remove(ctx, folder, staleOf(nil, stored))
	}
	if err != nil {
		return fmt.Errorf("delete the documentation of %s from %s: %w", ref.Path(), s.Name(), err)
	}
	if s.folder != nil {
		_ = s.folder.Remove(folder) // it is empty, unless somebody publishes at this moment
	}
	return nil
}

// remove deletes files that no page needs any more. One that is gone already is as good as deleted.
func (s *Store) remove(ctx context.Context, folder string, stale []string) (int, error) {
	files := make([]local, len(stale))
	for n, name := range stale {
		files[n].path = name
	}
	count, err := s.each(ctx, files, func(ctx context.Context, file local) error {
		ctx, cancel := bounded(ctx)
		defer cancel()
		if err := s.bucket.Delete(ctx, folder+"/"+file.path); err != nil && !isMissing(err) {
			return fmt.Errorf("remove %s, which is no part of the site any more: %w", file.path, err)
		}
		return nil
	})
	if s.folder != nil {
		s.removeEmpty(folder, stale)
	}
	return count, err
}

// makeRoom removes what is a file where the site needs a directory, and the other way around, and returns what else is stale. Some
// buckets can have both, others are folders.
func (s *Store) makeRoom(ctx context.Context, folder string, files []local, stale []string) ([]string, error) {
	isFile, isDirectory := map[string]bool{}, map[string]bool{}
	for _, file := range files {
		isFile[file.path] = true
		for at := path.Dir(file.path); at != "."; at = path.Dir(at) {
			isDirectory[at] = true
		}
	}
	var first, later []string
	for _, name := range stale {
		inTheWay := isDirectory[name]
		for at := path.Dir(name); at != "."; at = path.Dir(at) {
			inTheWay = inTheWay || isFile[at]
		}
		if inTheWay {
			first = append(first, name)
		} else {
			later = append(later, name)
		}
	}
	_, err := s.remove(ctx, folder, first)
	return later, err
}

// removeEmpty removes the directories of removed files that have no others.
func (s *Store) removeEmpty(folder string, removed []string) {
	for _, name := range removed {
		for at := path.Dir(name); at != "."; at = path.Dir(at) {
			if s.folder.Remove(folder+"/"+at) != nil {
				break // it has other files
			}
		}
	}
}
