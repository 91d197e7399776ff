package proxy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/portico-dev/portico/flight"
)

const (
	// keyFreshFor is how long a key is used before it is fetched again, and keyUsableFor how long while its
	// address does not answer.
	keyFreshFor  = time.Hour
	keyUsableFor = 2 * time.Hour
	// keyDeadline and maxKeyFile bound one fetch, in time and bytes. maxKeyFiles is how many keys are kept.
	keyDeadline = 10 * time.Second
	maxKeyFile  = 16 << 10
	maxKeyFiles = 32
	// keyFetches bounds the fetches within keyFetchInterval: anybody can name keys.
	keyFetches       = 10
	keyFetchInterval = 10 * time.Second
)

// keyFiles fetches and keeps public keys for ES256, each of which is a PEM file with the key's id as its name.
// It is safe for concurrent use.
type keyFiles struct {
	url    string
	client *http.Client
	limit  *rate.Limiter
	flight flight.Group[*ecdsa.PublicKey]

	mutex sync.Mutex
	kept  map[string]keptKey
}

type keptKey struct {
	key     *ecdsa.PublicKey
	fetched time.Time
}

func newKeyFiles(url string, client *http.Client) *keyFiles {
	limit := rate.NewLimiter(rate.Every(keyFetchInterval/keyFetches), keyFetches)
	return &keyFiles{url: url, client: client, limit: limit, kept: map[string]keptKey{}}
}

// keyFileName is the form of a key's id. Anything else could be another path, or another host's.
var keyFileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,99}$`)

// errTooManyKeys is the error for an unknown key when too many were asked for.
var errTooManyKeys = errors.New("too many unknown keys were named")

// find returns the key with this id, nil if there is none.
func (f *keyFiles) find(ctx context.Context, id string) (*ecdsa.PublicKey, error) {
	if !keyFileName.MatchString(id) {
		return nil, nil
	}
	f.mutex.Lock()
	kept, known := f.kept[id]
	f.mutex.Unlock()
	age := time.Since(kept.fetched)
	if known && age < keyFreshFor {
		return kept.key, nil
	}
	key, err := f.flight.Do(ctx, id, keyDeadline, func(ctx context.Context) (*ecdsa.PublicKey, error) {
		if !f.limit.Allow() {
			return nil, errTooManyKeys
		}
		key, err := f.fetch(ctx, id)
		if err == nil {
			f.keep(id, key)
		}
		return key, err
	})
	if err != nil && known && age < keyUsableFor {
		return kept.key, nil
	}
	return key, err
}

// keep keeps a key, or forgets one that was withdrawn. A full store forgets the oldest.
func (f *keyFiles) keep(id string, key *ecdsa.PublicKey) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	delete(f.kept, id)
	if key == nil {
		return
	}
	if len(f.kept) >= maxKeyFiles {
		oldest := ""
		for other, kept := range f.kept {
			if oldest == "" || kept.fetched.Before(f.kept[oldest].fetched) {
				oldest = other
			}
		}
		delete(f.kept, oldest)
	}
	f.kept[id] = keptKey{key, time.Now()}
}

// fetch returns nil if there is no such key: the store answers 403 or 404 then.
func (f *keyFiles) fetch(ctx context.Context, id string) (*ecdsa.PublicKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+id, nil)
	if err != nil {
		return nil, err
	}
	response, err := f.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusForbidden, http.StatusNotFound:
		return nil, nil
	default:
		return nil, fmt.Errorf("the address of the key answered %s", response.Status)
	}
	content, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("read a key: %w", err)
	}
	return parseKeyFile(content)
}

func parseKeyFile(content []byte) (*ecdsa.PublicKey, error) {
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, errors.New("the key is not in PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read a key: %w", err)
	}
	key, is := parsed.(*ecdsa.PublicKey)
	if !is || key.Curve != elliptic.P256() {
		return nil, errors.New("the key is none for ES256")
	}
	return key, nil
}
