package identity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/portico-dev/portico/fault"
)

// ExternalAccess is one entry of backend.auth.externalAccess: a kind of token for machines, and its
// restrictions.
type ExternalAccess struct {
	recognizer   recognizer
	restrictions []Restriction
}

// recognizer authenticates one kind of token.
type recognizer interface {
	// subject is the token's subject, "" for a token of another kind.
	subject(ctx context.Context, token bearer) (string, error)
}

// StaticAccess is the entry of type static: one fixed token. Nil restrictions are none.
func StaticAccess(token, subject string, restrictions []Restriction) ExternalAccess {
	return ExternalAccess{&staticToken{sha256.Sum256([]byte(token)), subject}, restrictions}
}

// LegacyAccess is the entry of type legacy: tokens that Backstage's older backends issue for each other,
// signed with a shared secret. Nil restrictions are none.
func LegacyAccess(secret []byte, subject string, restrictions []Restriction) ExternalAccess {
	// HMAC pads a key with zeros (RFC 2104), so padding does not change the result. go-jose requires 32
	// bytes, and Backstage suggests 24.
	padding := make([]byte, max(0, sha256.Size-len(secret)))
	return ExternalAccess{&legacyToken{key: append(bytes.Clone(secret), padding...), name: subject}, restrictions}
}

// KeySet configures the tokens of an entry of type jwks: those of an issuer who publishes its keys.
type KeySet struct {
	// URL is the address of the JSON Web Key Set (RFC 7517).
	URL string
	// Issuers, Audiences and Algorithms, when not empty, list the accepted values; a token must have one of
	// them. Only algorithms with public keys are accepted.
	Issuers, Audiences, Algorithms []string
	// SubjectPrefix, when not empty, is inserted between "external:" and the token's subject.
	SubjectPrefix string
	// Client fetches the keys; nil is a new one. Log reports failures to fetch; nil is slog's default.
	Client *http.Client
	Log    *slog.Logger
}

// KeySetAccess is the entry of type jwks. Nil restrictions are none.
func KeySetAccess(configured KeySet, restrictions []Restriction) ExternalAccess {
	token := &keySetToken{
		keys:    NewKeySource(configured.URL, configured.Client, configured.Log),
		issuers: configured.Issuers, audiences: configured.Audiences, algorithms: configured.Algorithms, prefix: "external:",
	}
	if len(token.algorithms) == 0 {
		token.algorithms = publishable()
	}
	if configured.SubjectPrefix != "" {
		token.prefix += configured.SubjectPrefix + ":"
	}
	return ExternalAccess{token, restrictions}
}

// PublicKeyAlgorithms are the algorithms of signatures that are verified with a public key. It is not changed.
var PublicKeyAlgorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// publishable lists the names of the algorithms with which a KeySet's token may be signed.
func publishable() []string {
	names := make([]string, len(PublicKeyAlgorithms))
	for n, algorithm := range PublicKeyAlgorithms {
		names[n] = string(algorithm)
	}
	return names
}

// maxToken bounds, in bytes, a token that is parsed.
const maxToken = 32 << 10

// bearer is a token as it was received. It is not verified.
type bearer struct {
	raw string
	// jwt is nil, and the rest empty, when the token is not a JWT.
	jwt *jwt.JSONWebToken
	// kind is the header typ.
	kind, algorithm, keyID string
	claims                 jwt.Claims
}

func readBearer(token string) bearer {
	opaque := bearer{raw: token}
	if len(token) > maxToken {
		return opaque
	}
	parsed, err := jwt.ParseSigned(token, append([]jose.SignatureAlgorithm{jose.HS256}, PublicKeyAlgorithms...))
	if err != nil {
		return opaque
	}
	read := bearer{raw: token, jwt: parsed, algorithm: parsed.Headers[0].Algorithm, keyID: parsed.Headers[0].KeyID}
	if parsed.UnsafeClaimsWithoutVerification(&read.claims) != nil {
		return opaque
	}
	read.kind, _ = parsed.Headers[0].ExtraHeaders[jose.HeaderType].(string)
	return read
}

// verified returns the claims of a JWT that one of the keys has signed; false otherwise.
func (b bearer) verified(keys ...any) (jwt.Claims, bool) {
	for _, key := range keys {
		var claims jwt.Claims
		if b.jwt.Claims(key, &claims) == nil {
			return claims, true
		}
	}
	return jwt.Claims{}, false
}

// staticToken is one token, stored as its hash: comparing hashes takes the same time for every wrong token.
type staticToken struct {
	hash [sha256.Size]byte
	name string
}

func (s *staticToken) subject(_ context.Context, token bearer) (string, error) {
	presented := sha256.Sum256([]byte(token.raw))
	if subtle.ConstantTimeCompare(presented[:], s.hash[:]) == 0 {
		return "", nil
	}
	return s.name, nil
}

// legacyToken accepts tokens signed with a shared secret.
type legacyToken struct {
	key  []byte
	name string
}

// legacySubject is the subject of every legacy token.
const legacySubject = "backstage-server"

func (l *legacyToken) subject(_ context.Context, token bearer) (string, error) {
	if token.algorithm != string(jose.HS256) || token.claims.Subject != legacySubject || len(token.claims.Audience) > 0 {
		return "", nil
	}
	claims, signed := token.verified(l.key)
	if !signed {
		return "", nil
	}
	return l.name, checkTime(claims)
}

// checkTime rejects a token that is not valid yet or has expired.
func checkTime(claims jwt.Claims) error {
	if err := claims.ValidateWithLeeway(jwt.Expected{Time: time.Now()}, clockSkew); err != nil {
		return refusedClaims(err)
	}
	return nil
}

// refusedClaims is the refusal of a signed token whose times, issuer or audience are not accepted.
func refusedClaims(err error) error {
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return fault.Wrap(fault.Authentication, err, "This token has expired")
	case errors.Is(err, jwt.ErrInvalidIssuer) || errors.Is(err, jwt.ErrInvalidAudience):
		return fault.Wrap(fault.Authentication, err, "Illegal token")
	default:
		return fault.Wrap(fault.Authentication, err, "This token is not valid yet")
	}
}

// ErrExpired is in the error chain for an expired token.
var ErrExpired = jwt.ErrExpired

// keySetToken accepts tokens signed with published keys.
type keySetToken struct {
	keys                           *KeySource
	issuers, audiences, algorithms []string
	prefix                         string
}

func (k *keySetToken) subject(ctx context.Context, token bearer) (string, error) {
	// Checking the unverified claims first avoids requests to the issuer for the tokens of others.
	if token.jwt == nil || !slices.Contains(k.algorithms, token.algorithm) || !k.takes(token.claims) {
		return "", nil
	}
	keys, err := k.keys.Find(ctx, token.algorithm, token.keyID)
	if err != nil {
		return "", fault.Wrap(fault.Unavailable, err, "This token cannot be checked now: the keys of its issuer could not be fetched")
	}
	claims, signed := token.verified(keys...)
	if !signed || claims.Subject == "" {
		return "", nil
	}
	if claims.Expiry == nil {
		return "", fault.New(fault.Authentication, "This token never expires, and is refused for that")
	}
	return k.prefix + claims.Subject, checkTime(claims)
}

func (k *keySetToken) takes(claims jwt.Claims) bool {
	if len(k.issuers) > 0 && !slices.Contains(k.issuers, claims.Issuer) {
		return false
	}
	return len(k.audiences) == 0 || slices.ContainsFunc(k.audiences, func(audience string) bool { return claims.Audience.Contains(audience) })
}
