// Package explain says why somebody may do something or may not, and what would change it. The decider
// explains its decision; this package adds which rules of the conditions a resource meets, and who may ask.
package explain

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/authorize"
	"github.com/portico-dev/portico/policy/rbac"
)

// Options are the dependencies of a Service.
type Options struct {
	Decider policy.Decider
	// Roles explains the decisions of users. It is nil if there are no roles; then the Decider alone decides.
	Roles *rbac.Decider
	// MemberOf finds the groups that a user has at sign-in.
	MemberOf func(ctx context.Context, user string) ([]string, error)
	// LinksOf finds how a user belongs to groups.
	LinksOf rbac.LinksOf
	// Match has the resource types on which conditions can be evaluated.
	Match map[policy.ResourceType]authorize.Match
}

// Service explains decisions. It is safe for concurrent use.
type Service struct{ options Options }

// New makes a Service.
func New(options Options) *Service { return &Service{options} }

// Question asks why a user may do something or may not.
type Question struct {
	// User is the reference of a user; "" is the caller.
	User string
	// Query is the permission. Of one that Portico knows, the name alone counts.
	rbac.Query

	// Resource is an entity reference, the id of a run or the reference of a role; "" is no resource.
	Resource string
}

// Explanation is an explained decision.
type Explanation struct {
	User         string              `json:"user"`
	Permission   string              `json:"permission"`
	Action       string              `json:"action,omitempty"`
	ResourceType policy.ResourceType `json:"resourceType,omitempty"`
	Resource     string              `json:"resource,omitempty"`
	// Known says that Portico itself has the permission.
	Known bool `json:"known"`
	// Decision is the decision about the permission.
	Decision policy.Result `json:"decision"`
	// Result is the decision about the resource. Without a resource, and where conditions cannot be evaluated,
	// it is the Decision.
	Result policy.Result `json:"result"`
	// Rules are the rules of the conditions that decided about the resource.
	Rules []Rule `json:"rules"`
	rbac.Explanation
}

// Explain explains a decision about a user. Everybody may ask about themselves; about others only who may
// read all roles (policy.PolicyEntityRead).
func (s *Service) Explain(ctx context.Context, principal identity.Principal, q Question) (Explanation, error) {
	subject, err := s.subject(ctx, principal, q.User)
	if err != nil {
		return Explanation{}, err
	}
	q.Query = authorize.Described(q.Query)
	if q.Resource, err = checkedResource(q); err != nil {
		return Explanation{}, err
	}
	e := describe(subject, q)
	if e.Explanation, err = s.decide(ctx, subject, q.Query); err != nil {
		return Explanation{}, err
	}
	match := s.options.Match[q.ResourceType]
	if q.Resource == "" || match == nil {
		return e.on(nil)
	}
	return e.on(matching(ctx, match, principal, q.Resource))
}

// describe is the question of an explanation.
func describe(subject identity.Principal, q Question) Explanation {
	return Explanation{User: subject.Subject, Permission: q.Permission, Action: q.Action, ResourceType: q.ResourceType, Resource: q.Resource,
		Known: policy.Permission(q.Permission).IsKnown(), Rules: []Rule{}}
}

// subject is the user about whom somebody asks, as they are when they sign in; the caller is who they are
// now.
func (s *Service) subject(ctx context.Context, principal identity.Principal, user string) (identity.Principal, error) {
	if user == "" {
		return principal, nil
	}
	ref, err := entity.ParseRef(user, entity.Ref{Kind: "user", Namespace: entity.DefaultNamespace})
	if err != nil {
		return identity.Principal{}, fault.New(fault.Input, "user: %s", err)
	}
	if user = ref.String(); user == principal.Subject {
		return principal, nil
	}
	if err := policy.Require(ctx, s.options.Decider, principal, policy.PolicyEntityRead, user); err != nil {
		return identity.Principal{}, err
	}
	if !strings.HasPrefix(user, "user:") {
		return identity.Principal{}, fault.New(fault.Input, "user: %s is not a user", user)
	}
	groups, err := s.options.MemberOf(ctx, user)
	return identity.Principal{Kind: identity.KindUser, Subject: user, Ownership: append([]string{user}, groups...)}, err
}

// checkedResource is the resource of a question as its type names it.
func checkedResource(q Question) (string, error) {
	switch {
	case q.Permission == "":
		return "", fault.New(fault.Input, "permission: name one, such as %s", policy.CatalogEntityRead)
	case q.Resource != "" && q.ResourceType == "":
		return "", fault.New(fault.Input, "resource: %s is not about single resources", q.Permission)
	case q.Resource == "" || q.ResourceType != policy.CatalogEntity:
		return q.Resource, nil
	}
	ref, err := entity.ParseRef(q.Resource, entity.Ref{Namespace: entity.DefaultNamespace})
	if err != nil {
		return "", fault.New(fault.Input, "resource: %s", err)
	}
	return ref.String(), nil
}

func (s *Service) decide(ctx context.Context, subject identity.Principal, q rbac.Query) (rbac.Explanation, error) {
	if s.options.Roles != nil {
		return s.options.Roles.Explain(ctx, subject, q)
	}
	decision, err := s.options.Decider.Decide(ctx, subject, policy.Permission(q.Permission))
	return rbac.Explanation{Basis: rbac.ByToken, Decision: decision, Roles: []rbac.HeldRole{}, Policies: []rbac.PlacedPolicy{},
		Conditions: []rbac.PlacedCondition{}, Changes: []rbac.Change{}, Maintainers: []string{}}, err
}

// on completes an explanation with the resource on which conditions are evaluated; nil is none.
func (e Explanation) on(resource evaluator) (Explanation, error) {
	e.Decision = e.Explanation.Decision.Result
	e.Result = e.Decision
	if resource == nil || e.Decision == policy.Allowed {
		return e, nil
	}
	if e.Decision == policy.Conditional {
		if err := evaluate(&e, resource); err != nil {
			return Explanation{}, err
		}
	}
	err := keepChanges(&e, resource)
	return e, err
}

// evaluate sets the result of the conditions on the resource, and the rules that decided.
func evaluate(e *Explanation, resource evaluator) error {
	covered, err := resource(e.Explanation.Decision.Conditions, true)
	if err != nil {
		return err
	}
	e.Result = policy.Denied
	if covered == Holds {
		e.Result = policy.Allowed
	}
	if leaves(e.Explanation.Decision.Conditions) > maxRules {
		return nil
	}
	_, e.Rules, err = resource.decisive(e.Explanation.Decision.Conditions, false)
	return err
}

// keepChanges drops the changes whose conditions do not cover the resource, and all if the resource is
// allowed.
func keepChanges(e *Explanation, resource evaluator) error {
	kept := []rbac.Change{}
	for _, change := range e.Changes {
		if e.Result == policy.Allowed {
			break
		}
		if change.Result == policy.Conditional {
			covered, err := resource(change.Decision.Conditions, false)
			if err != nil {
				return err
			}
			if covered == Fails {
				continue
			}
		}
		kept = append(kept, change)
	}
	e.Changes = kept
	return nil
}

// matching evaluates criteria on a stored resource. About single rules it tells a caller no more than they
// may read.
func matching(ctx context.Context, match authorize.Match, principal identity.Principal, resource string) evaluator {
	ask := func(by identity.Principal, criteria policy.Criteria) (bool, error) {
		found, err := match(ctx, by, criteria, []string{resource})
		return err == nil && found[0], err
	}
	return func(criteria policy.Criteria, whole bool) (Verdict, error) {
		by := principal
		if whole {
			by = identity.System("explain") // the answer is what the user would get, who need not be able to read it
		}
		holds, err := ask(by, criteria)
		if err != nil || holds {
			return Holds, err
		}
		if fails, err := ask(by, policy.Criteria{Not: &criteria}); err != nil || fails {
			return Fails, err
		}
		return Unknown, nil
	}
}

// Rule is a rule of a condition with what came of it.
type Rule struct {
	Rule   string          `json:"rule"`
	Params json.RawMessage `json:"params,omitempty"`
	// Negated says that the condition asks for resources that the rule does not match.
	Negated bool    `json:"negated,omitempty"`
	Verdict Verdict `json:"verdict"`
}
