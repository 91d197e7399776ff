package kubernetes_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/kubernetes"
)

// ada is somebody who may see the catalog.
var ada = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}

func configured(clusters ...kubernetes.ClusterConfig) kubernetes.Method {
	return kubernetes.Method{Type: kubernetes.MethodConfig, Clusters: clusters}
}

// described is an entity that describes a cluster.
func described(name string, annotations map[string]any) entity.Entity {
	return entity.Entity{"apiVersion": "backstage.io/v1alpha1", "kind": "Resource",
		"metadata": map[string]any{"name": name, "annotations": annotations}, "spec": map[string]any{"type": "kubernetes-cluster", "owner": "x"}}
}

// catalogOf is a catalog with these clusters, for ada alone.
func catalogOf(entities ...entity.Entity) kubernetes.Options {
	return kubernetes.Options{Resources: func(_ context.Context, principal identity.Principal) ([]entity.Entity, error) {
		if principal.Subject != ada.Subject {
			return nil, nil
		}
		return entities, nil
	}}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	t.Parallel()
	dev := kubernetes.ClusterConfig{Name: "dev", URL: "https://dev.example.com"}
	for problem, method := range map[string]kubernetes.Method{
		`kubernetes.clusterLocatorMethods[0]: cluster dev: its url "dev.example.com" is not an http or https URL`: configured(kubernetes.ClusterConfig{Name: "dev", URL: "dev.example.com"}),
		`kubernetes.clusterLocatorMethods[0]: cluster dev: its caData is not a certificate in base64`:             configured(kubernetes.ClusterConfig{Name: "dev", URL: "https://dev.example.com", CAData: "bm90aGluZw=="}),
		`kubernetes.clusterLocatorMethods: two clusters have the name "dev"`:                                      configured(dev, dev),
		`kubernetes.clusterLocatorMethods[0]: kubeconfig: stat /not/there: no such file or directory`:             {Type: kubernetes.MethodKubeconfig, Path: "/not/there"},
		`kubernetes.clusterLocatorMethods[0]: this process does not run in a cluster`:                             {Type: kubernetes.MethodInCluster},
	} {
		_, err := kubernetes.New(kubernetes.Config{Methods: []kubernetes.Method{method}}, kubernetes.Options{})
		require.ErrorContains(t, err, problem)
	}
	set, err := kubernetes.New(kubernetes.Config{Methods: []kubernetes.Method{{Type: "gke"}, {Type: kubernetes.MethodKubectlProxy}}}, kubernetes.Options{})
	require.NoError(t, err, "what Portico does not support is left out")
	known, err := set.Clusters(t.Context(), ada)
	require.NoError(t, err)
	require.Len(t, known, 1)
	require.Equal(t, "http://localhost:8001", known[0].URL)
}

// TestTheCatalogDecidesNeitherHostNorCredentials: whoever may write an entity could send Portico's tokens elsewhere.
func TestTheCatalogDecidesNeitherHostNorCredentials(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Header.Get("Authorization") }))
	t.Cleanup(server.Close)
	set, err := kubernetes.New(kubernetes.Config{Methods: []kubernetes.Method{
		configured(kubernetes.ClusterConfig{Name: "dev", URL: "https://dev.example.com/", Token: "ours", AuthProvider: kubernetes.AuthServiceAccount}),
		{Type: kubernetes.MethodCatalog, Hosts: []string{"*.k8s.example.com"}},
	}}, catalogOf(
		described("alias", map[string]any{"kubernetes.io/api-server": "https://DEV.example.com:443"}),
		described("allowed", map[string]any{"kubernetes.io/api-server": "https://a.k8s.example.com", "kubernetes.io/auth-provider": "serviceAccount"}),
		described("elsewhere", map[string]any{"kubernetes.io/api-server": server.URL}),
		described("suffix", map[string]any{"kubernetes.io/api-server": "https://evilk8s.example.com"}),
		described("plain", map[string]any{"kubernetes.io/api-server": "http://a.k8s.example.com"}),
		described("dev", map[string]any{"kubernetes.io/api-server": "https://b.k8s.example.com"}),
		described("nothing", nil),
	))
	require.NoError(t, err)
	known, err := set.Clusters(t.Context(), ada)
	require.NoError(t, err)
	names := map[string]string{}
	for _, cluster := range known {
		names[cluster.Name] = cluster.URL
	}
	require.Equal(t, map[string]string{"dev": "https://dev.example.com/", "alias": "https://dev.example.com/", "allowed": "https://a.k8s.example.com"}, names)

	allowed, err := set.Find(t.Context(), ada, kubernetes.Selector{Ref: "resource:default/allowed"})
	require.NoError(t, err)
	_, err = set.Connect(allowed, kubernetes.Access{})
	require.Equal(t, fault.Authentication, fault.KindOf(err), "Portico's own credentials do not go there")
	_, err = set.Connect(allowed, kubernetes.Access{Token: "the caller's"})
	require.NoError(t, err)
	alias, err := set.Find(t.Context(), ada, kubernetes.Selector{Name: "alias"})
	require.NoError(t, err)
	_, err = set.Connect(alias, kubernetes.Access{})
	require.NoError(t, err, "this is a cluster of the configuration")
	_, err = set.Find(t.Context(), identity.Principal{}, kubernetes.Selector{Name: "alias"})
	require.Equal(t, fault.NotFound, fault.KindOf(err), "who does not see the entity does not know the cluster")
	require.EqualError(t, err, "There is no cluster alias. The clusters are: dev.")
	require.Empty(t, asked)
}

// TestATokenIsNotLedElsewhere: a cluster that redirects does not get it sent on.
func TestATokenIsNotLedElsewhere(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Header.Get("Authorization") }))
	t.Cleanup(elsewhere.Close)
	redirecting := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(redirecting.Close)
	set, err := kubernetes.New(kubernetes.Config{Methods: []kubernetes.Method{configured(kubernetes.ClusterConfig{Name: "dev", URL: redirecting.URL, Token: "ours",
		AuthProvider: kubernetes.AuthServiceAccount})}}, kubernetes.Options{})
	require.NoError(t, err)
	cluster, err := set.Find(t.Context(), ada, kubernetes.Selector{})
	require.NoError(t, err)
	client, err := set.Connect(cluster, kubernetes.Access{})
	require.NoError(t, err)
	_, err = client.Mapping(t.Context(), schema.GroupVersionKind{Version: "v1", Kind: "Pod"})
	require.Error(t, err)
	require.Empty(t, asked)
}

func TestContextsOfAKubeconfigAreClusters(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(file, []byte(`apiVersion: v1
kind: Config
clusters:
  - {name: a, cluster: {server: "https://a.example.com"}}
  - {name: b, cluster: {server: "https://b.example.com"}}
users:
  - {name: me, user: {token: mine}}
contexts:
  - {name: first, context: {cluster: a, user: me}}
  - {name: second, context: {cluster: b, user: me}}
current-context: first
`), 0o600))
	set, err := kubernetes.New(kubernetes.Config{Methods: []kubernetes.Method{{Type: kubernetes.MethodKubeconfig, Path: file},
		configured(kubernetes.ClusterConfig{Name: "dev", URL: "https://dev.example.com"})}}, kubernetes.Options{})
	require.NoError(t, err)
	found, err := set.Find(t.Context(), ada, kubernetes.Selector{Context: "second"})
	require.NoError(t, err)
	require.Equal(t, "https://b.example.com", found.URL)
	_, err = set.Connect(found, kubernetes.Access{})
	require.NoError(t, err)
	_, err = set.Find(t.Context(), ada, kubernetes.Selector{Context: "dev"})
	require.EqualError(t, err, "There is no cluster of the context dev. The clusters are: first, second, dev.")
	_, err = set.Find(t.Context(), ada, kubernetes.Selector{URL: "no url"})
	require.EqualError(t, err, `"no url" is an invalid url`)
	_, err = kubernetes.New(kubernetes.Config{Methods: []kubernetes.Method{{Type: kubernetes.MethodKubeconfig, Path: file, Contexts: []string{"third"}}}}, kubernetes.Options{})
	require.ErrorContains(t, err, `the context "third" of the kubeconfig`)
}

func TestCredentialsThatAreMissing(t *testing.T) {
	t.Parallel()
	for provider, problem := range map[string]string{
		kubernetes.AuthServiceAccount: "There are no credentials for the cluster dev.",
		kubernetes.AuthOIDC:           "There are no credentials for the cluster dev: its authProvider oidc needs a token of the user.",
		"aws":                         `There are no credentials for the cluster dev: Portico does not support the authProvider "aws".`,
	} {
		set, err := kubernetes.New(kubernetes.Config{Methods: []kubernetes.Method{configured(kubernetes.ClusterConfig{Name: "dev", URL: "https://dev.example.com", AuthProvider: provider,
			SkipTLSVerify: true, CAData: base64.StdEncoding.EncodeToString([]byte("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"))})}}, kubernetes.Options{})
		require.NoError(t, err)
		cluster, err := set.Find(t.Context(), ada, kubernetes.Selector{Name: "dev"})
		require.NoError(t, err)
		require.True(t, cluster.TakesTokens())
		_, err = set.Connect(cluster, kubernetes.Access{})
		require.EqualError(t, err, problem)
		_, err = set.Connect(cluster, kubernetes.Access{Token: "the caller's"})
		require.NoError(t, err)
	}
	var none *kubernetes.Set
	_, err := none.Find(t.Context(), ada, kubernetes.Selector{})
	require.EqualError(t, err, "No Kubernetes cluster is configured.")
	_, err = none.Find(t.Context(), ada, kubernetes.Selector{Name: "dev"})
	require.EqualError(t, err, "There is no cluster dev: no cluster is configured.")
}
