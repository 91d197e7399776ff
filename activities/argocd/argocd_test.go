package argocd_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	activities "github.com/portico-dev/portico/activities/argocd"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/argocd"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/argocdtest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const (
	resources = "argocd:create-resources"
	app       = "cnoe:create-argocd-app"

	shop = `{"appName":"shop","argoInstance":"main","namespace":"shop","repoUrl":"https://git.example.com/acme/shop.git","path":"deploy"}`
	// shopInDefault is for the other action.
	shopInDefault = `{"appName":"shop","argoInstance":"main","appNamespace":"shop","projectName":"default","repoUrl":"https://git.example.com/acme/shop.git",
		"path":"deploy"}`
	// another is an application of somebody else.
	another = `{"metadata":{"name":"%s"},"spec":{"project":"%s","destination":{"namespace":"x","server":"https://kubernetes.default.svc"},
		"source":{"path":"x","repoURL":"https://git.example.com/x.git"}}}`
	// foreign is a project of somebody else.
	foreign = `{"metadata":{"name":"shop"},"spec":{"sourceRepos":["*"],"destinations":[{"namespace":"*","server":"*"}]}}`
)

func actionsOn(t testing.TB, server *argocdtest.Server) []action.Action {
	t.Helper()
	return actionsIn(t, argocd.Options{Instances: []argocd.Instance{
		{Name: "main", URL: server.URL, Token: argocdtest.Token},
		{Name: "password", URL: server.URL, Username: argocdtest.Username, Password: argocdtest.Password},
		{Name: "wrong", URL: server.URL, Username: argocdtest.Username, Password: "wrong"},
		{Name: "revoked", URL: server.URL, Token: "revoked"},
		{Name: "none", URL: server.URL},
	}})
}

func actionsIn(t testing.TB, options argocd.Options) []action.Action {
	t.Helper()
	options.Transport = http.DefaultTransport
	instances, err := argocd.New(options)
	require.NoError(t, err)
	return activities.Actions(activities.Options{Instances: instances, Interval: time.Millisecond, DeleteWithin: time.Minute})
}

func TestActionsConform(t *testing.T) {
	t.Parallel()
	for id, of := range map[string]struct {
		input string
		take  func(*argocdtest.Server)
	}{
		resources: {shop, func(s *argocdtest.Server) { s.Add("project", foreign) }},
		app:       {shopInDefault, func(s *argocdtest.Server) { s.Add("application", fmt.Sprintf(another, "shop", "default")) }},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				server := argocdtest.Start(t, gate.Handler)
				return actiontest.Fixture{
					Action: recordedtest.ByID(t, actionsOn(t, server), id), Input: of.input,
					State:  func(testing.TB) []string { return server.State() },
					Digest: func(testing.TB) string { return server.Digest() },
					Use:    func(testing.TB) { server.Edit("shop", "elsewhere") },
					Take:   func(testing.TB) { of.take(server) },
					Hide:   func(testing.TB) (show func()) { return server.Hide() },
				}
			})
		})
	}
}

// TestAProjectThatFitsIsShared: a second application is added to the project, and the rollback of the first leaves
// both.
func TestAProjectThatFitsIsShared(t *testing.T) {
	t.Parallel()
	server := argocdtest.Start(t, nil)
	tested := recordedtest.ByID(t, actionsOn(t, server), resources)
	first, second := actiontest.NewHarness(t), actiontest.NewHarness(t)
	_, err := first.Run(t, tested, `{"appName":"one","projectName":"team","argoInstance":"main","namespace":"n","repoUrl":"https://git.example.com/r.git","path":"p"}`)
	require.NoError(t, err)
	output, err := second.Run(t, tested, `{"appName":"two","projectName":"team","argoInstance":"password","namespace":"n","repoUrl":"https://git.example.com/r.git","path":"p"}`)
	require.NoError(t, err)
	require.Equal(t, server.URL+"/applications/two", output["applicationUrl"])
	require.Contains(t, second.Log.Text(), "The project team exists already, and is used")

	var inUse *action.InUseError
	require.ErrorAs(t, first.RollBack(t.Context(), tested), &inUse)
	require.Contains(t, inUse.Reason, "the application two is in it")
	require.Equal(t, []string{"two"}, server.Names())
	require.NoError(t, second.RollBack(t.Context(), tested))
	require.Empty(t, server.Names())
	require.Len(t, server.State(), 1, "the second run did not create the project")
}

// TestAProjectIsDeletedAfterItsApplicationIsGone: Argo CD deletes what was deployed first.
func TestAProjectIsDeletedAfterItsApplicationIsGone(t *testing.T) {
	t.Parallel()
	server := argocdtest.Start(t, nil)
	tested, harness := recordedtest.ByID(t, actionsOn(t, server), resources), actiontest.NewHarness(t)
	_, err := harness.Run(t, tested, shop)
	require.NoError(t, err)
	server.Linger(5)
	require.NoError(t, harness.RollBack(t.Context(), tested))
	require.Empty(t, server.State())
	require.Equal(t, []string{"POST /api/v1/projects", "POST /api/v1/applications", "DELETE /api/v1/applications/shop?cascade=true&project=shop",
		"DELETE /api/v1/projects/shop"}, server.Writes())
}

func TestTheStepWaitsUntilTheApplicationIsHealthy(t *testing.T) {
	t.Parallel()
	const waiting = `{"appName":"shop","argoInstance":"main","namespace":"shop","repoUrl":"https://git.example.com/acme/shop.git","path":"deploy","waitForSync":true,
		"waitTimeout":%g}`
	for name, test := range map[string]struct {
		states  []string
		timeout float64
		failure string
	}{
		"it gets well": {[]string{`{"sync":{"status":"OutOfSync"},"health":{"status":"Missing"}}`, `{"sync":{"status":"Synced"},"health":{"status":"Progressing"}}`,
			`{"sync":{"status":"Synced"},"health":{"status":"Healthy"}}`}, 60, ""},
		"it cannot be synced": {[]string{`{"sync":{"status":"OutOfSync"},"operationState":{"phase":"Failed","message":"admission webhook denied it",
			"operation":{},"startedAt":"2026-01-01T00:00:00Z"}}`}, 60, "Argo CD could not sync the application shop: admission webhook denied it"},
		"it cannot be read": {[]string{`{"conditions":[{"type":"InvalidSpecError","message":"repository not accessible"}]}`}, 60,
			"Argo CD cannot use the application shop: repository not accessible"},
		"what failed before is mended": {[]string{`{"sync":{"status":"OutOfSync"},"health":{"status":"Missing"},"operationState":{"phase":"Failed","message":"denied","operation":{},
			"startedAt":"2020-01-01T00:00:00Z","finishedAt":"2020-01-01T00:00:01Z"}}`, `{"sync":{"status":"Synced"},"health":{"status":"Healthy"}}`}, 60, ""},
		"it cannot be compared": {[]string{`{"sync":{"status":"Unknown"},"health":{"status":"Healthy"},"conditions":[{"type":"OrphanedResourceWarning","message":"x"},
			{"type":"ComparisonError","message":"deploy: app path does not exist"}]}`}, 1,
			"The application shop is not synced and healthy after 1 seconds: it is Unknown and Healthy: ComparisonError: deploy: app path does not exist"},
		"it takes too long": {[]string{`{"sync":{"status":"Synced"},"health":{"status":"Degraded","message":"crash loop"}}`}, 1,
			"The application shop is not synced and healthy after 1 seconds: it is Synced and Degraded: crash loop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := argocdtest.Start(t, nil)
			server.Progress(test.states...)
			harness := actiontest.NewHarness(t)
			output, err := runUntil(t, harness, recordedtest.ByID(t, actionsOn(t, server), resources), fmt.Sprintf(waiting, test.timeout))
			require.Len(t, server.Writes(), 2, "looking again creates nothing")
			if test.failure != "" {
				require.EqualError(t, err, test.failure)
				require.False(t, action.IsTransient(err))
				require.NotEmpty(t, action.Advice(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, "Synced", output["syncStatus"])
			require.Equal(t, "Healthy", output["healthStatus"])
			require.NotContains(t, harness.Log.Text(), "is there already", "looking again says nothing")
		})
	}
}

// runUntil runs an action until it has not to wait any more, as the engine does.
func runUntil(t *testing.T, harness *actiontest.Harness, tested action.Action, input string) (action.Output, error) {
	t.Helper()
	began := time.Now()
	for {
		call := harness.Call(input)
		call.StartedAt = began
		output, err := tested.Run(t.Context(), call)
		waiting, isWaiting := errors.AsType[*action.NotYetError](err)
		if !isWaiting {
			return output, err
		}
		require.NotEmpty(t, waiting.Waiting)
		began = began.Add(-time.Second) // time passes
	}
}

func TestWhatCannotBeDoneIsSaid(t *testing.T) {
	t.Parallel()
	server := argocdtest.Start(t, nil)
	server.Add("application", fmt.Sprintf(another, "theirs", "default"))
	of := func(instance, name string) string {
		return fmt.Sprintf(`{"appName":%q,"argoInstance":%q,"appNamespace":"n","projectName":"default","repoUrl":"https://g/r.git","path":"p"}`, name, instance)
	}
	for name, test := range map[string]struct {
		input, message string
		kind           fault.Kind
	}{
		"an unknown instance": {of("nope", "x"), "Unable to find Argo instance named 'nope'", ""},
		"no credentials":      {of("none", "x"), "Missing credentials in config for Argo Instance.", fault.Authentication},
		"a wrong password":    {of("wrong", "x"), "Getting unauthorized for Argo CD instance " + server.URL, fault.Authentication},
		"a revoked token":     {of("revoked", "x"), "looking for the application x on Argo CD revoked: no session information", fault.Authentication},
		"a name that is taken": {of("main", "theirs"), "The application theirs on Argo CD main exists already, and this run did not create it. It was left untouched.",
			fault.Conflict},
		"a project that is not there": {`{"appName":"x","argoInstance":"main","appNamespace":"n","projectName":"gone","repoUrl":"https://g/r.git","path":"p"}`,
			"Error creating argo app: application references project gone which does not exist", fault.Input},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := actiontest.NewHarness(t).Run(t, recordedtest.ByID(t, actionsOn(t, server), app), test.input)
			require.EqualError(t, err, test.message)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.False(t, action.IsTransient(err))
			require.NotEmpty(t, action.Advice(err))
			require.NotContains(t, err.Error()+action.Advice(err), argocdtest.Password)
		})
	}
}

func TestAServerThatFailsIsAskedAgain(t *testing.T) {
	t.Parallel()
	server := argocdtest.Start(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		})
	})
	_, err := actiontest.NewHarness(t).Run(t, recordedtest.ByID(t, actionsOn(t, server), resources), shop)
	require.True(t, action.IsTransient(err))
	require.Equal(t, 7*time.Second, action.RetryAfter(err))
}
