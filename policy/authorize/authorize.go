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
)

// maxQuestions bounds the references and permissions of one batch.
const maxQuestions = 5000

// Match reports which resources of one type exist, may be read by the principal, and meet the criteria. It
// returns one result for each reference, in their order.
type Match func(ctx context.Context, principal identity.Principal, criteria policy.Criteria, refs []string) ([]bool, error)

// Service answers permission requests. It is safe for concurrent use.
type Service struct {
	decider policy.Decider
	match   map[policy.ResourceType]Match
}

// New makes a Service. Conditions on a resource type that is not in match cannot be evaluated.
func New(decider policy.Decider, match map[policy.ResourceType]Match) *Service {
	return &Service{decider: decider, match: match}
}

// Request asks for one permission. Refs are the resources of a permission that has a resource type.
type Request struct {
	Permission policy.Permission
	Refs       []string
}

// Answer is the answer to a Request.
type Answer struct {
	// Result is the decision, which holds for all resources unless it is policy.Conditional.
	Result policy.Result
	// Each has a result for every reference of a conditional decision, in their order.
	Each []policy.Result
}

// Authorize answers every request of a batch, in their order. A permission that Portico does not know is
// denied. So is a resource that does not exist, where conditions would have to be checked on it. A permission
// on resources without a reference is ErrNoResource. Conditions that cannot be evaluated are one of
// kind NotImplemented.
func (s *Service) Authorize(ctx context.Context, principal identity.Principal, requests []Request) ([]Answer, error) {
	if err := checkRequests(requests); err != nil {
		return nil, err
	}
	byPermission := map[policy.Permission][]int{}
	for i, request := range requests {
		byPermission[request.Permission] = append(byPermission[request.Permission], i)
	}
	answers := make([]Answer, len(requests))
	for permission, positions := range byPermission {
		if err := s.answer(ctx, principal, permission, requests, positions, answers); err != nil {
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
		if request.Permission.ResourceType() != "" && len(request.Refs) == 0 {
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
func (s *Service) answer(ctx context.Context, principal identity.Principal, permission policy.Permission, requests []Request, positions []int, answers []Answer) error {
	decision, err := s.decide(ctx, principal, permission)
	if err != nil {
		return err
	}
	for _, i := range positions {
		answers[i].Result = decision.Result
	}
	if decision.Result != policy.Conditional {
		return nil
	}
	matches, err := s.matching(ctx, permission.ResourceType(), decision.Conditions, requests, positions)
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
func (s *Service) decide(ctx context.Context, principal identity.Principal, permission policy.Permission) (policy.Decision, error) {
	denied := policy.Decision{Result: policy.Denied}
	if !permission.IsKnown() {
		return denied, nil
	}
	decision, err := s.decider.Decide(ctx, principal, permission)
	granted := decision.Result == policy.Allowed || decision.Result == policy.Conditional && permission.ResourceType() != ""
	if err != nil || !granted {
		return denied, err
	}
	return decision, nil
}

// matching evaluates conditions on all resources of these requests. Portico reads them itself, because
// whoever may delete an entity under conditions need not be able to read it.
func (s *Service) matching(ctx context.Context, resources policy.ResourceType, conditions policy.Criteria, requests []Request, positions []int) (map[string]bool, error) {
	match, has := s.match[resources]
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
