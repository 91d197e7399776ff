package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

// Session is a client with a token.
type Session struct {
	*api.Client

	// loggedIn says that the token is from a login, and is revoked by Close.
	loggedIn bool
	// isRenewable says that the token of a login may be renewed. It was given at since, and ends at until.
	isRenewable  bool
	since, until time.Time
	// namespaces is Settings.Namespaces.
	namespaces NamespaceUse
}

// Login connects to Vault and logs in. With a fixed token it makes no request.
func Login(ctx context.Context, settings Settings) (*Session, error) {
	client, err := settings.newClient()
	if err != nil {
		return nil, err
	}
	session := &Session{Client: client, namespaces: settings.Namespaces}
	if settings.Token != "" {
		client.SetToken(settings.Token)
		return session, nil
	}
	mount, credentials, err := settings.credentials()
	if errors.Is(err, errNoCredentials) && settings.AgentAddress != "" {
		return session, nil
	}
	if err != nil {
		return nil, err
	}
	answer, err := client.Logical().WriteWithContext(ctx, "auth/"+mount+"/login", credentials)
	if err != nil {
		return nil, fmt.Errorf("log in at auth/%s: %w", mount, Refusal(err))
	}
	if answer == nil || answer.Auth == nil || answer.Auth.ClientToken == "" {
		return nil, fmt.Errorf("log in at auth/%s: Vault gave no token", mount)
	}
	session.loggedIn = true
	session.use(answer.Auth)
	return session, nil
}

// use takes the token of an answer.
func (s *Session) use(auth *api.SecretAuth) {
	s.SetToken(auth.ClientToken)
	s.isRenewable, s.since = auth.Renewable, time.Now()
	s.until = s.since.Add(time.Duration(auth.LeaseDuration) * time.Second)
}

// isFresh reports whether less than two thirds of the token's time are over. A token without an end, and a
// fixed one, always is.
func (s *Session) isFresh(now time.Time) bool {
	lease := s.until.Sub(s.since)
	return !s.loggedIn || lease <= 0 || now.Sub(s.since) < lease*2/3
}

// renew asks for more time. The answer may give less than was asked for: then the session is not fresh.
func (s *Session) renew(ctx context.Context) bool {
	if !s.isRenewable {
		return false
	}
	answer, err := s.Auth().Token().RenewSelfWithContext(ctx, 0)
	if err != nil || answer == nil || answer.Auth == nil {
		return false
	}
	s.use(answer.Auth)
	return true
}

// Close revokes the token of a login. It ends by itself too, if that fails.
func (s *Session) Close(ctx context.Context) {
	if !s.loggedIn {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	_ = s.Auth().Token().RevokeSelfWithContext(ctx, "")
}

// Sessions keeps one session for a process that lives long. It is safe for concurrent use.
type Sessions struct {
	settings Settings
	mutex    sync.Mutex
	current  *Session
}

// NewSessions makes no request.
func NewSessions(settings Settings) *Sessions { return &Sessions{settings: settings} }

// Session returns a session whose token does not end soon: it logs in, renews the token when two thirds of its
// time are over, and logs in again when it cannot be renewed. Errors contain no secrets.
func (s *Sessions) Session(ctx context.Context) (*Session, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.current != nil && (s.current.isFresh(time.Now()) || s.current.renew(ctx)) {
		return s.current, nil
	}
	session, err := Login(ctx, s.settings)
	if err != nil {
		return nil, err
	}
	s.current = session
	return session, nil
}

// Close revokes the token.
func (s *Sessions) Close(ctx context.Context) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.current != nil {
		s.current.Close(ctx)
		s.current = nil
	}
}

// Refusal is an error without the address and without text of anybody but Vault: either may contain secrets.
func Refusal(err error) error {
	if answered, is := errors.AsType[*api.ResponseError](err); is {
		return &AnswerError{Status: answered.StatusCode, said: messages(answered)}
	}
	if failed, is := errors.AsType[*url.Error](err); is {
		return fmt.Errorf("%w: %w", ErrNoAnswer, failed.Err)
	}
	return fmt.Errorf("%w: %w", ErrNoAnswer, err)
}

// ErrNoAnswer is wrapped by the errors of requests that Vault did not answer.
var ErrNoAnswer = errors.New("no answer from Vault")

// AnswerError is Vault's answer to a request that it refused.
type AnswerError struct {
	// Status is that of HTTP.
	Status int
	said   string
}

func (a *AnswerError) Error() string {
	if a.said == "" {
		return fmt.Sprintf("the status is %d %s", a.Status, http.StatusText(a.Status))
	}
	return fmt.Sprintf("the status is %d: %s", a.Status, a.said)
}

// Says reports whether Vault's message contains a text.
func (a *AnswerError) Says(text string) bool { return strings.Contains(a.said, text) }

// messages are Vault's own words, "" when the answer is somebody else's.
func messages(answered *api.ResponseError) string {
	if answered.RawError {
		return ""
	}
	return strings.Join(answered.Errors, "; ")
}
