package azure

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"

	"github.com/portico-dev/portico/fault"
)

// maxArchiveBytes bounds a compressed archive, which is stored in a temporary file while it is read.
const maxArchiveBytes = 512 << 20

// tarOf converts a ZIP archive into a gzipped tarball. It reads the whole ZIP archive first, because its list
// of files is at its end.
func tarOf(archive io.Reader) (io.ReadCloser, error) {
	file, err := os.CreateTemp("", "portico-archive-*.zip")
	if err != nil {
		return nil, fmt.Errorf("file for an archive: %w", err)
	}
	// Without a name, the file is gone when it is closed, also by a crash.
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("file for an archive: %w", err), file.Close())
	}
	size, err := io.Copy(file, http.MaxBytesReader(nil, io.NopCloser(archive), maxArchiveBytes))
	if tooLarge, is := errors.AsType[*http.MaxBytesError](err); is {
		err = fault.New(fault.Input, "the archive is larger than %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	unpacked, err := zip.NewReader(file, size)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the archive: %w", err), file.Close())
	}
	reader, writer := io.Pipe()
	go func() {
		err := repack(unpacked, writer)
		writer.CloseWithError(errors.Join(err, file.Close()))
	}()
	return reader, nil
}

// repack writes the tarball. Closing the reader stops it with an error.
func repack(from *zip.Reader, to io.Writer) (err error) {
	defer fault.Recover(&err)
	compressed, err := gzip.NewWriterLevel(to, gzip.NoCompression)
	if err != nil {
		return err
	}
	packed := tar.NewWriter(compressed)
	for _, entry := range from.File {
		if entry.FileInfo().IsDir() {
			continue
		}
		if err := repackFile(entry, packed); err != nil {
			return err
		}
	}
	return errors.Join(packed.Close(), compressed.Close())
}

// maxLinkBytes bounds the target of a link.
const maxLinkBytes = 4096

func repackFile(entry *zip.File, packed *tar.Writer) error {
	content, err := entry.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: "repository/" + entry.Name, Mode: int64(entry.Mode().Perm()), Size: int64(entry.UncompressedSize64),
	}
	if entry.Mode()&fs.ModeSymlink != 0 {
		target, err := io.ReadAll(io.LimitReader(content, maxLinkBytes))
		if err != nil {
			return err
		}
		header.Typeflag, header.Linkname, header.Size = tar.TypeSymlink, string(target), 0
		return packed.WriteHeader(header)
	}
	if err := packed.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.CopyN(packed, content, header.Size)
	return err
}
