package api_test

import (
	"io"
	"net/http"
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
