package workspace

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
)

// OpenBucket opens the bucket of a URL. file:///path creates the directory when it does not exist. Any other
// scheme needs a driver of gocloud.dev/blob that the program imports. The caller closes the bucket.
func OpenBucket(ctx context.Context, url string) (*blob.Bucket, error) {
	directory, isFile := strings.CutPrefix(url, "file://")
	if !isFile {
		bucket, err := blob.OpenBucket(ctx, url)
		if err != nil {
			return nil, fmt.Errorf("bucket for workspaces: %w", err)
		}
		return bucket, nil
	}
	if !filepath.IsAbs(directory) {
		return nil, fmt.Errorf("bucket for workspaces: %s: the path must be absolute, as in file:///var/lib/portico", url)
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("bucket for workspaces: %w", err)
	}
	// The temporary file is in the directory of the final one, so that the rename is atomic.
	bucket, err := fileblob.OpenBucket(directory, &fileblob.Options{Metadata: fileblob.MetadataDontWrite, NoTempDir: true})
	if err != nil {
		return nil, fmt.Errorf("bucket for workspaces: %w", err)
	}
	return bucket, nil
}
