package github_test

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/devstack/forge"
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

func TestUndoOfAnUnfinishedRepository(t *testing.T) {
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

func TestUndoKeepsARepositoryThatOthersUse(t *testing.T) {
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

func TestUndoKeepsAnotherRepositoryOfTheSameName(t *testing.T) {
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

// member makes the token's user a member of the organization who is no owner.
func member(w http.ResponseWriter, r *http.Request, next http.Handler) {
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, r)
	w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
	w.Write(bytes.Replace(answer.Body.Bytes(), []byte(`"role":"admin"`), []byte(`"role":"member"`), 1)) //nolint:errcheck // A test's caller may be gone.
}

// scopeless makes the token one without a list of scopes.
func scopeless(w http.ResponseWriter, r *http.Request, next http.Handler) {
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, r)
	w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
	w.Write(answer.Body.Bytes()) //nolint:errcheck // A test's caller may be gone.
}

// hides answers 404 for the repository, and applies the faults to other requests.
func hides(faults map[string]forgetest.Fault) func(*http.Request) forgetest.Fault {
	return func(r *http.Request) forgetest.Fault {
		if strings.HasSuffix(r.URL.Path, "/repos/demo/shop") {
			return forgetest.Answer(http.StatusNotFound, "Not Found", nil)
		}
		return faults[strings.TrimPrefix(r.URL.Path, "/api/v3")]
	}
}

// limitedTokens are tokens that do not see every repository of the owner, each with the expected explanation.
var limitedTokens = map[string]struct {
	faults map[string]forgetest.Fault
	says   string
}{
	"a member's token": {map[string]forgetest.Fault{"/user/memberships/orgs/demo": member}, "the token is portico's, who is not an owner of demo"},
	"a stranger's token": {
		map[string]forgetest.Fault{"/user/memberships/orgs/demo": forgetest.Answer(http.StatusNotFound, "Not Found", nil)},
		"the token is portico's, who is not an owner of demo",
	},
	"a token without scopes": {map[string]forgetest.Fault{"/user": scopeless}, "portico's token is not known to see all private repositories of demo"},
}

func TestUndoOfAHiddenRepository(t *testing.T) {
	t.Parallel()
	for name, test := range limitedTokens {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			_, err := b.run(t, nil)
			require.NoError(t, err)
			b.forge.Inject(hides(test.faults))
			err = b.undo(t)
			require.Equal(t, fault.NotAllowed, fault.KindOf(err))
			require.ErrorContains(t, err, "The repository demo/shop on "+b.forge.Host+" cannot be seen: it may be gone, or hidden, because "+test.says)
			require.Contains(t, action.Advice(err), "delete it or give the token access, then roll the run back again")
			require.NotContains(t, b.log.Text(), "not there any more")

			_, err = b.run(t, nil)
			require.ErrorContains(t, err, "which this run created, cannot be seen any more")
			b.forge.Inject(nil)
			require.True(t, b.exists(t))
			require.NoError(t, b.undo(t), "when it can be seen again")
		})
	}
}

func TestUndoByAnAppWithoutAccess(t *testing.T) {
	t.Parallel()
	b := setupApp(t, everything)
	_, err := b.run(t, values{"repoVisibility": "private"})
	require.NoError(t, err)
	require.NoError(t, b.forge.Install(forge.Installation{AppID: appID, Owner: "demo", Repositories: []string{"another"}}))
	err = b.undo(t)
	require.ErrorContains(t, err, "cannot be seen: it may be gone, or hidden, because the App is installed for some of the repositories of demo only")
	require.True(t, b.exists(t))

	require.NoError(t, b.forge.Install(forge.Installation{AppID: appID, Owner: "demo"}))
	require.NoError(t, b.undo(t))
	require.False(t, b.exists(t))
	require.NoError(t, b.undo(t), "an installation for all repositories proves that it was deleted")
}

func TestUndoWithoutPermissionToDelete(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.run(t, nil)
	require.NoError(t, err)
	b.forge.Inject(on(http.MethodDelete, "/repos/demo/shop", forgetest.Answer(http.StatusNotFound, "Not Found", nil)))
	err = b.undo(t)
	require.True(t, action.IsTransient(err), "the next attempt sees whether it was deleted")
	require.ErrorContains(t, err, "which it may also answer to a token that may not delete it")
}

func TestAnIntentStaysOpenWhenItsRepositoryIsHidden(t *testing.T) {
	t.Parallel()
	for name, test := range limitedTokens {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.forge.Inject(on(http.MethodPost, "/orgs/demo/repos", forgetest.DropAfter))
			_, err := b.run(t, nil)
			require.True(t, action.IsTransient(err), err)
			faults := maps.Clone(test.faults)
			faults["/orgs/demo/repos"] = forgetest.Answer(http.StatusForbidden, "You need admin access", nil)
			b.forge.Inject(hides(faults))
			_, err = b.run(t, nil)
			require.Equal(t, fault.NotAllowed, fault.KindOf(err))
			require.Equal(t, action.EffectIntended, b.effect(t).State, "the first attempt may have made it, and has")
			require.ErrorContains(t, b.undo(t), "cannot be seen")
			b.forge.Inject(nil)
			require.NoError(t, b.undo(t))
			require.False(t, b.exists(t))
		})
	}
}
