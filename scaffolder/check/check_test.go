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
	{ID: "open:request", OutputSchema: json.RawMessage(`{"type":"object","properties":{"remoteUrl":{"type":"string"},"number":{"type":"number"}}}`)},
	{ID: "ask:anything", OutputSchema: json.RawMessage(`{"type":"object","properties":{"code":{"type":"number"}},"additionalProperties":true}`)},
	{ID: "publish:github", InputSchema: json.RawMessage(`{"type":"object","required":["repoUrl"],"additionalProperties":false,"properties":{
		"repoUrl":{"type":"string"},"repoVisibility":{"enum":["private","public"]},"topics":{"type":"array","items":{"type":"string"}}},
		"anyOf":[{"required":["repoVisibility"]}]}`)},
}

func checker(rules plan.Rules) *check.Checker {
	return check.New(actions, expression.New(expression.Options{}), rules, "known:token")
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
			`warning spec.steps[1].action: there is no action "nobody:knows" here. There are ask:anything, debug:log, open:request, publish:github.`}},
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
		"the condition of a page": {`{"parameters":[{"when":"${{ parameters.a | nope }}","properties":{"a":{}}}],"steps":[]}`, []string{
			"error spec.parameters[0].when: this cannot be evaluated: filter not found: nope"}},
		"a form decorator": {`{"EXPERIMENTAL_formDecorators":[{"id":"acme:token"}],"steps":[]}`, []string{
			`warning spec.EXPERIMENTAL_formDecorators[0]: the form decorator "acme:token" is a part of a Backstage frontend: the values and secrets that it sets are missing. Ask for them`}},
		"a configured form decorator": {`{"formDecorators":[{"id":"known:token"}],"steps":[]}`, []string{}},
		"no template":                 {`7`, []string{"error spec: the template is malformed: spec must be an object, and is 7"}},
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

// TestWhatNothingSets: a run goes on with no value there, and fails later, after it has published, or not at all.
func TestWhatNothingSets(t *testing.T) {
	t.Parallel()
	const form = `"parameters":[{"properties":{"product":{},"more":{"properties":{"inner":{}}}},"dependencies":{"product":{"oneOf":[{"properties":{"size":{}}}]}}}],`
	for name, test := range map[string]struct {
		spec     string
		expected []string
	}{
		"what is set": {`{` + form + `"steps":[{"id":"a","action":"open:request"},{"id":"b","action":"debug:log"},{"id":"c","action":"ask:anything"},{"id":"d","action":"debug:log",
			"if":"${{ steps.a.output and steps['a'].output.remoteUrl and steps.b.output.anything and steps.c.output.body }}",
			"input":{"message":"${{ parameters.size }} ${{ parameters.more.inner }} {% for steps in parameters.product %}${{ steps.x.output }}{% endfor %}"}}]}`, nil},
		"an output": {`{"steps":[{"id":"a","action":"open:request"},{"action":"debug:log","input":{"message":"${{ steps.a.output.url }} ${{ steps['a']['output'].remoteURL | upper }}"}}]}`, []string{
			"warning spec.steps[1].input.message: steps.a.output.remoteURL has no value: open:request declares no output remoteURL. Did you mean remoteUrl?",
			"warning spec.steps[1].input.message: steps.a.output.url has no value: open:request declares no output url. It declares number, remoteUrl."}},
		"a step": {`{"steps":[{"id":"publish","action":"open:request"}],"output":{"a":"${{ steps.publsh.output.remoteUrl }}","b":"${{ steps.publsh.output.number }}"}}`, []string{
			"warning spec.output.a: steps.publsh has no value: there is no such step. Did you mean publish?"}},
		"a later step": {`{"steps":[{"action":"debug:log","input":{"message":"${{ steps.a.output.number }}"}},{"id":"a","action":"open:request"}]}`, []string{
			"warning spec.steps[0].input.message: steps.a has no value: that step comes later. Move it before this one."}},
		"a field": {`{` + form + `"steps":[{"action":"debug:log","each":"${{ parameters.products }}","if":"${{ parameters.x.y }}"}]}`, []string{
			"warning spec.steps[0].if: parameters.x has no value: the form has no such field.",
			"warning spec.steps[0].each: parameters.products has no value: the form has no such field. Did you mean product?"}},
		"a field of a page": {`{"parameters":[{"when":"${{ parameters.a }}","properties":{"b":{}}}],"steps":[]}`, []string{
			"warning spec.parameters[0].when: parameters.a has no value: the form has no such field."}},
		"no form":        {`{"steps":[{"action":"debug:log","if":"${{ parameters.x }}"}]}`, nil},
		"not an action":  {`{"steps":[{"id":"a","action":"debug:lgo"}],"output":{"x":"${{ steps.a.output.url }}"}}`, []string{"error spec.steps[0].action: "}},
		"not an output":  {`{"steps":[{"id":"a","action":"open:request"}],"output":{"x":"${{ steps.a.outputs.url }}"}}`, nil},
		"not evaluated":  {`{"steps":[{"action":"debug:log","if":false,"input":{"message":"${{ steps.x.output.y }}"}}]}`, nil},
		"not parsed":     {`{"steps":[{"action":"debug:log","input":{"message":"${{ steps. }}"}}]}`, []string{"warning spec.steps[0].input.message: this cannot"}},
		"from decorator": {`{` + form + `"formDecorators":[{"id":"d"}],"steps":[{"action":"debug:log","if":"${{ parameters.x }}"}]}`, []string{"warning spec.formDecorators[0]: "}},
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

// TestManyActionsAreNotAllListed: a message with a hundred ids is one that nobody reads.
func TestManyActionsAreNotAllListed(t *testing.T) {
	t.Parallel()
	var many []action.Description
	for i := range 12 {
		many = append(many, action.Description{ID: fmt.Sprintf("forge:thing%02d:create", i)})
	}
	c := check.New(append(many, action.Description{ID: "debug:log"}), expression.New(expression.Options{}), plan.Rules{})
	for id, expected := range map[string]string{
		"vendor:deploy": "The page Actions lists those that are.",
		"debug:vanish":  "Of debug there are debug:log. The page Actions lists all.",
		"forge:remove": "Of forge there are forge:thing00:create, forge:thing01:create, forge:thing02:create, forge:thing03:create, " +
			"forge:thing04:create, forge:thing05:create, forge:thing06:create, forge:thing07:create, forge:thing08:create, " +
			"forge:thing09:create and others. The page Actions lists all.",
	} {
		findings := c.Document(t.Context(), json.RawMessage(
			`{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"t"},"spec":{"steps":[{"action":"`+id+`"}]}}`))
		require.Len(t, findings, 1)
		require.Equal(t, expected, findings[0].Next, id)
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
