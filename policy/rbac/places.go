package rbac

import "slices"

// Place is a place in a file. The zero value is none: the thing does not come from a file, or its line is not
// known.
type Place struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// places are the lines on which the files with roles had something when they were last read. What is not in a
// file has no place, nor has anything in the nil places of a process that reads no files.
type places struct {
	files      Files
	policies   map[Policy]int
	members    map[membership]int
	conditions []lineOf[checkedCondition]
}

func newPlaces(files Files, parsed policyFile) *places {
	p := &places{files: files, policies: map[Policy]int{}, members: map[membership]int{}}
	for _, line := range parsed.policies {
		p.policies[line.value] = line.line
	}
	for _, line := range parsed.members {
		p.members[line.value] = line.line
	}
	return p
}

func (p *places) ofPolicy(policy Policy) Place {
	if p == nil {
		return Place{}
	}
	return placeIn(p.files.Policies, p.policies[policy])
}

func (p *places) ofMember(member, role string) Place {
	if p == nil {
		return Place{}
	}
	return placeIn(p.files.Policies, p.members[membership{member, role}])
}

// ofCondition is the place of the condition of its role on the same permissions, of which a file has one at
// most.
func (p *places) ofCondition(condition Condition) Place {
	if p == nil {
		return Place{}
	}
	at := slices.IndexFunc(p.conditions, func(line lineOf[checkedCondition]) bool {
		return len(overlap(line.value.ConditionSpec, condition.ConditionSpec)) > 0
	})
	if at < 0 {
		return Place{}
	}
	return placeIn(p.files.Conditions, p.conditions[at].line)
}

func placeIn(file string, line int) Place {
	if line == 0 {
		return Place{}
	}
	return Place{file, line}
}
