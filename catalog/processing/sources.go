package processing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
)

const (
	// askTimeout bounds the conditional requests. After them, there must be time left to read everything.
	askTimeout = 10 * time.Second
	// maxETag bounds a stored etag, in bytes.
	maxETag = 500
)

// address is a file or pattern that the pipeline reads.
type address struct {
	URL string `json:"url"`
	// Search means that URL may be a pattern, and that no match is no error.
	Search bool `json:"search,omitempty"`
	// Local means that URL is the path of local files, which may be a pattern.
	Local bool `json:"local,omitempty"`
}

// reading is an address with the etag that its host returned.
type reading struct {
	address
	ETag string `json:"etag"`
}

// readings are all reads of one processing. The result is the same as long as the basis and every etag are.
type readings struct {
	// Basis is a hash of everything else on which the result depends.
	Basis    string    `json:"basis"`
	Readings []reading `json:"readings"`
}

// answer is a host's response for an address.
type answer struct {
	files []integration.File
	etag  string
	err   error
}

// sources reads files for one run of the pipeline and records the reads. It is safe for concurrent use.
type sources struct {
	reader Reader
	local  Files

	mutex sync.Mutex
	// asked holds the answers that the conditional requests returned.
	asked map[address]answer
	etags map[address]string
	// lasting is false after a read that returned no etag.
	lasting bool
}

func newSources(reader Reader, local Files) *sources {
	return &sources{reader: reader, local: local, asked: map[address]answer{}, etags: map[address]string{}, lasting: true}
}

// unchanged sends conditional requests for the last readings. It stops at the first change, and keeps that
// answer for the full run.
func (s *sources) unchanged(ctx context.Context, encoded json.RawMessage, basis func() (string, error)) (bool, error) {
	var last readings
	if len(encoded) == 0 || json.Unmarshal(encoded, &last) != nil {
		return false, nil
	}
	if now, err := basis(); err != nil || last.Basis != now {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxReads)
	for _, read := range last.Readings {
		group.Go(func() (err error) {
			defer fault.Recover(&err)
			return s.ask(ctx, read)
		})
	}
	return group.Wait() == nil, nil
}

var errChanged = errors.New("what was read has changed")

// ask returns nil when the content is unchanged.
func (s *sources) ask(ctx context.Context, read reading) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	answered := s.get(ctx, read)
	if errors.Is(answered.err, integration.ErrNotModified) {
		return nil
	}
	s.keep(ctx, read.address, answered)
	return errChanged
}

// keep stores an answer, unless its error is only that the context ended.
func (s *sources) keep(ctx context.Context, at address, answered answer) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if answered.err == nil || ctx.Err() == nil {
		s.asked[at] = answered
	}
}

func (s *sources) get(ctx context.Context, from reading) answer {
	options := integration.ReadOptions{ETag: from.ETag}
	if from.Local {
		return s.getLocal(ctx, from)
	}
	if from.Search {
		found, err := s.reader.Search(ctx, from.URL, options)
		return answer{files: found.Files, etag: found.ETag, err: err}
	}
	read, err := s.reader.ReadURL(ctx, from.URL, options)
	return answer{files: []integration.File{{URL: from.URL, Body: read.Body}}, etag: read.ETag, err: err}
}

// getLocal reads local files. Their etag is a hash of their paths and contents: to read and hash them costs little
// beside parsing them.
func (s *sources) getLocal(ctx context.Context, from reading) answer {
	if s.local == nil { // the configuration had directories when these were read
		return answer{err: errChanged}
	}
	found, err := s.local.Glob(ctx, provenance.Recorded(provenance.File+":"+from.URL))
	if err != nil {
		return answer{err: err}
	}
	digest, files := sha256.New(), make([]integration.File, len(found))
	for i, file := range found {
		fmt.Fprintf(digest, "%q %d\n", file.Path, len(file.Body))
		digest.Write(file.Body)
		files[i] = integration.File{URL: file.Path, Body: file.Body}
	}
	etag := hex.EncodeToString(digest.Sum(nil))
	if etag == from.ETag {
		return answer{etag: etag, err: integration.ErrNotModified}
	}
	return answer{files: files, etag: etag}
}

// localFiles reads the local files that a path names.
func (s *sources) localFiles(ctx context.Context, path string) ([]integration.File, error) {
	return s.read(ctx, address{URL: path, Local: true})
}

// search reads the files that a URL names.
func (s *sources) search(ctx context.Context, url string) ([]integration.File, error) {
	return s.read(ctx, address{URL: url, Search: true})
}

// file reads one file.
func (s *sources) file(ctx context.Context, url string) ([]byte, error) {
	files, err := s.read(ctx, address{URL: url})
	if err != nil {
		return nil, err
	}
	return files[0].Body, nil
}

func (s *sources) read(ctx context.Context, at address) ([]integration.File, error) {
	s.mutex.Lock()
	answered, known := s.asked[at]
	s.mutex.Unlock()
	if !known {
		answered = s.get(ctx, reading{address: at})
	}
	s.note(at, answered.etag)
	return answered.files, answered.err
}

// note records a read for the next conditional request. An address that was read twice with different etags
// cannot be asked again.
func (s *sources) note(at address, etag string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	before, again := s.etags[at]
	if etag == "" || len(etag) > maxETag || again && before != etag {
		s.lasting = false
	}
	s.etags[at] = etag
}

// urls are all URLs that were read, or that could not be. Local files have none.
func (s *sources) urls() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	urls := make([]string, 0, len(s.etags))
	for at := range s.etags {
		if !at.Local {
			urls = append(urls, at.URL)
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls)
}

// readings encodes the reads for the next run, nil when everything must be read again.
func (s *sources) readings(basis func() (string, error)) (json.RawMessage, error) {
	if !s.lasting || len(s.etags) == 0 {
		return nil, nil
	}
	now, err := basis()
	if err != nil {
		return nil, err
	}
	all := readings{Basis: now}
	for at, etag := range s.etags {
		all.Readings = append(all.Readings, reading{at, etag})
	}
	return json.Marshal(all)
}
