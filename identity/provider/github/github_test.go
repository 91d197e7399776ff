package github_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/github"
)

func TestEachGitHubHasItsAddresses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ instance, base, api string }{
		{"", "https://github.com", "https://api.github.com/"},
		{"https://github.com/", "https://github.com", "https://api.github.com/"},
		{"https://ghe.acme.example", "https://ghe.acme.example", "https://ghe.acme.example/api/v3/"},
		{"https://ghe.acme.example/", "https://ghe.acme.example", "https://ghe.acme.example/api/v3/"},
		{"https://acme.ghe.com", "https://acme.ghe.com", "https://api.acme.ghe.com/"},
		{"https://notghe.com", "https://notghe.com", "https://notghe.com/api/v3/"},
	} {
		options, err := github.Configure(config.OAuthProvider{ClientSecret: "s", EnterpriseInstanceURL: test.instance}, "https://portico/callback")
		require.NoError(t, err)
		require.Equal(t, test.base, options.BaseURL)
		require.Equal(t, test.api, options.APIBaseURL.String())
		require.Equal(t, "https://portico/callback", options.CallbackURL)
	}
	_, err := github.Configure(config.OAuthProvider{ClientID: "portico"}, "")
	require.EqualError(t, err, "clientSecret is missing: GitHub requires it")
}

func TestTheBrowserIsSentToGitHub(t *testing.T) {
	t.Parallel()
	options, err := github.Configure(config.OAuthProvider{ClientID: "portico", ClientSecret: "a secret", Prompt: "select_account",
		AdditionalScopes: []string{"read:org"}, StartURLSearchParams: map[string]string{"allow_signup": "false"}}, "https://portico/callback")
	require.NoError(t, err)
	address, err := github.New(options).Start(t.Context(), provider.Attempt{State: "abc", Verifier: "a verifier of the attempt", Scopes: []string{"repo", "read:user"}})
	require.NoError(t, err)
	at, err := url.Parse(address)
	require.NoError(t, err)
	require.Equal(t, "https://github.com/login/oauth/authorize", at.Scheme+"://"+at.Host+at.Path)
	query := at.Query()
	require.Len(t, query.Get("code_challenge"), 43)
	query.Del("code_challenge")
	require.Equal(t, url.Values{"response_type": {"code"}, "client_id": {"portico"}, "redirect_uri": {"https://portico/callback"}, "state": {"abc"},
		"scope": {"read:user user:email read:org repo"}, "code_challenge_method": {"S256"}, "prompt": {"select_account"}, "allow_signup": {"false"}}, query)
}
