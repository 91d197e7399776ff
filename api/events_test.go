package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/catalog/events"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/internal/testkit"
)

// TestEventsAreAnsweredAsBackstageDoes covers the wire of webhooks.
func TestEventsAreAnsweredAsBackstageDoes(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	hosts, err := forges.New(forges.Config{}, integration.Options{})
	require.NoError(t, err)
	service := events.New(events.Options{Pool: pool, Log: slog.New(slog.DiscardHandler), Hosts: hosts,
		Sources: []hostevents.Source{github.NewWebhook(hostevents.Secrets{{Value: "secret"}})}})
	server := newServer(t, io.Discard, func(options *api.Options) { options.Plugins = append(options.Plugins, api.NewEventsPlugin(service)) })
	const push = `{"ref":"refs/heads/main","repository":{"name":"shop","html_url":"https://github.com/acme/shop"},"commits":[{"modified":["a.yaml"]}]}`
	for name, test := range map[string]struct {
		topic, contentType, signedWith, body string
		status                               int
		answer                               string
	}{
		"accepted":           {"github", "application/json", "secret", push, http.StatusAccepted, `{"status":"accepted"}`},
		"with a charset":     {"github", "application/json; charset=utf-8", "secret", push, http.StatusAccepted, `{"status":"accepted"}`},
		"another signature":  {"github", "application/json", "guessed", push, http.StatusForbidden, `{"message":"invalid signature"}`},
		"an unknown topic":   {"gitlab", "application/json", "secret", push, http.StatusNotFound, "There is no webhook"},
		"a form":             {"github", "application/x-www-form-urlencoded", "secret", "payload=x", http.StatusUnsupportedMediaType, "Unsupported media type"},
		"no type":            {"github", "", "secret", push, http.StatusUnsupportedMediaType, "Unsupported media type"},
		"no JSON":            {"github", "application/json", "secret", "{", http.StatusBadRequest, "InputError"},
		"as large as can be": {"github", "application/json", "secret", strings.Repeat(" ", 5<<20-2) + "{}", http.StatusAccepted, `{"status":"accepted"}`},
		"too large":          {"github", "application/json", "secret", strings.Repeat(" ", 5<<20-1) + "{}", http.StatusRequestEntityTooLarge, "request entity too large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := httptest.NewRequest(http.MethodPost, "/api/events/http/"+test.topic, strings.NewReader(test.body))
			request.Header.Set("Content-Type", test.contentType)
			request.Header.Set("X-Github-Event", "push")
			request.Header.Set("X-Github-Delivery", name)
			mac := hmac.New(sha256.New, []byte(test.signedWith))
			mac.Write([]byte(test.body))
			request.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
			answer := httptest.NewRecorder()
			server.ServeHTTP(answer, request)
			require.Equal(t, test.status, answer.Code, answer.Body)
			if strings.HasPrefix(test.answer, "{") {
				require.Equal(t, test.answer, strings.TrimSpace(answer.Body.String()))
			} else {
				require.Contains(t, answer.Body.String(), test.answer)
			}
		})
	}
}
