package api

import (
	"crypto/sha256"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// maxGoodTokens bounds the valid tokens that are remembered.
const maxGoodTokens = 1000

// tokenAttempts counts the wrong tokens of each source address, to prevent guessing. An address that has sent
// too many in a minute is refused without checking the token. Tokens that were valid before, and signed tokens,
// are always checked. It is safe for concurrent use.
type tokenAttempts struct {
	log       *slog.Logger
	addresses *buckets

	mutex sync.Mutex
	good  map[[sha256.Size]byte]struct{}
}

func newTokenAttempts(perMinute int, log *slog.Logger) *tokenAttempts {
	return &tokenAttempts{log: log, addresses: newBuckets(perMinute), good: map[[sha256.Size]byte]struct{}{}}
}

// tooMany returns the refusal of an address that has sent too many wrong tokens; nil lets the request continue.
func (a *tokenAttempts) tooMany(r *http.Request, token string) error {
	if isSigned(token) || a.isGood(token) {
		return nil
	}
	return tooManyWrong(a.addresses.wait(sourceAddress(r)))
}

func (a *tokenAttempts) isGood(token string) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	_, known := a.good[sha256.Sum256([]byte(token))]
	return known
}

// right remembers a valid token. Signed tokens need not be remembered, because they are always checked.
func (a *tokenAttempts) right(token string) {
	if isSigned(token) {
		return
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if len(a.good) >= maxGoodTokens {
		clear(a.good)
	}
	a.good[sha256.Sum256([]byte(token))] = struct{}{}
}

// wrong counts and logs a wrong token. It returns the refusal when there were too many.
func (a *tokenAttempts) wrong(r *http.Request) error {
	address := sourceAddress(r)
	wait, isNew := a.addresses.take(address)
	switch {
	case isNew:
		a.log.WarnContext(r.Context(), "too many wrong tokens: the address is refused for a while", "address", address)
	case wait == 0:
		a.log.WarnContext(r.Context(), "a wrong token was refused", "address", address, "method", r.Method, "path", r.URL.Path)
	}
	return tooManyWrong(wait)
}

func tooManyWrong(wait time.Duration) error {
	if wait == 0 {
		return nil
	}
	return tooManyRequests(wait, "Too many wrong tokens came from your address. Try again later")
}

// isSigned reports whether a token is a JWT, which cannot be guessed without the key.
func isSigned(token string) bool {
	return strings.HasPrefix(token, "eyJ") && strings.Count(token, ".") == 2
}

// sourceAddress is the client's IPv4 address, or its IPv6 network, because one client has many IPv6
// addresses.
func sourceAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address, err := netip.ParseAddr(host)
	if err != nil || address.Unmap().Is4() {
		return host
	}
	network, err := address.WithZone("").Prefix(64)
	if err != nil {
		return host
	}
	return network.String()
}
