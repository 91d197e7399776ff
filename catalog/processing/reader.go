package processing

import (
	"context"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
)

// Reader reads what locations and placeholders point at on hosts. *integration.Set is one; errors are shown
// to people as they are.
type Reader interface {
	// Search reads the files that a URL names: one, or all that match its wildcards. Nothing there is no
	// error but no file.
	Search(ctx context.Context, url string, options integration.ReadOptions) (integration.SearchResult, error)
	// ReadURL reads one file; one that is not there is a fault of kind NotFound.
	ReadURL(ctx context.Context, url string, options integration.ReadOptions) (integration.Result, error)
	// ResolveURL makes ref absolute, read as a link in the file at base, by the rules of base's host.
	ResolveURL(base, ref string) (string, error)
	// EditURL is the page on which the file at a URL is edited; there is none for hosts without an
	// integration and for commits.
	EditURL(url string) (string, bool)
	// SameRepository is false for two files that are seen to lie in different repositories.
	SameRepository(a, b string) bool
	// ByURL finds the integration of a URL's host.
	ByURL(url string) (integration.Host, bool)
}

// Files reads local files, for locations of type file. *integration.Files is one.
type Files interface {
	// Glob reads the files that a place names, whose path may have wildcards. No match is no error but no
	// file.
	Glob(ctx context.Context, at provenance.Place) ([]integration.LocalFile, error)
}
