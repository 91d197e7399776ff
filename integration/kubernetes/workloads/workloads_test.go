package workloads_test

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/integration/kubernetes/workloads"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/internal/testkit/kubetest"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
)

var ada = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada", Ownership: []string{"user:default/ada"}}

// entities is a catalog with one entity.
type entities struct{ known entity.Entity }

func (e entities) EntityByRef(_ context.Context, _ identity.Principal, ref entity.Ref) (entity.Entity, error) {
	if ref.String() != e.known.Ref().String() {
		return nil, fault.New(fault.NotFound, "no %s", ref)
	}
	return e.known, nil
}

var shop = entity.Ref{Kind: "Component", Namespace: "default", Name: "shop"}

// serviceOf asks clusters about the component shop, of which everything in a namespace is.
func serviceOf(t *testing.T, namespace string, decider policy.Decider, found ...kubernetes.ClusterConfig) *workloads.Service {
	t.Helper()
	set, err := kubernetes.New(kubernetes.Config{Methods: []kubernetes.Method{{Type: kubernetes.MethodConfig, Clusters: found}},
		CustomResources: []kubernetes.CustomResource{{Group: "argoproj.io", Version: "v1alpha1", Plural: "rollouts"}}}, kubernetes.Options{})
	require.NoError(t, err)
	known := entity.Entity{"kind": "Component", "metadata": map[string]any{"name": "shop", "annotations": map[string]any{
		"backstage.io/kubernetes-namespace": namespace}}}
	return workloads.New(workloads.Options{Clusters: set, Entities: subject.Finder{Catalog: entities{known}, Decider: decider}})
}

func clusterAt(cluster *kubetest.Cluster, name, url string) kubernetes.ClusterConfig {
	return kubernetes.ClusterConfig{Name: name, URL: url, Token: cluster.Token, AuthProvider: kubernetes.AuthServiceAccount, CAData: base64.StdEncoding.EncodeToString(cluster.Authority)}
}

// withPods intercepts what needs nodes: the metrics of pods, and their logs.
func withPods(namespace string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasPrefix(r.URL.Path, "/apis/metrics.k8s.io/"):
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"apiVersion":"metrics.k8s.io/v1beta1","kind":"PodMetricsList","metadata":{},"items":[{"apiVersion":"metrics.k8s.io/v1beta1","kind":"PodMetrics",
					"metadata":{"name":"shop-1","namespace":"`+namespace+`"},"containers":[{"name":"main","usage":{"cpu":"250m","memory":"64Mi"}}]}]}`)
			case strings.HasSuffix(r.URL.Path, "/log"):
				_, _ = io.WriteString(w, "line of "+r.URL.Query().Get("container")+"\n")
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
}

func TestTheObjectsOfAnEntity(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	namespace := cluster.Namespace(t)
	const labels = "labels: {backstage.io/kubernetes-id: shop}"
	cluster.Create(t, kubetest.Pods, "apiVersion: v1\nkind: Pod\nmetadata: {name: shop-1, namespace: "+namespace+", "+labels+"}\n"+
		"spec: {containers: [{name: main, image: busybox, resources: {requests: {cpu: 500m, memory: 128Mi}, limits: {cpu: '1'}}}]}")
	cluster.Create(t, kubetest.Pods, "apiVersion: v1\nkind: Pod\nmetadata: {name: other, namespace: "+namespace+"}\nspec: {containers: [{name: main, image: busybox}]}")
	cluster.Create(t, kubetest.ConfigMaps, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: "+namespace+", "+labels+"}")
	cluster.Create(t, kubetest.Secrets, "apiVersion: v1\nkind: Secret\nmetadata: {name: key, namespace: "+namespace+", "+labels+"}")
	url := cluster.Proxy(t, withPods(namespace))
	service := serviceOf(t, namespace, policy.AllowKnown{}, clusterAt(cluster, "dev", url), clusterAt(cluster, "down", "https://127.0.0.1:1"),
		kubernetes.ClusterConfig{Name: "users", URL: cluster.URL, AuthProvider: kubernetes.AuthOIDC, OIDCTokenProvider: "okta"})

	known, err := service.Clusters(t.Context(), ada)
	require.NoError(t, err)
	require.Len(t, known, 3)
	found, err := service.Objects(t.Context(), ada, workloads.Question{Entity: shop})
	require.NoError(t, err)
	require.Len(t, found, 3)
	dev, down, users := found[0], found[1], found[2]
	var kinds []string
	for _, kind := range dev.Kinds {
		kinds = append(kinds, kind.Type)
		require.Len(t, kind.Objects, 1)
		require.NotContains(t, kind.Objects[0]["metadata"], "managedFields")
	}
	require.Equal(t, []string{"pods", "configmaps"}, kinds, "secrets are not shown")
	require.Equal(t, []workloads.Failure{{Type: "NOT_FOUND", StatusCode: 404, ResourcePath: "/apis/argoproj.io/v1alpha1/rollouts",
		Message: "reading rollouts: the cluster dev answered: the server could not find the requested resource"}}, dev.Errors)
	require.Len(t, dev.Metrics, 1)
	require.Equal(t, workloads.Usage{Current: 0.25, Requested: 0.5, Limit: 1}, dev.Metrics[0].CPU)
	require.Equal(t, workloads.Usage{Current: 64 << 20, Requested: 128 << 20}, dev.Metrics[0].Memory)
	require.Equal(t, "main", dev.Metrics[0].Containers[0].Name)
	require.Equal(t, "FETCH_ERROR", down.Errors[0].Type)
	require.Contains(t, down.Errors[0].Message, "could not be reached")
	require.Equal(t, []workloads.Failure{{Type: "UNAUTHORIZED_ERROR", Message: "There are no credentials for the cluster users: its authProvider oidc needs a token of the user."}}, users.Errors)

	// The answer is shown again for a moment.
	cluster.Delete(t, kubetest.ConfigMaps, namespace, "settings")
	again, err := service.Objects(t.Context(), ada, workloads.Question{Entity: shop})
	require.NoError(t, err)
	require.Equal(t, dev.Kinds, again[0].Kinds)
	require.Eventually(t, func() bool {
		again, err := service.Objects(t.Context(), ada, workloads.Question{Entity: shop})
		return err == nil && len(again[0].Kinds) == 1
	}, time.Minute, 200*time.Millisecond)

	only, err := service.Objects(t.Context(), ada, workloads.Question{Entity: shop, Custom: []kubernetes.CustomResource{{Group: "apps", Version: "v1", Plural: "deployments"}, {Group: "", Version: "v1", Plural: "secrets"}}})
	require.NoError(t, err)
	require.NotContains(t, only[0].Cluster.Name, "dev", "there is no deployment, and nobody gets secrets")

	content, err := service.Log(t.Context(), ada, workloads.PodLog{Cluster: "dev", Namespace: namespace, Pod: "shop-1", Query: map[string]string{"container": "main"}})
	require.NoError(t, err)
	require.Equal(t, "line of main\n", string(content))
	_, err = service.Log(t.Context(), ada, workloads.PodLog{Cluster: "none", Namespace: namespace, Pod: "shop-1"})
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}

func TestEveryMethodAsks(t *testing.T) {
	t.Parallel()
	service := serviceOf(t, "shop", policytest.Table{policy.KubernetesClustersRead: policytest.Deny, policy.KubernetesResourcesRead: policytest.Deny, policy.KubernetesProxy: policytest.Deny})
	_, err := service.Clusters(t.Context(), ada)
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, err = service.Objects(t.Context(), ada, workloads.Question{Entity: shop})
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, err = service.Log(t.Context(), ada, workloads.PodLog{})
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
}

// TestTheClustersOfAnEntity: the annotation names one, or the entity depends on it.
func TestTheClustersOfAnEntity(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		locate, annotation string
		relations          []any
		expected           []string
	}{
		"all":                  {"", "", nil, []string{"one", "two"}},
		"the annotated one":    {"", "two", nil, []string{"two"}},
		"none is annotated":    {workloads.SingleTenant, "", nil, nil},
		"single and annotated": {workloads.SingleTenant, "one", nil, []string{"one"}},
		"the dependencies": {workloads.CatalogRelation, "", []any{map[string]any{"type": "dependsOn", "targetRef": "resource:default/two"},
			map[string]any{"type": "ownedBy", "targetRef": "group:default/one"}}, []string{"two"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			down := func(name string) kubernetes.ClusterConfig {
				return kubernetes.ClusterConfig{Name: name, URL: "https://" + name + ".example.com", AuthProvider: "none"}
			}
			set, err := kubernetes.New(kubernetes.Config{Methods: []kubernetes.Method{{Type: kubernetes.MethodConfig, Clusters: []kubernetes.ClusterConfig{down("one"), down("two")}}}}, kubernetes.Options{})
			require.NoError(t, err)
			annotations := map[string]any{}
			if test.annotation != "" {
				annotations["backstage.io/kubernetes-cluster"] = test.annotation
			}
			known := entity.Entity{"kind": "Component", "metadata": map[string]any{"name": "shop", "annotations": annotations}, "relations": test.relations}
			service := workloads.New(workloads.Options{Clusters: set, Entities: subject.Finder{Catalog: entities{known}, Decider: policy.AllowKnown{}}, Locate: test.locate})
			found, err := service.Objects(t.Context(), ada, workloads.Question{Entity: shop})
			require.NoError(t, err)
			var names []string
			for _, objects := range found {
				names = append(names, objects.Cluster.Name)
			}
			require.Equal(t, test.expected, names)
		})
	}
}
