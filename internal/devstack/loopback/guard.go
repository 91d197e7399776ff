package loopback

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Guard accepts only requests with a local Host header, against DNS rebinding: a page elsewhere whose name
// was rebound to loopback must not read or change anything through its visitor's browser. The refusal calls
// the server name.
func Guard(name string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocalName(r.Host) {
			http.Error(w, fmt.Sprintf("%s answers to localhost and to IP addresses only", name), http.StatusMisdirectedRequest)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// isLocalName reports whether a Host header is localhost or an IP address, which no name server can rebind.
func isLocalName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.EqualFold(host, "localhost") || net.ParseIP(strings.Trim(host, "[]")) != nil
}
