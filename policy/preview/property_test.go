package preview_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/preview"
	"github.com/portico-dev/portico/policy/rbac"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/template"
)

// TestAPreviewIsWhatTheChangeDoes: for generated changes, one or several after each other, the preview has exactly the
// permissions about which the decisions differ once they are made, with the entities and actions that are gained and
// lost. What the preview refuses, the first change that cannot be made refuses with the same words.
func TestAPreviewIsWhatTheChangeDoes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := newSetting(t, func(_ *rbac.Options, deciding *rbac.DeciderOptions) {
				deciding.PoliciesFirst, deciding.ByOwnership = seed%2 == 1, seed == 2
				deciding.SuperUsers = []string{"user:default/user-9"}
			})
			w := newWitness(t, s)
			g := &generator{Rand: rand.New(rand.NewPCG(1, seed)), s: s, t: t}
			made := 0
			before := w.decisions()
			for range 50 {
				changes := g.changes()
				previewed, refused := s.Preview(t.Context(), admin, preview.Request{Changes: changes}, everybody)
				refusing, err := w.make(changes)
				after := w.decisions()
				if err != nil {
					require.Error(t, refused, "%s: %s", err, asText(t, changes))
					require.Equal(t, anyID(err), strings.TrimPrefix(anyID(refused), fmt.Sprintf("changes[%d]: ", refusing)), asText(t, changes))
					require.Equal(t, fault.KindOf(err), fault.KindOf(refused))
				} else {
					require.NoError(t, refused, asText(t, changes))
					require.Empty(t, previewed.Incomplete)
					made += len(changes)
					w.compare(previewed, before, after, changes)
				}
				before = after
			}
			require.Greater(t, made, 25)
			require.Greater(t, w.differences, 50, "the changes differ")
		})
	}
}

// question is a permission of a person.
type question struct{ user, permission string }

// answered is a decision with the entities or actions that it allows.
type answered struct {
	result     policy.Result
	conditions string
	resources  []string
}

// witness decides as a server does, without previews.
type witness struct {
	*testing.T

	s           *setting
	people      []identity.Principal
	entities    []string
	differences int
	// meet has the entities that meet conditions.
	meet map[string][]string
}

// make makes changes up to the first one that is refused.
func (w *witness) make(changes []rbac.Proposal) (refusing int, err error) {
	w.Helper()
	for i, change := range changes {
		if err := w.s.make(w, admin, change); err != nil {
			return i, err
		}
	}
	return 0, nil
}

// anyID is a message without the id of a condition: a condition that was previewed gets another one when it is made.
func anyID(err error) string {
	return regexp.MustCompile(`id: \d+`).ReplaceAllString(err.Error(), "id: N")
}

func newWitness(t *testing.T, s *setting) *witness {
	t.Helper()
	w := &witness{T: t, s: s, meet: map[string][]string{}}
	rows, err := s.pool.Query(t.Context(), "select entity_ref from catalog_entities order by 1")
	require.NoError(t, err)
	for rows.Next() {
		var ref string
		require.NoError(t, rows.Scan(&ref))
		w.entities = append(w.entities, ref)
	}
	require.NoError(t, rows.Err())
	users := []string{admin.Subject, "user:default/stranger"}
	for _, ref := range w.entities {
		if strings.HasPrefix(ref, "user:") {
			users = append(users, ref)
		}
	}
	groups := rbac.CatalogGroups(s.pool)
	for _, user := range users {
		owned, err := groups(t.Context(), user, 31, 500)
		require.NoError(t, err)
		w.people = append(w.people, identity.Principal{Kind: identity.KindUser, Subject: user, Ownership: append([]string{user}, owned...)})
	}
	require.Greater(t, len(w.people), 8)
	return w
}

// foreign are permissions that Portico does not know.
var foreign = []rbac.Query{{Permission: "techinsights.check.run"}, {Permission: "catalog.entity.rate", Action: "update", ResourceType: policy.CatalogEntity}}

// decisions are the decisions about all people.
func (w *witness) decisions() map[question]answered {
	w.Helper()
	found := map[question]answered{}
	for _, person := range w.people {
		for _, permission := range policy.Permissions() {
			decision, err := w.s.decider.Decide(w.Context(), person, permission)
			require.NoError(w, err)
			answer := w.answer(decision, permission.ResourceType())
			if permission == policy.ScaffolderActionExecute {
				answer.resources = w.executable(person)
			}
			found[question{person.Subject, string(permission)}] = answer
		}
		for _, q := range foreign {
			decision, err := w.s.decider.DecideQuery(w.Context(), person, q)
			require.NoError(w, err)
			found[question{person.Subject, q.Permission}] = w.answer(decision, q.ResourceType)
		}
	}
	return found
}

func (w *witness) answer(decision policy.Decision, of policy.ResourceType) answered {
	w.Helper()
	text, err := json.Marshal(decision.Conditions)
	require.NoError(w, err)
	a := answered{result: decision.Result, conditions: string(text)}
	switch {
	case of != policy.CatalogEntity || decision.Result == policy.Denied:
	case decision.Result == policy.Allowed:
		a.resources = w.entities
	case w.meet[a.conditions] != nil:
		a.resources = w.meet[a.conditions]
	default:
		a.resources = []string{}
		meets, err := w.s.catalog.MatchingEntities(w.Context(), identity.System("test"), decision.Conditions, w.entities)
		require.NoError(w, err)
		for i, ref := range w.entities {
			if meets[i] {
				a.resources = append(a.resources, ref)
			}
		}
		w.meet[a.conditions] = a.resources
	}
	return a
}

// executable are the actions that a run of a person may have as steps.
func (w *witness) executable(person identity.Principal) []string {
	w.Helper()
	return slices.DeleteFunc(slices.Clone(actions), func(id string) bool {
		return access.NewRuns(w.s.decider).CheckSteps(w.Context(), person, []template.Step{{Action: id}}) != nil
	})
}

// compare compares a preview with the decisions before and after the change was made.
func (w *witness) compare(previewed preview.Preview, before, after map[question]answered, changes []rbac.Proposal) {
	w.Helper()
	told := map[question]preview.Change{}
	for _, person := range previewed.Items {
		for _, each := range person.Changes {
			told[question{person.User, each.Permission}] = each
		}
	}
	for asked, was := range before {
		is := after[asked]
		gained, lost := missing(is.resources, was.resources), missing(was.resources, is.resources)
		each, isTold := told[asked]
		delete(told, asked)
		if !isTold {
			require.Equal(w, was.result, is.result, "%v %s", asked, asText(w, changes))
			require.Empty(w, slices.Concat(gained, lost), "%v %s", asked, asText(w, changes))
			continue
		}
		w.differences++
		require.Equal(w, []policy.Result{was.result, is.result}, []policy.Result{each.Before, each.After}, "%v %s", asked, asText(w, changes))
		require.NotEqual(w, was, is, "%v %s", asked, asText(w, changes))
		if each.ResourceType == policy.ScaffolderAction {
			require.True(w, each.Resources != nil || strings.Contains(was.conditions+is.conditions, "_PROPERTY"), "%v %s", asked, asText(w, changes))
		}
		if resources := each.Resources; resources != nil && each.ResourceType != policy.PolicyEntity {
			require.Equal(w, []int{len(gained), len(lost)}, []int{resources.Gained, resources.Lost}, "%v %s", asked, asText(w, changes))
			require.Subset(w, gained, resources.GainedExamples)
			require.Subset(w, lost, resources.LostExamples)
			require.Equal(w, []int{min(3, len(gained)), min(3, len(lost))}, []int{len(resources.GainedExamples), len(resources.LostExamples)})
		}
		if each.Effect == rbac.Gains {
			require.Empty(w, lost)
		}
		if each.Effect == rbac.Loses {
			require.Empty(w, gained)
		}
	}
	require.Empty(w, told, "all that is told is about a person that there is: %s", asText(w, changes))
}

func missing(list, from []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(ref string) bool { return slices.Contains(from, ref) })
}

func asText(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// generator generates changes of few roles, so that they meet.
type generator struct {
	*rand.Rand

	s *setting
	t *testing.T
}

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

func (g *generator) role() string { return fmt.Sprintf("role:default/r%d", g.IntN(4)) }

func (g *generator) members() []string {
	members := []string{"user:default/user-9", "user:default/user-17", "user:default/stranger", "group:default/group-19", "group:default/group-39",
		"group:default/group-59", "group:default/none"}
	g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return members[:1+g.IntN(3)]
}

// policy is a policy on one permission, or on a type.
func (g *generator) policy(role string) rbac.Policy {
	about := pick(g, policy.CatalogEntityRead, policy.CatalogEntityDelete, policy.CatalogLocationCreate, policy.ScaffolderActionExecute, policy.ScaffolderTaskCancel, policy.PolicyEntityCreate)
	p := rbac.Policy{Role: role, Permission: string(about), Action: about.Action(), Effect: pick(g, rbac.Allow, rbac.Allow, rbac.Deny)}
	switch g.IntN(5) {
	case 0:
		p.Permission, p.Action = "techinsights.check.run", "use"
	case 1, 2:
		if of := about.ResourceType(); of != "" {
			p.Permission = string(of)
		} else if about == policy.PolicyEntityCreate {
			p.Permission = string(policy.PolicyEntity)
		}
	}
	if p.Action == "" {
		p.Action = "use"
	}
	return p
}

func (g *generator) condition() rbac.ConditionSpec {
	if g.IntN(3) == 0 {
		return g.onActions()
	}
	spec := rbac.ConditionSpec{Result: policy.Conditional, Role: g.role(), PluginID: "catalog", ResourceType: policy.CatalogEntity}
	for _, permission := range []policy.Permission{policy.CatalogEntityRead, policy.CatalogEntityDelete, policy.CatalogEntityRefresh} {
		if g.IntN(2) == 0 {
			spec.Permissions = append(spec.Permissions, rbac.ConditionPermission{Name: string(permission), Action: permission.Action()})
		}
	}
	if len(spec.Permissions) == 0 {
		spec.Permissions = []rbac.ConditionPermission{{Name: "catalog.entity.rate", Action: "update"}}
	}
	criteria := policytest.Generate(g.Rand, 2, func() policy.Criteria {
		rule := pick(g, [2]string{"IS_ENTITY_OWNER", `{"claims":["$ownerRefs"]}`}, [2]string{"IS_ENTITY_OWNER", `{"claims":["group:default/group-39","$currentUser"]}`},
			[2]string{"IS_ENTITY_KIND", `{"kinds":["Component","API"]}`}, [2]string{"HAS_SPEC", `{"key":"type","value":"service"}`})
		return policy.Criteria{Rule: rule[0], ResourceType: policy.CatalogEntity, Params: json.RawMessage(rule[1])}
	})
	spec.Criteria = json.RawMessage(asText(g.t, criteria))
	return spec
}

// onActions is a condition on actions, and sometimes on their inputs.
func (g *generator) onActions() rbac.ConditionSpec {
	criteria := policytest.Generate(g.Rand, 1, func() policy.Criteria {
		rule := pick(g, [2]string{"HAS_ACTION_ID", `{"actionId":"debug:log"}`}, [2]string{"HAS_ACTION_ID", `{"actionId":"publish:github"}`},
			[2]string{"HAS_ACTION_ID", `{"actionId":"fetch:plain"}`}, [2]string{"HAS_STRING_PROPERTY", `{"key":"owner","value":"acme"}`})
		return policy.Criteria{Rule: rule[0], ResourceType: policy.ScaffolderAction, Params: json.RawMessage(rule[1])}
	})
	return rbac.ConditionSpec{Result: policy.Conditional, Role: g.role(), PluginID: "scaffolder", ResourceType: policy.ScaffolderAction,
		Permissions: []rbac.ConditionPermission{{Name: string(policy.ScaffolderActionExecute), Action: "use"}}, Criteria: json.RawMessage(asText(g.t, criteria))}
}

// changes are one to three changes, of which the later ones may not fit what the earlier ones do.
func (g *generator) changes() []rbac.Proposal {
	changes := make([]rbac.Proposal, 1+g.IntN(3))
	for i := range changes {
		changes[i] = g.change()
	}
	return changes
}

// change is a change that may be refused.
func (g *generator) change() rbac.Proposal {
	role := g.role()
	existing, err := g.s.roles.Role(g.t.Context(), admin, role)
	if err != nil {
		return rbac.Proposal{CreateRole: &rbac.RoleSpec{Ref: role, Members: g.members()}}
	}
	policies, _ := g.s.roles.PoliciesOf(g.t.Context(), admin, role)
	conditions, err := g.s.roles.Conditions(g.t.Context(), admin, rbac.ConditionFilter{})
	require.NoError(g.t, err)
	switch g.IntN(12) {
	case 0:
		return rbac.Proposal{DeleteRole: &role}
	case 1:
		return rbac.Proposal{CreateRole: &rbac.RoleSpec{Ref: role, Members: g.members()}}
	case 2:
		return rbac.Proposal{RemoveMember: &rbac.NamedMember{Role: role, Member: pick(g, append(existing.Members, "user:default/none")...)}}
	case 3:
		return rbac.Proposal{UpdateRole: &rbac.NamedUpdate{Role: role, RoleUpdate: rbac.RoleUpdate{
			Old: &rbac.RoleSpec{Ref: role, Members: existing.Members}, New: &rbac.RoleSpec{Ref: g.role(), Members: g.members()}}}}
	case 4, 5, 6:
		return rbac.Proposal{AddPolicies: []rbac.Policy{g.policy(role), g.policy(g.role())}}
	case 7:
		if len(policies) > 0 {
			return rbac.Proposal{UpdatePolicies: &rbac.NamedPolicyUpdate{Role: role, Old: []rbac.Policy{policies[0].Policy}, New: []rbac.Policy{g.policy(role)}}}
		}
	case 8:
		if len(policies) > 0 {
			return rbac.Proposal{RemovePolicies: []rbac.Policy{pick(g, policies...).Policy}}
		}
	case 9:
		if len(conditions) > 0 {
			return rbac.Proposal{DeleteCondition: new(pick(g, conditions...).ID)}
		}
	case 10:
		if len(conditions) > 0 {
			return rbac.Proposal{UpdateCondition: &rbac.Condition{ID: pick(g, conditions...).ID, ConditionSpec: g.condition()}}
		}
	}
	spec := g.condition()
	return rbac.Proposal{CreateCondition: &spec}
}
