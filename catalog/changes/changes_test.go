package changes_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/changes"
)

func TestBetweenNamesWhatDiffers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", changes.MaxText)
	for name, c := range map[string]struct {
		before, after string
		want          []string
	}{
		"nothing":                     {`{"a":[1,{"b":2}]}`, `{"a":[1,{"b":2}]}`, nil},
		"the order of keys":           {`{"a":1,"b":2}`, `{"b":2,"a":1}`, nil},
		"a value":                     {`{"a":{"b":"x"}}`, `{"a":{"b":"y"}}`, []string{`replace /a/b "x" → "y"`}},
		"another type":                {`{"a":{"b":1}}`, `{"a":[1]}`, []string{`replace /a {"b":1} → [1]`}},
		"null is a value":             {`{"a":null}`, `{}`, []string{`remove /a null → `}},
		"what came and went":          {`{"b":1,"c":2}`, `{"a":{"x":[]},"c":2}`, []string{`add /a  → {"x":[]}`, `remove /b 1 → `}},
		"names with slash and tilde":  {`{"a/b":1,"c~d":1}`, `{"a/b":2,"c~d":2}`, []string{`replace /a~1b 1 → 2`, `replace /c~0d 1 → 2`}},
		"elements of a list":          {`{"tags":["go","web","old"]}`, `{"tags":["new","go","web"]}`, []string{`remove /tags/2 "old" → `, `add /tags/0  → "new"`}},
		"an element that was twice":   {`[1,1]`, `[1]`, []string{`remove /1 1 → `}},
		"elements that changed place": {`{"a":[1,2]}`, `{"a":[2,1]}`, []string{`replace /a [1,2] → [2,1]`}},
		"an element's field":          {`[{"t":"a","u":1}]`, `[{"t":"b","u":1}]`, []string{`remove /0 {"t":"a","u":1} → `, `add /0  → {"t":"b","u":1}`}},
		"a number beyond a float":     {`{"n":9007199254740993}`, `{"n":9007199254740992}`, []string{`replace /n 9007199254740993 → 9007199254740992`}},
		"no HTML escapes":             {`{"a":"<b>"}`, `{"a":"&"}`, []string{`replace /a "<b>" → "&"`}},
		"a long text, cut":            {`{"a":""}`, `{"a":"` + long + `"}`, []string{`replace /a "" → "` + long[:changes.MaxText] + `…"`}},
		"a whole document":            {`1`, `2`, []string{`replace  1 → 2`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, more, err := changes.Between(json.RawMessage(c.before), json.RawMessage(c.after))
			require.NoError(t, err)
			require.False(t, more)
			var texts []string
			for _, change := range found {
				texts = append(texts, fmt.Sprintf("%s %s %s → %s", change.Op, change.Path, change.Before, change.After))
			}
			require.Equal(t, c.want, texts)
		})
	}
}

func TestBetweenIsBounded(t *testing.T) {
	t.Parallel()
	many := make([]int, 10*changes.Most)
	for i := range many {
		many[i] = i
	}
	data, err := json.Marshal(many)
	require.NoError(t, err)
	found, more, err := changes.Between(json.RawMessage(`[]`), data)
	require.NoError(t, err)
	require.Len(t, found, changes.Most)
	require.True(t, more)
}

func TestBetweenNeedsJSON(t *testing.T) {
	t.Parallel()
	_, _, err := changes.Between(json.RawMessage(`{`), json.RawMessage(`{}`))
	require.ErrorContains(t, err, "decode the earlier document")
	_, _, err = changes.Between(json.RawMessage(`{}`), nil)
	require.ErrorContains(t, err, "decode the later document")
}
