package processing

import (
	"context"
	"fmt"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
)

// Reader reads the targets of locations and placeholders from hosts. *integration.Set implements it. Its
// errors are shown to users as they are.
type Reader interface {
	// Search reads the files that a URL names: one, or all that match its wildcards. When nothing matches,
	// the result is empty without an error.
	Search(ctx context.Context, url string, options integration.ReadOptions) (integration.SearchResult, error)
	// ReadURL reads one file. A missing file is a fault of kind NotFound.
	ReadURL(ctx context.Context, url string, options integration.ReadOptions) (integration.Result, error)
	// ResolveURL makes ref, a link in the file at base, absolute by the rules of base's host.
	ResolveURL(base, ref string) (string, error)
	// EditURL is the page on which the file at a URL is edited. Commits and hosts without an integration have
	// none.
	EditURL(url string) (string, bool)
	// SameRepository returns false for two files that are known to be in different repositories.
	SameRepository(a, b string) bool
	// ByURL finds the integration of a URL's host.
	ByURL(url string) (integration.Host, bool)
}

// Files reads local files for locations of type file. *integration.Files implements it.
type Files interface {
	// Glob reads the files that a place names, whose path may have wildcards. When nothing matches, the
	// result is empty without an error.
	Glob(ctx context.Context, at provenance.Place) ([]integration.LocalFile, error)
}

// StoredFiles has the files that sweeps of sources have brought along with their Locations.
type StoredFiles interface {
	// StoredFile returns the file that was brought for a URL, nil when none was.
	StoredFile(ctx context.Context, url string) (*StoredFile, error)
}

// StoredFile is a file that a sweep has brought.
type StoredFile struct {
	URL  string
	ETag string
	Body []byte
}

// findStored finds the stored file of a Location that stands for one file, which is so for those that sources
// emit. What an author refers to elsewhere is read from its host, with the checks that belong to that.
func (r *run) findStored(ctx context.Context) error {
	if r.pipeline.Stored == nil || r.entity.Kind() != "Location" || r.at.Kind() != provenance.URL {
		return nil
	}
	found, err := r.pipeline.Stored.StoredFile(ctx, r.at.Target())
	if err != nil {
		r.result.ReadOutside = true // it is tried again soon
		return fmt.Errorf("read the stored file of %s: %w", r.at, err)
	}
	r.stored = found
	return nil
}

// isStored reports whether a target need not be read from its host.
func (r *run) isStored(kind, target string) bool {
	return r.stored != nil && kind == provenance.URL && target == r.stored.URL
}
