package oidc_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity/provider/oidc"
)

func TestKnownServicesAreConfigurations(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		id         string
		configured config.OAuthProvider
		issuer     string
		parameters map[string]string
	}{
		{"oidc", config.OAuthProvider{MetadataURL: "https://id.example.com/realms/a/.well-known/openid-configuration"}, "https://id.example.com/realms/a", nil},
		{"oidc", config.OAuthProvider{MetadataURL: "https://id.example.com", Prompt: "login"}, "https://id.example.com", map[string]string{"prompt": "login"}},
		{"okta", config.OAuthProvider{Audience: "https://acme.okta.com/", IDP: "0oa1"}, "https://acme.okta.com", map[string]string{"idp": "0oa1"}},
		{"okta", config.OAuthProvider{Audience: "https://acme.okta.com", AuthServerID: "default"}, "https://acme.okta.com/oauth2/default", nil},
		{"google", config.OAuthProvider{}, "https://accounts.google.com", map[string]string{"access_type": "offline", "prompt": "consent"}},
		{"google", config.OAuthProvider{Prompt: "auto"}, "https://accounts.google.com", map[string]string{"access_type": "offline"}},
		{"microsoft", config.OAuthProvider{TenantID: "72f988bf", DomainHint: "acme.com"}, "https://login.microsoftonline.com/72f988bf/v2.0",
			map[string]string{"domain_hint": "acme.com"}},
		{"gitlab", config.OAuthProvider{}, "https://gitlab.com", nil},
		{"gitlab", config.OAuthProvider{Audience: "https://gitlab.acme.com/"}, "https://gitlab.acme.com", nil},
		{"onelogin", config.OAuthProvider{Issuer: "https://acme.onelogin.com/oidc/2"}, "https://acme.onelogin.com/oidc/2", nil},
		{"auth0", config.OAuthProvider{Domain: "acme.eu.auth0.com", Audience: "https://api", Organization: "org_1",
			StartURLSearchParams: map[string]string{"ui_locales": "de"}}, "https://acme.eu.auth0.com/",
			map[string]string{"audience": "https://api", "organization": "org_1", "ui_locales": "de"}},
	} {
		options, err := oidc.Configure(test.id, test.configured, "https://portico/callback")
		require.NoError(t, err, test.id)
		require.Equal(t, test.issuer, options.Issuer, test.id)
		require.Equal(t, "https://portico/callback", options.CallbackURL, test.id)
		if test.parameters == nil {
			require.Empty(t, options.Parameters, test.id)
			continue
		}
		require.Equal(t, test.parameters, options.Parameters, test.id)
	}
}

func TestWhatAServiceNeedsIsAskedForByItsKey(t *testing.T) {
	t.Parallel()
	for id, message := range map[string]string{
		"oidc":     "metadataUrl is missing: it is the address of the issuer's .well-known/openid-configuration",
		"okta":     "audience is missing: it is the address of the Okta organization",
		"onelogin": "issuer is missing: it is the issuer URL of the OneLogin application",
		"auth0":    "domain is missing: it is the domain of the Auth0 tenant",
		"saml":     "saml is not an OpenID provider: known are auth0, gitlab, google, microsoft, oidc, okta, onelogin",
	} {
		_, err := oidc.Configure(id, config.OAuthProvider{}, "")
		require.EqualError(t, err, message)
	}
	for _, tenant := range []string{"", "common", "organizations", "consumers"} {
		_, err := oidc.Configure("microsoft", config.OAuthProvider{TenantID: tenant}, "")
		require.EqualError(t, err, "tenantId must be the id of one tenant", "anybody with an account could sign in")
	}
}
