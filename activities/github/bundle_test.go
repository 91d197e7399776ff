package github_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/github"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// bundle is a forge, the action connected to it, and one run's ledger and log.
type bundle struct {
	forge  *forgetest.Server
	action action.Action
	client *gogithub.Client
	ledger *actiontest.Ledger
	log    *actiontest.Log
	files  string
}

func setup(t testing.TB) *bundle {
	t.Helper()
	server := forgetest.Start(t)
	b := &bundle{forge: server, ledger: &actiontest.Ledger{}, log: &actiontest.Log{}, files: t.TempDir()}
	b.action = github.NewPublish(github.Options{Hosts: hosts(t, server, server.Token())})
	b.client = server.Client(t)
	b.write(t, "README.md", "# Shop\n")
	b.write(t, "src/main.go", "package main\n")
	return b
}

func hosts(t testing.TB, server *forgetest.Server, token string) *integration.Set {
	t.Helper()
	set, err := forges.New(forges.Config{
		GitHub: []githubhost.Config{{Host: server.Host, APIBaseURL: server.APIBaseURL, Token: token}},
	}, integration.Options{})
	require.NoError(t, err)
	return set
}

func (b *bundle) write(t testing.TB, path, content string) {
	t.Helper()
	path = filepath.Join(b.files, path)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

type values map[string]any

// call is a step that publishes to demo/shop unless the input says otherwise.
func (b *bundle) call(t testing.TB, input values) *action.Call {
	t.Helper()
	complete := values{"repoUrl": b.forge.Host + "?owner=demo&repo=shop"}
	maps.Copy(complete, input)
	encoded, err := json.Marshal(complete)
	require.NoError(t, err)
	workspace, err := os.OpenRoot(b.files)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, workspace.Close()) })
	return &action.Call{
		RunID: "run-1", StepID: "publish", StepName: "Publish", Input: encoded, Workspace: workspace, Log: b.log,
		Ledger: b.ledger.For("run-1", "publish", "publish:github"),
	}
}

func (b *bundle) run(t *testing.T, input values) (action.Output, error) {
	t.Helper()
	return b.action.Run(t.Context(), b.call(t, input))
}

// undo undoes the run's only effect.
func (b *bundle) undo(t *testing.T) error {
	t.Helper()
	return b.action.Undo(t.Context(), &action.UndoCall{RunID: "run-1", Effect: b.effect(t), Log: b.log})
}

// effect is the run's only effect.
func (b *bundle) effect(t *testing.T) action.Effect {
	t.Helper()
	require.Len(t, b.ledger.All(), 1)
	return b.ledger.All()[0]
}

// requirePublished checks that there is one repository with one commit, and that it is in the ledger.
func (b *bundle) requirePublished(t *testing.T, output action.Output) {
	t.Helper()
	commits, _, err := b.client.Repositories.ListCommits(t.Context(), "demo", "shop", nil)
	require.NoError(t, err)
	require.Len(t, commits, 1)
	require.Equal(t, output["commitHash"], commits[0].GetSHA())
	repository, _, err := b.client.Repositories.Get(t.Context(), "demo", "shop")
	require.NoError(t, err)
	require.NotContains(t, repository.GetDescription(), "Being created", "the marker was removed")
	require.Equal(t, output["remoteUrl"], repository.GetCloneURL())
	require.Equal(t, action.EffectCreated, b.effect(t).State)
	require.Equal(t, fmt.Sprint(repository.GetID()), b.effect(t).ExternalID)
}

// push pushes a commit of another user: on top of the existing commits, or as a new root.
func (b *bundle) push(t testing.TB, onto bool, branch string) {
	t.Helper()
	b.forge.Push(t, "demo/shop", branch, onto, nil)
}

// on selects the requests with a method and a path for a fault.
func on(method, path string, fault forgetest.Fault) func(*http.Request) forgetest.Fault {
	return func(r *http.Request) forgetest.Fault {
		if r.Method == method && strings.HasSuffix(r.URL.Path, path) {
			return fault
		}
		return nil
	}
}
