package entity_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
)

func TestResolvePlaceholders(t *testing.T) {
	t.Parallel()
	document := newEntity("API", map[string]any{
		"definition": map[string]any{"$text": "./a.txt"},
		"list":       list("x", map[string]any{"$json": "b.json"}, list(map[string]any{"$yaml": "c.yaml"})),
		"two":        map[string]any{"$text": "x", "other": map[string]any{"$text": "inside"}},
		"unknown":    map[string]any{"$ref": "x"},
		"deep":       map[string]any{"plain": map[string]any{"$text": "d.txt"}},
	})
	resolve := func(_ context.Context, key, value string) (any, error) {
		return map[string]any{"$text": key + " of " + value}, nil
	}
	require.NoError(t, entity.ResolvePlaceholders(t.Context(), document, resolve))
	resolved := func(text string) any { return map[string]any{"$text": text} }
	require.Equal(t, map[string]any{
		"definition": resolved("text of ./a.txt"),
		"list":       list("x", resolved("json of b.json"), list(resolved("yaml of c.yaml"))),
		"two":        map[string]any{"$text": "x", "other": map[string]any{"$text": "inside"}},
		"unknown":    map[string]any{"$ref": "x"},
		"deep":       map[string]any{"plain": resolved("text of d.txt")},
	}, document.Spec())
}

func TestResolvePlaceholdersFails(t *testing.T) {
	t.Parallel()
	const step = "InputError: Processor PlaceholderProcessor threw an error while preprocessing; caused by Error: "
	fail := func(context.Context, string, string) (any, error) { return nil, errors.New("no such file") }
	err := entity.ResolvePlaceholders(t.Context(), newEntity("API", map[string]any{"a": map[string]any{"$text": "x"}}), fail)
	requireFailure(t, err, step+"no such file")

	err = entity.ResolvePlaceholders(t.Context(), newEntity("API", map[string]any{"a": map[string]any{"$text": 5.0}}), fail)
	requireFailure(t, err, step+
		"Placeholder $text expected a string value parameter, in the form of an absolute URL or a relative path")

	many := make([]any, 101)
	for i := range many {
		many[i] = map[string]any{"$text": "x"}
	}
	succeed := func(context.Context, string, string) (any, error) { return "", nil }
	err = entity.ResolvePlaceholders(t.Context(), newEntity("API", map[string]any{"a": many}), succeed)
	require.ErrorContains(t, err, "one of more than 100 in the entity")
}

func TestDecodePlaceholder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		key, content string
		value        any
		failure      string
	}{
		{key: "text", content: "a\xffb", value: "a\uFFFDb"},
		{key: "json", content: `{"a": [1]}`, value: map[string]any{"a": list(1.0)}},
		{key: "json", content: `{`, failure: "Placeholder $json failed to parse JSON data at ./x, "},
		{key: "yaml", content: "a: yes", value: map[string]any{"a": "yes"}},
		{key: "yaml", content: "a: 1\n---\nb: 2", failure: "expected to find exactly one document of data at ./x, found 2"},
		{key: "yaml", content: "a: [", failure: "Placeholder $yaml found an error in the data at ./x, "},
		{key: "openapi", content: "", failure: "placeholder $openapi is not known"},
	}
	for _, test := range tests {
		t.Run(test.key+" "+test.content, func(t *testing.T) {
			t.Parallel()
			value, err := entity.DecodePlaceholder(test.key, "./x", []byte(test.content))
			require.Equal(t, test.value, value)
			if test.failure == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.failure)
			}
		})
	}
}
