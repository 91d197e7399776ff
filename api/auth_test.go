package api_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/seal"
)

// teamA is a directory in which every user is in one team.
type teamA struct{}

func (teamA) MemberOf(context.Context, string) ([]string, error) {
	return []string{"group:default/team-a"}, nil
}

func newAuthServer(t *testing.T) (*api.Server, *identity.Issuer) {
	t.Helper()
	seals, err := seal.NewKeyring(seal.GenerateKey("2026"))
	require.NoError(t, err)
	issuer := identity.NewIssuer("http://localhost:7007/api/auth", identity.NewSigningKeys(testkit.Database(t), seals, slog.New(slog.DiscardHandler)))
	guest := identity.NewGuest("user:default/guest", nil, issuer, teamA{})
	return newServer(t, io.Discard, func(o *api.Options) {
		o.Authenticator = identity.NewAuthenticator(issuer, nil)
		o.Plugins[2] = api.NewAuthPlugin(issuer, guest)
	}), issuer
}

func TestAGuestCanSignIn(t *testing.T) {
	t.Parallel()
	server, _ := newAuthServer(t)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		answer := ask(t, server, method, "/api/auth/guest/refresh?optional&scope=&env=development", "", "Authorization", "", "X-Requested-With", "XMLHttpRequest")
		require.Equal(t, http.StatusOK, answer.Code)
		var session struct {
			Profile           map[string]any
			BackstageIdentity struct {
				Token            string
				ExpiresInSeconds int
				Identity         json.RawMessage
			}
		}
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &session))
		require.Equal(t, "no-store", answer.Header().Get("Cache-Control"), "a token belongs in no cache")
		require.Equal(t, 3600, session.BackstageIdentity.ExpiresInSeconds)
		require.JSONEq(t, `{"type":"user","userEntityRef":"user:default/guest","ownershipEntityRefs":["user:default/guest","group:default/team-a"]}`,
			string(session.BackstageIdentity.Identity))
		signedIn := ask(t, server, http.MethodGet, "/api/scaffolder/v2/actions", "", "Authorization", "Bearer "+session.BackstageIdentity.Token)
		require.Equal(t, http.StatusOK, signedIn.Code)
		claims := ask(t, server, http.MethodGet, "/api/auth/v1/userinfo", "", "Authorization", "Bearer "+session.BackstageIdentity.Token)
		require.JSONEq(t, `{"claims":{"sub":"user:default/guest","ent":["user:default/guest","group:default/team-a"]}}`, claims.Body.String())
		require.Equal(t, "no-store", claims.Header().Get("Cache-Control"))
	}
}

func TestPagesOfOtherSitesCannotSignIn(t *testing.T) {
	t.Parallel()
	server, _ := newAuthServer(t)
	answer := ask(t, server, http.MethodPost, "/api/auth/guest/refresh", "", "Authorization", "")
	require.Equal(t, http.StatusUnauthorized, answer.Code)
	require.Equal(t, "AuthenticationError: Invalid X-Requested-With header", message(t, answer))
}

func TestGuestsCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	answer := ask(t, newServer(t, io.Discard, nil), http.MethodPost, "/api/auth/guest/refresh", "", "X-Requested-With", "XMLHttpRequest")
	require.Equal(t, http.StatusNotFound, answer.Code)
}

func TestTheKeysOfUserTokensArePublic(t *testing.T) {
	t.Parallel()
	server, issuer := newAuthServer(t)
	_, err := issuer.Issue(t.Context(), "user:default/ada", nil)
	require.NoError(t, err)
	answer := ask(t, server, http.MethodGet, "/api/auth/.well-known/jwks.json", "", "Authorization", "")
	keys, err := issuer.PublicKeys(t.Context())
	require.NoError(t, err)
	require.Len(t, keys.Keys, 1)
	expected, err := json.Marshal(keys)
	require.NoError(t, err)
	require.JSONEq(t, string(expected), answer.Body.String())
}

func TestSignOutSucceeds(t *testing.T) {
	t.Parallel()
	server, _ := newAuthServer(t)
	answer := ask(t, server, http.MethodPost, "/api/auth/guest/logout", "", "Authorization", "")
	require.Equal(t, http.StatusOK, answer.Code)
	require.Empty(t, answer.Body.String())
}

func TestUserInfoRefusesTokensOfServices(t *testing.T) {
	t.Parallel()
	answer := ask(t, newServer(t, io.Discard, nil), http.MethodGet, "/api/auth/v1/userinfo", "")
	require.Equal(t, http.StatusBadRequest, answer.Code)
	require.Equal(t, "InputError: Userinfo endpoint must be called with a token that represents a user principal", message(t, answer))
}

func TestUnauthenticatedCallersSeeOnlyHowToSignIn(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	require.JSONEq(t, `{"title":"Test","signIn":[]}`, ask(t, server, http.MethodGet, "/api/portico/v1/sign-in", "", "Authorization", "").Body.String())
	require.Equal(t, http.StatusUnauthorized, ask(t, server, http.MethodGet, "/api/portico/v1/info", "", "Authorization", "").Code)
	require.Equal(t, http.StatusOK, ask(t, server, http.MethodGet, "/api/portico/v1/info", "").Code)
}
