// Package provider is the contract between the sources of entities and the sweeps that read them. Each package
// below it reads one kind of source; package providertest has the tests that every one of them passes. A
// provider only reads: it stores nothing, and it decides about nothing that a sweep decides.
package provider

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/integration/hostevents"
)

// Provider reads one configured source of entities, page by page. It is safe for concurrent use and keeps no
// state between pages: another process may read the next one.
type Provider interface {
	// Name identifies the source in Backstage's form: "github-provider:acme". Its entities, its sweeps and its
	// schedule are found by this name; a provider with a new name is a new source.
	Name() string
	// ReadPage reads the page at a cursor, which is "" for the first page and otherwise the Next of the page
	// before. It returns the whole page or an error, never a part of a page: what a complete sweep did not
	// bring is removed from the catalog. The same cursor may be read again after a crash.
	//
	// After an error that may pass (integration.MayPass), such as a rate limit, the page is read again, as late as
	// the host asks for. Every other error ends the sweep, and it changes nothing.
	ReadPage(ctx context.Context, cursor string) (Page, error)
}

// Watcher is a Provider that knows which events of hosts may change what it emits.
type Watcher interface {
	Provider
	// Concerned reports whether an event may change what the source emits, so that it should be swept now. A push is
	// asked about only if nothing that is known was read from its files.
	Concerned(event hostevents.Event) bool
}

// Rereader is a Provider that need not read again what an earlier sweep has stored.
type Rereader interface {
	Provider
	// Reread is ReadPage where files are known. A file that has not changed since is on the page with its ETag and without
	// its body. The cursors are those of ReadPage.
	Reread(ctx context.Context, cursor string, known Known) (Page, error)
}

// Known tells the ETags of the files that earlier sweeps of a source have stored, by their URLs. A URL of which no file is
// stored is missing.
type Known func(ctx context.Context, urls []string) (map[string]string, error)

// Nothing is known.
func Nothing(context.Context, []string) (map[string]string, error) { return nil, nil }

// Page is a part of a source.
type Page struct {
	// Entities are what the source emits. An entity that two pages of one sweep bring counts once.
	Entities []Entity
	// Files are contents that the source has read along, so that processing need not read them again, and notes that there
	// is none.
	Files []File
	// Next is the cursor of the next page, "" after the last one. It is at most MaxCursor bytes long.
	Next string
	// Total is the number of entities of the whole source as far as it is known by now, 0 when unknown. It is
	// only shown.
	Total int
	// Requests is the number of requests that the page took.
	Requests int
	// Remarks say what the source left out although a person may expect it, such as an archived repository that
	// has a descriptor. They are shown with the sweep.
	Remarks []string
}

// maxRemarks bounds the remarks of a page.
const maxRemarks = 20

// Remark adds a remark to a page, unless it has many.
func (p *Page) Remark(format string, args ...any) {
	if len(p.Remarks) < maxRemarks {
		p.Remarks = append(p.Remarks, fmt.Sprintf(format, args...))
	}
}

// MaxCursor bounds a cursor, in bytes.
const MaxCursor = 4096

// Entity is an entity that a source emits.
type Entity struct {
	entity.Entity

	// Location is where the entity was found, for its annotations managed-by-location and managed-by-origin-location.
	// The provider makes it from what the source says, and never from what an author wrote.
	Location entity.LocationSpec
}

// File is the content of a file as the target of a Location names it.
type File struct {
	// URL is the target, letter by letter.
	URL string
	// ETag changes with the content; it is the hash of the blob where the source has one.
	ETag string
	// Body is nil for the content that is stored with this ETag, on a page of a Rereader. A file of which the source knows
	// that it does not exist is empty, with an ETag of its own: what is below its Location is the same.
	Body []byte
}

// absent is before the target of a note. It is no scheme of a URL that anybody reads.
const absent = "absent:"

// AbsentURL is the URL of a note that a file does not exist. It lets the next sweep of a Rereader know without asking. No Location
// has such a target.
func AbsentURL(target string) string { return absent + target }

// IsAbsentURL reports whether a URL is that of a note.
func IsAbsentURL(url string) bool { return strings.HasPrefix(url, absent) }

// Schedule says when a source is swept. The zero value means: by hand only.
type Schedule struct {
	// Every is the time from the start of one sweep to the start of the next; 0 with a Cron, or by hand only.
	Every time.Duration
	// Cron is a cron expression in UTC; "" without one.
	Cron string
	// InitialDelay is the time from the start of the process that first knows the source to its first sweep.
	InitialDelay time.Duration
	// Timeout bounds a sweep, without the time for which it waits for a person; 0 is an hour.
	Timeout time.Duration
}

// Source is a provider with its schedule.
type Source struct {
	Provider

	Schedule Schedule
	// Kind is the key below catalog.providers that configures it, such as "github".
	Kind string
	// Place is what a person recognizes it by, such as "github.com/acme".
	Place string
}
