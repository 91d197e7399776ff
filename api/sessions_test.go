package api_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

type shownSession struct {
	ID, Provider, User, Address, Browser, UserAgent string
	Current                                         bool
}

// token signs in, and returns the token of the session with the browser that has it.
func (b authBench) token(t *testing.T) (browser, string) {
	t.Helper()
	with := b.browser(t)
	_, posted := outcome(t, b.signIn(t, with, ""))
	response, _ := posted["response"].(map[string]any)
	identityOf, _ := response["backstageIdentity"].(map[string]any)
	token, _ := identityOf["token"].(string)
	require.NotEmpty(t, token)
	return with, token
}

// sessions lists sessions with a token.
func (b authBench) sessions(t *testing.T, path, token string) []shownSession {
	t.Helper()
	answer := ask(t, b.Server, http.MethodGet, path, "", "Authorization", "Bearer "+token)
	require.Equal(t, http.StatusOK, answer.Code, answer.Body.String())
	var list struct{ Sessions []shownSession }
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &list))
	return list.Sessions
}

// TestPeopleSeeAndEndTheirSessions: the one of the caller is marked, and whoever lost a session is out at once.
func TestPeopleSeeAndEndTheirSessions(t *testing.T) {
	t.Parallel()
	b := newAuthServer(t, nil)
	mine, token := b.token(t)
	theirs, stolen := b.token(t)
	_, third := b.token(t)
	refreshed := mine.ask(http.MethodPost, portal+"/api/auth/oidc/refresh?env=test", fromScript, "XMLHttpRequest", "User-Agent", firefox)
	require.Equal(t, http.StatusOK, refreshed.Code, refreshed.Body.String())

	listed := b.sessions(t, "/api/portico/v1/me/sessions", token)
	require.Len(t, listed, 3)
	require.Equal(t, []bool{false, false, true}, []bool{listed[0].Current, listed[1].Current, listed[2].Current}, "the latest first")
	require.Equal(t, shownSession{listed[2].ID, "oidc", "user:default/jane", "192.0.2.1", "Firefox 140 on Linux", firefox, true}, listed[2])

	end := func(path, token string) int {
		return ask(t, b.Server, http.MethodDelete, "/api/portico/v1/"+path, "", "Authorization", "Bearer "+token).Code
	}
	require.Equal(t, http.StatusNotFound, end("me/sessions/none", token))
	require.Equal(t, http.StatusNoContent, end("me/sessions/"+listed[1].ID, token))
	require.Equal(t, http.StatusNotFound, end("me/sessions/"+listed[1].ID, token))
	require.Equal(t, http.StatusUnauthorized, end("me/sessions", stolen), "its token is not valid")
	require.Equal(t, http.StatusUnauthorized, theirs.ask(http.MethodPost, portal+"/api/auth/oidc/refresh?env=test", fromScript, "XMLHttpRequest").Code)

	require.Equal(t, http.StatusOK, end("me/sessions", token))
	require.Equal(t, http.StatusUnauthorized, end("me/sessions", third))
	listed = b.sessions(t, "/api/portico/v1/me/sessions", token)
	require.Len(t, listed, 1)
	require.True(t, listed[0].Current)
}

// TestAdministratorsEndTheSessionsOfAUser, and nobody else does.
func TestAdministratorsEndTheSessionsOfAUser(t *testing.T) {
	t.Parallel()
	b := newAuthServer(t, nil)
	_, token := b.token(t)
	b.token(t)
	all := b.sessions(t, "/api/portico/v1/sessions", "admin-token")
	require.Len(t, all, 2)
	require.Len(t, b.sessions(t, "/api/portico/v1/sessions?user=jane&limit=1", "admin-token"), 1)
	require.Empty(t, b.sessions(t, "/api/portico/v1/sessions?user=user:default/other", "admin-token"))
	for method, path := range map[string]string{http.MethodGet: "", http.MethodDelete: "/" + all[0].ID} {
		refused := ask(t, b.Server, method, "/api/portico/v1/sessions"+path, "", "Authorization", "Bearer "+token)
		require.Equal(t, http.StatusForbidden, refused.Code)
	}
	ended := ask(t, b.Server, http.MethodDelete, "/api/portico/v1/sessions?user=user:default/jane", "", "Authorization", "Bearer admin-token")
	require.JSONEq(t, `{"ended":2}`, ended.Body.String())
	require.Empty(t, b.sessions(t, "/api/portico/v1/sessions", "admin-token"))
	require.Equal(t, http.StatusUnauthorized, ask(t, b.Server, http.MethodGet, "/api/portico/v1/me/sessions", "", "Authorization", "Bearer "+token).Code)
}
