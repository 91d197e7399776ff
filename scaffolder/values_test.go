package scaffolder_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/seal"
)

// conditional is a catalog with one template, whose second page has a condition.
type conditional struct {
	templates

	when string
}

func (c conditional) LocatedEntity(context.Context, identity.Principal, entity.Ref) (json.RawMessage, provenance.Place, error) {
	return json.RawMessage(`{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"conditional"},
		"spec":{"parameters":[{"properties":{"kind":{"type":"string"}}},
		{"when":` + c.when + `,"required":["spec"],"properties":{"spec":{"type":"string"}}}],"steps":[]}}`), provenance.Place{}, nil
}

// TestAPageThatIsNotShownIsNotChecked: its required values cannot have been filled in.
func TestAPageThatIsNotShownIsNotChecked(t *testing.T) {
	t.Parallel()
	keys, err := seal.NewKeyring(seal.GenerateKey("test"))
	require.NoError(t, err)
	runs := run.NewStore(testkit.Database(t), keys)
	create := func(when, values string) error {
		service := scaffolder.New(scaffolder.Options{Log: slog.New(slog.DiscardHandler), Catalog: conditional{when: when}, Runs: runs, Engine: &commands{},
			Decider: policy.AllowKnown{}, Conditions: expression.New(expression.Options{})})
		_, err := service.Create(t.Context(), ada, scaffolder.Request{TemplateRef: "conditional", Values: json.RawMessage(values)})
		return err
	}
	const isAPI = `"${{ parameters.kind === 'api' }}"`
	for _, shown := range []error{create(isAPI, `{"kind":"api"}`), create(`true`, `{}`), create(`null`, `{}`)} {
		var invalid *scaffolder.InvalidValuesError
		require.ErrorAs(t, shown, &invalid)
		require.Equal(t, `requires property "spec"`, invalid.Violations[0].Message)
	}
	require.NoError(t, create(isAPI, `{"kind":"api","spec":"x"}`))
	require.NoError(t, create(isAPI, `{"kind":"web"}`))
	require.NoError(t, create(`false`, `{}`))
	err = create(`"${{ parameters. }}"`, `{}`)
	require.Equal(t, fault.Input, fault.KindOf(err))
	require.ErrorContains(t, err, "page 2 of the parameters of template:default/conditional cannot be checked")
	var invalid *scaffolder.InvalidValuesError
	require.NotErrorAs(t, err, &invalid)
}
