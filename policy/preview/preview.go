// Package preview says what a change of roles would mean before it is made: who gains and who loses which
// permissions, and on how many resources. Package rbac makes the change and takes it back, and compares decisions;
// this package compares them for all people, and counts resources.
package preview

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

const (
	// maxPeople bounds the people who are compared.
	maxPeople = 50_000
	// compareTime bounds comparing, and countTime counting.
	compareTime = 8 * time.Second
	countTime   = 8 * time.Second
	// atOnce bounds the previews that a process computes at the same time. Others wait, and hold no connection
	// meanwhile.
	atOnce = 2
	// defaultWait bounds that waiting.
	defaultWait = 10 * time.Second
)

var errBusy = fault.New(fault.Unavailable, "Other previews are being computed. Try again in some seconds")

// Count counts the resources of one type that the principal may read and that meet criteria, and names some of
// them. Nil criteria are met by all.
type Count func(ctx context.Context, principal identity.Principal, criteria *policy.Criteria, examples int) (count int, refs []string, err error)

// Cover lists what a decision allows, of resources that are not stored. isKnown is false if that depends on more than
// the resources.
type Cover func(decision policy.Decision) (refs []string, isKnown bool, err error)

// Options are the dependencies of a Service.
type Options struct {
	Roles *rbac.Service
	// Decider decides which resources a caller may read.
	Decider policy.Decider
	// People finds people; at most limit. complete is false if there are more.
	People func(ctx context.Context, limit int) (people []rbac.Person, complete bool, err error)
	// Count has the resource types whose resources are stored.
	Count map[policy.ResourceType]Count
	// Cover has the resource types of which there are few resources, the same for everybody.
	Cover map[policy.ResourceType]Cover
	// Wait bounds how long a preview waits for others. Zero is ten seconds.
	Wait time.Duration
}

// Service previews changes of roles. It is safe for concurrent use.
type Service struct {
	options Options
	slots   chan struct{}
}

// New makes a Service.
func New(options Options) *Service {
	options.Wait = cmp.Or(options.Wait, defaultWait)
	return &Service{options, make(chan struct{}, atOnce)}
}

// Request is a change that is not made: changes one after the other, or files.
type Request struct {
	Changes []rbac.Proposal `json:"changes,omitempty"`
	Files   *rbac.FileTexts `json:"files,omitempty"`
}

// Page selects the people who are listed.
type Page struct {
	// After is the reference of the last person of the page before.
	After string
	Limit int
}

// Preview previews a change. The caller must be allowed to make it, and to read all roles
// (policy.PolicyEntityRead). Resources that the caller may not read are not counted. A fault of kind Unavailable means
// that too many previews are computed.
func (s *Service) Preview(ctx context.Context, principal identity.Principal, request Request, page Page) (Preview, error) {
	if err := s.options.Roles.MayTry(ctx, principal); err != nil {
		return Preview{}, err
	}
	end, err := s.turn(ctx)
	if err != nil {
		return Preview{}, err
	}
	defer end()
	trial, problems, err := s.try(ctx, principal, request)
	if err != nil {
		return Preview{}, err
	}
	people, complete, err := s.people(ctx, trial)
	if err != nil {
		return Preview{}, err
	}
	preview := Preview{Permissions: []Permission{}, Items: []Person{}, Problems: append([]rbac.Problem{}, problems...), Incomplete: []string{}}
	if !complete {
		preview.leaveOut("the catalog has more users than the %d that are compared", maxPeople)
	}
	listed := preview.compare(ctx, trial, people, page)
	counter := s.newCounter(ctx, principal, trial)
	defer counter.stop()
	for _, each := range listed {
		person, err := counter.person(each)
		if err != nil {
			return Preview{}, err
		}
		preview.Items = append(preview.Items, person)
	}
	preview.Incomplete = append(preview.Incomplete, counter.incomplete...)
	return preview, nil
}

// turn waits until a preview may be computed. The caller ends its turn with end.
func (s *Service) turn(ctx context.Context) (end func(), err error) {
	waited := time.NewTimer(s.options.Wait)
	defer waited.Stop()
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-waited.C:
		return nil, errBusy
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for other previews: %w", ctx.Err())
	}
}

func (s *Service) try(ctx context.Context, principal identity.Principal, request Request) (*rbac.Trial, []rbac.Problem, error) {
	if request.Files == nil || len(request.Changes) > 0 {
		if request.Files != nil {
			return nil, nil, errBoth
		}
		trial, err := s.options.Roles.Try(ctx, principal, request.Changes)
		return trial, nil, err
	}
	return s.options.Roles.TryFiles(ctx, principal, *request.Files)
}

// people are the users of the catalog, and the users with a role who are not in the catalog, by reference.
func (s *Service) people(ctx context.Context, trial *rbac.Trial) ([]rbac.Person, bool, error) {
	people, complete, err := s.options.People(ctx, maxPeople)
	if err != nil {
		return nil, false, fmt.Errorf("find the people to compare: %w", err)
	}
	known := map[string]bool{}
	for _, person := range people {
		known[person.Ref] = true
	}
	for _, ref := range trial.Users() {
		if !known[ref] {
			people = append(people, rbac.Person{Ref: ref, Ownership: []string{ref}})
		}
	}
	slices.SortFunc(people, func(a, b rbac.Person) int { return strings.Compare(a.Ref, b.Ref) })
	return people, complete, nil
}

// affected is a person with differences.
type affected struct {
	rbac.Person

	differences []rbac.Difference
}

// compare compares the decisions for all people, and returns those of the page.
func (p *Preview) compare(ctx context.Context, trial *rbac.Trial, people []rbac.Person, page Page) (listed []affected) {
	deadline := time.Now().Add(compareTime)
	effects := tally{}
	for i, person := range people {
		if time.Now().After(deadline) || ctx.Err() != nil {
			p.leaveOut("%d of %d people were compared in time", i, len(people))
			break
		}
		found, err := trial.Compare(person)
		if err != nil {
			p.leaveOut("%s", err)
			continue
		}
		p.People.Compared++
		if len(found) == 0 {
			continue
		}
		p.People.count(found)
		effects.add(found)
		if person.Ref > page.After && len(listed) < page.Limit {
			listed = append(listed, affected{person, found})
		} else if person.Ref > page.After && p.NextCursor == "" && len(listed) > 0 {
			p.NextCursor = listed[len(listed)-1].Ref
		}
	}
	p.Permissions = effects.permissions()
	return listed
}
