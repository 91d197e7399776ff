package sweep

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/db"
)

// Files are the files that the last sweeps of sources brought.
type Files struct {
	pool    *pgxpool.Pool
	queries *db.Queries
}

var _ processing.StoredFiles = (*Files)(nil)

// NewFiles makes Files.
func NewFiles(pool *pgxpool.Pool) *Files { return &Files{pool, db.New()} }

// StoredFile implements processing.StoredFiles.
func (f *Files) StoredFile(ctx context.Context, url string) (*processing.StoredFile, error) {
	row, err := f.queries.CatalogStoredFile(ctx, f.pool, url)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil // no file is no error
	}
	if err != nil {
		return nil, fmt.Errorf("read the stored file %s: %w", url, err)
	}
	return &processing.StoredFile{URL: url, ETag: row.Etag, Body: row.Body}, nil
}
