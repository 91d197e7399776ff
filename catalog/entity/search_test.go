package entity_test

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
)

func TestSearchRowsAreBackstages(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/search.jsonl")
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var test struct {
			Entity entity.Entity
			Rows   [][3]*string
			Error  string
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &test))
		var relations []entity.Relation
		for _, relation := range test.Entity["relations"].([]any) {
			fields := relation.(map[string]any)
			relations = append(relations, entity.Relation{Type: fields["type"].(string), TargetRef: fields["targetRef"].(string)})
		}
		rows, err := entity.SearchRows(test.Entity, relations)
		if test.Error != "" {
			requireFailure(t, err, "InputError: "+test.Error)
			continue
		}
		require.NoError(t, err)
		var got [][3]*string
		for _, row := range rows {
			got = append(got, [3]*string{&row.Key, row.Value, row.OriginalValue})
		}
		require.ElementsMatch(t, test.Rows, got)
	}
	require.NoError(t, lines.Err())
}
