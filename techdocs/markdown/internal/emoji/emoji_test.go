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

	blond, ok := emoji.Twemoji.Find(":blond-haired_man:")
	require.True(t, ok)
	require.Equal(t, "👱\u200d♂\ufe0f", blond.Text(false))
	require.Equal(t, "👱\u200d♂", blond.Text(true))

	for _, index := range []emoji.Index{emoji.EmojiOne, emoji.Gemoji, emoji.Twemoji} {
		_, ok = index.Find(":no such emoji:")
		require.False(t, ok, index.Name)
	}
}

func TestIcon(t *testing.T) {
	t.Parallel()

	for _, name := range []string{
		":material-account:", ":octicons-tag-24:", ":fontawesome-brands-linux:", ":simple-zulip:", ":fontawesome-brands-11ty:", ":simple-zyte:",
	} {
		require.Regexp(t, `^<svg .*</svg>$`, emoji.Icon(name), name)
	}

	for _, name := range []string{":material-no-such-icon:", ":a:", ":zzz:", "::"} {
		require.Empty(t, emoji.Icon(name), name)
	}
}
