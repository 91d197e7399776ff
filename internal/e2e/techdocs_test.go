package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/internal/testkit/s3test"
)

// TestAWorkflowOfTechDocsChangesOneWord runs the steps of workflows for techdocs-cli, with `portico techdocs` in its place, against a real
// server of S3's protocol. Steps that only install techdocs-cli are left out.
func TestAWorkflowOfTechDocsChangesOneWord(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	for file, bucket := range map[string]string{"order-service.yaml": "myorg-techdocs", "checkout-api.yml": "acme-techdocs"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			name := strings.TrimSuffix(file, filepath.Ext(file))
			sites := server.BucketNamed(t, bucket)
			repository := checkedOut(t)
			environment := append(os.Environ(), "PATH="+programs(t)+string(os.PathListSeparator)+os.Getenv("PATH"), "AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL="+server.URL,
				"AWS_ACCESS_KEY_ID="+s3test.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+s3test.SecretAccessKey)
			count := 0
			for _, script := range stepsOf(t, filepath.Join("testdata/workflows", file)) {
				if !strings.Contains(script, "techdocs-cli ") {
					continue
				}
				count++
				script = strings.ReplaceAll(script, "techdocs-cli ", "portico techdocs ")
				script = strings.ReplaceAll(script, "${{ github.event.repository.name }}", name)
				command := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c", script)
				command.Dir, command.Env = repository, environment
				output, err := command.CombinedOutput()
				require.NoError(t, err, "%s\n%s", script, output)
			}
			require.Positive(t, count)
			var stored []string
			for _, line := range sites.State(t) {
				path, _, _ := strings.Cut(line, ": ")
				stored = append(stored, path)
			}
			for _, path := range []string{"index.html", "guide/index.html", "search/search_index.json", "techdocs_metadata.json"} {
				require.Contains(t, stored, "default/component/"+name+"/"+path)
			}
		})
	}
}

// checkedOut is a repository with documentation.
func checkedOut(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	for name, content := range map[string]string{
		"mkdocs.yml":    "site_name: Orders\nplugins: [techdocs-core]\nnav:\n  - Home: index.md\n  - Guide: guide.md\n",
		"docs/index.md": "# Orders\n\nRead the [guide](guide.md).\n",
		"docs/guide.md": "# Guide\n\n!!! note\n    Mind the queue.\n",
	} {
		path := filepath.Join(directory, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return directory
}

// programs is a directory with portico, for PATH.
func programs(t *testing.T) string {
	t.Helper()
	binary, err := filepath.Abs(findBinary(t))
	require.NoError(t, err)
	directory := t.TempDir()
	require.NoError(t, os.Symlink(binary, filepath.Join(directory, "portico")))
	return directory
}

// stepsOf are the scripts of a workflow's steps.
func stepsOf(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct{ Run string }
		}
	}
	require.NoError(t, yaml.Unmarshal(content, &workflow))
	var scripts []string
	for _, job := range workflow.Jobs {
		for _, step := range job.Steps {
			if step.Run != "" {
				scripts = append(scripts, step.Run)
			}
		}
	}
	return scripts
}
