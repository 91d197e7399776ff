package main

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/workflows"
)

func TestALimitOfZeroRunsNoTemplates(t *testing.T) {
	t.Parallel()
	p := &platform{config: &config.Config{}, log: slog.New(slog.DiscardHandler)}
	require.Equal(t, []workflows.Queue{workflows.QueueBackground}, p.queues(), "it still sweeps sources")
	p.config.Scaffolder.ConcurrentTasksLimit = 1
	require.Equal(t, []workflows.Queue{workflows.QueueBackground, workflows.QueueRuns}, p.queues())
	p.config.TechDocs.Builder, p.config.Portico.TechDocs.MaxConcurrentBuilds = config.DocsBuiltHere, 1
	require.ElementsMatch(t, workflows.Queues, p.queues())
}
