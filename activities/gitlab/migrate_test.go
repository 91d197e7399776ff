package gitlab_test

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/gitlabtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// migrateCall is a call of gitlab:group:migrate, which imports old/cart as acme/cart.
func (b *bundle) migrateCall(t *testing.T, more values) *action.Call {
	t.Helper()
	input := values{"destinationUrl": b.server.Host + "?owner=acme&repo=cart", "destinationAccessToken": gitlabtest.Token, "sourceUrl": "https://gitlab.example/",
		"sourceFullPath": "old/cart", "sourceAccessToken": gitlabtest.AnnToken}
	maps.Copy(input, more)
	encoded, err := json.Marshal(input)
	require.NoError(t, err)
	return b.Call(string(encoded))
}

func TestAnImportGoesOnAfterTheStep(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.SlowImports()
	output, err := b.action(t, "gitlab:group:migrate").Run(t.Context(), b.migrateCall(t, nil))
	require.NoError(t, err)
	require.Equal(t, b.server.Host+"/acme/cart", output["importedRepoUrl"])
	require.Positive(t, output["migrationId"])
	require.Contains(t, b.describe("acme/cart"), "main [README.md=# old/cart\n]")
}

// TestAnImportIsWaitedForWithoutAWorker: each look sees how far it is.
func TestAnImportIsWaitedForWithoutAWorker(t *testing.T) {
	t.Parallel()
	for status, test := range map[string]struct {
		failures []string
		says     string
	}{
		"finished": {},
		"failed":   {[]string{"the repository is too large"}, "the import of old/cart as acme/cart on HOST ended with failed: the repository is too large"},
		"timeout":  {nil, "ended with timeout"},
	} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.server.SlowImports()
			began := time.Now()
			look := func() error {
				call := b.migrateCall(t, values{"wait": true})
				call.StartedAt = began
				_, err := b.action(t, "gitlab:group:migrate").Run(t.Context(), call)
				return err
			}
			var notYet *action.NotYetError
			for range 2 {
				require.ErrorAs(t, look(), &notYet)
				require.Contains(t, notYet.Waiting, "The import of old/cart is ")
				require.Positive(t, notYet.After)
			}
			require.NotContains(t, b.Log.Text(), "is there already", "looking again says nothing")
			began = time.Now().Add(-time.Hour)
			require.ErrorContains(t, look(), "has not ended after 1h0m0s: it is started")
			began = time.Now()
			b.server.EndImports(status, test.failures...)
			err := look()
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, replace(test.says, "HOST", b.server.Host))
			require.False(t, action.IsTransient(err))
			require.NotEmpty(t, action.Advice(err))
		})
	}
}

// TestOnlyAnAdministratorCancelsAnImport: for others, the rollback stays open until the import has ended.
func TestOnlyAnAdministratorCancelsAnImport(t *testing.T) {
	t.Parallel()
	for name, mend := range map[string]func(b *bundle){
		"an administrator": func(b *bundle) { b.server.MakeAdministrator(gitlabtest.Portico) },
		"it has ended":     func(b *bundle) { b.server.EndImports("finished") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.server.SlowImports()
			migrate := b.action(t, "gitlab:group:migrate")
			_, err := migrate.Run(t.Context(), b.migrateCall(t, nil))
			require.NoError(t, err)
			err = b.RollBack(t.Context(), migrate)
			require.ErrorContains(t, err, "the import of old/cart goes on")
			require.True(t, action.IsTransient(err))
			require.Contains(t, action.Advice(err), "Wait until it has ended, or ask an administrator")
			require.NotEmpty(t, b.describe("acme/cart"))
			mend(b)
			require.NoError(t, b.RollBack(t.Context(), migrate))
			require.Empty(t, b.describe("acme/cart"))
		})
	}
}

// TestTheRollbackOfAnImportUsesTheStepsToken: the ledger has the name of the secret, not the token.
func TestTheRollbackOfAnImportUsesTheStepsToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.SetMember("acme", gitlabtest.Ann, 50)
	b.Secrets = map[string]string{"destination": gitlabtest.AnnToken}
	migrate := b.action(t, "gitlab:group:migrate")
	_, err := migrate.Run(t.Context(), b.migrateCall(t, values{"destinationAccessToken": gitlabtest.AnnToken}))
	require.NoError(t, err)
	require.NotContains(t, string(b.Ledger.All()[0].Data), gitlabtest.AnnToken)

	b.Secrets = nil
	err = b.RollBack(t.Context(), migrate)
	require.ErrorContains(t, err, "the token that the step passed is gone")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	b.Secrets = map[string]string{"destination": gitlabtest.AnnToken}
	require.NoError(t, b.RollBack(t.Context(), migrate))
	require.Empty(t, b.describe("acme/cart"))
}

func TestImportsThatCannotBegin(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		input values
		says  string
	}{
		"no owner":          {values{"destinationUrl": "HOST?repo=cart"}, "owner"},
		"an unknown host":   {values{"destinationUrl": "gitlab.unknown?owner=acme&repo=cart"}, "gitlab.unknown"},
		"a strange source":  {values{"sourceUrl": "ftp://gitlab.example"}, "sourceUrl is not the address of a GitLab"},
		"a bad token there": {values{"sourceAccessToken": "x"}, "Failed to transfer repo old/cart. Make sure that old/cart exists in https://gitlab.example/, and token has enough rights.\nError: Unsuccessful response 401"},
		"a foreign group":   {values{"destinationUrl": "HOST?owner=other&repo=cart"}, "'other' is invalid, or you do not have permission"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.server.AddGroup("other", gitlabtest.Ben)
			if to, has := test.input["destinationUrl"].(string); has {
				test.input["destinationUrl"] = replace(to, "HOST", b.server.Host)
			}
			_, err := b.action(t, "gitlab:group:migrate").Run(t.Context(), b.migrateCall(t, test.input))
			require.ErrorContains(t, err, test.says)
			require.False(t, action.IsTransient(err))
			for _, effect := range b.Ledger.All() {
				require.Equal(t, action.EffectUndone, effect.State, "nothing was started")
			}
		})
	}
}
