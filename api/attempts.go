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

const (
	// maxAddresses bounds the source addresses that are tracked. The addresses beyond it share one allowance.
	maxAddresses = 10_000
	// maxGoodTokens bounds the valid tokens that are remembered.
	maxGoodTokens = 1000
)

// tokenAttempts counts the wrong tokens of each source address, to prevent guessing. An address that has used
// up its allowance for a minute is refused without checking the token. Tokens that were valid before, and
// signed tokens, are always checked. It is safe for concurrent use.
type tokenAttempts struct {
	perMinute int
	log       *slog.Logger

	mutex     sync.Mutex
	addresses map[string]*allowance
	good      map[[sha256.Size]byte]struct{}
}

// allowance is the number of wrong tokens that an address has left; it refills over time.
type allowance struct {
	left float64
	at   time.Time
	// logged means that the log has recorded its end.
	logged bool
}

func newTokenAttempts(perMinute int, log *slog.Logger) *tokenAttempts {
	return &tokenAttempts{perMinute: perMinute, log: log, addresses: map[string]*allowance{}, good: map[[sha256.Size]byte]struct{}{}}
}

// tooMany returns the refusal of an address without an allowance; nil lets the request continue.
func (a *tokenAttempts) tooMany(r *http.Request, token string) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if _, known := a.good[sha256.Sum256([]byte(token))]; known || isSigned(token) {
		return nil
	}
	return a.refusal(a.of(sourceAddress(r)))
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
	a.mutex.Lock()
	defer a.mutex.Unlock()
	address := sourceAddress(r)
	left := a.of(address)
	if err := a.refusal(left); err != nil {
		if !left.logged {
			a.log.WarnContext(r.Context(), "too many wrong tokens: the address is refused for a while", "address", address)
			left.logged = true
		}
		return err
	}
	left.left--
	a.log.WarnContext(r.Context(), "a wrong token was refused", "address", address, "method", r.Method, "path", r.URL.Path)
	return nil
}

// of returns the current allowance of an address.
func (a *tokenAttempts) of(address string) *allowance {
	left, known := a.addresses[address]
	if !known {
		if len(a.addresses) >= maxAddresses {
			a.forget()
		}
		if len(a.addresses) >= maxAddresses {
			address = ""
		}
		if left, known = a.addresses[address]; !known {
			left = &allowance{left: float64(a.perMinute), at: time.Now()}
			a.addresses[address] = left
		}
	}
	a.grow(left)
	return left
}

func (a *tokenAttempts) grow(left *allowance) {
	now := time.Now()
	left.left = min(float64(a.perMinute), left.left+now.Sub(left.at).Minutes()*float64(a.perMinute))
	left.at = now
	if left.left >= float64(a.perMinute) {
		left.logged = false
	}
}

// forget drops the addresses whose allowance is full again.
func (a *tokenAttempts) forget() {
	for address, left := range a.addresses {
		if a.grow(left); left.left >= float64(a.perMinute) {
			delete(a.addresses, address)
		}
	}
}

func (a *tokenAttempts) refusal(left *allowance) error {
	if left.left >= 1 {
		return nil
	}
	wait := time.Duration((1 - left.left) / float64(a.perMinute) * float64(time.Minute))
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
