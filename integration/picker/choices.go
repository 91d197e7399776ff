package picker

import (
	"context"
	"fmt"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/internal/cache"
)

// maxChoices is the greatest number of choices in an answer: nobody reads more, and any other value can be typed.
const maxChoices = 1000

// Choices are the values of a part of a repository's address.
type Choices struct {
	Choices []integration.Choice `json:"choices"`
	// Reason says why the list is empty, "" when the host returned it.
	Reason string `json:"reason,omitempty"`
}

// Choices lists the values of a part of a repository's address, given the parts that contain it. token is the caller's
// for the host; "" asks with the configured credentials. A host that is not configured is a fault of kind NotFound, and
// an address without a part that contains the wanted one is a fault of kind Input.
func (s *Service) Choices(ctx context.Context, principal identity.Principal, part integration.Part, in integration.Repo, token string) (Choices, error) {
	lister, reason, err := s.lister(ctx, principal, in.Host, part, token)
	if err != nil || reason != "" {
		return Choices{Reason: reason}, err
	}
	if err := in.Require(lister.Parts()[part]...); err != nil {
		return Choices{}, fault.Wrap(fault.Input, err, "%s cannot be asked for a %s: %s", in.Host, part, err)
	}
	if token != "" { // The answer is the caller's alone.
		return s.list(ctx, lister, part, in, token)
	}
	return s.choices.Get(ctx, fmt.Sprintf("%s %q", part, in), func(ctx context.Context) (cache.Fresh[Choices], error) {
		found, err := s.list(ctx, lister, part, in, "")
		return cache.Fresh[Choices]{Value: found, Until: time.Now().Add(lasting(found.Reason, choicesFor))}, err
	})
}

// Repositories lists the repositories of all owners that a token of the caller may read, on a host that lists them
// without an owner. Their ids are their full names. Its errors are those of Choices.
func (s *Service) Repositories(ctx context.Context, principal identity.Principal, host, token string) (Choices, error) {
	lister, reason, err := s.lister(ctx, principal, host, integration.PartRepo, token)
	if err != nil || reason != "" {
		return Choices{Reason: reason}, err
	}
	return s.list(ctx, lister, integration.PartRepo, integration.Repo{Host: host}, token)
}

// lister finds a host that lists a part; reason says why it cannot be asked.
func (s *Service) lister(ctx context.Context, principal identity.Principal, name string, part integration.Part, token string) (found integration.PartLister, reason string, err error) {
	if err := s.authorize(ctx, principal); err != nil {
		return nil, "", err
	}
	host, err := s.host(name)
	if err != nil {
		return nil, "", err
	}
	lister, is := host.(integration.PartLister)
	if is {
		_, is = lister.Parts()[part]
	}
	switch {
	case !is:
		return nil, fmt.Sprintf("Portico cannot ask %s for the values of %s", name, part), nil
	case token == "" && !host.HasCredentials():
		return nil, "there are no credentials for " + name, nil
	}
	return lister, "", nil
}

// list asks the host. What does not exist, or must not be read, contains nothing.
func (s *Service) list(ctx context.Context, lister integration.PartLister, part integration.Part, in integration.Repo, token string) (Choices, error) {
	var found []integration.Choice
	reason, err := s.ask(ctx, in.Host, func(ctx context.Context) (err error) {
		found, err = lister.ListPart(ctx, part, in, token)
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		return Choices{Reason: "what it is in does not exist, or Portico may not read it"}, nil
	}
	return Choices{Choices: found[:min(len(found), maxChoices)], Reason: reason}, err
}
