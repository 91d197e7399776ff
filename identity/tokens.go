package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/portico-dev/portico/fault"
)

const (
	// tokenType and audience are what Backstage's user tokens carry.
	tokenType = "vnd.backstage.user" //nolint:gosec // a type, not a token
	audience  = "backstage"
	// TokenLifetime is how long a user token is good for; the portal asks for a new one before.
	TokenLifetime = time.Hour
	// clockSkew is how far the clocks of two servers may be apart.
	clockSkew = 30 * time.Second
)

// Issuer makes and checks user tokens: ES256 JWTs of the same form as Backstage's.
type Issuer struct {
	url    string
	key    *ecdsa.PrivateKey
	keyID  string
	signer jose.Signer
	now    func() time.Time
}

// NewIssuer derives its signing key from a secret, so that every process with the same secret accepts the others'
// tokens and a restart signs nobody out. url is the issuer named in the tokens, <backend.baseUrl>/api/auth.
func NewIssuer(url string, secret []byte) (*Issuer, error) {
	key, err := deriveKey(secret)
	if err != nil {
		return nil, fmt.Errorf("derive the key for user tokens: %w", err)
	}
	public := jose.JSONWebKey{Key: &key.PublicKey}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("name the key for user tokens: %w", err)
	}
	keyID := base64.RawURLEncoding.EncodeToString(thumbprint)
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: keyID}},
		(&jose.SignerOptions{}).WithType(tokenType))
	if err != nil {
		return nil, fmt.Errorf("prepare the signing of user tokens: %w", err)
	}
	return &Issuer{url: url, key: key, keyID: keyID, signer: signer, now: time.Now}, nil
}

// deriveKey makes a P-256 key out of a secret (HKDF, RFC 5869). Forty bytes taken modulo the order less one make every
// key as likely as any other (FIPS 186-5, A.2.1).
func deriveKey(secret []byte) (*ecdsa.PrivateKey, error) {
	seed, err := hkdf.Key(sha256.New, secret, nil, "portico user tokens", 40)
	if err != nil {
		return nil, err
	}
	one := big.NewInt(1)
	scalar := new(big.Int).SetBytes(seed)
	scalar.Mod(scalar, new(big.Int).Sub(elliptic.P256().Params().N, one)).Add(scalar, one)
	return ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar.FillBytes(make([]byte, 32)))
}

type userClaims struct {
	jwt.Claims
	// Ownership is Backstage's older ent claim.
	Ownership []string `json:"ent,omitempty"`
}

// Issue makes a token for a user who owns what ownership lists.
func (i *Issuer) Issue(userRef string, ownership []string) (string, error) {
	now := i.now()
	claims := userClaims{Ownership: ownership, Claims: jwt.Claims{Issuer: i.url, Subject: userRef, Audience: jwt.Audience{audience},
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(TokenLifetime))}}
	token, err := jwt.Signed(i.signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign a token for %s: %w", userRef, err)
	}
	return token, nil
}

// Verify is the principal of a user token. Any other token is a fault of kind Authentication.
func (i *Issuer) Verify(token string) (Principal, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return Principal{}, fault.Wrap(fault.Authentication, err, "Failed user token verification")
	}
	var claims userClaims
	if err := parsed.Claims(&i.key.PublicKey, &claims); err != nil {
		return Principal{}, fault.Wrap(fault.Authentication, err, "Failed user token verification")
	}
	expected := jwt.Expected{Issuer: i.url, AnyAudience: jwt.Audience{audience}, Time: i.now()}
	if err := claims.ValidateWithLeeway(expected, clockSkew); err != nil {
		return Principal{}, fault.Wrap(fault.Authentication, err, "Failed user token verification")
	}
	return Principal{Kind: KindUser, Subject: claims.Subject, Ownership: claims.Ownership, Token: token}, nil
}

// PublicKeys is the key set (RFC 7517) that others check user tokens with.
func (i *Issuer) PublicKeys() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &i.key.PublicKey, KeyID: i.keyID, Algorithm: string(jose.ES256), Use: "sig"}}}
}

// Authenticator turns bearer tokens into principals.
type Authenticator struct {
	issuer   *Issuer
	external []ExternalAccess
}

// NewAuthenticator knows the issuer's tokens, and those of machines, which are looked for in the order given.
func NewAuthenticator(issuer *Issuer, external []ExternalAccess) *Authenticator {
	return &Authenticator{issuer: issuer, external: external}
}

// Authenticate is the principal behind a token. It is a fault of kind Authentication when there is none, and of kind
// Unavailable when the keys that would tell cannot be had.
func (a *Authenticator) Authenticate(ctx context.Context, token string) (Principal, error) {
	presented := readBearer(token)
	if presented.kind == tokenType {
		return a.issuer.Verify(token)
	}
	var undecided error
	for _, access := range a.external {
		subject, err := access.recognizer.subject(ctx, presented)
		if err != nil {
			undecided = errors.Join(undecided, err)
			continue
		}
		if subject != "" {
			return Principal{Kind: KindService, Subject: subject, Restrictions: access.restrictions, Token: token}, nil
		}
	}
	if undecided != nil {
		return Principal{}, undecided
	}
	return Principal{}, fault.New(fault.Authentication, "Illegal token")
}
