package entity_test

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
)

func TestSearchRowsEqualBackstages(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/search.jsonl")
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var test struct {
			Entity entity.Entity
			Rows   [][3]*string
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &test))
		var relations []entity.Relation
		for _, relation := range test.Entity["relations"].([]any) {
			fields := relation.(map[string]any)
			relations = append(relations, entity.Relation{Type: fields["type"].(string), TargetRef: fields["targetRef"].(string)})
		}
		rows := entity.SearchRows(test.Entity, relations)
		var got [][3]*string
		for _, row := range rows {
			if row.Key == entity.KeyShownName {
				continue // Backstage has no such row
			}
			got = append(got, [3]*string{&row.Key, row.Value, row.OriginalValue})
		}
		require.ElementsMatch(t, test.Rows, got)
	}
	require.NoError(t, lines.Err())
}

// Backstage cannot serve such an entity at all.
func TestKeysThatDifferInCaseAreOne(t *testing.T) {
	t.Parallel()
	e := entity.Entity{"kind": "K", "metadata": map[string]any{"name": "n", "labels": map[string]any{"Tier": "1", "tier": "2", "TIER": "1"}}}
	var tiers []string
	for _, row := range entity.SearchRows(e, nil) {
		if row.Key == "metadata.labels.tier" {
			tiers = append(tiers, *row.Value)
		}
	}
	require.Equal(t, []string{"1", "2"}, tiers)
}

func TestTheTitleOfAnEntityIsOneRow(t *testing.T) {
	t.Parallel()
	named := map[string]any{"name": "A-name"}
	titled := map[string]any{"name": "a-name", "title": "A Title"}
	profile := map[string]any{"profile": map[string]any{"displayName": "Ada L."}}
	for expected, e := range map[string]entity.Entity{
		"a-name":  {"metadata": named},
		"ada l.":  {"metadata": named, "spec": profile},
		"a title": {"metadata": titled, "spec": profile},
		"a-long":  {"metadata": map[string]any{"name": "a-long", "title": strings.Repeat("long ", 100)}},
	} {
		var shown []string
		for _, row := range entity.SearchRows(e, nil) {
			if row.Key == entity.KeyShownName {
				require.Nil(t, row.OriginalValue, "it is no value of a facet")
				shown = append(shown, *row.Value)
			}
		}
		require.Equal(t, []string{expected}, shown)
	}
}

// TestNoFieldAddsRowsOfAReservedKey: a name in another case, or one with dots, is no way around it.
func TestNoFieldAddsRowsOfAReservedKey(t *testing.T) {
	t.Parallel()
	e := entity.Entity{
		"kind": "Component", "Kind": "!", "metadata.name": "!", "Metadata": []any{"name", "title\x1f"},
		"Relations": map[string]any{"ownedBy": "!"}, "relations.ownedBy": "!", "STATUS": map[string]any{"items": "!"}, "Attachments": "!",
		"metadata": map[string]any{"name": "n", "Name": "!", "NAMESPACE": "!", "Uid": "!", "uid": "u", "Etag": "!",
			"title\x1f": "!", "Title\x1f": "!", "description\x1f": "!"},
	}
	values := map[string][]string{}
	for _, row := range entity.SearchRows(e, nil) {
		require.NotNil(t, row.Value, row.Key)
		values[row.Key] = append(values[row.Key], *row.Value)
	}
	require.Equal(t, map[string][]string{"kind": {"component"}, "metadata": {"name", "title\x1f"}, "metadata.name": {"n"},
		"metadata.namespace": {"default"}, "metadata.uid": {"u"}, entity.KeyShownName: {"n"}}, values)
}

func TestALongDescriptionIsSplitIntoRows(t *testing.T) {
	t.Parallel()
	description := strings.Repeat("Zebra crossing. ", 70) + "The LAST words."
	pieces := func(description string) []string {
		var found []string
		for _, row := range entity.SearchRows(entity.Entity{"metadata": map[string]any{"description": description}}, nil) {
			if row.Key == entity.KeyDescriptionPieces {
				require.Nil(t, row.OriginalValue, "pieces are no values of facets")
				found = append(found, *row.Value)
			}
		}
		return found
	}
	require.Empty(t, pieces("short"))
	found := pieces(description)
	require.Len(t, found, 3)
	folded := strings.ToLower(description)
	for at := range len(folded) - 200 {
		term := folded[at : at+200]
		require.True(t, slices.ContainsFunc(found, func(piece string) bool { return strings.Contains(piece, term) }), at)
	}
	require.Contains(t, found[2], "the last words.")
	require.Len(t, pieces(strings.Repeat("x", 1_000_000)), 64, "a description of any length costs so much")
}
