package api

import (
	"net"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"
)

// Proxies are the reverse proxies whose X-Forwarded-For and X-Forwarded-Proto count: backend.trustProxy. The
// zero value trusts nobody.
type Proxies struct {
	// Hops is how many proxies every request passes, whatever their addresses.
	Hops int
	// Networks are the addresses of the proxies.
	Networks []netip.Prefix
}

// trusts reports whether the sender of a request is a proxy. The other end of the connection is hop 0, and the
// last address of X-Forwarded-For is hop 1.
func (p Proxies) trusts(address string, hop int) bool {
	if hop < p.Hops {
		return true
	}
	parsed, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	for _, network := range p.Networks {
		if network.Contains(parsed.Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// client is the address of the sender behind the proxies: the last one that is no proxy. Whoever sends a
// request can write what they like at the beginning of X-Forwarded-For.
func (p Proxies) client(peer string, forwarded []string) string {
	client, senders := peer, strings.Split(strings.Join(forwarded, ","), ",")
	for hop := 0; hop < len(senders) && p.trusts(client, hop); hop++ {
		sender := strings.TrimSpace(senders[len(senders)-1-hop])
		if _, err := netip.ParseAddr(sender); err != nil {
			break
		}
		client = sender
	}
	return client
}

// resolve makes the remote address of a request the one behind the proxies, and removes the headers of a sender
// that is no proxy, so that everything behind can rely on both.
func (p Proxies) resolve(c *gin.Context) {
	const scheme = "X-Forwarded-Proto"
	peer, port, err := net.SplitHostPort(c.Request.RemoteAddr)
	if err != nil || !p.trusts(peer, 0) {
		c.Request.Header.Del(scheme)
		c.Next()
		return
	}
	c.Request.RemoteAddr = net.JoinHostPort(p.client(peer, c.Request.Header.Values("X-Forwarded-For")), port)
	c.Next()
}

// isSecure reports whether the browser sent a request over TLS, to this server or to a proxy.
func isSecure(c *gin.Context) bool {
	scheme, _, _ := strings.Cut(c.GetHeader("X-Forwarded-Proto"), ",")
	return c.Request.TLS != nil || strings.EqualFold(strings.TrimSpace(scheme), "https")
}
