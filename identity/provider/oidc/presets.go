package oidc

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity/provider/codeflow"
)

// preset is what is particular about one service.
type preset struct {
	issuer func(configured config.OAuthProvider) (string, error)
	// parameters are added to the address to which the browser is sent, those with a value.
	parameters func(configured config.OAuthProvider) map[string]string
	// userID and username are claims; see Options.
	userID, username string
}

// presets are the services, by the names that Backstage has for their providers.
var presets = map[string]preset{
	"oidc": {issuer: fromMetadataURL},
	"okta": {issuer: oktaIssuer, parameters: func(configured config.OAuthProvider) map[string]string {
		return map[string]string{"idp": configured.IDP}
	}},
	// Google gives a refresh token for these parameters only, and for no scope.
	"google": {issuer: always("https://accounts.google.com"), parameters: func(config.OAuthProvider) map[string]string {
		return map[string]string{"access_type": "offline", "prompt": "consent"}
	}},
	"microsoft": {issuer: microsoftIssuer, userID: "oid", parameters: func(configured config.OAuthProvider) map[string]string {
		return map[string]string{"domain_hint": configured.DomainHint}
	}},
	"gitlab":   {issuer: gitlabIssuer, username: "nickname"},
	"onelogin": {issuer: oneLoginIssuer},
	"auth0": {issuer: auth0Issuer, parameters: func(configured config.OAuthProvider) map[string]string {
		return map[string]string{"audience": configured.Audience, "connection": configured.Connection, "connection_scope": configured.ConnectionScope,
			"organization": configured.Organization}
	}},
}

// IDs lists the providers that Configure knows.
func IDs() []string { return slices.Sorted(maps.Keys(presets)) }

// Configure converts the configuration of the provider with this id. callbackURL is used where none is
// configured. Missing values are an error that names the key.
func Configure(id string, configured config.OAuthProvider, callbackURL string) (Options, error) {
	known, is := presets[id]
	if !is {
		return Options{}, fmt.Errorf("%s is not an OpenID provider: known are %s", id, strings.Join(IDs(), ", "))
	}
	issuer, err := known.issuer(configured)
	if err != nil {
		return Options{}, err
	}
	var preset map[string]string
	if known.parameters != nil {
		preset = known.parameters(configured)
	}
	return Options{ID: id, Issuer: issuer, ClientID: configured.ClientID, ClientSecret: string(configured.ClientSecret),
		AuthMethod: configured.TokenEndpointAuthMethod, CallbackURL: cmp.Or(configured.CallbackURL, callbackURL), Scopes: configured.AdditionalScopes,
		Parameters: codeflow.Parameters(configured, preset), UserIDClaim: known.userID, UsernameClaim: known.username}, nil
}

func always(issuer string) func(config.OAuthProvider) (string, error) {
	return func(config.OAuthProvider) (string, error) { return issuer, nil }
}

// fromMetadataURL accepts the address of the configuration, as Backstage's provider does, and the issuer
// itself.
func fromMetadataURL(configured config.OAuthProvider) (string, error) {
	if configured.MetadataURL == "" {
		return "", errors.New("metadataUrl is missing: it is the address of the issuer's .well-known/openid-configuration")
	}
	return strings.TrimSuffix(configured.MetadataURL, "/.well-known/openid-configuration"), nil
}

func oktaIssuer(configured config.OAuthProvider) (string, error) {
	if configured.Audience == "" {
		return "", errors.New("audience is missing: it is the address of the Okta organization")
	}
	issuer := strings.TrimSuffix(configured.Audience, "/")
	if configured.AuthServerID != "" {
		issuer += "/oauth2/" + url.PathEscape(configured.AuthServerID)
	}
	return issuer, nil
}

// microsoftIssuer requires one tenant: the issuer of the shared ones differs from person to person.
func microsoftIssuer(configured config.OAuthProvider) (string, error) {
	switch configured.TenantID {
	case "", "common", "organizations", "consumers":
		return "", errors.New("tenantId must be the id of one tenant")
	}
	return "https://login.microsoftonline.com/" + url.PathEscape(configured.TenantID) + "/v2.0", nil
}

func gitlabIssuer(configured config.OAuthProvider) (string, error) {
	return cmp.Or(strings.TrimSuffix(configured.Audience, "/"), "https://gitlab.com"), nil
}

func oneLoginIssuer(configured config.OAuthProvider) (string, error) {
	if configured.Issuer == "" {
		return "", errors.New("issuer is missing: it is the issuer URL of the OneLogin application")
	}
	return configured.Issuer, nil
}

func auth0Issuer(configured config.OAuthProvider) (string, error) {
	if configured.Domain == "" {
		return "", errors.New("domain is missing: it is the domain of the Auth0 tenant")
	}
	return "https://" + configured.Domain + "/", nil
}
