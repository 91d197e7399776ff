package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAValueIsJSONOrAListOrWhatWasTyped(t *testing.T) {
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
		values, err := parseSets([]string{"name=" + typed})
		require.NoError(t, err, typed)
		encoded, err := json.Marshal(values["name"])
		require.NoError(t, err, typed)
		require.Equal(t, want, string(encoded), typed)
	}
}

func TestAValueWithoutANameIsRefused(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"name", "=value", ""} {
		_, err := parseSets([]string{set})
		require.ErrorContains(t, err, "write name=value", set)
	}
	_, err := parseSecrets([]string{"hunter2"})
	require.ErrorContains(t, err, "write name=value")
	require.NotContains(t, err.Error(), "hunter2")
}
