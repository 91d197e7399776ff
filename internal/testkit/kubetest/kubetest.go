// Package kubetest runs a real Kubernetes API server for tests. It takes seconds to start, so the tests of a package
// share one, and each has namespaces of its own. There are no pods: a test writes the status that controllers would.
package kubetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/portico-dev/portico/internal/devstack/servers"
)

// Manager is the field manager of what a test does as somebody else.
const Manager = "somebody"

// Cluster is a running API server.
type Cluster struct {
	// URL is its address, Token that of an administrator, and Authority the certificates in PEM.
	URL, Token string
	Authority  []byte
	// Objects has the administrator's rights.
	Objects *dynamic.DynamicClient

	// server ends with the process, which holds its standard input open.
	server *servers.Server
}

// running is the server of this process. It ends with the process, whose end closes its standard input.
var running = sync.OnceValues(start)

// Start returns the API server of the tests of this process. Without a binary, it skips the test.
func Start(t testing.TB) *Cluster {
	t.Helper()
	if os.Getenv(servers.Kubernetes.Variable) == "" {
		t.Skipf("%s does not name an API server: `make test` builds one", servers.Kubernetes.Variable)
	}
	cluster, err := running()
	require.NoError(t, err)
	return cluster
}

func start() (*Cluster, error) {
	server, err := servers.Kubernetes.Start(context.Background())
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(server.Printed[2])
	if err != nil {
		return nil, err
	}
	cluster := &Cluster{URL: server.Printed[0], Token: server.Printed[1], Authority: authority, server: server}
	cluster.Objects, err = dynamic.NewForConfig(cluster.settings(Manager))
	return cluster, err
}

func (c *Cluster) settings(userAgent string) *rest.Config {
	return &rest.Config{Host: c.URL, BearerToken: c.Token, TLSClientConfig: rest.TLSClientConfig{CAData: c.Authority}, QPS: -1, UserAgent: userAgent}
}

// The resources that tests use.
var (
	Namespaces  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	ConfigMaps  = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	Secrets     = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	Quotas      = schema.GroupVersionResource{Version: "v1", Resource: "resourcequotas"}
	Pods        = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	Accounts    = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	Deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	Jobs        = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	Roles       = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}
	Bindings    = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}
)

// Name is a name that no other test uses.
func Name(prefix string) string { return prefix + "-" + uuid.NewString()[:8] }

// Namespace creates a namespace for a test, which is deleted when the test ends.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	name := Name("test")
	c.Create(t, Namespaces, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+name+"}")
	return name
}

// Create creates an object, which is deleted when the test ends.
func (c *Cluster) Create(t testing.TB, resource schema.GroupVersionResource, manifest string) *unstructured.Unstructured {
	t.Helper()
	object := Object(t, manifest)
	made, err := c.In(resource, object.GetNamespace()).Create(t.Context(), object, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { c.Delete(t, resource, object.GetNamespace(), object.GetName()) })
	return made
}

// Delete deletes an object, which need not be there.
func (c *Cluster) Delete(t testing.TB, resource schema.GroupVersionResource, namespace, name string) {
	t.Helper()
	err := c.In(resource, namespace).Delete(t.Context(), name, metav1.DeleteOptions{})
	if !apierrors.IsNotFound(err) && t.Context().Err() == nil {
		require.NoError(t, err)
	}
}

// In are the objects of a namespace or, for "", of the whole cluster.
func (c *Cluster) In(resource schema.GroupVersionResource, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return c.Objects.Resource(resource)
	}
	return c.Objects.Resource(resource).Namespace(namespace)
}

// Get returns an object, nil when there is none.
func (c *Cluster) Get(t testing.TB, resource schema.GroupVersionResource, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	found, err := c.In(resource, namespace).Get(t.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	require.NoError(t, err)
	return found
}

// Patch merges a change, in JSON, into an object as somebody else.
func (c *Cluster) Patch(t testing.TB, resource schema.GroupVersionResource, namespace, name, change string, subresources ...string) {
	t.Helper()
	_, err := c.In(resource, namespace).Patch(t.Context(), name, "application/merge-patch+json", []byte(change), metav1.PatchOptions{FieldManager: Manager}, subresources...)
	require.NoError(t, err)
}

// Account creates a service account with a role in a namespace, and returns a token of it. Each rule is a role's
// rule in YAML: "{apiGroups: [apps], resources: [deployments], verbs: [get]}".
func (c *Cluster) Account(t testing.TB, namespace string, rules ...string) (token string) {
	t.Helper()
	name := Name("account")
	c.Create(t, Accounts, fmt.Sprintf("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: %s, namespace: %s}", name, namespace))
	c.Create(t, Roles, fmt.Sprintf("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: %s, namespace: %s}\nrules: [%s]",
		name, namespace, strings.Join(rules, ", ")))
	c.Create(t, Bindings, fmt.Sprintf("apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: %[1]s, namespace: %[2]s}\n"+
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: %[1]s}\nsubjects: [{kind: ServiceAccount, name: %[1]s, namespace: %[2]s}]", name, namespace))
	request := Object(t, "apiVersion: authentication.k8s.io/v1\nkind: TokenRequest\nmetadata: {name: "+name+"}\nspec: {audiences: []}")
	answer, err := c.In(Accounts, namespace).Create(t.Context(), request, metav1.CreateOptions{}, "token")
	require.NoError(t, err)
	token, _, err = unstructured.NestedString(answer.Object, "status", "token")
	require.NoError(t, err)
	return token
}

// Object reads an object from YAML.
func Object(t testing.TB, manifest string) *unstructured.Unstructured {
	t.Helper()
	encoded, err := yaml.YAMLToJSON([]byte(manifest))
	require.NoError(t, err)
	object := &unstructured.Unstructured{}
	require.NoError(t, json.Unmarshal(encoded, &object.Object))
	return object
}

// Proxy passes requests on to the API server over plain HTTP, through a handler that a test wraps around it. It
// returns its address.
func (c *Cluster) Proxy(t testing.TB, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	target, err := url.Parse(c.URL)
	require.NoError(t, err)
	known := x509.NewCertPool()
	require.True(t, known.AppendCertsFromPEM(c.Authority))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: known}}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, err.Error())
		}}
	server := httptest.NewServer(wrap(proxy))
	t.Cleanup(server.Close)
	return server.URL
}
