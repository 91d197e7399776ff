package github_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/scaffolder/action"
)

var errDied = errors.New("the process died")

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

// attempt runs the step in a process that dies at one moment: before or after the k-th request to the forge or call of the ledger
// takes effect. It says whether the run got to its end before that.
func (b *bundle) attempt(t *testing.T, input values, moment int64) (output action.Output, completed bool) {
	t.Helper()
	ctx, die := context.WithCancel(t.Context())
	defer die()
	var now atomic.Int64
	// passing says whether the process is still alive after the next moment.
	passing := func() bool {
		if now.Add(1) == moment {
			die()
		}
		return ctx.Err() == nil
	}
	b.forge.Inject(func(*http.Request) forgetest.Fault {
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if !passing() {
				forgetest.DropBefore(w, r, next)
			}
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			if !passing() {
				panic(http.ErrAbortHandler)
			}
			maps.Copy(w.Header(), answer.Header())
			w.WriteHeader(answer.Code)
			_, err := w.Write(answer.Body.Bytes())
			require.NoError(t, err)
		}
	})
	b.ledger.step = func() error {
		if passing() {
			return nil
		}
		return errDied
	}
	output, err := b.action.Run(ctx, b.call(t, input))
	b.ledger.step = nil
	b.forge.Inject(nil)
	if now.Load() >= moment {
		require.Error(t, err)
		return nil, false
	}
	require.NoError(t, err)
	return output, true
}

var secretive = values{"topics": []string{"go"}, "secrets": map[string]string{"KEY": "hunter2"}, "repoVariables": map[string]string{"A": "b"}}

func TestARunThatDiesAnywhereIsCompletedByTheNext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	moment := int64(1)
	for ; ; moment++ {
		if _, completed := b.attempt(t, secretive, moment); completed {
			break
		}
		output, err := b.run(t, secretive)
		require.NoError(t, err, "moment %d", moment)
		b.requirePublished(t, output)
		require.NoError(t, b.undo(t))
		b.ledger.effects = nil
	}
	require.Greater(t, moment, int64(20), "the run has that many moments to die at")
}

func TestARunThatDiesOverAndOver(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			random := rand.New(rand.NewPCG(seed, 0))
			for {
				if output, completed := b.attempt(t, secretive, 1+random.Int64N(40)); completed {
					b.requirePublished(t, output)
					return
				}
			}
		})
	}
}

func TestARepeatedRunChangesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, err := b.run(t, secretive)
	require.NoError(t, err)
	second, err := b.run(t, secretive)
	require.NoError(t, err)
	require.Equal(t, first, second)
	b.requirePublished(t, second)
}

func TestACorrectedInputReplacesWhatAnEarlierAttemptPushed(t *testing.T) {
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

func TestWorkOnTopOfOursIsKept(t *testing.T) {
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

func TestForeignWorkInPlaceOfOursIsKept(t *testing.T) {
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
