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
	// address does not answer. keyRetryInterval is the time between two attempts to fetch one again.
	keyFreshFor      = time.Hour
	keyUsableFor     = 2 * time.Hour
	keyRetryInterval = 10 * time.Second
	// keyDeadline and maxKeyFile bound one fetch, in time and bytes. maxKeyFiles is how many keys are kept.
	keyDeadline = 10 * time.Second
	maxKeyFile  = 16 << 10
	maxKeyFiles = 32
	// keyFetches bounds the fetches of unknown keys within keyFetchInterval: anybody can name keys.
	keyFetches       = 10
	keyFetchInterval = 10 * time.Second
)

// keyFiles fetches and keeps public keys for ES256, each of which is a PEM file with the key's id as its name. It
// keeps those that have signed something only, and fetches them again whatever other keys are named.
// It is safe for concurrent use.
type keyFiles struct {
	url    string
	client *http.Client
	now    func() time.Time
	limit  *rate.Limiter
	flight flight.Group[*ecdsa.PublicKey]

	mutex sync.Mutex
	kept  map[string]keptKey
}

type keptKey struct {
	key     *ecdsa.PublicKey
	fetched time.Time
	// due is when the key is fetched again.
	due time.Time
}

func newKeyFiles(url string, client *http.Client, now func() time.Time) *keyFiles {
	limit := rate.NewLimiter(rate.Every(keyFetchInterval/keyFetches), keyFetches)
	return &keyFiles{url: url, client: client, now: now, limit: limit, kept: map[string]keptKey{}}
}

// keyFileName is the form of a key's id. Anything else could be another path, or another host's.
var keyFileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,99}$`)

// The errors for a key that is not fetched now.
var (
	errTooManyKeys = errors.New("too many unknown keys were named")
	errAskedBefore = errors.New("the address of the key did not answer a moment ago")
)

// find returns the key with this id, nil if there is none.
func (f *keyFiles) find(ctx context.Context, id string) (*ecdsa.PublicKey, error) {
	if !keyFileName.MatchString(id) {
		return nil, nil
	}
	if key, isDue := f.usable(id); key != nil && !isDue {
		return key, nil
	}
	key, err := f.flight.Do(ctx, id, keyDeadline, func(ctx context.Context) (*ecdsa.PublicKey, error) { return f.refresh(ctx, id) })
	if err != nil {
		if kept, _ := f.usable(id); kept != nil {
			return kept, nil
		}
	}
	return key, err
}

// usable returns a kept key, nil if there is none or if its address has not answered for too long. isDue says that it
// must be fetched again.
func (f *keyFiles) usable(id string) (key *ecdsa.PublicKey, isDue bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	kept, known := f.kept[id]
	if !known || f.now().Sub(kept.fetched) >= keyUsableFor {
		return nil, true
	}
	return kept.key, !f.now().Before(kept.due)
}

// refresh fetches a key. One that is kept is replaced, or forgotten if it was withdrawn.
func (f *keyFiles) refresh(ctx context.Context, id string) (*ecdsa.PublicKey, error) {
	if err := f.admit(id); err != nil {
		return nil, err
	}
	key, err := f.fetch(ctx, id)
	if err != nil {
		return nil, err
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if _, known := f.kept[id]; known {
		delete(f.kept, id)
		f.store(id, key)
	}
	return key, nil
}

// admit decides whether a key is fetched now. Each kept key has its own turn, so that nobody who invents names can
// keep it from being fetched again.
func (f *keyFiles) admit(id string) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	kept, known := f.kept[id]
	switch {
	case !known && !f.limit.AllowN(f.now(), 1):
		return errTooManyKeys
	case !known:
		return nil
	case f.now().Before(kept.due):
		return errAskedBefore
	}
	kept.due = f.now().Add(keyRetryInterval)
	f.kept[id] = kept
	return nil
}

// keep keeps a key that has signed something: others could displace it.
func (f *keyFiles) keep(id string, key *ecdsa.PublicKey) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if _, known := f.kept[id]; !known {
		f.store(id, key)
	}
}

// store needs the lock. A full store forgets the oldest key.
func (f *keyFiles) store(id string, key *ecdsa.PublicKey) {
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
	f.kept[id] = keptKey{key: key, fetched: f.now(), due: f.now().Add(keyFreshFor)}
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
