package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
)

// serviceType is the type of the tokens that Portico issues for machines. Backstage's backends know none of
// this type, and accept none.
const serviceType = "vnd.portico.service"

// serviceClaims are those of a service's token.
type serviceClaims struct {
	jwt.Claims

	Restrictions []Restriction `json:"access"`
}

// IssueService creates a token for a machine that may do only what the restrictions allow. It lasts for
// TokenLifetime at most.
func (i *Issuer) IssueService(ctx context.Context, subject string, restrictions []Restriction, lifetime time.Duration) (string, error) {
	key, err := i.keys.newest(ctx)
	if err != nil {
		return "", err
	}
	now := i.now()
	token, err := key.sign(serviceType, serviceClaims{Restrictions: restrictions, Claims: jwt.Claims{Issuer: i.url, Subject: subject,
		Audience: jwt.Audience{serviceType}, ID: uuid.NewString(), IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(min(lifetime, TokenLifetime)))}})
	if err != nil {
		return "", fmt.Errorf("sign a token for %s: %w", subject, err)
	}
	return token, nil
}

// verifyService returns the principal of a service's token.
func (i *Issuer) verifyService(ctx context.Context, token string) (Principal, error) {
	var claims serviceClaims
	if err := i.signed(ctx, token, serviceType, &claims); err != nil {
		return Principal{}, err
	}
	expected := jwt.Expected{Issuer: i.url, AnyAudience: jwt.Audience{serviceType}, Time: i.now()}
	if err := claims.ValidateWithLeeway(expected, clockSkew); err != nil {
		return Principal{}, refusedClaims(err)
	}
	restrictions := append([]Restriction{}, claims.Restrictions...) // nil would be none
	return Principal{Kind: KindService, Subject: claims.Subject, Restrictions: restrictions, Token: token}, nil
}
