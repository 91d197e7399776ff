package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/telemetry"
)

func TestLogLinesHaveRunStepAndTrace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(telemetry.LogHandler(slog.NewJSONHandler(&out, nil))).With("worker", "w")
	run := telemetry.Run{ID: uuid.New()}

	log.InfoContext(t.Context(), "of nothing")
	log.InfoContext(telemetry.ForRun(t.Context(), run.ID), "of a run")
	log.InfoContext(telemetry.InStep(newProcess(t).InRun(t.Context(), run), "publish"), "of a step", "more", 1)

	decoder := json.NewDecoder(&out)
	for _, want := range []map[string]any{
		{"msg": "of nothing", "worker": "w"},
		{"msg": "of a run", "worker": "w", "run": run.ID.String()},
		{"msg": "of a step", "worker": "w", "run": run.ID.String(), "step": "publish", "trace": hex(run.ID), "more": 1.0},
	} {
		var line map[string]any
		require.NoError(t, decoder.Decode(&line))
		delete(line, "time")
		delete(line, "level")
		require.Equal(t, want, line)
	}
}

// hex is an id in the form of traces.
func hex(id uuid.UUID) string {
	text, _ := id.MarshalText()
	return string(bytes.ReplaceAll(text, []byte("-"), nil))
}
