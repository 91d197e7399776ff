package project

import (
	"context"
	"strings"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/policy"
)

// Builds are the newest builds of an entity.
type Builds struct {
	Builds   []Build
	Problems []subject.Problem
}

// Build is a build of an entity.
type Build struct {
	integration.Build

	// Source is the host.
	Source string
}

// Builds lists the newest builds of an entity, of each host the newest first. Their IDs are those that Jobs and Rerun
// take.
func (s *Service) Builds(ctx context.Context, principal identity.Principal, ref entity.Ref) (Builds, error) {
	places, problems, err := s.find(ctx, principal, policy.BuildRead, ref)
	if err != nil {
		return Builds{}, err
	}
	all := Builds{Problems: problems}
	for _, at := range places {
		host, builds := at.host.(integration.BuildHost)
		if !builds {
			continue
		}
		found, err := list(ctx, s, &s.builds, at.key(), at, func(ctx context.Context) ([]integration.Build, error) { return host.Builds(ctx, at.repo) })
		if err != nil {
			return Builds{}, err
		}
		for _, build := range found.items {
			build.ID = host.Type() + idMark + build.ID
			all.Builds = append(all.Builds, Build{build, host.Name()})
		}
		if found.reason != "" {
			all.Problems = append(all.Problems, subject.Problem{Source: host.Name(), Message: found.reason})
		}
	}
	return all, nil
}

// idMark separates the type of a host from its number of a build.
const idMark = "-"

// Jobs lists the jobs of a build of an entity. A host that does not answer is a fault of kind BadGateway.
func (s *Service) Jobs(ctx context.Context, principal identity.Principal, ref entity.Ref, id string) ([]integration.Job, error) {
	at, host, number, err := s.findBuild(ctx, principal, policy.BuildRead, ref, id)
	if err != nil {
		return nil, err
	}
	found, err := list(ctx, s, &s.jobs, at.key()+" "+number, at, func(ctx context.Context) ([]integration.Job, error) {
		return host.Jobs(ctx, at.repo, number)
	})
	if err == nil && found.reason != "" {
		err = fault.New(fault.BadGateway, "The jobs of the build %s cannot be read: %s", id, found.reason)
	}
	return found.items, err
}

// Rerun runs a build of an entity again. A build that the host does not run again is a fault of kind Conflict.
func (s *Service) Rerun(ctx context.Context, principal identity.Principal, ref entity.Ref, id string) error {
	at, host, number, err := s.findBuild(ctx, principal, policy.BuildRerun, ref, id)
	if err != nil {
		return err
	}
	if err := s.options.Record(ctx, principal.Actor(), ref.String(), audit.Changed("host", nil, host.Name()),
		audit.Changed("project", nil, at.name), audit.Changed("build", nil, number)); err != nil {
		return err
	}
	silence, err := s.asker.Ask(ctx, host.Name(), func(ctx context.Context) error { return host.Rerun(ctx, at.repo, number) })
	if err == nil && silence.Reason != "" {
		err = fault.New(fault.BadGateway, "The build %s was not run again: %s", id, silence.Reason)
	}
	s.builds.Drop(func(key string, _ answer[integration.Build]) bool { return key == at.key() })
	s.jobs.Drop(func(key string, _ answer[integration.Job]) bool { return key == at.key()+" "+number })
	return err
}

// findBuild finds the project and the host of a build, by an ID of Builds.
func (s *Service) findBuild(ctx context.Context, principal identity.Principal, permission policy.Permission, ref entity.Ref, id string,
) (at place, host integration.BuildHost, number string, err error) {
	places, _, err := s.find(ctx, principal, permission, ref)
	if err != nil {
		return place{}, nil, "", err
	}
	kind, number, _ := strings.Cut(id, idMark)
	for _, at := range places {
		if host, builds := at.host.(integration.BuildHost); builds && host.Type() == kind {
			return at, host, number, nil
		}
	}
	return place{}, nil, "", fault.New(fault.NotFound, "%s has no build %q", ref, id)
}
