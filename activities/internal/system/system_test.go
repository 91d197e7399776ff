package system_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// TestAThingThatAppearsMeanwhileIsNotTheRuns: when the system refuses the run's own request because of it.
func TestAThingThatAppearsMeanwhileIsNotTheRuns(t *testing.T) {
	t.Parallel()
	harness, exists := actiontest.NewHarness(t), false
	spec := resource.Spec[string]{
		Intent: action.Intent{Kind: "thing", Name: "shop", Data: "shop"},
		Title:  "the thing shop",
		Find: func(context.Context, action.Effect) (*resource.Found[string], error) {
			if !exists {
				return nil, nil
			}
			return &resource.Found[string]{Thing: "theirs"}, nil
		},
		Create: func(context.Context, action.Effect) (*resource.Found[string], error) {
			exists = true
			return nil, resource.Exists(fault.New(fault.Input, "there is one already"))
		},
	}
	_, err := system.Ensure(t.Context(), harness.Call(`{}`), spec)
	require.ErrorIs(t, err, resource.ErrTaken)
	require.Equal(t, action.EffectUndone, harness.Ledger.All()[0].State)
	kept, err := system.Kept[string](harness.Ledger.All()[0])
	require.NoError(t, err)
	require.Equal(t, "shop", kept)
	_, err = system.Kept[int](harness.Ledger.All()[0])
	require.ErrorContains(t, err, "its record does not say which thing it is")
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	allowed := system.Webhooks{Configured: "http://internal/hook", Vendor: []string{"hooks.example.com", "*.office.example"}, Allowed: []string{"127.0.0.1:8080"}, Key: "chat"}
	for address, may := range map[string]bool{
		"http://internal/hook": true, "http://internal/other": false, "https://hooks.example.com/a": true, "http://hooks.example.com/a": false,
		"https://acme.office.example/a": true, "https://office.example/a": false, "https://acme.office.example.org/a": false,
		"https://hooks.example.com@evil.example/a": false, "https://hooks.example.com:8443/a": false, "http://127.0.0.1:8080/a": true, "ftp://127.0.0.1:8080/a": false,
		"http://127.0.0.1/a": false, ":": false,
	} {
		err := allowed.Check(address)
		require.Equal(t, may, err == nil, "%s: %v", address, err)
		require.True(t, may || fault.KindOf(err) == fault.Input, address)
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	require.Empty(t, system.Query())
	require.Equal(t, "?a%20b=c%26d&e=(f)*'!~", system.Query("a b", "c&d", "e", "(f)*'!~"))
}

func TestReveal(t *testing.T) {
	t.Parallel()
	call := &action.UndoCall{Secrets: map[string]string{"token": "s3cret"}, Effect: action.Effect{Kind: "thing", Name: "shop"}}
	value, err := system.Reveal(call, "token")
	require.NoError(t, err)
	require.Equal(t, "s3cret", value)
	_, err = system.Reveal(call, "gone")
	require.ErrorContains(t, err, "thing shop cannot be taken back")
	require.NotEmpty(t, action.Advice(err))
}
