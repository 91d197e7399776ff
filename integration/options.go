package integration

import (
	"cmp"
	"net/http"
)

// Options are what a Set needs beside the hosts.
type Options struct {
	// ReadingAllow is backend.reading.allow: what may be read beside the integrations' hosts. Nil allows
	// nothing.
	ReadingAllow []AllowRule
	// Transport carries the requests to hosts that are no integration; nil is NewTransport's.
	Transport http.RoundTripper
	// Limits bound what is read; what is zero has its default.
	Limits Limits
}

// Limits bound what one call may read.
type Limits struct {
	// FileBytes bounds one file, 10 MiB by default.
	FileBytes int64
	// TreeBytes and TreeFiles bound a repository's archive unpacked, 512 MiB and 50,000 by default.
	TreeBytes int64
	TreeFiles int
	// SearchFiles and SearchBytes bound what a glob may find, 1,000 files and 64 MiB by default.
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
