//go:build !slim

package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDevRefusesSettingsOfAnotherTemporal(t *testing.T) {
	t.Parallel()
	for _, named := range []string{"address: temporal.example:7233", "profile: staging", "tls: { mode: required }", "tls: { serverCaFile: ca.pem }"} {
		t.Run(named, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "app-config.yaml")
			require.NoError(t, os.WriteFile(file, []byte("portico: { temporal: { "+named+" } }"), 0o600))
			d := &dev{settings: settings{configFiles: []string{file}, logLevel: "warn", logFormat: "text"}, dataDir: t.TempDir(), out: io.Discard}
			require.ErrorContains(t, d.run(t.Context()), "`portico dev` brings its own: leave them out")
		})
	}
}

func TestOnlyLoopbackAddressesGetAnotherPort(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"http://localhost:7007": true, "http://127.0.0.1:7007": true, "http://[::1]:7007": true,
		"https://portico.example": false, "http://10.0.0.1:7007": false, "%": false,
	} {
		require.Equal(t, want, isLoopback(address), address)
	}
}

func TestDevNamesTheUnreachableDatabase(t *testing.T) {
	t.Parallel()
	_, err := offline(t, "dev", "--data", t.TempDir(), "--database", "postgres://ada:hunter2@localhost:1/portico")
	require.EqualError(t, err, "--database: database portico at localhost:1: connection refused; is PostgreSQL running there?")
}

func TestDevExplainsHowToStopAtOnce(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	printed, out := io.Pipe()
	d := &dev{settings: settings{logLevel: "warn", logFormat: "text"}, dataDir: t.TempDir(), out: out,
		database: "postgres://ada@localhost:1/portico"}
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	line, err := bufio.NewReader(printed).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "Stopping; press Ctrl-C again to stop at once.\n", line)
	require.ErrorIs(t, <-ended, context.Canceled)
}

// TestDevChecksPortsBeforeItStartsAnything: not even the database is started.
func TestDevChecksPortsBeforeItStartsAnything(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	out, err := offline(t, "dev", "--data", t.TempDir(), "--port", port)
	require.ErrorContains(t, err, "listen on 127.0.0.1:"+port+" (--port): ")
	require.Empty(t, out)
}
