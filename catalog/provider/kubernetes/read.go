package kubernetes

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/kubernetes"
)

const (
	// listed is how many objects are asked for at once.
	listed = 250
	// maxWorkloads bounds the workloads of a cluster, all of which are in memory.
	maxWorkloads = 100_000
)

// workload is what entities are made of.
type workload struct {
	workloadType

	apiVersion, kind, namespace, name string
	annotations, labels, podLabels    map[string]string
}

// readCluster reads all workloads that become entities.
func (p *Provider) readCluster(ctx context.Context, page *provider.Page) ([]workload, error) {
	client, err := p.clusters.Connect(p.cluster, kubernetes.Access{})
	if err != nil {
		return nil, err
	}
	namespaces := p.configured.Components.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	var found []workload
	for _, each := range p.types {
		for _, namespace := range namespaces {
			read, err := p.list(ctx, client, each, namespace, page)
			if err != nil {
				return nil, client.Explain(ctx, err, "reading "+each.resource.Resource)
			}
			if found = append(found, read...); len(found) > maxWorkloads {
				return nil, fault.New(fault.Input, "the cluster %s has more than %d workloads: name namespaces in kubernetesIngestor.components, or set onlyIngestAnnotatedResources",
					p.cluster.Name, maxWorkloads)
			}
		}
	}
	return found, nil
}

// list reads the workloads of one type. The parts of a list are from one moment. When the API server no longer has that
// moment, the error passes, and the page is read again.
func (p *Provider) list(ctx context.Context, client *kubernetes.Client, each workloadType, namespace string, page *provider.Page) ([]workload, error) {
	var found []workload
	for next := ""; ; {
		page.Requests++
		part, err := client.Objects(each.resource, namespace).List(ctx, metav1.ListOptions{Limit: int64(p.listed), Continue: next})
		if err != nil {
			return nil, err
		}
		for n := range part.Items {
			if p.isWanted(&part.Items[n]) {
				found = append(found, workloadOf(each, &part.Items[n]))
			}
		}
		if next = part.GetContinue(); next == "" {
			return found, nil
		}
	}
}

// isWanted is the plugin's rule.
func (p *Provider) isWanted(object *unstructured.Unstructured) bool {
	annotations := object.GetAnnotations()
	switch {
	case annotations[p.key("exclude-from-catalog")] != "":
		return false
	case p.configured.Components.OnlyIngestAnnotatedResources:
		return annotations[p.key("add-to-catalog")] != ""
	default:
		return !slices.Contains(p.configured.Components.ExcludedNamespaces, object.GetNamespace())
	}
}

// workloadOf keeps of an object what is needed; the rest may be large.
func workloadOf(of workloadType, object *unstructured.Unstructured) workload {
	// Labels of other shapes than texts are none: custom resources may have anything there.
	pod, _, _ := unstructured.NestedStringMap(object.Object, "spec", "template", "metadata", "labels")
	return workload{workloadType: of, apiVersion: object.GetAPIVersion(), kind: object.GetKind(), namespace: object.GetNamespace(),
		name: object.GetName(), annotations: object.GetAnnotations(), labels: object.GetLabels(), podLabels: pod}
}
