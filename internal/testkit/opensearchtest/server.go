// Package opensearchtest runs a real OpenSearch for tests, whose data is gone with it.
package opensearchtest

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/servers"
)

// Start runs a server until the test ends, and returns its address. Without one, it skips the test.
func Start(t testing.TB) string {
	t.Helper()
	if os.Getenv(servers.OpenSearch.Variable) == "" {
		t.Skipf("%s does not name an OpenSearch: `make .cache/bin/opensearch-server` builds one, with Maven and a JDK", servers.OpenSearch.Variable)
	}
	server, err := servers.OpenSearch.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.WithoutCancel(t.Context()))) })
	return server.Printed[0]
}
