package azure_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/azuretest"
	"github.com/portico-dev/portico/scaffolder/action"
)

var shop = values{"repoUrl": "HOST?organization=acme&project=web&repo=shop", "defaultBranch": "trunk"}

func TestPublishConforms(t *testing.T) {
	t.Parallel()
	conform(t, "publish:azure", shop, func(b *bundle, fixture *actiontest.Fixture) {
		fixture.Files = workspace
		fixture.State = func(testing.TB) []string { return b.server.Repositories() }
		fixture.Use = func(testing.TB) { b.server.Git.Commit("shop", "hers", map[string]string{"a": "b"}) }
		fixture.Take = func(testing.TB) { b.server.AddRepository("shop") }
	})
}

func TestPublish(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		input values
		state string
	}{
		"all of the workspace": {nil, "shop: trunk: README.md=# Shop | trunk: src/main.go=package main"},
		"one directory": {
			values{"sourcePath": "./src", "gitCommitMessage": "Begin", "gitAuthorName": "Ann", "gitAuthorEmail": "ann@example.com", "description": "A shop"},
			"shop: trunk: main.go=package main",
		},
		"with a token of the user": {values{"token": azuretest.Token}, "shop: trunk: README.md=# Shop | trunk: src/main.go=package main"},
		"the default branch":       {values{"defaultBranch": "master"}, "shop: master: README.md=# Shop | master: src/main.go=package main"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Write(t, workspace)
			output, err := b.Run(t, b.action(t, "publish:azure"), b.encode(t, shop, test.input))
			require.NoError(t, err)
			require.Equal(t, b.server.RemoteURL("shop"), output["remoteUrl"])
			require.Equal(t, b.server.RemoteURL("shop"), output["repoContentsUrl"])
			require.NotEmpty(t, output["repositoryId"])
			require.Len(t, output["commitHash"], 40)
			require.Equal(t, []string{test.state}, b.server.Repositories())
			require.NotContains(t, b.Log.Text(), azuretest.Token)
			require.NoError(t, b.RollBack(t.Context(), b.action(t, "publish:azure")))
			require.Empty(t, b.server.Repositories())
		})
	}
}

func TestPublishOfAUserIsUndoneWithTheirToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Write(t, workspace)
	b.options.Hosts = hosts(t, b.server, "")
	b.options.RequireUserCredentials = true
	_, err := b.run(t, "publish:azure", shop)
	require.ErrorContains(t, err, "No user credentials provided for host "+b.server.Host)

	b.Secrets = map[string]string{"USER_OAUTH_TOKEN": azuretest.Token}
	publish := b.action(t, "publish:azure")
	_, err = b.Run(t, publish, b.encode(t, shop, values{"token": azuretest.Token}))
	require.NoError(t, err)
	require.NotContains(t, string(b.Ledger.All()[0].Data), azuretest.Token)
	require.NoError(t, b.RollBack(t.Context(), publish))
	require.Empty(t, b.server.Repositories())
}

func TestUndoKeepsWhatOthersUse(t *testing.T) {
	t.Parallel()
	for use, begin := range map[string]func(*azuretest.Server){
		"it has the branch hers":                   func(s *azuretest.Server) { s.Git.Commit("shop", "hers", nil) },
		"it has commits that the run did not make": func(s *azuretest.Server) { s.Git.Commit("shop", "trunk", map[string]string{"a": "b"}) },
		"it has the tag v1":                        func(s *azuretest.Server) { s.Git.Git("shop", "tag", "v1", "trunk") },
	} {
		t.Run(use, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Write(t, workspace)
			_, err := b.run(t, "publish:azure", shop)
			require.NoError(t, err)
			begin(b.server)
			var used *action.InUseError
			require.ErrorAs(t, b.RollBack(t.Context(), b.action(t, "publish:azure")), &used)
			require.Contains(t, used.Reason, use)
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	answer := func(status int) apitest.Wrap { return apitest.Refuse(http.MethodPost, "/", status, `{"message":"no"}`) }
	for name, test := range map[string]struct {
		input       values
		wrap        apitest.Wrap
		says        string
		kind        fault.Kind
		isTransient bool
	}{
		"another host":      {values{"repoUrl": "git.example?organization=a&project=p&repo=b"}, nil, "No matching integration configuration for host git.example", fault.Input, false},
		"no organization":   {values{"repoUrl": "HOST?project=p&repo=b"}, nil, "Invalid URL provider was included in the repo URL to create HOST?project=p&repo=b, missing organization", fault.Input, false},
		"no project":        {values{"repoUrl": "HOST?organization=acme&repo=b"}, nil, "missing project", fault.Input, false},
		"a path as a name":  {values{"repoUrl": "HOST?organization=acme&project=web&repo=a/../b"}, nil, "is not a name", fault.Input, false},
		"another project":   {values{"repoUrl": "HOST?organization=acme&project=none&repo=b"}, nil, "Unable to create the repository with Organization acme, Project none and Repo b.", fault.NotFound, false},
		"branch":            {values{"defaultBranch": "a..b"}, nil, `defaultBranch "a..b"`, fault.Input, false},
		"signed":            {values{"signCommit": true}, nil, "Signing commits is enabled but no signing key is provided in the configuration", fault.Input, false},
		"source":            {values{"sourcePath": "../x"}, nil, `sourcePath "../x"`, fault.Input, false},
		"a wrong token":     {values{"token": "wrong"}, nil, "looking for the repository shop: HOST answered 401 Unauthorized", fault.Authentication, false},
		"forbidden":         {nil, answer(403), "creating the repository shop: HOST answered 403: no", fault.NotAllowed, false},
		"a page to sign in": {nil, answer(203), "creating the repository shop: HOST answered 203: no", fault.Authentication, false},
		"not well":          {nil, answer(500), "creating the repository shop: HOST answered 500: no", "", true},
		"busy":              {nil, answer(429), "HOST answered 429", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Write(t, workspace)
			b.server.Inject(test.wrap)
			_, err := b.Run(t, b.action(t, "publish:azure"), b.encode(t, shop, test.input))
			require.ErrorContains(t, err, replace(b, test.says))
			require.Equal(t, test.kind, fault.KindOf(err))
			require.Equal(t, test.isTransient, action.IsTransient(err))
			require.NotContains(t, fmt.Sprint(err), azuretest.Token)
			require.Empty(t, b.server.Repositories())
		})
	}
}

func TestATokenIsRequired(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.options.Hosts = hosts(t, b.server, "")
	_, err := b.run(t, "publish:azure", shop)
	require.ErrorContains(t, err, "No credentials provided https://"+b.server.Host+"/acme, please check your integrations config")
	require.Contains(t, action.Advice(err), "integrations.azure")
}
