package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"github.com/portico-dev/portico/fault"
)

// runType is the type of the tokens with which a step of a run calls Portico's API as the run's starter. Backstage's
// backends know none of this type, and accept none.
const runType = "vnd.portico.run"

// RunTokenLifetime is how long such a token is valid: as long as a request may take.
const RunTokenLifetime = 2 * time.Minute

// runClaims are those of a run's token. It says whom the run acts as: sessions and ownership of today do not count,
// as in everything else that a run does.
type runClaims struct {
	jwt.Claims

	Run       string   `json:"run"`
	Plugin    string   `json:"plugin"`
	Kind      Kind     `json:"kind"`
	Ownership []string `json:"ent,omitempty"`
	// Restricted says that there are restrictions, of which there may be none.
	Restricted   bool          `json:"restricted,omitempty"`
	Restrictions []Restriction `json:"access,omitempty"`
}

// IssueRun creates a token with which a run calls one plugin of Portico as its starter, with what the starter may do
// and no more. It becomes no other token.
func (i *Issuer) IssueRun(ctx context.Context, run string, starter Principal, plugin string) (string, error) {
	if starter.Kind != KindUser && starter.Kind != KindService {
		return "", fault.New(fault.NotAllowed, "The run has no record of who started it, so it cannot act for them")
	}
	key, err := i.keys.newest(ctx)
	if err != nil {
		return "", err
	}
	now := i.now()
	token, err := key.sign(runType, runClaims{Run: run, Plugin: plugin, Kind: starter.Kind, Ownership: starter.Ownership,
		Restricted: starter.Restrictions != nil, Restrictions: starter.Restrictions,
		Claims: jwt.Claims{Issuer: i.url, Subject: starter.Subject, Audience: jwt.Audience{runType}, ID: uuid.NewString(),
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(RunTokenLifetime))}})
	if err != nil {
		return "", fmt.Errorf("sign a token for run %s: %w", run, err)
	}
	return token, nil
}

// IssueShort creates a token of the user for another backend, which knows user tokens only. It is valid as briefly
// as a run's own token. A service gets none: "".
func (i *Issuer) IssueShort(ctx context.Context, user Principal) (string, error) {
	if user.Kind != KindUser || user.Restrictions != nil {
		return "", nil // what a user token says about its holder has no restrictions
	}
	return i.issueUser(ctx, uuid.Nil, user.Subject, user.Ownership, RunTokenLifetime)
}

// verifyRun returns the principal of a run's token.
func (i *Issuer) verifyRun(ctx context.Context, token string) (Principal, error) {
	var claims runClaims
	if err := i.signed(ctx, token, runType, &claims); err != nil {
		return Principal{}, err
	}
	expected := jwt.Expected{Issuer: i.url, AnyAudience: jwt.Audience{runType}, Time: i.now()}
	if err := claims.ValidateWithLeeway(expected, clockSkew); err != nil {
		return Principal{}, refusedClaims(err)
	}
	if claims.Kind != KindUser && claims.Kind != KindService || claims.Plugin == "" {
		return Principal{}, fault.New(fault.Authentication, "Illegal token")
	}
	caller := Principal{Kind: claims.Kind, Subject: claims.Subject, Ownership: claims.Ownership, Via: "run:" + claims.Run, Only: claims.Plugin, Token: token}
	if claims.Restricted {
		caller.Restrictions = append([]Restriction{}, claims.Restrictions...) // nil would be none
	}
	return caller, nil
}
