package github_test

import (
	"net/http"
	"testing"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/scaffolder/action"
)

func (b *bundle) exists(t *testing.T) bool {
	t.Helper()
	_, response, err := b.client.Repositories.Get(t.Context(), "demo", "shop")
	if response != nil && response.StatusCode == http.StatusNotFound {
		return false
	}
	require.NoError(t, err)
	return true
}

func TestUndoDeletesTheRepository(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.run(t, nil)
	require.NoError(t, err)
	require.NoError(t, b.undo(t))
	require.False(t, b.exists(t))
	require.NoError(t, b.undo(t), "a second time changes nothing")
}

func TestUndoOfWhatWasBegun(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(*http.Request) forgetest.Fault{
		"before it was created":  on(http.MethodPost, "/orgs/demo/repos", forgetest.DropBefore),
		"before it was recorded": on(http.MethodPost, "/orgs/demo/repos", forgetest.DropAfter),
		"before the push":        on(http.MethodPost, "/git-receive-pack", forgetest.DropBefore),
		"after the push":         on(http.MethodPost, "/git-receive-pack", forgetest.DropAfter),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.forge.Inject(fails)
			_, err := b.run(t, nil)
			require.True(t, action.IsTransient(err), err)
			b.forge.Inject(nil)
			require.NoError(t, b.undo(t))
			require.False(t, b.exists(t))
		})
	}
}

func useMain(t *testing.T, b *bundle) {
	t.Helper()
	b.push(t, true, "main")
}

func useBranch(t *testing.T, b *bundle) {
	t.Helper()
	b.push(t, false, "hers")
}

func useIssues(t *testing.T, b *bundle) {
	t.Helper()
	_, _, err := b.client.Issues.Create(t.Context(), "demo", "shop", &gogithub.IssueRequest{Title: new("It leaks")})
	require.NoError(t, err)
}

func TestUndoLeavesWhatIsUsed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		use  func(*testing.T, *bundle)
		says string
	}{
		"commits": {useMain, "commits that the run did not make"},
		"branch":  {useBranch, "the branch hers"},
		"issue":   {useIssues, "It leaks"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			_, err := b.run(t, nil)
			require.NoError(t, err)
			test.use(t, b)
			var used *action.InUseError
			require.ErrorAs(t, b.undo(t), &used)
			require.Contains(t, used.Reason, test.says)
			require.Contains(t, used.Reason, b.forge.URL+"/demo/shop")
			require.True(t, b.exists(t))
		})
	}
}

func TestUndoLeavesAnotherOfTheSameName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.run(t, nil)
	require.NoError(t, err)
	_, err = b.client.Repositories.Delete(t.Context(), "demo", "shop")
	require.NoError(t, err)
	_, _, err = b.client.Repositories.Create(t.Context(), "demo", &gogithub.Repository{Name: new("shop")})
	require.NoError(t, err)
	require.NoError(t, b.undo(t))
	require.True(t, b.exists(t))
	_, err = b.run(t, nil)
	require.ErrorContains(t, err, "is gone", "and the step cannot be retried into it")
}

func TestUndoClassifiesErrors(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.run(t, nil)
	require.NoError(t, err)
	b.forge.Inject(on(http.MethodDelete, "/repos/demo/shop", forgetest.Answer(403, "Must have admin rights to Repository.", nil)))
	err = b.undo(t)
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	require.ErrorContains(t, err, "deleting the repository demo/shop")
	b.forge.Inject(on(http.MethodDelete, "/repos/demo/shop", forgetest.Answer(500, "no", nil)))
	require.True(t, action.IsTransient(b.undo(t)))
}
