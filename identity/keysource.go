package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

const (
	// keysFreshFor is how long keys are used before they are asked for again: that long lives a key that its
	// issuer withdrew.
	keysFreshFor = 10 * time.Minute
	// keysUsableFor is how long they are used while the issuer does not answer.
	keysUsableFor = time.Hour
	// keysInterval is the shortest time between two questions, whatever keys the tokens name.
	keysInterval = 30 * time.Second
	// keysDeadline, maxKeySet and maxKeys bound one answer: in time, in bytes and in keys.
	keysDeadline = 10 * time.Second
	maxKeySet    = 1 << 20
	maxKeys      = 100
)

// keySource fetches a key set and keeps it. It is safe for concurrent use.
type keySource struct {
	url    string
	client *http.Client
	log    *slog.Logger
	flight singleflight.Group

	mutex sync.Mutex
	keys  []jose.JSONWebKey
	// fetched is when the keys came; asked is when they were last asked for, and failed that none came then.
	fetched, asked time.Time
	failed         bool
}

var errNoKeys = errors.New("the keys could not be fetched")

// find gives the keys for an algorithm with an id, or with any for "". An id that is not known may be a new
// key's: the set is fetched again, but not more often than the interval allows. errNoKeys says that it cannot
// be told now whether there is such a key; the log says why.
func (s *keySource) find(ctx context.Context, algorithm, id string) ([]any, error) {
	if found, settled, err := s.look(algorithm, id); settled {
		return found, err
	}
	refreshed := s.flight.DoChan("", func() (any, error) {
		// Others may wait for the keys too, so they come whether or not this caller stays.
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), keysDeadline)
		defer cancel()
		s.refresh(bounded)
		return nil, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-refreshed:
	}
	found, _, err := s.look(algorithm, id)
	return found, err
}

// look finds among the keys that are there. It is not settled when the issuer may be asked for better ones.
func (s *keySource) look(algorithm, id string) (found []any, settled bool, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	age := time.Since(s.fetched)
	for _, key := range s.keys {
		if age < keysUsableFor && (id == "" || key.KeyID == id) && (key.Algorithm == "" || key.Algorithm == algorithm) {
			found = append(found, key.Key)
		}
	}
	switch {
	case len(found) > 0 && age < keysFreshFor:
		return found, true, nil
	case time.Since(s.asked) >= keysInterval:
		return nil, false, nil
	case len(found) > 0:
		return found, true, nil
	case s.failed:
		return nil, true, errNoKeys
	default:
		return nil, true, nil
	}
}

// refresh asks the issuer. It logs its failure itself: those who wait are told no more than that there are no
// keys, and they may be many.
func (s *keySource) refresh(ctx context.Context) {
	keys, err := s.fetch(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "the keys that tokens are checked with could not be fetched", "url", s.url, "error", err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.asked, s.failed = time.Now(), err != nil
	if err == nil {
		s.keys, s.fetched = keys, s.asked
	}
}

func (s *keySource) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", s.url, response.Status)
	}
	content, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, maxKeySet))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.url, err)
	}
	return parseKeySet(content)
}

// parseKeySet reads the public keys for signatures out of a set. Keys of kinds that are not known are passed
// over (RFC 7517, 5).
func parseKeySet(content []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(content, &set); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("key set: it has more than %d keys", maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, encoded := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(encoded) == nil && key.IsPublic() && (key.Use == "" || key.Use == "sig") {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
