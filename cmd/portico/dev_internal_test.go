//go:build !slim

package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDevRefusesATemporalThatItWouldNotUse(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "app-config.yaml")
	require.NoError(t, os.WriteFile(file, []byte("portico: { temporal: { address: temporal.example:7233 } }"), 0o600))
	d := &dev{settings: settings{configFiles: []string{file}, logLevel: "warn", logFormat: "text"}, dataDir: t.TempDir(), out: io.Discard}
	require.ErrorContains(t, d.run(t.Context()), "`portico dev` brings its own: leave them out")
}
