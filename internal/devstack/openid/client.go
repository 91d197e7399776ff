package openid

import (
	"net/url"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// client is the only client: Portico.
type client struct{ redirect, afterLogout string }

var _ op.Client = client{}

func (client) GetID() string                       { return ClientID }
func (c client) RedirectURIs() []string            { return []string{c.redirect} }
func (c client) PostLogoutRedirectURIs() []string  { return []string{c.afterLogout} }
func (client) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (client) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (client) ResponseTypes() []oidc.ResponseType  { return []oidc.ResponseType{oidc.ResponseTypeCode} }
func (client) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
}
func (client) LoginURL(request string) string       { return "/login?request=" + url.QueryEscape(request) }
func (client) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeJWT }
func (client) IDTokenLifetime() time.Duration       { return tokenAge }
func (client) DevMode() bool                        { return true } // Portico is at an http address
func (client) IsScopeAllowed(string) bool           { return false }
func (client) IDTokenUserinfoClaimsAssertion() bool { return true }
func (client) ClockSkew() time.Duration             { return 0 }
func (client) RestrictAdditionalIdTokenScopes() func([]string) []string { //nolint:revive,staticcheck // the interface's name
	return func([]string) []string { return nil }
}

func (client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func([]string) []string { return nil }
}

// origin is the origin of an address, as a content security policy has it.
func origin(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return parsed.Scheme + "://" + parsed.Host
}
