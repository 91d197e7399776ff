package scaffolder_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/check"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
)

// TestTemplatesAreCheckedWithTheActionsOfThisServer: a server without the action a says so of both templates.
func TestTemplatesAreCheckedWithTheActionsOfThisServer(t *testing.T) {
	t.Parallel()
	checked := func(decider policy.Decider, actions ...action.Description) *scaffolder.Service {
		return scaffolder.New(scaffolder.Options{Log: slog.New(slog.DiscardHandler), Catalog: templates{}, Decider: decider,
			Checker: check.New(actions, expression.New(expression.Options{}), plan.Rules{})})
	}
	missing := func(step string) check.Finding {
		return check.Finding{Severity: check.Error, Field: "spec.steps[" + step + "].action", Message: `there is no action "a" here.`, Next: "There are b."}
	}
	two := entity.Ref{Kind: "template", Namespace: "default", Name: "two-steps"}
	twoSteps := scaffolder.TemplateFindings{TemplateRef: two.String(), Findings: []check.Finding{missing("0"), missing("1")}}

	without := checked(policy.AllowKnown{}, action.Description{ID: "b"})
	found, err := without.Findings(t.Context(), ada, nil)
	require.NoError(t, err)
	require.Equal(t, []scaffolder.TemplateFindings{twoSteps,
		{TemplateRef: "template:default/tagged", Findings: []check.Finding{missing("0"), missing("1")}}}, found)
	found, err = without.Findings(t.Context(), ada, []entity.Ref{two})
	require.NoError(t, err)
	require.Equal(t, []scaffolder.TemplateFindings{twoSteps}, found)
	_, err = without.Findings(t.Context(), ada, []entity.Ref{{Kind: "template", Namespace: "default", Name: "none"}})
	require.Equal(t, fault.NotFound, fault.KindOf(err))

	found, err = checked(policy.AllowKnown{}, action.Description{ID: "a"}).Findings(t.Context(), ada, nil)
	require.NoError(t, err)
	require.Empty(t, found)

	const untagged = `{"not":{"rule":"HAS_TAG","resourceType":"scaffolder-template","params":{"tag":"operators"}}}`
	hiding := checked(policytest.Table{policy.ScaffolderTemplateRead: untagged, policy.ScaffolderTemplateStepRead: untagged}, action.Description{ID: "b"})
	found, err = hiding.Findings(t.Context(), ada, nil)
	require.NoError(t, err)
	require.Equal(t, []check.Finding{missing("0")}, found[1].Findings, "a step that is hidden has no findings")
}
