// Package applications reads which applications of Argo CD belong to an entity, and how they are, for those who may see
// them. It changes nothing.
//
// An entity says by annotations which applications are its own. Whoever may write the entity can so show any application
// that the credentials of the configuration may read: a role with argocd.view.read may see them all.
package applications

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/argocd"
	"github.com/portico-dev/portico/integration/internal/cache"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/policy"
)

const (
	// freshFor is how long an answer is shown again. A page asks every quarter of a minute.
	freshFor = 10 * time.Second
	// deadline bounds what is asked of one instance.
	deadline = 10 * time.Second
)

// The annotations by which an entity says what belongs to it, those of Backstage's plugins. What is said has to fit
// together. Without a name, a selector and a project, nothing belongs to the entity.
const (
	annotationName      = "argocd/app-name"
	annotationSelector  = "argocd/app-selector"
	annotationProject   = "argocd/project-name"
	annotationNamespace = "argocd/app-namespace"
	annotationInstance  = "argocd/instance-name"
)

// Options are the dependencies of a Service. Every field is required, but Instances may be nil: then there are none.
type Options struct {
	Instances *argocd.Set
	Entities  subject.Finder
	// Hosts have the pages of commits.
	Hosts *integration.Set
}

// Service answers questions about the applications of entities.
type Service struct {
	options Options
	answers cache.Cache[Answer]
}

// New makes a Service.
func New(options Options) *Service { return &Service{options: options} }

// Answer is the applications of an entity, and what kept instances from being asked.
type Answer struct {
	Applications []Application
	Problems     []subject.Problem
}

// OfEntity returns the applications of an entity. An instance that fails is a problem, and the others answer all the
// same. An entity without annotations has none.
func (s *Service) OfEntity(ctx context.Context, principal identity.Principal, ref entity.Ref) (Answer, error) {
	about, err := s.options.Entities.Find(ctx, principal, policy.ArgoCDViewRead, ref)
	if err != nil {
		return Answer{}, err
	}
	selected, isAnnotated := selectionOf(about)
	names := s.options.Instances.Names()
	if !isAnnotated || len(names) == 0 {
		return Answer{}, nil
	}
	if _, err := labels.Parse(selected.Selector); err != nil {
		return problem(annotationSelector, fmt.Sprintf("%q does not select labels as in app=shop: %s", selected.Selector, err)), nil
	}
	if named := about.Annotation(annotationInstance); named != "" {
		if !slices.Contains(names, named) {
			return problem(annotationInstance, fmt.Sprintf("no instance of Argo CD has the name %q. Correct it, or add the instance to argocd.appLocatorMethods.", named)), nil
		}
		names = []string{named}
	}
	return s.askAll(ctx, names, selected), ctx.Err()
}

func problem(source, message string) Answer {
	return Answer{Problems: []subject.Problem{{Source: source, Message: message}}}
}

func selectionOf(about entity.Entity) (selected argocd.Selection, isAnnotated bool) {
	selected = argocd.Selection{Name: about.Annotation(annotationName), Selector: about.Annotation(annotationSelector),
		Project: about.Annotation(annotationProject)}
	isAnnotated = selected != argocd.Selection{}
	selected.Namespace = about.Annotation(annotationNamespace)
	return selected, isAnnotated
}

// askAll asks instances at once.
func (s *Service) askAll(ctx context.Context, names []string, selected argocd.Selection) Answer {
	answers := make([]Answer, len(names))
	var group errgroup.Group
	for n, name := range names {
		group.Go(func() error {
			answers[n] = s.askCached(ctx, name, selected)
			return nil
		})
	}
	_ = group.Wait() // what failed is in the answers
	var all Answer
	for _, each := range answers {
		all.Applications, all.Problems = append(all.Applications, each.Applications...), append(all.Problems, each.Problems...)
	}
	return all
}

// askCached asks one instance. Its answer is shown again for a moment, and so is its failure.
func (s *Service) askCached(ctx context.Context, name string, selected argocd.Selection) Answer {
	answer, err := s.answers.Get(ctx, fmt.Sprintf("%q %q", name, selected), func(ctx context.Context) (cache.Fresh[Answer], error) {
		return cache.Fresh[Answer]{Value: s.ask(ctx, name, selected), Until: time.Now().Add(freshFor)}, nil
	})
	if err != nil {
		return failed(name, err)
	}
	return answer
}

func (s *Service) ask(ctx context.Context, name string, selected argocd.Selection) Answer {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	client, err := s.options.Instances.Connect(name)
	if err != nil {
		return failed(name, err)
	}
	found, err := client.Applications(ctx, selected)
	if err != nil {
		return failed(name, err)
	}
	answer := Answer{}
	if len(found) > maxApplications {
		answer = problem(name, fmt.Sprintf("%d applications belong to the entity, of which the first %d are shown.", len(found), maxApplications))
		found = found[:maxApplications]
	}
	for _, each := range found {
		answer.Applications = append(answer.Applications, s.show(client.Instance(), each))
	}
	return answer
}

// failed is the answer of an instance that could not be asked.
func failed(name string, err error) Answer {
	message := err.Error()
	if failure, is := errors.AsType[*argocd.InstanceError](err); is && failure.Next != "" {
		message += ". " + failure.Next
	}
	return problem(name, message)
}
