package azure_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/azure"
	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/integration"
	azurehost "github.com/portico-dev/portico/integration/azure"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/azuretest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

type values map[string]any

// bundle is an Azure DevOps, the actions connected to it, and a place to run them at.
type bundle struct {
	*actiontest.Harness

	server  *azuretest.Server
	options azure.Options
}

func setup(t testing.TB) *bundle {
	t.Helper()
	server := azuretest.Start(t)
	return &bundle{
		Harness: actiontest.NewHarness(t), server: server,
		options: azure.Options{Hosts: hosts(t, server, azuretest.Token), Author: gitpush.Author{Name: "Robot"}},
	}
}

func hosts(t testing.TB, server *azuretest.Server, token string) *integration.Set {
	t.Helper()
	set, err := forges.New(forges.Config{Azure: []azurehost.Config{{
		Host: server.Host, BaseURL: server.URL, Credentials: []azurehost.Credential{{PersonalAccessToken: token}},
	}}}, integration.Options{})
	require.NoError(t, err)
	return set
}

func (b *bundle) action(t testing.TB, id string) action.Action {
	t.Helper()
	return recordedtest.ByID(t, azure.Actions(b.options), id)
}

// run runs an action with an input, in which HOST and SERVER are those of the server.
func (b *bundle) run(t testing.TB, id string, input values) (action.Output, error) {
	t.Helper()
	return b.Run(t, b.action(t, id), b.encode(t, input))
}

func (b *bundle) encode(t testing.TB, inputs ...values) string {
	t.Helper()
	return replace(b, actiontest.Input(t, inputs...))
}

func replace(b *bundle, text string) string {
	return strings.NewReplacer("HOST", b.server.Host, "SERVER", b.server.URL).Replace(text)
}

// conform holds an action to the contract of package action.
func conform(t *testing.T, id string, input values, complete func(*bundle, *actiontest.Fixture)) {
	t.Helper()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		b := setup(t)
		fixture := actiontest.Fixture{
			Action: b.action(t, id),
			Digest: func(testing.TB) string { return b.server.Digest() },
			Hide:   func(testing.TB) (show func()) { return b.server.Hide() },
		}
		complete(b, &fixture)
		fixture.Input = b.encode(t, input)
		b.server.Inject(gate.Handler)
		return fixture
	})
}

var workspace = map[string]string{"README.md": "# Shop\n", "src/main.go": "package main\n"}
