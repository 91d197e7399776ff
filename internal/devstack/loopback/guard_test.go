package loopback_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/loopback"
)

func TestAReboundNameIsRefused(t *testing.T) {
	t.Parallel()
	guarded := loopback.Guard("the test", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for host, status := range map[string]int{
		"localhost": 204, "localhost:8080": 204, "LocalHost:1": 204, "127.0.0.1": 204, "127.0.0.1:8080": 204, "[::1]:8080": 204, "192.168.0.7:80": 204,
		"evil.example": 421, "evil.example:8080": 421, "localhost.evil.example": 421, "127.0.0.1.nip.io:8080": 421, "localhost.": 421, "": 421,
	} {
		request := httptest.NewRequest(http.MethodPost, "/", nil)
		request.Host = host
		answer := httptest.NewRecorder()
		guarded.ServeHTTP(answer, request)
		require.Equal(t, status, answer.Code, host)
		if status == http.StatusMisdirectedRequest {
			require.Equal(t, "the test answers to localhost and to IP addresses only\n", answer.Body.String())
		}
	}
}
