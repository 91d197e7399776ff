package gitlab_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	client "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/activities/gitlab"
	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	gitlabhost "github.com/portico-dev/portico/integration/gitlab"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/gitlabtest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// bundle is a GitLab with the project acme/shop, the actions connected to it, and a place to run them at.
type bundle struct {
	*actiontest.Harness

	t       testing.TB
	server  *gitlabtest.Server
	options gitlab.Options
	// project is the number of acme/shop.
	project int64
}

func setup(t testing.TB) *bundle {
	t.Helper()
	server := gitlabtest.Start(t)
	b := &bundle{t: t, Harness: actiontest.NewHarness(t), server: server, options: gitlab.Options{Hosts: hosts(t, server, gitlabtest.Token)}}
	b.project = server.AddProject("acme/shop", gitlabtest.Portico, map[string]string{"old.txt": "old", "README.md": "# Shop\n"})
	return b
}

func hosts(t testing.TB, server *gitlabtest.Server, token string) *integration.Set {
	t.Helper()
	set, err := forges.New(forges.Config{
		GitLab: []gitlabhost.Config{{Host: server.Host, BaseURL: server.URL, APIBaseURL: server.APIBaseURL, Token: token}},
	}, integration.Options{})
	require.NoError(t, err)
	return set
}

// action is one of the actions.
func (b *bundle) action(t testing.TB, id string) action.Action {
	t.Helper()
	return recordedtest.ByID(t, gitlab.Actions(b.options), id)
}

// client is a client of the server with a token.
func (b *bundle) client(token string) *client.Client { return b.server.Client(b.t, token) }

type values map[string]any

// run runs an action with an input. The repoUrl is that of acme/shop unless the input has one.
func (b *bundle) run(t testing.TB, id string, input values) (action.Output, error) {
	t.Helper()
	return b.runAs(t, "step", id, input)
}

// runAs is run for a step with an id.
func (b *bundle) runAs(t testing.TB, step, id string, input values) (action.Output, error) {
	t.Helper()
	complete := values{"repoUrl": b.server.Host + "?owner=acme&repo=shop"}
	maps.Copy(complete, input)
	encoded, err := json.Marshal(complete)
	require.NoError(t, err)
	call := b.Call(string(encoded))
	call.StepID = step
	return b.action(t, id).Run(t.Context(), call)
}

// write puts files into the workspace.
func (b *bundle) write(t testing.TB, files map[string]string) {
	t.Helper()
	for name, content := range files {
		if at := strings.LastIndex(name, "/"); at > 0 {
			require.NoError(t, b.Workspace.MkdirAll(name[:at], 0o755))
		}
		require.NoError(t, b.Workspace.WriteFile(name, []byte(content), 0o644))
	}
}

// describe describes a project of the server, "" when there is none.
func (b *bundle) describe(path string) string {
	for _, one := range b.server.Projects() {
		if strings.HasPrefix(one, path+" ") {
			return one
		}
	}
	return ""
}

// on selects the requests with a method and a path for a fault.
func on(method, path string, fault gitlabtest.Fault) func(*http.Request) gitlabtest.Fault {
	return func(r *http.Request) gitlabtest.Fault {
		if r.Method == method && strings.HasSuffix(r.URL.Path, path) {
			return fault
		}
		return nil
	}
}

var author = gitpush.Author{Name: "Stub Author", Email: "author@example.com"}
