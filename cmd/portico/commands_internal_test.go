package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/terminal"
)

// offline runs a command line that needs no server and returns what it printed.
func offline(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := rootCommand()
	root.SetOut(terminal.NewWriter(&out))
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestEveryCommandHasExamples(t *testing.T) {
	t.Parallel()
	var check func(command *cobra.Command)
	check = func(command *cobra.Command) {
		require.NotEmpty(t, command.Short, command.CommandPath())
		require.Contains(t, command.Example, command.CommandPath(), command.CommandPath())
		for _, each := range command.Commands() {
			check(each)
		}
	}
	check(rootCommand())
}

func TestAnExpressionIsEvaluatedAsAStepWouldDo(t *testing.T) {
	t.Parallel()
	const values = `{parameters: {repoUrl: "github.com?owner=acme&repo=shop", tags: [go, web], owner: "group:default/platform"}}`
	for expression, want := range map[string]struct{ text, json string }{
		"${{ parameters.tags }}":                                   {"go,web", "[\n  \"go\",\n  \"web\"\n]"},
		"${{ parameters.repoUrl | projectSlug }}":                  {"acme/shop", `"acme/shop"`},
		"${{ parameters.owner | parseEntityRef | pick('name') }}":  {"platform", `"platform"`},
		"${{ (parameters.repoUrl | parseRepoUrl).owner | upper }}": {"ACME", `"ACME"`},
		"${{ parameters.missing }}":                                {"", "null"},
		"${{ 1 + 1 }}":                                             {"2", "2"},
	} {
		text, err := offline(t, "template", "eval", expression, "--values", values)
		require.NoError(t, err, expression)
		require.Equal(t, want.text+"\n", text, expression)
		encoded, err := offline(t, "template", "eval", expression, "--values", values, "--output", "json")
		require.NoError(t, err, expression)
		require.Equal(t, want.json+"\n", encoded, expression)
	}
	_, err := offline(t, "template", "eval", "${{ 'git.example?owner=a&repo=b' | parseRepoUrl }}")
	require.ErrorContains(t, err, "No matching integration configuration for host git.example")
}

func TestAFileIsRenderedByteForByte(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "README.md")
	require.NoError(t, os.WriteFile(file, []byte("# ${{ values.name }}"), 0o600))
	rendered, err := offline(t, "template", "eval", "--file", file, "--values", "{values: {name: shop}}")
	require.NoError(t, err)
	require.Equal(t, "# shop", rendered)
}

func TestAFileWithoutAnEntityIsNotValid(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for name, content := range map[string]string{"empty.yaml": "", "comment.yaml": "# nothing yet\n", "dashes.yaml": "---\n"} {
		file := filepath.Join(directory, name)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		printed, err := offline(t, "catalog", "validate", file)
		require.Error(t, err, name)
		require.Contains(t, printed, "there is no entity in this file")
	}
}

func TestValidateReadsPlaceholders(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(directory, "api.yaml"), []byte("openapi: 3.0.0"), 0o600))
	file := filepath.Join(directory, "catalog-info.yaml")
	for definition, complaint := range map[string]string{
		"{$text: ./api.yaml}": "", "{$text: /api.yaml}": "", "{$text: https://git.example/api.yaml}": "",
		"{$text: ./gone.yaml}": "gone.yaml does not exist", "{$yaml: ./api.yaml}": "/spec/definition must be string",
		"{$text: ../../../etc/passwd}": "is not below " + directory,
	} {
		require.NoError(t, os.WriteFile(file, []byte("\napiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: shop}\n"+
			"spec: {type: openapi, lifecycle: production, owner: team-a, definition: "+definition+"}\n"), 0o600))
		printed, err := offline(t, "catalog", "validate", file)
		require.Equal(t, complaint == "", err == nil, "%s: %s", definition, printed)
		if complaint != "" {
			require.Contains(t, printed, "line 5, column 61: ")
			require.Contains(t, printed, complaint)
		}
	}
}

func TestValidateChecksFetchedFiles(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(directory, "skeleton"), 0o700))
	file := filepath.Join(directory, "template.yaml")
	for url, there := range map[string]bool{
		"./skeleton": true, "./skeletn": false, "../nowhere": false, "./${{ parameters.kind }}": true, "https://git.example/skeletons": true,
	} {
		require.NoError(t, os.WriteFile(file, []byte(`
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: { name: shop }
spec:
  type: service
  steps: [{ action: "debug:log" }, { action: "fetch:template", input: { url: "`+url+`" } }]
`), 0o600))
		printed, err := offline(t, "catalog", "validate", file)
		require.Equal(t, there, err == nil, url)
		if !there {
			require.Contains(t, printed, "spec.steps[1].input.url: stat "+filepath.Join(directory, url)+": no such file or directory")
		}
	}
}

// TestTheReferenceNamesEveryCommandAndFlag checks that docs/cli.md is complete.
func TestTheReferenceNamesEveryCommandAndFlag(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../docs/cli.md")
	require.NoError(t, err)
	reference := string(content)
	var check func(command *cobra.Command)
	check = func(command *cobra.Command) {
		if command.HasParent() && !command.HasSubCommands() && !command.Hidden {
			require.Contains(t, reference, "`"+command.CommandPath(), "docs/cli.md")
		}
		command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if !flag.Hidden && flag.Deprecated == "" && flag.Name != "help" && flag.Name != "version" {
				require.Contains(t, reference, "--"+flag.Name, "docs/cli.md says nothing of it: %s", command.CommandPath())
			}
		})
		for _, each := range command.Commands() {
			check(each)
		}
	}
	check(rootCommand())
}
