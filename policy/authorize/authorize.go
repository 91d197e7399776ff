// Package authorize answers the permission requests of other programs, in the batches of Backstage's
// permission API: may the caller do this, and on these resources? It decides nothing itself. It asks the
// decider once per permission, and reads the resources of a conditional decision together.
package authorize

import (
	"context"
	"slices"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

// maxQuestions bounds the references and permissions of one batch.
const maxQuestions = 5000

// Match reports which resources of one type exist, may be read by the principal, and meet the criteria. It
// returns one result for each reference, in their order.
type Match func(ctx context.Context, principal identity.Principal, criteria policy.Criteria, refs []string) ([]bool, error)

// Options are the dependencies of a Service.
type Options struct {
	Decider policy.Decider
	// Foreign decides about permissions that Portico does not know. Nil denies all of them.
	Foreign func(ctx context.Context, principal identity.Principal, q rbac.Query) (policy.Decision, error)
	// Match has the resource types on which conditions can be evaluated.
	Match map[policy.ResourceType]Match
}

// Service answers permission requests. It is safe for concurrent use.
type Service struct{ options Options }

// New makes a Service.
func New(options Options) *Service { return &Service{options} }

// Request asks for one permission. Refs are the resources of a permission that has a resource type.
type Request struct {
	// Query is the permission as the caller describes it. For a permission of Portico, the name alone counts.
	rbac.Query

	Refs []string
}

// Described is a query with Portico's own attributes, if Portico knows the permission.
func Described(q rbac.Query) rbac.Query {
	permission := policy.Permission(q.Permission)
	if !permission.IsKnown() {
		return q
	}
	return rbac.Query{Permission: q.Permission, Action: permission.Action(), ResourceType: permission.ResourceType()}
}

// Answer is the answer to a Request.
type Answer struct {
	// Result is the decision, which holds for all resources unless it is policy.Conditional.
	Result policy.Result
	// Each has a result for every reference of a conditional decision, in their order.
	Each []policy.Result
}

// Authorize answers every request of a batch, in their order. A resource that does not exist is denied where
// conditions would have to be checked on it. A permission on resources without a reference is ErrNoResource.
// Conditions that cannot be evaluated are one of kind NotImplemented.
func (s *Service) Authorize(ctx context.Context, principal identity.Principal, requests []Request) ([]Answer, error) {
	if err := checkRequests(requests); err != nil {
		return nil, err
	}
	byQuery := map[rbac.Query][]int{}
	for i, request := range requests {
		q := Described(request.Query)
		byQuery[q] = append(byQuery[q], i)
	}
	answers := make([]Answer, len(requests))
	for q, positions := range byQuery {
		if err := s.answer(ctx, principal, q, requests, positions, answers); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// ErrNoResource is the fault of a permission on resources that names none. Only a policy engine may ask so:
// the answer would be the conditions.
var ErrNoResource = fault.New(fault.Input, "Resource permissions require a resourceRef to be set. Direct user requests without a resourceRef are not allowed.")

func checkRequests(requests []Request) error {
	questions := 0
	for _, request := range requests {
		if Described(request.Query).ResourceType != "" && len(request.Refs) == 0 {
			return ErrNoResource
		}
		questions += 1 + len(request.Refs)
	}
	if questions > maxQuestions {
		return fault.New(fault.Input, "There are more permissions and resources than the %d that are answered at once", maxQuestions)
	}
	return nil
}

// answer answers the requests at these positions, which ask for the same permission.
func (s *Service) answer(ctx context.Context, principal identity.Principal, q rbac.Query, requests []Request, positions []int, answers []Answer) error {
	decision, err := s.decide(ctx, principal, q)
	if err != nil {
		return err
	}
	for _, i := range positions {
		answers[i].Result = decision.Result
	}
	if decision.Result != policy.Conditional {
		return nil
	}
	matches, err := s.matching(ctx, q.ResourceType, decision.Conditions, requests, positions)
	if err != nil {
		return err
	}
	for _, i := range positions {
		for _, ref := range requests[i].Refs {
			result := policy.Denied
			if matches[ref] {
				result = policy.Allowed
			}
			answers[i].Each = append(answers[i].Each, result)
		}
	}
	return nil
}

// decide is the decision about a permission, with every result but an approval as a denial. Only a permission
// on resources can be granted under conditions.
func (s *Service) decide(ctx context.Context, principal identity.Principal, q rbac.Query) (policy.Decision, error) {
	decision, err := s.ask(ctx, principal, q)
	granted := decision.Result == policy.Allowed || decision.Result == policy.Conditional && q.ResourceType != ""
	if err != nil || !granted {
		return policy.Decision{Result: policy.Denied}, err
	}
	return decision, nil
}

func (s *Service) ask(ctx context.Context, principal identity.Principal, q rbac.Query) (policy.Decision, error) {
	switch permission := policy.Permission(q.Permission); {
	case permission.IsKnown():
		return s.options.Decider.Decide(ctx, principal, permission)
	case s.options.Foreign != nil:
		return s.options.Foreign(ctx, principal, q)
	default:
		return policy.Decision{Result: policy.Denied}, nil
	}
}

// matching evaluates conditions on all resources of these requests. Portico reads them itself, because
// whoever may delete an entity under conditions need not be able to read it.
func (s *Service) matching(ctx context.Context, resources policy.ResourceType, conditions policy.Criteria, requests []Request, positions []int) (map[string]bool, error) {
	match, has := s.options.Match[resources]
	if !has {
		return nil, Unevaluable(resources)
	}
	var refs []string
	for _, i := range positions {
		refs = append(refs, requests[i].Refs...)
	}
	slices.Sort(refs)
	refs = slices.Compact(refs)
	found, err := match(ctx, identity.System("authorize"), conditions, refs)
	if err != nil {
		return nil, err
	}
	matches := make(map[string]bool, len(refs))
	for i, ref := range refs {
		matches[ref] = found[i]
	}
	return matches, nil
}

// Unevaluable is the fault of kind NotImplemented for conditions on resources that are not stored, such as
// actions.
func Unevaluable(resources policy.ResourceType) error {
	return fault.New(fault.NotImplemented, "This plugin does not expose any permission rule or can't evaluate the conditions request for %s", resources)
}
