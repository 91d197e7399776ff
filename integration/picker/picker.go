// Package picker answers the questions of the repository picker: which hosts are configured, which owners
// their credentials reach, and whether a name is free. It is called while people type. So it caches the
// hosts' answers, limits the requests to each host, and answers "unknown" instead of waiting.
package picker

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/internal/cache"
	"github.com/portico-dev/portico/policy"
)

const (
	// deadline bounds one request to a host.
	deadline = 10 * time.Second
	// ownersFor is the time for which a list of owners is cached, answerFor for the availability of a name,
	// and unknownFor for an unknown answer of either kind.
	ownersFor  = 5 * time.Minute
	answerFor  = 30 * time.Second
	unknownFor = 10 * time.Second
	// perSecond and atOnce limit the rate of questions to one host. GitHub allows 5,000 requests an hour per
	// token, and a question may take several.
	perSecond = 1
	atOnce    = 20
)

// Options are the dependencies of a Service.
type Options struct {
	Hosts   *integration.Set
	Decider policy.Decider
}

// Service answers questions about hosts. It is safe for concurrent use.
type Service struct {
	options Options
	owners  cache.Cache[Owners]
	answers cache.Cache[integration.Availability]
	// limiters maps the names of hosts to their rate limiters.
	limiters sync.Map
}

// New makes a Service.
func New(options Options) *Service { return &Service{options: options} }

// Host is a configured host.
type Host struct {
	Host string `json:"host"`
	Type string `json:"type"`
	// HasCredentials reports whether the configuration has credentials for the host.
	HasCredentials bool `json:"hasCredentials"`
	// TellsOwners reports whether the host can list owners and check names.
	TellsOwners bool `json:"tellsOwners"`
}

// Owners are the owners for which repositories may be created.
type Owners struct {
	Owners []integration.Owner `json:"owners"`
	// Reason says why the list is empty, "" when the host returned it.
	Reason string `json:"reason,omitempty"`
}

// Hosts lists the configured hosts. Like all methods here, it needs the permission to start runs.
func (s *Service) Hosts(ctx context.Context, principal identity.Principal) ([]Host, error) {
	if err := s.authorize(ctx, principal); err != nil {
		return nil, err
	}
	var hosts []Host
	for _, host := range s.options.Hosts.Hosts() {
		_, tells := host.(integration.Directory)
		hosts = append(hosts, Host{Host: host.Name(), Type: host.Type(), HasCredentials: host.HasCredentials(), TellsOwners: tells})
	}
	return hosts, nil
}

func (s *Service) authorize(ctx context.Context, principal identity.Principal) error {
	return policy.Require(ctx, s.options.Decider, principal, policy.ScaffolderTaskCreate, "")
}

// Owners lists the owners on a host for which the configured credentials may create repositories. A host that
// is not configured is a fault of kind NotFound.
func (s *Service) Owners(ctx context.Context, principal identity.Principal, name string) (Owners, error) {
	directory, reason, err := s.directory(ctx, principal, name)
	if err != nil || reason != "" {
		return Owners{Reason: reason}, err
	}
	return s.owners.Get(ctx, name, func(ctx context.Context) (cache.Fresh[Owners], error) {
		var found []integration.Owner
		reason, err := s.ask(ctx, name, func(ctx context.Context) (err error) {
			found, err = directory.Owners(ctx)
			return err
		})
		return cache.Fresh[Owners]{Value: Owners{found, reason}, Until: time.Now().Add(lasting(reason, ownersFor))}, err
	})
}

// Availability reports whether a repository may be created on a host. A host that is not configured is a
// fault of kind NotFound.
func (s *Service) Availability(ctx context.Context, principal identity.Principal, name, owner, repository string) (integration.Availability, error) {
	directory, reason, err := s.directory(ctx, principal, name)
	if err != nil || reason != "" {
		return integration.Availability{State: integration.Unknown, Reason: reason}, err
	}
	key := strings.ToLower(strings.Join([]string{name, owner, repository}, " "))
	return s.answers.Get(ctx, key, func(ctx context.Context) (cache.Fresh[integration.Availability], error) {
		var found integration.Availability
		reason, err := s.ask(ctx, name, func(ctx context.Context) (err error) {
			found, err = directory.Availability(ctx, owner, repository)
			return err
		})
		if reason != "" {
			found = integration.Availability{State: integration.Unknown, Reason: reason}
		}
		return cache.Fresh[integration.Availability]{Value: found, Until: time.Now().Add(lasting(reason, answerFor))}, err
	})
}

func lasting(reason string, known time.Duration) time.Duration {
	if reason != "" {
		return unknownFor
	}
	return known
}

// directory finds a host that implements integration.Directory; reason says why it cannot be asked.
func (s *Service) directory(ctx context.Context, principal identity.Principal, name string) (found integration.Directory, reason string, err error) {
	if err := s.authorize(ctx, principal); err != nil {
		return nil, "", err
	}
	host, known := s.options.Hosts.ByHost(name)
	if !known {
		return nil, "", fault.New(fault.NotFound, "No integration for host %s", name)
	}
	directory, tells := host.(integration.Directory)
	switch {
	case !tells:
		return nil, "Portico cannot ask " + name + " for its owners", nil
	case !host.HasCredentials():
		return nil, "there are no credentials for " + name, nil
	}
	return directory, "", nil
}

// ask sends a question to a host. A failure of the host becomes the reason of an unknown answer, and not an
// error.
func (s *Service) ask(ctx context.Context, host string, question func(context.Context) error) (reason string, err error) {
	limiter, _ := s.limiters.LoadOrStore(host, rate.NewLimiter(perSecond, atOnce))
	if !limiter.(*rate.Limiter).Allow() { //nolint:forcetypeassert // The map stores nothing else.
		return host + " was asked too often just now", nil
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	err = question(ctx)
	if refused, is := errors.AsType[*integration.ResponseError](err); is {
		return refused.Problem, nil
	}
	if integration.IsHostFailure(err) || errors.Is(err, context.DeadlineExceeded) {
		return host + " does not answer", nil
	}
	return "", err
}
