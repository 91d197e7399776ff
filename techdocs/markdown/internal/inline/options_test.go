package inline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs/markdown/internal/inline"
)

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()

	for extension, options := range map[string]map[string]any{
		"pymdownx.caret": {"inserts": true}, "pymdownx.tilde": {"insert": true}, "pymdownx.mark": {"x": 1}, "pymdownx.magiclink": {"x": 1},
		"pymdownx.emoji": {"x": 1}, "pymdownx.keys": {"x": 1}, "pymdownx.arithmatex": {"x": 1}, "pymdownx.smartsymbols": {"x": 1},
		"pymdownx.inlinehilite": {"x": 1}, "pymdownx.betterem": {"x": 1}, "pymdownx.escapeall": {"x": 1}, "pymdownx.progressbar": {"x": 1},
		"smarty": {"x": 1}, "wikilinks": {"x": 1}, "nl2br": {"x": 1}, "pymdownx.highlight": {"x": 1},
	} {
		extensions := techdocs()
		extensions[extension] = options

		_, err := inline.New(inline.Config{Extensions: extensions})
		require.ErrorContains(t, err, extension+": there is no option", extension)
	}

	for _, options := range []map[string]any{{"emoji_index": "pymdownx.emoji.own"}, {"emoji_generator": "own.to_svg"}, {"emoji_generator": "to_gif"}} {
		_, err := inline.New(inline.Config{Extensions: map[string]map[string]any{"pymdownx.emoji": options}})
		if options["emoji_generator"] == "own.to_svg" {
			require.NoError(t, err) // only the name of the function counts

			continue
		}

		require.ErrorContains(t, err, "is not known", options)
	}
}
