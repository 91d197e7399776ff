package github_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// contextUntil is cancelled when a channel closes.
func contextUntil(parent context.Context, stop <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func TestARetryReplacesTheCommitOfAnEarlierAttempt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.forge.Inject(on(http.MethodPatch, "/repos/demo/shop", forgetest.Answer(422, "no", nil)))
	_, err := b.run(t, values{"gitCommitMessage": "frist"})
	require.Error(t, err)
	b.forge.Inject(nil)
	output, err := b.run(t, values{"gitCommitMessage": "first"})
	require.NoError(t, err)
	b.requirePublished(t, output)
	commit, _, err := b.client.Repositories.GetCommit(t.Context(), "demo", "shop", "main", nil)
	require.NoError(t, err)
	require.Equal(t, "first", commit.GetCommit().GetMessage())
	require.NoError(t, b.undo(t), "it is still ours alone")
}

func TestCommitsOnTopOfOursAreKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.forge.Inject(on(http.MethodPatch, "/repos/demo/shop", forgetest.Answer(500, "no", nil)))
	_, err := b.run(t, nil)
	require.Error(t, err)
	b.forge.Inject(nil)
	b.push(t, true, "main")
	_, err = b.run(t, nil)
	require.NoError(t, err)
	commits, _, err := b.client.Repositories.ListCommits(t.Context(), "demo", "shop", nil)
	require.NoError(t, err)
	require.Len(t, commits, 2)
}

func TestForeignCommitsInPlaceOfOursAreKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.forge.Inject(on(http.MethodPost, "/git-receive-pack", forgetest.Answer(500, "no", nil)))
	_, err := b.run(t, nil)
	require.Error(t, err)
	b.forge.Inject(nil)
	b.push(t, false, "main")
	_, err = b.run(t, nil)
	require.ErrorContains(t, err, "holds commits that this run did not make")
	require.False(t, action.IsTransient(err))
}
