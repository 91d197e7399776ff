package search_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/search"
	"github.com/portico-dev/portico/techdocs"
)

// table reads lines of cells.
func table(t *testing.T, name string) (rows [][]string) {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "|")
		for i, cell := range cells {
			cells[i] = strings.TrimSpace(cell)
		}
		rows = append(rows, cells)
	}
	return rows
}

// newRelevanceBench is a bench with the catalog of the tables.
func newRelevanceBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	for _, row := range table(t, "catalog.txt") {
		kind, name, title, text, owner, form, tags := row[0], row[1], row[2], row[3], row[4], row[5], strings.Split(row[6], ",")
		document := map[string]any{"kind": kind, "metadata": map[string]any{"name": name, "description": text, "tags": tags}, "spec": map[string]any{"type": form, "owner": owner}}
		if title != "" {
			document["metadata"].(map[string]any)["title"] = title
		}
		if owner != "" {
			document["relations"] = []any{map[string]any{"type": "ownedBy", "targetRef": "group:default/" + owner}}
		}
		encoded, err := json.Marshal(document)
		require.NoError(t, err)
		b.serve(string(encoded))
	}
	b.catchUp()
	sites := map[string][]techdocs.Section{}
	for _, row := range table(t, "sections.txt") {
		sites[row[0]] = append(sites[row[0]], techdocs.Section{Location: row[1], Title: row[2], Text: row[3]})
	}
	for ref, sections := range sites {
		b.replaceDocs(ref, sections...)
	}
	return b
}

// firsts are the first results of all groups, as the tables name them.
func firsts(t *testing.T, answer search.Answer) (names []string) {
	t.Helper()
	for _, group := range answer.Groups {
		var document struct{ Title, Location, Kind string }
		require.NoError(t, json.Unmarshal(group.Results[0].Document, &document))
		name := document.Title
		if parts := strings.Split(document.Location, "/"); parts[1] == "catalog" {
			name = fmt.Sprintf("%s:%s/%s", parts[3], parts[2], parts[4])
		}
		names = append(names, name)
	}
	return names
}

func TestTheFirstResultIsTheOneThatIsMeant(t *testing.T) {
	t.Parallel()
	b := newRelevanceBench(t)
	service := b.service(policy.AllowKnown{})
	for _, name := range []string{"relevance.txt", "mistakes.txt"} {
		rows := table(t, name)
		require.GreaterOrEqual(t, len(rows), map[string]int{"relevance.txt": 50, "mistakes.txt": 20}[name])
		for _, row := range rows {
			t.Run(row[0], func(t *testing.T) {
				t.Parallel()
				answer, err := service.Search(t.Context(), ann, search.Ask{Text: row[0], Limit: 5})
				require.NoError(t, err)
				found := firsts(t, answer)
				require.NotEmpty(t, found)
				wanted := row[1]
				if isSection := !strings.Contains(wanted, ":"); isSection || strings.HasPrefix(wanted, "template:") {
					require.Contains(t, found, wanted, "the first of its group")
					return
				}
				require.Equal(t, wanted, found[0])
			})
		}
	}
}
