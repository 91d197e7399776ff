package vault_test

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/vaulttest"
	"github.com/portico-dev/portico/vault"
)

// TestASessionOutlivesItsToken: an AppRole whose tokens last two seconds, and cannot be renewed for longer than
// three.
func TestASessionOutlivesItsToken(t *testing.T) {
	t.Parallel()
	server := vaulttest.Start(t)
	require.NoError(t, server.Client.Sys().EnableAuthWithOptionsWithContext(t.Context(), "approle", &api.EnableAuthOptions{Type: "approle"}))
	write := func(path string, data map[string]any) map[string]any {
		answer, err := server.Client.Logical().WriteWithContext(t.Context(), path, data)
		require.NoError(t, err)
		if answer == nil {
			return nil
		}
		return answer.Data
	}
	write("auth/approle/role/portico", map[string]any{"token_ttl": "2s", "token_max_ttl": "3s", "bind_secret_id": false, "token_bound_cidrs": "127.0.0.0/8"})
	role, err := server.Client.Logical().ReadWithContext(t.Context(), "auth/approle/role/portico/role-id")
	require.NoError(t, err)
	id, _ := role.Data["role_id"].(string)

	sessions := vault.NewSessions(vault.Settings{Address: server.Address, RoleID: id})
	tokens := map[string]bool{}
	require.Never(t, func() bool {
		session, err := sessions.Session(t.Context())
		if err != nil {
			return true
		}
		tokens[session.Token()] = true
		_, err = session.Auth().Token().LookupSelfWithContext(t.Context())
		return err != nil
	}, 5*time.Second, 100*time.Millisecond, "the token is valid whenever it is asked for")
	require.Greater(t, len(tokens), 1, "a new login followed when the token could not be renewed any more")

	session, err := sessions.Session(t.Context())
	require.NoError(t, err)
	sessions.Close(t.Context())
	_, err = session.Auth().Token().LookupSelfWithContext(t.Context())
	require.ErrorContains(t, err, "403", "the token is revoked")
}
