package config

import "time"

// Auth configures sign-in.
type Auth struct {
	// Environment selects the configuration of a provider.
	Environment string        `yaml:"environment"`
	Providers   AuthProviders `yaml:"providers"`
	// OmitIdentityTokenOwnershipClaim leaves the ent claim out of user tokens.
	OmitIdentityTokenOwnershipClaim bool `yaml:"omitIdentityTokenOwnershipClaim"`
	// ExperimentalExtraAllowedOrigins are the origins, with globs, of further portals in which people sign
	// in.
	ExperimentalExtraAllowedOrigins []string `yaml:"experimentalExtraAllowedOrigins"`
}

// AuthProviders holds the configured sign-in methods.
type AuthProviders struct {
	// Guest is nil when it is not configured.
	Guest *Guest `yaml:"guest"`
	// These are proxies in front of Portico; nil when they are not configured.
	GCPIAP      *GCPIAP      `yaml:"gcpIap"`
	CFAccess    *CFAccess    `yaml:"cfaccess"`
	AWSALB      *AWSALB      `yaml:"awsalb"`
	OAuth2Proxy *OAuth2Proxy `yaml:"oauth2Proxy"`
	// OAuth are the providers to which browsers are sent, by id and environment.
	OAuth map[string]map[string]OAuthProvider `yaml:",inline"`
}

// OAuthProvider is a client at a provider. Each provider uses some of the keys.
type OAuthProvider struct {
	ClientID     string `yaml:"clientId"`
	ClientSecret Secret `yaml:"clientSecret"`
	// CallbackURL is empty for Portico's own address of it.
	CallbackURL      string   `yaml:"callbackUrl"`
	AdditionalScopes []string `yaml:"additionalScopes"`
	// SessionDuration is how long a browser stays signed in at most.
	SessionDuration time.Duration `yaml:"sessionDuration"`
	SignIn          SignIn        `yaml:"signIn"`
	// Prompt is the OpenID parameter; empty is the provider's preset, and auto none.
	Prompt string `yaml:"prompt"`
	// StartURLSearchParams are further parameters of the address to which browsers are sent.
	StartURLSearchParams map[string]string `yaml:"startUrlSearchParams"`
	// TokenEndpointAuthMethod is how the client authenticates; empty is as the provider lists.
	TokenEndpointAuthMethod string `yaml:"tokenEndpointAuthMethod"`
	// The rest says where the provider is, and what is particular about it.
	MetadataURL     string `yaml:"metadataUrl"`
	Issuer          string `yaml:"issuer"`
	Audience        string `yaml:"audience"`
	AuthServerID    string `yaml:"authServerId"`
	IDP             string `yaml:"idp"`
	TenantID        string `yaml:"tenantId"`
	DomainHint      string `yaml:"domainHint"`
	Domain          string `yaml:"domain"`
	Connection      string `yaml:"connection"`
	ConnectionScope string `yaml:"connectionScope"`
	Organization    string `yaml:"organization"`
	// EnterpriseInstanceURL is empty for github.com.
	EnterpriseInstanceURL string `yaml:"enterpriseInstanceUrl"`
}

// GCPIAP is Google Cloud's Identity-Aware Proxy.
type GCPIAP struct {
	Audience  string `yaml:"audience"`
	JWTHeader string `yaml:"jwtHeader"`
	SignIn    SignIn `yaml:"signIn"`
}

// CFAccess is Cloudflare Access.
type CFAccess struct {
	TeamName      string `yaml:"teamName"`
	Audience      string `yaml:"audience"`
	JWTHeaderName string `yaml:"jwtHeaderName"`
	SignIn        SignIn `yaml:"signIn"`
}

// AWSALB is an Application Load Balancer of AWS.
type AWSALB struct {
	Issuer string `yaml:"issuer"`
	Signer string `yaml:"signer"`
	Region string `yaml:"region"`
	SignIn SignIn `yaml:"signIn"`
}

// OAuth2Proxy is oauth2-proxy, which passes on the identity tokens of its OpenID provider.
type OAuth2Proxy struct {
	Issuer    string `yaml:"issuer"`
	Audience  string `yaml:"audience"`
	JWTHeader string `yaml:"jwtHeader"`
	SignIn    SignIn `yaml:"signIn"`
}

// SignIn decides which user of the catalog somebody is.
type SignIn struct {
	Resolvers []SignInResolver `yaml:"resolvers"`
}

// SignInResolver is one way to find the user. The first that finds one counts.
type SignInResolver struct {
	Resolver                                   string   `yaml:"resolver"`
	AllowedDomains                             []string `yaml:"allowedDomains"`
	DangerouslyAllowSignInWithoutUserInCatalog bool     `yaml:"dangerouslyAllowSignInWithoutUserInCatalog"`
	// Expression is that of the resolver expression, in CEL.
	Expression string `yaml:"expression"`
}

// Guest signs everybody in as one user, without credentials.
type Guest struct {
	UserEntityRef string `yaml:"userEntityRef"`
	// OwnershipEntityRefs are the references by which the guest owns entities; empty means its own.
	OwnershipEntityRefs                []string `yaml:"ownershipEntityRefs"`
	DangerouslyAllowOutsideDevelopment bool     `yaml:"dangerouslyAllowOutsideDevelopment"`
}
