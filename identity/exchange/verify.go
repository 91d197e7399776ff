package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

const (
	// clockSkew is the tolerated difference between the issuer's clock and ours.
	clockSkew = 30 * time.Second
	// maxToken bounds a token in bytes.
	maxToken = 16 << 10
	// maxSubject bounds the subject, which becomes part of a name.
	maxSubject = 500
)

// Trusted is an issuer of jobs' tokens.
type Trusted struct {
	// Issuer is the claim iss of its tokens.
	Issuer string
	// Keys are its keys.
	Keys *identity.KeySource
	// Rules are tried in order.
	Rules []Rule
}

// verify checks a token: issuer, signature, audience and times. Keys are fetched only from configured issuers.
func (s *Service) verify(ctx context.Context, token string) (job, error) {
	if len(token) > maxToken {
		return job{}, refused("it is too large")
	}
	parsed, err := jwt.ParseSigned(token, identity.PublicKeyAlgorithms)
	if err != nil {
		return job{}, refused("it is no JSON Web Token that is signed with a public key's algorithm")
	}
	var unverified jwt.Claims
	if parsed.UnsafeClaimsWithoutVerification(&unverified) != nil {
		return job{}, refused("its claims cannot be read")
	}
	trusted := s.trusted(unverified.Issuer)
	if trusted == nil {
		return job{}, refused("its issuer is not configured in portico.tokenExchange")
	}
	claims, err := trusted.claims(ctx, parsed)
	if err != nil {
		return job{}, err
	}
	if err := s.accepts(trusted, claims.Claims); err != nil {
		return job{}, err
	}
	return job{trusted, claims.Subject, claims.texts, claims.Expiry.Time(), identify(trusted.Issuer, claims)}, nil
}

func (s *Service) trusted(issuer string) *Trusted {
	for n := range s.Trusted {
		if s.Trusted[n].Issuer == issuer {
			return &s.Trusted[n]
		}
	}
	return nil
}

// verified are the claims of a token that a key of its issuer has signed.
type verified struct {
	jwt.Claims

	// payload is what was signed, and texts are all its claims that are texts, numbers or truth values.
	payload json.RawMessage
	texts   map[string]string
}

// claims are those of a token that one of the issuer's keys has signed.
func (t *Trusted) claims(ctx context.Context, parsed *jwt.JSONWebToken) (verified, error) {
	header := parsed.Headers[0]
	keys, err := t.Keys.Find(ctx, header.Algorithm, header.KeyID)
	if err != nil {
		return verified{}, fault.Wrap(fault.Unavailable, err, "The token cannot be checked now: the keys of %s could not be fetched. Try again later", t.Issuer)
	}
	for _, key := range keys {
		var found verified
		var all map[string]json.RawMessage
		if parsed.Claims(key, &found.Claims, &all, &found.payload) == nil {
			found.texts = texts(all)
			return found, nil
		}
	}
	return verified{}, refused("no key of its issuer has signed it")
}

// texts are the claims that are texts, numbers or truth values.
func texts(claims map[string]json.RawMessage) map[string]string {
	found := map[string]string{}
	for name, encoded := range claims {
		var text string
		switch {
		case len(encoded) == 0 || encoded[0] == '{' || encoded[0] == '[' || string(encoded) == "null":
		case encoded[0] != '"':
			found[name] = string(encoded)
		case json.Unmarshal(encoded, &text) == nil:
			found[name] = text
		}
	}
	return found
}

// accepts checks the claims that every token has.
func (s *Service) accepts(trusted *Trusted, claims jwt.Claims) error {
	expected := jwt.Expected{Issuer: trusted.Issuer, AnyAudience: jwt.Audience{s.Audience}, Time: time.Now()}
	switch err := claims.ValidateWithLeeway(expected, clockSkew); {
	case errors.Is(err, jwt.ErrInvalidAudience):
		return refused("it is for another audience than " + s.Audience)
	case errors.Is(err, jwt.ErrExpired):
		return refused("it has expired")
	case err != nil:
		return refused("it is not valid yet")
	case claims.Expiry == nil:
		return refused("it never expires")
	case claims.Subject == "" || len(claims.Subject) > maxSubject:
		return refused("it has no subject, or a too long one")
	}
	return nil
}

func refused(reason string) error {
	return fault.New(fault.Authentication, "The token is not accepted: %s", reason)
}
