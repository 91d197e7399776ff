package azure_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/azuretest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const (
	cloneID = "azure:repository:clone"
	pushID  = "azure:repository:push"
)

// addInfrastructure makes a repository with a program and a link in it, and returns its newest commit.
func addInfrastructure(server *azuretest.Server) (hash string) {
	server.AddRepository("infrastructure")
	server.Git.Commit("infrastructure", "main", map[string]string{"README.md": "# Infrastructure\n", "old/main.tf": "resource\n"})
	return server.Git.Tip("infrastructure", "main")
}

// cloned are the files of a workspace into which that commit was cloned, and which a step has changed.
func cloned(server *azuretest.Server, hash string) map[string]string {
	return map[string]string{
		".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": hash + "\n",
		".git/config": "[remote \"origin\"]\n\turl = " + server.RemoteURL("infrastructure") + "\n",
		"README.md":   "# Infrastructure\n\nof shops\n", "shop/main.tf": "resource shop\n",
	}
}

func TestRepositoryActionsConform(t *testing.T) {
	t.Parallel()
	remote := values{"remoteUrl": "SERVER/acme/web/_git/infrastructure"}
	for _, id := range []string{cloneID, "azure:repo:clone"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			conform(t, id, remote, func(b *bundle, fixture *actiontest.Fixture) {
				addInfrastructure(b.server)
				fixture.Files = map[string]string{"mine": "stays"}
			})
		})
	}
	for name, branch := range map[string]string{"a new branch": "add-shop", "the branch that was cloned": "main"} {
		for id, input := range map[string]values{
			pushID:            {"remoteUrl": "SERVER/acme/web/_git/infrastructure", "branch": branch},
			"azure:repo:push": {"branch": branch},
		} {
			t.Run(id+" to "+name, func(t *testing.T) {
				t.Parallel()
				conform(t, id, input, func(b *bundle, fixture *actiontest.Fixture) {
					fixture.Files = cloned(b.server, addInfrastructure(b.server))
					fixture.State = func(testing.TB) []string { return b.server.Repositories() }
					fixture.Use = func(testing.TB) { b.server.Git.Commit("infrastructure", branch, map[string]string{"hers": "hers"}) }
				})
			})
		}
	}
	for id, input := range map[string]values{
		"azure:pr:create": proposal,
		"azure:repo:pr": {
			"server": "HOST", "organization": "acme", "project": "web", "repoId": "infrastructure", "sourceBranch": "add-shop", "title": "Add the shop",
		},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			conform(t, id, input, func(b *bundle, fixture *actiontest.Fixture) {
				addProposal(b)
				fixture.State = func(testing.TB) []string { return b.server.Pulls() }
				fixture.Use = func(testing.TB) { b.server.Comment("Why?") }
				fixture.Take = func(testing.TB) { b.server.OpenPull("infrastructure", "add-shop", "main") }
			})
		})
	}
}

var proposal = values{
	"server": "HOST", "organization": "acme", "project": "web", "repoName": "infrastructure", "sourceBranch": "add-shop", "title": "Add the shop", "autoComplete": true,
}

func addProposal(b *bundle) {
	addInfrastructure(b.server)
	b.server.Git.Commit("infrastructure", "add-shop", map[string]string{"shop": "a"})
}

// TestCloneChangePushPropose is the way of templates: the four steps, one after the other, and back.
func TestCloneChangePushPropose(t *testing.T) {
	t.Parallel()
	for name, ids := range map[string]struct{ clone, push, propose, repository string }{
		"by one plugin":    {cloneID, pushID, "azure:pr:create", "repoName"},
		"by the other one": {"azure:repo:clone", "azure:repo:push", "azure:repo:pr", "repoId"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			base := addInfrastructure(b.server)
			before := b.server.Digest()
			steps := []struct {
				id    string
				input values
			}{
				{ids.clone, values{"remoteUrl": "http://acme@HOST/acme/web/_git/infrastructure", "targetPath": "./there"}},
				{ids.push, values{"sourcePath": "./there", "branch": "add-shop", "gitCommitMessage": "Add the shop", "gitAuthorName": "Ann", "gitAuthorEmail": "ann@example.com"}},
				{ids.propose, values{"server": "HOST", "organization": "acme", "project": "web", ids.repository: "infrastructure", "sourceBranch": "add-shop", "title": "Add the shop"}},
			}
			if ids.push == pushID {
				steps[1].input["remoteUrl"] = "SERVER/acme/web/_git/infrastructure"
			}
			var undos []action.Action
			for n, step := range steps {
				if n == 1 {
					b.Write(t, map[string]string{"there/shop/main.tf": "resource shop\n", "there/README.md": "# With a shop\n"})
				}
				output, err := b.run(t, step.id, step.input)
				require.NoError(t, err)
				if step.id == cloneID {
					require.Equal(t, b.Workspace.Name()+"/there", output["cloneFullPath"])
				}
				undos = append(undos, b.action(t, step.id))
			}
			require.Contains(t, b.server.Git.Files("infrastructure"), "add-shop: README.md=# With a shop")
			require.Contains(t, b.server.Git.Files("infrastructure"), "add-shop: old/main.tf=resource")
			require.Equal(t, "Ann Add the shop "+base, b.server.Git.Git("infrastructure", "log", "-1", "--format=%an %s %P", "add-shop"))
			require.Equal(t, []string{"infrastructure refs/heads/add-shop into refs/heads/main: Add the shop () active "}, b.server.Pulls())
			require.NotContains(t, b.Log.Text(), azuretest.Token)

			effects := b.Ledger.All()
			require.Len(t, effects, 2)
			require.NoError(t, b.Undo(t.Context(), undos[2], effects[1]))
			require.NoError(t, b.Undo(t.Context(), undos[1], effects[0]))
			require.Empty(t, b.server.Pulls())
			require.Equal(t, []string{"main"}, b.server.Git.Branches("infrastructure"))
			require.NotEqual(t, before, b.server.Digest(), "an abandoned pull request is kept by the host")
		})
	}
}

func TestClone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	addInfrastructure(b.server)
	b.server.Git.Commit("infrastructure", "develop", map[string]string{"develop.txt": "d"})
	_, err := b.run(t, cloneID, values{"remoteUrl": "SERVER/acme/web/_git/infrastructure", "branch": "develop"})
	require.NoError(t, err)
	content, err := b.Workspace.ReadFile("develop.txt")
	require.NoError(t, err)
	require.Equal(t, "d", string(content))
	config, err := b.Workspace.ReadFile(".git/config")
	require.NoError(t, err)
	require.NotContains(t, string(config), azuretest.Token)
}

func TestCloneRefusesLinksThatLeadOut(t *testing.T) {
	t.Parallel()
	for link, says := range map[string]string{
		"->README.md": "", "->../../../etc/passwd": "the link old/link of acme/web/infrastructure leads out of the repository", "->/etc/passwd": "leads out of the repository",
	} {
		t.Run(link, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			addInfrastructure(b.server)
			b.server.Git.Commit("infrastructure", "main", map[string]string{"old/link": link})
			_, err := b.run(t, cloneID, values{"remoteUrl": "SERVER/acme/web/_git/infrastructure"})
			if says != "" {
				require.ErrorContains(t, err, says)
				require.Equal(t, fault.Input, fault.KindOf(err))
				return
			}
			require.NoError(t, err)
			target, err := b.Workspace.Readlink("old/link")
			require.NoError(t, err)
			require.Equal(t, "README.md", target)
		})
	}
}

func TestCloneWritesNothingOutsideTheWorkspace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	addInfrastructure(b.server)
	outside := t.TempDir()
	for name, link := range map[string]string{"a link of the workspace to a directory": "old", "a link in place of the target": "target"} {
		require.NoError(t, b.Workspace.Symlink(outside, link), name)
	}
	_, err := b.run(t, cloneID, values{"remoteUrl": "SERVER/acme/web/_git/infrastructure", "targetPath": "target"})
	require.ErrorContains(t, err, `targetPath "target"`)
	_, err = b.run(t, cloneID, values{"remoteUrl": "SERVER/acme/web/_git/infrastructure", "targetPath": "../x"})
	require.ErrorContains(t, err, `targetPath "../x" leads out of the workspace`)
	_, err = b.run(t, cloneID, values{"remoteUrl": "SERVER/acme/web/_git/infrastructure"})
	require.NoError(t, err)
	content, err := b.Workspace.ReadFile("old/main.tf")
	require.NoError(t, err)
	require.Equal(t, "resource\n", string(content), "the link was replaced by a directory")
	require.NoFileExists(t, outside+"/main.tf")
}

func TestRefusalsOfRepositories(t *testing.T) {
	t.Parallel()
	remote := "SERVER/acme/web/_git/infrastructure"
	for name, test := range map[string]struct {
		id    string
		input values
		files map[string]string
		// isBare says that the workspace has no clone.
		isBare bool
		says   string
		kind   fault.Kind
	}{
		"another host":         {cloneID, values{"remoteUrl": "https://git.example/acme/web/_git/x"}, nil, false, "No matching integration configuration for host git.example", fault.Input},
		"no repository":        {cloneID, values{"remoteUrl": "SERVER/acme/web"}, nil, false, "Azure URL must point to a git repository", fault.Input},
		"a repository missing": {cloneID, values{"remoteUrl": "SERVER/acme/web/_git/none"}, nil, false, "has no such repository, or hides it", fault.NotFound},
		"a branch missing":     {cloneID, values{"remoteUrl": remote, "branch": "none"}, nil, false, "acme/web/infrastructure has no branch none", fault.NotFound},
		"a wrong token":        {cloneID, values{"remoteUrl": remote, "token": "wrong"}, nil, false, "refused the credentials", fault.NotAllowed},
		"no clone":             {pushID, values{"remoteUrl": remote}, nil, true, "The directory is no clone of a repository", fault.Input},
		"a clone of another":   {pushID, values{"remoteUrl": "SERVER/acme/web/_git/other"}, nil, false, "not from remoteUrl", fault.Input},
		"a bad branch":         {pushID, values{"remoteUrl": remote, "branch": "a b"}, nil, false, `branch "a b"`, fault.Input},
		"an origin elsewhere": {
			"azure:repo:push", nil, map[string]string{".git/config": "[remote \"origin\"]\n\turl = https://git.example/x\n"}, false,
			"No matching integration configuration for host git.example", fault.Input,
		},
		"a commit that is not there": {
			"azure:repo:push", nil, map[string]string{".git/refs/heads/main": "1234567890123456789012345678901234567890\n"}, false, "is not on main of acme/web/infrastructure any more", fault.Conflict,
		},
		"no number of a work item": {"azure:pr:create", values{"server": "HOST", "organization": "acme", "project": "web", "repoName": "infrastructure", "title": "T", "workItemId": "x"}, nil, false, "If specified, Work Item ID must be a number", fault.Input},
		"no source branch":         {"azure:pr:create", values{"server": "HOST", "organization": "acme", "project": "web", "repoName": "infrastructure", "title": "T"}, nil, false, "TF401398", fault.Input},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			files := cloned(b.server, addInfrastructure(b.server))
			if test.isBare {
				clear(files)
			}
			maps.Copy(files, test.files)
			b.Write(t, files)
			before := b.server.Digest()
			_, err := b.run(t, test.id, test.input)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.False(t, action.IsTransient(err))
			require.Equal(t, before, b.server.Digest())
		})
	}
}

func TestPushRefusesABranchThatHasMovedOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Write(t, cloned(b.server, addInfrastructure(b.server)))
	hers := b.server.Git.Commit("infrastructure", "main", map[string]string{"hers": "hers"})
	_, err := b.run(t, "azure:repo:push", values{"branch": "main"})
	require.ErrorContains(t, err, "main of acme/web/infrastructure has commits that this run did not make")
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.Equal(t, hers, b.server.Git.Tip("infrastructure", "main"))

	_, err = b.run(t, "azure:repo:push", values{"branch": "elsewhere"})
	require.NoError(t, err, "a new branch begins at the commit that was cloned")
}

func TestPullRequestOptions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	addProposal(b)
	_, err := b.run(t, "azure:pr:create", values{
		"server": "HOST", "organization": "acme", "project": "web", "repoName": "infrastructure", "sourceBranch": "add-shop", "title": "Add", "description": "Text",
		"autoComplete": true, "mergeStrategy": "squash", "workItemId": "42", "supportsIterations": false,
	})
	require.NoError(t, err)
	require.Equal(t, []string{"infrastructure refs/heads/add-shop into refs/heads/main: Add (Text) active squash#42"}, b.server.Pulls())
}
