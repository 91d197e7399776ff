package integration

import (
	"cmp"
	"net/http"
)

// Options are the settings of a Set.
type Options struct {
	// ReadingAllow is backend.reading.allow: what may be read from hosts without an integration. Nil allows
	// nothing.
	ReadingAllow []AllowRule
	// Transport carries the requests to hosts without an integration; nil is NewTransport's.
	Transport http.RoundTripper
	// Limits bound reads; zero fields have defaults.
	Limits Limits
}

// Limits bound one call.
type Limits struct {
	// FileBytes bounds one file, 10 MiB by default.
	FileBytes int64
	// TreeBytes and TreeFiles bound a repository's archive unpacked, 512 MiB and 50,000 by default.
	TreeBytes int64
	TreeFiles int
	// SearchFiles and SearchBytes bound the matches of a glob, 1,000 files and 64 MiB by default.
	SearchFiles int
	SearchBytes int64
}

func (l Limits) withDefaults() Limits {
	return Limits{
		FileBytes:   cmp.Or(l.FileBytes, 10<<20),
		TreeBytes:   cmp.Or(l.TreeBytes, 512<<20),
		TreeFiles:   cmp.Or(l.TreeFiles, 50_000),
		SearchFiles: cmp.Or(l.SearchFiles, 1_000),
		SearchBytes: cmp.Or(l.SearchBytes, 64<<20),
	}
}
