package github_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

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

const appID = 4711

// everything is the permissions that an App needs for all options of the action, and for its undo.
var everything = map[string]string{
	"administration": "write", "contents": "write", "workflows": "write", "members": "read", "issues": "read", "actions": "write",
	"actions_variables": "write", "secrets": "write", "repository_custom_properties": "write",
}

// setupApp is setup with an App that is installed for demo instead of the token.
func setupApp(t *testing.T, granted map[string]string, repositories ...string) *bundle {
	t.Helper()
	b := setup(t)
	private := b.forge.RegisterApp(t, appID, granted)
	require.NoError(t, b.forge.Install(forge.Installation{AppID: appID, Owner: "demo", Repositories: repositories}))
	b.useApp(t, private)
	return b
}

func (b *bundle) useApp(t *testing.T, private string) {
	t.Helper()
	b.action = github.NewPublish(github.Options{Hosts: b.hosts(t, private)})
}

// hosts is the forge with an App as its only credential.
func (b *bundle) hosts(t *testing.T, private string) *integration.Set {
	t.Helper()
	set, err := forges.New(forges.Config{GitHub: []githubhost.Config{{
		Host: b.forge.Host, APIBaseURL: b.forge.APIBaseURL, Apps: []githubhost.App{{ID: appID, PrivateKey: private}},
	}}}, integration.Options{})
	require.NoError(t, err)
	return set
}

// tokenRequest is a request of an App for a token.
type tokenRequest struct {
	Permissions  map[string]string
	Repositories []string
}

// recordTokens lists the tokens that are requested from now on.
func (b *bundle) recordTokens(asked *[]tokenRequest) {
	b.forge.Inject(func(r *http.Request) forgetest.Fault {
		if !strings.HasSuffix(r.URL.Path, "/access_tokens") {
			return nil
		}
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			body, err := io.ReadAll(r.Body)
			var request tokenRequest
			if err != nil || json.Unmarshal(body, &request) != nil {
				panic(http.ErrAbortHandler)
			}
			*asked = append(*asked, request)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			next.ServeHTTP(w, r)
		}
	})
}

func TestAnAppPublishes(t *testing.T) {
	t.Parallel()
	looking := tokenRequest{Permissions: map[string]string{"metadata": "read"}}
	creating := tokenRequest{Permissions: map[string]string{"metadata": "read", "administration": "write"}}
	publishing := map[string]string{"metadata": "read", "administration": "write", "contents": "write"}
	undoing := map[string]string{"metadata": "read", "administration": "write", "contents": "read", "issues": "read"}
	for name, test := range map[string]struct {
		input        values
		files        []string
		repositories []string
		needed       map[string]string
	}{
		"with defaults":                     {nil, nil, nil, nil},
		"installed for chosen repositories": {nil, nil, []string{"another"}, nil},
		"with workflows":                    {nil, []string{".github/workflows/ci.yml"}, nil, map[string]string{"workflows": "write"}},
		"with teams":                        {values{"collaborators": []values{{"team": "makers", "access": "push"}}}, nil, nil, map[string]string{"members": "read"}},
		"with an owning team":               {values{"access": "demo/makers"}, nil, nil, map[string]string{"members": "read"}},
		"with settings": {
			values{
				"repoVariables": map[string]string{"REGION": "eu"}, "secrets": map[string]string{"KEY": "hunter2"},
				"customProperties": values{"tier": "1"}, "oidcCustomization": values{"useDefault": true}, "topics": []string{"go"},
			}, nil, nil,
			map[string]string{
				"actions_variables": "write", "secrets": "write", "actions": "write", "repository_custom_properties": "write",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupApp(t, everything, test.repositories...)
			for _, file := range test.files {
				b.write(t, file, "on: push\n")
			}
			var asked []tokenRequest
			b.recordTokens(&asked)
			_, err := b.action.Plan(t.Context(), b.call(t, test.input))
			require.NoError(t, err)
			output, err := b.run(t, test.input)
			require.NoError(t, err)
			b.requirePublished(t, output)
			require.NoError(t, b.undo(t))
			require.False(t, b.exists(t))

			needed := maps.Clone(publishing)
			maps.Copy(needed, test.needed)
			require.Equal(t, []tokenRequest{looking, creating, {needed, []string{"shop"}}, {undoing, []string{"shop"}}}, asked)
		})
	}
}

func TestMissingPermissionsOfAnAppAreNamed(t *testing.T) {
	t.Parallel()
	without := func(name string) map[string]string {
		granted := maps.Clone(everything)
		delete(granted, name)
		return granted
	}
	install := func(t *testing.T, b *bundle, owner string, suspended bool) {
		t.Helper()
		require.NoError(t, b.forge.Install(forge.Installation{AppID: appID, Owner: owner, Suspended: suspended}))
	}
	for name, test := range map[string]struct {
		granted map[string]string
		input   values
		prepare func(*testing.T, *bundle)
		says    string
		advises string
		kind    fault.Kind
	}{
		"it is not installed": {
			everything, nil, func(t *testing.T, b *bundle) { t.Helper(); require.NoError(t, b.forge.Uninstall(appID, "demo")) },
			"There is no token for HOST: GitHub App 4711 is not installed for demo.", "Install an App for demo", fault.Authentication,
		},
		"it is suspended": {
			everything, nil, func(t *testing.T, b *bundle) { t.Helper(); install(t, b, "demo", true) },
			"GitHub App 4711 is suspended by demo on HOST", "Have an owner of demo end the suspension", fault.NotAllowed,
		},
		"it may not create": {
			without("administration"), nil, nil,
			"GitHub App 4711 lacks a permission for demo on HOST: administration: write", "Add it on the App's settings page", fault.NotAllowed,
		},
		"it may not push workflows": {
			without("workflows"), nil, func(t *testing.T, b *bundle) { t.Helper(); b.write(t, ".github/workflows/ci.yml", "on: push\n") },
			"getting a token for demo/shop: GitHub App 4711 lacks a permission for demo on HOST: workflows: write", "Add it", fault.NotAllowed,
		},
		"the owner is a user": {
			everything, values{"repoUrl": "HOST?owner=ann&repo=hers"}, func(t *testing.T, b *bundle) { t.Helper(); install(t, b, "ann", false) },
			"ann on HOST is a user, and only users can create repositories for themselves, not Apps", "pass the token of ann", fault.NotAllowed,
		},
		"it cannot watch": {
			everything, values{"subscribe": true}, nil,
			"subscribing to demo/shop: HOST answered 403: Resource not accessible by integration", "another token", fault.NotAllowed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupApp(t, test.granted)
			if test.prepare != nil {
				test.prepare(t, b)
			}
			input := maps.Clone(test.input)
			if repoURL, is := input["repoUrl"].(string); is {
				input["repoUrl"] = strings.ReplaceAll(repoURL, "HOST", b.forge.Host)
			}
			_, err := b.run(t, input)
			require.ErrorContains(t, err, strings.ReplaceAll(test.says, "HOST", b.forge.Host))
			require.Contains(t, action.Advice(err), test.advises)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.False(t, action.IsTransient(err))
		})
	}
}

func TestAStepsTokenWithoutTheWorkflowScope(t *testing.T) {
	t.Parallel()
	b := setup(t)
	private := b.forge.RegisterApp(t, appID, everything)
	require.NoError(t, b.forge.Install(forge.Installation{AppID: appID, Owner: "demo"}))
	client, err := githubhost.ClientFor(b.hosts(t, private), b.forge.Host, githubhost.Access{
		Owner: "demo", Permissions: map[string]string{"administration": "write", "contents": "write"},
	}, "")
	require.NoError(t, err)
	found, err := client.Credential(t.Context())
	require.NoError(t, err)
	b.write(t, ".github/workflows/ci.yml", "on: push\n")
	_, err = b.run(t, values{"token": found.Token})
	require.ErrorContains(t, err, "refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` without `workflows` permission")
	require.Contains(t, action.Advice(err), "Give the token the right to write workflows")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	require.False(t, action.IsTransient(err))
}

func TestATransientFailureToGetATokenIsRetried(t *testing.T) {
	t.Parallel()
	b := setupApp(t, everything)
	b.forge.Inject(on(http.MethodPost, "/access_tokens", forgetest.Limited(9*time.Second)))
	_, err := b.run(t, nil)
	require.ErrorContains(t, err, "getting a token for demo: GitHub App 4711 got no token for demo")
	require.True(t, action.IsTransient(err))
	require.Positive(t, action.RetryAfter(err))

	// The repository was just created, and not every server of GitHub has it.
	b.forge.Inject(func(r *http.Request) forgetest.Fault {
		if strings.HasSuffix(r.URL.Path, "/access_tokens") && r.ContentLength > int64(len(`{"permissions":{"administration":"write","metadata":"read"}}`))+1 {
			return forgetest.Answer(http.StatusUnprocessableEntity, "There is at least one repository that does not exist", nil)
		}
		return nil
	})
	_, err = b.run(t, nil)
	require.ErrorContains(t, err, "there is no token for demo/shop: GitHub App 4711 is installed for demo, but not for its repository shop")
	require.True(t, action.IsTransient(err))
	require.Contains(t, action.Advice(err), "Give the App access to demo/shop")

	b.forge.Inject(nil)
	output, err := b.run(t, nil)
	require.NoError(t, err)
	b.requirePublished(t, output)
}

func TestAStepsTokenOverridesTheApp(t *testing.T) {
	t.Parallel()
	b := setupApp(t, everything)
	var asked []tokenRequest
	b.recordTokens(&asked)
	output, err := b.run(t, values{"token": b.forge.Token()})
	require.NoError(t, err)
	b.requirePublished(t, output)
	require.Empty(t, slices.Clip(asked))
}
