package github_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/github"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/scaffolder/action"
)

func TestPublishWithDefaults(t *testing.T) {
	t.Parallel()
	b := setup(t)
	output, err := b.run(t, nil)
	require.NoError(t, err)
	b.requirePublished(t, output)
	require.Equal(t, b.forge.URL+"/demo/shop.git", output["remoteUrl"])
	require.Equal(t, b.forge.URL+"/demo/shop/blob/main", output["repoContentsUrl"])

	repository, _, err := b.client.Repositories.Get(t.Context(), "demo", "shop")
	require.NoError(t, err)
	require.Equal(t, "private", repository.GetVisibility())
	require.Equal(t, "main", repository.GetDefaultBranch())
	rules, _, err := b.client.Repositories.GetBranchProtection(t.Context(), "demo", "shop", "main")
	require.NoError(t, err)
	require.Equal(t, 1, rules.GetRequiredPullRequestReviews().RequiredApprovingReviewCount)
	require.True(t, rules.GetEnforceAdmins().Enabled)
	commit, _, err := b.client.Repositories.GetCommit(t.Context(), "demo", "shop", "main", nil)
	require.NoError(t, err)
	require.Equal(t, "initial commit", commit.GetCommit().GetMessage())
	require.Equal(t, "Scaffolder", commit.GetCommit().GetAuthor().GetName())
	require.Equal(t, "scaffolder@backstage.io", commit.GetCommit().GetCommitter().GetEmail())
	require.NotContains(t, b.log.Text(), b.forge.Token())
}

func TestPublishWithEverything(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write(t, "service/go.mod", "module shop\n")
	b.write(t, "service/.gitignore", "*.log\n")
	b.write(t, "service/noise.log", "noise\n")
	output, err := b.run(t, values{
		"description": "A shop", "homepage": "https://shop.example", "repoVisibility": "public", "defaultBranch": "trunk/one",
		"sourcePath": "./service", "gitCommitMessage": "Begin\n\n# not a comment", "gitAuthorName": "Ann", "gitAuthorEmail": "ann@example.com",
		"access": "demo/makers", "topics": []string{"Go", "shop"}, "hasWiki": false, "hasProjects": false, "allowMergeCommit": false,
		"collaborators": []values{
			{"user": "user:default/ann", "access": "push"}, {"team": "makers", "access": "maintain"}, {"user": "nobody", "access": "pull"},
		},
		"repoVariables": map[string]string{"REGION": "eu"}, "secrets": map[string]string{"KEY": "hunter2"},
		"customProperties":  values{"tier": "1", "areas": []string{"a", "b"}},
		"oidcCustomization": values{"useDefault": false, "includeClaimKeys": []string{"repo"}},
		"subscribe":         true, "requiredCommitSigning": true, "requiredApprovingReviewCount": 2,
		"requiredStatusCheckContexts": []string{"build"}, "requiredLinearHistory": true,
		"bypassPullRequestAllowances": values{"users": []string{"ann"}}, "restrictions": values{"users": []string{}, "teams": []string{"makers"}},
	})
	require.NoError(t, err)
	b.requirePublished(t, output)
	require.Equal(t, b.forge.URL+"/demo/shop/blob/trunk%2Fone", output["repoContentsUrl"])

	ctx := t.Context()
	repository, _, err := b.client.Repositories.Get(ctx, "demo", "shop")
	require.NoError(t, err)
	require.Equal(t, "A shop", repository.GetDescription())
	require.Equal(t, "https://shop.example", repository.GetHomepage())
	require.Equal(t, "trunk/one", repository.GetDefaultBranch())
	require.Equal(t, []string{"go", "shop"}, repository.Topics)
	require.False(t, repository.GetAllowMergeCommit())
	require.False(t, repository.GetHasWiki())
	tree, _, err := b.client.Git.GetTree(ctx, "demo", "shop", output["commitHash"].(string), true)
	require.NoError(t, err)
	require.Len(t, tree.Entries, 2, "the directory is the root, and files in .gitignore are left out")
	commit, _, err := b.client.Repositories.GetCommit(ctx, "demo", "shop", output["commitHash"].(string), nil)
	require.NoError(t, err)
	require.Equal(t, "Begin\n\n# not a comment", commit.GetCommit().GetMessage())
	require.Equal(t, "Ann", commit.GetCommit().GetAuthor().GetName())
	require.Equal(t, "hunter2", b.forge.Secret(t, "demo", "shop", "KEY"))
	variables, _, err := b.client.Actions.ListRepoVariables(ctx, "demo", "shop", nil)
	require.NoError(t, err)
	require.Equal(t, "eu", variables.Variables[0].Value)
	rules, _, err := b.client.Repositories.GetBranchProtection(ctx, "demo", "shop", "trunk/one")
	require.NoError(t, err)
	require.True(t, rules.GetRequiredSignatures().GetEnabled())
	require.Contains(t, b.log.Text(), "warn: Skipping pull access for nobody")
	require.NotContains(t, b.log.Text(), "hunter2")
}

func TestConfigurationGivesAuthorAndMessage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.action = github.NewPublish(github.Options{
		Hosts: hosts(t, b.forge, b.forge.Token()), Author: github.Author{Name: "Robot"}, CommitMessage: "By the house",
	})
	_, err := b.run(t, nil)
	require.NoError(t, err)
	commit, _, err := b.client.Repositories.GetCommit(t.Context(), "demo", "shop", "main", nil)
	require.NoError(t, err)
	require.Equal(t, "By the house", commit.GetCommit().GetMessage())
	require.Equal(t, "Robot", commit.GetCommit().GetAuthor().GetName())
	require.Equal(t, "scaffolder@backstage.io", commit.GetCommit().GetAuthor().GetEmail())
}

func TestPersonalRepositories(t *testing.T) {
	t.Parallel()
	b := setup(t)
	output, err := b.run(t, values{
		"repoUrl": b.forge.Host + "?owner=portico&repo=mine", "repoVisibility": "public", "customProperties": values{"tier": "1"},
	})
	require.NoError(t, err)
	require.Equal(t, b.forge.URL+"/portico/mine.git", output["remoteUrl"])
	require.Contains(t, b.log.Lines(), "warn: Skipping customProperties: repositories of users have none on GitHub")

	_, err = b.run(t, values{"repoUrl": b.forge.Host + "?owner=ann&repo=hers"})
	require.ErrorContains(t, err, "only ann can create repositories there")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	require.Equal(t, action.EffectUndone, b.ledger.All()[1].State)
}

// TestANameWithGit is one that GitHub shortens.
func TestANameWithGit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	output, err := b.run(t, values{"repoUrl": b.forge.Host + "?owner=demo&repo=shop.git"})
	require.NoError(t, err)
	b.requirePublished(t, output)
	require.Equal(t, b.forge.URL+"/demo/shop.git", output["remoteUrl"])
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		input values
		says  string
	}{
		"unknown host":     {values{"repoUrl": "git.example?owner=a&repo=b"}, "No matching integration configuration for host git.example"},
		"no owner":         {values{"repoUrl": "github.com?repo=b"}, "missing owner"},
		"no token":         {values{"repoUrl": "github.com?owner=a&repo=b"}, "There is no token for github.com"},
		"no such owner":    {values{"repoUrl": "HOST?owner=nobody&repo=b"}, "looking for the owner nobody"},
		"branch":           {values{"defaultBranch": "a..b"}, `defaultBranch "a..b"`},
		"source outside":   {values{"sourcePath": "../elsewhere"}, `sourcePath "../elsewhere"`},
		"source missing":   {values{"sourcePath": "none"}, `sourcePath "none"`},
		"source is a file": {values{"sourcePath": "README.md"}, `sourcePath "README.md"`},
		"refused settings": {values{"description": string(make([]rune, 400))}, "description cannot be more than 350 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			if test.input["repoUrl"] == "HOST?owner=nobody&repo=b" {
				test.input["repoUrl"] = b.forge.Host + "?owner=nobody&repo=b"
			}
			_, err := b.action.Run(t.Context(), b.call(t, test.input))
			require.ErrorContains(t, err, test.says)
			require.False(t, action.IsTransient(err))
		})
	}
}

func TestNestedRepositoriesAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write(t, ".git/config", "[core]\n")
	output, err := b.run(t, nil)
	require.NoError(t, err, "one at the root is left out")
	tree, _, err := b.client.Git.GetTree(t.Context(), "demo", "shop", output["commitHash"].(string), true)
	require.NoError(t, err)
	require.Len(t, tree.Entries, 3)

	b.write(t, "vendor/lib/.git/HEAD", "ref: refs/heads/main\n")
	_, err = b.run(t, nil)
	require.ErrorContains(t, err, "vendor/lib is a Git repository within the workspace")
}

func TestLinksAreKeptAsLinks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(b.files, "link")))
	output, err := b.run(t, nil)
	require.NoError(t, err)
	tree, _, err := b.client.Git.GetTree(t.Context(), "demo", "shop", output["commitHash"].(string), false)
	require.NoError(t, err)
	require.Equal(t, "120000", tree.Entries[1].GetMode())
}

func TestARepositoryWithATakenNameIsNotChanged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	theirs, _, err := b.client.Repositories.Create(t.Context(), "demo", &gogithub.Repository{
		Name: new("shop"), Description: new("Theirs"),
	})
	require.NoError(t, err)
	_, err = b.run(t, nil)
	require.ErrorContains(t, err, "The repository demo/shop on "+b.forge.Host+" exists already, and this run did not create it")
	require.Contains(t, action.Advice(err), "another name")
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.False(t, action.IsTransient(err))
	require.Equal(t, action.EffectUndone, b.effect(t).State)
	after, _, err := b.client.Repositories.Get(t.Context(), "demo", "shop")
	require.NoError(t, err)
	require.Equal(t, theirs.GetUpdatedAt(), after.GetUpdatedAt())

	_, err = b.client.Repositories.Delete(t.Context(), "demo", "shop")
	require.NoError(t, err)
	output, err := b.run(t, nil)
	require.NoError(t, err, "once the name is free, the step can be retried")
	b.requirePublished(t, output)
}

// Of two concurrent runs of one template, with the same name and the same token, one gets the repository.
func TestARaceForAName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rival := &actiontest.Ledger{}
	raced := false
	b.forge.Inject(func(r *http.Request) forgetest.Fault {
		if r.Method != http.MethodPost || raced {
			return nil
		}
		raced = true
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			call := b.call(t, nil)
			call.RunID, call.Ledger = "run-2", rival.For("run-2", "publish", "publish:github")
			_, err := b.action.Run(t.Context(), call)
			require.NoError(t, err)
			next.ServeHTTP(w, r)
		}
	})
	_, err := b.run(t, nil)
	require.ErrorContains(t, err, "this run did not create it")
	require.Equal(t, action.EffectUndone, b.effect(t).State)
	require.Equal(t, action.EffectCreated, rival.All()[0].State)
}

// TestFilesIgnoredByGitignoreAreNamed: they are left out, as in Backstage, but the log names them.
func TestFilesIgnoredByGitignoreAreNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write(t, ".gitignore", "dist/\n.env\n")
	b.write(t, "dist/app.js", "")
	b.write(t, ".env", "")
	b.write(t, "src/.gitignore", "*.log\n")
	b.write(t, "src/a b.log", "")
	_, err := b.run(t, nil)
	require.NoError(t, err)
	require.Contains(t, b.log.Text(), "warn: Left out of the repository, because the workspace's .gitignore says so: .env, dist/, src/a b.log\n")
	for n := range 30 {
		b.write(t, fmt.Sprintf("src/%02d.log", n), "")
	}
	_, err = b.run(t, nil)
	require.NoError(t, err)
	require.Contains(t, b.log.Text(), "src/17.log and 13 more\n")
}

// TestABranchWithASlashCanBeReadAgain by the URL in the step's output, and by the one of GitHub's pages.
func TestABranchWithASlashCanBeReadAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	output, err := b.run(t, values{"defaultBranch": "release/v3"})
	require.NoError(t, err)
	repository := b.forge.URL + "/demo/shop"
	require.Equal(t, repository+"/blob/release%2Fv3", output["repoContentsUrl"])
	set := hosts(t, b.forge, b.forge.Token())
	for _, branch := range []string{"release%2Fv3", "release/v3"} {
		read, err := set.ReadURL(t.Context(), repository+"/blob/"+branch+"/src/main.go", integration.ReadOptions{})
		require.NoError(t, err, branch)
		require.Equal(t, "package main\n", string(read.Body))
		found, err := set.Search(t.Context(), repository+"/blob/"+branch+"/**/*.go", integration.ReadOptions{})
		require.NoError(t, err, branch)
		require.Equal(t, []integration.File{{URL: repository + "/blob/release%2Fv3/src/main.go", Body: []byte("package main\n")}}, found.Files)
		tree, err := set.ReadTree(t.Context(), repository+"/tree/"+branch+"/src", integration.ReadOptions{})
		require.NoError(t, err, branch)
		for file, err := range tree.Files() {
			require.NoError(t, err)
			require.Equal(t, "main.go", file.Path)
		}
		for _, path := range []string{"", "/docs"} {
			canonical, err := set.CanonicalURL(t.Context(), repository+"/blob/"+branch+path)
			require.NoError(t, err)
			require.Equal(t, repository+"/blob/release%2Fv3"+path, strings.TrimSuffix(canonical, "/"))
		}
		_, err = set.ReadURL(t.Context(), repository+"/blob/"+branch+"/nothing", integration.ReadOptions{})
		require.Equal(t, fault.NotFound, fault.KindOf(err))
	}
	b.forge.Inject(on(http.MethodGet, "/git/matching-refs/heads/other/", forgetest.Answer(http.StatusBadGateway, "no", nil)))
	_, err = set.ReadURL(t.Context(), repository+"/blob/other/nothing", integration.ReadOptions{})
	require.Error(t, err)
	require.NotEqual(t, fault.NotFound, fault.KindOf(err), "a host that is ill has not said that there is nothing")
}

func TestTwoStepsThatPublishOneRepository(t *testing.T) {
	t.Parallel()
	b := setup(t)
	output, err := b.run(t, nil)
	require.NoError(t, err)
	second := b.call(t, nil)
	second.StepID = "publish-again"
	_, err = b.action.Run(t.Context(), second)
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.ErrorContains(t, err, `The step "publish" of this run created the repository demo/shop on `+b.forge.Host+" already")
	require.Contains(t, action.Advice(err), "do it once")
	require.Equal(t, action.EffectUndone, b.ledger.All()[1].State, "the second made nothing")

	again := b.call(t, nil)
	again.Iteration = "1"
	_, err = b.action.Run(t.Context(), again)
	require.ErrorContains(t, err, "Another iteration of this step created the repository demo/shop")
	repeated, err := b.run(t, nil)
	require.NoError(t, err)
	require.Equal(t, output, repeated, "the first is as it was")
}

func TestErrorClasses(t *testing.T) {
	t.Parallel()
	const create, push = "/orgs/demo/repos", "/git-receive-pack"
	exhausted := http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"4102444800"}}
	secondary := func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Retry-After", "9223372036854775807")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"documentation_url": "https://docs.github.com/rest#secondary-rate-limits"}`)
	}
	for name, test := range map[string]struct {
		method, path string
		fault        forgetest.Fault
		transient    bool
		wait         time.Duration
		kind         fault.Kind
		says         string
	}{
		"server error":      {"POST", create, forgetest.Answer(502, "Bad Gateway", nil), true, 0, "", "answered 502"},
		"too many requests": {"POST", create, forgetest.Limited(7 * time.Second), true, 7 * time.Second, "", "answered 429"},
		"slow down":         {"POST", create, forgetest.Answer(403, "slow down", http.Header{"Retry-After": {"9"}}), true, 9 * time.Second, "", "slow down"},
		"slow down for ever": {"POST", create, forgetest.Answer(403, "slow down", http.Header{"Retry-After": {"9223372036854775807"}}), true, time.Hour, "",
			"slow down"},
		"secondary limit":   {"POST", create, secondary, true, time.Hour, "", "asks to slow down"},
		"used up":           {"GET", "/users/demo", forgetest.Answer(403, "used up", exhausted), true, time.Hour, "", "used up until 2100"},
		"connection lost":   {"POST", create, forgetest.DropBefore, true, 0, "", "could not be reached"},
		"forbidden":         {"POST", create, forgetest.Answer(403, "Must be an owner.", nil), false, 0, fault.NotAllowed, "Must be an owner"},
		"unauthorized":      {"POST", create, forgetest.Answer(401, "Bad credentials", nil), false, 0, fault.Authentication, "Bad credentials"},
		"not found":         {"POST", create, forgetest.Answer(404, "Not Found", nil), false, 0, fault.NotFound, "repository demo/shop, Not Found"},
		"unprocessable":     {"POST", create, forgetest.Answer(422, "Validation Failed", nil), false, 0, fault.Input, "Validation Failed"},
		"push refused":      {"POST", push, forgetest.Answer(403, "no", nil), false, 0, fault.NotAllowed, "refused the token"},
		"push failed":       {"POST", push, forgetest.Answer(503, "no", nil), true, 0, "", "pushing to demo/shop"},
		"push lost":         {"POST", push, forgetest.DropBefore, true, 0, "", "pushing to demo/shop"},
		"settings failed":   {"PATCH", "/repos/demo/shop", forgetest.Answer(500, "no", nil), true, 0, "", "changing the settings"},
		"protection failed": {"PUT", "/protection", forgetest.Answer(500, "no", nil), true, 0, "", "protecting the branch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.forge.Inject(on(test.method, test.path, test.fault))
			_, err := b.run(t, nil)
			require.ErrorContains(t, err, test.says)
			if !test.transient {
				require.NotEmpty(t, action.Advice(err), "the next move")
			}
			require.Equal(t, test.transient, action.IsTransient(err), err)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.GreaterOrEqual(t, action.RetryAfter(err), test.wait)
			require.LessOrEqual(t, action.RetryAfter(err), integration.MaxRetryAfter)
			require.NotContains(t, err.Error()+b.log.Text(), b.forge.Token())

			b.forge.Inject(nil)
			output, err := b.run(t, nil)
			require.NoError(t, err, "a retry completes")
			b.requirePublished(t, output)
		})
	}
}

func TestARefusedBranchProtectionIsAWarning(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.forge.Inject(on(http.MethodPut, "/protection", forgetest.Answer(403, "Upgrade to GitHub Pro or make this repository public", nil)))
	_, err := b.run(t, nil)
	require.NoError(t, err)
	require.Contains(t, b.log.Text(), "warn: Skipping protection of the default branch")
}

func TestAHangingHostIsAnError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	cancelled := make(chan struct{})
	b.forge.Inject(on(http.MethodGet, "/users/demo", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		close(cancelled)
		forgetest.Hang(w, r, next)
	}))
	running, cancel := contextUntil(ctx, cancelled)
	defer cancel()
	_, err := b.action.Run(running, b.call(t, nil))
	require.ErrorIs(t, err, running.Err())
	require.Empty(t, b.ledger.All())
}

func TestTheStepsOwnToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.action = github.NewPublish(github.Options{Hosts: hosts(t, b.forge, ""), RequireUserCredentials: true})
	_, err := b.run(t, nil)
	require.ErrorContains(t, err, "No user credentials provided for host")
	output, err := b.run(t, values{"token": b.forge.Token()})
	require.NoError(t, err)
	b.requirePublished(t, output)
	encoded, err := json.Marshal(b.ledger.All())
	require.NoError(t, err)
	require.NotContains(t, string(encoded), b.forge.Token())

	undo := &action.UndoCall{RunID: "run-1", Effect: b.effect(t), Log: b.log}
	require.ErrorContains(t, b.action.Undo(t.Context(), undo), "There is no token")
	undo.Secrets = map[string]string{"USER_OAUTH_TOKEN": b.forge.Token()}
	require.NoError(t, b.action.Undo(t.Context(), undo))
}

func TestPlan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	plan, err := b.action.Plan(t.Context(), b.call(t, nil))
	require.NoError(t, err)
	require.Equal(t, "create the private repository demo/shop on "+b.forge.Host+" and push the workspace to main", plan.Summary)
	require.Equal(t, []action.PlannedEffect{{Kind: "github:repository", Name: "demo/shop"}}, plan.Creates)
	require.Empty(t, b.ledger.All())
	_, _, err = b.client.Repositories.Get(t.Context(), "demo", "shop")
	require.Error(t, err, "nothing was made")

	_, err = b.action.Plan(t.Context(), b.call(t, values{"repoUrl": b.forge.Host + "?owner=ann&repo=hers"}))
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, err = b.run(t, nil)
	require.NoError(t, err)
	_, err = b.action.Plan(t.Context(), b.call(t, nil))
	require.Equal(t, fault.Conflict, fault.KindOf(err))
}
