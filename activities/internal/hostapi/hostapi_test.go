package hostapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// TestFailures lists what becomes of an answer, for a request that may be sent again and for one that may not.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer               http.HandlerFunc
		says                 string
		kind                 fault.Kind
		transient, againOnce bool
	}{
		"not known":       {status(http.StatusUnauthorized), "making it: Acme answered 401 Unauthorized", fault.Authentication, false, false},
		"refused":         {status(http.StatusForbidden), "making it: Acme answered 403 Forbidden", fault.NotAllowed, false, false},
		"not found":       {status(http.StatusNotFound), "making it: Acme answered 404 Not Found", fault.NotFound, false, false},
		"taken":           {status(http.StatusConflict), "making it: Acme answered 409 Conflict", fault.Conflict, false, false},
		"wrong":           {status(http.StatusBadRequest), "making it: Acme answered 400 Bad Request", fault.Input, false, false},
		"too much":        {status(http.StatusTooManyRequests), "making it: Acme answered 429 Too Many Requests", "", true, true},
		"not now":         {status(http.StatusServiceUnavailable), "making it: Acme answered 503 Service Unavailable", "", true, true},
		"ill":             {status(http.StatusBadGateway), "making it: Acme answered 502 Bad Gateway", "", true, false},
		"cut off":         {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "making it: no usable answer from Acme: ", "", true, false},
		"not what it was": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<p>")) }, "making it: no usable answer from Acme: ", "", true, false},
		"sent elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.example.com", http.StatusFound)
		}, "making it: the redirect to elsewhere.example.com leads away from Acme", fault.NotAllowed, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.answer)
			t.Cleanup(server.Close)
			api := hostapi.New(rest.Options{Name: "Acme", Key: "acme", BaseURL: server.URL + "/secret", Transport: http.DefaultTransport}, "Ask for the right.")
			api.HidesAddress = true
			var into map[string]string
			err := api.Send(t.Context(), "making it", http.MethodPost, "/thing", map[string]string{"a": "b"}, &into)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.Equal(t, test.transient, action.IsTransient(err))
			require.NotContains(t, err.Error(), "secret", "the address is not told")
			err = api.SendOnce(t.Context(), "making it", http.MethodPost, "/thing", nil, &into)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.againOnce, action.IsTransient(err))
		})
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
