package argocd_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/argocd"
	"github.com/portico-dev/portico/internal/testkit/argocdtest"
	"github.com/portico-dev/portico/internal/testkit/kubetest"
)

const (
	waitFor = 30 * time.Second
	tick    = 20 * time.Millisecond
)

func inCluster(t *testing.T, cluster *kubetest.Cluster, namespace, token string, wrap func(http.Handler) http.Handler) argocd.Client {
	t.Helper()
	return connect(t, setOf(t, argocd.Options{Clusters: argocdtest.Clusters(t, cluster, token, wrap),
		Instances: []argocd.Instance{{Name: "main", Cluster: argocdtest.ClusterName, Namespace: namespace}}}))
}

// TestFailuresOfAClusterAreExplained: Argo CD is not there, or not for us.
func TestFailuresOfAClusterAreExplained(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	namespace := argocdtest.Install(t, cluster)
	account := cluster.Account(t, namespace, "{apiGroups: [argoproj.io], resources: [appprojects], verbs: [get]}")
	withoutArgoCD := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = strings.Replace(r.URL.Path, "argoproj.io", "none.example.com", 1)
			next.ServeHTTP(w, r)
		})
	}
	for name, test := range map[string]struct {
		client        argocd.Client
		kind          fault.Kind
		message, next string
	}{
		"a right is missing": {inCluster(t, cluster, namespace, account, unchanged), fault.NotAllowed,
			"may not create appprojects.argoproj.io in the namespace " + namespace + " of dev.", "Give it a role with the verb create on appprojects.argoproj.io in the namespace " + namespace + ", then retry."},
		"Argo CD is not installed": {inCluster(t, cluster, namespace, cluster.Token, withoutArgoCD), fault.BadGateway,
			"creating the project team on Argo CD main: the cluster dev has no Argo CD in the namespace " + namespace, "Install it there, or correct the cluster or the namespace of the instance 'main' in argocd.appLocatorMethods."},
		"the namespace is not there": {inCluster(t, cluster, "none", cluster.Token, unchanged), fault.BadGateway,
			"creating the project team on Argo CD main: the cluster dev has no Argo CD in the namespace none", "Install it there, or correct the cluster or the namespace of the instance 'main' in argocd.appLocatorMethods."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := test.client.CreateProject(t.Context(), projectOf("team", "*"))
			var failure *argocd.InstanceError
			require.ErrorAs(t, err, &failure)
			require.Contains(t, err.Error(), test.message)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.Equal(t, test.next, failure.Advice())
			require.NotContains(t, err.Error()+failure.Advice(), account)
		})
	}
}

// TestADeletionCascades: the REST API adds the finalizer to an application that has lost it, and so does Portico.
func TestADeletionCascades(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	namespace := argocdtest.Install(t, cluster)
	var changes []string
	client := inCluster(t, cluster, namespace, cluster.Token, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet {
				changes = append(changes, r.Method)
			}
			next.ServeHTTP(w, r)
		})
	})
	_, err := client.CreateProject(t.Context(), projectOf("team", "*"))
	require.NoError(t, err)
	wanted := applicationOf("shop", "team", "deploy")
	wanted.Metadata.Finalizers = nil
	created, err := client.CreateApplication(t.Context(), wanted)
	require.NoError(t, err)
	require.NoError(t, client.DeleteApplication(t.Context(), created))
	require.Equal(t, []string{http.MethodPost, http.MethodPost, http.MethodPatch, http.MethodDelete}, changes)
}

// TestALaterObjectIsNotDeleted: one that has the name and is another.
func TestALaterObjectIsNotDeleted(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	namespace := argocdtest.Install(t, cluster)
	client := inCluster(t, cluster, namespace, cluster.Token, unchanged)
	created, err := client.CreateProject(t.Context(), projectOf("team", "*"))
	require.NoError(t, err)
	created.Metadata.UID = "00000000-0000-0000-0000-000000000000"
	require.Error(t, client.DeleteProject(t.Context(), created))
	found, err := client.Project(t.Context(), "team")
	require.NoError(t, err)
	require.Nil(t, found.Metadata.DeletionTimestamp)
}
