package github_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/github"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// bundle is a forge, the action connected to it, and one run's ledger and log.
type bundle struct {
	forge  *forgetest.Server
	action action.Action
	client *gogithub.Client
	ledger *ledger
	log    *log
	files  string
}

func setup(t testing.TB) *bundle {
	t.Helper()
	server := forgetest.Start(t)
	b := &bundle{forge: server, ledger: &ledger{run: "run-1"}, log: &log{}, files: t.TempDir()}
	b.action = github.NewPublish(github.Options{Hosts: hosts(t, server, server.Token())})
	b.client = gogithub.NewClient(nil).WithAuthToken(server.Token())
	base, err := url.Parse(server.APIBaseURL + "/")
	require.NoError(t, err)
	b.client.BaseURL = base
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
		RunID: b.ledger.run, StepID: "publish", StepName: "Publish", Input: encoded, Workspace: workspace, Log: b.log, Ledger: b.ledger,
	}
}

func (b *bundle) run(t *testing.T, input values) (action.Output, error) {
	t.Helper()
	return b.action.Run(t.Context(), b.call(t, input))
}

// undo rolls the run's only effect back.
func (b *bundle) undo(t *testing.T) error {
	t.Helper()
	require.Len(t, b.ledger.effects, 1)
	return b.action.Undo(t.Context(), &action.UndoCall{RunID: b.ledger.run, Effect: b.ledger.effects[0], Log: b.log})
}

// requirePublished checks what every completed run leaves: one repository with one commit, known to the ledger.
func (b *bundle) requirePublished(t *testing.T, output action.Output) {
	t.Helper()
	commits, _, err := b.client.Repositories.ListCommits(t.Context(), "demo", "shop", nil)
	require.NoError(t, err)
	require.Len(t, commits, 1)
	require.Equal(t, output["commitHash"], commits[0].GetSHA())
	repository, _, err := b.client.Repositories.Get(t.Context(), "demo", "shop")
	require.NoError(t, err)
	require.NotContains(t, repository.GetDescription(), "Being created", "the marker is gone")
	require.Equal(t, output["remoteUrl"], repository.GetCloneURL())
	require.Len(t, b.ledger.effects, 1)
	require.Equal(t, action.EffectCreated, b.ledger.effects[0].State)
	require.Equal(t, fmt.Sprint(repository.GetID()), b.ledger.effects[0].ExternalID)
}

// push makes a commit as somebody else and pushes it: onto what is there, or as a root of its own.
func (b *bundle) push(t *testing.T, onto bool, branch string) {
	t.Helper()
	directory := t.TempDir()
	remote := "http://x-access-token:" + b.forge.Token() + "@" + b.forge.Host + "/demo/shop.git"
	commands := [][]string{{"init", "--quiet", "--initial-branch=" + branch}}
	if onto {
		commands = append(commands, []string{"pull", "--quiet", remote, "main"})
	}
	commands = append(commands, []string{"commit", "--quiet", "--allow-empty", "-m", "by Ann"}, []string{"push", "--quiet", remote, "HEAD:refs/heads/" + branch})
	for _, args := range commands {
		command := exec.CommandContext(t.Context(), "git", args...)
		command.Dir = directory
		command.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
			"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com",
			"GIT_AUTHOR_DATE=@1500000000 +0000", "GIT_COMMITTER_DATE=@1500000000 +0000")
		output, err := command.CombinedOutput()
		require.NoError(t, err, string(output))
	}
}

// ledger keeps effects in memory, with the rules of the real one.
type ledger struct {
	run string
	// step is told of every call before and after it takes effect; an error is what the caller gets in its place.
	step    func() error
	mutex   sync.Mutex
	effects []action.Effect
}

func (l *ledger) between(change func()) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.step == nil {
		change()
		return nil
	}
	if err := l.step(); err != nil {
		return err
	}
	change()
	return l.step()
}

func (l *ledger) Intend(_ context.Context, intent action.Intent) (effect action.Effect, err error) {
	data, err := json.Marshal(intent.Data)
	if err != nil {
		return action.Effect{}, err
	}
	err = l.between(func() {
		at := slices.IndexFunc(l.effects, func(one action.Effect) bool { return one.Key == intent.Key })
		if at < 0 {
			at = len(l.effects)
			l.effects = append(l.effects, action.Effect{
				ID: uuid.NewString(), RunID: l.run, StepID: "publish", Kind: intent.Kind, Name: intent.Name, Key: intent.Key,
				Data: data, State: action.EffectUndone,
			})
		}
		if l.effects[at].State == action.EffectUndone {
			l.effects[at].State, l.effects[at].IntendedAt, l.effects[at].Fresh = action.EffectIntended, time.Now(), true
		}
		effect = l.effects[at]
		l.effects[at].Fresh = false
	})
	return effect, err
}

func (l *ledger) change(id string, change func(*action.Effect)) error {
	return l.between(func() {
		for i := range l.effects {
			if l.effects[i].ID == id {
				change(&l.effects[i])
			}
		}
	})
}

func (l *ledger) Confirm(_ context.Context, id string, confirmation action.Confirmation) error {
	return l.change(id, func(effect *action.Effect) {
		effect.State, effect.ExternalID, effect.URL = action.EffectCreated, confirmation.ExternalID, confirmation.URL
	})
}

func (l *ledger) Abandon(_ context.Context, id, note string) error {
	return l.change(id, func(effect *action.Effect) { effect.State, effect.Note = action.EffectUndone, note })
}

func (l *ledger) Effects(context.Context) (effects []action.Effect, err error) {
	err = l.between(func() { effects = slices.Clone(l.effects) })
	return effects, err
}

// log keeps the lines.
type log struct {
	mutex sync.Mutex
	lines []string
}

func (l *log) add(format string, args []any) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *log) Info(format string, args ...any)  { l.add(format, args) }
func (l *log) Warn(format string, args ...any)  { l.add("warning: "+format, args) }
func (l *log) Error(format string, args ...any) { l.add("error: "+format, args) }

func (l *log) text() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return strings.Join(l.lines, "\n")
}

// on picks the requests of a method and a path for a fault.
func on(method, path string, fault forgetest.Fault) func(*http.Request) forgetest.Fault {
	return func(r *http.Request) forgetest.Fault {
		if r.Method == method && strings.HasSuffix(r.URL.Path, path) {
			return fault
		}
		return nil
	}
}
