package argocd_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/argocd"
	"github.com/portico-dev/portico/internal/testkit/argocdtest"
	"github.com/portico-dev/portico/internal/testkit/kubetest"
)

// setOf is the instances of a test. The one that is reached in a cluster has no address.
func setOf(t *testing.T, options argocd.Options) *argocd.Set {
	t.Helper()
	options.Transport = http.DefaultTransport
	set, err := argocd.New(options)
	require.NoError(t, err)
	return set
}

// connect returns a client to the instance main.
func connect(t *testing.T, set *argocd.Set) argocd.Client {
	t.Helper()
	client, err := set.Connect("main")
	require.NoError(t, err)
	return client
}

func unchanged(next http.Handler) http.Handler { return next }

// clientTo is a client to an instance of its own, of each kind.
var clientTo = map[string]func(t *testing.T) argocd.Client{
	"by the REST API": func(t *testing.T) argocd.Client {
		t.Helper()
		server := argocdtest.Start(t, nil)
		return connect(t, setOf(t, argocd.Options{Instances: []argocd.Instance{{Name: "main", URL: server.URL, Token: argocdtest.Token}}}))
	},
	"in a cluster": func(t *testing.T) argocd.Client {
		t.Helper()
		cluster := kubetest.Start(t)
		namespace := argocdtest.Install(t, cluster)
		return connect(t, setOf(t, argocd.Options{Clusters: argocdtest.Clusters(t, cluster, cluster.Token, unchanged),
			Instances: []argocd.Instance{{Name: "main", Cluster: argocdtest.ClusterName, Namespace: namespace}}}))
	},
}

func projectOf(name, repository string) argocd.Project {
	project := argocd.Project{Metadata: argocd.Metadata{Name: name, Finalizers: []string{argocd.Finalizer}}}
	project.Spec.Destinations = []argocd.Destination{{Name: "local", Namespace: "shop", Server: argocd.InCluster}}
	project.Spec.SourceRepos = []string{repository}
	return project
}

func applicationOf(name, project, path string) argocd.Application {
	return argocd.Application{Metadata: argocd.Metadata{Name: name, Labels: map[string]string{"app": name}, Finalizers: []string{argocd.Finalizer}},
		Spec: argocd.ApplicationSpec{Project: project, Destination: argocd.Destination{Namespace: "shop", Server: argocd.InCluster}, SyncPolicy: []byte(`{}`),
			Source: argocd.Source{Path: path, RepoURL: "https://git.example.com/acme/shop.git"}}}
}

// TestEveryClientKeepsItsPromises: those of the interface, however an instance is reached.
func TestEveryClientKeepsItsPromises(t *testing.T) {
	t.Parallel()
	for name, begin := range clientTo {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := begin(t)
			project, err := client.CreateProject(t.Context(), projectOf("team", "https://git.example.com/acme/shop.git"))
			require.NoError(t, err)
			require.NotEmpty(t, project.Metadata.UID)
			require.False(t, project.Metadata.CreationTimestamp.IsZero())
			_, err = client.CreateProject(t.Context(), projectOf("team", "https://git.example.com/acme/other.git"))
			require.Equal(t, fault.Conflict, fault.KindOf(err))
			found, err := client.Project(t.Context(), "team")
			require.NoError(t, err)
			require.Equal(t, project.Spec, found.Spec)

			_, err = client.CreateApplication(t.Context(), applicationOf("lost", "none", "deploy"))
			require.Equal(t, fault.Input, fault.KindOf(err))
			require.ErrorContains(t, err, "application references project none which does not exist")
			for _, each := range []string{"one", "two"} {
				_, err := client.CreateApplication(t.Context(), applicationOf(each, "team", "deploy"))
				require.NoError(t, err)
			}
			_, err = client.CreateApplication(t.Context(), applicationOf("two", "team", "elsewhere"))
			require.Equal(t, fault.Conflict, fault.KindOf(err))

			two, err := client.Application(t.Context(), "team", "two")
			require.NoError(t, err)
			require.Equal(t, "deploy", two.Spec.Source.Path)
			require.NoError(t, client.DeleteApplication(t.Context(), *two))
			require.Eventually(t, func() bool {
				left, err := client.Application(t.Context(), "team", "two")
				return err == nil && left == nil
			}, waitFor, tick)
			require.Equal(t, fault.NotFound, fault.KindOf(client.DeleteApplication(t.Context(), *two)))
			none, err := client.Project(t.Context(), "none")
			require.NoError(t, err)
			require.Nil(t, none)
			require.Equal(t, fault.NotFound, fault.KindOf(client.DeleteProject(t.Context(), projectOf("none", ""))))
		})
	}
}

func TestApplicationsAreSelected(t *testing.T) {
	t.Parallel()
	for name, begin := range clientTo {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := begin(t)
			for _, project := range []string{"a", "b"} {
				_, err := client.CreateProject(t.Context(), projectOf(project, "*"))
				require.NoError(t, err)
				for _, application := range []string{"one", "two"} {
					_, err := client.CreateApplication(t.Context(), applicationOf(project+"-"+application, project, "deploy"))
					require.NoError(t, err)
				}
			}
			for _, test := range []struct {
				selected argocd.Selection
				expected string
			}{
				{argocd.Selection{}, "a-one a-two b-one b-two"},
				{argocd.Selection{Name: "a-one"}, "a-one"},
				{argocd.Selection{Project: "b"}, "b-one b-two"},
				{argocd.Selection{Selector: "app in (a-one, b-two)"}, "a-one b-two"},
				{argocd.Selection{Selector: "app in (a-one, b-two)", Project: "b"}, "b-two"},
				{argocd.Selection{Name: "none"}, ""},
				{argocd.Selection{Namespace: "none"}, ""},
			} {
				found, err := client.Applications(t.Context(), test.selected)
				require.NoError(t, err)
				var names []string
				for _, each := range found {
					names = append(names, each.Metadata.Name)
				}
				require.Equal(t, test.expected, strings.Join(names, " "), "%+v", test.selected)
			}
		})
	}
}

func TestTheConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		instance argocd.Instance
		problem  string
	}{
		"without a place":           {argocd.Instance{Name: "main"}, `argocd.appLocatorMethods: the instance "main" has neither a url nor a cluster`},
		"in a cluster of the moon":  {argocd.Instance{Name: "main", Cluster: "moon"}, `argocd.appLocatorMethods: the instance "main": There is no cluster moon: no cluster is configured.`},
		"with an address, and well": {argocd.Instance{Name: "main", URL: "https://argocd.example.com"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := argocd.New(argocd.Options{Instances: []argocd.Instance{test.instance}})
			if test.problem != "" {
				require.EqualError(t, err, test.problem)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{"main"}, set.Names())
			_, err = set.Connect("other")
			require.EqualError(t, err, "Unable to find Argo instance named 'other'")
		})
	}
	var none *argocd.Set
	require.Empty(t, none.Names())
}

func TestPages(t *testing.T) {
	t.Parallel()
	instance := argocd.Instance{URL: "https://argocd.example.com"}
	require.Equal(t, "https://argocd.example.com/applications/shop", instance.Page("", "shop"))
	require.Equal(t, "https://argocd.example.com/applications/team%2Fa/shop", instance.Page("team/a", "shop"))
	require.Empty(t, argocd.Instance{Cluster: "dev"}.Page("argocd", "shop"))
}

// TestASessionIsUsedUntilItEnds: signing in is limited in Argo CD.
func TestASessionIsUsedUntilItEnds(t *testing.T) {
	t.Parallel()
	ended := false
	server := argocdtest.Start(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if ended && !strings.HasSuffix(r.URL.Path, "/session") {
				ended = false
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	set := setOf(t, argocd.Options{Instances: []argocd.Instance{{Name: "main", URL: server.URL, Username: argocdtest.Username, Password: argocdtest.Password}}})
	look := func() {
		_, err := connect(t, set).Project(t.Context(), "default")
		require.NoError(t, err)
	}
	look()
	look()
	require.Equal(t, []string{"POST /api/v1/session"}, server.Writes())
	ended = true
	look()
	require.Equal(t, []string{"POST /api/v1/session", "POST /api/v1/session"}, server.Writes())
}

// TestFailuresAreExplained: what happened, whether it may pass, and what to do.
func TestFailuresAreExplained(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer           func(w http.ResponseWriter)
		kind             fault.Kind
		message, next    string
		isTransient      bool
		hasAddressInNext bool
	}{
		"it is overloaded": {answering(http.StatusTooManyRequests, `{"message":"slow down"}`), fault.Unavailable,
			"looking for the project team on Argo CD main: slow down", "Retry when Argo CD is well again.", true, false},
		"the token has expired": {answering(http.StatusUnauthorized, `{"error":"token is expired"}`), fault.Authentication,
			"looking for the project team on Argo CD main: token is expired", "Renew the token of the instance 'main' in argocd.appLocatorMethods, then retry.", false, false},
		"a right is missing": {answering(http.StatusForbidden, `{"message":"permission denied"}`), fault.NotAllowed,
			"looking for the project team on Argo CD main: permission denied", "Give the account of the instance 'main' the right to do this in Argo CD's RBAC, then retry.", false, false},
		"it redirects": {answering(http.StatusFound, ``), fault.BadGateway,
			"looking for the project team on Argo CD main: Found", "Correct the url of the instance 'main': it redirects.", false, false},
		"its address is another's": {answering(http.StatusNotFound, `404 page not found`), fault.BadGateway,
			"looking for the project team on Argo CD main: Not Found", "Correct the url of the instance 'main': the API of Argo CD is not there.", false, false},
		"it is no Argo CD": {answering(http.StatusOK, `<html>`), fault.Unavailable,
			"looking for the project team on Argo CD main: the answer is not Argo CD's: invalid character '<' looking for beginning of value", "", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { test.answer(w) }))
			t.Cleanup(server.Close)
			_, err := connect(t, setOf(t, argocd.Options{Instances: []argocd.Instance{{Name: "main", URL: server.URL, Token: "t"}}})).Project(t.Context(), "team")
			var failure *argocd.InstanceError
			require.ErrorAs(t, err, &failure)
			require.EqualError(t, err, test.message)
			require.Equal(t, test.kind, fault.KindOf(err))
			_, isTransient := failure.MayPass()
			require.Equal(t, test.isTransient, isTransient)
			if test.hasAddressInNext {
				test.next = "Check that " + server.URL + " can be reached, then retry."
			}
			require.Equal(t, test.next, failure.Advice())
		})
	}
}

func answering(status int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}
