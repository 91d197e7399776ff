package api_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// askFrom sends a request from a source address with a token.
func askFrom(handler http.Handler, address, token string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, "/api/scaffolder/v2/actions", nil)
	request.RemoteAddr = address
	request.Header.Set("Authorization", "Bearer "+token)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

// TestWrongTokensAreLimited: an attacker could otherwise try tokens until one is valid.
func TestWrongTokensAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		server := newServer(t, &log, func(o *api.Options) { o.WrongTokensPerMinute = 6 })
		require.Equal(t, http.StatusOK, askFrom(server, "10.0.0.1:1", "service").Code)
		for i := range 6 {
			require.Equal(t, http.StatusUnauthorized, askFrom(server, "10.0.0.1:1", fmt.Sprintf("guess-%d", i)).Code)
		}
		refused := askFrom(server, "10.0.0.1:2", "guess-6")
		require.Equal(t, http.StatusTooManyRequests, refused.Code)
		require.Equal(t, "10", refused.Header().Get("Retry-After"))
		require.Equal(t, "TooManyRequestsError: Too many wrong tokens came from your address. Try again later", message(t, refused))
		require.Equal(t, http.StatusTooManyRequests, askFrom(server, "10.0.0.1:1", "user").Code, "a right guess is refused like the others")
		require.Equal(t, http.StatusOK, askFrom(server, "10.0.0.1:1", "service").Code, "a token that was accepted before still is")
		require.Equal(t, http.StatusUnauthorized, askFrom(server, "10.0.0.2:1", "guess").Code, "another address is another's")
		require.Equal(t, http.StatusUnauthorized, askFrom(server, "10.0.0.1:1", "").Code, "no token is no wrong one")

		<-time.After(10 * time.Second) // by synctest's clock
		require.Equal(t, http.StatusUnauthorized, askFrom(server, "10.0.0.1:1", "guess-7").Code)
		require.Equal(t, http.StatusTooManyRequests, askFrom(server, "10.0.0.1:1", "guess-8").Code)
		require.Contains(t, log.String(), `"msg":"a wrong token was refused","address":"10.0.0.1","method":"GET","path":"/api/scaffolder/v2/actions"`)
		require.NotContains(t, log.String(), "guess", "what was tried may be a token misspelt")
		require.LessOrEqual(t, strings.Count(log.String(), "\n"), 10, "one line for each that was looked at")
	})
}

func TestAnIPv6NetworkCountsAsOneAddress(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, func(o *api.Options) { o.WrongTokensPerMinute = 1 })
	require.Equal(t, http.StatusUnauthorized, askFrom(server, "[2001:db8::1]:1", "guess").Code)
	require.Equal(t, http.StatusTooManyRequests, askFrom(server, "[2001:db8::ffff:2]:1", "guess").Code)
	require.Equal(t, http.StatusUnauthorized, askFrom(server, "[2001:db8:0:1::1]:1", "guess").Code)
}

// signedTokens is an authenticator of signed tokens: one is valid, one has expired, the others are wrong.
type signedTokens struct{}

func (signedTokens) Authenticate(_ context.Context, token string) (identity.Principal, error) {
	switch token {
	case "eyJ.good.x":
		return identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}, nil
	case "eyJ.old.x":
		return identity.Principal{}, fault.Wrap(fault.Authentication, identity.ErrExpired, "This token has expired")
	default:
		return identity.Principal{}, fault.New(fault.Authentication, "Failed user token verification")
	}
}

// TestExpiredSignedTokensAreNotCounted: behind a proxy all users have one address, and signed tokens cannot
// be guessed.
func TestExpiredSignedTokensAreNotCounted(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, func(o *api.Options) { o.WrongTokensPerMinute, o.Authenticator = 1, signedTokens{} })
	for range 5 {
		require.Equal(t, http.StatusUnauthorized, askFrom(server, "10.0.0.1:1", "eyJ.old.x").Code, "an expired session is not a guess")
	}
	require.Equal(t, http.StatusUnauthorized, askFrom(server, "10.0.0.1:1", "eyJ.wrong.x").Code)
	require.Equal(t, http.StatusTooManyRequests, askFrom(server, "10.0.0.1:1", "eyJ.wrong.x").Code)
	require.Equal(t, http.StatusUnauthorized, askFrom(server, "10.0.0.1:1", "eyJ.old.x").Code)
	require.Equal(t, http.StatusOK, askFrom(server, "10.0.0.1:1", "eyJ.good.x").Code)
}
