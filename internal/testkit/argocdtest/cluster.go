package argocdtest

import (
	_ "embed" // for the definitions
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/internal/testkit/kubetest"
)

// Projects and Applications are the custom resources of Argo CD.
var (
	Projects     = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "appprojects"}
	Applications = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}

	definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

//go:embed crds.yaml
var customResources string

// Install installs the custom resources in the cluster of the tests, where they stay, and returns a new namespace in
// which what is deleted goes as it does with Argo CD's controller.
func Install(t testing.TB, cluster *kubetest.Cluster) (namespace string) {
	t.Helper()
	for manifest := range strings.SplitSeq(customResources, "\n---\n") {
		_, err := cluster.In(definitions, "").Create(t.Context(), kubetest.Object(t, manifest), metav1.CreateOptions{})
		if !apierrors.IsAlreadyExists(err) {
			require.NoError(t, err)
		}
	}
	namespace = cluster.Namespace(t)
	for _, resource := range []schema.GroupVersionResource{Projects, Applications} {
		require.Eventually(t, func() bool {
			_, err := cluster.In(resource, namespace).List(t.Context(), metav1.ListOptions{})
			return err == nil
		}, time.Minute, 20*time.Millisecond, "the server serves %s", resource.Resource)
		finish(t, cluster, resource, namespace)
	}
	return namespace
}

// finish removes the finalizers from what is being deleted: nothing was deployed that would have to go first.
func finish(t testing.TB, cluster *kubetest.Cluster, resource schema.GroupVersionResource, namespace string) {
	t.Helper()
	objects := cluster.In(resource, namespace)
	changes, err := objects.Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	t.Cleanup(changes.Stop)
	go func() {
		for change := range changes.ResultChan() {
			object, is := change.Object.(*unstructured.Unstructured)
			if is && object.GetDeletionTimestamp() != nil && len(object.GetFinalizers()) > 0 {
				// What fails is tried again at the next change, or was deleted meanwhile.
				_, _ = objects.Patch(t.Context(), object.GetName(), types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
			}
		}
	}()
}

// ClusterName is the name of the cluster of Clusters.
const ClusterName = "dev"

// Clusters know the cluster of the tests, which is reached through a handler around it.
func Clusters(t testing.TB, cluster *kubetest.Cluster, token string, wrap func(http.Handler) http.Handler) *kubernetes.Set {
	t.Helper()
	known, err := kubernetes.New(kubernetes.Config{Methods: []kubernetes.Method{{Type: kubernetes.MethodConfig, Clusters: []kubernetes.ClusterConfig{{
		Name: ClusterName, URL: cluster.Proxy(t, wrap), AuthProvider: kubernetes.AuthServiceAccount, Token: token,
		CAData: base64.StdEncoding.EncodeToString(cluster.Authority)}}}}}, kubernetes.Options{})
	require.NoError(t, err)
	return known
}
