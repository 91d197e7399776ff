package gitlab_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	client "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/internal/testkit/gitlabtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// router undoes effects of several actions, by the kind of the effect.
type router struct {
	b *bundle
	t testing.TB
}

// Describe is not used.
func (router) Describe() action.Description { return action.Description{} }

// Run is not used.
func (router) Run(context.Context, *action.Call) (action.Output, error) { return nil, nil }

// Plan is not used.
func (router) Plan(context.Context, *action.Call) (action.Plan, error) { return action.Plan{}, nil }

// Undo undoes an effect by its action.
func (r router) Undo(ctx context.Context, call *action.UndoCall) error {
	id := map[string]string{"gitlab:project": "publish:gitlab", "gitlab:group": "gitlab:group:ensureExists"}[call.Effect.Kind]
	return r.b.action(r.t, id).Undo(ctx, call)
}

func TestPushComparesWithWhatIsThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write(t, map[string]string{"old.txt": "old", "README.md": "# New\n", "more.txt": "more", ".gitignore": "*.log\n", "a.log": "no"})
	output, err := b.run(t, "gitlab:repo:push", values{"branchName": "main", "commitMessage": "Change it"})
	require.NoError(t, err)
	require.NotEmpty(t, output["commitHash"])
	require.Contains(t, b.describe("acme/shop"), "main [.gitignore=*.log\n README.md=# New\n more.txt=more old.txt=old]")

	output, err = b.runAs(t, "second", "gitlab:repo:push", values{"branchName": "main", "commitMessage": "Change it again"})
	require.NoError(t, err)
	require.Equal(t, action.Output{"projectid": "acme/shop", "projectPath": "acme/shop"}, output, "the files are the same")

	output, err = b.runAs(t, "third", "gitlab:repo:push", values{"branchName": "main", "commitMessage": "Nothing", "allowEmpty": true})
	require.NoError(t, err)
	require.NotEmpty(t, output["commitHash"])
}

func TestPushOfOneKind(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ kind, file, text, left string }{
		"create what is there":     {"create", "old.txt", "Committing the changes to main failed. Please check that none of the files created by the template already exists. A file with this name already exists", ""},
		"update what is not there": {"update", "new.txt", "A file with this name doesn't exist", ""},
		"delete":                   {"delete", "old.txt", "", "main [README.md=# Shop\n]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.write(t, map[string]string{test.file: "content"})
			_, err := b.run(t, "gitlab:repo:push", values{"branchName": "main", "commitMessage": "m", "commitAction": test.kind})
			if test.text != "" {
				require.ErrorContains(t, err, test.text)
				return
			}
			require.NoError(t, err)
			require.Contains(t, b.describe("acme/shop"), test.left)
			require.NoError(t, b.RollBack(t.Context(), b.action(t, "gitlab:repo:push")))
			require.Contains(t, b.describe("acme/shop"), "main [README.md=# Shop\n old.txt=old]", "the deletion is taken back")
		})
	}
}

func TestMergeRequestWithoutChangesUsesTheBranch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.Commit("acme/shop", "theirs", gitlabtest.Ann, map[string]string{"a": "b"})
	input := values{"branchName": "theirs", "title": "Merge theirs", "commitAction": "skip"}
	output, err := b.run(t, "publish:gitlab:merge-request", input)
	require.NoError(t, err)
	require.Equal(t, b.server.URL+"/acme/shop/-/merge_requests/1", output["mergeRequestUrl"])
	require.NoError(t, b.RollBack(t.Context(), b.action(t, "publish:gitlab:merge-request")))
	require.Contains(t, b.describe("acme/shop"), "theirs [", "the branch is Ann's")
	require.NotContains(t, b.describe("acme/shop"), "Merge theirs")
}

func TestMergeRequestNamesTheBranchThatIsThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write(t, workspace)
	b.server.Commit("acme/shop", "theirs", gitlabtest.Ann, map[string]string{"a": "b"})
	_, err := b.run(t, "publish:gitlab:merge-request", values{"branchName": "theirs", "title": "T"})
	require.EqualError(t, err, "The branch creation failed because the branch already exists at: "+b.server.URL+"/acme/shop/-/tree/theirs")
	require.NotEmpty(t, action.Advice(err))
}

func TestMergeRequestAsksApproversAndMerges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write(t, workspace)
	b.server.AskApproval("acme/shop", gitlabtest.Ann)
	_, err := b.run(t, "publish:gitlab:merge-request", values{
		"branchName": "add", "title": "Add it", "reviewers": []string{"ben", "zoe"}, "assignReviewersFromApprovalRules": true, "autoMerge": true,
	})
	require.NoError(t, err)
	require.Contains(t, b.describe("acme/shop"), `!"Add it" add into main (opened, [], reviewer ben, reviewer ann, auto)`)
	require.Contains(t, b.Log.Text(), "warn: Failed to find gitlab user id for zoe.")
}

func TestAMergedRequestStays(t *testing.T) {
	t.Parallel()
	for use, begin := range map[string]func(b *bundle){
		"it was merged":               func(b *bundle) { b.server.Merge("acme/shop") },
		"people have commented on it": func(b *bundle) { b.server.Discuss("acme/shop") },
	} {
		t.Run(use, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.write(t, workspace)
			_, err := b.run(t, "publish:gitlab:merge-request", values{"branchName": "add", "title": "Add it"})
			require.NoError(t, err)
			begin(b)
			var inUse *action.InUseError
			require.ErrorAs(t, b.RollBack(t.Context(), b.action(t, "publish:gitlab:merge-request")), &inUse)
			require.Contains(t, inUse.Reason, use)
		})
	}
}

func TestGroupsThatAreThereAreUsed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	number := b.server.AddGroup("acme/teams", gitlabtest.Portico)
	before := b.server.Groups()
	output, err := b.run(t, "gitlab:group:ensureExists", values{"path": []string{"acme", "teams"}})
	require.NoError(t, err)
	require.Equal(t, action.Output{"groupId": number}, output)
	require.Empty(t, b.Ledger.All())
	require.Equal(t, before, b.server.Groups())
}

func TestAHiddenGroupIsNotTakenForGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tested := b.action(t, "gitlab:group:ensureExists")
	_, err := b.run(t, "gitlab:group:ensureExists", values{"path": []string{"acme", "teams"}})
	require.NoError(t, err)
	for _, group := range []string{"acme", "acme/teams"} {
		b.server.SetMember(group, gitlabtest.Portico, 0)
	}
	err = b.RollBack(t.Context(), tested)
	require.ErrorContains(t, err, "who is not a member of acme")
	require.NotEmpty(t, action.Advice(err))
	b.server.SetMember("acme", gitlabtest.Portico, 50)
	require.NoError(t, b.RollBack(t.Context(), tested))
	require.Equal(t, []string{"acme portico:50"}, b.server.Groups())
}

func TestAccessLevels(t *testing.T) {
	t.Parallel()
	b := setup(t)
	output, err := b.run(t, "gitlab:group:access", values{"path": "acme", "userIds": []int{2}, "accessLevel": "Reporter"})
	require.NoError(t, err)
	require.Equal(t, 20, output["accessLevel"])
	require.Equal(t, []string{"acme portico:50 ann:20"}, b.server.Groups())
	_, err = b.run(t, "gitlab:group:access", values{"path": "acme", "userIds": []int{2}, "accessLevel": "boss"})
	require.ErrorContains(t, err, `accessLevel "boss" is none of GitLab's access levels`)
	_, err = b.run(t, "gitlab:group:access", values{"path": "acme"})
	require.ErrorContains(t, err, "At least one of userIds or groupIds must be provided")
}

func TestDryRunsOfGroups(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.Inject(func(*http.Request) gitlabtest.Fault { return gitlabtest.Answer(http.StatusTeapot, "not in a dry run") })
	call := b.Call(fmt.Sprintf(`{"repoUrl":%q,"path":["acme","teams"]}`, b.server.Host))
	call.DryRun = true
	output, err := b.action(t, "gitlab:group:ensureExists").Run(t.Context(), call)
	require.NoError(t, err)
	require.Equal(t, action.Output{"groupId": 42}, output)
}

func TestSecretsAreDeclared(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for id, name := range map[string]string{"gitlab:projectAccessToken:create": "access_token", "gitlab:projectDeployToken:create": "deploy_token"} {
		require.Equal(t, []string{name}, b.action(t, id).Describe().SecretOutputs)
	}
}

func TestATokenIsShownNowhereButInTheOutput(t *testing.T) {
	t.Parallel()
	b := setup(t)
	output, err := b.run(t, "gitlab:projectAccessToken:create", values{"projectId": b.project, "name": "robot", "scopes": []string{"api"}})
	require.NoError(t, err)
	secret, _ := output["access_token"].(string)
	require.True(t, b.server.Accepts("acme/shop", secret))
	require.NotContains(t, b.Log.Text(), secret)
	for _, effect := range b.Ledger.All() {
		require.NotContains(t, fmt.Sprintf("%s %s", effect.Name, effect.Data), secret)
	}
}

func TestAPipelineLeavesNoTrigger(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.run(t, "gitlab:pipeline:trigger", values{"projectId": b.project, "tokenDescription": "t", "branch": "missing"})
	require.ErrorContains(t, err, "Reference not found")
	require.NotContains(t, b.describe("acme/shop"), "trigger")
}

// TestAPipelineGoesWithItsProject: what is left of a pipeline that has ended is deleted if the same run has created the
// project. In the project of others it is kept.
func TestAPipelineGoesWithItsProject(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]bool{"own": true, "of others": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			if own {
				ledger := b.Ledger.For("run-1", "publish", "publish:gitlab")
				effect, err := ledger.Intend(t.Context(), action.Intent{Kind: "gitlab:project", Name: "acme/shop", Key: "publish"})
				require.NoError(t, err)
				require.NoError(t, ledger.Confirm(t.Context(), effect.ID, action.Confirmation{ExternalID: fmt.Sprint(b.project)}))
			}
			output, err := b.run(t, "gitlab:pipeline:trigger", values{"projectId": b.project, "tokenDescription": "t", "branch": "main"})
			require.NoError(t, err)
			b.server.Finish("acme/shop")
			effects := b.Ledger.All()
			err = b.Undo(t.Context(), b.action(t, "gitlab:pipeline:trigger"), effects[len(effects)-1])
			if own {
				require.NoError(t, err)
				require.NotContains(t, b.describe("acme/shop"), "pipeline")
				return
			}
			var kept *action.InUseError
			require.ErrorAs(t, err, &kept)
			require.Equal(t, fmt.Sprintf("%s ended with success and was kept: it shows what the pipeline did, which a rollback cannot take back.",
				output["pipelineUrl"]), kept.Reason)
			require.Contains(t, b.describe("acme/shop"), "pipeline on main success")
		})
	}
}

func TestAnIssueThatWasDiscussedStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	output, err := b.run(t, "gitlab:issues:create", values{"title": "Plan", "dueDate": "2030-01-02T03:04:05Z", "weight": 3, "issueType": "task"})
	require.NoError(t, err)
	require.Equal(t, b.server.URL+"/acme/shop/-/issues/1", output["issueUrl"])
	b.server.Discuss("acme/shop")
	var inUse *action.InUseError
	require.ErrorAs(t, b.RollBack(t.Context(), b.action(t, "gitlab:issues:create")), &inUse)
}

func TestAnEditIsTakenBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.AddIssue("acme/shop", "Old", gitlabtest.Ann)
	b.server.EditIssue("acme/shop", 1, func(one *client.Issue) { one.Labels = client.Labels{"a", "b"} })
	before := b.describe("acme/shop")
	output, err := b.run(t, "gitlab:issue:edit", values{"projectId": b.project, "issueIid": 1, "stateEvent": "close", "labels": "c"})
	require.NoError(t, err)
	require.Equal(t, "closed", output["state"])
	require.NotEqual(t, before, b.describe("acme/shop"))
	require.NoError(t, b.RollBack(t.Context(), b.action(t, "gitlab:issue:edit")))
	require.Equal(t, before, b.describe("acme/shop"))
}

func TestUserInfo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	output, err := b.run(t, "gitlab:user:info", values{"repoUrl": b.server.Host, "token": gitlabtest.AnnToken})
	require.NoError(t, err)
	require.Equal(t, "ann", output["username"])
	_, err = b.run(t, "gitlab:user:info", values{"repoUrl": b.server.Host, "userId": 99})
	require.ErrorContains(t, err, "looking for the user 99: "+b.server.Host+" answered 404: 404 User Not Found")
}
