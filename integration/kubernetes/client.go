package kubernetes

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/portico-dev/portico/fault"
)

const (
	// requestTimeout bounds one request, and maxAnswerBytes its answer.
	requestTimeout = 30 * time.Second
	maxAnswerBytes = 32 << 20
)

// Access is as whom a cluster is asked.
type Access struct {
	// Token replaces the cluster's own credentials. It is "" for those.
	Token string
	// UserAgent is the name of the client, which the cluster writes down as the manager of what it creates. "" is
	// portico.
	UserAgent string
}

// Client makes requests to one cluster. Each request has a deadline. Errors are those of the cluster: see Explain.
type Client struct {
	Cluster Cluster

	rest    rest.Interface
	objects *dynamic.DynamicClient
	// kinds are those of the groups that were asked for. The discovery of client-go takes no context.
	kinds map[schema.GroupVersion][]metav1.APIResource
}

// Connect returns a client for a cluster. It makes no request.
func (s *Set) Connect(cluster Cluster, access Access) (*Client, error) {
	settings := rest.CopyConfig(cluster.settings)
	if access.Token != "" {
		// Nothing of the cluster's own credentials goes along.
		settings = rest.AnonymousClientConfig(settings)
		settings.BearerToken = access.Token
	} else if !hasCredentials(cluster) {
		return nil, noCredentials(cluster)
	}
	settings.UserAgent, settings.QPS = access.UserAgent, -1
	if settings.UserAgent == "" {
		settings.UserAgent = "portico"
	}
	settings.Wrap(bounded)
	if s.options.Transport != nil {
		settings.Wrap(s.options.Transport)
	}
	transport, err := rest.HTTPClientFor(settings)
	if err != nil {
		return nil, fmt.Errorf("the settings of the cluster %s: %w", cluster.Name, err)
	}
	// A redirect could lead the token to another host.
	transport.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return newClient(cluster, settings, transport)
}

func newClient(cluster Cluster, settings *rest.Config, transport *http.Client) (*Client, error) {
	plain := dynamic.ConfigFor(settings)
	plain.GroupVersion, plain.APIPath = &schema.GroupVersion{}, "/"
	client, err := rest.UnversionedRESTClientForConfigAndClient(plain, transport)
	if err != nil {
		return nil, fmt.Errorf("the settings of the cluster %s: %w", cluster.Name, err)
	}
	return &Client{Cluster: cluster, rest: client, objects: dynamic.New(client), kinds: map[schema.GroupVersion][]metav1.APIResource{}}, nil
}

// hasCredentials says that requests to the cluster need no token of the caller.
func hasCredentials(cluster Cluster) bool {
	s := cluster.settings
	return cluster.AuthProvider == AuthKubectlProxy || cluster.AuthProvider == authKubeconfig || s.BearerToken != "" || s.BearerTokenFile != ""
}

// TakesTokens says that requests to the cluster need a token of the caller, which a provider of that kind has
// issued.
func (c Cluster) TakesTokens() bool { return !hasCredentials(c) }

func noCredentials(cluster Cluster) error {
	failure := &ClusterError{Kind: fault.Authentication, Message: fmt.Sprintf("There are no credentials for the cluster %s.", cluster.Name),
		Next: "Give it a serviceAccountToken in kubernetes.clusterLocatorMethods, or pass a token in the step, then retry."}
	switch {
	case cluster.EntityRef != "":
		failure.Next = "The catalog describes it, and Portico's own credentials do not go to such a cluster: pass a token in the step, " +
			"or add the cluster to the configuration."
	case slices.Contains([]string{AuthOIDC, AuthGoogle, AuthAKS}, cluster.AuthProvider):
		failure.Message = fmt.Sprintf("There are no credentials for the cluster %s: its authProvider %s needs a token of the user.", cluster.Name, cluster.AuthProvider)
		failure.Next = "Pass the user's token in the step, then retry."
	case cluster.AuthProvider != AuthServiceAccount:
		failure.Message = fmt.Sprintf("There are no credentials for the cluster %s: Portico does not support the authProvider %q.", cluster.Name, cluster.AuthProvider)
		failure.Next = "Give the cluster the authProvider serviceAccount and a serviceAccountToken, or pass a token in the step, then retry."
	}
	return failure
}

// decodeAuthority reads certificates in base64, as configurations have them. "" is nil.
func decodeAuthority(encoded string) ([]byte, error) {
	if encoded == "" {
		return nil, nil
	}
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errNoAuthority
	}
	if block, _ := pem.Decode(decoded); block == nil {
		return nil, errNoAuthority
	}
	return decoded, nil
}

// bounded bounds the time and the answer of each request.
func bounded(next http.RoundTripper) http.RoundTripper { return boundedTransport{next} }

type boundedTransport struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (t boundedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(request.Context(), requestTimeout)
	response, err := t.next.RoundTrip(request.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	response.Body = &boundedBody{http.MaxBytesReader(nil, response.Body, maxAnswerBytes), cancel}
	return response, nil
}

// boundedBody is an answer whose time ends when it is closed.
type boundedBody struct {
	io.ReadCloser
	done context.CancelFunc
}

// Close ends the request.
func (b *boundedBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// Mapping is how objects of a kind are asked for.
type Mapping struct {
	Resource   schema.GroupVersionResource
	Namespaced bool
}

// Mapping says how objects of a kind are asked for. A kind that the cluster does not have is a meta.NoKindMatchError.
func (c *Client) Mapping(ctx context.Context, kind schema.GroupVersionKind) (Mapping, error) {
	resources, err := c.resourcesOf(ctx, kind.GroupVersion())
	if err != nil {
		return Mapping{}, err
	}
	for _, each := range resources {
		if each.Kind == kind.Kind && !strings.Contains(each.Name, "/") {
			return Mapping{kind.GroupVersion().WithResource(each.Name), each.Namespaced}, nil
		}
	}
	return Mapping{}, &meta.NoKindMatchError{GroupKind: kind.GroupKind(), SearchedVersions: []string{kind.Version}}
}

// resourcesOf are the resources of a version of a group, none when the cluster does not have it.
func (c *Client) resourcesOf(ctx context.Context, version schema.GroupVersion) ([]metav1.APIResource, error) {
	if known, asked := c.kinds[version]; asked {
		return known, nil
	}
	path := []string{"/apis", version.Group, version.Version}
	if version.Group == "" {
		path = []string{"/api", version.Version}
	}
	var list metav1.APIResourceList
	if err := c.document(ctx, &list, path...); err != nil && !apierrors.IsNotFound(err) {
		return nil, err
	}
	c.kinds[version] = list.APIResources
	return list.APIResources, nil
}

// document reads a document of the API server.
func (c *Client) document(ctx context.Context, into any, path ...string) error {
	result := c.rest.Get().AbsPath(path...).Do(ctx)
	if err := result.Error(); err != nil {
		return err
	}
	content, err := result.Raw()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("the answer of the cluster %s: %w", c.Cluster.Name, err)
	}
	return nil
}

// NamespacedResources are the kinds of objects that are in namespaces, and can be listed and deleted.
func (c *Client) NamespacedResources(ctx context.Context) ([]schema.GroupVersionResource, error) {
	var groups metav1.APIGroupList
	if err := c.document(ctx, &groups, "/apis"); err != nil {
		return nil, err
	}
	versions := []schema.GroupVersion{{Version: "v1"}}
	for _, group := range groups.Groups {
		versions = append(versions, schema.GroupVersion{Group: group.Name, Version: group.PreferredVersion.Version})
	}
	var found []schema.GroupVersionResource
	for _, version := range versions {
		resources, err := c.resourcesOf(ctx, version)
		if err != nil {
			return nil, err
		}
		for _, each := range resources {
			if each.Namespaced && slices.Contains(each.Verbs, "list") && slices.Contains(each.Verbs, "delete") {
				found = append(found, version.WithResource(each.Name))
			}
		}
	}
	return found, nil
}

// Objects are the objects of a kind, in a namespace or, for "", of the whole cluster.
func (c *Client) Objects(resource schema.GroupVersionResource, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return c.objects.Resource(resource)
	}
	return c.objects.Resource(resource).Namespace(namespace)
}

// ApplyOptions say how an object is applied.
type ApplyOptions struct {
	// Manager is who owns the applied fields from then on.
	Manager string
	// Force takes over fields that others own.
	Force bool
	// DryRun changes nothing.
	DryRun bool
}

// Apply applies an object on the server's side, and returns it as it is then. created says that there was none.
func (c *Client) Apply(ctx context.Context, resource schema.GroupVersionResource, object *unstructured.Unstructured, options ApplyOptions) (applied *unstructured.Unstructured, created bool, err error) {
	encoded, err := json.Marshal(object)
	if err != nil {
		return nil, false, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	request := c.rest.Patch(types.ApplyPatchType).AbsPath(pathOf(resource, object.GetNamespace(), object.GetName())...).
		Param("fieldManager", options.Manager).Param("fieldValidation", metav1.FieldValidationStrict).Body(encoded)
	if options.Force {
		request.Param("force", "true")
	}
	if options.DryRun {
		request.Param("dryRun", metav1.DryRunAll)
	}
	var status int
	applied = &unstructured.Unstructured{}
	err = request.Do(ctx).StatusCode(&status).Into(applied)
	return applied, status == http.StatusCreated, err
}

// CreateNamespace creates a namespace. The request is the one that Backstage sends.
func (c *Client) CreateNamespace(ctx context.Context, name string, labels map[string]string) (*unstructured.Unstructured, error) {
	encoded, err := json.Marshal(map[string]any{"metadata": map[string]any{"name": name, "labels": labels}})
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	result := c.rest.Post().AbsPath("/api/v1/namespaces").SetHeader("Content-Type", "application/json").Body(encoded).Do(ctx)
	content, err := result.Raw()
	if err != nil {
		var status metav1.Status
		if json.Unmarshal(content, &status) == nil && status.Code != 0 {
			err = &apierrors.StatusError{ErrStatus: status}
		}
		return nil, err
	}
	made := &unstructured.Unstructured{}
	if err := json.Unmarshal(content, &made.Object); err != nil {
		return nil, fmt.Errorf("namespace %s: the cluster's answer: %w", name, err)
	}
	return made, nil
}

// pathOf is the path of an object's URL.
func pathOf(resource schema.GroupVersionResource, namespace, name string) []string {
	path := []string{"/apis", resource.Group, resource.Version}
	if resource.Group == "" {
		path = []string{"/api", resource.Version}
	}
	if namespace != "" {
		path = append(path, "namespaces", namespace)
	}
	return append(path, resource.Resource, name)
}

// Log returns the last lines of a container's log, at most limit bytes. The container "" is the only one.
func (c *Client) Log(ctx context.Context, namespace, pod string, query map[string]string, limit int64) ([]byte, error) {
	request := c.rest.Get().AbsPath("/api/v1/namespaces", namespace, "pods", pod, "log").Param("limitBytes", fmt.Sprint(limit))
	for name, value := range query {
		request.Param(name, value)
	}
	stream, err := request.Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	return io.ReadAll(io.LimitReader(stream, limit))
}
