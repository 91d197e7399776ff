package vault

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTheTimeForVaultIsOneForAllSecrets: a configuration with ten of them does not wait ten times.
func TestTheTimeForVaultIsOneForAllSecrets(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"data": {"a": "1"}}`)) }))
	t.Cleanup(server.Close)
	variables := map[string]string{"VAULT_ADDR": server.URL, "VAULT_TOKEN": "a"}
	secrets := NewReader(func(name string) (string, bool) {
		value, is := variables[name]
		return value, is
	})
	_, err := secrets.Read(t.Context(), "kv1/first#a")
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(deadline), secrets.until, deadline/2)

	secrets.until = time.Now()
	_, err = secrets.Read(t.Context(), "kv1/second#a")
	require.EqualError(t, err, "no answer from Vault within 30s, which is the time for all secrets of the configuration")
	text, err := secrets.Read(t.Context(), "kv1/first#a")
	require.NoError(t, err, "what was read already needs no time")
	require.Equal(t, "1", text)
}
