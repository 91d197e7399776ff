package entity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
)

func TestFieldsHavePositions(t *testing.T) {
	t.Parallel()
	const file = `---
kind: First
---
# the second
kind: &kind Second
spec:
  steps:
    - id: a
      input:
        a.b[0]: 1
        a: { b: 2 }
        c:
          - x
          - y: |
              text
    - *kind
  alias: &again
    deep: 1
  use: *again
`
	documents, err := entity.ParseYAML([]byte(file), "f")
	require.NoError(t, err)
	lines := entity.FindLines([]byte(file), documents[1].Line)
	for field, line := range map[string]int{
		"kind": 5, "spec": 6, "spec.steps": 7, "spec.steps[0]": 8, "spec.steps[0].input": 9, "spec.steps[0].input.a.b[0]": 10,
		"spec.steps[0].input.a.b": 11, "spec.steps[0].input.c[1].y": 14, "spec.steps[1]": 16, "spec.use.deep": 18,
		// An absent field has the line of its closest parent.
		"spec.steps[0].action": 8, "spec.steps[7].action": 7, "spec.steps[x]": 7, "spec.owner": 6, "metadata": 5, "": 5,
	} {
		require.Equal(t, line, lines.Of(field).Line, field)
	}
	for field, column := range map[string]int{"kind": 1, "spec.steps": 3, "spec.steps[0]": 7, "spec.steps[0].input.a.b": 14, "spec.steps[0].input.c[1].y": 13, "spec.steps[1]": 7, "": 1} {
		require.Equal(t, column, lines.Of(field).Column, field)
	}
	for pointer, position := range map[string]entity.Position{
		"": {5, 1}, "/kind": {5, 1}, "/spec/steps/0/input/a.b[0]": {10, 9}, "/spec/steps/0/input/a/b": {11, 14}, "/spec/use/deep": {18, 5},
		"/spec/steps/7/action": {7, 3}, "/spec/owner": {6, 1}, "/metadata/labels/a~1b": {5, 1},
	} {
		require.Equal(t, position, lines.At(pointer), pointer)
	}
	require.Equal(t, 2, entity.FindLines([]byte(file), 2).Of("kind").Line)
	require.Zero(t, entity.FindLines([]byte(file), 3).Of("kind"))
	require.Zero(t, entity.FindLines([]byte("a: [\n"), 1).Of("a"))
}

func TestAnAnchorThatContainsItselfHasALine(t *testing.T) {
	t.Parallel()
	lines := entity.FindLines([]byte("a: &a\n  b: *a\n"), 1)
	require.Equal(t, 1, lines.Of("a").Line)
	require.Equal(t, 2, lines.Of("a.b.b.b").Line)
	require.Equal(t, 2, lines.At("/a/b/b/b").Line)
}
