package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
)

const (
	// refreshDeadline bounds the renewal of a session, which concurrent requests of one browser share.
	refreshDeadline = 30 * time.Second
	// storeDeadline bounds the storing of what came of it.
	storeDeadline = 5 * time.Second
	// claimLifetime is how long a server may renew a session alone. A server that has died holds it no longer.
	claimLifetime = refreshDeadline + 2*storeDeadline
	// claimInterval is how often a server looks whether another one has renewed the session.
	claimInterval = 100 * time.Millisecond
)

var errEnded = fault.New(fault.Authentication, "The session has ended. Sign in again")

// refusedError is the error of a session that is not renewed because of who the person is, or is no more. Its
// reason is stored, and shown to administrators.
type refusedError struct {
	reason string
	error
}

func (r *refusedError) Unwrap() error { return r.error }

// The reasons of refusals.
const (
	refusedByProvider = "the provider refused to renew it"
	refusedSubject    = "the provider answered for somebody else"
	refusedNobody     = "the person is no User of the catalog any more"
	refusedAmbiguous  = "it is not clear any more which User the person is"
	refusedUser       = "the person is another User now"
	refusedSeal       = "the encryption key that sealed it is gone"
)

// claimed is a session that this server alone may renew for a while.
type claimed struct {
	id     []byte
	row    db.ClaimSignInSessionRow
	tokens provider.Tokens
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
	held, err := s.claim(ctx, client, secret)
	if err != nil {
		return Session{}, err
	}
	if held.tokens, err = s.openTokens(held.id, held.row.Tokens); err != nil {
		s.Log.WarnContext(ctx, "a session ended because its tokens cannot be opened", "provider", client.Provider, "user", held.row.UserRef, "reason", err.Error())
		return Session{}, errors.Join(errEnded, s.giveUp(ctx, client, held, &refusedError{refusedSeal, errEnded}))
	}
	session, err := s.renew(ctx, client, held)
	if err != nil {
		return Session{}, errors.Join(err, s.giveUp(ctx, client, held, err))
	}
	return session, nil
}

// claim waits until this server alone may renew a session. The tokens are then those that the last server has
// stored.
func (s *Service) claim(ctx context.Context, client *Client, secret string) (claimed, error) {
	id := idOf(secret)
	for {
		row, err := s.queries.ClaimSignInSession(ctx, s.Pool, db.ClaimSignInSessionParams{ID: id, Provider: client.Provider, Environment: client.Environment,
			LeaseSeconds: claimLifetime.Seconds()})
		if err == nil {
			return claimed{id: id, row: row}, nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return claimed{}, fmt.Errorf("read a session: %w", err)
		}
		exists, err := s.queries.HasSignInSession(ctx, s.Pool, id, client.Provider, client.Environment)
		if err != nil {
			return claimed{}, fmt.Errorf("read a session: %w", err)
		}
		if !exists {
			return claimed{}, errEnded
		}
		select {
		case <-ctx.Done():
			return claimed{}, fault.Wrap(fault.Unavailable, ctx.Err(), "Another server is renewing this session. Try again")
		case <-time.After(claimInterval):
		}
	}
}

// renew asks the provider who the person is now, and issues a token.
func (s *Service) renew(ctx context.Context, client *Client, held claimed) (Session, error) {
	login, err := s.ask(ctx, client, held)
	if err != nil {
		return Session{}, err
	}
	found, err := s.resolve(ctx, client, login.Person)
	if err != nil {
		return Session{}, unresolved(err)
	}
	if found.UserRef != held.row.UserRef {
		return Session{}, &refusedError{refusedUser, fault.New(fault.Authentication, "The person is another user now. Sign in again")}
	}
	session, err := s.issue(ctx, held.row.SessionID, provider.Identity{UserRef: found.UserRef, Profile: login.Person.Profile})
	if err != nil {
		return Session{}, err
	}
	address, userAgent := visitor(ctx)
	renewed, err := s.queries.RenewSignInSession(ctx, s.Pool, db.RenewSignInSessionParams{Address: address, UserAgent: userAgent, ID: held.id, RenewingUntil: held.row.RenewingUntil})
	if err != nil {
		return Session{}, fmt.Errorf("renew the session of %s: %w", held.row.UserRef, err)
	}
	if renewed == 0 {
		return Session{}, s.endedMeanwhile(ctx, client, login.Tokens)
	}
	session.Tokens = &login.Tokens
	return session, nil
}

// unresolved is the error of a renewal for which no user was found. It is a refusal if that is because of the
// person: a search that failed says nothing about them.
func unresolved(err error) error {
	kind := fault.KindOf(err)
	reason, isRefusal := map[fault.Kind]string{fault.NotFound: refusedNobody, fault.Conflict: refusedAmbiguous}[kind]
	if !isRefusal {
		return err
	}
	return &refusedError{reason, fault.Wrap(fault.Authentication, err, "Refresh failed; caused by %s: %s", kind, err)}
}

// ask asks the provider who the person is, and stores the tokens that it gives.
func (s *Service) ask(ctx context.Context, client *Client, held claimed) (provider.Login, error) {
	login, err := client.OAuth.Refresh(ctx, held.tokens)
	switch {
	case err != nil:
		s.refusedBy(ctx, client, err)
		if fault.KindOf(err) == fault.Authentication {
			err = &refusedError{refusedByProvider, err}
		}
		if login.Tokens.Refresh == "" {
			return provider.Login{}, err
		}
	case login.Person.Subject != held.row.Subject:
		return provider.Login{}, &refusedError{refusedSubject, fault.New(fault.Authentication, "The provider '%s' answered for somebody else. Sign in again", client.Provider)}
	case login.Tokens.Refresh == "":
		login.Tokens.Refresh = held.tokens.Refresh
	}
	return login, errors.Join(err, s.store(ctx, client, held, login.Tokens))
}

// store stores the new tokens of a session. The provider may accept the last ones no more: the time that was
// lost at the provider does not count.
func (s *Service) store(ctx context.Context, client *Client, held claimed, tokens provider.Tokens) error {
	sealed, err := s.sealTokens(held.id, tokens)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeDeadline)
	defer cancel()
	stored, err := s.queries.StoreSignInTokens(ctx, s.Pool, sealed, held.id, held.row.RenewingUntil)
	if err != nil {
		return fmt.Errorf("store the tokens of the session of %s: %w", held.row.UserRef, err)
	}
	if stored == 0 {
		return s.endedMeanwhile(ctx, client, tokens)
	}
	return nil
}

// endedMeanwhile is the error of a session that somebody ended while it was renewed. The provider has not
// heard of the new tokens' end.
func (s *Service) endedMeanwhile(ctx context.Context, client *Client, tokens provider.Tokens) error {
	s.logOut(ctx, client, tokens)
	return errEnded
}

// giveUp lets other servers renew a session that this one could not. A refusal is stored: the tokens of the
// session do not count until it is renewed after all.
func (s *Service) giveUp(ctx context.Context, client *Client, held claimed, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeDeadline)
	defer cancel()
	refused, is := errors.AsType[*refusedError](cause)
	if !is {
		if err := s.queries.ReleaseSignInSession(ctx, s.Pool, held.id, held.row.RenewingUntil); err != nil {
			return fmt.Errorf("release the session of %s: %w", held.row.UserRef, err)
		}
		return nil
	}
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		stored, err := s.queries.RefuseSignInSession(ctx, tx, refused.reason, held.id, held.row.RenewingUntil)
		if err != nil || stored == 0 || held.row.RefusedAt != nil {
			return err
		}
		return audit.Record(ctx, tx, actor(held.row.UserRef), audit.SessionRefuse, held.row.UserRef, audit.Changed("provider", nil, client.Provider),
			audit.Changed("session", nil, held.row.SessionID), audit.Changed("refusal", nil, refused.reason))
	})
	if err != nil {
		return fmt.Errorf("refuse the session of %s: %w", held.row.UserRef, err)
	}
	s.Issuer.SessionEnded(held.row.SessionID)
	return nil
}
