package identity

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/plainjson"
)

// limitedType is the type of limited user tokens. They only read what a route that accepts them serves, and
// cannot become full tokens.
const limitedType = "vnd.backstage.limited-user"

// A user token contains the signature of its limited token in the claim uip, so that every backend can make
// the limited token without a key. That works only if all of them encode the header and the claims in the same
// way: these members in this order.
type (
	limitedHeader struct {
		Type      string `json:"typ"`
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
	}
	limitedClaims struct {
		Subject  string           `json:"sub"`
		IssuedAt *jwt.NumericDate `json:"iat"`
		Expiry   *jwt.NumericDate `json:"exp"`
	}
)

// unsignedLimited is what the signature of a limited token is made over.
func unsignedLimited(keyID string, of jwt.Claims) (string, error) {
	header, err := plainjson.Marshal(limitedHeader{limitedType, string(jose.ES256), keyID})
	if err != nil {
		return "", fmt.Errorf("encode the header of a limited token: %w", err)
	}
	claims, err := plainjson.Marshal(limitedClaims{of.Subject, of.IssuedAt, of.Expiry})
	if err != nil {
		return "", fmt.Errorf("encode the claims of a limited token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims), nil
}

// Limited is a limited user token.
type Limited struct {
	Token     string
	ExpiresAt time.Time
}

// Limit makes the limited token of a user token, which the caller has verified. The limited token of a limited
// token is itself.
func Limit(token string) (Limited, error) {
	presented := readBearer(token)
	if presented.jwt == nil || presented.claims.Expiry == nil {
		return Limited{}, fault.New(fault.Authentication, "Failed to create limited user token, invalid token type")
	}
	expiresAt := presented.claims.Expiry.Time()
	if presented.kind == limitedType {
		return Limited{token, expiresAt}, nil
	}
	var claims userClaims
	if presented.kind != tokenType || presented.jwt.UnsafeClaimsWithoutVerification(&claims) != nil || claims.Proof == "" {
		return Limited{}, fault.New(fault.Authentication, "Failed to create limited user token, invalid token type")
	}
	unsigned, err := unsignedLimited(presented.keyID, claims.Claims)
	if err != nil {
		return Limited{}, err
	}
	return Limited{unsigned + "." + claims.Proof, expiresAt}, nil
}

// verifyLimited returns the principal of a limited token. Limited tokens name neither issuer nor audience.
func (i *Issuer) verifyLimited(ctx context.Context, token string) (Principal, error) {
	var claims jwt.Claims
	if err := i.signed(ctx, token, limitedType, &claims); err != nil {
		return Principal{}, err
	}
	if claims.Subject == "" || claims.Expiry == nil || claims.IssuedAt == nil {
		return Principal{}, fault.New(fault.Authentication, "Failed user token verification")
	}
	if err := claims.ValidateWithLeeway(jwt.Expected{Time: i.now()}, clockSkew); err != nil {
		return Principal{}, fault.Wrap(fault.Authentication, err, "Failed user token verification")
	}
	ownership, err := i.ownerships.of(ctx, claims.Subject)
	if err != nil {
		return Principal{}, err
	}
	return Principal{Kind: KindUser, Subject: claims.Subject, Ownership: ownership, Token: token}, nil
}
