package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/integration/kubernetes/workloads"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/internal/testkit/kubetest"
	"github.com/portico-dev/portico/policy"
)

// oneEntity is a catalog with the component shop.
type oneEntity struct{ namespace string }

func (o oneEntity) EntityByRef(_ context.Context, _ identity.Principal, ref entity.Ref) (entity.Entity, error) {
	if ref.String() != "component:default/shop" {
		return nil, fault.New(fault.NotFound, "No entity named '%s'", ref)
	}
	return entity.Entity{"kind": "Component", "metadata": map[string]any{"name": "shop", "annotations": map[string]any{
		"backstage.io/kubernetes-id": "shop", "backstage.io/kubernetes-namespace": o.namespace}}}, nil
}

func TestTheKubernetesPluginShowsWhatBelongsToAnEntity(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	namespace := cluster.Namespace(t)
	cluster.Create(t, kubetest.ConfigMaps, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: "+namespace+", labels: {backstage.io/kubernetes-id: shop}}\ndata: {color: blue}")
	url := cluster.Proxy(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/log") { // there is no node that has one
				_, _ = io.WriteString(w, "tail "+r.URL.Query().Get("tailLines"))
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	set, err := kubernetes.New(kubernetes.Config{Methods: []kubernetes.Method{{Type: kubernetes.MethodConfig, Clusters: []kubernetes.ClusterConfig{{Name: "dev", Title: "Development", URL: url,
		AuthProvider: kubernetes.AuthServiceAccount, Token: cluster.Token, CAData: base64.StdEncoding.EncodeToString(cluster.Authority)}}}}}, kubernetes.Options{})
	require.NoError(t, err)
	server := newServer(t, io.Discard, func(options *api.Options) {
		options.Plugins = append(options.Plugins, api.NewKubernetesPlugin(workloads.New(workloads.Options{Clusters: set, Entities: subject.Finder{Catalog: oneEntity{namespace}, Decider: policy.AllowKnown{}}})))
	})
	const at = "/api/kubernetes"
	require.JSONEq(t, `{"items":[{"name":"dev","title":"Development","authProvider":"serviceAccount"}]}`, ask(t, server, http.MethodGet, at+"/clusters", "").Body.String())
	for path, body := range map[string]string{
		"/services/shop":             `{"entity":{"apiVersion":"backstage.io/v1alpha1","kind":"Component","metadata":{"name":"shop","namespace":"default"},"spec":{}},"auth":{}}`,
		"/resources/workloads/query": `{"entityRef":"component:default/shop","auth":{}}`,
	} {
		answer := ask(t, server, http.MethodPost, at+path, body)
		require.Equal(t, http.StatusOK, answer.Code, answer.Body.String())
		var found struct {
			Items []struct {
				Cluster   struct{ Name, Title string }
				Resources []struct {
					Type      string
					Resources []struct{ Data map[string]string }
				}
				PodMetrics, Errors []any
			}
		}
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &found))
		require.Len(t, found.Items, 1)
		require.Equal(t, "Development", found.Items[0].Cluster.Title)
		require.Len(t, found.Items[0].Resources, 1)
		require.Equal(t, "configmaps", found.Items[0].Resources[0].Type)
		require.Equal(t, map[string]string{"color": "blue"}, found.Items[0].Resources[0].Resources[0].Data)
		require.NotNil(t, found.Items[0].PodMetrics)
		require.NotNil(t, found.Items[0].Errors)
	}
	missing := ask(t, server, http.MethodPost, at+"/resources/custom/query", `{"entityRef":"component:default/shop","auth":{},"customResources":[{"group":"argoproj.io","apiVersion":"v1alpha1","plural":"rollouts"}]}`)
	require.Contains(t, missing.Body.String(), `"errorType":"NOT_FOUND","statusCode":404,"resourcePath":"/apis/argoproj.io/v1alpha1/rollouts"`)
	require.Equal(t, http.StatusNotFound, ask(t, server, http.MethodPost, at+"/resources/workloads/query", `{"entityRef":"component:default/other"}`).Code)
	require.Equal(t, http.StatusBadRequest, ask(t, server, http.MethodPost, at+"/resources/workloads/query", `{"entityRef":""}`).Code)

	log := "/proxy/api/v1/namespaces/" + namespace + "/pods/shop-1/log"
	require.Equal(t, "tail 10", ask(t, server, http.MethodGet, at+log+"?tailLines=10", "", "Backstage-Kubernetes-Cluster", "dev").Body.String())
	for _, path := range []string{"/proxy/api/v1/namespaces/" + namespace + "/secrets", "/proxy/api/v1/namespaces/a/pods/../secrets/log", "/proxy/version"} {
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, newRequest(t.Context(), http.MethodGet, at+path, "", "Backstage-Kubernetes-Cluster", "dev"))
		require.Equal(t, http.StatusNotFound, answer.Code, path)
	}
	require.Equal(t, http.StatusUnauthorized, ask(t, server, http.MethodGet, at+"/clusters", "", "Authorization", "").Code)
}
