package github_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/github"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// dispatchInput dispatches the workflow of the shop.
var dispatchInput = values{"workflowId": "ci.yaml", "branchOrTagName": "main", "workflowInputs": values{"name": "shop"}}

// wait runs the action as the engine does: again whenever it has to wait, until each is done. Between the looks, the
// next status of the newest run is what GitHub shows.
func (s *shop) wait(t testing.TB, input values, statuses ...[2]string) (action.Output, error) {
	t.Helper()
	for {
		output, err := s.run(t, input)
		waiting, waits := errors.AsType[*action.NotYetError](err)
		if !waits {
			require.Empty(t, statuses, "the action has looked as often as the run has changed")
			return output, err
		}
		s.Log.Info("waiting %t: %s", waiting.After >= time.Millisecond, waiting.Waiting)
		require.NotEmpty(t, statuses)
		require.NoError(t, s.forge.SettleRun("demo", "shop", s.runs(t)[0].GetID(), statuses[0][0], statuses[0][1]))
		statuses = statuses[1:]
	}
}

func TestDispatchWaitsForTheEnd(t *testing.T) {
	t.Parallel()
	s := openShop(t, "github:actions:dispatch", dispatchInput)
	output, err := s.wait(t, values{"waitForCompletion": true}, [2]string{"in_progress", ""}, [2]string{"completed", "success"})
	require.NoError(t, err)
	run := s.runs(t)[0]
	require.Equal(t, action.Output{
		"workflowRunId": run.GetID(), "workflowRunUrl": run.GetURL(), "workflowRunHtmlUrl": run.GetHTMLURL(), "workflowRunConclusion": "success",
	}, output)
	require.Equal(t, []string{
		"Dispatching workflow ci.yaml for repo " + s.forge.Host + "?owner=demo&repo=shop on main", "Workflow ci.yaml dispatched successfully",
		"waiting true: The run " + run.GetHTMLURL() + " is queued", "waiting true: The run " + run.GetHTMLURL() + " is in progress",
		"The run " + run.GetHTMLURL() + " ended with success",
	}, s.Log.Lines())
	require.Len(t, s.runs(t), 1)
}

func TestDispatchFailsWithItsRun(t *testing.T) {
	t.Parallel()
	s := openShop(t, "github:actions:dispatch", dispatchInput)
	_, err := s.wait(t, values{"waitForCompletion": true}, [2]string{"completed", "failure"})
	run := s.runs(t)[0]
	require.ErrorContains(t, err, "The run "+run.GetHTMLURL()+" of the workflow ci.yaml ended with failure (build: failure).")
	require.Contains(t, action.Advice(err), "Re-run it and retry the step")
	require.False(t, action.IsTransient(err))

	s.request(t, http.MethodPost, fmt.Sprintf("actions/runs/%d/rerun", run.GetID()), nil, nil)
	_, err = s.wait(t, values{"waitForCompletion": true}, [2]string{"completed", "success"})
	require.NoError(t, err, "a retry waits for the same run")
	require.Len(t, s.runs(t), 1)

	var used *action.InUseError
	require.ErrorAs(t, s.RollBack(t.Context(), s.action), &used)
	require.Equal(t, run.GetHTMLURL()+" ended with success and was kept: it shows what the workflow did, which a rollback cannot take back.", used.Reason)
}

// TestDispatchWaitsNoLongerThanAsked: the time counts since the step began, or since it began again. With each, the
// time of an iteration counts since it dispatched the workflow.
func TestDispatchWaitsNoLongerThanAsked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		began, dispatched time.Duration
		waits             bool
	}{
		"in time":                      {59 * time.Minute, 59 * time.Minute, true},
		"too late":                     {61 * time.Minute, 60 * time.Minute, false},
		"an iteration that is in time": {61 * time.Minute, 10 * time.Minute, true},
		"a retry":                      {10 * time.Minute, 61 * time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, "github:actions:dispatch", dispatchInput)
			input := maps.Clone(s.input)
			maps.Copy(input, values{"waitForCompletion": true, "waitTimeoutSeconds": 3600})
			encoded, err := json.Marshal(input)
			require.NoError(t, err)
			call := s.Call(string(encoded))
			var waiting *action.NotYetError
			_, err = s.action.Run(t.Context(), call)
			require.ErrorAs(t, err, &waiting)

			call.StartedAt, call.Ledger = time.Now().Add(-test.began), aged{call.Ledger, test.dispatched}
			_, err = s.action.Run(t.Context(), call)
			if test.waits {
				require.ErrorAs(t, err, &waiting)
				require.LessOrEqual(t, waiting.After, time.Minute)
				return
			}
			require.ErrorContains(t, err, "has not ended within 1h0m0s")
			require.Contains(t, action.Advice(err), "Retry the step")
			require.NoError(t, s.RollBack(t.Context(), s.action))
			require.Equal(t, "cancelled", s.runs(t)[0].GetConclusion())
		})
	}
}

// aged is a ledger whose effects were intended a while ago.
type aged struct {
	action.Ledger
	by time.Duration
}

func (a aged) Effects(ctx context.Context) ([]action.Effect, error) {
	effects, err := a.Ledger.Effects(ctx)
	for n := range effects {
		effects[n].IntendedAt = effects[n].IntendedAt.Add(-a.by)
	}
	return effects, err
}

// TestABuildGoesWithItsRepository: what is left of a run that has ended is deleted if the same run of the template
// has created the repository.
func TestABuildGoesWithItsRepository(t *testing.T) {
	t.Parallel()
	s := openShop(t, "github:actions:dispatch", dispatchInput)
	s.own(t)
	_, err := s.wait(t, values{"waitForCompletion": true}, [2]string{"completed", "success"})
	require.NoError(t, err)
	dispatched := s.Ledger.All()[1]
	for range 2 {
		require.NoError(t, s.Undo(t.Context(), s.action, dispatched))
		require.Empty(t, s.runs(t))
	}
}

// own records that this run has created the repository.
func (s *shop) own(t testing.TB) {
	t.Helper()
	ledger := s.Ledger.For("run-1", "publish", "publish:github")
	effect, err := ledger.Intend(t.Context(), action.Intent{Kind: "github:repository", Name: "demo/shop", Key: "publish",
		Data: values{"host": s.forge.Host, "owner": "demo", "repo": "shop"}})
	require.NoError(t, err)
	require.NoError(t, ledger.Confirm(t.Context(), effect.ID, action.Confirmation{}))
}

func TestDispatchFindsTheRunOfAFullRef(t *testing.T) {
	t.Parallel()
	s := openShop(t, "github:actions:dispatch", dispatchInput)
	_, err := s.run(t, values{"branchOrTagName": "refs/heads/main"})
	require.NoError(t, err)
	require.NoError(t, s.RollBack(t.Context(), s.action))
	require.Equal(t, "cancelled", s.runs(t)[0].GetConclusion())
}

func TestDispatchLeavesRunsOfOthers(t *testing.T) {
	t.Parallel()
	s := openShop(t, "github:actions:dispatch", dispatchInput)
	dispatched := func() {
		_, err := s.client.Actions.CreateWorkflowDispatchEventByFileName(t.Context(), "demo", "shop", "ci.yaml",
			gogithub.CreateWorkflowDispatchEventRequest{Ref: "main", Inputs: map[string]any{"name": "other"}})
		require.NoError(t, err)
	}
	dispatched()
	s.forge.Inject(on(http.MethodPost, "/dispatches", forgetest.DropAfter))
	_, err := s.run(t, nil)
	require.True(t, action.IsTransient(err), err)
	s.forge.Inject(nil)
	dispatched()
	_, err = s.run(t, nil)
	require.NoError(t, err)
	require.Len(t, s.runs(t), 3, "the attempt found the run of the one before")
	require.NoError(t, s.RollBack(t.Context(), s.action))
	states := []string{}
	for _, run := range s.runs(t) {
		states = append(states, run.GetConclusion())
	}
	require.Equal(t, []string{"", "cancelled", ""}, states)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id     string
		input  values
		fails  func(*http.Request) forgetest.Fault
		says   string
		advice string
		kind   fault.Kind
	}{
		"no workflow": {"github:actions:dispatch", values{"workflowId": "none.yaml", "branchOrTagName": "main"}, nil,
			"dispatching the workflow none.yaml of demo/shop: HOST answered 404: Not Found", "Check the name", fault.NotFound},
		"no trigger": {"github:actions:dispatch", values{"workflowId": "push.yaml", "branchOrTagName": "main"}, nil,
			"Workflow does not have 'workflow_dispatch' trigger", "Correct the value", fault.Input},
		"no input": {"github:actions:dispatch", values{"workflowId": "ci.yaml", "branchOrTagName": "main"}, nil,
			"Required input 'name' not provided", "Correct the value", fault.Input},
		"no branch":      {"github:actions:dispatch", values{"workflowId": "ci.yaml", "branchOrTagName": "none"}, nil, "No ref found for: none", "Correct", fault.Input},
		"no webhook URL": {"github:webhook", values{"webhookUrl": "ci.example"}, nil, "webhookUrl is not a URL", "", fault.Input},
		"no scope": {"github:webhook", values{"webhookUrl": "https://ci.example"},
			on(http.MethodPost, "/hooks", forgetest.Answer(404, "Not Found", http.Header{"X-Oauth-Scopes": {"repo:status"}, "X-Accepted-Oauth-Scopes": {"admin:repo_hook, repo"}})),
			"answered 404: Not Found; the token lacks the scope admin:repo_hook or repo", "Give the token the right the scope", fault.NotFound},
		"no permission": {"github:webhook", values{"webhookUrl": "https://ci.example"},
			on(http.MethodPost, "/hooks", forgetest.Answer(403, "Resource not accessible by personal access token", http.Header{"X-Accepted-Github-Permissions": {"repository_hooks=write"}})),
			"answered 403: Resource not accessible by personal access token; the token lacks repository_hooks: write", "Give the token the right repository_hooks: write", fault.NotAllowed},
		"no permission of the App": {"github:autolinks:create", values{"keyPrefix": "T-", "urlTemplate": "https://t.example/<num>"},
			on(http.MethodPost, "/autolinks", forgetest.Answer(403, "Resource not accessible by integration", http.Header{"X-Accepted-Github-Permissions": {"administration=write,metadata=read; admin=write"}})),
			"the App lacks administration: write and metadata: read or admin: write", "Add the permission", fault.NotAllowed},
		"no number in the URL": {"github:autolinks:create", values{"keyPrefix": "T-", "urlTemplate": "https://t.example"}, nil, "must contain <num>", "", fault.Input},
		"no issue":             {"github:issues:label", values{"number": 7, "labels": []string{"bug"}}, nil, "adding labels to #7 of demo/shop: HOST answered 404", "", fault.NotFound},
		"no label":             {"github:issues:label", values{"number": 7, "labels": []string{}}, nil, "labels names no label", "", fault.Input},
		"both policies": {"github:environment:create", values{"name": "prod", "deploymentBranchPolicy": values{"protected_branches": true, "custom_branch_policies": true}}, nil,
			"cannot have the same value", "", fault.Input},
		"no source branch": {"github:pages:enable", values{"buildType": "legacy", "sourceBranch": "none"}, nil, "The none branch must exist", "", fault.Input},
		"key of another repository": {"github:deployKey:create", values{"publicKey": publicKey, "privateKey": "hunter2", "deployKeyName": "bot"},
			on(http.MethodPost, "/keys", forgetest.Answer(422, "key is already in use", nil)), "key is already in use", "Use another pair of keys", fault.Input},
		"no repository": {"github:issues:create", values{"repoUrl": "HOST?owner=demo&repo=none", "title": "x"}, nil, "creating an issue of demo/none: HOST answered 404", "", fault.NotFound},
		"unknown host":  {"github:issues:create", values{"repoUrl": "git.example?owner=demo&repo=none", "title": "x"}, nil, "No matching integration configuration for host git.example", "", fault.Input},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, test.id, test.input)
			s.forge.Inject(test.fails)
			if repoURL, is := test.input["repoUrl"].(string); is {
				s.input["repoUrl"] = strings.ReplaceAll(repoURL, "HOST", s.forge.Host)
			}
			_, err := s.run(t, nil)
			require.ErrorContains(t, err, strings.ReplaceAll(test.says, "HOST", s.forge.Host))
			require.Contains(t, action.Advice(err), test.advice)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.False(t, action.IsTransient(err))
			require.NotContains(t, err.Error(), "hunter2")
			s.forge.Inject(nil)
			require.NoError(t, s.RollBack(t.Context(), s.action))
		})
	}
}

func TestAWebhookOfOthersStays(t *testing.T) {
	t.Parallel()
	s := openShop(t, "github:webhook", values{"webhookUrl": "https://ci.example/hook"})
	s.request(t, http.MethodPost, "hooks", values{"config": values{"url": "https://ci.example/hook"}}, nil)
	before := s.forge.Digest(t)
	_, err := s.run(t, nil)
	require.NoError(t, err)
	require.Contains(t, s.Log.Text(), "warn: Failed: create webhook 'https://ci.example/hook' on repo: 'shop', Hook already exists on this repository")
	require.Equal(t, action.EffectUndone, s.Ledger.All()[0].State)
	require.NoError(t, s.RollBack(t.Context(), s.action))
	require.Equal(t, before, s.forge.Digest(t))
}

func TestDryRunsWriteNothing(t *testing.T) {
	t.Parallel()
	for id, test := range map[string]struct {
		input  values
		output action.Output
	}{
		"github:webhook":       {values{"webhookUrl": "https://ci.example"}, nil},
		"github:issues:create": {values{"title": "It leaks"}, action.Output{"issueUrl": "https://github.com/demo/shop/issues/42", "issueNumber": 42}},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, id, test.input)
			before := s.forge.Digest(t)
			encoded, err := json.Marshal(s.input)
			require.NoError(t, err)
			call := s.Call(string(encoded))
			call.DryRun = true
			output, err := s.action.Run(t.Context(), call)
			require.NoError(t, err)
			require.Equal(t, test.output, output)
			require.Equal(t, before, s.forge.Digest(t))
			require.Empty(t, s.Ledger.All())
		})
	}
}

func TestLabelsThatAreThereStay(t *testing.T) {
	t.Parallel()
	s := openShop(t, "github:issues:label", values{"number": 1, "labels": []string{"Bug"}})
	s.request(t, http.MethodPost, "issues", values{"title": "It leaks", "labels": []string{"bug"}}, nil)
	before := s.forge.Digest(t)
	_, err := s.run(t, nil)
	require.NoError(t, err)
	require.NoError(t, s.RollBack(t.Context(), s.action))
	require.Equal(t, before, s.forge.Digest(t))
	require.Empty(t, s.Ledger.All())
}

func TestABareEnvironmentIsConfigured(t *testing.T) {
	t.Parallel()
	s := openShop(t, "github:environment:create", values{"name": "prod", "waitTimer": 5, "environmentVariables": values{"REGION": "eu"}})
	s.request(t, http.MethodPut, "environments/prod", nil, nil)
	s.request(t, http.MethodPost, "environments/prod/variables", values{"name": "REGION", "value": "us"}, nil)
	_, err := s.run(t, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"prod[wait_timer5 0] 0 1 0"}, s.environments(t))
	require.NoError(t, s.RollBack(t.Context(), s.action))
	require.Len(t, s.environments(t), 1, "the run did not create it")
}

func TestDeployKeyNamesItsSecret(t *testing.T) {
	t.Parallel()
	s := openShop(t, "github:deployKey:create", values{"publicKey": publicKey, "privateKey": "hunter2", "deployKeyName": "release bot"})
	output, err := s.run(t, values{"privateKeySecretName": "MINE"})
	require.NoError(t, err)
	require.Equal(t, action.Output{"privateKeySecretName": "MINE"}, output)
	require.Equal(t, []string{"release bot " + publicKey + "false", "MINE hunter2"}, s.keys(t))

	s.putSecretLater(t, "MINE", "another")
	var used *action.InUseError
	require.ErrorAs(t, s.RollBack(t.Context(), s.action), &used)
	require.Equal(t, []string{"MINE another"}, s.keys(t), "a value that somebody has replaced stays")
}

// putSecretLater replaces a secret's value in a later second: GitHub's times are in seconds.
func (s *shop) putSecretLater(t testing.TB, name, value string) {
	t.Helper()
	require.Eventually(t, func() bool {
		s.putSecret(t, name, value)
		secret, _, err := s.client.Actions.GetRepoSecret(t.Context(), "demo", "shop", name)
		return err == nil && secret.UpdatedAt.After(secret.CreatedAt.Time)
	}, time.Minute, 50*time.Millisecond)
}

func TestADeployKeyOfOthersStays(t *testing.T) {
	t.Parallel()
	s := openShop(t, "github:deployKey:create", values{"publicKey": publicKey, "privateKey": "hunter2", "deployKeyName": "bot"})
	s.request(t, http.MethodPost, "keys", values{"title": "hers", "key": publicKey}, nil)
	s.request(t, http.MethodPost, "keys", values{"title": "another", "key": otherPublicKey}, nil)
	before := s.keys(t)
	_, err := s.run(t, nil)
	require.ErrorContains(t, err, "The deploy key bot of demo/shop on "+s.forge.Host+" exists already")
	require.NoError(t, s.RollBack(t.Context(), s.action))
	require.Equal(t, before, s.keys(t))
}

// settings are an input of each action, and the permissions that an App needs for it and its undo.
var settings = map[string]struct {
	input   values
	granted map[string]string
}{
	"github:actions:dispatch": {dispatchInput, map[string]string{"actions": "write"}},
	"github:webhook":          {values{"webhookUrl": "https://ci.example/?key=hunter2", "webhookSecret": "hunter2"}, map[string]string{"repository_hooks": "write"}},
	"github:issues:create":    {values{"title": "It leaks"}, map[string]string{"issues": "write"}},
	"github:issues:label":     {values{"number": 1, "labels": []string{"bug"}}, map[string]string{"issues": "write"}},
	"github:autolinks:create": {values{"keyPrefix": "T-", "urlTemplate": "https://t.example/<num>"}, map[string]string{"administration": "write"}},
	"github:environment:create": {values{"name": "prod", "reviewers": []string{"group:makers"}, "secrets": values{"KEY": "hunter2"}}, map[string]string{
		"administration": "write", "actions": "read", "environments": "write", "members": "read", "deployments": "read",
	}},
	"github:deployKey:create": {values{"publicKey": publicKey, "privateKey": "hunter2", "deployKeyName": "bot"}, map[string]string{"administration": "write", "secrets": "write"}},
	"github:pages:enable":     {values{}, map[string]string{"administration": "write", "pages": "write"}},
}

// openAppShop is openShop with an App that has these permissions in demo.
func openAppShop(t *testing.T, id string, granted map[string]string) *shop {
	t.Helper()
	s := openShop(t, id, settings[id].input)
	s.request(t, http.MethodPost, "issues", values{"title": "The first"}, nil)
	private := s.forge.RegisterApp(t, appID, granted)
	require.NoError(t, s.forge.Install(forge.Installation{AppID: appID, Owner: "demo"}))
	set, err := forges.New(forges.Config{GitHub: []githubhost.Config{{
		Host: s.forge.Host, APIBaseURL: s.forge.APIBaseURL, Apps: []githubhost.App{{ID: appID, PrivateKey: private}},
	}}}, integration.Options{})
	require.NoError(t, err)
	for _, one := range github.Actions(github.Options{Hosts: set, Pause: time.Millisecond}) {
		if one.Describe().ID == id {
			s.action = one
		}
	}
	return s
}

func TestAppsNeedTheNamedPermissions(t *testing.T) {
	t.Parallel()
	for id, needed := range settings {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			s := openAppShop(t, id, needed.granted)
			_, err := s.run(t, nil)
			require.NoError(t, err)
			require.NoError(t, s.RollBack(t.Context(), s.action))
			kept, err := json.Marshal(s.Ledger.All())
			require.NoError(t, err)
			require.NotContains(t, string(kept), "hunter2")
		})
		for permission, level := range needed.granted {
			t.Run(id+" without "+permission, func(t *testing.T) {
				t.Parallel()
				fewer := maps.Clone(needed.granted)
				delete(fewer, permission)
				s := openAppShop(t, id, fewer)
				_, err := s.run(t, nil)
				if err == nil {
					// It is needed for the undo only.
					err = s.RollBack(t.Context(), s.action)
				}
				require.ErrorContains(t, err, "lacks a permission for demo on "+s.forge.Host+": "+permission+": "+level)
				require.Equal(t, fault.NotAllowed, fault.KindOf(err))
			})
		}
	}
}

func TestWhatWasInADeletedRepositoryIsGone(t *testing.T) {
	t.Parallel()
	for id, one := range settings {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, id, one.input)
			s.request(t, http.MethodPost, "issues", values{"title": "The first"}, nil)
			_, err := s.run(t, nil)
			require.NoError(t, err)
			_, err = s.client.Repositories.Delete(t.Context(), "demo", "shop")
			require.NoError(t, err)
			require.NoError(t, s.RollBack(t.Context(), s.action))
			require.Contains(t, s.Log.Text(), "is not there any more")
		})
	}
}

func TestWhatOthersHaveDeletedIsGone(t *testing.T) {
	t.Parallel()
	for id, path := range map[string]string{
		"github:webhook": "hooks/ID", "github:autolinks:create": "autolinks/ID", "github:environment:create": "environments/prod", "github:pages:enable": "pages",
		"github:issues:label": "issues/1/labels/bug",
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, id, settings[id].input)
			s.request(t, http.MethodPost, "issues", values{"title": "The first"}, nil)
			_, err := s.run(t, nil)
			require.NoError(t, err)
			s.request(t, http.MethodDelete, strings.ReplaceAll(path, "ID", s.Ledger.All()[0].ExternalID), nil, nil)
			_, err = s.run(t, nil)
			require.ErrorContains(t, err, "which this run created, is gone")
			require.NoError(t, s.RollBack(t.Context(), s.action))
		})
	}
}
