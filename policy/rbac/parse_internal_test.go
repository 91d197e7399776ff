package rbac

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/policy"
)

// anyRules accept all criteria on entities.
type anyRules struct{}

func (anyRules) Type() policy.ResourceType   { return policy.CatalogEntity }
func (anyRules) Check(policy.Criteria) error { return nil }

var testRules = newRulebook(DefaultLimits(), []Conditional{{Plugin: "catalog", Rules: anyRules{}}})

// FuzzPolicies: whatever a file has, all that is read from it is valid, and is there once.
func FuzzPolicies(f *testing.F) {
	f.Add("p, role:default/a, catalog-entity, read, allow\ng, user:default/b, role:default/a\n")
	f.Add("# nothing\n\n\"p\", \"role:default/a\", x, use, deny")
	f.Add("p, role:default/a, \"quoted, use, allow\ng, role:default/a, role:default/b\rp,,,,")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, problems := parsePolicies("policy.csv", text)
		seen := map[any]bool{}
		for _, p := range parsed.policies {
			require.NoError(t, checkPolicy(p.value))
			require.NoError(t, checkRef(p.value.Role, kindRole))
			p.value.Effect = ""
			require.False(t, seen[p.value], "%v", p)
			seen[p.value] = true
		}
		for _, m := range parsed.members {
			require.NoError(t, checkRef(m.value.member, holders...))
			require.False(t, seen[m.value], "%v", m)
			seen[m.value] = true
		}
		for _, problem := range problems {
			require.NotEmpty(t, problem.Reason)
			require.LessOrEqual(t, problem.Line, strings.Count(text, "\n")+1)
		}
	})
}

// FuzzConditions: whatever a file has, all that is read from it is valid and within the limits.
func FuzzConditions(f *testing.F) {
	f.Add("result: CONDITIONAL\nroleEntityRef: role:default/a\npluginId: catalog\nresourceType: catalog-entity\npermissionMapping: [read]\nconditions: {rule: X, resourceType: catalog-entity, params: {a: [$ownerRefs]}}\n")
	f.Add("---\n---\nconditions: {anyOf: [{not: {allOf: [&a {rule: X, resourceType: catalog-entity}, *a]}}]}\n")
	f.Add("? [a]\n: b\n---\n- 1\n---\n!!binary x")
	f.Fuzz(func(t *testing.T, text string) {
		conditions, problems := testRules.parseConditions("conditions.yaml", text)
		require.False(t, len(conditions) > 0 && len(problems) > 0)
		for _, c := range conditions {
			require.NoError(t, checkConditionFields(c.value.ConditionSpec))
			again, err := parseCriteria(c.value.Criteria, DefaultLimits())
			require.NoError(t, err)
			require.Equal(t, c.value.criteria, again)
		}
	})
}

// TestConditionsAreBounded: each bound refuses one more than it permits.
func TestConditionsAreBounded(t *testing.T) {
	t.Parallel()
	const leaf = `{"rule":"X","resourceType":"catalog-entity"}`
	nested := func(levels int) string {
		return strings.Repeat(`{"not":`, levels-1) + leaf + strings.Repeat("}", levels-1)
	}
	list := func(elements int, element string) string {
		return `{"anyOf":[` + strings.Join(repeated(elements, element), ",") + `]}`
	}
	for text, message := range map[string]string{
		nested(12):              "",
		nested(13):              "Conditional criteria depth exceeds maximum of 12",
		list(64, leaf):          "",
		list(65, leaf):          "roleCondition.conditions.anyOf criteria supports at most 64 items",
		list(5, list(50, leaf)): "",
		list(6, list(50, leaf)): "Conditional criteria exceeds maximum of 256 nodes",
		`[]`:                    "roleCondition.conditions must be an object",
		`{"rule":1,"resourceType":"catalog-entity"}`: "'rule' must be a name in the roleCondition.conditions.condition",
	} {
		_, err := parseCriteria(json.RawMessage(text), DefaultLimits())
		if message == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, message)
	}
}

func TestListsAreCompared(t *testing.T) {
	t.Parallel()
	list := []string{"c", "a", "b", "a"}
	require.Equal(t, []string{"c", "b"}, without(list, []string{"a", "d"}))
	require.Equal(t, []string{"a", "a"}, within(list, []string{"a", "d"}))
	require.Equal(t, []string{"c", "a", "b", "a"}, list)
}

// TestAHalfWrittenFileDoesNotCount: a file counts when it was the same twice in a row.
func TestAHalfWrittenFileDoesNotCount(t *testing.T) {
	t.Parallel()
	var read settling
	half, whole := fileContents{policies: "p, role"}, fileContents{policies: "p, role:default/a, x, use, allow"}
	for i, step := range []struct {
		now     fileContents
		settled bool
	}{{half, false}, {whole, false}, {whole, true}, {whole, true}, {half, false}, {fileContents{policiesWrong: "no such file"}, false}, {whole, false}} {
		require.Equal(t, step.settled, read.settled(step.now), i)
	}
}

func TestANULIsFoundHoweverItIsEscaped(t *testing.T) {
	t.Parallel()
	for text, expected := range map[string]bool{
		`"\u0000"`: true, `"a\\\u0000"`: true, `"\n\u0000b"`: true,
		`"\\u0000"`: false, `"\u00e9"`: false, `"u0000"`: false,
	} {
		require.Equal(t, expected, hasNUL(json.RawMessage(text)), text)
	}
}

func repeated(times int, text string) []string {
	list := make([]string, times)
	for i := range list {
		list[i] = text
	}
	return list
}

func TestFilesAreBounded(t *testing.T) {
	t.Parallel()
	_, problems := parsePolicies("f", strings.Repeat("#\n", maxCSVLines+1))
	require.Equal(t, []Problem{{"f", maxCSVLines + 1, "the file has more than 100000 lines"}}, problems)
	_, problems = parsePolicies("f", strings.Repeat("x", maxCSVBytes+1))
	require.Equal(t, []Problem{{"f", 0, "the file is larger than 8388608 bytes"}}, problems)
	_, problems = testRules.parseConditions("f", strings.Repeat("x", 1<<20+1))
	require.Equal(t, []Problem{{"f", 0, "the file is larger than 1048576 bytes"}}, problems)
	_, problems = testRules.parseConditions("f", strings.Repeat("---\n", 1001))
	require.Len(t, problems, 1)
	require.Equal(t, "the file has more than 1000 documents", problems[0].Reason)
}
