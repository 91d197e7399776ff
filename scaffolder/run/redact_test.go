package run_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/run"
)

func TestSecretsAreMaskedInEveryEncoding(t *testing.T) {
	t.Parallel()
	redact := run.NewRedactor(map[string]string{"password": `a "quoted" <pass> \word`, "key": "-----BEGIN KEY-----\nb3BlbnNzaC1rZXk\n-----END KEY-----\n", "x": "x"})
	once, err := json.Marshal(map[string]string{"password": `a "quoted" <pass> \word`})
	require.NoError(t, err)
	twice, err := json.Marshal(string(once))
	require.NoError(t, err)
	for name, test := range map[string]struct{ text, shown string }{
		"as it is":             {`a "quoted" <pass> \word`, "***"},
		"in JSON":              {string(once), `{"password":"***"}`},
		"in JSON in JSON":      {string(twice), `"{\"password\":\"***\"}"`},
		"many lines":           {"-----BEGIN KEY-----\nb3BlbnNzaC1rZXk\n-----END KEY-----\n", "***\n"},
		"one of many lines":    {"line 2: b3BlbnNzaC1rZXk", "line 2: ***"},
		"ends of another kind": {"-----BEGIN KEY-----\r\nb3BlbnNzaC1rZXk\r\n-----END KEY-----", "***"},
		"too short to mask":    {"extra", "extra"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.shown, redact.Text(test.text))
		})
	}
}

func TestPathsAreShownFromTheWorkspaceOn(t *testing.T) {
	t.Parallel()
	redact := run.NewRedactor(map[string]string{"password": "hunter22"}).Within("/tmp/worker-1/abc/")
	for text, shown := range map[string]string{
		"File /tmp/worker-1/abc/docs/a.md deleted":      "File docs/a.md deleted",
		"written to /tmp/worker-1/abc":                  "written to the workspace",
		"/tmp/worker-1/abc/a renamed to /tmp/elsewhere": "a renamed to /tmp/elsewhere",
		"/tmp/worker-1/abc/hunter22":                    "***",
	} {
		require.Equal(t, shown, redact.Also([]string{"more"}).Text(text))
	}
	require.JSONEq(t, `{"fullPath":"/tmp/worker-1/abc/a"}`, string(redact.JSON(json.RawMessage(`{"fullPath":"/tmp/worker-1/abc/a"}`))))
}
