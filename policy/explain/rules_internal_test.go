package explain

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/policy"
)

// verdictOf evaluates rules by the first letter of their name: h holds, f fails, u is unknown.
func verdictOf(criteria policy.Criteria, _ bool) (Verdict, error) {
	return map[byte]Verdict{'h': Holds, 'f': Fails, 'u': Unknown}[criteria.Rule[0]], nil
}

func TestTheDecisiveRules(t *testing.T) {
	t.Parallel()
	for criteria, expected := range map[string]string{
		`{"rule":"h"}`:         "holds: h",
		`{"not":{"rule":"h"}}`: "fails: !h",
		`{"allOf":[{"rule":"h1"},{"rule":"f1"},{"rule":"f2"}]}`:             "fails: f1 f2",
		`{"allOf":[{"rule":"h1"},{"not":{"rule":"f1"}}]}`:                   "holds: h1 !f1",
		`{"anyOf":[{"rule":"h1"},{"rule":"f1"},{"rule":"u1"}]}`:             "holds: h1",
		`{"anyOf":[{"rule":"f1"},{"rule":"f2"}]}`:                           "fails: f1 f2",
		`{"anyOf":[{"rule":"f1"},{"rule":"u1"}]}`:                           "unknown: u1",
		`{"not":{"anyOf":[{"rule":"f1"},{"allOf":[{"rule":"h1"}]}]}}`:       "fails: !h1",
		`{"allOf":[{"anyOf":[{"rule":"f1"},{"rule":"f2"}]},{"rule":"h1"}]}`: "fails: f1 f2",
		`{"allOf":[{"not":{"not":{"rule":"f1"}}},{"not":{"rule":"u1"}}]}`:   "fails: f1",
	} {
		var parsed policy.Criteria
		require.NoError(t, json.Unmarshal([]byte(criteria), &parsed))
		verdict, rules, err := evaluator(verdictOf).decisive(parsed, false)
		require.NoError(t, err)
		names := ""
		for _, rule := range rules {
			names += " "
			if rule.Negated {
				names += "!"
			}
			names += rule.Rule
		}
		require.Equal(t, expected, string(verdict)+":"+names, criteria)
	}
}

// TestRuleByRuleIsTheWhole: criteria that are evaluated rule by rule have the value that they have as a
// whole.
func TestRuleByRuleIsTheWhole(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		criteria := generate(random, 4)
		verdict, rules, err := evaluator(verdictOf).decisive(criteria, false)
		require.NoError(t, err)
		require.Equal(t, whole(criteria), verdict == Holds)
		require.NotEmpty(t, rules)
		require.LessOrEqual(t, len(rules), leaves(criteria))
		for _, rule := range rules {
			require.Equal(t, verdict == Holds, (rule.Verdict == Holds) != rule.Negated, "a decisive rule agrees with the result")
		}
	}
}

func generate(random *rand.Rand, depth int) policy.Criteria {
	if depth == 0 || random.IntN(3) == 0 {
		return policy.Criteria{Rule: []string{"h", "f"}[random.IntN(2)]}
	}
	var list []policy.Criteria
	for range 1 + random.IntN(3) {
		list = append(list, generate(random, depth-1))
	}
	switch random.IntN(3) {
	case 0:
		return policy.Criteria{AnyOf: list}
	case 1:
		return policy.Criteria{AllOf: list}
	default:
		return policy.Criteria{Not: &list[0]}
	}
}

// whole evaluates criteria as the rules of a resource type do.
func whole(criteria policy.Criteria) bool {
	filter, err := words.Filter(criteria)
	return err == nil && words.Allows(filter, "")
}

// words are rules whose filters are constants.
var words = policy.Rules[string, bool]{
	ByName: map[string]policy.Rule[bool]{
		"h": func(json.RawMessage) (bool, error) { return true, nil },
		"f": func(json.RawMessage) (bool, error) { return false, nil },
	},
	All:    func(filters []bool) bool { return !slices.Contains(filters, false) },
	Any:    func(filters []bool) bool { return slices.Contains(filters, true) },
	Not:    func(filter bool) bool { return !filter },
	Allows: func(filter bool, _ string) bool { return filter },
}
