// Package project answers what goes on in the source code project of an entity, for those who may see the entity: its
// builds and its open pull requests. It also runs a build again. An entity names its project by the annotations of
// Backstage's plugins for GitHub Actions and GitLab.
//
// Pages ask every few seconds. So hosts are asked at a limited rate, and their answers are shown again for a moment.
package project

import (
	"context"
	"time"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/internal/asker"
	"github.com/portico-dev/portico/integration/internal/cache"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/policy"
)

const (
	// freshFor is how long an answer is shown again.
	freshFor = 10 * time.Second
	// silentFor and silentForMost are how long a host is not asked again after it has not answered.
	silentFor     = 10 * time.Second
	silentForMost = 5 * time.Minute
)

// Options are the dependencies of a Service. Every field is required.
type Options struct {
	Hosts    *integration.Set
	Entities subject.Finder
	// Record writes to the audit log that a build is run again. Nothing is asked of a host unless it succeeds.
	Record func(ctx context.Context, actor audit.Actor, resource string, changes ...audit.Change) error
}

// Service answers questions about the projects of entities. It is safe for concurrent use.
type Service struct {
	options Options
	asker   asker.Asker
	builds  cache.Cache[answer[integration.Build]]
	jobs    cache.Cache[answer[integration.Job]]
	pulls   cache.Cache[answer[integration.PullRequest]]
}

// New makes a Service.
func New(options Options) *Service { return &Service{options: options} }

// answer is what a host lists, or why it lists nothing.
type answer[T any] struct {
	items  []T
	reason string
}

// find checks that the principal may do something, and finds the projects of an entity that they may see.
func (s *Service) find(ctx context.Context, principal identity.Principal, permission policy.Permission, ref entity.Ref) ([]place, []subject.Problem, error) {
	about, err := s.options.Entities.Find(ctx, principal, permission, ref)
	if err != nil {
		return nil, nil, err
	}
	places, problems := s.placesOf(about)
	return places, problems, nil
}

// list asks a host for a list, unless its answer is known.
func list[T any](ctx context.Context, s *Service, known *cache.Cache[answer[T]], key string, at place, question func(context.Context) ([]T, error)) (answer[T], error) {
	return known.Get(ctx, key, func(ctx context.Context) (cache.Fresh[answer[T]], error) {
		var found answer[T]
		silence, err := s.asker.Ask(ctx, at.host.Name(), func(ctx context.Context) (err error) {
			found.items, err = question(ctx)
			return err
		})
		lasts := freshFor
		switch {
		case silence.Reason != "":
			found.reason, lasts = silence.Reason, min(max(silence.Wait, silentFor), silentForMost)
		case fault.KindOf(err) == fault.NotFound:
			found.reason, err = at.missing(err), nil
		}
		return cache.Fresh[answer[T]]{Value: found, Until: time.Now().Add(lasts)}, err
	})
}
