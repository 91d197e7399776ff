package explain

import "github.com/portico-dev/portico/policy"

// Verdict says whether a resource meets criteria.
type Verdict string

// The verdicts. Unknown is that of a resource that does not exist, or that the caller may not read.
const (
	Holds   Verdict = "holds"
	Fails   Verdict = "fails"
	Unknown Verdict = "unknown"
)

func (v Verdict) not() Verdict {
	switch v {
	case Holds:
		return Fails
	case Fails:
		return Holds
	default:
		return v
	}
}

// maxRules bounds the rules that are evaluated one by one.
const maxRules = 50

// evaluator evaluates criteria on one resource: those of a decision as a whole, or one rule.
type evaluator func(criteria policy.Criteria, whole bool) (Verdict, error)

// decisive evaluates criteria rule by rule, and returns the rules that made them hold or fail: of an allOf
// that fails those that fail, of an anyOf that holds those that hold, otherwise all.
func (resource evaluator) decisive(criteria policy.Criteria, negated bool) (Verdict, []Rule, error) {
	switch {
	case criteria.Not != nil:
		verdict, rules, err := resource.decisive(*criteria.Not, !negated)
		return verdict.not(), rules, err
	case len(criteria.AllOf) > 0:
		return resource.joined(criteria.AllOf, negated, Fails)
	case len(criteria.AnyOf) > 0:
		return resource.joined(criteria.AnyOf, negated, Holds)
	}
	verdict, err := resource(criteria, false)
	return verdict, []Rule{{criteria.Rule, criteria.Params, negated, verdict}}, err
}

// joined evaluates a list of criteria, of which one with the verdict that settles it is enough.
func (resource evaluator) joined(list []policy.Criteria, negated bool, settles Verdict) (Verdict, []Rule, error) {
	rules := map[Verdict][]Rule{}
	var all []Rule
	for _, criteria := range list {
		verdict, found, err := resource.decisive(criteria, negated)
		if err != nil {
			return Unknown, nil, err
		}
		rules[verdict], all = append(rules[verdict], found...), append(all, found...)
	}
	for _, verdict := range []Verdict{settles, Unknown} {
		if len(rules[verdict]) > 0 {
			return verdict, rules[verdict], nil
		}
	}
	return settles.not(), all, nil
}

// leaves counts the rules of criteria.
func leaves(criteria policy.Criteria) int {
	switch {
	case criteria.Not != nil:
		return leaves(*criteria.Not)
	case criteria.Rule != "":
		return 1
	}
	count := 0
	for _, list := range [][]policy.Criteria{criteria.AllOf, criteria.AnyOf} {
		for _, each := range list {
			count += leaves(each)
		}
	}
	return count
}
