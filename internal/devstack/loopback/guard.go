package loopback

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Guard serves only who asks for this machine: a page elsewhere whose name was rebound to loopback (DNS
// rebinding) must not read or change anything through its visitor's browser. name is what is guarded, as the
// refusal calls it.
func Guard(name string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocalName(r.Host) {
			http.Error(w, fmt.Sprintf("%s answers to localhost and to IP addresses only", name), http.StatusMisdirectedRequest)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// isLocalName says whether a Host header is none that a name server could answer for: localhost, or an IP
// address.
func isLocalName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.EqualFold(host, "localhost") || net.ParseIP(strings.Trim(host, "[]")) != nil
}
