package api_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/secretpaths"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/internal/testkit/vaulttest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/vault"
)

// withSecrets is a catalog in which the secrets of the component shop are in an engine.
type withSecrets string

func (w withSecrets) EntityByRef(_ context.Context, _ identity.Principal, ref entity.Ref) (entity.Entity, error) {
	if ref.String() != "component:default/shop" {
		return nil, fault.New(fault.NotFound, "No entity named '%s'", ref)
	}
	return entity.Entity{"kind": "Component", "metadata": map[string]any{"name": "shop", "annotations": map[string]any{
		"vault.io/secrets-engine": string(w), "vault.io/secrets-path": "shop"}}}, nil
}

func TestTheSecretsOfAnEntityAreListed(t *testing.T) {
	t.Parallel()
	running := vaulttest.Start(t)
	running.Put(t, "shop/database", map[string]any{"password": "hunter2"})
	settings := vault.Settings{Address: running.Address, Token: running.RootToken}
	for name, test := range map[string]struct {
		engine   withSecrets
		settings vault.Settings
		expected string
	}{
		"secrets":   {"kv", settings, `{"items":[{"engine":"kv","path":"shop/database","url":"https://vault.example.com/ui/vault/secrets/kv/show/shop/database"}],"problems":[]}`},
		"a problem": {"kv1", settings, `{"items":[],"problems":[{"source":"Vault","message":"The secrets engine kv1/ cannot be asked: the secrets engine is not KV of version 2."}]}`},
		"no Vault":  {"kv", vault.Settings{}, `{"items":[],"problems":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, io.Discard, func(options *api.Options) {
				options.Plugins = append(options.Plugins, api.NewVaultPlugin(secretpaths.New(secretpaths.Options{
					Entities: subject.Finder{Catalog: test.engine, Decider: policy.AllowKnown{}}, Sessions: vault.NewSessions(test.settings), PublicURL: "https://vault.example.com"})))
			})
			const at = "/api/portico/v1/entities/by-name/component/default/"
			require.JSONEq(t, test.expected, ask(t, server, http.MethodGet, at+"shop/vault", "").Body.String())
			require.Equal(t, http.StatusNotFound, ask(t, server, http.MethodGet, at+"hidden/vault", "").Code)
		})
	}
}
