package github_test

import (
	"maps"
	"net/http"
	"testing"
	"time"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/github"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// proposed is a repository with the pull request 1, and the action that waits for its merge.
func proposed(t testing.TB) (*bundle, action.Action) {
	t.Helper()
	b := setupPull(t)
	b.write(t, "README.md", "# After\n")
	_, err := b.propose(t, nil)
	require.NoError(t, err)
	return b, recordedtest.ByID(t, github.Actions(github.Options{Hosts: hosts(t, b.forge, b.forge.Token())}), "github:pull-request:wait")
}

func (b *bundle) mergePull(t testing.TB) {
	t.Helper()
	_, _, err := b.client.PullRequests.Merge(t.Context(), "demo", "shop", 1, "", nil)
	require.NoError(t, err)
}

func (b *bundle) waiting(t testing.TB, input values) *action.Call {
	t.Helper()
	complete := values{"repoUrl": b.forge.Host + "?owner=demo&repo=shop", "pullRequestNumber": 1}
	maps.Copy(complete, input)
	return b.call(t, complete)
}

func TestPullRequestWaitConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		b, wait := proposed(t)
		b.mergePull(t)
		b.forge.Inject(func(*http.Request) forgetest.Fault { return gate.Serve })
		return actiontest.Fixture{Action: wait, Input: string(b.waiting(t, nil).Input)}
	})
}

func TestAWaitEndsWithTheMerge(t *testing.T) {
	t.Parallel()
	b, wait := proposed(t)
	_, err := wait.Run(t.Context(), b.waiting(t, values{"pollSeconds": 60}))
	var notYet *action.NotYetError
	require.ErrorAs(t, err, &notYet)
	require.Equal(t, time.Minute, notYet.After)
	require.Contains(t, notYet.Waiting, "Waiting until somebody merges pull request 1 of demo/shop: ")

	b.mergePull(t)
	output, err := wait.Run(t.Context(), b.waiting(t, nil))
	require.NoError(t, err)
	pull, _, err := b.client.PullRequests.Get(t.Context(), "demo", "shop", 1)
	require.NoError(t, err)
	require.Equal(t, pull.GetMergeCommitSHA(), output["mergeCommit"])
	require.Equal(t, pull.GetHTMLURL(), output["url"])
}

func TestAWaitGivesUp(t *testing.T) {
	t.Parallel()
	b, wait := proposed(t)
	for name, test := range map[string]struct {
		since   time.Duration
		input   values
		message string
	}{
		"after a week":         {169 * time.Hour, nil, "was not merged within 168 hours"},
		"after the given time": {time.Hour, values{"timeoutHours": 0.5}, "was not merged within 0.5 hours"},
		"there is none":        {0, values{"pullRequestNumber": 7}, "looking at pull request 7 of demo/shop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := b.waiting(t, test.input)
			call.StartedAt = time.Now().Add(-test.since)
			_, err := wait.Run(t.Context(), call)
			require.ErrorContains(t, err, test.message)
			require.False(t, action.IsTransient(err))
			require.NotEmpty(t, action.Advice(err))
		})
	}
	t.Run("closed", func(t *testing.T) {
		t.Parallel()
		closing, wait := proposed(t)
		_, _, err := closing.client.PullRequests.Edit(t.Context(), "demo", "shop", 1, &gogithub.PullRequest{State: new("closed")})
		require.NoError(t, err)
		_, err = wait.Run(t.Context(), closing.waiting(t, nil))
		require.ErrorContains(t, err, "pull request 1 of demo/shop was closed and not merged")
		require.Equal(t, fault.Conflict, fault.KindOf(err))
	})
}
