// Package picker answers the questions of the repository picker: which hosts are configured, which owners, projects,
// repositories and branches there are to choose, and whether a name is free. It is called while people type. So it caches the
// hosts' answers, limits the requests to each host, and answers "unknown" instead of waiting.
package picker

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/internal/asker"
	"github.com/portico-dev/portico/integration/internal/cache"
	"github.com/portico-dev/portico/policy"
)

const (
	// choicesFor is the time for which choices are cached, answerFor for the availability of a name and for
	// branches, and unknownFor for an unknown answer of any kind.
	choicesFor = 5 * time.Minute
	answerFor  = 30 * time.Second
	unknownFor = 10 * time.Second
)

// Options are the dependencies of a Service.
type Options struct {
	Hosts   *integration.Set
	Decider policy.Decider
}

// Service answers questions about hosts. It is safe for concurrent use.
type Service struct {
	options Options
	choices cache.Cache[Choices]
	answers cache.Cache[integration.Availability]
	listed  cache.Cache[Branches]
	asker   asker.Asker
}

// New makes a Service.
func New(options Options) *Service { return &Service{options: options} }

// Host is a configured host.
type Host struct {
	Host string `json:"host"`
	Type string `json:"type"`
	// HasCredentials reports whether the configuration has credentials for the host.
	HasCredentials bool `json:"hasCredentials"`
	// Lists has the parts of an address that the host can list, each with the parts that have to be chosen before.
	Lists map[integration.Part][]integration.Part `json:"lists"`
	// TellsNames reports whether the host can say whether a name is free.
	TellsNames bool `json:"tellsNames"`
	// TellsBranches reports whether the host can list the branches of a repository.
	TellsBranches bool `json:"tellsBranches"`
}

// Hosts lists the configured hosts. Like all methods here, it needs the permission to start runs.
func (s *Service) Hosts(ctx context.Context, principal identity.Principal) ([]Host, error) {
	if err := s.authorize(ctx, principal); err != nil {
		return nil, err
	}
	var hosts []Host
	for _, host := range s.options.Hosts.Hosts() {
		_, tellsNames := host.(integration.Directory)
		_, tellsBranches := host.(integration.BranchLister)
		described := Host{Host: host.Name(), Type: host.Type(), HasCredentials: host.HasCredentials(),
			Lists: map[integration.Part][]integration.Part{}, TellsNames: tellsNames, TellsBranches: tellsBranches}
		if lister, lists := host.(integration.PartLister); lists {
			maps.Copy(described.Lists, lister.Parts())
		}
		hosts = append(hosts, described)
	}
	return hosts, nil
}

func (s *Service) authorize(ctx context.Context, principal identity.Principal) error {
	return policy.Require(ctx, s.options.Decider, principal, policy.ScaffolderTaskCreate, "")
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
	host, err := s.host(name)
	if err != nil {
		return nil, "", err
	}
	directory, tells := host.(integration.Directory)
	switch {
	case !tells:
		return nil, "Portico cannot ask " + name + " whether a name is free", nil
	case !host.HasCredentials():
		return nil, "there are no credentials for " + name, nil
	}
	return directory, "", nil
}

// host finds a configured host.
func (s *Service) host(name string) (integration.Host, error) {
	host, known := s.options.Hosts.ByHost(name)
	if !known {
		return nil, fault.New(fault.NotFound, "No integration for host %s", name)
	}
	return host, nil
}

// ask asks a host. The reason says why there is no answer.
func (s *Service) ask(ctx context.Context, host string, question func(context.Context) error) (reason string, err error) {
	silence, err := s.asker.Ask(ctx, host, question)
	return silence.Reason, err
}
