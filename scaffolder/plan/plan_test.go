package plan_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/template"
)

// environment is scaffolder.defaultEnvironment in these tests.
var environment = plan.Environment{Parameters: map[string]string{"region": "eu"}, Secrets: map[string]string{"key": "env-secret"}}

func planner() *plan.Planner {
	return plan.NewPlanner(expression.New(expression.Options{}), environment)
}

// scope returns the scope of a run with a completed step, a skipped one, secrets and a user.
func scope() plan.Scope {
	return plan.Scope{
		TaskID: "run-1",
		Spec: &template.TaskSpec{
			Parameters: json.RawMessage(`{"name":"shop","langs":["go","ts"],"owners":{"b":1,"a":2},"empty":[],"yes":true,"no":false}`),
			Output:     json.RawMessage(`{"links":[{"title":"Repo","url":"https://x/${{ parameters.name }}"},{"if":"${{ parameters.no }}","title":"Docs"}],"leak":"[${{ secrets.token }}${{ environment.secrets.key }}]","region":"${{ environment.parameters.region }}"}`),
			User:       template.User{Ref: "user:default/ada", Entity: json.RawMessage(`{"spec":{"profile":{"displayName":"Ada"}}}`)},
		},
		Outputs: []action.StepOutput{publicOutput("fetch", `{"files":["z","a"],"z":1,"a":2}`), {StepID: "silent"}},
		Secrets: map[string]string{"token": "s3cret"},
	}
}

// publicOutput is a step's output that contains no secret.
func publicOutput(stepID, output string) action.StepOutput {
	return action.StepOutput{StepID: stepID, Output: json.RawMessage(output), Shown: json.RawMessage(output)}
}

func step(t testing.TB, document string) template.Step {
	t.Helper()
	var s template.Step
	require.NoError(t, json.Unmarshal([]byte(document), &s))
	return s
}

func decide(t testing.TB, s plan.Scope, document string) plan.Decision {
	t.Helper()
	decision, err := planner().Decide(t.Context(), s, step(t, document))
	require.NoError(t, err)
	return decision
}

// inputs returns the rendered inputs of the iterations that run.
func inputs(decision plan.Decision) []string {
	var all []string
	for index := range decision.Iterations {
		iteration, err := decision.Iteration(context.Background(), index)
		if err == nil && iteration.Run {
			all = append(all, string(iteration.Input))
		}
	}
	return all
}

func TestVariablesOfAnInput(t *testing.T) {
	t.Parallel()
	for source, expected := range map[string]string{
		`"${{ parameters.name }}"`:                      `"shop"`,
		`"${{ steps.fetch.output.files }}"`:             `["z","a"]`,
		`"${{ steps.fetch.output }}"`:                   `{"files":["z","a"],"z":1,"a":2}`,
		`"${{ steps.silent.output }}"`:                  `{}`,
		`"[${{ steps.skipped.output.x }}]"`:             `"[]"`,
		`"${{ secrets.token }}"`:                        `"s3cret"`,
		`"${{ environment.parameters.region }}"`:        `"eu"`,
		`"${{ environment.secrets.key }}"`:              `"env-secret"`,
		`"${{ user.ref }}"`:                             `"user:default/ada"`,
		`"${{ user.entity.spec.profile.displayName }}"`: `"Ada"`,
		`"${{ context.task.id }}"`:                      `"run-1"`,
		`"[${{ each.key }}]"`:                           `"[]"`,
		`"${{ unknown() }}"`:                            `"${{ unknown() }}"`,
		`{"b":"${{ parameters.nope }}","a":[1,null]}`:   `{"a":[1,null]}`,
	} {
		decision := decide(t, scope(), `{"id":"x","action":"a","input":{"v":`+source+`}}`)
		require.Equal(t, []string{`{"v":` + expected + `}`}, inputs(decision), source)
		require.False(t, decision.Each)
	}
}

func TestAStepWithoutInputGetsAnEmptyObject(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{`{}`}, inputs(decide(t, scope(), `{"id":"x","action":"a"}`)))
	require.Equal(t, []string{`{}`}, inputs(decide(t, scope(), `{"id":"x","action":"a","input":null}`)))
}

func TestTextsDerivedFromSecretsAreFound(t *testing.T) {
	t.Parallel()
	decision := decide(t, scope(), `{"id":"x","action":"a","input":{"plain":"${{ parameters.name }}","up":"${{ secrets.token | upper }}",
		"deep":["x",{"in":"for ${{ environment.secrets.key }}"}],"list":"${{ [secrets.token, 'same'] }}","number":5,"gone":"${{ parameters.nope }}"}}`)
	require.Equal(t, []string{"S3CRET", "env-secret", "s3cret"}, decision.Derived)

	each := decide(t, scope(), `{"id":"x","action":"a","each":["a"],"input":{"v":"${{ each.value }}-${{ secrets.token | reverse }}"}}`)
	require.Equal(t, []string{"terc3s"}, each.Derived)
	require.Empty(t, decide(t, scope(), `{"id":"x","action":"a","input":{"v":"no secrets here"}}`).Derived)

	beside := decide(t, scope(), `{"id":"x","action":"a","input":{"v":"t=${{ secrets.token | upper }}&u=${{ environment.secrets.key }}"}}`)
	require.Equal(t, []string{"S3CRET", "env-secret"}, beside.Derived, "each by itself")
}

// TestTextsDerivedFromMaskedOutputsAreFound: an earlier step derived login from a secret, so its output is
// masked.
func TestTextsDerivedFromMaskedOutputsAreFound(t *testing.T) {
	t.Parallel()
	s := scope()
	s.Outputs = append(s.Outputs, action.StepOutput{StepID: "login", Output: json.RawMessage(`{"header":"Basic S3CRET","tokens":["a","S3CRET"],"realm":"x"}`),
		Shown: json.RawMessage(`{"header":"Basic ***","tokens":["a","***"],"realm":"x"}`)})
	for source, expected := range map[string][]string{
		`"${{ steps.login.output.header }}"`:                              {"S3CRET"},
		`"${{ steps.login.output.header | replace('Basic ', '') }}"`:      {"S3CRET"},
		`"${{ steps.login.output.header | reverse }} in ${{ user.ref }}"`: {"TERC3S"},
		`"${{ steps.login.output.tokens }}"`:                              {"S3CRET"},
		`"${{ steps.login.output.realm }} ${{ parameters.name }}"`:        nil,
	} {
		require.Equal(t, expected, decide(t, s, `{"id":"x","action":"a","input":{"v":`+source+`}}`).Derived, source)
	}
	s.Spec.Output = json.RawMessage(`{"text":[{"title":"Realm","content":"${{ steps.login.output.realm }}"},{"title":"Use","content":"${{ steps.login.output.tokens[1] }}"}]}`)
	result, err := planner().Output(t.Context(), s)
	require.NoError(t, err)
	require.JSONEq(t, `{"text":[{"title":"Realm","content":"x"},{"title":"Use","content":"S3CRET"}]}`, string(result.Output))
	require.Equal(t, []string{"S3CRET"}, result.Derived)
}

func TestTextsThatEachDerivesFromSecretsAreFound(t *testing.T) {
	t.Parallel()
	for each, expected := range map[string][]string{
		`["same","${{ secrets.token | upper }}"]`:                  {"S3CRET", "S3CRET"},
		`{"a":{"b":"${{ environment.secrets.key | upper }}"}}`:     {"ENV-SECRET", "ENV-SECRET"},
		`"${{ [secrets.token] if secrets.token else 'no list' }}"`: {"s3cret", "s3cret"},
		`"${{ parameters.langs }}"`:                                nil,
	} {
		decision := decide(t, scope(), `{"id":"x","action":"a","each":`+each+`,"input":{"v":"for ${{ each.value | dump if each.key == 'a' else each.value }}"}}`)
		require.Equal(t, expected, decision.Derived, each)
	}
}

func TestARunOfAServiceHasNoUser(t *testing.T) {
	t.Parallel()
	s := scope()
	s.Spec.User = template.User{}
	require.Equal(t, []string{`{"v":"[]","u":{}}`}, inputs(decide(t, s, `{"id":"x","action":"a","input":{"v":"[${{ user.ref }}]","u":"${{ user }}"}}`)))
}

// TestConditionsOfSteps tests Backstage's rule: false skips the step, and so does a text that renders to a
// falsy value.
func TestConditionsOfSteps(t *testing.T) {
	t.Parallel()
	for condition, skip := range map[string]plan.SkipReason{
		`true`:                               "",
		`null`:                               "",
		`1`:                                  "",
		`false`:                              plan.ConditionFalse,
		`""`:                                 plan.ConditionFalse,
		`"${{ parameters.yes }}"`:            "",
		`"${{ parameters.no }}"`:             plan.ConditionFalse,
		`"${{ parameters.nope }}"`:           plan.ConditionFalse,
		`"${{ parameters.empty }}"`:          plan.ConditionFalse,
		`"${{ parameters.name == 'shop' }}"`: "",
		`"false"`:                            "",
		`"is ${{ parameters.no }}"`:          "",
		`"${{ failure() }}"`:                 plan.ConditionFalse,
		`"${{ always() }}"`:                  "",
		`"${{ secrets.token }}"`:             plan.ConditionFalse, // conditions cannot read secrets
		`"${{ environment.secrets.key }}"`:   plan.ConditionFalse,
		`"${{ steps.fetch.output.files | length > 1 }}"`: "",
		`"${{ steps.skipped.output.x }}"`:                plan.ConditionFalse,
	} {
		decision := decide(t, scope(), `{"id":"x","action":"a","if":`+condition+`}`)
		require.Equal(t, skip, decision.Skip, condition)
		require.Len(t, decision.Iterations, map[bool]int{true: 1, false: 0}[skip == ""], condition)
	}
}

// decideError returns the error of Decide.
func decideError(t *testing.T, s plan.Scope, document string) error {
	t.Helper()
	_, err := planner().Decide(t.Context(), s, step(t, document))
	require.Equal(t, fault.Input, fault.KindOf(err), document)
	require.Contains(t, action.Advice(err), "start a new run")
	return err
}

// TestAnIfOrEachThatCannotBeEvaluatedIsAnError: nobody wants the step to run without its guard, or over
// the text of its each.
func TestAnIfOrEachThatCannotBeEvaluatedIsAnError(t *testing.T) {
	t.Parallel()
	for document, message := range map[string]string{
		`{"id":"x","action":"a","if":"${{ parameters.yes | toBool }}"}`:                         "Step x: cannot evaluate if: ${{ parameters.yes | toBool }}: filter not found: toBool",
		`{"id":"x","action":"a","if":"${{ parameters.yes | parseRepoUrl }}"}`:                   "parseRepoUrl: Invalid repo URL passed to publisher, it must be a string",
		`{"id":"x","action":"a","if":"${{ parameters.yes"}`:                                     "Step x: cannot evaluate if: ${{ parameters.yes: ",
		`{"id":"x","action":"a","each":["a"],"if":"${{ each.value | nope }}"}`:                  "Step x: cannot evaluate if: ${{ each.value | nope }}: filter not found: nope",
		`{"id":"x","action":"a","each":"${{ parameters.langs | nope }}"}`:                       "Step x: cannot evaluate each: ${{ parameters.langs | nope }}: filter not found: nope",
		`{"id":"x","action":"a","each":["a",{"b":"${{ nope() }}"}]}`:                            "Step x: cannot evaluate each[1].b: ${{ nope() }}: unable to call",
		`{"id":"x","action":"a","each":["a"],"if":"${{ (secrets.token | upper) | pick2 }}"}`:    "filter not found: pick2",
		`{"id":"x","action":"a","each":["${{ secrets.token | upper | parseRepoUrl }}"]}`:        "Step x: cannot evaluate each[0]: ${{ secrets.token | upper | parseRepoUrl }}: parseRepoUrl: ",
		`{"id":"x","action":"a","each":["a"],"if":"${{ secrets.token | upper | projectSlug}}"}`: "Step x: cannot evaluate if: ${{ secrets.token | upper | projectSlug}}: projectSlug: ",
	} {
		err := decideError(t, scope(), document)
		require.ErrorContains(t, err, message)
		require.NotContains(t, strings.ToLower(err.Error()), "s3cret")
	}
	failed := scope()
	failed.PreviousFailed = true
	require.Equal(t, plan.PreviousFailed, decide(t, failed, `{"id":"x","action":"a","if":"${{ nope() }}"}`).Skip, "it did not ask to run")
	require.ErrorContains(t, decideError(t, failed, `{"id":"x","action":"a","if":"${{ failure() and nope() }}"}`), "nope")
}

// TestAnInputThatCannotBeEvaluatedIsKeptWithAWarning: real steps contain the expressions of other tools.
func TestAnInputThatCannotBeEvaluatedIsKeptWithAWarning(t *testing.T) {
	t.Parallel()
	document := `{"id":"x","action":"a","each":"${{ parameters.langs }}","input":{"v":"${{ hashFiles('go.sum') }}","w":["${{ secrets.token | projectSlug }}"]}}`
	decision := decide(t, scope(), document)
	require.JSONEq(t, `{"v":"${{ hashFiles('go.sum') }}","w":["${{ secrets.token | projectSlug }}"]}`, inputs(decision)[1])
	require.Equal(t, plan.ExpressionErrors{
		"input.v: ${{ hashFiles('go.sum') }}: unable to call `hashFiles`, which is undefined or falsey",
		"input.w[0]: ${{ secrets.token | projectSlug }}: projectSlug: No matching integration configuration for host ***, please check your integrations config",
	}, decision.ExpressionErrors, "once for all iterations")

	strict := planner().WithRules(plan.Rules{StrictExpressions: true})
	_, err := strict.Decide(t.Context(), scope(), step(t, document))
	require.ErrorContains(t, err, "Step x: cannot evaluate input.v: ${{ hashFiles('go.sum') }}: unable to call")

	s := scope()
	s.Spec.Output = json.RawMessage(`{"links":[{"url":"${{ parameters.name | projectSlug }}"}]}`)
	result, err := planner().Output(t.Context(), s)
	require.NoError(t, err)
	require.JSONEq(t, `{"links":[{"url":"${{ parameters.name | projectSlug }}"}]}`, string(result.Output))
	require.Equal(t, []string{"An expression could not be evaluated and is kept as written: output.links[0].url: ${{ parameters.name | projectSlug }}: " +
		"projectSlug: No matching integration configuration for host shop, please check your integrations config"}, result.ExpressionErrors.Warnings())
	_, err = strict.Output(t.Context(), s)
	require.ErrorContains(t, err, "cannot evaluate output.links[0].url")
}

func TestStrictRulesRefuseInputsThatAreNotDeclared(t *testing.T) {
	t.Parallel()
	does := action.Description{ID: "a", InputSchema: json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{"v":{},"w":{},"x":{}}}`)}
	document := `{"id":"x","action":"a","each":["1","2"],"input":{"x":1,"y":2,"v":3}}`
	decision := decide(t, scope(), document)
	require.NoError(t, planner().CheckInputs(t.Context(), &decision, does, 0, nil))
	require.Equal(t, []string{`{"x":1,"v":3}`, `{"x":1,"v":3}`}, inputs(decision))
	require.Equal(t, []string{"The input y was left out: a does not declare it. It takes v, w, x."}, decision.Warnings(), "once")

	decision = decide(t, scope(), document)
	err := planner().WithRules(plan.Rules{StrictInputs: true}).CheckInputs(t.Context(), &decision, does, 0, nil)
	require.ErrorContains(t, err, `Invalid input passed to action a[0], instance is not allowed to have the additional property "y"`)
	decision = decide(t, scope(), document)
	require.NoError(t, planner().CheckInputs(t.Context(), &decision, action.Description{ID: "open", InputSchema: json.RawMessage(`{"type":"object"}`)}, 0, nil))
	require.Equal(t, `{"x":1,"y":2,"v":3}`, inputs(decision)[0])
}

// TestAMissingInputIsTracedToItsExpression: "requires property" alone does not say that the template gives it.
func TestAMissingInputIsTracedToItsExpression(t *testing.T) {
	t.Parallel()
	does := action.Description{ID: "a", InputSchema: json.RawMessage(`{"type":"object","required":["url"],"additionalProperties":false,"properties":{"url":{},"x":{}}}`)}
	for document, advice := range map[string]string{
		`{"id":"x","action":"a","input":{"url":"${{ steps.other.output.url }}","x":"y"}}`:         "The input url has no value: ${{ steps.other.output.url }} led to none. Correct",
		`{"id":"x","action":"a","each":["1"],"input":{"url":"${{ each.value.absent }}","x":"y"}}`: "The input url has no value: ${{ each.value.absent }} led to none. Correct",
		`{"id":"x","action":"a","input":{"x":"y","undeclared":"z"}}`:                              "Correct",
	} {
		decision := decide(t, scope(), document)
		err := planner().CheckInputs(t.Context(), &decision, does, 0, nil)
		require.ErrorContains(t, err, `requires property "url"`, document)
		require.Regexp(t, "^"+regexp.QuoteMeta(advice), action.Advice(err))
	}
}

func TestAfterAFailureOnlyStepsWithFailureOrAlwaysRun(t *testing.T) {
	t.Parallel()
	for condition, skip := range map[string]plan.SkipReason{
		`null`:                                 plan.PreviousFailed,
		`true`:                                 plan.PreviousFailed,
		`false`:                                plan.PreviousFailed,
		`"${{ parameters.yes }}"`:              plan.PreviousFailed,
		`"${{ always() }}"`:                    "",
		`"${{ failure() }}"`:                   "",
		`"${{ not failure() }}"`:               plan.ConditionFalse,
		`"${{ failure() and parameters.no }}"`: plan.ConditionFalse,
		`"${{ parameters.no and failure() }}"`: plan.PreviousFailed,
		`"always()"`:                           plan.PreviousFailed,
		`"{% if failure() %}clean{% endif %}"`: "",
	} {
		s := scope()
		s.PreviousFailed = true
		require.Equal(t, skip, decide(t, s, `{"id":"x","action":"a","if":`+condition+`}`).Skip, condition)
	}
}

func TestEach(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		each     string
		expected []string
	}{
		"a list":                  {`"${{ parameters.langs }}"`, []string{`{"k":"0","v":"go"}`, `{"k":"1","v":"ts"}`}},
		"an object, in its order": {`"${{ parameters.owners }}"`, []string{`{"k":"b","v":1}`, `{"k":"a","v":2}`}},
		"an empty list":           {`"${{ parameters.empty }}"`, nil},
		"a list as written":       {`["x","${{ parameters.name }}"]`, []string{`{"k":"0","v":"x"}`, `{"k":"1","v":"shop"}`}},
		"an object as written":    {`{"10":"b","9":"a"}`, []string{`{"k":"9","v":"a"}`, `{"k":"10","v":"b"}`}},
		"secrets":                 {`["${{ secrets.token }}"]`, []string{`{"k":"0","v":"s3cret"}`}},
		"an earlier step's":       {`"${{ steps.fetch.output.files }}"`, []string{`{"k":"0","v":"z"}`, `{"k":"1","v":"a"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decision := decide(t, scope(), `{"id":"x","action":"a","each":`+test.each+`,"input":{"k":"${{ each.key }}","v":"${{ each.value }}"}}`)
			require.True(t, decision.Each)
			require.Empty(t, decision.Skip)
			require.Equal(t, test.expected, inputs(decision))
		})
	}
}

func TestAnEachWithoutItemsIsAnError(t *testing.T) {
	t.Parallel()
	for each, message := range map[string]string{
		`"${{ parameters.nope }}"`: `Invalid value on action debug:log.each parameter, "${{ parameters.nope }}" cannot be resolved to a value`,
		`"${{ parameters.name }}"`: `Invalid value on action debug:log.each parameter, "${{ parameters.name }}" must resolve to an array or object`,
		`"${{ null }}"`:            `Invalid value on action debug:log.each parameter, "${{ null }}" must resolve to an array or object`,
		`7`:                        `Invalid value on action debug:log.each parameter, "7" must resolve to an array or object`,
		`"[${{ parameters.yes }}"`: `Invalid value on action debug:log.each parameter, "[${{ parameters.yes }}" must resolve to an array or object`,
	} {
		_, err := planner().Decide(t.Context(), scope(), step(t, `{"id":"x","action":"debug:log","each":`+each+`}`))
		require.EqualError(t, err, message)
		require.Equal(t, fault.Input, fault.KindOf(err))
	}
}

func TestTheConditionOfAStepIsEvaluatedForEveryItem(t *testing.T) {
	t.Parallel()
	decision := decide(t, scope(), `{"id":"x","action":"a","each":"${{ parameters.langs }}","if":"${{ each.value == 'ts' }}","input":{"v":"${{ each.value }}"}}`)
	require.Len(t, decision.Iterations, 2)
	require.False(t, decision.Iterations[0].Run)
	require.True(t, decision.Iterations[1].Run)
	require.Equal(t, []string{`{"v":"ts"}`}, inputs(decision))

	seen := decide(t, scope(), `{"id":"x","action":"a","each":["x"],"if":"${{ secrets.token }}"}`)
	require.True(t, seen.Iterations[0].Run, "with each a condition can read secrets, as in Backstage")

	require.Equal(t, plan.ConditionFalse, decide(t, scope(), `{"id":"x","action":"a","each":["x"],"if":false}`).Skip)
	require.Equal(t, []bool{true, true}, []bool{decide(t, scope(), `{"id":"x","action":"a","each":["x"],"if":true}`).Iterations[0].Run,
		decide(t, scope(), `{"id":"x","action":"a","each":["x"]}`).Iterations[0].Run})
}

func TestEachAfterAFailure(t *testing.T) {
	t.Parallel()
	s := scope()
	s.PreviousFailed = true
	require.Equal(t, plan.PreviousFailed, decide(t, s, `{"id":"x","action":"a","each":["x"]}`).Skip)
	require.Len(t, decide(t, s, `{"id":"x","action":"a","each":["x"],"if":"${{ always() }}"}`).Iterations, 1)
}

func TestAnEachIsBounded(t *testing.T) {
	t.Parallel()
	_, err := planner().Decide(t.Context(), scope(), step(t, `{"id":"x","action":"a","each":[`+strings.Repeat("1,", 1000)+`1]}`))
	require.EqualError(t, err, "each of step x has 1001 items, more than the 1000 that are allowed")
}

func TestNamesOfIterations(t *testing.T) {
	t.Parallel()
	decision := decide(t, scope(), `{"id":"x","action":"a","each":{"k<":{"z":1,"a":[true]}}}`)
	require.Equal(t, `{"key":"k<","value":{"z":1,"a":[true]}}`, decision.Iterations[0].Describe()) //nolint:testifylint // the order matters
	require.Equal(t, "debug:log[k<]", decision.Iterations[0].Name("debug:log"))
	require.Equal(t, "debug:log", decide(t, scope(), `{"id":"x","action":"a"}`).Iterations[0].Name("debug:log"))
}

func TestTheOutputCannotUseSecrets(t *testing.T) {
	t.Parallel()
	result, err := planner().Output(t.Context(), scope())
	require.NoError(t, err)
	require.Empty(t, result.Derived)
	require.Equal(t, `{"links":[{"title":"Repo","url":"https://x/shop"}],"leak":"[]","region":"eu"}`, string(result.Output)) //nolint:testifylint // the order matters
}

func TestARecordThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*plan.Scope){
		"parameters": func(s *plan.Scope) { s.Spec.Parameters = json.RawMessage(`{`) },
		"user":       func(s *plan.Scope) { s.Spec.User.Entity = json.RawMessage(`{`) },
		"fetch":      func(s *plan.Scope) { s.Outputs[0].Output = json.RawMessage(`{`) },
	} {
		s := scope()
		spoil(&s)
		_, err := planner().Decide(t.Context(), s, step(t, `{"id":"x","action":"a","if":"${{ steps.fetch.output and parameters.name }}"}`))
		require.ErrorContains(t, err, name)
		_, err = planner().Output(t.Context(), s)
		require.ErrorContains(t, err, name)
	}
	s := scope()
	s.Spec.Output = json.RawMessage(`{`)
	_, err := planner().Output(t.Context(), s)
	require.ErrorContains(t, err, "output of the template")
}

// TestPlanningDoesNotChangeTheScope: the same scope is planned again after every crash.
func TestPlanningDoesNotChangeTheScope(t *testing.T) {
	t.Parallel()
	s := scope()
	before := fmt.Sprintf("%+v %+v", s, *s.Spec)
	first := decide(t, s, `{"id":"x","action":"a","each":"${{ parameters.langs }}","input":{"v":"${{ parameters.langs.push('x') }}"}}`)
	second := decide(t, s, `{"id":"x","action":"a","each":"${{ parameters.langs }}","input":{"v":"${{ parameters.langs.push('x') }}"}}`)
	require.Equal(t, inputs(first), inputs(second))
	require.Equal(t, before, fmt.Sprintf("%+v %+v", s, *s.Spec))
}

// TestTheNextIterationIsDecidedAlone shows that DecideNext decides as Decide does, without rendering other
// iterations or evaluating their conditions.
func TestTheNextIterationIsDecidedAlone(t *testing.T) {
	t.Parallel()
	document := step(t, `{"id":"x","action":"a","each":"${{ range(9) }}","if":"${{ each.value % 3 == 1 }}","input":{"v":"${{ each.value }} ${{ secrets.token }}-${{ each.key }}"}}`)
	all, err := planner().Decide(t.Context(), scope(), document)
	require.NoError(t, err)
	does := action.Description{ID: "a", InputSchema: json.RawMessage(`{"type":"object","properties":{"v":{"maxLength":20}}}`)}
	for done, expected := range map[int]int{1: 1, 2: 4, 4: 4} {
		next, err := planner().DecideNext(t.Context(), scope(), document, done)
		require.NoError(t, err)
		require.NoError(t, planner().CheckInputs(t.Context(), &next, does, done, nil))
		require.Len(t, next.Iterations, 9)
		for index, iteration := range next.Iterations {
			require.Equal(t, index == expected, iteration.Input != nil, "only that one is rendered")
		}
		iteration, err := next.Iteration(t.Context(), expected)
		require.NoError(t, err)
		require.Equal(t, all.Iterations[expected], iteration)
		require.True(t, next.Runs(expected))
		require.False(t, next.IsLast(expected), "another follows")
		require.False(t, next.Runs(expected+1))
		require.Less(t, len(next.Derived), len(all.Derived))
	}
	for _, done := range []int{0, 5, 7, 8, 9} {
		next, err := planner().DecideNext(t.Context(), scope(), document, done)
		require.NoError(t, err)
		require.Equal(t, all.Iterations, next.Iterations)
		require.Equal(t, all.Derived, next.Derived, "the last one completes an output with what all of them derived")
	}
}

func TestConditionsOfLaterIterationsAreEvaluated(t *testing.T) {
	t.Parallel()
	document := step(t, `{"id":"x","action":"a","each":["a","b","c"],"if":"${{ nope() if each.value == 'c' else each.value == 'b' }}"}`)
	_, err := planner().DecideNext(t.Context(), scope(), document, 1)
	require.ErrorContains(t, err, "Step x: cannot evaluate if: ")
}

// TestVariablesInEscapesAreFound: the words of a step's expressions show which variables they use.
func TestVariablesInEscapesAreFound(t *testing.T) {
	t.Parallel()
	s := scope()
	s.Outputs = []action.StepOutput{{StepID: "fetch", Output: json.RawMessage(`{"url":"https://x"}`), Shown: json.RawMessage(`{"url":"https://x"}`)}}
	for _, word := range []string{"steps", `\u0073teps`, `st\u0065ps`} {
		decision := decide(t, s, `{"id":"x","action":"a","if":"${{ `+word+`.fetch.output.url }}","each":["${{ `+word+`.fetch.output.url }}"],"input":{"v":"${{ `+word+`.fetch.output.url }} ${{ each.value }}"}}`)
		require.Equal(t, []string{`{"v":"https://x https://x"}`}, inputs(decision))
	}
	require.Equal(t, []string{"terc3s"}, decide(t, s, `{"id":"x","action":"a","input":{"v":"${{ s\u0065crets.token | reverse }}"}}`).Derived)
}

// TestPermitsCountTheirMemory: a permit decodes the input, which may be large.
func TestPermitsCountTheirMemory(t *testing.T) {
	t.Parallel()
	pool := budget.NewPool(budget.Limits{Process: 8 << 20, Account: 8 << 20})
	p := plan.NewPlanner(expression.New(expression.Options{Memory: pool}), plan.Environment{})
	decision := plan.Decision{Iterations: []plan.Iteration{{Run: true, Input: json.RawMessage(`{}`)}}}
	asked := false
	require.NoError(t, p.CheckInputs(t.Context(), &decision, action.Description{ID: "a"}, 0, func(ctx context.Context, _ json.RawMessage) error {
		asked = true
		require.NotNil(t, budget.Of(ctx))
		return nil
	}))
	require.True(t, asked)
}
