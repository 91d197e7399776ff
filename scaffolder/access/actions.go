package access

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// Execution is one execution of an action.
type Execution struct {
	// Action is the action's id.
	Action string
	// Input is the rendered input, nil while it is not known.
	Input nunjucks.Value
}

// verdict is the result of a condition. It is unknown when it depends on an input that is not known. The order
// is that of truth: anyOf takes the largest verdict, allOf the smallest.
type verdict int

const (
	no verdict = iota
	unknown
	yes
)

func verdictOf(holds bool) verdict {
	if holds {
		return yes
	}
	return no
}

// Filter is a condition on an execution.
type Filter func(Execution) verdict

// Grant is the executions of actions that a principal may do.
type Grant = policy.Grant[Execution, Filter]

// ActionRules are the permission rules of the resource type scaffolder-action.
var ActionRules = policy.Rules[Execution, Filter]{
	ResourceType: policy.ScaffolderAction,
	ByName: map[string]policy.Rule[Filter]{
		"HAS_ACTION_ID": policy.NewRule("actionId", func(p struct{ ActionID string }) Filter {
			return func(e Execution) verdict { return verdictOf(e.Action == p.ActionID) }
		}),
		"HAS_BOOLEAN_PROPERTY": policy.NewRule("key", hasProperty[bool]),
		"HAS_NUMBER_PROPERTY":  policy.NewRule("key", hasProperty[float64]),
		"HAS_STRING_PROPERTY":  policy.NewRule("key", hasString),
	},
	All: func(filters []Filter) Filter {
		return func(e Execution) verdict { return slices.Min(verdicts(filters, e)) }
	},
	Any: func(filters []Filter) Filter {
		return func(e Execution) verdict { return slices.Max(verdicts(filters, e)) }
	},
	Not:    func(filter Filter) Filter { return func(e Execution) verdict { return yes - filter(e) } },
	Allows: func(filter Filter, e Execution) bool { return filter(e) == yes },
}

func verdicts(filters []Filter, e Execution) []verdict {
	all := make([]verdict, len(filters))
	for i, filter := range filters {
		all[i] = filter(e)
	}
	return all
}

// verdictOn is what a grant says about an execution whose input may not be known.
func verdictOn(granted Grant, e Execution) verdict {
	if filter, conditional := granted.Filter(); conditional {
		return filter(e)
	}
	return verdictOf(!granted.IsNothing())
}

// Executable are those of the actions that a decision allows to execute. isKnown is false if that depends on their
// inputs.
func Executable(decision policy.Decision, actions []string) (allowed []string, isKnown bool, err error) {
	switch decision.Result {
	case policy.Allowed:
		return actions, true, nil
	case policy.Conditional:
	default:
		return nil, true, nil
	}
	filter, err := ActionRules.Filter(decision.Conditions)
	if err != nil {
		return nil, false, fmt.Errorf("the conditions on actions: %w", err)
	}
	for _, id := range actions {
		verdict := filter(Execution{Action: id})
		if verdict == unknown {
			return nil, false, nil
		}
		if verdict == yes {
			allowed = append(allowed, id)
		}
	}
	return allowed, true, nil
}

// property is the params of a rule about an input. A nil value matches every value of the type.
type property[T comparable] struct {
	Key   string
	Value *T
}

func hasProperty[T comparable](p property[T]) Filter {
	return onProperty(p.Key, func(_ Execution, found T) bool { return p.Value == nil || *p.Value == found })
}

func hasString(p property[string]) Filter {
	return onProperty(p.Key, func(e Execution, found string) bool {
		switch {
		case p.Value == nil:
			return true
		case ignoresCase(e.Action, p.Key):
			return strings.EqualFold(*p.Value, found)
		default:
			return *p.Value == found
		}
	})
}

// onProperty is a condition on the value of an input. A value of another type does not meet it.
func onProperty[T comparable](key string, holds func(e Execution, found T) bool) Filter {
	path := parsePath(key)
	return func(e Execution) verdict {
		if e.Input == nil {
			return unknown
		}
		found, is := valueAt(e.Input, key, path).(T)
		return verdictOf(is && holds(e, found))
	}
}

// Hosts of source code ignore the case of these inputs of their actions. If conditions did not, a different
// spelling would evade them.
var (
	hostedActions = []string{"publish:", "github:", "gitlab:", "bitbucket:", "bitbucketCloud:", "bitbucketServer:", "gitea:", "gerrit:", "azure:"}
	hostedInputs  = []string{"repoUrl", "owner", "repo", "organization", "workspace", "project", "host"}
)

func ignoresCase(action, key string) bool {
	return slices.Contains(hostedInputs, key) &&
		slices.ContainsFunc(hostedActions, func(prefix string) bool { return strings.HasPrefix(action, prefix) })
}

// pathPart is a part of a path in lodash's syntax, which Backstage uses: a.b[0]["c.d"].
var pathPart = regexp.MustCompile(`\["([^"]*)"\]|\['([^']*)'\]|\[([^\]]*)\]|([^.\[\]]+)`)

func parsePath(key string) []string {
	var path []string
	for _, groups := range pathPart.FindAllStringSubmatch(key, -1) {
		path = append(path, strings.Join(groups[1:], "")) // the one that matched
	}
	return path
}

// valueAt is the value at a path in an input. As in lodash, a key with dots in its name is found by that name.
func valueAt(input nunjucks.Value, key string, path []string) nunjucks.Value {
	if object, is := input.(*nunjucks.Object); is {
		if value, has := object.Get(key); has {
			return value
		}
	}
	for _, part := range path {
		input = nunjucks.Member(input, part)
	}
	return input
}
