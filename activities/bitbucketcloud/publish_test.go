package bitbucketcloud_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	cloudhost "github.com/portico-dev/portico/integration/bitbucketcloud"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/bitbucketcloudtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

func TestPublish(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		input        values
		state, pages string
	}{
		"all of the workspace": {
			nil, "shop (, private true): trunk: .gitignore=*.log | trunk: README.md=# Shop | trunk: src/main.go=package main", "/acme/shop/src/trunk",
		},
		"one directory, in public": {
			values{"sourcePath": "./src", "repoVisibility": "public", "description": "A shop", "defaultBranch": "team/one", "gitCommitMessage": "Begin"},
			"shop (A shop, private false): team/one: main.go=package main", "/acme/shop/src/team/one",
		},
		"with an access token, by Backstage's default branch": {
			values{"token": bitbucketcloudtest.AccessToken, "sourcePath": "src", "defaultBranch": "master"},
			"shop (, private true): master: main.go=package main", "/acme/shop/src/master",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Write(t, workspace)
			output, err := b.run(t, "publish:bitbucketCloud", shop, test.input)
			require.NoError(t, err)
			require.Equal(t, b.server.URL+"/acme/shop.git", output["remoteUrl"])
			require.Equal(t, b.server.URL+test.pages, output["repoContentsUrl"])
			require.Len(t, output["commitHash"], 40)
			require.Equal(t, test.state, beginning(b.server.Repositories(), "shop"))
			require.NotContains(t, b.Log.Text(), bitbucketcloudtest.AppPassword)
			require.NoError(t, b.RollBack(t.Context(), b.action(t, "publish:bitbucketCloud")))
			require.Empty(t, beginning(b.server.Repositories(), "shop"))
		})
	}
}

func TestUndoKeepsWhatOthersUse(t *testing.T) {
	t.Parallel()
	for use, begin := range map[string]func(*bitbucketcloudtest.Server){
		"it has the branch hers":                   func(s *bitbucketcloudtest.Server) { s.Git.Commit("shop", "hers", nil) },
		"it has commits that the run did not make": func(s *bitbucketcloudtest.Server) { s.Git.Commit("shop", "trunk", nil) },
		"it was forked":                            func(s *bitbucketcloudtest.Server) { s.Fork("shop") },
	} {
		t.Run(use, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Write(t, workspace)
			_, err := b.run(t, "publish:bitbucketCloud", shop)
			require.NoError(t, err)
			begin(b.server)
			var used *action.InUseError
			require.ErrorAs(t, b.RollBack(t.Context(), b.action(t, "publish:bitbucketCloud")), &used)
			require.Contains(t, used.Reason, use)
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	answer := func(status int) apitest.Wrap {
		return apitest.Refuse(http.MethodPost, "/2.0/", status, `{"type":"error","error":{"message":"no"}}`)
	}
	for name, test := range map[string]struct {
		action      string
		input       []values
		wrap        apitest.Wrap
		says        string
		kind        fault.Kind
		isTransient bool
	}{
		"another host":      {"publish:bitbucketCloud", []values{shop, {"repoUrl": "git.example?workspace=a&project=p&repo=b"}}, nil, "No matching integration configuration for host git.example", fault.Input, false},
		"no workspace":      {"publish:bitbucketCloud", []values{shop, {"repoUrl": "bitbucket.org?project=p&repo=b"}}, nil, "missing workspace", fault.Input, false},
		"no project":        {"publish:bitbucketCloud", []values{shop, {"repoUrl": "bitbucket.org?workspace=acme&repo=b"}}, nil, "missing project", fault.Input, false},
		"another project":   {"publish:bitbucketCloud", []values{shop, {"repoUrl": "bitbucket.org?workspace=acme&project=NO&repo=b"}}, nil, "Unable to create repository, 400 Bad Request, Project NO not found", fault.Input, false},
		"branch":            {"publish:bitbucketCloud", []values{shop, {"defaultBranch": "a..b"}}, nil, `defaultBranch "a..b"`, fault.Input, false},
		"signed":            {"publish:bitbucketCloud", []values{shop, {"signCommit": true}}, nil, "Signing commits is enabled but no signing key is provided in the configuration", fault.Input, false},
		"a wrong token":     {"publish:bitbucketCloud", []values{shop, {"token": "wrong"}}, nil, "bitbucket.org answered 401: Token is invalid", fault.Authentication, false},
		"forbidden":         {"publish:bitbucketCloud", []values{shop}, answer(403), "Unable to create repository, 403 Forbidden, no", fault.NotAllowed, false},
		"not well":          {"publish:bitbucketCloud", []values{shop}, answer(500), "creating the repository acme/shop: bitbucket.org answered 500: no", "", true},
		"no such target":    {"publish:bitbucketCloud:pull-request", []values{proposal, {"targetBranch": "none"}}, nil, `targetBranch "none" is not a branch of acme/infrastructure`, fault.Input, false},
		"a bad branch":      {"publish:bitbucketCloud:pull-request", []values{proposal, {"sourceBranch": "a..b"}}, nil, `sourceBranch "a..b"`, fault.Input, false},
		"no repository":     {"publish:bitbucketCloud:pull-request", []values{proposal, {"repoUrl": "bitbucket.org?workspace=acme&project=WEB&repo=none"}}, nil, "Could not fetch default branch for acme/none", fault.NotFound, false},
		"no branches":       {"publish:bitbucketCloud:pull-request", []values{proposal}, answer(403), "Unable to create branch, 403 Forbidden, no", fault.NotAllowed, false},
		"no pipeline":       {"bitbucket:pipelines:run", []values{build, {"body": values{}}}, nil, "Unable to run pipeline, 400 Bad Request, A target is required", fault.Input, false},
		"a path as a name":  {"bitbucket:pipelines:run", []values{build, {"repo_slug": "../user"}}, nil, "is not a name", fault.Input, false},
		"no administrator":  {"bitbucketCloud:branchRestriction:create", []values{restrict}, answer(403), "bitbucket.org answered 403: no", fault.NotAllowed, false},
		"restricted before": {"bitbucketCloud:branchRestriction:create", []values{restrict, {"pattern": "main"}}, nil, "exists already, and this run did not create it", fault.Conflict, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Write(t, workspace)
			b.server.AddRestriction("main")
			before := b.server.Digest()
			b.server.Inject(test.wrap)
			_, err := b.run(t, test.action, test.input...)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.Equal(t, test.isTransient, action.IsTransient(err))
			require.NotContains(t, fmt.Sprint(err), bitbucketcloudtest.AppPassword)
			require.Equal(t, before, b.server.Digest())
		})
	}
}

func TestCredentialsAreRequired(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.options.Hosts = b.hosts(t, cloudhost.Config{})
	_, err := b.run(t, "publish:bitbucketCloud", shop)
	require.ErrorContains(t, err, "Authorization has not been provided for Bitbucket Cloud.")
	require.Contains(t, action.Advice(err), "integrations.bitbucketCloud")
	b.options.RequireUserCredentials = true
	_, err = b.run(t, "publish:bitbucketCloud", shop)
	require.ErrorContains(t, err, "No user credentials provided for host bitbucket.org")
}
