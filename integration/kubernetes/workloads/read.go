package workloads

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/portico-dev/portico/integration/kubernetes"
)

// ClusterObjects are the objects of an entity in one cluster.
type ClusterObjects struct {
	Cluster kubernetes.Cluster
	// Kinds are in the order of Backstage; kinds without objects are left out.
	Kinds   []Kind
	Metrics []PodMetrics
	Errors  []Failure
}

func (o ClusterObjects) isEmpty() bool { return len(o.Kinds) == 0 && len(o.Errors) == 0 }

// Kind is the objects of one kind, as the cluster has them.
type Kind struct {
	// Type is Backstage's name of it: pods, deployments, ..., customresources.
	Type    string
	Objects []map[string]any
}

// The types of failures, by Backstage's names.
const (
	badRequest        = "BAD_REQUEST"
	unauthorizedError = "UNAUTHORIZED_ERROR"
	notFoundError     = "NOT_FOUND"
	systemError       = "SYSTEM_ERROR"
	unknownError      = "UNKNOWN_ERROR"
	fetchError        = "FETCH_ERROR"
)

// Failure is a request that failed. The other answers are shown all the same.
type Failure struct {
	Type         string
	StatusCode   int
	ResourcePath string
	Message      string
}

// PodMetrics is what a pod uses, in cores and bytes.
type PodMetrics struct {
	Pod         *unstructured.Unstructured
	CPU, Memory Usage
	Containers  []ContainerMetrics
}

// Usage is what is used, and the sums of what the containers ask for and may use.
type Usage struct{ Current, Requested, Limit float64 }

// ContainerMetrics is what a container uses.
type ContainerMetrics struct {
	Name        string
	CPU, Memory Usage
}

// kind is a kind of objects that is asked for.
type kind struct {
	name     string
	resource schema.GroupVersionResource
}

// builtIn are the kinds that Backstage asks for.
var builtIn = []kind{
	{"pods", schema.GroupVersionResource{Version: "v1", Resource: "pods"}},
	{"services", schema.GroupVersionResource{Version: "v1", Resource: "services"}},
	{"configmaps", schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}},
	{"limitranges", schema.GroupVersionResource{Version: "v1", Resource: "limitranges"}},
	{"resourcequotas", schema.GroupVersionResource{Version: "v1", Resource: "resourcequotas"}},
	{"deployments", schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}},
	{"replicasets", schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}},
	{"horizontalpodautoscalers", schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}},
	{"jobs", schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}},
	{"cronjobs", schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "cronjobs"}},
	{"ingresses", schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}},
	{"statefulsets", schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}},
	{"daemonsets", schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "daemonsets"}},
}

// kindsOf are the kinds that a cluster is asked for.
func kindsOf(cluster kubernetes.Cluster, only []kubernetes.CustomResource) []kind {
	var kinds []kind
	custom := only
	if only == nil {
		kinds, custom = append(kinds, builtIn...), cluster.CustomResources
	}
	for _, each := range custom {
		wanted := kind{"customresources", schema.GroupVersionResource{Group: each.Group, Version: each.Version, Resource: each.Plural}}
		if wanted.isShown() {
			kinds = append(kinds, wanted)
		}
	}
	return kinds
}

// isShown says that objects of the kind may be shown. Secrets are not, whoever asks for them as custom resources.
func (k kind) isShown() bool {
	isName := func(text string) bool {
		return text != "" && !strings.ContainsAny(text, "/?#%") && !strings.Contains(text, "..")
	}
	return isName(k.resource.Group) && isName(k.resource.Version) && isName(k.resource.Resource) && !strings.EqualFold(k.resource.Resource, "secrets")
}

func (k kind) path() string {
	if k.resource.Group == "" {
		return "/api/" + k.resource.Version + "/" + k.resource.Resource
	}
	return "/apis/" + k.resource.Group + "/" + k.resource.Version + "/" + k.resource.Resource
}

// reader reads the objects of one selection in one cluster.
type reader struct {
	client *kubernetes.Client
	wanted selection

	mutex  sync.Mutex
	answer ClusterObjects
}

// read asks for all kinds.
func (r *reader) read(ctx context.Context, kinds []kind, metrics bool) ClusterObjects {
	found := make([][]map[string]any, len(kinds))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for n, each := range kinds {
		group.Go(func() error {
			found[n] = r.list(ctx, each)
			return nil
		})
	}
	_ = group.Wait() // failures are in the answer
	var pods []map[string]any
	for n, each := range kinds {
		if len(found[n]) == 0 {
			continue
		}
		r.answer.Kinds = append(r.answer.Kinds, Kind{Type: each.name, Objects: found[n]})
		if each.name == "pods" {
			pods = found[n]
		}
	}
	if metrics && len(pods) > 0 {
		r.answer.Metrics = r.metrics(ctx, pods)
	}
	return r.answer
}

// maxListed bounds the objects of one kind.
const maxListed = 500

func (r *reader) list(ctx context.Context, each kind) []map[string]any {
	listed, err := r.client.Objects(each.resource, r.wanted.namespace).List(ctx, metav1.ListOptions{LabelSelector: r.wanted.labels, Limit: maxListed})
	if err != nil {
		r.fail(ctx, err, each)
		return nil
	}
	objects := make([]map[string]any, len(listed.Items))
	for n := range listed.Items {
		listed.Items[n].SetManagedFields(nil) // nobody reads it, and it is the largest part
		objects[n] = listed.Items[n].Object
	}
	return objects
}

// fail adds a failure to the answer.
func (r *reader) fail(ctx context.Context, err error, each kind) {
	failure := Failure{Type: fetchError, ResourcePath: each.path(), Message: r.client.Explain(ctx, err, "reading "+each.resource.Resource).Error()}
	if answered, is := errors.AsType[*apierrors.StatusError](err); is {
		failure.StatusCode = int(answered.Status().Code)
		failure.Type = typeOf(failure.StatusCode)
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.answer.Errors = append(r.answer.Errors, failure)
}

func typeOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return badRequest
	case http.StatusUnauthorized:
		return unauthorizedError
	case http.StatusNotFound:
		return notFoundError
	case http.StatusInternalServerError:
		return systemError
	default:
		return unknownError
	}
}

// podMetrics are the metrics that a metrics server adds to a cluster.
var podMetrics = schema.GroupVersionResource{Group: "metrics.k8s.io", Version: "v1beta1", Resource: "pods"}

// metrics are what the pods use. A cluster without a metrics server has none.
func (r *reader) metrics(ctx context.Context, pods []map[string]any) []PodMetrics {
	listed, err := r.client.Objects(podMetrics, r.wanted.namespace).List(ctx, metav1.ListOptions{LabelSelector: r.wanted.labels, Limit: maxListed})
	if err != nil {
		return nil
	}
	var all []PodMetrics
	for _, object := range pods {
		pod := &unstructured.Unstructured{Object: object}
		for _, measured := range listed.Items {
			if measured.GetName() == pod.GetName() && measured.GetNamespace() == pod.GetNamespace() {
				all = append(all, metricsOf(pod, &measured))
			}
		}
	}
	return all
}

func metricsOf(pod, measured *unstructured.Unstructured) PodMetrics {
	used := PodMetrics{Pod: pod}
	current := map[string]map[string]any{}
	for _, container := range containersOf(measured.Object, "containers") {
		name, _ := container["name"].(string)
		current[name] = container
	}
	for _, container := range containersOf(pod.Object, "spec", "containers") {
		name, _ := container["name"].(string)
		one := ContainerMetrics{Name: name, CPU: usageOf("cpu", container, current[name]), Memory: usageOf("memory", container, current[name])}
		used.CPU, used.Memory = used.CPU.plus(one.CPU), used.Memory.plus(one.Memory)
		used.Containers = append(used.Containers, one)
	}
	return used
}

func containersOf(object map[string]any, path ...string) []map[string]any {
	listed, _, _ := unstructured.NestedSlice(object, path...)
	var containers []map[string]any
	for _, each := range listed {
		if container, is := each.(map[string]any); is {
			containers = append(containers, container)
		}
	}
	return containers
}

func usageOf(what string, container, current map[string]any) Usage {
	quantity := func(object map[string]any, path ...string) float64 {
		text, _, _ := unstructured.NestedString(object, append(path, what)...)
		amount, err := resource.ParseQuantity(text)
		if err != nil {
			return 0
		}
		return amount.AsApproximateFloat64()
	}
	return Usage{Current: quantity(current, "usage"), Requested: quantity(container, "resources", "requests"), Limit: quantity(container, "resources", "limits")}
}

func (u Usage) plus(other Usage) Usage {
	return Usage{u.Current + other.Current, u.Requested + other.Requested, u.Limit + other.Limit}
}
