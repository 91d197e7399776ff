package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
)

// askThrough sends a request with a wrong token from a peer, and with the headers of proxies.
func askThrough(handler http.Handler, peer, scheme string, forwarded ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, "/api/scaffolder/v2/actions", nil)
	request.RemoteAddr = peer + ":1"
	request.Header.Set("Authorization", "Bearer wrong")
	if scheme != "" {
		request.Header.Set("X-Forwarded-Proto", scheme)
	}
	for _, header := range forwarded {
		request.Header.Add("X-Forwarded-For", header)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

// TestTheClientBehindProxiesIsLimited: with one wrong token for each address, a second one shows which address
// was counted for the first.
func TestTheClientBehindProxiesIsLimited(t *testing.T) {
	t.Parallel()
	local := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for name, test := range map[string]struct {
		proxies   api.Proxies
		peer      string
		forwarded []string
		client    string
	}{
		"without proxies, what a caller writes is not read":  {api.Proxies{}, "10.0.0.1", []string{"192.0.2.7"}, "10.0.0.1"},
		"a proxy names the client":                           {api.Proxies{Networks: local}, "10.0.0.1", []string{"192.0.2.7"}, "192.0.2.7"},
		"a caller that is no proxy is the client":            {api.Proxies{Networks: local}, "203.0.113.9", []string{"192.0.2.7"}, "203.0.113.9"},
		"what the client wrote does not count":               {api.Proxies{Networks: local}, "10.0.0.1", []string{"198.51.100.1, 192.0.2.7"}, "192.0.2.7"},
		"nor in a header of its own":                         {api.Proxies{Networks: local}, "10.0.0.1", []string{"198.51.100.1", "192.0.2.7, 10.0.0.2"}, "192.0.2.7"},
		"as many proxies as there are":                       {api.Proxies{Hops: 2}, "203.0.113.9", []string{"198.51.100.1, 192.0.2.7, 203.0.113.8"}, "192.0.2.7"},
		"one who writes no address is not told from a proxy": {api.Proxies{Networks: local}, "10.0.0.1", []string{"unknown"}, "10.0.0.1"},
		"a proxy that names nobody":                          {api.Proxies{Networks: local}, "10.0.0.1", nil, "10.0.0.1"},
		"an IPv4 address in IPv6":                            {api.Proxies{Networks: local}, "[::ffff:10.0.0.1]", []string{"192.0.2.7"}, "192.0.2.7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, io.Discard, func(o *api.Options) { o.WrongTokensPerMinute, o.Proxies = 1, test.proxies })
			require.Equal(t, http.StatusUnauthorized, askThrough(server, test.peer, "", test.forwarded...).Code)
			require.Equal(t, http.StatusTooManyRequests, askThrough(server, test.client, "").Code)
			require.Equal(t, http.StatusUnauthorized, askThrough(server, "198.51.100.99", "").Code)
		})
	}
}

// TestBrowsersAreToldToUseTLSOnly: over plain HTTP the header would be ignored by browsers, and a caller must
// not be able to turn it on for others behind a cache.
func TestBrowsersAreToldToUseTLSOnly(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		base, peer, scheme string
		expected           string
	}{
		"plain HTTP":                  {"http://portico.example.org", "192.0.2.7", "", ""},
		"TLS by the address":          {"https://portico.example.org", "192.0.2.7", "", "max-age=15552000; includeSubDomains"},
		"TLS to a proxy":              {"http://portico.example.org", "10.0.0.1", "https", "max-age=15552000; includeSubDomains"},
		"TLS to the first of proxies": {"http://portico.example.org", "10.0.0.1", "https, http", "max-age=15552000; includeSubDomains"},
		"plain HTTP to a proxy":       {"http://portico.example.org", "10.0.0.1", "http", ""},
		"a caller that says so":       {"http://portico.example.org", "192.0.2.7", "https", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, io.Discard, func(o *api.Options) {
				o.BaseURLs, o.Proxies = []string{test.base}, api.Proxies{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
			})
			require.Equal(t, test.expected, askThrough(server, test.peer, test.scheme).Header().Get("Strict-Transport-Security"))
		})
	}
}
