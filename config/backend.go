package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// Backend is the HTTP server. BaseURL defaults to a URL built from Listen.
type Backend struct {
	BaseURL string `yaml:"baseUrl"`
	// TrustProxy are the trusted proxies as written; see TrustedProxies.
	TrustProxy []string    `yaml:"trustProxy"`
	Listen     Listen      `yaml:"listen"`
	Auth       BackendAuth `yaml:"auth"`
	Reading    Reading     `yaml:"reading"`
	// CORS is nil when no other origin may call the API. No CORS headers are sent then.
	CORS *CORS `yaml:"cors"`
	CSP  CSP   `yaml:"csp"`
	// RateLimit is nil when no address is limited.
	RateLimit *RateLimits `yaml:"rateLimit"`
}

// RateLimits are the limits of each address: for all requests, and for those to single plugins.
type RateLimits struct {
	RateLimit `yaml:",inline"`

	// Global enables the limit for all requests.
	Global bool                 `yaml:"global"`
	Plugin map[string]RateLimit `yaml:"plugin"`
}

// RateLimit is how many requests of one address are served in a window.
type RateLimit struct {
	Window               time.Duration `yaml:"window"`
	IncomingRequestLimit int           `yaml:"incomingRequestLimit"`
	// IPAllowList are the addresses without the limit.
	IPAllowList            []string `yaml:"ipAllowList"`
	SkipSuccessfulRequests bool     `yaml:"skipSuccessfulRequests"`
	SkipFailedRequests     bool     `yaml:"skipFailedRequests"`
}

// Exempt is IPAllowList as addresses.
func (l RateLimit) Exempt() []netip.Addr {
	var addresses []netip.Addr
	for _, text := range l.IPAllowList {
		address, _ := netip.ParseAddr(text) // the schema has checked it
		addresses = append(addresses, address.Unmap())
	}
	return addresses
}

// Listen is a listen address. An empty Host is every interface, Port 0 is any free port.
type Listen struct {
	Host string `yaml:"host"`
	Port int    `yaml:"port"`
}

// Reading lists further hosts from which URLs may be read, in addition to those of the integrations.
type Reading struct {
	Allow []ReadingAllow `yaml:"allow"`
}

// ReadingAllow is one such host: "example.com", "example.com:8080", "example.com:8000-9000" or
// "*.example.com". Paths, when not empty, are the only path prefixes allowed.
type ReadingAllow struct {
	Host  string   `yaml:"host"`
	Paths []string `yaml:"paths"`
}

// CSP is the part of Backstage's content security policy that Portico supports.
type CSP struct {
	// ImageSources are the sources of pictures. Nil is the portal itself and the hosts of the integrations.
	ImageSources []string `yaml:"img-src"`
}

// CORS lists the web origins that may call the API. Origin has globs.
type CORS struct {
	Origin         []string      `yaml:"origin"`
	Methods        []string      `yaml:"methods"`
	AllowedHeaders []string      `yaml:"allowedHeaders"`
	ExposedHeaders []string      `yaml:"exposedHeaders"`
	Credentials    bool          `yaml:"credentials"`
	MaxAge         time.Duration `yaml:"maxAge"`
}

// BackendAuth is the authentication of machines that call the API.
type BackendAuth struct {
	ExternalAccess []ExternalAccess `yaml:"externalAccess"`
	// Keys is Backstage's older form of entries of type legacy.
	Keys []SharedKey `yaml:"keys"`
}

// SharedKey is a base64 secret with which Backstage's older backends sign tokens for each other.
type SharedKey struct {
	Secret Secret `yaml:"secret"`
}

// Types of ExternalAccess.
const (
	AccessStatic = "static"
	AccessLegacy = "legacy"
	AccessJWKS   = "jwks"
)

// ExternalAccess is one kind of token for machines.
type ExternalAccess struct {
	// Type is static for a fixed token, legacy for tokens that are signed with a shared secret, and jwks for
	// tokens of an issuer who publishes its keys. Options has the values of this type only.
	Type    string                `yaml:"type"`
	Options ExternalAccessOptions `yaml:"options"`
	// AccessRestrictions, when not empty, limit what the tokens may do.
	AccessRestrictions []AccessRestriction `yaml:"accessRestrictions"`
}

// ExternalAccessOptions identify the tokens.
type ExternalAccessOptions struct {
	// Token is the token of a static entry. Secret is the secret of a legacy one, in base64.
	Token  Secret `yaml:"token"`
	Secret Secret `yaml:"secret"`
	// Subject is the name of the holder of a static or legacy token.
	Subject string `yaml:"subject"`
	// The rest is for jwks: the URL of the keys, and the claims that tokens must have. An empty list accepts
	// any claim.
	URL           string   `yaml:"url"`
	Issuer        []string `yaml:"issuer"`
	Audience      []string `yaml:"audience"`
	Algorithm     []string `yaml:"algorithm"`
	SubjectPrefix string   `yaml:"subjectPrefix"`
}

// AccessRestriction allows one plugin. Permissions, when not empty, are the only ones allowed.
type AccessRestriction struct {
	Plugin              string              `yaml:"plugin"`
	Permission          []string            `yaml:"permission"`
	PermissionAttribute PermissionAttribute `yaml:"permissionAttribute"`
}

// PermissionAttribute limits a restriction to permissions with one of these actions (create, read, update,
// delete).
type PermissionAttribute struct {
	Action []string `yaml:"action"`
}

// derive parses an address that was written as one string, which decoding has stored in Host.
func (l *Listen) derive() {
	if host, port, err := splitListen(l.Host); err == nil {
		l.Host, l.Port = host, port
	}
}

// splitListen reads host:port or :port.
func splitListen(address string) (string, int, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port", address)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q has no port between 0 and 65535", address)
	}
	return host, int(port), nil
}

func (l *Listen) url() string {
	host := l.Host
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "localhost"
	}
	return (&url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.Itoa(l.Port))}).String()
}
