package techdocs_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
)

func TestSectionsAreRead(t *testing.T) {
	t.Parallel()
	home := []techdocs.Section{{Title: "Home", Text: "Hello", Tags: []string{"go"}}}
	lost := errors.New("the connection was lost")
	for name, of := range map[string]struct {
		index    io.Reader
		sections []techdocs.Section
		kind     fault.Kind
		err      error
	}{
		"MkDocs":         {index: strings.NewReader(`{"config":{"lang":["en"]},"docs":[{"location":"","title":"Home","text":"Hello","tags":["go"]}]}`), sections: home},
		"more behind it": {index: strings.NewReader(`{"docs":[{"title":"Home","text":"Hello","tags":["go"]}],"index":{"a":[1]}}`), sections: home},
		"none":           {index: strings.NewReader(`{"docs":[]}`)},
		"without docs":   {index: strings.NewReader(`{"config":{}}`)},
		"a list":         {index: strings.NewReader(`[]`), kind: fault.Input},
		"docs as text":   {index: strings.NewReader(`{"docs":"none"}`), kind: fault.Input},
		"a wrong type":   {index: strings.NewReader(`{"docs":[{"title":1}]}`), kind: fault.Input},
		"no JSON":        {index: strings.NewReader(`<html>`), kind: fault.Input},
		"cut off":        {index: strings.NewReader(`{"docs":[{"title":"Home"`), err: io.ErrUnexpectedEOF},
		"lost":           {index: io.MultiReader(strings.NewReader(`{"docs":[`), iotest.ErrReader(lost)), err: lost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sections, err := techdocs.ReadSections(of.index)
			require.Equal(t, of.kind, fault.KindOf(err), "%v", err)
			if of.err != nil {
				require.ErrorIs(t, err, of.err)
			}
			require.Equal(t, of.kind != "" || of.err != nil, err != nil, "%v", err)
			require.Equal(t, of.sections, sections)
		})
	}
}

// TestAnIndexOfManySectionsIsNotReadWhole: three bytes of JSON are a section.
func TestAnIndexOfManySectionsIsNotReadWhole(t *testing.T) {
	t.Parallel()
	index := strings.NewReader(`{"docs":[{}` + strings.Repeat(`,{}`, 1<<20) + `]}`)
	sections, err := techdocs.ReadSections(index)
	require.NoError(t, err)
	require.Len(t, sections, techdocs.MaxSections)
	require.Positive(t, index.Len(), "the rest is not read")
}

func FuzzReadSections(f *testing.F) {
	f.Add(`{"config":{},"docs":[{"location":"a/#b","title":"B","text":"c"}]}`)
	f.Add(`{"docs":[{}]`)
	f.Fuzz(func(t *testing.T, index string) {
		sections, err := techdocs.ReadSections(strings.NewReader(index))
		require.LessOrEqual(t, len(sections), techdocs.MaxSections)
		if err != nil {
			require.Empty(t, sections)
		}
	})
}
