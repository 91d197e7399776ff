package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/internal/testkit"
)

func TestTheAuditLogIsVerifiedAndExported(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	for n := range 3 {
		require.NoError(t, audit.Record(t.Context(), pool, audit.Actor{Kind: "user", Subject: "user:default/ada"}, audit.EntityDelete, fmt.Sprint("component:default/c", n)))
	}
	_, err := audit.NewLog(pool, slog.New(slog.DiscardHandler)).Seal(t.Context())
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "app-config.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "portico: {database: {url: %q}}", pool.Config().ConnString()), 0o600))

	out, err := offline(t, "audit", "verify", "--config", file)
	require.NoError(t, err)
	require.Contains(t, out, "Checked 3 events in 1 seals")
	_, head, _ := strings.Cut(strings.TrimSuffix(out, ".\n"), "ends with the hash ")
	_, err = offline(t, "audit", "verify", "--config", file, "--head", head)
	require.NoError(t, err)
	lines, err := offline(t, "audit", "export", "--config", file)
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(lines, "\n"))
	require.Contains(t, lines, `"hash":"`+head+`"}`)
	exported := filepath.Join(t.TempDir(), "audit.jsonl")
	require.NoError(t, os.WriteFile(exported, []byte(lines), 0o600))
	out, err = offline(t, "audit", "verify", "--file", exported, "--head", head)
	require.NoError(t, err)
	require.Equal(t, "Checked 3 events, which end with the hash "+head+".\n", out)
	for _, wrong := range []string{"--previous", "--head"} {
		out, err = offline(t, "audit", "verify", "--file", exported, wrong, strings.Repeat("ab", 32))
		require.ErrorAs(t, err, new(*exitError))
		require.Contains(t, out, "does not")
	}

	for _, statement := range []string{"alter table audit_events disable trigger user", "update audit_events set actor = 'user:default/bob'"} {
		_, err := pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	out, err = offline(t, "audit", "verify", "--config", file)
	var exit *exitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.code)
	require.Contains(t, out, "The audit log was changed: event ")
	_, err = offline(t, "audit", "verify", "--config", file, "--since", "yesterday")
	require.ErrorContains(t, err, "write a day like 2026-01-31")
	_, err = offline(t, "audit", "export", "--config", file, "--day", "2026-01-31T12:00:00Z")
	require.ErrorContains(t, err, "write a day like 2026-01-31")
}

// TestVerifyRefusesWhatItDoesNotUse: a wrong or an empty hash is not a hash, and a flag that would be ignored promises a
// check that does not happen.
func TestVerifyRefusesWhatItDoesNotUse(t *testing.T) {
	t.Parallel()
	exported := filepath.Join(t.TempDir(), "audit.jsonl")
	require.NoError(t, os.WriteFile(exported, nil, 0o600))
	hash := strings.Repeat("ab", 32)
	for refused, args := range map[string][]string{
		`invalid argument "" for "--head"`:                   {"--head", ""},
		`invalid argument "abc" for "--head"`:                {"--head", "abc"},
		`invalid argument "` + hash + `0" for "--head"`:      {"--file", exported, "--head", hash + "0"},
		`invalid argument "" for "--previous"`:               {"--file", exported, "--previous", ""},
		`invalid argument "` + hash + `ab" for "--previous"`: {"--file", exported, "--previous", hash + "ab"},
		"--previous is for --file only":                      {"--previous", hash},
		"[config file]":                                      {"--file", exported, "--config", "app-config.yaml"},
		"[file since]":                                       {"--file", exported, "--since", "2026-01-31"},
		"[file log-level]":                                   {"--file", exported, "--log-level", "debug"},
		"[file log-format]":                                  {"--file", exported, "--log-format", "json"},
		"no such file":                                       {"--file", ""},
	} {
		_, err := offline(t, append([]string{"audit", "verify"}, args...)...)
		require.ErrorContains(t, err, refused)
	}
	_, err := offline(t, "audit", "verify", "--file", exported, "--previous", hash, "--head", strings.ToUpper(hash))
	require.NoError(t, err, "a hash is the same in capitals")
}

// TestAWorkerSendsTheAuditLog: to the configured webhook, and nowhere without one.
func TestAWorkerSendsTheAuditLog(t *testing.T) {
	t.Parallel()
	received := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- string(body)
	}))
	t.Cleanup(receiver.Close)
	p := &platform{config: &config.Config{}, log: slog.New(slog.DiscardHandler), pool: testkit.Database(t)}
	require.NoError(t, p.openAudit(t.Context(), place{}))
	require.Nil(t, p.webhook)
	p.config.Portico.Audit.Webhook = &config.Webhook{URL: config.Secret(receiver.URL), Secret: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}
	require.NoError(t, p.openAudit(t.Context(), place{}))
	p.refusals.Record(t.Context(), audit.Actor{Kind: "user", Subject: "user:default/ada"}, audit.Access, "component:default/shop", audit.Denied, "needs catalog.entity.read")
	require.NoError(t, p.sealAuditLog(t.Context()))
	require.NoError(t, p.sendAuditLog(t.Context()))
	require.Contains(t, <-received, `"actor":"user:default/ada","action":"access","resource":"component:default/shop","outcome":"denied"`)
}
