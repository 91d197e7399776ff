package site_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/internal/docscompare"
)

// TestLinksOfPagesAreJudgedAsByMkDocs builds the recorded pages, each in its site, and compares what MkDocs said about their links.
// Package markdown compares the pages themselves.
func TestLinksOfPagesAreJudgedAsByMkDocs(t *testing.T) {
	t.Parallel()

	recording, err := docscompare.Load("../markdown/testdata/techdocs-cases.json")
	require.NoError(t, err)
	for _, recorded := range recording.Cases {
		if recorded.Error || !slices.ContainsFunc(append(recorded.Features, recorded.Warnings...), func(word string) bool {
			return strings.Contains(word, "link") || word == "images" || word == "footnotes"
		}) {
			continue
		}
		t.Run(recorded.ID, func(t *testing.T) {
			t.Parallel()
			settings := map[string]any{"site_name": "Cases", "plugins": []string{"techdocs-core"}}
			require.NoError(t, yaml.Unmarshal([]byte(recorded.MkDocs), &settings))
			text := recorded.MkDocs
			for key, value := range settings {
				if !strings.Contains("\n"+recorded.MkDocs, "\n"+key+":") {
					line, err := yaml.Marshal(map[string]any{key: value})
					require.NoError(t, err)
					text = string(line) + text
				}
			}
			files := map[string]string{"mkdocs.yml": text}
			maps.Copy(files, recorded.Files)
			_, report, err := generate(t, files, techdocs.Options{})
			require.NoError(t, err)
			compareProblems(t, siteCase{Log: recorded.Warnings}, report.Problems)
		})
	}
}
