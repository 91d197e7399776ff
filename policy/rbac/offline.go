package rbac

import (
	"fmt"
	"path/filepath"
)

// Offline makes a decider with the roles of the configuration and of files, without a database. Files with
// problems are used as Files.SkipInvalid says. Of the options of a Service, it takes Conditional, Limits,
// Configured and Files.
func Offline(options Options, deciding DeciderOptions) (*Decider, []Problem, error) {
	s := &Service{options: options, rules: newRulebook(options.Limits, options.Conditional)}
	w := s.parseFiles(s.readFiles())
	w.settle(stored{})
	if !w.hasConditions {
		w.conditions = nil
	}
	all := stored{index: map[string]int{}}
	for _, set := range []*roleSet{w.configured, w.fromFile} {
		all.add(set)
	}
	checked := make([]checkedCondition, len(w.conditions))
	for i, line := range w.conditions {
		checked[i] = line.value
		all.conditions = append(all.conditions, line.value.Condition)
	}
	loaded, err := newSnapshot(all, checked, options.Configured, w.places)
	if err != nil {
		return nil, nil, fmt.Errorf("load the policies into casbin: %w", err)
	}
	d := NewDecider(deciding)
	d.snapshot.Store(loaded)
	return d, w.problems, nil
}

// add adds the roles of one source; nil has none.
func (s *stored) add(set *roleSet) {
	if set == nil {
		return
	}
	for _, role := range set.roles {
		s.index[role.Ref] = len(s.roles)
		s.roles = append(s.roles, role.Role)
	}
	s.policies = append(s.policies, set.policies...)
}

// FileCheck is what CheckFiles found in one file.
type FileCheck struct {
	File string `json:"file"`
	// Policies, Members and Conditions count what is valid.
	Policies   int       `json:"policies"`
	Members    int       `json:"members"`
	Conditions int       `json:"conditions"`
	Problems   []Problem `json:"problems"`
}

// CheckFiles checks files of policies (.csv) and of conditions (.yaml or .yml), as the server reads them. If
// there are files of policies among them, conditions of roles that none of them has are problems.
func CheckFiles(names []string, limits Limits, conditional []Conditional) []FileCheck {
	checker := fileChecker{rules: newRulebook(limits, conditional), conditions: map[string][]lineOf[checkedCondition]{}}
	read := map[string]func(name string) ([]Problem, FileCheck){".csv": checker.policies, ".yaml": checker.conditionsOf, ".yml": checker.conditionsOf}
	checks := make([]FileCheck, len(names))
	for i, name := range names {
		problems := []Problem{{File: name, Reason: "a file of policies ends in .csv, and a file of conditions in .yaml"}}
		if check := read[filepath.Ext(name)]; check != nil {
			problems, checks[i] = check(name)
		}
		checks[i].File, checks[i].Problems = name, append([]Problem{}, problems...)
	}
	for i, name := range names {
		if checker.roles != nil {
			checks[i].Problems = append(checks[i].Problems, ofUnknownRoles(name, checker.conditions[name], checker.roles)...)
		}
	}
	return checks
}

// fileChecker checks files, and remembers their conditions, and the roles of the files of policies; nil
// without one.
type fileChecker struct {
	rules      *rulebook
	conditions map[string][]lineOf[checkedCondition]
	roles      map[string]bool
}

func (c *fileChecker) policies(name string) ([]Problem, FileCheck) {
	text, err := readBounded(name, maxCSVBytes)
	if err != nil {
		return []Problem{{File: name, Reason: err.Error()}}, FileCheck{}
	}
	parsed, problems := parsePolicies(name, text)
	c.roles = parsed.addRoles(c.roles)
	return problems, FileCheck{Policies: len(parsed.policies), Members: len(parsed.members)}
}

func (c *fileChecker) conditionsOf(name string) ([]Problem, FileCheck) {
	text, err := readBounded(name, c.rules.limits.FileBytes)
	if err != nil {
		return []Problem{{File: name, Reason: err.Error()}}, FileCheck{}
	}
	conditions, problems := c.rules.parseConditions(name, text)
	c.conditions[name] = conditions
	return problems, FileCheck{Conditions: len(conditions)}
}

// addRoles adds the roles of a file to a set, nil for none.
func (f *policyFile) addRoles(roles map[string]bool) map[string]bool {
	if roles == nil {
		roles = map[string]bool{}
	}
	for _, line := range f.policies {
		roles[line.value.Role] = true
	}
	for _, line := range f.members {
		roles[line.value.role] = true
	}
	return roles
}
