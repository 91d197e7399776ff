package gitlab_test

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	client "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/gitlabtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

func TestPublishTakesAnExistingProjectIfAsked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write(t, workspace)
	before := b.server.Digest(t)
	output, err := b.run(t, "publish:gitlab", values{"skipExisting": true})
	require.NoError(t, err)
	require.Equal(t, action.Output{
		"remoteUrl": b.server.URL + "/acme/shop", "repoContentsUrl": b.server.URL + "/acme/shop/-/blob/master", "projectId": b.project, "created": false,
	}, output)
	require.Equal(t, before, b.server.Digest(t), "nothing was changed")
	require.NoError(t, b.RollBack(t.Context(), b.action(t, "publish:gitlab")))
	require.NotEmpty(t, b.describe("acme/shop"), "it is not this run's")
}

func TestPublishNamesWhatIsTaken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.run(t, "publish:gitlab", nil)
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.ErrorContains(t, err, "The project acme/shop on "+b.server.Host+" exists already")
	require.NotEmpty(t, action.Advice(err))
}

func TestPublishDirectories(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		source  any
		project string
	}{
		"one":      {"src", "acme/cart (private, \"\", []); master [main.go=package main\n] protected"},
		"all":      {true, "acme/cart (private, \"\", []); master [README.md=# Shop, changed\n src/main.go=package main\n] protected"},
		"none":     {false, "acme/cart (private, \"\", []); "},
		"ignoring": {".", "acme/cart (private, \"\", []); master [README.md=# Shop, changed\n src/main.go=package main\n] protected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.write(t, workspace)
			output, err := b.run(t, "publish:gitlab", values{"repoUrl": b.server.Host + "?owner=acme&repo=cart", "sourcePath": test.source})
			require.NoError(t, err)
			require.Equal(t, test.source != false, output["commitHash"] != nil)
			require.Equal(t, test.project, b.describe("acme/cart")+map[bool]string{true: "; "}[test.source == false])
		})
	}
}

func TestPublishDescribesAndProtectsIfAsked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		input       values
		description string
		protects    []string
	}{
		"neither":                 {values{"protectDefaultBranch": false, "description": ""}, "", nil},
		"both":                    {values{"protectDefaultBranch": true, "description": "A cart", "defaultBranch": "main"}, "A cart", []string{"main"}},
		"the setting comes first": {values{"description": "A cart", "settings": values{"description": "The cart"}}, "The cart", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.write(t, workspace)
			var mutex sync.Mutex
			var protects []string
			b.server.Inject(func(r *http.Request) gitlabtest.Fault {
				if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/protected_branches") {
					mutex.Lock()
					defer mutex.Unlock()
					protects = append(protects, r.URL.Query().Get("name"))
				}
				return nil
			})
			input := values{"repoUrl": b.server.Host + "?owner=acme&repo=cart"}
			maps.Copy(input, test.input)
			_, err := b.run(t, "publish:gitlab", input)
			require.NoError(t, err)
			mutex.Lock()
			defer mutex.Unlock()
			require.Equal(t, test.protects, protects, "GitLab itself has protected it after the push, which counts")
			require.Contains(t, b.describe("acme/cart"), "acme/cart (private, \""+test.description+"\", [])")
		})
	}
}

func TestPublishRefusesBadInput(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		input values
		text  string
	}{
		"a namespace that is not there": {values{"repoUrl": "HOST?owner=nobody&repo=r"}, "The namespace nobody is not found or the user doesn't have permissions to access it"},
		"an unknown host":               {values{"repoUrl": "elsewhere.example?owner=a&repo=r"}, "No matching integration configuration for host elsewhere.example"},
		"no name":                       {values{"repoUrl": "HOST?owner=acme"}, "missing repo"},
		"a bad branch":                  {values{"repoUrl": "HOST?owner=acme&repo=r", "defaultBranch": "a..b"}, "is not a name that Git takes"},
		"a path out of the workspace":   {values{"repoUrl": "HOST?owner=acme&repo=r", "sourcePath": "../.."}, "is not a directory of the workspace"},
		"a signature":                   {values{"repoUrl": "HOST?owner=acme&repo=r", "signCommit": true}, "no key to sign commits"},
		"an owner who is not there":     {values{"repoUrl": "HOST?owner=acme&repo=r", "ownerUsername": "zoe"}, "has no user zoe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			test.input["repoUrl"] = replace(test.input["repoUrl"].(string), "HOST", b.server.Host)
			_, err := b.run(t, "publish:gitlab", test.input)
			require.ErrorContains(t, err, test.text)
			require.Equal(t, fault.Input, fault.KindOf(err))
			require.False(t, action.IsTransient(err))
		})
	}
}

func TestPublishForUsersOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.options.RequireUserCredentials = true
	b.write(t, workspace)
	_, err := b.run(t, "publish:gitlab", values{"repoUrl": b.server.Host + "?owner=ann&repo=cart"})
	require.ErrorContains(t, err, "No user credentials provided for host "+b.server.Host)
	_, err = b.run(t, "publish:gitlab", values{"repoUrl": b.server.Host + "?owner=ann&repo=cart", "token": gitlabtest.AnnToken})
	require.NoError(t, err)

	require.Error(t, b.RollBack(t.Context(), b.action(t, "publish:gitlab")), "the integration's token does not see what is Ann's")
	b.Secrets = map[string]string{"USER_OAUTH_TOKEN": gitlabtest.AnnToken}
	require.NoError(t, b.RollBack(t.Context(), b.action(t, "publish:gitlab")))
	require.Empty(t, b.describe("ann/cart"))
}

func TestAProjectThatIsKeptForSomeDaysIsDeletedForGood(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.KeepDeleted()
	b.write(t, workspace)
	_, err := b.run(t, "publish:gitlab", values{"repoUrl": b.server.Host + "?owner=acme&repo=cart"})
	require.NoError(t, err)
	_, err = b.run(t, "gitlab:group:ensureExists", values{"path": []string{"acme", "teams"}})
	require.NoError(t, err)
	require.NoError(t, b.RollBack(t.Context(), router{b, t}))
	_, answer, err := b.client(gitlabtest.Token).Projects.GetProject("acme/cart", nil)
	require.Error(t, err)
	require.Equal(t, http.StatusNotFound, answer.StatusCode)
	require.Equal(t, []string{"acme portico:50"}, b.server.Groups())
}

func TestUsesOfAProject(t *testing.T) {
	t.Parallel()
	for use, begin := range map[string]func(b *bundle){
		"it has the branch feature":                func(b *bundle) { b.server.Commit("acme/cart", "feature", gitlabtest.Ann, map[string]string{"a": "b"}) },
		"it has commits that the run did not make": func(b *bundle) { b.server.Commit("acme/cart", "master", gitlabtest.Ann, map[string]string{"a": "b"}) },
		"it has the tag v1":                        func(b *bundle) { b.server.Tag("acme/cart", "v1") },
		`it has issues ("Please")`:                 func(b *bundle) { b.server.AddIssue("acme/cart", "Please", gitlabtest.Ann) },
		"it was forked":                            func(b *bundle) { b.server.With("acme/cart", func(found *client.Project) { found.ForksCount = 1 }) },
		"it was moved to acme/basket": func(b *bundle) {
			b.server.With("acme/cart", func(found *client.Project) { found.PathWithNamespace = "acme/basket" })
		},
	} {
		t.Run(use, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.write(t, workspace)
			_, err := b.run(t, "publish:gitlab", values{"repoUrl": b.server.Host + "?owner=acme&repo=cart"})
			require.NoError(t, err)
			begin(b)
			var inUse *action.InUseError
			require.ErrorAs(t, b.RollBack(t.Context(), b.action(t, "publish:gitlab")), &inUse)
			require.Contains(t, inUse.Reason, use)
		})
	}
}

func TestFailuresOfGitLab(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status    int
		kind      fault.Kind
		transient bool
	}{
		"a bad token": {http.StatusUnauthorized, fault.Authentication, false},
		"no right":    {http.StatusForbidden, fault.NotAllowed, false},
		"bad input":   {http.StatusBadRequest, fault.Input, false},
		"overload":    {http.StatusTooManyRequests, "", true},
		"an outage":   {http.StatusBadGateway, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.write(t, workspace)
			b.server.Inject(on(http.MethodPost, "/projects", gitlabtest.Answer(test.status, "no")))
			_, err := b.run(t, "publish:gitlab", values{"repoUrl": b.server.Host + "?owner=acme&repo=cart"})
			require.ErrorContains(t, err, "creating the project acme/cart: "+b.server.Host+" answered")
			require.Equal(t, test.transient, action.IsTransient(err))
			require.Equal(t, test.kind, fault.KindOf(err))
			require.NotEmpty(t, action.Advice(err))
			require.NotContains(t, err.Error(), gitlabtest.Token)
		})
	}
}
