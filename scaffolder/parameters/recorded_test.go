package parameters_test

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/parameters"
)

// recording is jsonschema's result for a pair of schema and instance.
type recording struct {
	Schema, Instance json.RawMessage
	Errors           []json.RawMessage
	// Impossible is true when jsonschema threw an error.
	Impossible bool
}

// TestViolationsHaveTheMessagesOfNpmsJSONSchema compares Validate with the results of the npm package
// jsonschema 1.5.0 for a thousand pairs, which testdata/record.mjs recorded.
func TestViolationsHaveTheMessagesOfNpmsJSONSchema(t *testing.T) {
	t.Parallel()
	for line, recorded := range readRecordings(t) {
		violations, err := parameters.Validate(recorded.Schema, recorded.Instance)
		if recorded.Impossible {
			require.Error(t, err, "line %d: %s against %s", line+1, recorded.Instance, recorded.Schema)
			continue
		}
		require.NoError(t, err, "line %d: %s against %s", line+1, recorded.Instance, recorded.Schema)
		require.JSONEq(t, encode(t, recorded.Errors), encode(t, violations), "line %d: %s against %s", line+1, recorded.Instance, recorded.Schema)
	}
}

func readRecordings(t testing.TB) []recording {
	t.Helper()
	file, err := os.Open("testdata/jsonschema.jsonl")
	require.NoError(t, err)
	defer file.Close()
	var recordings []recording
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var recorded recording
		require.NoError(t, json.Unmarshal(lines.Bytes(), &recorded))
		recordings = append(recordings, recorded)
	}
	require.NoError(t, lines.Err())
	return recordings
}

// encode encodes a list as JSON; a nil list is empty.
func encode[T any](t testing.TB, list []T) string {
	t.Helper()
	if list == nil {
		list = []T{}
	}
	printed, err := json.Marshal(list)
	require.NoError(t, err)
	return string(printed)
}
