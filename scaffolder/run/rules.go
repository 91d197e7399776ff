package run

import (
	"slices"

	"github.com/portico-dev/portico/policy"
)

// Grant is the runs that a principal may read, or may do with what it asked for.
type Grant = policy.Grant[Run, Creators]

// Rules are the permission rules of the resource type scaffolder-task, Backstage's name for runs.
var Rules = policy.Rules[Run, Creators]{
	ResourceType: policy.ScaffolderTask,
	ByName: map[string]policy.Rule[Creators]{
		"IS_TASK_OWNER": policy.NewRule("createdBy", func(p struct{ CreatedBy []string }) Creators { return createdBy(p.CreatedBy) }),
	},
	All:    allCreators,
	Any:    anyCreator,
	Not:    Creators.not,
	Allows: func(creators Creators, r Run) bool { return creators.has(r.CreatedBy) },
}

// Creators is the filter on runs: a set of those who created them, given by its members or by all that are
// not in it. Every condition on who created a run is such a set. The zero value is the empty set, which lets
// no run through.
type Creators struct {
	names []string
	// others says that the set has everybody but the names, a run without a user included.
	others bool
}

// createdBy is the set of these users. A run that no user created belongs to none of them.
func createdBy(users []string) Creators {
	return Creators{names: slices.DeleteFunc(slices.Clone(users), func(user string) bool { return user == "" })}
}

// Anybody is the set of all, a run without a user included.
func Anybody() Creators { return Creators{others: true} }

func (c Creators) has(user string) bool { return slices.Contains(c.names, user) != c.others }

func (c Creators) not() Creators { return Creators{c.names, !c.others} }

// and is the set of those who are in both.
func (c Creators) and(other Creators) Creators {
	switch {
	case c.others && other.others:
		return Creators{slices.Concat(c.names, other.names), true}
	case c.others:
		return other.and(c)
	default:
		return Creators{names: slices.DeleteFunc(slices.Clone(c.names), func(user string) bool { return !other.has(user) })}
	}
}

func allCreators(sets []Creators) Creators {
	all := Creators{others: true}
	for _, set := range sets {
		all = all.and(set)
	}
	return all
}

// anyCreator is those who are in any of the sets: not in the complement of each.
func anyCreator(sets []Creators) Creators {
	complements := make([]Creators, len(sets))
	for i, set := range sets {
		complements[i] = set.not()
	}
	return allCreators(complements).not()
}

// grantedRuns is a grant as the parameters of the statements that list runs: those of all creators but some,
// or of only some.
type grantedRuns struct {
	everybody    bool
	only, except []string
}

func asParameters(granted Grant) grantedRuns { return createdIn(creatorsOf(granted)) }

// creatorsOf are the creators of the runs of a grant.
func creatorsOf(granted Grant) Creators {
	if creators, conditional := granted.Filter(); conditional {
		return creators
	}
	return Creators{others: !granted.IsNothing()}
}

func createdIn(creators Creators) grantedRuns {
	if creators.others {
		return grantedRuns{everybody: true, only: []string{}, except: orNone(creators.names)}
	}
	return grantedRuns{only: orNone(creators.names), except: []string{}}
}
