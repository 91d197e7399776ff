package github_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/github"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// setupAction is a bundle for another action of the package.
func setupAction(t testing.TB, id string) *bundle {
	t.Helper()
	b := setup(t)
	b.action = recordedtest.ByID(t, github.Actions(github.Options{Hosts: hosts(t, b.forge, b.forge.Token())}), id)
	return b
}

func (b *bundle) gated(gate *actiontest.Gate) func(*http.Request) forgetest.Fault {
	serve := func(*http.Request) forgetest.Fault { return gate.Serve }
	b.forge.Inject(serve)
	return serve
}

func TestCreateRepositoryConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		b := setupAction(t, "github:repo:create")
		serve := b.gated(gate)
		return actiontest.Fixture{
			Action: b.action,
			Input: fmt.Sprintf(`{"repoUrl":"%s?owner=demo&repo=shop","description":"A shop","autoInit":true,"workflowAccess":"organization"}`,
				b.forge.Host),
			State:  func(t testing.TB) []string { t.Helper(); return b.repositories(t) },
			Digest: b.forge.Digest,
			Use:    func(t testing.TB) { t.Helper(); b.push(t, true, "main") },
			Take: func(t testing.TB) {
				t.Helper()
				_, _, err := b.client.Repositories.Create(t.Context(), "demo", &gogithub.Repository{Name: new("shop")})
				require.NoError(t, err)
			},
			Hide: func(testing.TB) (show func()) {
				b.forge.Inject(hides(limitedTokens["a member's token"].faults))
				return func() { b.forge.Inject(serve) }
			},
		}
	})
}

func TestPushConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		b := setupAction(t, "github:repo:push")
		b.publishShop(t)
		serve := b.gated(gate)
		return actiontest.Fixture{
			Action: b.action,
			Input:  fmt.Sprintf(`{"repoUrl":"%s?owner=demo&repo=shop","defaultBranch":"add"}`, b.forge.Host),
			Files:  map[string]string{"README.md": "# Shop\n"},
			State:  func(t testing.TB) []string { t.Helper(); return append(b.proposals(t), b.protected(t, "add")...) },
			Digest: b.forge.Digest,
			Use:    func(t testing.TB) { t.Helper(); b.commitTo(t, "add") },
			Take:   func(t testing.TB) { t.Helper(); b.forge.Push(t, "demo/shop", "add", true, nil) },
			Hide: func(testing.TB) (show func()) {
				b.forge.Inject(hidesWithin(limitedTokens["a member's token"].faults))
				return func() { b.forge.Inject(serve) }
			},
		}
	})
}

// protected lists the rules of a branch that is protected.
func (b *bundle) protected(t testing.TB, branch string) []string {
	t.Helper()
	found, answer, err := b.client.Repositories.GetBranchProtection(t.Context(), "demo", "shop", branch)
	if answer != nil && answer.StatusCode == http.StatusNotFound {
		return nil
	}
	require.NoError(t, err)
	count := 0
	if reviews := found.GetRequiredPullRequestReviews(); reviews != nil {
		count = reviews.RequiredApprovingReviewCount
	}
	listed := fmt.Sprintf("%s: %d reviews, administrators %v, signed %v", branch, count, found.GetEnforceAdmins().Enabled,
		found.GetRequiredSignatures().GetEnabled())
	if found.Restrictions != nil {
		listed += fmt.Sprintf(", for %d users and %d teams", len(found.Restrictions.Users), len(found.Restrictions.Teams))
	}
	return []string{listed}
}

// TestBranchProtectionConforms is about a branch that is protected before. TestCorrectedRulesReplaceThoseOfAnEarlierAttempt
// has one that is not.
func TestBranchProtectionConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		b := setupAction(t, "github:branch-protection:create")
		b.publishShop(t)
		_, _, err := b.client.Repositories.UpdateBranchProtection(t.Context(), "demo", "shop", "main", &gogithub.ProtectionRequest{
			EnforceAdmins: true, RequiredStatusChecks: &gogithub.RequiredStatusChecks{Strict: true, Contexts: &[]string{"b", "a"}},
			Restrictions: &gogithub.BranchRestrictionsRequest{Users: []string{"ann"}, Teams: []string{}, Apps: []string{}},
		})
		require.NoError(t, err)
		serve := b.gated(gate)
		return actiontest.Fixture{
			Action: b.action,
			Input: fmt.Sprintf(`{"repoUrl":"%s?owner=demo&repo=shop","requiredApprovingReviewCount":2,"enforceAdmins":false,"requiredCommitSigning":true,
				"restrictions":{"users":[],"teams":["makers"]},"bypassPullRequestAllowances":{"users":["ann"]}}`, b.forge.Host),
			State:  func(t testing.TB) []string { t.Helper(); return b.protected(t, "main") },
			Digest: b.forge.Digest,
			Use: func(t testing.TB) {
				t.Helper()
				_, _, err := b.client.Repositories.UpdateBranchProtection(t.Context(), "demo", "shop", "main",
					&gogithub.ProtectionRequest{RequiredPullRequestReviews: &gogithub.PullRequestReviewsEnforcementRequest{RequiredApprovingReviewCount: 5}})
				require.NoError(t, err)
			},
			Hide: func(testing.TB) (show func()) {
				b.forge.Inject(hidesWithin(limitedTokens["a member's token"].faults))
				return func() { b.forge.Inject(serve) }
			},
		}
	})
}

// TestARepositoryIsCreatedAndThenPushedTo: the rollback of the run removes it, although it has commits.
func TestARepositoryIsCreatedAndThenPushedTo(t *testing.T) {
	t.Parallel()
	b := setupAction(t, "github:repo:create")
	create := b.action
	output, err := b.run(t, values{"description": "A shop", "workflowAccess": "user"})
	require.NoError(t, err)
	require.Equal(t, action.Output{"remoteUrl": b.forge.URL + "/demo/shop.git"}, output)
	access, _, err := b.client.Repositories.GetActionsAccessLevel(t.Context(), "demo", "shop")
	require.NoError(t, err)
	require.Equal(t, "user", access.GetAccessLevel())

	b.action = recordedtest.ByID(t, github.Actions(github.Options{Hosts: hosts(t, b.forge, b.forge.Token())}), "github:repo:push")
	for range 2 {
		call := b.call(t, nil)
		call.StepID, call.Ledger = "push", b.ledger.For("run-1", "push", "github:repo:push")
		output, err = b.action.Run(t.Context(), call)
		require.NoError(t, err)
	}
	b.requirePublished(t, output)
	require.Equal(t, b.forge.URL+"/demo/shop/blob/main", output["repoContentsUrl"])
	require.NotEmpty(t, b.protected(t, "main"))
	b.action = create
	require.NoError(t, b.undo(t))
	require.False(t, b.exists(t))
}

// TestWhatTheRunOpenedIsNoUseOfItsRepository: GitHub deletes neither issues nor pull requests.
func TestWhatTheRunOpenedIsNoUseOfItsRepository(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(b *bundle){
		"nobody": nil,
		"an issue of somebody": func(b *bundle) {
			_, _, err := b.client.Issues.Create(t.Context(), "demo", "shop", &gogithub.IssueRequest{Title: new("Hers")})
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			actions := github.Actions(github.Options{Hosts: hosts(t, b.forge, b.forge.Token())})
			_, err := b.run(t, values{"protectDefaultBranch": false})
			require.NoError(t, err)
			for step, input := range map[string]values{
				"publish:github:pull-request": {"branchName": "add", "title": "Add", "description": "", "targetPath": "more"},
				"github:issues:create":        {"title": "To do"},
			} {
				call := b.call(t, input)
				call.StepID, call.Ledger = step, b.ledger.For("run-1", step, step)
				_, err := recordedtest.ByID(t, actions, step).Run(t.Context(), call)
				require.NoError(t, err)
			}
			if use != nil {
				use(b)
			}
			var failed error
			for _, effect := range slices.Backward(b.ledger.All()) {
				undo := &action.UndoCall{RunID: "run-1", Effect: effect, Log: b.log}
				failed = errors.Join(failed, recordedtest.ByID(t, actions, effect.ActionID).Undo(t.Context(), undo))
			}
			if use == nil {
				require.NoError(t, failed)
			} else {
				require.ErrorContains(t, failed, "it has issues or pull requests (\"Hers\")")
			}
			require.Equal(t, use != nil, b.exists(t))
		})
	}
}

// TestUndoKeepsADefaultBranch: GitHub does not delete it, and the run did not create the repository.
func TestUndoKeepsADefaultBranch(t *testing.T) {
	t.Parallel()
	b := setupAction(t, "github:repo:push")
	_, _, err := b.client.Repositories.Create(t.Context(), "demo", &gogithub.Repository{Name: new("shop")})
	require.NoError(t, err)
	_, err = b.run(t, values{"protectDefaultBranch": false})
	require.NoError(t, err)
	var used *action.InUseError
	require.ErrorAs(t, b.undo(t), &used)
	require.Contains(t, used.Reason, "it is the default branch, which GitHub does not delete")
}

func TestCorrectedRulesReplaceThoseOfAnEarlierAttempt(t *testing.T) {
	t.Parallel()
	b := setupAction(t, "github:branch-protection:create")
	b.publishShop(t)
	b.forge.Inject(on(http.MethodPost, "/required_signatures", forgetest.Answer(http.StatusForbidden, "no", nil)))
	_, err := b.run(t, values{"requiredCommitSigning": true})
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	b.forge.Inject(nil)
	_, err = b.run(t, values{"requiredApprovingReviewCount": 3})
	require.NoError(t, err)
	require.Equal(t, []string{"main: 3 reviews, administrators true, signed false"}, b.protected(t, "main"))
	require.NoError(t, b.undo(t))
	require.Empty(t, b.protected(t, "main"))
	_, err = b.run(t, values{"branch": "none"})
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}
