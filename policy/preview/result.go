package preview

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

// maxIncomplete bounds the reasons why not everything was compared.
const maxIncomplete = 20

var errBoth = fault.New(fault.Input, "a preview is either of changes or of files, not of both")

// Preview is what a change would mean.
type Preview struct {
	People People `json:"people"`
	// Permissions are the permissions that somebody gains or loses, those of the most people first.
	Permissions []Permission `json:"permissions"`
	// Items are a page of the people whose permissions differ, by reference.
	Items []Person `json:"items"`
	// NextCursor is the parameter after of the next page, "" on the last one.
	NextCursor string `json:"nextCursor,omitempty"`
	// Problems are what would be wrong with the files, and would not have them refused.
	Problems []rbac.Problem `json:"problems"`
	// Incomplete says what was not compared or counted. If it is not empty, there may be more differences.
	Incomplete []string `json:"incomplete"`
}

// People counts people.
type People struct {
	Compared int `json:"compared"`
	// Affected are those with any difference. One person may gain and lose.
	Affected int `json:"affected"`
	Gain     int `json:"gain"`
	Lose     int `json:"lose"`
	Alter    int `json:"alter"`
}

// Permission counts the people for whom the decision about one permission differs.
type Permission struct {
	Permission   string              `json:"permission"`
	Action       string              `json:"action,omitempty"`
	ResourceType policy.ResourceType `json:"resourceType,omitempty"`
	Gain         int                 `json:"gain"`
	Lose         int                 `json:"lose"`
	Alter        int                 `json:"alter"`
}

// Person is a person whose permissions differ.
type Person struct {
	User    string   `json:"user"`
	Changes []Change `json:"changes"`
}

// Change is a permission of a person that differs.
type Change struct {
	Permission   string              `json:"permission"`
	Action       string              `json:"action,omitempty"`
	ResourceType policy.ResourceType `json:"resourceType,omitempty"`
	Effect       rbac.Effect         `json:"effect"                 jsonschema:"enum=gains,enum=loses,enum=alters"`
	Before       policy.Result       `json:"before"                 jsonschema:"enum=ALLOW,enum=DENY,enum=CONDITIONAL"`
	After        policy.Result       `json:"after"                  jsonschema:"enum=ALLOW,enum=DENY,enum=CONDITIONAL"`
	// Resources are the resources that the permission is gained or lost on. It is absent where they are not known, such
	// as actions under conditions on their inputs, and where there was no time left to count them.
	Resources *Resources `json:"resources,omitempty"`
}

// Resources counts resources that the caller may read.
type Resources struct {
	Gained         int      `json:"gained"`
	Lost           int      `json:"lost"`
	GainedExamples []string `json:"gainedExamples"`
	LostExamples   []string `json:"lostExamples"`
	// OnlyReadable says that there may be more which the caller may not read.
	OnlyReadable bool `json:"onlyReadable"`
}

func (p *Preview) leaveOut(format string, args ...any) {
	if len(p.Incomplete) < maxIncomplete {
		p.Incomplete = append(p.Incomplete, fmt.Sprintf(format, args...))
	}
}

// count counts a person with these differences.
func (p *People) count(found []rbac.Difference) {
	p.Affected++
	for effect, counter := range map[rbac.Effect]*int{rbac.Gains: &p.Gain, rbac.Loses: &p.Lose, rbac.Alters: &p.Alter} {
		if slices.ContainsFunc(found, func(d rbac.Difference) bool { return d.Effect == effect }) {
			*counter++
		}
	}
}

// tally counts the people of each permission.
type tally map[rbac.Query]*Permission

func (t tally) add(found []rbac.Difference) {
	for _, d := range found {
		if t[d.Query] == nil {
			t[d.Query] = &Permission{Permission: d.Permission, Action: d.Action, ResourceType: d.ResourceType}
		}
		counted := t[d.Query]
		*map[rbac.Effect]*int{rbac.Gains: &counted.Gain, rbac.Loses: &counted.Lose, rbac.Alters: &counted.Alter}[d.Effect]++
	}
}

func (t tally) permissions() []Permission {
	permissions := []Permission{}
	for counted := range maps.Values(t) {
		permissions = append(permissions, *counted)
	}
	slices.SortFunc(permissions, func(a, b Permission) int {
		return cmp.Or(-cmp.Compare(a.people(), b.people()), strings.Compare(a.Permission, b.Permission), strings.Compare(a.Action, b.Action),
			strings.Compare(string(a.ResourceType), string(b.ResourceType)))
	})
	return permissions
}

func (p Permission) people() int { return p.Gain + p.Lose + p.Alter }
