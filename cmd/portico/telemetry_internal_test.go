package main

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	temporallog "go.temporal.io/sdk/log"
)

func TestTheLinesOfTemporalsSDKNameTheRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := temporalLogger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})))
	temporallog.With(log, "WorkflowID", "3f0c3ad1-5f0e-4a39-9d0f-3f7a0d6c2b11").Warn("of a run", "Attempt", 2)
	log.Warn("of a run too", "WorkflowID", "3f0c3ad1-5f0e-4a39-9d0f-3f7a0d6c2b11")
	log.Info("of a sweep", "WorkflowID", "sweep")
	require.Equal(t, "level=WARN msg=\"of a run\" run=3f0c3ad1-5f0e-4a39-9d0f-3f7a0d6c2b11 Attempt=2\n"+
		"level=WARN msg=\"of a run too\" run=3f0c3ad1-5f0e-4a39-9d0f-3f7a0d6c2b11\n"+
		"level=INFO msg=\"of a sweep\" WorkflowID=sweep\n", out.String())
}
