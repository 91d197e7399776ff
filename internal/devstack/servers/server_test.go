package servers_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/servers"
)

func TestServersStartAndStop(t *testing.T) {
	t.Parallel()
	for _, binary := range []servers.Binary{servers.Kubernetes, servers.Vault} {
		t.Run(binary.Name, func(t *testing.T) {
			t.Parallel()
			if os.Getenv(binary.Variable) == "" {
				t.Skipf("%s does not name a binary: `make test` builds one", binary.Variable)
			}
			server, err := binary.Start(t.Context())
			require.NoError(t, err)
			client, request := &http.Client{}, healthOf(t, binary, server)
			if len(server.Printed) > 2 {
				authority, err := os.ReadFile(server.Printed[2])
				require.NoError(t, err)
				known := x509.NewCertPool()
				require.True(t, known.AppendCertsFromPEM(authority))
				client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: known, MinVersion: tls.VersionTLS12}}
			}
			answer, err := client.Do(request)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, http.StatusOK, answer.StatusCode)
			require.NoError(t, server.Stop(t.Context()))
			<-server.Failed()
			_, err = client.Do(request) //nolint:bodyclose // there is no answer
			require.Error(t, err)
		})
	}
}

// healthOf asks for something that needs the printed token.
func healthOf(t *testing.T, binary servers.Binary, server *servers.Server) *http.Request {
	t.Helper()
	path := map[string]string{servers.Kubernetes.Name: "/api/v1/namespaces/default", servers.Vault.Name: "/v1/sys/mounts"}[binary.Name]
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.Printed[0]+path, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+server.Printed[1])
	return request
}

func TestAServerThatIsNotBuilt(t *testing.T) {
	t.Setenv("PORTICO_KUBE", "/not/there")
	_, err := servers.Kubernetes.Start(t.Context())
	require.ErrorContains(t, err, "there is no binary of a Kubernetes API server at /not/there: build it in Portico's sources by `make .cache/bin/kube-apiserver`")
}
