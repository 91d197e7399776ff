package entity

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestYAMLIsReadLikeNpmsYAML compares with recorded results of npm's yaml, which Backstage uses: escapes,
// keys of every kind, duplicate keys.
func TestYAMLIsReadLikeNpmsYAML(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/npm-yaml.json")
	require.NoError(t, err)
	var recorded struct {
		Cases []struct {
			YAML  string
			JSON  []string
			Error string
		}
	}
	require.NoError(t, json.Unmarshal(data, &recorded))
	for _, test := range recorded.Cases {
		documents, err := readAll(test.YAML)
		if test.Error != "" {
			require.Error(t, err, "%q", test.YAML)
			continue
		}
		require.NoError(t, err, "%q", test.YAML)
		require.Equal(t, strings.Join(test.JSON, "\n"), strings.Join(documents, "\n"), "%q", test.YAML)
	}
}

// readAll are the documents of a file as JSON.
func readAll(file string) (documents []string, err error) {
	reader, writer := newReader([]byte(file)), newJSONWriter(len(file))
	for {
		node, err := reader.next()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, err
		}
		document, err := writer.document(node)
		if err != nil {
			return nil, err
		}
		documents = append(documents, string(document))
	}
}
