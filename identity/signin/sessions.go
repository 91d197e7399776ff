package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/provider"
)

// idOf is the id of the session with this secret. The database does not have the secrets.
func idOf(secret string) []byte {
	hash := sha256.Sum256([]byte(secret))
	return hash[:]
}

// sealContext is the seal context of a session's tokens.
func sealContext(id []byte) string { return "session " + hex.EncodeToString(id) }

func (s *Service) sealTokens(id []byte, tokens provider.Tokens) ([]byte, error) {
	tokens.Access = "" // it is asked for anew each time
	plain, err := json.Marshal(tokens)
	if err != nil {
		return nil, fmt.Errorf("encode the tokens of a session: %w", err)
	}
	return s.Seals.Seal(plain, sealContext(id)), nil
}

func (s *Service) openTokens(id, sealed []byte) (provider.Tokens, error) {
	plain, err := s.Seals.Open(sealed, sealContext(id))
	if err != nil {
		return provider.Tokens{}, fmt.Errorf("open the tokens of a session: %w", err)
	}
	var tokens provider.Tokens
	if err := json.Unmarshal(plain, &tokens); err != nil {
		return provider.Tokens{}, fmt.Errorf("decode the tokens of a session: %w", err)
	}
	return tokens, nil
}

// begin stores a session and returns its secret.
func (s *Service) begin(ctx context.Context, client *Client, session uuid.UUID, userRef string, login provider.Login) (string, error) {
	secret := rand.Text()
	id := idOf(secret)
	sealed, err := s.sealTokens(id, login.Tokens)
	if err != nil {
		return "", err
	}
	address, userAgent := visitor(ctx)
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		err := s.queries.InsertSignInSession(ctx, tx, db.InsertSignInSessionParams{ID: id, SessionID: session, Provider: client.Provider, Environment: client.Environment,
			UserRef: userRef, Subject: login.Person.Subject, Tokens: sealed, Address: address, UserAgent: userAgent, LastsFor: client.SessionDuration.Seconds()})
		if err != nil {
			return err
		}
		return s.recordStart(ctx, tx, client.Provider, userRef, login.Person, audit.Changed("session", nil, session), audit.Secret("tokens"))
	})
	if err != nil {
		return "", fmt.Errorf("store the session of %s: %w", userRef, err)
	}
	return secret, nil
}

// maxUserAgent bounds what is stored of it, in bytes.
const maxUserAgent = 300

// visitor is where a request came from and what its program says about itself, nil where it is not known.
// Postgres stores neither NUL nor what is not UTF-8.
func visitor(ctx context.Context) (address, userAgent *string) {
	origin := audit.OriginOf(ctx)
	agent := strings.ReplaceAll(origin.UserAgent[:min(len(origin.UserAgent), maxUserAgent)], "\x00", "")
	return orNull(origin.Address), orNull(strings.ToValidUTF8(agent, ""))
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// recordStart records in the audit log that a person signed in as a user, and what was stored.
func (s *Service) recordStart(ctx context.Context, tx db.DBTX, id, userRef string, person provider.Person, stored ...audit.Change) error {
	changes := append([]audit.Change{audit.Changed("provider", nil, id), audit.Changed("subject", nil, person.Subject)}, stored...)
	return audit.Record(ctx, tx, actor(userRef), audit.SessionStart, userRef, changes...)
}

// actor is a user in the audit log.
func actor(userRef string) audit.Actor {
	return identity.Principal{Kind: identity.KindUser, Subject: userRef}.Actor()
}

// SignOut ends the session of the browser with this secret, here and at the provider. It returns the address
// to which the browser must be sent for the latter, "" when there is none. A browser without a session is
// signed out.
func (s *Service) SignOut(ctx context.Context, id, environment, secret string) (string, error) {
	if s.IsDirect(id) {
		return "", nil
	}
	client, err := s.client(id, environment)
	if err != nil {
		return "", err
	}
	tokens, err := s.remove(ctx, client.Provider, secret)
	if err != nil || tokens == nil {
		return "", err
	}
	return s.logOut(ctx, client, *tokens), nil
}

// logOut ends at the provider a session that has ended here. It returns the address to which the browser may
// be sent for the rest, "" when there is none.
func (s *Service) logOut(ctx context.Context, client *Client, tokens provider.Tokens) string {
	address, err := client.OAuth.Logout(ctx, tokens, s.ReturnTo)
	if err != nil {
		// What the provider keeps ends by itself.
		s.Log.WarnContext(ctx, "a session was ended here, and not at the provider", "provider", client.Provider, "env", client.Environment, "reason", err.Error())
	}
	return address
}

// End ends the session with this secret here, if there is one.
func (s *Service) End(ctx context.Context, id, secret string) error {
	_, err := s.remove(ctx, id, secret)
	return err
}

// remove deletes a session and returns its tokens: nil when there is none, or when the tokens cannot be
// opened any more.
func (s *Service) remove(ctx context.Context, id, secret string) (*provider.Tokens, error) {
	if secret == "" {
		return nil, nil
	}
	key := idOf(secret)
	var removed db.DeleteSignInSessionRow
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		var err error
		if removed, err = s.queries.DeleteSignInSession(ctx, tx, key, id); err != nil {
			return err
		}
		return s.recordEnd(ctx, tx, actor(removed.UserRef), removed.UserRef, id, removed.SessionID)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("end a session: %w", err)
	}
	s.Issuer.SessionEnded(removed.SessionID)
	tokens, err := s.openTokens(key, removed.Tokens)
	if err != nil {
		s.Log.WarnContext(ctx, "a session was ended here, and not at the provider", "provider", id, "reason", err.Error())
		return nil, nil
	}
	return &tokens, nil
}

// recordEnd records in the audit log that somebody ended a session of a user.
func (s *Service) recordEnd(ctx context.Context, tx db.DBTX, by audit.Actor, userRef, id string, session uuid.UUID) error {
	return audit.Record(ctx, tx, by, audit.SessionEnd, userRef, audit.Changed("provider", id, nil), audit.Changed("session", session, nil))
}
