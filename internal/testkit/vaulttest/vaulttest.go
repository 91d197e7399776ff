// Package vaulttest runs a real Vault for tests, with its data in memory.
package vaulttest

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"
)

// binaryVariable names the server's binary: internal/testkit/vaulttest/server, which is a module of its own and
// takes minutes to build. The Makefile builds it and sets the variable.
const binaryVariable = "PORTICO_VAULT"

// Vault is a running Vault with an engine KV of version 2 at kv, and one of version 1 at kv1.
type Vault struct {
	Address, RootToken string
	// Client has the root token.
	Client *api.Client
}

// Start runs a Vault until the test ends. Without a binary, it skips the test.
func Start(t *testing.T) Vault {
	t.Helper()
	binary := os.Getenv(binaryVariable)
	if binary == "" {
		t.Skipf("%s does not name a Vault: `make test` builds one", binaryVariable)
	}
	server := exec.CommandContext(context.WithoutCancel(t.Context()), binary) //nolint:gosec // the Makefile names the binary
	stdin, err := server.StdinPipe()
	require.NoError(t, err)
	stdout, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = server.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	address, token, found := strings.Cut(strings.TrimSpace(line), " ")
	require.True(t, found, line)

	settings := api.DefaultConfig()
	settings.Address = address
	client, err := api.NewClient(settings)
	require.NoError(t, err)
	client.SetToken(token)
	for name, version := range map[string]string{"kv": "2", "kv1": "1"} {
		require.NoError(t, client.Sys().MountWithContext(t.Context(), name, &api.MountInput{Type: "kv", Options: map[string]string{"version": version}}))
	}
	return Vault{Address: address, RootToken: token, Client: client}
}

// Put writes a secret to the engine KV of version 2.
func (v Vault) Put(t *testing.T, name string, fields map[string]any) {
	t.Helper()
	// A new engine of version 2 is upgraded first, and answers 400 meanwhile.
	require.Eventually(t, func() bool {
		_, err := v.Client.KVv2("kv").Put(t.Context(), name, fields)
		if answered, is := errors.AsType[*api.ResponseError](err); is {
			return answered.StatusCode < 400
		}
		return err == nil
	}, 30*time.Second, 50*time.Millisecond)
}
