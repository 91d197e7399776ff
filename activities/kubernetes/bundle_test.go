package kubernetes_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/portico-dev/portico/activities/kubernetes"
	clusters "github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/kubetest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/seal"
)

// testTimeout bounds the wait for something, and testPoll is how often a test looks.
const (
	testTimeout = time.Minute
	testPoll    = 20 * time.Millisecond
)

// dryRun has the server keep nothing.
var dryRun = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}

// bundle is the actions on a real API server, and a namespace of the test's own.
type bundle struct {
	*actiontest.Harness

	cluster   *kubetest.Cluster
	namespace string
	actions   map[string]action.Action
}

func setup(t testing.TB) *bundle {
	t.Helper()
	cluster := kubetest.Start(t)
	return setupWith(t, cluster, configOf(cluster, cluster.URL, cluster.Token))
}

// setupWith is setup with other settings of the clusters.
func setupWith(t testing.TB, cluster *kubetest.Cluster, config clusters.Config) *bundle {
	t.Helper()
	b := &bundle{Harness: actiontest.NewHarness(t), cluster: cluster, namespace: cluster.Namespace(t), actions: map[string]action.Action{}}
	for _, each := range actionsWith(t, config) {
		b.actions[each.Describe().ID] = each
	}
	return b
}

func actionsWith(t testing.TB, config clusters.Config) []action.Action {
	t.Helper()
	set, err := clusters.New(config, clusters.Options{})
	require.NoError(t, err)
	keys, err := seal.NewKeyring(seal.GenerateKey("test"))
	require.NoError(t, err)
	return kubernetes.Actions(kubernetes.Options{Clusters: set, Keys: keys, Poll: 20 * time.Millisecond})
}

// configOf is one cluster named dev.
func configOf(cluster *kubetest.Cluster, url, token string) clusters.Config {
	return clusters.Config{Methods: []clusters.Method{{Type: clusters.MethodConfig, Clusters: []clusters.ClusterConfig{{Name: "dev", URL: url,
		AuthProvider: clusters.AuthServiceAccount, Token: token, CAData: base64.StdEncoding.EncodeToString(cluster.Authority)}}}}}
}

// run runs an action until it need not wait any more. NAMESPACE in the input is the test's namespace.
func (b *bundle) run(t testing.TB, id, input string) (action.Output, error) {
	t.Helper()
	return b.Await(t, b.actions[id], strings.ReplaceAll(input, "NAMESPACE", b.namespace))
}

// apply applies manifests, which are a text in YAML.
func (b *bundle) apply(t testing.TB, manifest string, more ...string) error {
	t.Helper()
	_, err := b.run(t, "kubernetes:apply", fmt.Sprintf(`{"manifest":%q%s}`, manifest, strings.Join(append([]string{""}, more...), ",")))
	return err
}

func (b *bundle) rollBack(t testing.TB) error {
	t.Helper()
	return b.RollBack(t.Context(), b.actions["kubernetes:apply"])
}

// configMap is a manifest of a ConfigMap in the test's namespace.
func configMap(name, data string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: NAMESPACE}\ndata: %s", name, data)
}

func (b *bundle) get(t testing.TB, resource schema.GroupVersionResource, name string) *unstructured.Unstructured {
	t.Helper()
	return b.cluster.Get(t, resource, b.namespace, name)
}

// data is the data of a ConfigMap, nil when there is none.
func (b *bundle) data(t testing.TB, name string) map[string]any {
	t.Helper()
	object := b.get(t, kubetest.ConfigMaps, name)
	if object == nil {
		return nil
	}
	found, _, err := unstructured.NestedMap(object.Object, "data")
	require.NoError(t, err)
	return found
}

// inNamespace lists what a namespace contains, without what is in every namespace. With full, everything about it
// is listed.
func inNamespace(t testing.TB, cluster *kubetest.Cluster, namespace string, full bool) []string {
	t.Helper()
	listed := []string{}
	for _, resource := range []schema.GroupVersionResource{kubetest.ConfigMaps, kubetest.Secrets, kubetest.Quotas, kubetest.Accounts} {
		found, err := cluster.In(resource, namespace).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		for _, each := range found.Items {
			line := fmt.Sprintf("%s %s %v", each.GetKind(), each.GetName(), each.Object["data"])
			if full {
				line += " " + each.GetResourceVersion()
			}
			listed = append(listed, line)
		}
	}
	return listed
}

// through is a cluster whose requests pass a gate.
func through(t testing.TB, cluster *kubetest.Cluster, gate *actiontest.Gate) clusters.Config {
	t.Helper()
	return configOf(cluster, cluster.Proxy(t, func(next http.Handler) http.Handler { return gate.Handler(next) }), cluster.Token)
}

// throughWithoutLists is through, but for the lists of kinds and of objects. A namespace is deleted after the lists of
// all that could be in it: to crash at each takes minutes, and they change nothing.
func throughWithoutLists(t testing.TB, cluster *kubetest.Cluster, gate *actiontest.Gate) clusters.Config {
	t.Helper()
	return configOf(cluster, cluster.Proxy(t, func(next http.Handler) http.Handler {
		gated := gate.Handler(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/apis") || r.URL.Query().Get("limit") != "" {
				next.ServeHTTP(w, r)
				return
			}
			gated.ServeHTTP(w, r)
		})
	}), cluster.Token)
}
