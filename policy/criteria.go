package policy

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/portico-dev/portico/fault"
)

// Criteria is a condition on a resource, in the form of Backstage's permission API: either a rule with its
// params, or other criteria that are joined. Exactly one of AnyOf, AllOf, Not and Rule is set; a list has at
// least one element.
type Criteria struct {
	// AnyOf matches when one of its criteria does.
	AnyOf []Criteria `json:"anyOf,omitempty"`
	// AllOf matches when all of its criteria do.
	AllOf []Criteria `json:"allOf,omitempty"`
	// Not matches when its criteria do not.
	Not *Criteria `json:"not,omitempty"`

	// Rule is the name of a rule of the resource type, and Params its parameters.
	Rule         string          `json:"rule,omitempty"`
	ResourceType ResourceType    `json:"resourceType,omitempty"`
	Params       json.RawMessage `json:"params,omitempty"`
}

// UnknownRuleError says that a resource type has no rule of this name.
type UnknownRuleError struct {
	Rule         string
	ResourceType ResourceType
}

func (e *UnknownRuleError) Error() string {
	return fmt.Sprintf("Permission rule '%s' does not exist for resource type '%s'", e.Rule, e.ResourceType)
}

var errForm = fault.New(fault.Input, "a condition is exactly one of anyOf, allOf, not and rule, and a list in it is not empty")

// hasOneForm reports whether exactly one of the four forms is used.
func (c Criteria) hasOneForm() bool {
	forms := 0
	for _, used := range []bool{len(c.AnyOf) > 0, len(c.AllOf) > 0, c.Not != nil, c.Rule != ""} {
		if used {
			forms++
		}
	}
	return forms == 1
}

// Rule builds a filter from the params of a rule. Invalid params are an error.
type Rule[F any] func(params json.RawMessage) (F, error)

// NewRule is a rule whose params are decoded into P. They must have the required field, and no fields that P
// lacks.
func NewRule[P, F any](required string, filter func(params P) F) Rule[F] {
	return func(params json.RawMessage) (F, error) {
		var none F
		var given map[string]json.RawMessage
		if err := json.Unmarshal(params, &given); err != nil {
			return none, fmt.Errorf("decode the params: %w", err)
		}
		if value := given[required]; value == nil || string(value) == "null" {
			return none, fmt.Errorf("the param %s is missing", required)
		}
		var typed P
		decoder := json.NewDecoder(bytes.NewReader(params))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&typed); err != nil {
			return none, fmt.Errorf("decode the params: %w", err)
		}
		return filter(typed), nil
	}
}

// Rules are the rules of one resource type, with functions to combine filters. R is a resource. F is a filter
// on resources, which its package can turn into SQL. A rule is written once, as a filter. Filters are
// evaluated in memory (Allows) and in SQL; a test of the filter's package checks that both agree.
type Rules[R, F any] struct {
	ResourceType ResourceType
	ByName       map[string]Rule[F]
	All          func(filters []F) F
	Any          func(filters []F) F
	Not          func(filter F) F
	// Allows reports whether a resource matches a filter.
	Allows func(filter F, resource R) bool
}

// Filter converts criteria into a filter. Criteria with a wrong form, for another resource type, or with
// unknown params are a fault of kind Input. An unknown rule is an *UnknownRuleError.
func (r Rules[R, F]) Filter(criteria Criteria) (F, error) {
	var none F
	switch {
	case !criteria.hasOneForm():
		return none, errForm
	case criteria.Not != nil:
		inner, err := r.Filter(*criteria.Not)
		if err != nil {
			return none, err
		}
		return r.Not(inner), nil
	case len(criteria.AllOf) > 0:
		return r.join(criteria.AllOf, r.All)
	case len(criteria.AnyOf) > 0:
		return r.join(criteria.AnyOf, r.Any)
	default:
		return r.leaf(criteria)
	}
}

// Type is the resource type that the rules are about.
func (r Rules[R, F]) Type() ResourceType { return r.ResourceType }

// Check returns an error for criteria that Filter does not accept.
func (r Rules[R, F]) Check(criteria Criteria) error {
	_, err := r.Filter(criteria)
	return err
}

func (r Rules[R, F]) join(criteria []Criteria, by func([]F) F) (F, error) {
	filters := make([]F, len(criteria))
	for i, each := range criteria {
		var err error
		if filters[i], err = r.Filter(each); err != nil {
			var none F
			return none, err
		}
	}
	return by(filters), nil
}

func (r Rules[R, F]) leaf(criteria Criteria) (F, error) {
	var none F
	if criteria.ResourceType != r.ResourceType {
		return none, fault.New(fault.Input, "the rule %s is about the resource type %q, not %q", criteria.Rule, criteria.ResourceType, r.ResourceType)
	}
	rule, known := r.ByName[criteria.Rule]
	if !known {
		return none, &UnknownRuleError{criteria.Rule, r.ResourceType}
	}
	filter, err := rule(criteria.Params)
	if err != nil {
		return none, fault.Wrap(fault.Input, err, "Parameters to rule are invalid; caused by %s: %s", criteria.Rule, err)
	}
	return filter, nil
}
