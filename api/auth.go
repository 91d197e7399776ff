package api

import (
	"net/http"
	"net/url"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/exchange"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/signin"
)

// AuthOptions are the dependencies and settings of sign-in. Every field is required unless it says otherwise.
type AuthOptions struct {
	Issuer *identity.Issuer
	SignIn *signin.Service
	// BaseURL is the API's address, and PortalURL the portal's.
	BaseURL, PortalURL string
	// ExtraOrigins are further origins whose pages may sign people in, in the form of CORS.Origins; may be
	// empty.
	ExtraOrigins []string
	// Exchange exchanges the tokens of CI jobs; nil exchanges none.
	Exchange *exchange.Service
}

// NewAuthPlugin serves sign-in under /api/auth, as Backstage's auth-backend does.
func NewAuthPlugin(options AuthOptions) Plugin {
	a := newAuth(options)
	signIn := signsIn("one signs in before one has a token")
	refused := []fault.Kind{fault.Authentication, fault.NotAllowed, fault.NotFound, fault.Conflict, fault.Unavailable}
	environment := text("env", "the environment of the provider's configuration")
	return plugin{id: "auth", routes: []route{
		a.tokenRoute(),
		{method: http.MethodGet, path: "/:provider/start", access: signIn, looseQuery: true, query: []parameter{
			environment, text("scope", "what the provider's token should be for besides, separated by spaces"), text("origin", "the origin of the page that asks"),
			text("flow", "popup, or redirect for the whole page"), text("redirectUrl", "where the browser goes at the end of a redirect flow")},
			summary: "Sends the browser to a sign-in provider", serve: redirects("to the provider", a.start), fails: refused},
		{method: http.MethodGet, path: "/:provider/handler/frame", access: signsIn("the provider sends the browser here, with a code for it alone"), looseQuery: true,
			summary: "Takes the browser back from a sign-in provider", serve: htmlPage("a page that hands the session to the window that asked for it", a.callback),
			also: []answer{{status: http.StatusFound, description: "to the page that asked for it, in the redirect flow"}}},
		{method: http.MethodGet, path: "/:provider/refresh", access: signIn, looseQuery: true, query: []parameter{environment},
			summary: "Renews the browser's session", serve: ok("the session", a.refresh), fails: refused},
		{method: http.MethodPost, path: "/:provider/refresh", access: signIn, audit: unrecorded("it renews what the sign-in began"), looseQuery: true, query: []parameter{environment},
			summary: "Renews the browser's session", serve: ok("the session", a.refresh), fails: refused},
		{method: http.MethodPost, path: "/:provider/logout", access: open("a browser may sign out whenever it wants"), audit: unrecorded("it ends the browser's own session"), looseQuery: true, query: []parameter{environment},
			summary: "Ends the browser's session", serve: writes[logoutReply]("signed out here; logoutUrl signs out at the provider, and the body is empty when there is none", a.logout), fails: refused},
		{method: http.MethodGet, path: "/v1/userinfo", access: authenticated,
			summary: "Describes the caller", serve: ok("the claims", a.userInfo)},
		{method: http.MethodGet, path: "/.well-known/openid-configuration", access: open("where the public keys are is public"),
			summary: "Describes the issuer of user tokens", serve: ok("the configuration", a.configuration)},
		{method: http.MethodGet, path: "/.well-known/jwks.json", access: open("public keys are public"),
			summary: "Lists the keys that user tokens are signed with", serve: writes[keySet]("a JSON Web Key Set", a.keys)},
	}}
}

type auth struct {
	AuthOptions

	// origins are those whose pages may sign people in. portal is the portal's.
	origins []originPattern
	portal  string
	cookies cookieJar
}

func newAuth(options AuthOptions) *auth {
	a := &auth{AuthOptions: options, cookies: newCookieJar(options.BaseURL, options.PortalURL)}
	if page, isOrigin := originOf(options.PortalURL); isOrigin {
		a.origins = append(a.origins, originPattern(page))
		portal, _ := url.Parse(options.PortalURL)
		a.portal = portal.Scheme + "://" + portal.Host
	}
	for _, text := range options.ExtraOrigins {
		if pattern, valid := parseOriginPattern(text); valid {
			a.origins = append(a.origins, pattern)
		}
	}
	return a
}

type session struct {
	Profile           profile           `json:"profile"`
	ProviderInfo      *providerInfo     `json:"providerInfo,omitempty"`
	BackstageIdentity backstageIdentity `json:"backstageIdentity"`
}

// profile is a person's profile from a sign-in provider; a guest has none.
type profile struct {
	DisplayName string `json:"displayName,omitempty"`
	Email       string `json:"email,omitempty"`
	Picture     string `json:"picture,omitempty"`
}

// providerInfo has the provider's own tokens, with which the portal may call the provider.
type providerInfo struct {
	IDToken          string `json:"idToken,omitempty"`
	AccessToken      string `json:"accessToken"`
	Scope            string `json:"scope"`
	ExpiresInSeconds int    `json:"expiresInSeconds,omitempty"`
}

type backstageIdentity struct {
	Token            string       `json:"token"`
	Identity         userIdentity `json:"identity"`
	ExpiresInSeconds int          `json:"expiresInSeconds"`
}

type userIdentity struct {
	Type                string   `json:"type"`
	UserEntityRef       string   `json:"userEntityRef"`
	OwnershipEntityRefs []string `json:"ownershipEntityRefs"`
}

func describeSession(signedIn signin.Session) session {
	described := session{
		Profile: profile{DisplayName: signedIn.Profile.DisplayName, Email: signedIn.Profile.Email, Picture: signedIn.Profile.Picture},
		BackstageIdentity: backstageIdentity{
			Token:            signedIn.Token,
			Identity:         userIdentity{Type: "user", UserEntityRef: signedIn.UserRef, OwnershipEntityRefs: orEmpty(signedIn.Ownership)},
			ExpiresInSeconds: int(identity.TokenLifetime.Seconds()),
		},
	}
	if signedIn.Tokens != nil {
		described.ProviderInfo = describeTokens(*signedIn.Tokens)
	}
	return described
}

func describeTokens(tokens provider.Tokens) *providerInfo {
	return &providerInfo{IDToken: tokens.ID, AccessToken: tokens.Access, Scope: tokens.Scope, ExpiresInSeconds: secondsUntil(tokens.Expiry)}
}

// secondsUntil is 0 for a time that is not known.
func secondsUntil(at time.Time) int { return max(0, int(time.Until(at).Seconds())) }

// start begins a sign-in.
func (a *auth) start(c *call) (string, error) {
	id, request := c.Param("provider"), signin.Request{Provider: c.Param("provider"), Environment: c.Query("env"), Scope: c.Query("scope"),
		Origin: c.Query("origin"), RedirectURL: c.Query("redirectUrl"), Redirect: c.Query("flow") == "redirect"}
	if request.Redirect && request.RedirectURL == "" {
		return "", fault.New(fault.Input, "No redirectUrl provided in request query parameters")
	}
	for _, address := range []string{request.Origin, request.RedirectURL} {
		if address != "" && !a.allows(address) {
			return "", fault.New(fault.NotAllowed, "Origin '%s' is not allowed", address)
		}
	}
	address, flow, err := a.SignIn.Start(c.Request.Context(), request)
	if err != nil {
		return "", err
	}
	c.Header("Cache-Control", "no-store")
	a.cookies.setFlow(c, id, flow)
	return address, nil
}

// allows reports whether a URL is of an origin whose pages may sign people in.
func (a *auth) allows(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && parsed.User == nil && anyMatches(a.origins, parsed.Scheme+"://"+parsed.Host)
}

// callback ends a sign-in. Every outcome is shown where the person is waiting for it.
func (a *auth) callback(c *call) error {
	id := c.Param("provider")
	c.Header("Cache-Control", "no-store")
	cookie := a.cookies.takeFlow(c, id)
	flow, err := a.SignIn.Returning(id, cookie, c.Query("state"))
	if err != nil {
		return a.shown(signin.Flow{}, err)
	}
	session, secret, err := a.SignIn.Finish(c.Request.Context(), flow, c.Request.URL.Query(), a.cookies.session(c, id))
	if err != nil {
		return a.shown(flow, err)
	}
	a.cookies.setSession(c, id, secret, a.SignIn.Lifetime(id, flow.Request.Environment))
	if flow.Request.Redirect {
		c.Redirect(http.StatusFound, flow.Request.RedirectURL)
		return nil
	}
	return a.handOver(c, flow, authorizationMessage{Response: describeSession(session)})
}

// shown is the failure of a sign-in, which is shown where the person is waiting.
func (a *auth) shown(flow signin.Flow, err error) error {
	return &presentedError{err: err, present: func(c *call, detail errorDetail) error {
		if !flow.Request.Redirect {
			return a.handOver(c, flow, authorizationMessage{Error: &detail})
		}
		target, err := url.Parse(flow.Request.RedirectURL)
		if err != nil {
			return err
		}
		query := target.Query()
		query.Set("error", detail.Message)
		target.RawQuery = query.Encode()
		c.Redirect(http.StatusFound, target.String())
		return nil
	}}
}

// fromScript refuses requests without the header that a page of another origin cannot send without a
// preflight (CSRF).
func fromScript(c *call) error {
	if c.GetHeader(scriptHeader) != "XMLHttpRequest" {
		return fault.New(fault.Authentication, "Invalid X-Requested-With header")
	}
	return nil
}

func (a *auth) refresh(c *call) (session, error) {
	id := c.Param("provider")
	// As in Backstage, only providers with a flow and cookies of their own need the header.
	if err := fromScript(c); err != nil && !a.SignIn.IsDirect(id) {
		return session{}, err
	}
	c.Header("Cache-Control", "no-store")
	if err := a.endPlain(c, id); err != nil {
		return session{}, err
	}
	var signedIn signin.Session
	var err error
	if a.SignIn.IsDirect(id) {
		signedIn, err = a.SignIn.Authenticate(c.Request.Context(), id, c.Request.Header)
	} else {
		signedIn, err = a.SignIn.Refresh(c.Request.Context(), id, c.Query("env"), a.cookies.session(c, id))
	}
	if err != nil {
		return session{}, err
	}
	return describeSession(signedIn), nil
}

// endPlain ends the session of a cookie that does not count because its name lacks the prefix.
func (a *auth) endPlain(c *call, id string) error {
	return a.SignIn.End(c.Request.Context(), id, a.cookies.takePlain(c, id))
}

// logoutReply tells the portal where to send the browser.
type logoutReply struct {
	LogoutURL string `json:"logoutUrl"`
}

func (a *auth) logout(c *call) error {
	if err := fromScript(c); err != nil {
		return err
	}
	id := c.Param("provider")
	if err := a.endPlain(c, id); err != nil {
		return err
	}
	address, err := a.SignIn.SignOut(c.Request.Context(), id, c.Query("env"), a.cookies.session(c, id))
	if err != nil {
		return err
	}
	a.cookies.clear(c, id)
	for _, plugin := range c.plugins {
		a.cookies.setUser(c, plugin, "", 0)
	}
	if address == "" {
		c.Status(http.StatusOK)
		return nil
	}
	return c.json(http.StatusOK, logoutReply{address})
}

// userInfo is the response of OpenID Connect's endpoint of that name, with the ownership references.
type userInfo struct {
	Claims userClaims `json:"claims"`
}

type userClaims struct {
	Subject   string   `json:"sub"`
	Ownership []string `json:"ent"`
}

func (a *auth) userInfo(c *call) (userInfo, error) {
	if c.principal.Kind != identity.KindUser {
		return userInfo{}, fault.New(fault.Input, "Userinfo endpoint must be called with a token that represents a user principal")
	}
	c.Header("Cache-Control", "no-store")
	return userInfo{userClaims{c.principal.Subject, orEmpty(c.principal.Ownership)}}, nil
}

// issuerConfiguration is Backstage's answer to OpenID Connect Discovery. The endpoints of an authorization
// server are named there too, and are not found in either as long as it is not enabled.
type issuerConfiguration struct {
	Issuer                string   `json:"issuer"`
	TokenEndpoint         string   `json:"token_endpoint"`
	UserinfoEndpoint      string   `json:"userinfo_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	ResponseTypes         []string `json:"response_types_supported"`
	SubjectTypes          []string `json:"subject_types_supported"`
	Algorithms            []string `json:"id_token_signing_alg_values_supported"`
	Scopes                []string `json:"scopes_supported"`
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported"`
	Claims                []string `json:"claims_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
}

func (a *auth) configuration(*call) (issuerConfiguration, error) {
	issuer, grants := a.Issuer.URL(), []string{"authorization_code"}
	if a.Exchange != nil {
		grants = append(grants, exchangeGrant)
	}
	return issuerConfiguration{Issuer: issuer, TokenEndpoint: issuer + "/v1/token", UserinfoEndpoint: issuer + "/v1/userinfo",
		JWKSURI: issuer + "/.well-known/jwks.json", ResponseTypes: []string{"code", "id_token"}, SubjectTypes: []string{"public"},
		Algorithms: []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"},
		Scopes:     []string{"openid"}, AuthMethods: []string{"client_secret_basic", "client_secret_post"}, Claims: []string{"sub", "ent"},
		GrantTypes: grants, AuthorizationEndpoint: issuer + "/v1/authorize", ChallengeMethods: []string{"S256", "plain"}}, nil
}

// keySet is a JSON Web Key Set (RFC 7517) of keys on an elliptic curve (RFC 7518, section 6.2.1).
type keySet struct {
	Keys []publicKey `json:"keys"`
}

type publicKey struct {
	Type      string `json:"kty"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
}

// keys serves the public keys.
func (a *auth) keys(c *call) error {
	keys, err := a.Issuer.PublicKeys(c.Request.Context())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, keys)
}
