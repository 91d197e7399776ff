package debug_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/debug"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
)

func TestDescriptions(t *testing.T) {
	t.Parallel()
	actiontest.RequireDescriptions(t, debug.Actions())
}

func TestLog(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		input string
		want  []string
	}{
		// A real Backstage logged the first two.
		"message": {
			`{"message":"Hello my-svc (2) group:default/team-a"}`,
			[]string{"{\n  \"message\": \"Hello my-svc (2) group:default/team-a\"\n}", "Hello my-svc (2) group:default/team-a"},
		},
		"names": {
			`{"message":"files: 4 user:  task: 36","listWorkspace":true}`,
			[]string{
				"{\n  \"message\": \"files: 4 user:  task: 36\",\n  \"listWorkspace\": true\n}", "files: 4 user:  task: 36",
				"Workspace:\n  - README.md\n  - catalog-info.yaml\n  - src/blob.bin\n  - src/huge.txt",
			},
		},
		"contents": {
			`{"listWorkspace":"with-contents"}`,
			[]string{
				"{\n  \"listWorkspace\": \"with-contents\"\n}",
				"Workspace:\n - README.md:\n\n  # Hi 100%s\n\n - catalog-info.yaml:\n\n  kind: Component\n - src/blob.bin:\n\n  \ufffdx\ufffd\n - src/huge.txt: [skipped]",
			},
		},
		"nothing": {`{}`, []string{"{}"}},
		"percent": {`{"message":"50%d <b>","listWorkspace":false}`, []string{"{\n  \"message\": \"50%d <b>\",\n  \"listWorkspace\": false\n}", "50%d <b>"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness := actiontest.NewHarness(t)
			require.NoError(t, harness.Workspace.Mkdir("src", 0o755))
			for path, content := range map[string]string{
				"README.md": "# Hi 100%s\n", "catalog-info.yaml": "kind: Component", "src/blob.bin": "\xe9x\xff", "src/huge.txt": strings.Repeat("x", 300<<10),
			} {
				require.NoError(t, harness.Workspace.WriteFile(path, []byte(content), 0o644))
			}
			output, err := harness.Run(t, debug.Actions()[0], test.input)
			require.NoError(t, err)
			require.Empty(t, output)
			require.Equal(t, test.want, harness.Log.Lines())
		})
	}
}

func TestLogDoesNotReadOutsideTheWorkspace(t *testing.T) {
	t.Parallel()
	harness := actiontest.NewHarness(t)
	require.NoError(t, harness.Workspace.Symlink("/etc/hostname", "outside"))
	_, err := harness.Run(t, debug.Actions()[0], `{"listWorkspace":"with-contents"}`)
	require.NoError(t, err)
	require.Equal(t, "Workspace:\n - outside: [skipped]", harness.Log.Lines()[1])
}

func TestWait(t *testing.T) {
	t.Parallel()
	harness := actiontest.NewHarness(t)
	waiter, ok := debug.Actions()[1].(action.Waiter)
	require.True(t, ok)
	for input, want := range map[string]time.Duration{
		`{}`: 0, `{"seconds":4}`: 4 * time.Second, `{"milliseconds":50}`: 50 * time.Millisecond, `{"minutes":10}`: 10 * time.Minute,
		`{"minutes":0.5,"seconds":1.5,"milliseconds":250}`: 31750 * time.Millisecond, `{"seconds":-3}`: 0,
	} {
		got, err := waiter.Wait(harness.Call(input))
		require.NoError(t, err, input)
		require.Equal(t, want, got, input)

		output, err := harness.Run(t, debug.Actions()[1], input)
		require.NoError(t, err)
		require.Empty(t, output)
	}
	for _, input := range []string{`{"minutes":10,"milliseconds":1}`, `{"seconds":1e300}`, `{"minutes":11,"seconds":1}`} {
		_, err := waiter.Wait(harness.Call(input))
		require.EqualError(t, err, "Waiting duration is longer than the maximum threshold of 0 hours, 10 minutes, 0 seconds", input)
		require.False(t, action.IsTransient(err))
	}
	_, err := waiter.Wait(harness.Call(`{"seconds":"4"}`))
	require.ErrorContains(t, err, "cannot unmarshal string")
}

func TestOnlyListWorkspaceNeedsTheWorkspace(t *testing.T) {
	t.Parallel()
	sparer, ok := debug.Actions()[0].(action.OptionalWorkspace)
	require.True(t, ok)
	for input, needs := range map[string]bool{
		`{}`:                                    false,
		`{"message":"hello"}`:                   false,
		`{"message":"x","listWorkspace":false}`: false,
		`{"listWorkspace":true}`:                true,
		`{"listWorkspace":"with-filenames"}`:    true,
		`{"listWorkspace":"with-contents"}`:     true,
	} {
		require.Equal(t, needs, sparer.NeedsWorkspace(&action.Call{Input: json.RawMessage(input)}), input)
	}
}
