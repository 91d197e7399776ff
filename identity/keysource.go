package identity

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/portico-dev/portico/flight"
)

const (
	// keysFreshFor is how long keys are used before they are fetched again. A key that its issuer withdraws
	// is accepted for at most this long.
	keysFreshFor = 10 * time.Minute
	// keysUsableFor is how long keys are used while the issuer does not answer.
	keysUsableFor = time.Hour
	// keysInterval is the minimum time between two fetches, whatever keys the tokens name.
	keysInterval = 30 * time.Second
	// keysDeadline, maxKeySet and maxKeys bound one response: in time, in bytes and in keys.
	keysDeadline = 10 * time.Second
	maxKeySet    = 1 << 20
	maxKeys      = 100
)

// KeySource fetches and caches the key set at a URL. It is safe for concurrent use.
type KeySource struct {
	url string
	// issuer, when not empty, publishes the url: see NewIssuerKeys.
	issuer string
	client *http.Client
	log    *slog.Logger
	flight flight.Group[struct{}]

	mutex sync.Mutex
	keys  []jose.JSONWebKey
	// fetched is the time of the last successful fetch. asked is the time of the last attempt, and failed
	// whether it failed.
	fetched, asked time.Time
	failed         bool
}

// NewKeySource makes no request, and follows no redirect: keys come from the configured address only. A nil client
// is a new one, and a nil log slog's default.
func NewKeySource(url string, client *http.Client, log *slog.Logger) *KeySource {
	own := *cmp.Or(client, &http.Client{})
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &KeySource{url: url, client: &own, log: cmp.Or(log, slog.Default())}
}

// NewIssuerKeys is a KeySource for an issuer who publishes where the keys are (OpenID Connect Discovery).
func NewIssuerKeys(issuer string, client *http.Client, log *slog.Logger) *KeySource {
	source := NewKeySource(strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", client, log)
	source.issuer = issuer
	return source
}

// ErrNoKeys is the error of a KeySource whose keys are unavailable now.
var ErrNoKeys = errors.New("the keys could not be fetched")

// Find returns the keys for an algorithm with an id, or all of them for "". An unknown id may be a new key's:
// Find fetches the set again, but not more often than keysInterval. ErrNoKeys means that the keys are
// unavailable now; the log has the cause.
func (s *KeySource) Find(ctx context.Context, algorithm, id string) ([]any, error) {
	if found, settled, err := s.look(algorithm, id); settled {
		return found, err
	}
	if _, err := s.flight.Do(ctx, "", keysDeadline, func(ctx context.Context) (struct{}, error) {
		s.refresh(ctx)
		return struct{}{}, nil
	}); err != nil {
		return nil, err
	}
	found, _, err := s.look(algorithm, id)
	return found, err
}

// look searches the cached keys. settled is false when a fetch may find better ones.
func (s *KeySource) look(algorithm, id string) (found []any, settled bool, err error) {
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
		return nil, true, ErrNoKeys
	default:
		return nil, true, nil
	}
}

// refresh fetches the keys. It logs a failure itself, because its many callers only learn that there are no
// keys.
func (s *KeySource) refresh(ctx context.Context) {
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

func (s *KeySource) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	content, err := s.get(ctx, s.url)
	if err != nil {
		return nil, err
	}
	if s.issuer != "" {
		address, err := keysAddress(content, s.issuer)
		if err != nil {
			return nil, err
		}
		if content, err = s.get(ctx, address); err != nil {
			return nil, err
		}
	}
	return parseKeySet(content)
}

func (s *KeySource) get(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
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
		return nil, fmt.Errorf("%s answered %s", address, response.Status)
	}
	content, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, maxKeySet))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", address, err)
	}
	return content, nil
}

// keysAddress reads the address of the keys in an issuer's configuration. Keys of an issuer at https are not
// taken from elsewhere by http.
func keysAddress(configuration []byte, issuer string) (string, error) {
	var published struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(configuration, &published); err != nil {
		return "", fmt.Errorf("the configuration of %s: %w", issuer, err)
	}
	if published.Issuer != issuer {
		return "", fmt.Errorf("the configuration of %s is of the issuer %q", issuer, published.Issuer)
	}
	if !strings.HasPrefix(published.Keys, "https://") && strings.HasPrefix(issuer, "https://") {
		return "", fmt.Errorf("the configuration of %s has its keys at %q, which is not https", issuer, published.Keys)
	}
	return published.Keys, nil
}

// parseKeySet reads the public signature keys of a set. It skips keys of unknown types (RFC 7517, section 5).
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
