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
	// maxAddresses bounds how many source addresses are remembered; those beyond share what one has.
	maxAddresses = 10_000
	// maxGoodTokens bounds how many tokens are remembered that were right.
	maxGoodTokens = 1000
)

// tokenAttempts counts the wrong tokens of each source address, so that nobody tries tokens until one is
// right. Whoever has used up what there is for a minute is refused without a look at the token, unless it was
// right before, or is one that cannot be guessed. It is safe for concurrent use.
type tokenAttempts struct {
	perMinute int
	log       *slog.Logger

	mutex     sync.Mutex
	addresses map[string]*allowance
	good      map[[sha256.Size]byte]struct{}
}

// allowance is how many wrong tokens an address has left; it grows with time.
type allowance struct {
	left float64
	at   time.Time
	// told says that the log knows that it is used up.
	told bool
}

func newTokenAttempts(perMinute int, log *slog.Logger) *tokenAttempts {
	return &tokenAttempts{perMinute: perMinute, log: log, addresses: map[string]*allowance{}, good: map[[sha256.Size]byte]struct{}{}}
}

// tooMany is the refusal of a request whose token need not be looked at; nil lets it go on.
func (a *tokenAttempts) tooMany(r *http.Request, token string) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if _, known := a.good[sha256.Sum256([]byte(token))]; known || isSigned(token) {
		return nil
	}
	return a.refusal(a.of(sourceAddress(r)))
}

// right remembers a token that was right. One that is signed need not be remembered: it is always looked at.
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

// wrong counts a wrong token, and says so in the log. It gives the refusal when there were too many.
func (a *tokenAttempts) wrong(r *http.Request) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	address := sourceAddress(r)
	left := a.of(address)
	if err := a.refusal(left); err != nil {
		if !left.told {
			a.log.WarnContext(r.Context(), "too many wrong tokens: the address is refused for a while", "address", address)
			left.told = true
		}
		return err
	}
	left.left--
	a.log.WarnContext(r.Context(), "a wrong token was refused", "address", address, "method", r.Method, "path", r.URL.Path)
	return nil
}

// of is what an address has left now.
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
		left.told = false
	}
}

// forget drops the addresses that have all again.
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

// isSigned says whether a token is a JWT: who does not have the key guesses none, however often.
func isSigned(token string) bool {
	return strings.HasPrefix(token, "eyJ") && strings.Count(token, ".") == 2
}

// sourceAddress is who is connected: an IPv4 address, or the network of an IPv6 address, of which anybody has
// as many as they like.
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
