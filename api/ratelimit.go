package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// RateLimit is how many requests of one address are served in a window: backend.rateLimit. A window begins with
// the first request.
type RateLimit struct {
	Window   time.Duration
	Requests int
	// Exempt are the addresses without a limit.
	Exempt []netip.Addr
	// SkipSuccessful and SkipFailed do not count requests that end with a status below 400, or with another.
	SkipSuccessful, SkipFailed bool
}

// skips reports whether a request with this answer does not count.
func (l RateLimit) skips(status int) bool {
	if status < http.StatusBadRequest {
		return l.SkipSuccessful
	}
	return l.SkipFailed
}

// windows count the requests of addresses. It is safe for concurrent use.
type windows struct {
	RateLimit

	mutex     sync.Mutex
	byAddress map[string]*window
}

type window struct {
	ends    time.Time
	counted int
}

func newWindows(limit RateLimit) *windows {
	return &windows{RateLimit: limit, byAddress: map[string]*window{}}
}

// take counts a request of an address. It returns the address's window, and how many requests are left in it:
// fewer than none for one too many.
func (w *windows) take(address string) (current *window, left int) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	now := time.Now()
	current, known := w.byAddress[address]
	if !known && len(w.byAddress) >= maxBuckets {
		w.forget(now)
	}
	if !known && len(w.byAddress) >= maxBuckets {
		address, current = "", w.byAddress[""] // all further ones share it
	}
	if current == nil || !now.Before(current.ends) {
		current = &window{ends: now.Add(w.Window)}
		w.byAddress[address] = current
	}
	current.counted++
	return current, w.Requests - current.counted
}

// giveBack no longer counts a request.
func (w *windows) giveBack(of *window) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	of.counted--
}

// forget drops the windows that have ended.
func (w *windows) forget(now time.Time) {
	for address, one := range w.byAddress {
		if !now.Before(one.ends) {
			delete(w.byAddress, address)
		}
	}
}

// isExempt reports whether the sender of a request has no limit.
func (w *windows) isExempt(r *http.Request) bool {
	address, err := netip.ParseAddr(remoteHost(r))
	return err == nil && slices.Contains(w.Exempt, address.Unmap())
}

// rateLimit refuses the requests of an address that has sent too many to a plugin, or to all for "". Probes are not
// counted: a limit must not end the process.
func (s *Server) rateLimit(plugin string, limit RateLimit) gin.HandlerFunc {
	counted, below := newWindows(limit), "/api/"+plugin+"/"
	return func(c *gin.Context) {
		path := c.Request.URL.Path
		isOther := plugin != "" && !strings.HasPrefix(path+"/", below)
		if isOther || strings.HasPrefix(path, probePrefix) || counted.isExempt(c.Request) {
			c.Next()
			return
		}
		current, left := counted.take(sourceAddress(c.Request))
		defer func() {
			if limit.skips(c.Writer.Status()) {
				counted.giveBack(current)
			}
		}()
		c.Header("X-RateLimit-Limit", strconv.Itoa(limit.Requests))
		c.Header("X-RateLimit-Remaining", strconv.Itoa(max(0, left)))
		c.Header("X-RateLimit-Reset", strconv.FormatInt(current.ends.Unix(), 10))
		if left < 0 {
			s.fail(&call{Context: c}, "", tooManyRequests(max(time.Second, time.Until(current.ends)), "Too many requests, please try again later"))
			c.Abort()
			return
		}
		c.Next()
	}
}
