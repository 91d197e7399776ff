package access_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/template"
)

var ada = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada", Ownership: []string{"user:default/ada", "group:default/platform"}}

// under is a decider that allows actions under a condition.
func under(criteria string) *access.Runs {
	return access.NewRuns(policytest.Table{policy.ScaffolderActionExecute: criteria})
}

func rule(name, params string) string {
	return `{"rule":"` + name + `","resourceType":"scaffolder-action","params":` + params + `}`
}

func not(criteria string) string { return `{"not":` + criteria + `}` }

func join(form, first, second string) string {
	return `{"` + form + `":[` + first + `,` + second + `]}`
}

func isAction(id string) string { return rule("HAS_ACTION_ID", `{"actionId":"`+id+`"}`) }

func hasString(key, value string) string {
	return rule("HAS_STRING_PROPERTY", `{"key":"`+key+`","value":"`+value+`"}`)
}

// TestStepsAreCheckedBeforeTheirInputsAreKnown: a step is refused only if no input could make it allowed.
func TestStepsAreCheckedBeforeTheirInputsAreKnown(t *testing.T) {
	t.Parallel()
	toDev := hasString("namespace", "dev")
	for name, test := range map[string]struct {
		criteria string
		allowed  bool
	}{
		"denied":                           {policytest.Deny, false},
		"the action":                       {isAction("kubernetes:apply"), true},
		"another action":                   {isAction("debug:log"), false},
		"all but the action":               {not(isAction("kubernetes:apply")), false},
		"all but another action":           {not(isAction("debug:log")), true},
		"an input":                         {toDev, true},
		"all but an input":                 {not(toDev), true},
		"the action with an input":         {join("allOf", isAction("kubernetes:apply"), toDev), true},
		"another action with an input":     {join("allOf", isAction("debug:log"), toDev), false},
		"another action, or an input":      {join("anyOf", isAction("debug:log"), toDev), true},
		"another action, or another":       {join("anyOf", isAction("debug:log"), isAction("debug:wait")), false},
		"not (the action or an input)":     {not(join("anyOf", isAction("kubernetes:apply"), toDev)), false},
		"not (another action or an input)": {not(join("anyOf", isAction("debug:log"), toDev)), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := under(test.criteria).CheckSteps(t.Context(), ada, []template.Step{{Name: "Deploy", Action: "kubernetes:apply"}})
			if test.allowed {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, "Unauthorized action: kubernetes:apply. The action is not allowed. The step Deploy needs it.")
			require.Equal(t, fault.NotAllowed, fault.KindOf(err))
			denied, is := errors.AsType[*policy.DeniedError](err)
			require.True(t, is)
			require.Equal(t, policy.DeniedError{Principal: ada, Permission: policy.ScaffolderActionExecute, Resource: "kubernetes:apply"}, *denied)
		})
	}
}

func TestInputsArePermittedByConditions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		action, criteria, input string
		allowed                 bool
	}{
		"the same text":               {"kubernetes:apply", hasString("namespace", "dev"), `{"namespace":"dev"}`, true},
		"another text":                {"kubernetes:apply", hasString("namespace", "dev"), `{"namespace":"prod"}`, false},
		"other letters":               {"kubernetes:apply", hasString("namespace", "dev"), `{"namespace":"Dev"}`, false},
		"missing":                     {"kubernetes:apply", hasString("namespace", "dev"), `{}`, false},
		"no text":                     {"kubernetes:apply", hasString("namespace", "1"), `{"namespace":1}`, false},
		"all but a text":              {"kubernetes:apply", not(hasString("namespace", "prod")), `{"namespace":"dev"}`, true},
		"just that text":              {"kubernetes:apply", not(hasString("namespace", "prod")), `{"namespace":"prod"}`, false},
		"all but a text, missing":     {"kubernetes:apply", not(hasString("namespace", "prod")), `{}`, true},
		"any text":                    {"a", rule("HAS_STRING_PROPERTY", `{"key":"x"}`), `{"x":""}`, true},
		"any text, not a number":      {"a", rule("HAS_STRING_PROPERTY", `{"key":"x"}`), `{"x":1}`, false},
		"number":                      {"a", rule("HAS_NUMBER_PROPERTY", `{"key":"x","value":2}`), `{"x":2.0}`, true},
		"another number":              {"a", rule("HAS_NUMBER_PROPERTY", `{"key":"x","value":2}`), `{"x":3}`, false},
		"number as text":              {"a", rule("HAS_NUMBER_PROPERTY", `{"key":"x","value":2}`), `{"x":"2"}`, false},
		"any number":                  {"a", rule("HAS_NUMBER_PROPERTY", `{"key":"x"}`), `{"x":0}`, true},
		"boolean":                     {"a", rule("HAS_BOOLEAN_PROPERTY", `{"key":"x","value":false}`), `{"x":false}`, true},
		"another boolean":             {"a", rule("HAS_BOOLEAN_PROPERTY", `{"key":"x","value":false}`), `{"x":true}`, false},
		"any boolean, null":           {"a", rule("HAS_BOOLEAN_PROPERTY", `{"key":"x"}`), `{"x":null}`, false},
		"path":                        {"a", hasString("x.y[1].z", "v"), `{"x":{"y":[{},{"z":"v"}]}}`, true},
		"path with a quoted part":     {"a", hasString(`x['a.b'].c`, "v"), `{"x":{"a.b":{"c":"v"}}}`, true},
		"key with a dot":              {"a", hasString("x.y", "v"), `{"x.y":"v"}`, true},
		"path through a text":         {"a", hasString("x.y", "v"), `{"x":"v"}`, false},
		"owner on a host":             {"publish:github", hasString("owner", "acme"), `{"owner":"ACME"}`, true},
		"repository on a host":        {"github:actions:dispatch", not(hasString("repoUrl", "github.com?owner=acme&repo=prod")), `{"repoUrl":"github.com?owner=Acme&repo=Prod"}`, false},
		"other inputs of host action": {"publish:github", hasString("description", "x"), `{"description":"X"}`, false},
		"action and input":            {"a", join("allOf", isAction("a"), hasString("x", "v")), `{"x":"v"}`, true},
		"other action and input":      {"b", join("anyOf", isAction("a"), hasString("x", "v")), `{"x":"w"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			permit, err := under(test.criteria).Permit(t.Context(), ada, template.Step{Name: "Step", Action: test.action})
			require.NoError(t, err)
			require.NotNil(t, permit)
			if err = permit(t.Context(), json.RawMessage(test.input)); test.allowed {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, "Unauthorized action: "+test.action+". The action is not allowed. The step Step needs it.")
			}
		})
	}
}

// TestInputsAreReadOnlyForConditionsOnThem: what is allowed whatever its input costs nothing.
func TestInputsAreReadOnlyForConditionsOnThem(t *testing.T) {
	t.Parallel()
	var without *access.Runs
	for name, runs := range map[string]*access.Runs{
		"no permissions": without,
		"allowed":        access.NewRuns(policytest.Table{}),
		"by its id":      under(join("anyOf", isAction("debug:log"), hasString("message", "hello"))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			permit, err := runs.Permit(t.Context(), ada, template.Step{Action: "debug:log"})
			require.NoError(t, err)
			require.Nil(t, permit)
		})
	}
}

func TestConditionsOnActionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ criteria, message string }{
		"unknown rule":      {rule("HAS_PROPERTY", `{"key":"x"}`), "Permission rule 'HAS_PROPERTY' does not exist for resource type 'scaffolder-action'"},
		"value of the type": {rule("HAS_NUMBER_PROPERTY", `{"key":"x","value":"2"}`), "Parameters to rule are invalid"},
		"no key":            {rule("HAS_STRING_PROPERTY", `{"value":"2"}`), "the param key is missing"},
		"further params":    {rule("HAS_ACTION_ID", `{"actionId":"a","x":1}`), "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var criteria policy.Criteria
			require.NoError(t, json.Unmarshal([]byte(test.criteria), &criteria))
			require.ErrorContains(t, access.ActionRules.Check(criteria), test.message)
		})
	}
}

// TestActionsAreListedUnlessInputsDecide: what a decision allows is known if no condition on inputs matters.
func TestActionsAreListedUnlessInputsDecide(t *testing.T) {
	t.Parallel()
	actions := []string{"debug:log", "publish:github"}
	toDev := hasString("namespace", "dev")
	for name, test := range map[string]struct {
		criteria string
		allowed  []string
		isKnown  bool
	}{
		"an action":                    {isAction("debug:log"), []string{"debug:log"}, true},
		"all but an action":            {not(isAction("debug:log")), []string{"publish:github"}, true},
		"none":                         {isAction("fetch:plain"), nil, true},
		"an input":                     {toDev, nil, false},
		"an action with an input":      {join("allOf", isAction("debug:log"), toDev), nil, false},
		"another action with an input": {join("allOf", isAction("fetch:plain"), toDev), nil, true},
	} {
		var criteria policy.Criteria
		require.NoError(t, json.Unmarshal([]byte(test.criteria), &criteria))
		allowed, isKnown, err := access.Executable(policy.Decision{Result: policy.Conditional, Conditions: criteria}, actions)
		require.NoError(t, err)
		require.Equal(t, test.isKnown, isKnown, name)
		require.Equal(t, test.allowed, allowed, name)
	}
	for result, expected := range map[policy.Result][]string{policy.Allowed: actions, policy.Denied: nil} {
		allowed, isKnown, err := access.Executable(policy.Decision{Result: result}, actions)
		require.NoError(t, err)
		require.True(t, isKnown)
		require.Equal(t, expected, allowed, result)
	}
}

// TestATemplateIsShownByTags has the conditions and the template of the recordings of Backstage.
func TestATemplateIsShownByTags(t *testing.T) {
	t.Parallel()
	tagged, err := template.Parse(json.RawMessage(`{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"tagged"},"spec":{
		"parameters":[{"title":"Everyone","properties":{"hidden":{"type":"string","backstage:permissions":{"tags":["secret"]}}}},
			{"title":"Operators <only>","backstage:permissions":{"tags":["secret"]},"properties":{"region":{"type":"string"}}}],
		"steps":[{"id":"first","action":"debug:log"},{"id":"hush","action":"debug:log","backstage:permissions":{"tags":["secret"]}},
			{"action":"debug:wait"},{"id":"last","action":"debug:log","backstage:permissions":{"tags":["open"]}}]}}`))
	require.NoError(t, err)
	tag := func(name string) string {
		return `{"rule":"HAS_TAG","resourceType":"scaffolder-template","params":{"tag":"` + name + `"}}`
	}
	for name, test := range map[string]struct {
		page, step   string
		pages, steps []string
		denied       policy.Permission
	}{
		"without the tag, with a tag": {page: not(tag("secret")), step: join("anyOf", tag("open"), tag("secret")), pages: []string{"Everyone"}, steps: []string{"hush", "last"}},
		"ids by position":             {page: not(tag("none")), step: not(tag("secret")), pages: []string{"Everyone", "Operators <only>"}, steps: []string{"first", "step-2", "last"}},
		"none has the tags":           {page: tag("none"), step: join("allOf", tag("open"), tag("secret")), pages: []string{}, steps: []string{}},
		"pages denied":                {page: policytest.Deny, step: tag("open"), denied: policy.ScaffolderTemplateRead},
		"steps denied":                {page: tag("open"), step: policytest.Deny, denied: policy.ScaffolderTemplateStepRead},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := access.NewRuns(policytest.Table{policy.ScaffolderTemplateRead: test.page, policy.ScaffolderTemplateStepRead: test.step})
			visible, err := runs.Visible(t.Context(), ada, tagged)
			if test.denied != "" {
				require.EqualError(t, err, "user:default/ada may not "+string(test.denied)+" on template:default/tagged")
				return
			}
			require.NoError(t, err)
			form, err := visible.ParameterSchema()
			require.NoError(t, err)
			pages, steps := []string{}, []string{}
			for _, page := range form.Steps {
				pages = append(pages, page.Title)
			}
			pinned, err := visible.Pin(nil, template.User{}, provenance.Place{})
			require.NoError(t, err)
			for _, step := range pinned.Steps {
				steps = append(steps, step.ID)
			}
			require.Equal(t, test.pages, pages)
			require.Equal(t, test.steps, steps)
		})
	}
	same, err := access.NewRuns(policytest.Table{}).Visible(t.Context(), ada, tagged)
	require.NoError(t, err)
	require.Same(t, tagged, same)
}
