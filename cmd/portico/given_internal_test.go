package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAValueIsJSONAListOrText(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"8080":                  `8080`,
		"12345678901234567890":  `12345678901234567890`,
		"true":                  `true`,
		"null":                  `null`,
		`"1.20"`:                `"1.20"`,
		"[go, web]":             `["go","web"]`,
		"{port: 8080, on: [1]}": `{"on":[1],"port":8080}`,
		"{1: 2}":                `{"1":2}`,
		"":                      `""`,
		"2020-01-01":            `"2020-01-01"`,
		"010":                   `"010"`,
		".inf":                  `".inf"`,
		"Note: this":            `"Note: this"`,
		"- not a list":          `"- not a list"`,
		"one # two":             `"one # two"`,
		"[WIP] a title":         `"[WIP] a title"`,
		"{{ not closed":         `"{{ not closed"`,
		"two\nlines":            `"two\nlines"`,
		"@handle":               `"@handle"`,
	} {
		g := given{values: map[string]any{}, flags: map[string]string{}}
		require.NoError(t, g.addSets([]string{"name=" + typed}), typed)
		encoded, err := json.Marshal(g.values["name"])
		require.NoError(t, err, typed)
		require.Equal(t, want, string(encoded), typed)
	}
}

func TestAValueWithoutANameIsRefused(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"name", "=value", ""} {
		g := given{values: map[string]any{}, flags: map[string]string{}}
		require.ErrorContains(t, g.addSets([]string{set}), "write name=value", set)
	}
	secrets := secretFlags{plain: []string{"hunter2"}}
	_, err := secrets.read(nil)
	require.ErrorContains(t, err, "write name=value")
	require.NotContains(t, err.Error(), "hunter2")
}
