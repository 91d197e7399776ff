package api_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
)

// TestCallersAreLimited: one caller's loop must not take the server from the others.
func TestCallersAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newServer(t, io.Discard, func(o *api.Options) {
			o.Limits = api.Limits{User: 2}
			o.Authenticator = people{"ada": "group:default/a", "grace": "group:default/b"}
		})
		for range 2 {
			require.Equal(t, http.StatusOK, askFrom(server, "10.0.0.1:1", "ada").Code)
		}
		refused := askFrom(server, "10.0.0.2:1", "ada")
		require.Equal(t, http.StatusTooManyRequests, refused.Code, "from any address")
		require.Equal(t, "30", refused.Header().Get("Retry-After"))
		require.Equal(t, "TooManyRequestsError: You have sent too many requests. Try again later", message(t, refused))
		require.Equal(t, http.StatusOK, askFrom(server, "10.0.0.1:1", "grace").Code, "others are served")
		for range 10 {
			require.Equal(t, http.StatusOK, askFrom(server, "10.0.0.1:1", "service").Code, "machines have a limit of their own, and none here")
		}
		<-time.After(30 * time.Second) // by synctest's clock
		require.Equal(t, http.StatusOK, askFrom(server, "10.0.0.1:1", "ada").Code)
		require.Equal(t, http.StatusTooManyRequests, askFrom(server, "10.0.0.1:1", "ada").Code)
	})
}

// TestSignInsAreLimited: each sign-in makes requests to the provider.
func TestSignInsAreLimited(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, func(o *api.Options) { o.Limits = api.Limits{SignIn: 1} })
	const refresh = "/api/auth/guest/refresh"
	require.NotEqual(t, http.StatusTooManyRequests, ask(t, server, http.MethodPost, refresh, "").Code)
	for _, path := range []string{refresh, "/api/auth/guest/start", "/api/auth/guest/handler/frame"} {
		refused := ask(t, server, http.MethodGet, path, "")
		require.Equal(t, http.StatusTooManyRequests, refused.Code, path)
		require.Equal(t, "60", refused.Header().Get("Retry-After"))
		require.Equal(t, "TooManyRequestsError: Too many sign-ins came from your address. Try again later", message(t, refused))
	}
	require.Equal(t, http.StatusOK, ask(t, server, http.MethodGet, "/api/portico/v1/sign-in", "").Code)
}

// asks sends a request from an address, and returns its answer.
func asks(t *testing.T, server *api.Server, address, path, token string) *httptest.ResponseRecorder {
	t.Helper()
	request := newRequest(t.Context(), http.MethodGet, path, "", "Authorization", "Bearer "+token)
	request.RemoteAddr = address + ":1"
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, request)
	return answer
}

const served, unknown, signInPage = "/api/portico/v1/info", "/api/none", "/api/portico/v1/sign-in"

// TestRequestsOfAnAddressAreLimitedInWindows, as Backstage does with backend.rateLimit.
func TestRequestsOfAnAddressAreLimitedInWindows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := newServer(t, io.Discard, func(o *api.Options) {
			o.RateLimits = map[string]api.RateLimit{
				"":        {Window: time.Minute, Requests: 4, Exempt: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}},
				"portico": {Window: 10 * time.Second, Requests: 2},
			}
		})
		for n, left := range []string{"1", "0"} {
			answer := asks(t, server, "192.0.2.7", served, "service")
			require.Equal(t, http.StatusOK, answer.Code, n)
			require.Equal(t, left, answer.Header().Get("X-Ratelimit-Remaining"))
			require.Equal(t, "2", answer.Header().Get("X-Ratelimit-Limit"))
		}
		refused := asks(t, server, "192.0.2.7", signInPage, "service")
		require.Equal(t, http.StatusTooManyRequests, refused.Code, "the plugin's limit")
		require.Equal(t, "10", refused.Header().Get("Retry-After"))
		require.Equal(t, "TooManyRequestsError: Too many requests, please try again later", message(t, refused))
		require.Equal(t, http.StatusNotFound, asks(t, server, "192.0.2.7", unknown, "service").Code, "others have the limit of all")
		require.Equal(t, http.StatusTooManyRequests, asks(t, server, "192.0.2.7", unknown, "service").Code, "refused ones count too")
		require.Equal(t, http.StatusOK, asks(t, server, "192.0.2.8", served, "service").Code, "another address")
		require.Equal(t, http.StatusOK, asks(t, server, "192.0.2.7", "/.backstage/health/v1/liveness", "").Code, "probes are not limited")
		for range 10 {
			require.Equal(t, http.StatusNotFound, asks(t, server, "127.0.0.1", unknown, "service").Code)
			require.Equal(t, http.StatusNotFound, asks(t, server, "[::1]", unknown, "service").Code)
		}
		<-time.After(time.Minute) // by synctest's clock
		require.Equal(t, http.StatusOK, asks(t, server, "192.0.2.7", served, "service").Code, "a new window")
	})
}

func TestRequestsThatARateLimitSkipsAreNotCounted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		limit            api.RateLimit
		succeeds, failed int
	}{
		"all count":          {api.RateLimit{}, http.StatusTooManyRequests, http.StatusTooManyRequests},
		"successful do not":  {api.RateLimit{SkipSuccessful: true}, http.StatusOK, http.StatusTooManyRequests},
		"failed ones do not": {api.RateLimit{SkipFailed: true}, http.StatusTooManyRequests, http.StatusNotFound},
	} {
		test.limit.Window, test.limit.Requests = time.Hour, 3
		server := newServer(t, io.Discard, func(o *api.Options) { o.RateLimits = map[string]api.RateLimit{"": test.limit} })
		var succeeds, failed int
		for range 5 {
			succeeds = asks(t, server, "192.0.2.7", signInPage, "").Code
			failed = asks(t, server, "192.0.2.8", unknown, "").Code
		}
		require.Equal(t, test.succeeds, succeeds, name)
		require.Equal(t, test.failed, failed, name)
	}
}

// TestAddressesOfARateLimitAreBounded: those beyond the bound share a window.
func TestAddressesOfARateLimitAreBounded(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, func(o *api.Options) { o.RateLimits = map[string]api.RateLimit{"": {Window: time.Hour, Requests: 1}} })
	var refused int
	for n := range 10_100 {
		if asks(t, server, fmt.Sprintf("10.0.%d.%d", n/250, n%250), unknown, "").Code == http.StatusTooManyRequests {
			refused++
		}
	}
	require.Equal(t, 99, refused)
}
