// Package signin signs people in: it sends browsers to providers and takes them back, finds the user of the
// catalog that somebody is, keeps the sessions of browsers, and issues user tokens. Providers are packages
// below identity/provider; HTTP is spoken in package api.
package signin

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/flight"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/resolver"
	"github.com/portico-dev/portico/seal"
)

// Directory is the part of the catalog that sign-in needs.
type Directory interface {
	resolver.Users
	// MemberOf lists the groups of a user and all their parent groups; none for a user who is not in the
	// catalog.
	MemberOf(ctx context.Context, userRef string) ([]string, error)
}

// Client is a provider to which browsers are sent, in one environment.
type Client struct {
	// Provider and Environment are its names: auth.providers.<provider>.<environment>.
	Provider, Environment string
	OAuth                 provider.OAuth
	Resolvers             *resolver.Chain
	// SessionDuration is how long a browser stays signed in at most.
	SessionDuration time.Duration
}

// Proxy is a proxy in front of Portico that authenticates people.
type Proxy struct {
	Provider  provider.Proxy
	Resolvers *resolver.Chain
}

// Options are the dependencies and settings of a Service. Every field is required unless it says otherwise.
type Options struct {
	Pool      *pgxpool.Pool
	Seals     *seal.Keyring
	Issuer    *identity.Issuer
	Directory Directory
	Log       *slog.Logger
	// Clients may be empty, as may Direct, the providers that need no redirects, by id.
	Clients []Client
	Direct  map[string]provider.Direct
	// Proxies may be empty. They are proxies in front of Portico, by id.
	Proxies map[string]Proxy
	// Known lists the ids of the providers that could be configured, for messages.
	Known []string
	// Refusals records sign-ins that no resolver found a user for in the audit log; nil records none.
	Refusals *audit.Attempts
	// ReturnTo is where browsers return to after they signed out at a provider: the portal.
	ReturnTo string
}

// Service signs people in. It is safe for concurrent use.
type Service struct {
	Options

	queries *db.Queries
	flight  flight.Group[Session]
}

// New needs all required options.
func New(options Options) *Service { return &Service{Options: options, queries: db.New()} }

// Session is a signed-in user with a token.
type Session struct {
	UserRef   string
	Ownership []string
	Token     string
	Profile   provider.Profile
	// Tokens are the provider's; nil for a Direct provider.
	Tokens *provider.Tokens
}

// Configured lists the ids of the providers that can be used in an environment.
func (s *Service) Configured(environment string) []string {
	var ids []string
	for _, client := range s.Clients {
		if client.Environment == environment {
			ids = append(ids, client.Provider)
		}
	}
	ids = slices.AppendSeq(ids, maps.Keys(s.Direct))
	ids = slices.AppendSeq(ids, maps.Keys(s.Proxies))
	slices.Sort(ids)
	return ids
}

// Lifetime is how long the browser keeps a session of a provider at most.
func (s *Service) Lifetime(id, environment string) time.Duration {
	client, err := s.client(id, environment)
	if err != nil {
		return 0
	}
	return client.SessionDuration
}

// IsDirect reports whether a provider needs no redirects.
func (s *Service) IsDirect(id string) bool {
	_, isProxy := s.Proxies[id]
	return isProxy || s.Direct[id] != nil
}

// client returns a configured client, or a fault in Backstage's words.
func (s *Service) client(id, environment string) (*Client, error) {
	configured := false
	for n := range s.Clients {
		if s.Clients[n].Provider != id {
			continue
		}
		if s.Clients[n].Environment == environment {
			return &s.Clients[n], nil
		}
		configured = true
	}
	switch {
	case configured && environment == "":
		return nil, fault.New(fault.Input, "No env provided in request query parameters")
	case configured:
		return nil, fault.New(fault.NotFound, "No auth provider registered for '%s' in the environment '%s'", id, environment)
	default:
		return nil, s.notConfigured(id)
	}
}

func (s *Service) notConfigured(id string) error {
	if slices.Contains(s.Known, id) {
		return fault.New(fault.NotFound, "No auth provider registered for '%s'", id)
	}
	return fault.New(fault.NotFound, "Unknown auth provider '%s'", id)
}

// Authenticate signs in at a provider that needs no redirects.
func (s *Service) Authenticate(ctx context.Context, id string, headers http.Header) (Session, error) {
	if proxy, is := s.Proxies[id]; is {
		return s.throughProxy(ctx, id, proxy, headers)
	}
	direct := s.Direct[id]
	if direct == nil {
		return Session{}, s.notConfigured(id)
	}
	known, err := direct.Authenticate(ctx, headers)
	if err != nil {
		return Session{}, err
	}
	return s.issue(ctx, uuid.Nil, known)
}

// throughProxy signs in whom a proxy has authenticated. There is no session: the proxy is asked each time.
func (s *Service) throughProxy(ctx context.Context, id string, proxy Proxy, headers http.Header) (Session, error) {
	client := &Client{Provider: id, Resolvers: proxy.Resolvers}
	person, err := proxy.Provider.Identify(ctx, headers)
	if err != nil {
		s.refusedBy(ctx, client, err)
		return Session{}, err
	}
	found, err := s.resolve(ctx, client, person)
	if err != nil {
		return Session{}, err
	}
	return s.issue(ctx, uuid.Nil, provider.Identity{UserRef: found.UserRef, Profile: person.Profile})
}

// issue creates the token of a user in a session, which is zero if there is none.
func (s *Service) issue(ctx context.Context, session uuid.UUID, known provider.Identity) (Session, error) {
	ownership := slices.Clone(known.Ownership)
	if len(ownership) == 0 {
		groups, err := s.Directory.MemberOf(ctx, known.UserRef)
		if err != nil {
			return Session{}, fmt.Errorf("look up the groups of %s: %w", known.UserRef, err)
		}
		ownership = append([]string{known.UserRef}, groups...)
	}
	token, err := s.Issuer.IssueIn(ctx, session, known.UserRef, ownership)
	if err != nil {
		return Session{}, err
	}
	return Session{UserRef: known.UserRef, Ownership: ownership, Token: token, Profile: known.Profile}, nil
}

// resolve finds the user that a person is, and logs what the resolvers looked for. A person who is nobody, or
// not exactly one user, is a refusal.
func (s *Service) resolve(ctx context.Context, client *Client, person provider.Person) (resolver.Found, error) {
	found, tried, err := client.Resolvers.Resolve(ctx, person)
	log := s.Log.With("provider", client.Provider, "env", client.Environment, "subject", person.Subject)
	if len(tried) > 0 {
		log = log.With("tried", attempts(tried))
	}
	switch kind := fault.KindOf(err); {
	case kind == fault.NotFound || kind == fault.Conflict:
		log.WarnContext(ctx, "a sign-in was refused: no resolver found a user", "reason", err.Error())
		s.Refusals.Record(ctx, audit.Actor{Subject: person.Subject}, audit.SessionStart, client.Provider, audit.Denied, refusal(kind, tried))
	case err != nil: // the users could not be searched, or an expression was stopped: that says nothing about the person
		log.WarnContext(ctx, "a sign-in was not decided", "reason", err.Error())
	case !found.InCatalog:
		log.InfoContext(ctx, "somebody who is not in the catalog signs in", "user", found.UserRef, "resolver", found.Resolver)
	default:
		log.InfoContext(ctx, "a user signs in", "user", found.UserRef, "resolver", found.Resolver)
	}
	return found, err
}

// refusal is the reason of a refused sign-in for the audit log: which resolvers looked for a user. What they
// looked for comes from the provider, and is not part of it.
func refusal(kind fault.Kind, tried []resolver.Attempt) string {
	var names []string
	for _, attempt := range tried {
		names = append(names, attempt.Resolver)
	}
	return fmt.Sprintf("%s by the resolvers: %s", kind, strings.Join(names, ", "))
}

// attempts is what the resolvers looked for, by their names, for the log.
func attempts(tried []resolver.Attempt) slog.Value {
	var group []slog.Attr
	for _, attempt := range tried {
		text := "no User with " + attempt.Wanted
		if attempt.Wanted == "" {
			text = attempt.Reason
		}
		group = append(group, slog.String(attempt.Resolver, text))
	}
	return slog.GroupValue(group...)
}
