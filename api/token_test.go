package api_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/identity"
	jobs "github.com/portico-dev/portico/identity/exchange"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/oidctest"
)

// exchangeBench is a server that exchanges the tokens of one CI system.
type exchangeBench struct {
	authBench

	ci *mockoidc.MockOIDC
}

func newExchangeBench(t *testing.T) exchangeBench {
	t.Helper()
	_, ci := oidctest.Mock(t, "ci", nil)
	log := slog.New(slog.DiscardHandler)
	return exchangeBench{ci: ci, authBench: newAuthServer(t, func(options *api.AuthOptions) {
		var err error
		options.Exchange, err = jobs.New(jobs.Options{Pool: testkit.Database(t), Issuer: options.Issuer, Log: log, Audience: portal, Lifetime: 10 * time.Minute,
			Trusted: []jobs.Trusted{{Issuer: ci.Issuer(), Keys: identity.NewIssuerKeys(ci.Issuer(), nil, log), Rules: []jobs.Rule{{Subject: "shop",
				Claims:       map[string][]string{"project_id": {"7"}, "ref": {"main"}},
				Restrictions: []identity.Restriction{{Plugin: "scaffolder", Permissions: []string{"scaffolder.task.create"}}}}}}}})
		require.NoError(t, err)
	})}
}

// job is the token of a job on a branch.
func (b exchangeBench) job(t *testing.T, ref string) string {
	t.Helper()
	return oidctest.JobToken(t, b.ci, map[string]any{"iss": b.ci.Issuer(), "aud": portal, "sub": "project_path:acme/shop:ref:" + ref, "jti": uuid.NewString(),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "project_id": "7", "ref": ref})
}

func exchangeForm(token string) url.Values {
	return url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {token},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}}
}

func (b exchangeBench) post(t *testing.T, body string) *httptest.ResponseRecorder {
	t.Helper()
	return ask(t, b.Server, http.MethodPost, "/api/auth/v1/token", body, "Authorization", "", "Content-Type", "application/x-www-form-urlencoded")
}

func TestAJobExchangesItsToken(t *testing.T) {
	t.Parallel()
	b := newExchangeBench(t)
	answer := b.post(t, exchangeForm(b.job(t, "main")).Encode())
	require.Equal(t, http.StatusOK, answer.Code, answer.Body.String())
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	var issued struct {
		AccessToken     string `json:"access_token"`
		IssuedTokenType string `json:"issued_token_type"`
		TokenType       string `json:"token_type"`
		ExpiresIn       int    `json:"expires_in"`
	}
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &issued))
	require.Equal(t, "urn:ietf:params:oauth:token-type:access_token", issued.IssuedTokenType)
	require.Equal(t, "Bearer", issued.TokenType)
	require.Equal(t, 600, issued.ExpiresIn)
	for path, status := range map[string]int{"/api/scaffolder/v2/actions": 200, "/api/catalog/entities": 403, "/api/portico/v1/info": 403, "/api/auth/v1/userinfo": 403} {
		require.Equal(t, status, ask(t, b.Server, http.MethodGet, path, "", "Authorization", "Bearer "+issued.AccessToken).Code, path)
	}
	configuration := ask(t, b.Server, http.MethodGet, "/api/auth/.well-known/openid-configuration", "")
	require.Contains(t, configuration.Body.String(), `"grant_types_supported":["authorization_code","urn:ietf:params:oauth:grant-type:token-exchange"]`)
}

func TestExchangesThatAreRefusedHaveOAuthsErrors(t *testing.T) {
	t.Parallel()
	b := newExchangeBench(t)
	user, err := b.issuer.Issue(t.Context(), "user:default/ada", nil)
	require.NoError(t, err)
	limited, err := identity.Limit(user)
	require.NoError(t, err)
	with := func(name, value string) string {
		form := exchangeForm(b.job(t, "main"))
		form.Set(name, value)
		return form.Encode()
	}
	for name, test := range map[string]struct{ body, code string }{
		"another grant":          {with("grant_type", "client_credentials"), "unsupported_grant_type"},
		"no token":               {with("subject_token", ""), "invalid_request"},
		"another type":           {with("subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), "invalid_request"},
		"a refresh token":        {with("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "invalid_request"},
		"an actor":               {with("actor_token", "x"), "invalid_request"},
		"another audience":       {with("audience", "https://other.example"), "invalid_target"},
		"a resource":             {with("resource", "https://other.example"), "invalid_target"},
		"a scope":                {with("scope", "everything"), "invalid_scope"},
		"a field twice":          {exchangeForm(b.job(t, "main")).Encode() + "&subject_token=x", "invalid_request"},
		"no form":                {"%zz", "invalid_request"},
		"another branch":         {exchangeForm(b.job(t, "x")).Encode(), "invalid_request"},
		"a token of a user":      {exchangeForm(user).Encode(), "invalid_request"},
		"a limited token":        {exchangeForm(limited.Token).Encode(), "invalid_request"},
		"a wrong token":          {exchangeForm("wrong").Encode(), "invalid_request"},
		"a token of 20 thousand": {exchangeForm(strings.Repeat("x", 20_000)).Encode(), "invalid_request"},
	} {
		answer := b.post(t, test.body)
		require.Equal(t, http.StatusBadRequest, answer.Code, name)
		var failed map[string]string
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &failed), name)
		require.Equal(t, test.code, failed["error"], "%s: %s", name, failed["error_description"])
		require.NotEmpty(t, failed["error_description"], name)
	}
	require.Equal(t, http.StatusRequestEntityTooLarge, b.post(t, exchangeForm(strings.Repeat("x", 1<<20)).Encode()).Code)
	asJSON := ask(t, b.Server, http.MethodPost, "/api/auth/v1/token", `{}`, "Authorization", "")
	require.Equal(t, http.StatusBadRequest, asJSON.Code)
}

// TestAnIssuerThatIsDownIsUnavailable: its keys were not fetched before.
func TestAnIssuerThatIsDownIsUnavailable(t *testing.T) {
	t.Parallel()
	b := newExchangeBench(t)
	require.NoError(t, b.ci.Shutdown())
	down := b.post(t, exchangeForm(b.job(t, "main")).Encode())
	require.Equal(t, http.StatusServiceUnavailable, down.Code, down.Body.String())
	require.Contains(t, down.Body.String(), `"error":"temporarily_unavailable"`)
}

func TestExchangesAreLimited(t *testing.T) {
	t.Parallel()
	b := newExchangeBench(t)
	limited := newServer(t, &strings.Builder{}, func(o *api.Options) {
		o.Limits = api.Limits{SignIn: 2}
	})
	var statuses []int
	for range 3 {
		statuses = append(statuses, ask(t, limited, http.MethodPost, "/api/auth/v1/token", exchangeForm(b.job(t, "main")).Encode(),
			"Authorization", "", "Content-Type", "application/x-www-form-urlencoded").Code)
	}
	require.Equal(t, []int{404, 404, 429}, statuses, "it is not configured here")
}
