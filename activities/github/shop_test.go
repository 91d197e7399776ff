package github_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/nacl/box"

	"github.com/portico-dev/portico/activities/github"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// shop is a forge with the repository demo/shop, one of the actions, and a run of it.
type shop struct {
	*actiontest.Harness

	forge  *forgetest.Server
	client *gogithub.Client
	action action.Action
	input  values
}

const ciWorkflow = `name: CI
on:
  workflow_dispatch:
    inputs:
      name: {required: true}
      size: {default: small}
jobs:
  build:
    runs-on: ubuntu-latest
`

// openShop connects an action to the repository demo/shop. The input adds to the repoUrl.
func openShop(t testing.TB, id string, input values) *shop {
	t.Helper()
	s := &shop{Harness: actiontest.NewHarness(t), forge: forgetest.Start(t)}
	s.client = s.forge.Client(t)
	s.action = s.actionFor(t, id, s.forge.Token())
	s.input = values{"repoUrl": s.forge.Host + "?owner=demo&repo=shop"}
	maps.Copy(s.input, input)
	_, _, err := s.client.Repositories.Create(t.Context(), "demo", &gogithub.Repository{Name: new("shop"), Private: new(true)})
	require.NoError(t, err)
	s.forge.Push(t, "demo/shop", "main", false, map[string]string{
		".github/workflows/ci.yaml": ciWorkflow, ".github/workflows/push.yaml": "on: push\njobs: {}\n",
	})
	return s
}

func (s *shop) actionFor(t testing.TB, id, token string) action.Action {
	t.Helper()
	for _, one := range github.Actions(github.Options{Hosts: hosts(t, s.forge, token), Pause: time.Millisecond}) {
		if one.Describe().ID == id {
			return one
		}
	}
	require.Fail(t, "there is no action "+id)
	return nil
}

// run runs the action with more input.
func (s *shop) run(t testing.TB, more values) (action.Output, error) {
	t.Helper()
	input := maps.Clone(s.input)
	maps.Copy(input, more)
	encoded, err := json.Marshal(input)
	require.NoError(t, err)
	return s.Run(t, s.action, string(encoded))
}

// fixture is the shop as a fixture of the suite, behind its gate.
func (s *shop) fixture(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
	t.Helper()
	serve := func(*http.Request) forgetest.Fault { return gate.Serve }
	s.forge.Inject(serve)
	encoded, err := json.Marshal(s.input)
	require.NoError(t, err)
	return actiontest.Fixture{
		Action: s.action, Input: string(encoded), Digest: s.forge.Digest,
		Hide: func(testing.TB) (show func()) {
			s.forge.Inject(hidesShop)
			return func() { s.forge.Inject(serve) }
		},
	}
}

// hidesShop is a token that lost access to the repository.
func hidesShop(r *http.Request) forgetest.Fault {
	if strings.Contains(r.URL.Path, "/repos/demo/shop") {
		return forgetest.Answer(http.StatusNotFound, "Not Found", nil)
	}
	return limitedTokens["a member's token"].faults[strings.TrimPrefix(r.URL.Path, "/api/v3")]
}

// request sends a request about the repository as somebody else would.
func (s *shop) request(t testing.TB, method, path string, body, into any) {
	t.Helper()
	request, err := s.client.NewRequest(method, "repos/demo/shop/"+path, body)
	require.NoError(t, err)
	_, err = s.client.Do(t.Context(), request, into)
	require.NoError(t, err)
}

func TestWebhookConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		s := openShop(t, "github:webhook", values{"webhookUrl": "https://ci.example/hook?key=1", "webhookSecret": "hunter2", "events": []string{"push", "issues"}})
		fixture := s.fixture(t, gate)
		hooks := func(t testing.TB) []*gogithub.Hook {
			t.Helper()
			found, _, err := s.client.Repositories.ListHooks(t.Context(), "demo", "shop", nil)
			require.NoError(t, err)
			return found
		}
		fixture.State = func(t testing.TB) []string {
			t.Helper()
			listed := []string{}
			for _, one := range hooks(t) {
				listed = append(listed, fmt.Sprint(one.GetConfig().GetURL(), one.Events, one.GetActive()))
			}
			return listed
		}
		fixture.Use = func(t testing.TB) {
			t.Helper()
			s.request(t, http.MethodPatch, fmt.Sprintf("hooks/%d", hooks(t)[0].GetID()), values{"events": []string{"push"}}, nil)
		}
		return fixture
	})
}

func TestIssueConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		s := openShop(t, "github:issues:create", values{"title": "It leaks", "body": "Everywhere.", "labels": []string{"bug"}, "assignees": []string{"ann"}})
		fixture := s.fixture(t, gate)
		issues := func(t testing.TB) []*gogithub.Issue {
			t.Helper()
			found, _, err := s.client.Issues.ListByRepo(t.Context(), "demo", "shop", nil)
			require.NoError(t, err)
			return found
		}
		fixture.State = func(t testing.TB) []string {
			t.Helper()
			listed := []string{}
			for _, one := range issues(t) {
				listed = append(listed, fmt.Sprint(one.GetTitle(), one.GetBody(), one.Labels[0].GetName(), one.GetAssignee().GetLogin()))
			}
			return listed
		}
		fixture.Use = func(t testing.TB) {
			t.Helper()
			s.request(t, http.MethodPatch, fmt.Sprintf("issues/%d", issues(t)[0].GetNumber()), values{"body": "In the cellar."}, nil)
		}
		return fixture
	})
}

func TestLabelsConform(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		s := openShop(t, "github:issues:label", values{"number": 1, "labels": []string{"bug", "old", "to do"}})
		s.request(t, http.MethodPost, "issues", values{"title": "It leaks", "labels": []string{"old"}}, nil)
		fixture := s.fixture(t, gate)
		fixture.State = func(t testing.TB) []string {
			t.Helper()
			found, _, err := s.client.Issues.ListLabelsByIssue(t.Context(), "demo", "shop", 1, nil)
			require.NoError(t, err)
			listed := []string{}
			for _, one := range found {
				listed = append(listed, one.GetName())
			}
			return listed
		}
		return fixture
	})
}

func TestAutolinkConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		s := openShop(t, "github:autolinks:create", values{"keyPrefix": "T-", "urlTemplate": "https://t.example/<num>", "isAlphanumeric": false})
		fixture := s.fixture(t, gate)
		fixture.State = func(t testing.TB) []string {
			t.Helper()
			var found []*gogithub.Autolink
			s.request(t, http.MethodGet, "autolinks", nil, &found)
			listed := []string{}
			for _, one := range found {
				listed = append(listed, fmt.Sprint(one.GetKeyPrefix(), one.GetURLTemplate(), one.GetIsAlphanumeric()))
			}
			return listed
		}
		fixture.Take = func(t testing.TB) {
			t.Helper()
			s.request(t, http.MethodPost, "autolinks", values{"key_prefix": "T-", "url_template": "https://other.example/<num>"}, nil)
		}
		return fixture
	})
}

func TestPagesConform(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		s := openShop(t, "github:pages:enable", values{"buildType": "legacy", "sourcePath": "/docs"})
		fixture := s.fixture(t, gate)
		fixture.State = func(t testing.TB) []string {
			t.Helper()
			site, answer, err := s.client.Repositories.GetPagesInfo(t.Context(), "demo", "shop")
			if answer != nil && answer.StatusCode == http.StatusNotFound {
				return []string{}
			}
			require.NoError(t, err)
			return []string{fmt.Sprint(site.GetBuildType(), site.GetSource().GetBranch(), site.GetSource().GetPath(), site.GetCNAME())}
		}
		fixture.Use = func(t testing.TB) {
			t.Helper()
			s.request(t, http.MethodPut, "pages", values{"cname": "shop.example"}, nil)
		}
		fixture.Take = func(t testing.TB) {
			t.Helper()
			s.request(t, http.MethodPost, "pages", values{"build_type": "workflow"}, nil)
		}
		return fixture
	})
}

func TestEnvironmentConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		s := openShop(t, "github:environment:create", values{
			"name": "eu/prod", "deploymentBranchPolicy": values{"protected_branches": false, "custom_branch_policies": true},
			"customBranchPolicyNames": []string{"main"}, "customTagPolicyNames": []string{"v*"},
			"environmentVariables": values{"REGION": "eu"}, "secrets": values{"KEY": "hunter2"},
			"waitTimer": 5, "preventSelfReview": true, "reviewers": []string{"user:default/ann", "group:default/makers", "user:default/nobody"},
		})
		fixture := s.fixture(t, gate)
		fixture.State = func(t testing.TB) []string { t.Helper(); return s.environments(t) }
		fixture.Use = func(t testing.TB) {
			t.Helper()
			s.request(t, http.MethodPost, "deployments", values{"ref": "main", "environment": "eu/prod"}, nil)
		}
		fixture.Take = func(t testing.TB) {
			t.Helper()
			s.request(t, http.MethodPut, "environments/eu%2Fprod", values{"wait_timer": 60}, nil)
		}
		return fixture
	})
}

// environments lists the environments with all that is in them.
func (s *shop) environments(t testing.TB) []string {
	t.Helper()
	found, _, err := s.client.Repositories.ListEnvironments(t.Context(), "demo", "shop", nil)
	require.NoError(t, err)
	listed := []string{}
	for _, one := range found.Environments {
		rules := []string{}
		for _, rule := range one.ProtectionRules {
			rules = append(rules, fmt.Sprint(rule.GetType(), rule.GetWaitTimer(), len(rule.Reviewers)))
		}
		path := "environments/" + strings.ReplaceAll(one.GetName(), "/", "%2F")
		var patterns, variables, secrets map[string]any
		s.request(t, http.MethodGet, path+"/deployment-branch-policies", nil, &patterns)
		s.request(t, http.MethodGet, path+"/variables", nil, &variables)
		s.request(t, http.MethodGet, path+"/secrets", nil, &secrets)
		listed = append(listed, fmt.Sprint(one.GetName(), rules, patterns["total_count"], variables["total_count"], secrets["total_count"]))
	}
	return listed
}

// putSecret sets a secret of the repository.
func (s *shop) putSecret(t testing.TB, name, value string) {
	t.Helper()
	key, _, err := s.client.Actions.GetRepoPublicKey(t.Context(), "demo", "shop")
	require.NoError(t, err)
	public, err := base64.StdEncoding.DecodeString(key.GetKey())
	require.NoError(t, err)
	sealed, err := box.SealAnonymous(nil, []byte(value), (*[32]byte)(public), rand.Reader)
	require.NoError(t, err)
	s.request(t, http.MethodPut, "actions/secrets/"+name, values{"encrypted_value": base64.StdEncoding.EncodeToString(sealed), "key_id": key.GetKeyID()}, nil)
}

const (
	publicKey      = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
	otherPublicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKztM5Mr5gVHkWAjfPF2gJtxHGCFmTqyJxXQNLyXNdtZ"
)

func TestDeployKeyConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		s := openShop(t, "github:deployKey:create", values{"publicKey": publicKey + " jane@example.com", "privateKey": "hunter2", "deployKeyName": "Release bot"})
		fixture := s.fixture(t, gate)
		fixture.State = func(t testing.TB) []string { t.Helper(); return s.keys(t) }
		fixture.Take = func(t testing.TB) { t.Helper(); s.putSecret(t, "RELEASE_BOT_PRIVATE_KEY", "another") }
		return fixture
	})
}

// keys lists the deploy keys and the secrets.
func (s *shop) keys(t testing.TB) []string {
	t.Helper()
	listed := []string{}
	keys, _, err := s.client.Repositories.ListKeys(t.Context(), "demo", "shop", nil)
	require.NoError(t, err)
	for _, one := range keys {
		listed = append(listed, fmt.Sprint(one.GetTitle(), " ", one.GetKey(), one.GetReadOnly()))
	}
	secrets, _, err := s.client.Actions.ListRepoSecrets(t.Context(), "demo", "shop", nil)
	require.NoError(t, err)
	for _, one := range secrets.Secrets {
		listed = append(listed, one.Name+" "+s.forge.Secret(t, "demo", "shop", one.Name))
	}
	return listed
}

func TestDispatchConforms(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]values{"alone": {}, "with the details of the run": {"returnWorkflowRunDetails": true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				s := openShop(t, "github:actions:dispatch", values{"workflowId": "ci.yaml", "branchOrTagName": "main", "workflowInputs": values{"name": "shop"}})
				maps.Copy(s.input, more)
				fixture := s.fixture(t, gate)
				fixture.State = func(t testing.TB) []string { t.Helper(); return s.runsLeft(t) }
				fixture.Use = func(t testing.TB) {
					t.Helper()
					require.NoError(t, s.forge.SettleRun("demo", "shop", s.runs(t)[0].GetID(), "completed", "success"))
				}
				return fixture
			})
		})
	}
}

// TestDispatchThatWaitsConforms: the run ends while the step waits for it.
func TestDispatchThatWaitsConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		s := openShop(t, "github:actions:dispatch", values{
			"workflowId": "ci.yaml", "branchOrTagName": "main", "workflowInputs": values{"name": "shop"}, "waitForCompletion": true,
		})
		fixture := s.fixture(t, gate)
		fixture.Action = endsMeanwhile{s.action, s, t}
		fixture.Hide = nil // TestDispatchConforms has it: there, the run is as it was when it is shown again
		fixture.State = func(t testing.TB) []string { t.Helper(); return s.runsLeft(t) }
		return fixture
	})
}

// endsMeanwhile is github:actions:dispatch while somebody ends its run whenever the step waits, and starts it again before
// a rollback: one that has ended is kept, as TestDispatchFailsWithItsRun shows.
type endsMeanwhile struct {
	action.Action

	shop *shop
	t    testing.TB
}

// Run runs the action.
func (e endsMeanwhile) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	output, err := e.Action.Run(ctx, call)
	if notYet, waits := errors.AsType[*action.NotYetError](err); waits {
		_, after, _ := strings.Cut(notYet.Waiting, "/actions/runs/")
		number, _, _ := strings.Cut(after, " ")
		e.settle(number, "completed", "success")
	}
	return output, err
}

// Undo undoes the effect.
func (e endsMeanwhile) Undo(ctx context.Context, call *action.UndoCall) error {
	if call.Effect.ExternalID != "" {
		e.settle(call.Effect.ExternalID, "in_progress", "")
	}
	return e.Action.Undo(ctx, call)
}

func (e endsMeanwhile) settle(number, status, conclusion string) {
	e.t.Helper()
	id, err := strconv.ParseInt(number, 10, 64)
	require.NoError(e.t, err)
	require.NoError(e.t, e.shop.forge.SettleRun("demo", "shop", id, status, conclusion))
}

// runsLeft describes the runs that were not cancelled.
func (s *shop) runsLeft(t testing.TB) []string {
	t.Helper()
	listed := []string{}
	for _, one := range s.runs(t) {
		if one.GetConclusion() != "cancelled" {
			listed = append(listed, fmt.Sprint(one.GetName(), one.GetHeadBranch(), one.GetStatus(), one.GetConclusion()))
		}
	}
	return listed
}

// runs lists the runs of all workflows.
func (s *shop) runs(t testing.TB) []*gogithub.WorkflowRun {
	t.Helper()
	found, _, err := s.client.Actions.ListRepositoryWorkflowRuns(t.Context(), "demo", "shop", nil)
	require.NoError(t, err)
	return found.WorkflowRuns
}
