package argocd_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/portico-dev/portico/integration/argocd"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/argocdtest"
	"github.com/portico-dev/portico/internal/testkit/kubetest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// actionsInCluster act on the instance main, whose custom resources are in a namespace of the tests' cluster.
func actionsInCluster(t testing.TB, cluster *kubetest.Cluster, namespace string, wrap func(http.Handler) http.Handler) []action.Action {
	t.Helper()
	return actionsIn(t, argocd.Options{Clusters: argocdtest.Clusters(t, cluster, cluster.Token, wrap),
		Instances: []argocd.Instance{{Name: "main", Cluster: argocdtest.ClusterName, Namespace: namespace}}})
}

// existing lists the projects and applications of a namespace: their names and what they say, or all of them.
func existingIn(t testing.TB, cluster *kubetest.Cluster, namespace string, whole bool) []string {
	t.Helper()
	listed := []string{}
	for _, resource := range []schema.GroupVersionResource{argocdtest.Projects, argocdtest.Applications} {
		found, err := cluster.In(resource, namespace).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		for _, each := range found.Items {
			content := each.Object["spec"]
			if whole {
				content = each.Object
			}
			encoded, err := json.Marshal(content)
			require.NoError(t, err)
			listed = append(listed, fmt.Sprintf("%s %s %s", each.GetKind(), each.GetName(), encoded))
		}
	}
	slices.Sort(listed)
	return listed
}

// TestActionsConformInACluster: by custom resources, the actions keep the promises that they keep by the REST API.
func TestActionsConformInACluster(t *testing.T) {
	t.Parallel()
	for id, of := range map[string]struct{ input, taken string }{
		resources: {shop, "kind: AppProject\nmetadata: {name: shop, namespace: NAMESPACE}\nspec: {sourceRepos: ['*'], destinations: [{namespace: '*', server: '*'}]}"},
		app:       {shopInDefault, "kind: Application\nmetadata: {name: shop, namespace: NAMESPACE}\nspec: {project: default, source: {path: x, repoURL: x}}"},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				cluster := kubetest.Start(t)
				namespace := argocdtest.Install(t, cluster)
				create := func(t testing.TB, manifest string) {
					t.Helper()
					resource := argocdtest.Applications
					if strings.Contains(manifest, "AppProject") {
						resource = argocdtest.Projects
					}
					cluster.Create(t, resource, "apiVersion: argoproj.io/v1alpha1\n"+strings.ReplaceAll(manifest, "NAMESPACE", namespace))
				}
				create(t, "kind: AppProject\nmetadata: {name: default, namespace: NAMESPACE}\nspec: {sourceRepos: ['*'], destinations: [{namespace: '*', server: '*'}]}")
				return actiontest.Fixture{
					Action: recordedtest.ByID(t, actionsInCluster(t, cluster, namespace, gate.Handler), id), Input: of.input,
					State: func(t testing.TB) []string { t.Helper(); return existingIn(t, cluster, namespace, false) },
					Digest: func(t testing.TB) string {
						t.Helper()
						return strings.Join(existingIn(t, cluster, namespace, true), "\n")
					},
					Use: func(t testing.TB) {
						t.Helper()
						cluster.Patch(t, argocdtest.Applications, namespace, "shop", `{"spec":{"source":{"path":"elsewhere"}}}`)
					},
					Take: func(t testing.TB) { t.Helper(); create(t, of.taken) },
				}
			})
		})
	}
}

// TestWhatARunCreatesInAClusterIsMarked: with the marks of all objects that runs write, and with Backstage's label.
func TestWhatARunCreatesInAClusterIsMarked(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	namespace := argocdtest.Install(t, cluster)
	tested, harness := recordedtest.ByID(t, actionsInCluster(t, cluster, namespace, func(next http.Handler) http.Handler { return next }), resources), actiontest.NewHarness(t)
	output, err := harness.Run(t, tested, shop)
	require.NoError(t, err)
	require.Empty(t, output, "an instance without an address has no page")
	effects := harness.Ledger.All()
	require.Len(t, effects, 2)
	for n, resource := range []schema.GroupVersionResource{argocdtest.Projects, argocdtest.Applications} {
		made := cluster.Get(t, resource, namespace, "shop")
		require.Equal(t, effects[n].ID, made.GetAnnotations()["portico.dev/effect"])
		require.Equal(t, "run-1", made.GetLabels()["portico.dev/run"])
		require.Equal(t, "step", made.GetLabels()["portico.dev/step"])
		require.Equal(t, []string{argocd.Finalizer}, made.GetFinalizers())
	}
	require.Equal(t, "shop", cluster.Get(t, argocdtest.Applications, namespace, "shop").GetLabels()["backstage-name"])
}
