package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/provider"
)

// refreshDeadline bounds the renewal of a session, which concurrent requests of one browser share.
const refreshDeadline = 30 * time.Second

// storeDeadline bounds the storing of tokens.
const storeDeadline = 5 * time.Second

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
func (s *Service) begin(ctx context.Context, client *Client, userRef string, login provider.Login) (string, error) {
	secret := rand.Text()
	id := idOf(secret)
	sealed, err := s.sealTokens(id, login.Tokens)
	if err != nil {
		return "", err
	}
	if err := s.queries.DeleteExpiredSignInSessions(ctx, s.Pool); err != nil {
		return "", fmt.Errorf("delete expired sessions: %w", err)
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		err := s.queries.InsertSignInSession(ctx, tx, db.InsertSignInSessionParams{ID: id, Provider: client.Provider, Environment: client.Environment,
			UserRef: userRef, Subject: login.Person.Subject, Tokens: sealed, LastsFor: client.SessionDuration.Seconds()})
		if err != nil {
			return err
		}
		return s.recordStart(ctx, tx, client.Provider, userRef, login.Person, audit.Secret("tokens"))
	})
	if err != nil {
		return "", fmt.Errorf("store the session of %s: %w", userRef, err)
	}
	return secret, nil
}

// recordStart records in the audit log that a person signed in as a user, and what was stored.
func (s *Service) recordStart(ctx context.Context, tx db.DBTX, id, userRef string, person provider.Person, stored ...audit.Change) error {
	changes := append([]audit.Change{audit.Changed("subject", nil, person.Subject)}, stored...)
	return audit.Record(ctx, tx, actor(userRef), audit.SessionStart, id, changes...)
}

// actor is a user in the audit log.
func actor(userRef string) audit.Actor {
	return identity.Principal{Kind: identity.KindUser, Subject: userRef}.Actor()
}

// stored is a session as it is in the database.
type stored struct {
	id     []byte
	row    db.SignInSessionRow
	tokens provider.Tokens
}

var errEnded = fault.New(fault.Authentication, "The session has ended. Sign in again")

func (s *Service) load(ctx context.Context, client *Client, secret string) (stored, error) {
	id := idOf(secret)
	row, err := s.queries.SignInSession(ctx, s.Pool, id, client.Provider, client.Environment)
	if errors.Is(err, pgx.ErrNoRows) {
		return stored{}, errEnded
	}
	if err != nil {
		return stored{}, fmt.Errorf("read a session: %w", err)
	}
	tokens, err := s.openTokens(id, row.Tokens)
	if err != nil {
		s.Log.WarnContext(ctx, "a session ended because its tokens cannot be opened", "provider", client.Provider, "user", row.UserRef, "reason", err.Error())
		return stored{}, errEnded
	}
	return stored{id, row, tokens}, nil
}

// Refresh renews the session of the browser with this secret: the provider must still know the person, and
// the catalog the user.
func (s *Service) Refresh(ctx context.Context, id, environment, secret string) (Session, error) {
	client, err := s.client(id, environment)
	if err != nil {
		return Session{}, err
	}
	if secret == "" {
		return Session{}, fault.New(fault.Authentication, "Refresh failed; caused by InputError: Missing session cookie")
	}
	// The tabs of a browser ask at once. Many providers accept a refresh token only once.
	return s.flight.Do(ctx, client.Provider+" "+client.Environment+" "+secret, refreshDeadline, func(ctx context.Context) (Session, error) {
		return s.refresh(ctx, client, secret)
	})
}

func (s *Service) refresh(ctx context.Context, client *Client, secret string) (Session, error) {
	last, err := s.load(ctx, client, secret)
	if err != nil {
		return Session{}, err
	}
	login, err := client.OAuth.Refresh(ctx, last.tokens)
	if fault.KindOf(err) == fault.Authentication && login.Tokens.Refresh == "" {
		// Another server may have used the refresh token, and stored its successor.
		again, loadErr := s.load(ctx, client, secret)
		if loadErr != nil {
			return Session{}, loadErr
		}
		if again.tokens.Refresh != last.tokens.Refresh {
			last = again
			login, err = client.OAuth.Refresh(ctx, last.tokens)
		}
	}
	if err != nil {
		s.refusedBy(ctx, client, err)
		if login.Tokens.Refresh == "" {
			return Session{}, err
		}
		if storeErr := s.store(ctx, last, login.Tokens); storeErr != nil {
			return Session{}, errors.Join(err, storeErr)
		}
		return Session{}, err
	}
	return s.renew(ctx, client, last, login)
}

// store stores the new tokens of a session. The provider may accept the last ones no more: the time that was
// lost at the provider does not count.
func (s *Service) store(ctx context.Context, last stored, tokens provider.Tokens) error {
	sealed, err := s.sealTokens(last.id, tokens)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeDeadline)
	defer cancel()
	if _, err := s.queries.RefreshSignInSession(ctx, s.Pool, sealed, last.id, last.row.Tokens); err != nil {
		return fmt.Errorf("store the tokens of the session of %s: %w", last.row.UserRef, err)
	}
	return nil
}

// renew checks who the person is now, and stores the new tokens.
func (s *Service) renew(ctx context.Context, client *Client, last stored, login provider.Login) (Session, error) {
	if login.Person.Subject != last.row.Subject {
		return Session{}, fault.New(fault.Authentication, "The provider '%s' answered for somebody else. Sign in again", client.Provider)
	}
	if login.Tokens.Refresh == "" {
		login.Tokens.Refresh = last.tokens.Refresh
	}
	if err := s.store(ctx, last, login.Tokens); err != nil {
		return Session{}, err
	}
	found, err := s.resolve(ctx, client, login.Person)
	if fault.KindOf(err) == fault.NotFound {
		return Session{}, fault.Wrap(fault.Authentication, err, "Refresh failed; caused by %s: %s", fault.NotFound, err)
	}
	if err != nil {
		return Session{}, err
	}
	if found.UserRef != last.row.UserRef {
		return Session{}, fault.New(fault.Authentication, "The person is another user now. Sign in again")
	}
	session, err := s.issue(ctx, provider.Identity{UserRef: found.UserRef, Profile: login.Person.Profile})
	session.Tokens = &login.Tokens
	return session, err
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
	address, err := client.OAuth.Logout(ctx, *tokens, s.ReturnTo)
	if err != nil {
		// The session has ended here. What the provider keeps ends by itself.
		s.Log.WarnContext(ctx, "a session was ended here, and not at the provider", "provider", id, "env", environment, "reason", err.Error())
	}
	return address, nil
}

// end ends the session with this secret here.
func (s *Service) end(ctx context.Context, id, secret string) error {
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
		return audit.Record(ctx, tx, actor(removed.UserRef), audit.SessionEnd, id)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("end a session: %w", err)
	}
	tokens, err := s.openTokens(key, removed.Tokens)
	if err != nil {
		s.Log.WarnContext(ctx, "a session was ended here, and not at the provider", "provider", id, "reason", err.Error())
		return nil, nil
	}
	return &tokens, nil
}
