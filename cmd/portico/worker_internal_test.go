package main

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
)

func TestALimitOfZeroRunsNoTemplates(t *testing.T) {
	t.Parallel()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	without := &platform{config: &config.Config{}, log: slog.New(slog.DiscardHandler)}
	require.NoError(t, without.runTemplates(stopped), "it needs no Temporal, and ends with its context")
}
