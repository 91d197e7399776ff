package workspace

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/portico-dev/portico/scaffolder/action"
)

// A snapshot is a tar archive, compressed with zstd, without owners and times, at this place in the bucket.
func key(digest string) string {
	return "workspaces/" + strings.TrimPrefix(digest, digestPrefix) + ".tar.zst"
}

// pack stores a directory under its new digest.
func (s *Store) pack(ctx context.Context, opened *directory) error {
	found, err := s.scan(opened.root)
	if err != nil {
		return err
	}
	if len(found.entries) == 0 {
		opened.digest, opened.manifest = Empty, found
		return nil
	}
	archive, err := s.home.newFile()
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(archive.Close(), os.Remove(archive.Name())) }()
	if err := writeArchive(archive, opened.root, found); err != nil {
		return err
	}
	if err := s.upload(ctx, found.digest(), archive); err != nil {
		return err
	}
	opened.digest, opened.manifest = found.digest(), found
	return nil
}

// writeArchive writes all entries and sets the checksums of their content.
func writeArchive(to io.Writer, root *os.Root, found manifest) error {
	compressed, err := zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	writer := archiveWriter{tar: tar.NewWriter(compressed), root: root, sum: sha256.New(), buffer: make([]byte, 64<<10)}
	for n := range found.entries {
		if err := writer.add(&found.entries[n]); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", found.entries[n].path, err), compressed.Close())
		}
	}
	return errors.Join(writer.tar.Close(), compressed.Close())
}

type archiveWriter struct {
	tar    *tar.Writer
	root   *os.Root
	sum    hash.Hash
	buffer []byte
}

func (a *archiveWriter) add(e *entry) error {
	header := &tar.Header{Name: e.path, Mode: int64(e.info.Mode().Perm()), Typeflag: tar.TypeReg}
	switch e.info.Mode().Type() {
	case fs.ModeDir:
		header.Typeflag = tar.TypeDir
	case fs.ModeSymlink:
		header.Typeflag, header.Linkname = tar.TypeSymlink, e.link
	default:
		header.Size = e.info.Size()
	}
	if err := a.tar.WriteHeader(header); err != nil || !e.info.Mode().IsRegular() {
		return err
	}
	file, err := a.root.Open(e.path)
	if err != nil {
		return err
	}
	defer file.Close()
	a.sum.Reset()
	written, err := io.CopyBuffer(io.MultiWriter(a.tar, a.sum), onlyReader{file}, a.buffer)
	if err == nil && written != header.Size {
		err = errors.New("the file changed while the workspace was being saved")
	}
	e.sum = [sha256.Size]byte(a.sum.Sum(nil))
	return err
}

// onlyReader hides a file's WriterTo, so that io.CopyBuffer uses the buffer.
type onlyReader struct{ io.Reader }

// upload writes the archive to the bucket, unless the same content is there and protected from Delete for
// long enough.
func (s *Store) upload(ctx context.Context, digest string, archive *os.File) error {
	attributes, err := s.options.Bucket.Attributes(ctx, key(digest))
	if err == nil && time.Since(attributes.ModTime) < graceTime/2 {
		return nil
	}
	if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return bucketError(err)
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := s.options.Bucket.Upload(ctx, key(digest), archive, &blob.WriterOptions{ContentType: "application/zstd"}); err != nil {
		return bucketError(err)
	}
	return nil
}

// unpack fills an empty directory with the content of its snapshot.
func (s *Store) unpack(ctx context.Context, into *directory) error {
	reader, err := s.options.Bucket.NewReader(ctx, key(into.digest), nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return action.Final(errors.New("the snapshot is not in the bucket any more: start the run again"))
	}
	if err != nil {
		return bucketError(err)
	}
	defer reader.Close()
	sums, err := readArchive(reader, into.root, s.options)
	if err != nil {
		return err
	}
	unpacked, err := s.scan(into.root)
	if err != nil {
		return err
	}
	for n := range unpacked.entries {
		unpacked.entries[n].sum = sums[unpacked.entries[n].path]
	}
	if unpacked.digest() != into.digest {
		return action.Final(errors.New("the snapshot in the bucket is damaged: start the run again"))
	}
	into.manifest = unpacked
	return nil
}

func (s *Store) delete(ctx context.Context, digest string) error {
	if err := checkDigest(digest); err != nil {
		return err
	}
	attributes, err := s.options.Bucket.Attributes(ctx, key(digest))
	if err == nil && time.Since(attributes.ModTime) > graceTime {
		err = s.options.Bucket.Delete(ctx, key(digest))
	}
	if err == nil || gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return bucketError(err)
}

// bucketError makes a failure of the storage transient. A full disk of a file bucket keeps its own error.
func bucketError(err error) error {
	if isDiskFull(err) {
		return err
	}
	return action.Transient(fmt.Errorf("the bucket for workspaces: %w", err), 0)
}

// readArchive unpacks an archive into an empty directory and returns the checksums of the files by path.
func readArchive(from io.Reader, root *os.Root, limits Options) (map[string][sha256.Size]byte, error) {
	plain, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	reader := archiveReader{
		tar: tar.NewReader(plain), root: root, left: limits.MaxBytes, limits: limits,
		sums: map[string][sha256.Size]byte{}, sum: sha256.New(), buffer: make([]byte, 64<<10),
	}
	for {
		header, err := reader.tar.Next()
		if errors.Is(err, io.EOF) {
			return reader.sums, reader.closeDirectories()
		}
		if err != nil {
			return nil, fmt.Errorf("reading the snapshot: %w", err)
		}
		if err := reader.extract(header); err != nil {
			return nil, fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

type archiveReader struct {
	tar    *tar.Reader
	root   *os.Root
	limits Options
	left   int64
	count  int
	sums   map[string][sha256.Size]byte
	sum    hash.Hash
	buffer []byte
	// directories still need their own permissions: they must be writable until their content is complete.
	directories []*tar.Header
}

func (a *archiveReader) extract(header *tar.Header) error {
	if a.count++; a.count > a.limits.MaxFiles {
		return &TooLargeError{What: "files and directories", Limit: int64(a.limits.MaxFiles)}
	}
	mode := fs.FileMode(header.Mode).Perm()
	switch header.Typeflag {
	case tar.TypeDir:
		a.directories = append(a.directories, header)
		return a.root.Mkdir(header.Name, mode|0o700)
	case tar.TypeSymlink:
		return a.root.Symlink(header.Linkname, header.Name)
	case tar.TypeReg:
		return a.extractFile(header, mode)
	}
	return fmt.Errorf("a snapshot holds no entries of type %q", header.Typeflag)
}

func (a *archiveReader) extractFile(header *tar.Header, mode fs.FileMode) (err error) {
	if a.left -= header.Size; a.left < 0 {
		return &TooLargeError{What: "bytes", Limit: a.limits.MaxBytes}
	}
	file, err := a.root.OpenFile(header.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode|0o200)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	a.sum.Reset()
	if _, err := io.CopyBuffer(io.MultiWriter(onlyWriter{file}, a.sum), onlyReader{a.tar}, a.buffer); err != nil {
		return err
	}
	a.sums[header.Name] = [sha256.Size]byte(a.sum.Sum(nil))
	info, err := file.Stat()
	if err != nil || info.Mode().Perm() == mode {
		return err
	}
	return file.Chmod(mode)
}

// onlyWriter hides a file's ReaderFrom, so that io.CopyBuffer uses the buffer.
type onlyWriter struct{ io.Writer }

func (a *archiveReader) closeDirectories() error {
	for _, header := range slices.Backward(a.directories) {
		if err := a.root.Chmod(header.Name, fs.FileMode(header.Mode).Perm()); err != nil {
			return err
		}
	}
	return nil
}
