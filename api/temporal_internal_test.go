package api

import (
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestATemporalWebUIThatSaysNothingIsGivenUp: it accepts connections, and no more.
func TestATemporalWebUIThatSaysNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	for _, scheme := range []string{"http://", "https://"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+silent.Addr().String(), nil)
		require.NoError(t, err)
		response, err := temporalTransport(10*time.Millisecond, 10*time.Millisecond).RoundTrip(request)
		if err == nil {
			_ = response.Body.Close()
		}
		require.True(t, os.IsTimeout(err), "%s: %v", scheme, err)
	}
}
