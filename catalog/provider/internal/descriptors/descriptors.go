// Package descriptors reads the descriptors of a page of repositories, for sources on hosts that answer for one file at a
// time. A repository that has not changed since the last sweep takes no request. How a file is read is the matter of the source, and
// so is the proof that there is none.
package descriptors

import (
	"context"
	"hash/crc32"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/provenance"
)

const (
	// MaxFile bounds a descriptor that is read along, in bytes. Processing reads larger ones itself.
	MaxFile = 256 << 10
	// maxFiles bounds the files of a page, in bytes.
	maxFiles = 8 << 20
	// readers is how many files are read at the same time.
	readers = 5
	// settled is how long ago a repository must have changed to be known by the time of its change: hosts tell it to the second,
	// and another change may come within it.
	settled = time.Minute
)

// Repository is a repository that may have a descriptor.
type Repository struct {
	// Target is the URL of the descriptor.
	Target string
	// State changes when anything in the repository does. "" means that the host does not say, so that it is read each time.
	State string
	// Presence and Annotations are those of the Location.
	Presence    string
	Annotations map[string]string
}

// Content is what a source has read.
type Content struct {
	// IsAbsent means that the host has shown that there is no such file.
	IsAbsent bool
	// Hash changes with the content.
	Hash string
	// Body is nil for a file that is not read along.
	Body []byte
}

// Options say how the descriptors of a page are read.
type Options struct {
	Known provider.Known
	// Trust bounds the time for which a repository whose state has not changed is not read. 0 is no bound.
	Trust time.Duration
	// Read reads the descriptor of the repository of a number. An error ends the reading of the page.
	Read func(ctx context.Context, n int) (Content, error)
}

// StateOf is the state of a repository that has changed last at a time. now is the time by the host's clock; the zero time is unknown.
func StateOf(branch string, changed, now time.Time) string {
	if changed.IsZero() || now.IsZero() || now.Sub(changed) < settled {
		return ""
	}
	return changed.UTC().Format(time.RFC3339Nano) + "@" + branch
}

// Add adds the descriptors of repositories to a page, in their order.
func Add(ctx context.Context, page *provider.Page, repositories []Repository, options Options) error {
	known, err := options.Known(ctx, urlsOf(repositories))
	if err != nil {
		return err
	}
	found := make([]result, len(repositories))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for n, one := range repositories {
		if found[n] = options.knownOf(one, known); found[n].isKnown {
			continue
		}
		group.Go(func() (err error) {
			defer fault.Recover(&err)
			content, err := options.Read(ctx, n)
			found[n] = options.resultOf(one, content)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	size := 0
	for n, one := range repositories {
		if size += len(found[n].file.Body); size > maxFiles {
			found[n].file = provider.File{}
		}
		found[n].addTo(page, one)
	}
	return nil
}

// urlsOf are the URLs by which repositories are known.
func urlsOf(repositories []Repository) []string {
	urls := make([]string, 0, 2*len(repositories))
	for _, one := range repositories {
		if one.State != "" {
			urls = append(urls, one.Target, provider.AbsentURL(one.Target))
		}
	}
	return urls
}

// result is what is known of a descriptor.
type result struct {
	exists, isKnown bool
	// file is stored; one without a URL is not.
	file provider.File
}

// separator is between the state of a repository and the hash of a file, which are its ETag.
const separator = " "

// knownOf is what an earlier sweep has stored of a repository that has not changed.
func (o Options) knownOf(one Repository, known map[string]string) result {
	if one.State == "" {
		return result{}
	}
	if etag := known[one.Target]; strings.HasPrefix(etag, o.state(one)+separator) {
		return result{exists: true, isKnown: true, file: provider.File{URL: one.Target, ETag: etag}}
	}
	note := provider.AbsentURL(one.Target)
	if etag := known[note]; etag == o.state(one) {
		return result{isKnown: true, file: provider.File{URL: note, ETag: etag, Body: []byte{}}}
	}
	return result{}
}

// state is the state of a repository, and the number of times for which it is trusted since 1970. These begin at another moment for
// each repository, so that not all are read again at once.
func (o Options) state(one Repository) string {
	if o.Trust == 0 {
		return one.State
	}
	begins := time.Duration(float64(crc32.ChecksumIEEE([]byte(one.Target))) / math.MaxUint32 * float64(o.Trust))
	return one.State + "#" + strconv.FormatInt(time.Now().Add(begins).Unix()/int64(o.Trust/time.Second), 10)
}

func (o Options) resultOf(one Repository, content Content) result {
	made, etag := result{exists: !content.IsAbsent}, content.Hash
	if one.State != "" {
		etag = o.state(one) + separator + content.Hash
	}
	switch {
	case made.exists && content.Body != nil && len(content.Body) <= MaxFile:
		made.file = provider.File{URL: one.Target, ETag: etag, Body: content.Body}
	case !made.exists && one.State != "":
		made.file = provider.File{URL: provider.AbsentURL(one.Target), ETag: o.state(one), Body: []byte{}}
	}
	return made
}

func (r result) addTo(page *provider.Page, one Repository) {
	if r.exists {
		spec := entity.LocationSpec{Type: provenance.URL, Target: one.Target, Presence: one.Presence}
		location := entity.LocationEntity(spec)
		for name, value := range one.Annotations {
			location.SetAnnotation(name, value)
		}
		page.Entities = append(page.Entities, provider.Entity{Entity: location, Location: spec})
	}
	if r.file.URL != "" {
		page.Files = append(page.Files, r.file)
	}
}
