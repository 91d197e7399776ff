package github_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/github"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// setupPull is a bundle for publish:github:pull-request, with the repository demo/shop: the branches main and
// develop have README.md, old.txt and src/main.go.
func setupPull(t testing.TB) *bundle {
	t.Helper()
	b := setup(t)
	b.use(t, github.Options{Hosts: hosts(t, b.forge, b.forge.Token())})
	b.publishShop(t)
	return b
}

func (b *bundle) use(t testing.TB, options github.Options) {
	t.Helper()
	b.action = recordedtest.ByID(t, github.Actions(options), "publish:github:pull-request")
}

func (b *bundle) publishShop(t testing.TB) {
	t.Helper()
	_, _, err := b.client.Repositories.Create(t.Context(), "demo", &gogithub.Repository{Name: new("shop"), Private: new(true)})
	require.NoError(t, err)
	b.forge.Push(t, "demo/shop", "main", false, map[string]string{"README.md": "# Before\n", "old.txt": "old\n", "src/main.go": "package main\n"})
	b.forge.Push(t, "demo/shop", "develop", true, nil)
}

// proposal is the input of a pull request to demo/shop.
func (b *bundle) proposal(input values) values {
	complete := values{"repoUrl": b.forge.Host + "?owner=demo&repo=shop", "branchName": "add/shop", "title": "Add the shop", "description": "It sells."}
	maps.Copy(complete, input)
	return complete
}

func (b *bundle) propose(t testing.TB, input values) (action.Output, error) {
	t.Helper()
	call := b.call(t, b.proposal(input))
	call.Ledger = b.ledger.For("run-1", "publish", "publish:github:pull-request")
	return b.action.Run(t.Context(), call)
}

// rollBack undoes all effects, the last first.
func (b *bundle) rollBack(t testing.TB, secrets map[string]string) error {
	t.Helper()
	for _, effect := range slices.Backward(b.ledger.All()) {
		if effect.State == action.EffectUndone {
			continue
		}
		if err := b.action.Undo(t.Context(), &action.UndoCall{RunID: "run-1", Effect: effect, Log: b.log, Secrets: secrets}); err != nil {
			return err
		}
		require.NoError(t, b.ledger.SetState(effect.ID, action.EffectUndone, ""))
	}
	return nil
}

// proposals lists the branches beside those that were there before, and the pull requests that are not closed
// without a merge.
func (b *bundle) proposals(t testing.TB) []string {
	t.Helper()
	listed := []string{}
	branches, _, err := b.client.Repositories.ListBranches(t.Context(), "demo", "shop", nil)
	require.NoError(t, err)
	for _, branch := range branches {
		if name := branch.GetName(); name != "main" && name != "develop" {
			listed = append(listed, fmt.Sprintf("%s: %v", name, b.tree(t, branch.GetCommit().GetSHA())))
		}
	}
	pulls, _, err := b.client.PullRequests.List(t.Context(), "demo", "shop", &gogithub.PullRequestListOptions{State: "all"})
	require.NoError(t, err)
	for _, pull := range pulls {
		if pull.GetState() == "open" || pull.MergedAt != nil {
			listed = append(listed, fmt.Sprintf("%s to %s: %s (%s), reviewers %d, assignees %d", pull.GetHead().GetLabel(), pull.GetBase().GetRef(),
				pull.GetTitle(), pull.GetBody(), len(pull.RequestedReviewers), len(pull.Assignees)))
		}
	}
	return listed
}

// tree is what a commit has: the content of each file, with its mode where that is not an ordinary one.
func (b *bundle) tree(t testing.TB, commit string) map[string]string {
	t.Helper()
	tree, _, err := b.client.Git.GetTree(t.Context(), "demo", "shop", commit, true)
	require.NoError(t, err)
	files := map[string]string{}
	for _, entry := range tree.Entries {
		if entry.GetType() != "blob" {
			continue
		}
		content, _, err := b.client.Git.GetBlobRaw(t.Context(), "demo", "shop", entry.GetSHA())
		require.NoError(t, err)
		files[entry.GetPath()] = strings.TrimPrefix(entry.GetMode()+" ", "100644 ") + string(content)
	}
	return files
}

// commitTo adds a commit of somebody else to a branch.
func (b *bundle) commitTo(t testing.TB, branch string) {
	t.Helper()
	ref, _, err := b.client.Git.GetRef(t.Context(), "demo", "shop", "heads/"+branch)
	require.NoError(t, err)
	tip, _, err := b.client.Git.GetCommit(t.Context(), "demo", "shop", ref.GetObject().GetSHA())
	require.NoError(t, err)
	made, _, err := b.client.Git.CreateCommit(t.Context(), "demo", "shop", &gogithub.Commit{
		Message: new("Hers"), Tree: tip.Tree, Parents: []*gogithub.Commit{{SHA: tip.SHA}},
	}, nil)
	require.NoError(t, err)
	ref.Object.SHA = made.SHA
	_, _, err = b.client.Git.UpdateRef(t.Context(), "demo", "shop", ref, false)
	require.NoError(t, err)
}

func TestPullRequestConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		b := setupPull(t)
		serve := func(*http.Request) forgetest.Fault { return gate.Serve }
		b.forge.Inject(serve)
		return actiontest.Fixture{
			Action: b.action,
			Input: fmt.Sprintf(`{"repoUrl":"%s?owner=demo&repo=shop","branchName":"add","title":"Add","description":"All","filesToDelete":["old.txt"],
				"reviewers":["ann"],"assignees":["ann"]}`, b.forge.Host),
			Files:  map[string]string{"README.md": "# Shop\n", "lib/new.go": "package lib\n"},
			State:  func(t testing.TB) []string { t.Helper(); return b.proposals(t) },
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

// hidesWithin answers 404 for the repository and all in it, and applies the faults to other requests.
func hidesWithin(faults map[string]forgetest.Fault) func(*http.Request) forgetest.Fault {
	return func(r *http.Request) forgetest.Fault {
		if strings.Contains(r.URL.Path+"/", "/repos/demo/shop/") {
			return forgetest.Answer(http.StatusNotFound, "Not Found", nil)
		}
		return faults[strings.TrimPrefix(r.URL.Path, "/api/v3")]
	}
}

func TestPullRequestUpdateConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		b := setupPull(t)
		b.forge.Push(t, "demo/shop", "add", true, map[string]string{"hers.txt": ""})
		_, _, err := b.client.PullRequests.Create(t.Context(), "demo", "shop", &gogithub.NewPullRequest{Title: new("Hers"), Head: new("add"), Base: new("develop")})
		require.NoError(t, err)
		b.forge.Inject(func(*http.Request) forgetest.Fault { return gate.Serve })
		return actiontest.Fixture{
			Action: b.action,
			Input: fmt.Sprintf(`{"repoUrl":"%s?owner=demo&repo=shop","branchName":"add","title":"Add","description":"All","update":true}`,
				b.forge.Host),
			Files:  map[string]string{"README.md": "# Shop\n"},
			State:  func(t testing.TB) []string { t.Helper(); return b.proposals(t) },
			Digest: b.forge.Digest,
			Use: func(t testing.TB) {
				t.Helper()
				_, _, err := b.client.PullRequests.Edit(t.Context(), "demo", "shop", 1, &gogithub.PullRequest{Title: new("Hers again")})
				require.NoError(t, err)
			},
		}
	})
}

// TestAPullRequestHasExactlyTheFiles: programs, links and bytes come through, and what .gitignore names stays.
func TestAPullRequestHasExactlyTheFiles(t *testing.T) {
	t.Parallel()
	b := setupPull(t)
	b.write(t, "service/.gitignore", "*.log\n")
	b.write(t, "service/noise.log", "noise\n")
	b.write(t, "service/b.bin", "\xff\x00")
	b.write(t, "service/run.sh", "#!/bin/sh\n")
	b.write(t, "service/ a/é.txt", "é\n")
	require.NoError(t, os.Chmod(filepath.Join(b.files, "service/run.sh"), 0o755))
	require.NoError(t, os.Symlink("run.sh", filepath.Join(b.files, "service/link")))
	output, err := b.propose(t, values{
		"sourcePath": "./service", "targetPath": "/to", "targetBranchName": "develop", "draft": true, "commitMessage": "Begin\n\nWith a body",
		"gitAuthorName": "Ann", "reviewers": []string{"ann"}, "teamReviewers": []string{"makers"}, "assignees": []string{"ann"},
		"filesToDelete": []string{"../old.txt", "gone.txt"},
	})
	require.NoError(t, err)
	require.Equal(t, action.Output{"targetBranchName": "develop", "remoteUrl": b.forge.URL + "/demo/shop/pull/1", "pullRequestNumber": 1}, output)
	pull, _, err := b.client.PullRequests.Get(t.Context(), "demo", "shop", 1)
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"README.md": "# Before\n", "src/main.go": "package main\n",
		"to/.gitignore": "*.log\n", "to/b.bin": "\xff\x00", "to/run.sh": "100755 #!/bin/sh\n", "to/link": "120000 run.sh", "to/ a/é.txt": "é\n",
	}, b.tree(t, pull.GetHead().GetSHA()))
	commit, _, err := b.client.Git.GetCommit(t.Context(), "demo", "shop", pull.GetHead().GetSHA())
	require.NoError(t, err)
	require.Equal(t, "Begin\n\nWith a body", commit.GetMessage())
	require.Equal(t, []string{"Ann", "scaffolder@backstage.io"}, []string{commit.GetAuthor().GetName(), commit.GetAuthor().GetEmail()})
	require.True(t, pull.GetDraft())
	require.Len(t, pull.RequestedTeams, 1)
	require.Contains(t, b.log.Text(), "noise.log")
	require.Contains(t, b.log.Text(), "warn: There is no to/gone.txt in demo/shop to delete")

	require.NoError(t, b.rollBack(t, nil))
	require.Empty(t, b.proposals(t), "nothing is left")
}

func TestPullRequestRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		input values
		kind  fault.Kind
		says  string
	}{
		"branch name":       {values{"branchName": "a b"}, fault.Input, `branchName "a b"`},
		"target name":       {values{"targetBranchName": "a..b"}, fault.Input, `targetBranchName "a..b"`},
		"outside":           {values{"targetPath": "../elsewhere"}, fault.Input, "is not within the repository"},
		"deletes outside":   {values{"filesToDelete": []string{"../old.txt"}}, fault.Input, "is not within the repository"},
		"no source":         {values{"sourcePath": "none"}, fault.Input, `sourcePath "none"`},
		"to itself":         {values{"branchName": "main"}, fault.Input, `"head" cannot be the same value as "base"`},
		"no such target":    {values{"targetBranchName": "none"}, fault.NotFound, "looking for the branch none of demo/shop"},
		"no such owner":     {values{"repoUrl": "HOST?owner=demo&repo=none"}, fault.NotFound, "Pull request creation failed; caused by HttpError: Not Found"},
		"empty repository":  {values{"repoUrl": "HOST?owner=demo&repo=empty"}, fault.Conflict, "Git Repository is empty"},
		"unknown host":      {values{"repoUrl": "git.example?owner=a&repo=b"}, fault.Input, "No matching integration configuration for host git.example"},
		"branch is taken":   {values{"branchName": "develop"}, fault.Conflict, "The branch develop of demo/shop on HOST exists already, and this run did not create it"},
		"pull request open": {values{"branchName": "hers"}, fault.Conflict, "Pull request already exists: http://HOST/demo/shop/pull/1. Set update=true to enable updating"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupPull(t)
			_, _, err := b.client.Repositories.Create(t.Context(), "demo", &gogithub.Repository{Name: new("empty")})
			require.NoError(t, err)
			b.forge.Push(t, "demo/shop", "hers", true, nil)
			_, _, err = b.client.PullRequests.Create(t.Context(), "demo", "shop", &gogithub.NewPullRequest{Title: new("Hers"), Head: new("hers"), Base: new("main")})
			require.NoError(t, err)
			if url, is := test.input["repoUrl"].(string); is {
				test.input["repoUrl"] = strings.Replace(url, "HOST", b.forge.Host, 1)
			}
			before := b.forge.Digest(t)
			for _, try := range []func() error{
				func() error { _, err := b.propose(t, test.input); return err },
				func() error { _, err := b.action.Plan(t.Context(), b.call(t, b.proposal(test.input))); return err },
			} {
				err := try()
				require.ErrorContains(t, err, strings.ReplaceAll(strings.TrimSuffix(test.says, " on HOST exists already, and this run did not create it"), "HOST", b.forge.Host))
				require.Equal(t, test.kind, fault.KindOf(err))
				require.False(t, action.IsTransient(err))
			}
			require.Equal(t, before, b.forge.Digest(t), "nothing was written")
		})
	}
}

// TestUndoKeepsAMergedPullRequest: the branch, which nobody needs any more, is deleted.
func TestUndoKeepsAMergedPullRequest(t *testing.T) {
	t.Parallel()
	b := setupPull(t)
	_, err := b.propose(t, nil)
	require.NoError(t, err)
	_, _, err = b.client.PullRequests.Merge(t.Context(), "demo", "shop", 1, "", nil)
	require.NoError(t, err)
	var used *action.InUseError
	require.ErrorAs(t, b.rollBack(t, nil), &used)
	require.Equal(t, b.forge.URL+"/demo/shop/pull/1 was left alone: it was merged. Delete it yourself if nobody needs it.", used.Reason)
	branch := b.ledger.All()[0]
	require.Equal(t, "github:branch", branch.Kind)
	require.NoError(t, b.action.Undo(t.Context(), &action.UndoCall{Effect: branch, Log: b.log}))
	require.Equal(t, []string{"demo:add/shop to main: Add the shop (It sells.), reviewers 0, assignees 0"}, b.proposals(t))
	main, _, err := b.client.Git.GetRef(t.Context(), "demo", "shop", "heads/main")
	require.NoError(t, err)
	require.Equal(t, "# Shop\n", b.tree(t, main.GetObject().GetSHA())["README.md"], "what was merged stays merged")
}

// TestACorrectedStepReplacesItsCommit: a step that failed after its branch was made is retried with other files.
func TestACorrectedStepReplacesItsCommit(t *testing.T) {
	t.Parallel()
	b := setupPull(t)
	b.forge.Inject(on(http.MethodPost, "/pulls", forgetest.Answer(http.StatusUnprocessableEntity, "Validation Failed", nil)))
	_, err := b.propose(t, nil)
	require.ErrorContains(t, err, "opening a pull request")
	b.forge.Inject(nil)
	b.write(t, "README.md", "# Corrected\n")
	output, err := b.propose(t, nil)
	require.NoError(t, err)
	require.Equal(t, 1, output["pullRequestNumber"])
	pull, _, err := b.client.PullRequests.Get(t.Context(), "demo", "shop", 1)
	require.NoError(t, err)
	require.Equal(t, 1, pull.GetCommits())
	require.Equal(t, "# Corrected\n", b.tree(t, pull.GetHead().GetSHA())["README.md"])

	b.write(t, "README.md", "# Corrected again\n")
	_, err = b.propose(t, nil)
	require.NoError(t, err)
	require.NoError(t, b.rollBack(t, nil), "the run knows each of its commits")
	require.Empty(t, b.proposals(t))
}

func TestNothingToPropose(t *testing.T) {
	t.Parallel()
	b := setupPull(t)
	b.write(t, "README.md", "# Before\n")
	output, err := b.propose(t, values{"createWhenEmpty": false})
	require.NoError(t, err)
	require.Nil(t, output)
	require.Contains(t, b.log.Text(), "No changes to commit, pull request was not created")
	require.Empty(t, b.ledger.All())
	output, err = b.propose(t, nil)
	require.NoError(t, err)
	require.Equal(t, 1, output["pullRequestNumber"], "otherwise one without changes is opened")
}

func TestRefusedReviewersAreAWarning(t *testing.T) {
	t.Parallel()
	b := setupPull(t)
	_, err := b.propose(t, values{"reviewers": []string{"nobody"}})
	require.NoError(t, err)
	require.Contains(t, b.log.Text(), "warn: Skipping the reviewers of the pull request: ")
}

func TestThePullRequestOfAnApp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		permissions map[string]string
		workflow    bool
		says        string
	}{
		"enough":        {map[string]string{"contents": "write", "pull_requests": "write"}, false, ""},
		"and workflows": {map[string]string{"contents": "write", "pull_requests": "write", "workflows": "write"}, true, ""},
		"no workflows":  {map[string]string{"contents": "write", "pull_requests": "write"}, true, "workflows"},
		"no pulls":      {map[string]string{"contents": "write"}, false, "pull_requests"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupPull(t)
			private := b.forge.RegisterApp(t, appID, test.permissions)
			require.NoError(t, b.forge.Install(forge.Installation{AppID: appID, Owner: "demo"}))
			b.use(t, github.Options{Hosts: b.hosts(t, private)})
			if test.workflow {
				b.write(t, ".github/workflows/build.yaml", "on: push\n")
			}
			_, err := b.propose(t, nil)
			if test.says != "" {
				require.ErrorContains(t, err, test.says)
				require.False(t, action.IsTransient(err))
				return
			}
			require.NoError(t, err)
			require.NoError(t, b.rollBack(t, nil))
			require.Empty(t, b.proposals(t))
		})
	}
}

func TestThePullRequestsOwnToken(t *testing.T) {
	t.Parallel()
	b := setupPull(t)
	b.use(t, github.Options{Hosts: hosts(t, b.forge, ""), RequireUserCredentials: true})
	_, err := b.propose(t, nil)
	require.ErrorContains(t, err, "No user credentials provided for host")
	_, err = b.propose(t, values{"token": b.forge.Token()})
	require.NoError(t, err)
	encoded, err := json.Marshal(b.ledger.All())
	require.NoError(t, err)
	require.NotContains(t, string(encoded), b.forge.Token())
	require.ErrorContains(t, b.rollBack(t, nil), "There is no token")
	require.NoError(t, b.rollBack(t, map[string]string{"USER_OAUTH_TOKEN": b.forge.Token()}))
}

// TestALargePullRequest sends its text with the trees: GitHub limits the requests of a token.
func TestALargePullRequest(t *testing.T) {
	t.Parallel()
	b := setupPull(t)
	for n := range 1_200 {
		b.write(t, fmt.Sprintf("d%d/f%d.txt", n%20, n), fmt.Sprintf("file %d\n", n))
	}
	b.write(t, "bin/data", "\xff\x00")
	requests := 0
	b.forge.Inject(func(*http.Request) forgetest.Fault { requests++; return nil })
	_, err := b.propose(t, nil)
	require.NoError(t, err)
	require.Less(t, requests, 20)
	pull, _, err := b.client.PullRequests.Get(t.Context(), "demo", "shop", 1)
	require.NoError(t, err)
	tree, _, err := b.client.Git.GetTree(t.Context(), "demo", "shop", pull.GetHead().GetSHA(), true)
	require.NoError(t, err)
	files := 0
	for _, entry := range tree.Entries {
		if entry.GetType() == "blob" {
			files++
		}
	}
	require.Equal(t, 1_204, files)
}

func TestAPullRequestFromAFork(t *testing.T) {
	t.Parallel()
	b := setupPull(t)
	plan, err := b.action.Plan(t.Context(), b.call(t, b.proposal(values{"forceFork": true})))
	require.NoError(t, err)
	require.Equal(t, "github:fork", plan.Creates[0].Kind)
	output, err := b.propose(t, values{"forceFork": true})
	require.NoError(t, err)
	require.Equal(t, 1, output["pullRequestNumber"])
	pull, _, err := b.client.PullRequests.Get(t.Context(), "demo", "shop", 1)
	require.NoError(t, err)
	require.Equal(t, "portico:add/shop", pull.GetHead().GetLabel())
	again, err := b.propose(t, values{"forceFork": true})
	require.NoError(t, err)
	require.Equal(t, output, again)
	require.Len(t, b.ledger.All(), 3)
	b.forge.Push(t, "demo/shop", "later", true, nil)
	require.NoError(t, b.rollBack(t, nil))
	require.Empty(t, b.forge.Repositories(t, "portico"), "the fork was made by the run")
}

func TestUndoKeepsAForkThatOthersUse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		use  func(b *bundle)
		says string
	}{
		"a branch": {func(b *bundle) { b.forge.Push(t, "portico/shop", "hers", true, nil) }, "it has the branch hers"},
		"a commit": {func(b *bundle) { b.forge.Push(t, "portico/shop", "main", true, map[string]string{"more.txt": ""}) }, "it has commits on the branch main"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupPull(t)
			_, err := b.propose(t, values{"forceFork": true})
			require.NoError(t, err)
			test.use(b)
			var used *action.InUseError
			require.ErrorAs(t, b.rollBack(t, nil), &used)
			require.Contains(t, used.Reason, test.says)
			require.Empty(t, b.proposals(t))
		})
	}
}

// TestAForkThatTheUserHasIsUsed, and is there after a rollback.
func TestAForkThatTheUserHasIsUsed(t *testing.T) {
	t.Parallel()
	b := setupPull(t)
	_, _, err := b.client.Repositories.CreateFork(t.Context(), "demo", "shop", nil)
	require.ErrorContains(t, err, "job scheduled")
	_, err = b.propose(t, values{"forceFork": true})
	require.NoError(t, err)
	require.Len(t, b.ledger.All(), 2)
	require.NoError(t, b.rollBack(t, nil))
	require.Equal(t, []string{"shop"}, b.forge.Repositories(t, "portico"))
}

// protect has a branch demand an approval, and allows GitHub to merge by itself.
func (b *bundle) protect(t testing.TB, allowed bool) {
	t.Helper()
	_, _, err := b.client.Repositories.UpdateBranchProtection(t.Context(), "demo", "shop", "main",
		&gogithub.ProtectionRequest{RequiredPullRequestReviews: &gogithub.PullRequestReviewsEnforcementRequest{RequiredApprovingReviewCount: 1}})
	require.NoError(t, err)
	_, _, err = b.client.Repositories.Edit(t.Context(), "demo", "shop", &gogithub.Repository{AllowAutoMerge: &allowed})
	require.NoError(t, err)
}

func (b *bundle) onlyPull(t testing.TB) *gogithub.PullRequest {
	t.Helper()
	pull, _, err := b.client.PullRequests.Get(t.Context(), "demo", "shop", 1)
	require.NoError(t, err)
	return pull
}

func TestAPullRequestIsMergedWhenItIsApproved(t *testing.T) {
	t.Parallel()
	b := setupPull(t)
	b.protect(t, true)
	b.write(t, "README.md", "# Shop\n")
	_, err := b.propose(t, values{"autoMerge": true})
	require.NoError(t, err)
	require.False(t, b.onlyPull(t).GetMerged())
	require.Equal(t, "merge", b.onlyPull(t).GetAutoMerge().GetMergeMethod())
	require.NoError(t, b.forge.Review("demo", "shop", 1, "ann", "APPROVED"))
	require.True(t, b.onlyPull(t).GetMerged())
	_, err = b.propose(t, values{"autoMerge": true})
	require.NoError(t, err, "an attempt that is repeated finds it merged")
}

// TestAPullRequestThatNothingBlocksIsMergedAtOnce: GitHub would refuse to wait. The repository may delete the branch then.
func TestAPullRequestThatNothingBlocksIsMergedAtOnce(t *testing.T) {
	t.Parallel()
	for _, deletes := range []bool{false, true} {
		t.Run(fmt.Sprintf("deletes the branch %v", deletes), func(t *testing.T) {
			t.Parallel()
			b := setupPull(t)
			_, _, err := b.client.Repositories.Edit(t.Context(), "demo", "shop",
				&gogithub.Repository{AllowMergeCommit: new(false), AllowSquashMerge: new(true), DeleteBranchOnMerge: &deletes})
			require.NoError(t, err)
			b.write(t, "README.md", "# Shop\n")
			_, err = b.propose(t, values{"autoMerge": true})
			require.NoError(t, err)
			require.True(t, b.onlyPull(t).GetMerged())
			require.Equal(t, "# Shop\n", b.tree(t, "main")["README.md"])
			_, err = b.propose(t, values{"autoMerge": true})
			require.NoError(t, err, "an attempt that is repeated finds it merged")
			var used *action.InUseError
			require.ErrorAs(t, b.rollBack(t, nil), &used)
			require.Contains(t, used.Reason, "it was merged")
		})
	}
}

func TestARepositoryThatMergesNothingByItselfIsNamed(t *testing.T) {
	t.Parallel()
	b := setupPull(t)
	b.protect(t, false)
	_, err := b.propose(t, values{"autoMerge": true})
	require.Equal(t, fault.Input, fault.KindOf(err))
	require.ErrorContains(t, err, "Auto merge is not allowed for this repository")
	require.Contains(t, action.Advice(err), "Allow auto-merge in the settings")
	require.NoError(t, b.rollBack(t, nil))
	require.Empty(t, b.proposals(t))
}

func TestPullRequestAutoMergeConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		b := setupPull(t)
		b.protect(t, true)
		b.forge.Inject(func(*http.Request) forgetest.Fault { return gate.Serve })
		return actiontest.Fixture{
			Action: b.action,
			Input:  fmt.Sprintf(`{"repoUrl":"%s?owner=demo&repo=shop","branchName":"add","title":"Add","description":"All","autoMerge":true}`, b.forge.Host),
			Files:  map[string]string{"README.md": "# Shop\n"},
			State:  func(t testing.TB) []string { t.Helper(); return b.proposals(t) },
			Digest: b.forge.Digest,
			Use:    func(t testing.TB) { t.Helper(); b.commitTo(t, "add") },
			Take:   func(t testing.TB) { t.Helper(); b.forge.Push(t, "demo/shop", "add", true, nil) },
		}
	})
}
