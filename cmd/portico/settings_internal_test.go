package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCommandsNameTheSettingOfAnUnreachableDatabase(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "app-config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`portico:
  database: { url: "postgres://ada:hunter2@localhost:1/portico" }
  temporal: { address: "127.0.0.1:1" }
  encryption: { keys: [{ id: only, key: "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" }] }
`), 0o600))
	for _, command := range []string{"server", "worker", "migrate"} {
		_, err := offline(t, command, "--config", file)
		require.EqualError(t, err,
			"portico.database.url: database portico at localhost:1: connection refused; is PostgreSQL running there?", command)
	}
}
