package proxy

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/codeflow"
)

// AWSALB is Backstage's name of the provider for an Application Load Balancer of AWS.
const AWSALB = "awsalb"

// albHeader has the assertion.
const albHeader = "x-amzn-oidc-data"

// ALB verifies the assertions of an Application Load Balancer:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html. They are
// no JSON Web Tokens by the letter: their parts are padded, and the load balancer that signed one is named in
// its header.
type ALB struct {
	issuer, signer string
	keys           *keyFiles
	now            func() time.Time
}

var _ provider.Proxy = (*ALB)(nil)

// ALBOptions describe a load balancer. All fields but the last two are required.
type ALBOptions struct {
	// Issuer is the OpenID issuer that is configured at the load balancer, and Signer the load balancer's ARN.
	// All load balancers of a region sign with the same keys.
	Issuer, Signer string
	// KeysURL is the address below which each key is, by its id.
	KeysURL string
	// Transport fetches the keys; nil is http.DefaultTransport.
	Transport http.RoundTripper
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

var (
	regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)
	signerARN  = regexp.MustCompile(`^arn:aws[a-z-]*:elasticloadbalancing:([a-z0-9-]+):[0-9]{12}:loadbalancer/app/[^/]+/[0-9a-f]+$`)
)

// ConfigureALB converts the configuration of a load balancer. Backstage does without the signer, and accepts
// what any load balancer of the region has signed: everybody can have one.
func ConfigureALB(configured config.AWSALB) (ALBOptions, error) {
	if !regionName.MatchString(configured.Region) {
		return ALBOptions{}, errors.New("region must be the load balancer's region, such as eu-central-1")
	}
	if configured.Issuer == "" {
		return ALBOptions{}, errors.New("issuer is missing: it is the OpenID issuer that is configured at the load balancer")
	}
	parts := signerARN.FindStringSubmatch(configured.Signer)
	if parts == nil {
		return ALBOptions{}, errors.New("signer must be the load balancer's ARN, such as " +
			"arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/portico/0123456789abcdef: all load balancers of a region sign with the same keys")
	}
	if parts[1] != configured.Region {
		return ALBOptions{}, errors.New("signer is a load balancer of the region " + parts[1] + ", and region is " + configured.Region)
	}
	keys := "https://public-keys.auth.elb." + configured.Region + ".amazonaws.com/"
	if strings.HasPrefix(configured.Region, "us-gov-") {
		keys = "https://s3-" + configured.Region + ".amazonaws.com/aws-elb-public-keys-prod-" + configured.Region + "/"
	}
	return ALBOptions{Issuer: configured.Issuer, Signer: configured.Signer, KeysURL: keys}, nil
}

// NewALB makes no request.
func NewALB(options ALBOptions) *ALB {
	if options.Now == nil {
		options.Now = time.Now
	}
	return &ALB{issuer: options.Issuer, signer: options.Signer, now: options.Now, keys: newKeyFiles(options.KeysURL, codeflow.Client(options.Transport), options.Now)}
}

// albAssertion is an assertion whose signature was not verified yet.
type albAssertion struct {
	header albTerms
	claims albClaims
	// signed is what the signature is of.
	signed    string
	signature []byte
}

// albTerms are the parts of an assertion's header.
type albTerms struct {
	Algorithm string           `json:"alg"`
	KeyID     string           `json:"kid"`
	Signer    string           `json:"signer"`
	Issuer    string           `json:"iss"`
	Expiry    *jwt.NumericDate `json:"exp"`
}

type albClaims struct {
	claims

	Picture string `json:"picture"`
	// EmailVerified is a boolean or its text, if the issuer says it at all.
	EmailVerified any `json:"email_verified"`
}

// Identify verifies the assertion in the headers: signer, issuer, times and signature.
func (a *ALB) Identify(ctx context.Context, headers http.Header) (provider.Person, error) {
	encoded, err := provider.OnlyHeader(AWSALB, albHeader, headers)
	if err != nil {
		return provider.Person{}, err
	}
	assertion, reason := parseALB(encoded)
	if reason == "" {
		reason = a.refusal(assertion)
	}
	if reason != "" {
		return provider.Person{}, invalid(AWSALB, reason)
	}
	key, err := a.keys.find(ctx, assertion.header.KeyID)
	if err != nil {
		return provider.Person{}, codeflow.Unavailable(AWSALB, err)
	}
	if key == nil || !isSignedBy(key, assertion) {
		return provider.Person{}, invalid(AWSALB, "no key of the region has signed it")
	}
	a.keys.keep(assertion.header.KeyID, key)
	stated := assertion.claims
	email := stated.Email
	if stated.EmailVerified == false || stated.EmailVerified == "false" {
		email = ""
	}
	return provider.Person{Subject: stated.Subject, UserID: stated.Subject, Profile: provider.Profile{Email: email, DisplayName: stated.Name, Picture: stated.Picture},
		Claims: stated.all}, nil
}

// parseALB reads an assertion without trusting it. The reason says why it is none.
func parseALB(encoded string) (assertion albAssertion, reason string) {
	const none = "it is no signed assertion"
	parts := strings.Split(encoded, ".")
	if len(parts) != 3 {
		return albAssertion{}, none
	}
	var decoded [3][]byte
	for n, part := range parts {
		var err error
		if decoded[n], err = base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(part, "=")); err != nil {
			return albAssertion{}, none
		}
	}
	assertion = albAssertion{signed: parts[0] + "." + parts[1], signature: decoded[2]}
	if json.Unmarshal(decoded[0], &assertion.header) != nil || json.Unmarshal(decoded[1], &assertion.claims) != nil || json.Unmarshal(decoded[1], &assertion.claims.all) != nil {
		return albAssertion{}, none
	}
	return assertion, ""
}

// refusal is the reason why an assertion is not acceptable whoever signed it, "" without one. The load balancer
// states issuer and expiry in the header, and those of the issuer's answer may be among the claims too.
func (a *ALB) refusal(assertion albAssertion) string {
	header, stated := assertion.header, assertion.claims
	if header.Algorithm != "ES256" {
		return "it is not signed with ES256"
	}
	if header.Signer != a.signer {
		return "another load balancer is its signer"
	}
	if cmp.Or(header.Issuer, stated.Issuer) != a.issuer || cmp.Or(stated.Issuer, header.Issuer) != a.issuer {
		return "it is of another issuer"
	}
	if header.Expiry == nil && stated.Expiry == nil {
		return "it never expires"
	}
	now := a.now()
	for _, expiry := range []*jwt.NumericDate{header.Expiry, stated.Expiry} {
		if expiry != nil && now.After(expiry.Time().Add(clockSkew)) {
			return "it is expired"
		}
	}
	if stated.NotBefore != nil && now.Add(clockSkew).Before(stated.NotBefore.Time()) {
		return "it is not valid yet"
	}
	if stated.Subject == "" {
		return "it is about nobody"
	}
	return ""
}

// isSignedBy verifies a signature with ES256 (RFC 7518, section 3.4): two numbers of 32 bytes.
func isSignedBy(key *ecdsa.PublicKey, assertion albAssertion) bool {
	if len(assertion.signature) != 64 {
		return false
	}
	digest := sha256.Sum256([]byte(assertion.signed))
	r, s := new(big.Int).SetBytes(assertion.signature[:32]), new(big.Int).SetBytes(assertion.signature[32:])
	return ecdsa.Verify(key, digest[:], r, s)
}
