package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRememberedAddressesAreBounded(t *testing.T) {
	t.Parallel()
	attempts := newTokenAttempts(1, slog.New(slog.DiscardHandler))
	wrong := func(i int) error {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)
		return attempts.wrong(request)
	}
	for i := range maxBuckets {
		require.NoError(t, wrong(i))
	}
	require.NoError(t, wrong(maxBuckets), "the others share one bucket")
	require.Error(t, wrong(maxBuckets+1))
	require.Error(t, wrong(0))
	require.LessOrEqual(t, len(attempts.addresses.byKey), maxBuckets+1)

	for i := range 2 * maxGoodTokens {
		attempts.right(fmt.Sprint(i))
	}
	require.LessOrEqual(t, len(attempts.good), maxGoodTokens)
}

func TestStreamsPerCallerAreBounded(t *testing.T) {
	t.Parallel()
	streams := newOpenStreams(2)
	leave, err := streams.enter("user:default/ada")
	require.NoError(t, err)
	_, err = streams.enter("user:default/ada")
	require.NoError(t, err)
	_, err = streams.enter("user:default/ada")
	require.ErrorContains(t, err, "You follow as many runs at once as one may")
	_, err = streams.enter("user:default/bob")
	require.NoError(t, err)
	leave()
	leave, err = streams.enter("user:default/ada")
	require.NoError(t, err)
	leave()
}

func TestMessagesShowControlCharacters(t *testing.T) {
	t.Parallel()
	for sent, shown := range map[string]string{
		"plain":                 "plain",
		"two\nlines\tand a tab": "two\nlines\tand a tab",
		"\x1b]0;title\x07":      `\u001b]0;title\u0007`,
		"\u009b31mred":          `\u009b31mred`,
		"a\rb":                  `a\u000db`,
		"user\u202etxt.exe":     `user\u202etxt.exe`,
		"größer, 雪, 👩‍👩‍👧, \u00a0": "größer, 雪, 👩‍👩‍👧, \u00a0",
	} {
		require.Equal(t, shown, visible(sent))
	}
}
