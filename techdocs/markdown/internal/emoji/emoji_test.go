package emoji_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs/markdown/internal/emoji"
)

func TestFind(t *testing.T) {
	t.Parallel()

	smile, ok := emoji.EmojiOne.Find(":smile:")
	require.True(t, ok)
	require.Equal(t, "😄", smile.Text(false))
	require.Equal(t, "1f604", smile.Code)

	alias, ok := emoji.Gemoji.Find(":thumbsup:")
	require.True(t, ok)
	require.Equal(t, ":+1:", alias.Name)
	require.Equal(t, "People & Body", alias.Category)

	heart, ok := emoji.Twemoji.Find(":heart:")
	require.True(t, ok)
	require.Equal(t, "❤\ufe0f", heart.Text(false))
	require.Equal(t, "❤", heart.Text(true))

	octocat, ok := emoji.Gemoji.Find(":octocat:")
	require.True(t, ok)
	require.Empty(t, octocat.Text(false))

	for _, index := range []emoji.Index{emoji.EmojiOne, emoji.Gemoji, emoji.Twemoji} {
		_, ok = index.Find(":no such emoji:")
		require.False(t, ok, index.Name)
	}
}
