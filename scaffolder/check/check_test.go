package check_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/check"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
)

// actions are the actions of these tests.
var actions = []action.Description{
	{ID: "debug:log", InputSchema: json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{"message":{"type":"string"}}}`)},
	{ID: "publish:github", InputSchema: json.RawMessage(`{"type":"object","required":["repoUrl"],"additionalProperties":false,"properties":{
		"repoUrl":{"type":"string"},"repoVisibility":{"enum":["private","public"]},"topics":{"type":"array","items":{"type":"string"}}},
		"anyOf":[{"required":["repoVisibility"]}]}`)},
}

func checker(rules plan.Rules) *check.Checker {
	return check.New(actions, expression.New(expression.Options{}), rules)
}

// found returns the findings of a template with this spec, one line each.
func found(t *testing.T, rules plan.Rules, spec string) []string {
	t.Helper()
	lines := []string{}
	document := `{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"t"},"spec":` + spec + `}`
	for _, finding := range checker(rules).Document(t.Context(), json.RawMessage(document)) {
		lines = append(lines, fmt.Sprintf("%s %s", finding.Severity, finding))
	}
	return lines
}

func TestAValidTemplateHasNoFindings(t *testing.T) {
	t.Parallel()
	require.Empty(t, found(t, plan.Rules{StrictExpressions: true, StrictInputs: true}, `{
		"parameters":[{"properties":{"name":{"type":"string","pattern":"^[a-z]+(-[a-z]+)*$"},"pattern":{"$ref":"#/definitions/x"}},"definitions":{"x":{"type":"string"}}}],
		"steps":[{"id":"log","action":"debug:log","if":"${{ always() or parameters.name }}","input":{"message":"{% macro f() %}x{% endmacro %}${{ f() }} ${{ parameters.name | upper }}"}},
			{"id":"publish","action":"publish:github","each":["a"],"input":{"repoUrl":"${{ parameters.name | projectSlug }}","topics":["a"]}},
			{"action":"no:such","if":false}],
		"output":{"links":[{"url":"${{ steps.publish.output.remoteUrl }}"}]}}`))
}

// TestFindings shows problems that a run would otherwise find after it created a repository.
func TestFindings(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spec     string
		expected []string
	}{
		"an unknown action": {`{"steps":[{"action":"debug:lgo"},{"action":"nobody:knows","if":"${{ parameters.x }}"}]}`, []string{
			`error spec.steps[0].action: there is no action "debug:lgo" here. Did you mean debug:log?`,
			`warning spec.steps[1].action: there is no action "nobody:knows" here. There are debug:log, publish:github.`}},
		"an unknown filter": {`{"steps":[{"action":"debug:log","if":"${{ parameters.danger | toBool }}","each":"${{ parameters.x | upperr }}","input":{"message":"${{ 'x' | titlecase }}"}}],
			"output":{"text":[{"content":"${{ 1 is prim }}"}]}}`, []string{
			"error spec.steps[0].if: this cannot be evaluated: filter not found: toBool",
			"error spec.steps[0].each: this cannot be evaluated: filter not found: upperr Did you mean upper?",
			"warning spec.steps[0].input.message: this cannot be evaluated: filter not found: titlecase",
			"warning spec.output.text[0].content: this cannot be evaluated: test not found: prim"}},
		"other tools' expressions": {`{"steps":[{"action":"debug:log","input":{"message":"${{ hashFiles('x') }}"}}]}`, []string{
			"warning spec.steps[0].input.message: this cannot be evaluated: there is no function hashFiles"}},
		"what does not parse": {`{"steps":[{"action":"debug:log","if":"${{ parameters. }}"}]}`, []string{
			"error spec.steps[0].if: this cannot be evaluated: expected a name after the dot"}},
		"inputs that are not declared": {`{"steps":[{"action":"publish:github","input":{"repourl":"x","repoUrl":"y","repoVisibility":"public","allowedHosts":[]}}]}`, []string{
			"warning spec.steps[0].input.repourl: publish:github takes no input repourl: it is left out. Did you mean repoUrl?",
			"warning spec.steps[0].input.allowedHosts: publish:github takes no input allowedHosts: it is left out. It takes repoUrl, repoVisibility, topics."}},
		"inputs that break the schema": {`{"steps":[{"action":"publish:github","input":{"repoVisibility":"open","topics":["${{ 1 }}"]}},{"action":"debug:log","input":{"message":7}}]}`, []string{
			`error spec.steps[0].input: publish:github takes something else: requires property "repoUrl".`,
			`error spec.steps[0].input.repoVisibility: publish:github takes something else: is not one of enum values: private,public.`,
			`error spec.steps[1].input.message: debug:log takes something else: is not of a type(s) string.`}},
		"an input that is a list": {`{"steps":[{"action":"debug:log","input":[1]}]}`, []string{"error spec.steps[0].input: the input of a step must be an object."}},
		"two steps of one id": {`{"steps":[{"id":"a","action":"debug:log"},{"id":"a","action":"debug:log"}]}`, []string{
			`warning spec.steps[1].id: step 1 has the id "a" as well: only the output of the later one is seen. Give each its own, if what comes after needs both.`}},
		"a step without an action": {`{"steps":[{"id":"a"}]}`, []string{"error spec.steps: step 1 of the template has no action"}},
		"an action in capitals":    {`{"steps":[{"Action":"debug:log"}]}`, []string{"error spec.steps: step 1 of the template has no action"}},
		"patterns": {`{"parameters":{"properties":{"a":{"pattern":"^(a+)+$"},"b":{"items":{"pattern":"("}},"c":{"$ref":"#/nowhere"}}},"steps":[]}`, []string{
			`warning spec.parameters.properties.a.pattern: the pattern "^(a+)+$" may take exponential time: a repetition within a repetition can match the same text in too many ways`,
			`warning spec.parameters.properties.b.items.pattern: "(" is not a regular expression: `,
			`warning spec.parameters.properties.c.$ref: schema refers to "#/nowhere", which does not exist`}},
		"no template": {`7`, []string{"error spec: the template is malformed: spec must be an object, and is 7"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := found(t, plan.Rules{}, test.spec)
			require.Len(t, lines, len(test.expected), "%q", lines)
			for i := range lines {
				require.Contains(t, lines[i], test.expected[i])
			}
		})
	}
}

func TestStrictRulesMakeErrorsOfWarnings(t *testing.T) {
	t.Parallel()
	rules := plan.Rules{StrictExpressions: true, StrictInputs: true}
	require.Equal(t, []string{"error spec.steps[0].input.message: this cannot be evaluated: filter not found: nope",
		"error spec.steps[0].input.verbose: debug:log takes no input verbose. It takes message."},
		found(t, rules, `{"steps":[{"action":"debug:log","input":{"message":"${{ 1 | nope }}","verbose":true}}]}`))
}

// TestFindingsAreCachedPerTemplate shows that a caller may add line numbers to the findings.
func TestFindingsAreCachedPerTemplate(t *testing.T) {
	t.Parallel()
	document := func(action string) json.RawMessage {
		return json.RawMessage(`{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"t"},"spec":{"steps":[{"action":"` + action + `"}]}}`)
	}
	c := checker(plan.Rules{})
	first := c.Document(t.Context(), document("no:such"))
	require.Len(t, first, 1)
	first[0].Line = 7
	again := c.Document(t.Context(), document("no:such"))
	require.Len(t, again, 1)
	require.Zero(t, again[0].Line)
	require.Empty(t, c.Document(t.Context(), document("debug:log")))
}

func TestTheErrorsAreOneFault(t *testing.T) {
	t.Parallel()
	require.NoError(t, check.Errors(nil))
	require.NoError(t, check.Errors([]check.Finding{{Severity: check.Warning, Field: "spec", Message: "x"}}))
	err := check.Errors([]check.Finding{{Severity: check.Error, Field: "spec.steps[0].action", Message: "there is none.", Next: "Look."}})
	require.EqualError(t, err, "No run of this template can succeed. spec.steps[0].action: there is none. Look.")
	require.Equal(t, fault.Input, fault.KindOf(err))
}
