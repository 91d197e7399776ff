package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
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
