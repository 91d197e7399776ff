package webhook_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit/webhook"
)

// failing is a transport that cannot send.
type failing struct{ err error }

// RoundTrip implements http.RoundTripper.
func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// TestAFailureSaysWhyAndWhatToDo: without the URL, which may have a secret.
func TestAFailureSaysWhyAndWhatToDo(t *testing.T) {
	t.Parallel()
	type receiver func(*testing.T, *webhook.Options)
	answering := func(handler http.HandlerFunc) receiver {
		return func(t *testing.T, options *webhook.Options) {
			t.Helper()
			server := httptest.NewServer(handler)
			t.Cleanup(server.Close)
			options.URL = server.URL
		}
	}
	status := func(status int) receiver {
		return answering(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	unsent := func(err error) receiver {
		return func(_ *testing.T, options *webhook.Options) { options.Transport = failing{err} }
	}
	for name, test := range map[string]struct {
		receiver    receiver
		cause, next string
	}{
		"a redirect":        {status(http.StatusFound), "it answered 302 Found", "redirects are not followed"},
		"a wrong signature": {status(http.StatusUnauthorized), "it answered 401 Unauthorized", "compare portico.audit.webhook.secret"},
		"not permitted":     {status(http.StatusForbidden), "it answered 403 Forbidden", "compare portico.audit.webhook.secret"},
		"a wrong path":      {status(http.StatusNotFound), "it answered 404 Not Found", "check the path in portico.audit.webhook.url"},
		"too large":         {status(http.StatusRequestEntityTooLarge), "it answered 413 ", "take messages of 512 KiB"},
		"too often":         {status(http.StatusTooManyRequests), "it answered 429 ", "let the receiver take more messages"},
		"a failure":         {status(http.StatusBadGateway), "it answered 502 Bad Gateway", "see the receiver's own log"},
		"an unknown status": {status(599), "it answered 599; ", "see the receiver's own log"},
		"it breaks off": {answering(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
			"it ended the connection without an answer", "see the receiver's own log"},
		"it is down": {func(t *testing.T, options *webhook.Options) {
			t.Helper()
			server := httptest.NewServer(http.NotFoundHandler())
			server.Close()
			options.URL = server.URL
		}, "no connection could be made", "check that the receiver runs"},
		"its proxy is down":  {unsent(&net.OpError{Op: "proxyconnect", Err: errors.New("connection refused")}), "no connection could be made", "proxies"},
		"it is out of reach": {unsent(&net.OpError{Op: "dial", Err: context.DeadlineExceeded}), "no connection could be made", "firewalls"},
		"it is unknown": {unsent(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "canary", IsNotFound: true}}),
			"the name of its host was not found", "check the host"},
		"it is slow": {unsent(context.DeadlineExceeded), "it did not answer within 15s", "see the receiver's own log"},
		"nobody trusts it": {func(t *testing.T, options *webhook.Options) {
			t.Helper()
			server := httptest.NewTLSServer(http.NotFoundHandler())
			t.Cleanup(server.Close)
			options.URL = server.URL
		}, "the workers do not accept its certificate", "SSL_CERT_FILE"},
		"it has no TLS": {func(t *testing.T, options *webhook.Options) {
			t.Helper()
			server := httptest.NewServer(http.NotFoundHandler())
			t.Cleanup(server.Close)
			options.URL = strings.Replace(server.URL, "http:", "https:", 1)
		}, "no TLS could be agreed on", "is one for https"},
		"it has another TLS": {unsent(&net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}), "no TLS could be agreed on", "which TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSending(t)
			s.record("component:default/a")
			options := s.options()
			test.receiver(t, &options)
			options.URL += "/canary?token=canary"
			_, err := webhook.New(options).Send(t.Context())
			require.ErrorContains(t, err, "portico.audit.webhook has not taken seal 1: "+test.cause)
			require.ErrorContains(t, err, test.next)
			require.NotContains(t, err.Error(), "canary")
		})
	}
}
