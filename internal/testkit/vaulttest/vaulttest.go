// Package vaulttest runs a real Vault for tests, with its data in memory.
package vaulttest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/servers"
)

// Vault is a running Vault with an engine KV of version 2 at kv, and one of version 1 at kv1.
type Vault struct {
	Address, RootToken string
	// Client has the root token.
	Client *api.Client
}

// Start runs a Vault until the test ends. Without a binary, it skips the test.
func Start(t testing.TB) Vault {
	t.Helper()
	if os.Getenv(servers.Vault.Variable) == "" {
		t.Skipf("%s does not name a Vault: `make test` builds one", servers.Vault.Variable)
	}
	server, err := servers.Vault.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.WithoutCancel(t.Context()))) })
	address, token := server.Printed[0], server.Printed[1]

	settings := api.DefaultConfig()
	settings.Address = address
	client, err := api.NewClient(settings)
	require.NoError(t, err)
	client.SetToken(token)
	for name, version := range map[string]string{"kv": "2", "kv1": "1"} {
		require.NoError(t, client.Sys().MountWithContext(t.Context(), name, &api.MountInput{Type: "kv", Options: map[string]string{"version": version}}))
	}
	v := Vault{Address: address, RootToken: token, Client: client}
	v.AwaitEngine(t, "kv")
	return v
}

// AwaitEngine waits until an engine KV of version 2 serves: a new one is upgraded first, and answers 400 meanwhile.
func (v Vault) AwaitEngine(t testing.TB, name string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := v.Client.Logical().ListWithContext(t.Context(), name+"/metadata")
		return err == nil
	}, time.Minute, 20*time.Millisecond, "the engine %s", name)
}

// Put writes a secret to the engine KV of version 2.
func (v Vault) Put(t *testing.T, name string, fields map[string]any) {
	t.Helper()
	_, err := v.Client.KVv2("kv").Put(t.Context(), name, fields)
	require.NoError(t, err)
}
