// Package kubernetes makes workloads of Kubernetes clusters entities: a Component, or a Resource, for each Deployment,
// StatefulSet, DaemonSet, CronJob and configured custom resource, and a System for each namespace. Configuration, annotations
// and entities are those of TeraSky's plugin kubernetes-ingestor for Backstage, which has no source of this kind of its own.
//
// Each cluster is a source, so that one that is down leaves the entities of the others alone. A cluster is read whole for a
// page, in parts that its API server keeps consistent. A cursor is the last entity of the page before; only a very large
// cluster has more than one page.
package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/internal/whole"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/kubernetes"
)

// Kind is the section of the configuration.
const Kind = "kubernetesIngestor"

const (
	// pageSize bounds the entities of a page.
	pageSize = 10_000
)

// Provider reads one cluster.
type Provider struct {
	name       string
	cluster    kubernetes.Cluster
	clusters   *kubernetes.Set
	types      []workloadType
	configured config.TeraSky
	// size bounds the entities of a page, listed the objects of an answer.
	size, listed int
}

// workloadType is a kind of objects that become entities.
type workloadType struct {
	resource schema.GroupVersionResource
	// spec is spec.type of the entities, "" for service.
	spec        string
	isComponent bool
}

// builtIn are the workloads of every cluster.
var builtIn = []schema.GroupVersionResource{
	{Group: "apps", Version: "v1", Resource: "deployments"},
	{Group: "apps", Version: "v1", Resource: "statefulsets"},
	{Group: "apps", Version: "v1", Resource: "daemonsets"},
	{Group: "batch", Version: "v1", Resource: "cronjobs"},
}

// Sources creates a source for each cluster of the configuration, or for those that allowedClusterNames names. Without that
// list, clusters that need a token of a person are left out. A configuration that cannot work is an input fault that names
// its key.
func Sources(configured config.TeraSky, clusters *kubernetes.Set) ([]provider.Source, error) {
	if !configured.Components.Enabled {
		return nil, nil
	}
	types, err := typesOf(configured.Components)
	if err != nil {
		return nil, err
	}
	read, err := clustersOf(configured, clusters)
	if err != nil {
		return nil, err
	}
	runner := configured.Components.TaskRunner
	var sources []provider.Source
	for _, cluster := range read {
		sources = append(sources, provider.Source{
			Provider: &Provider{name: "KubernetesEntityProvider:" + cluster.Name, cluster: cluster, clusters: clusters, types: types,
				configured: configured, size: pageSize, listed: listed},
			Schedule: provider.Schedule{Every: runner.Frequency, Timeout: runner.Timeout}, Kind: Kind, Place: cluster.Name,
		})
	}
	return sources, nil
}

// clustersOf are the clusters that are read.
func clustersOf(configured config.TeraSky, clusters *kubernetes.Set) ([]kubernetes.Cluster, error) {
	if len(configured.AllowedClusterNames) == 0 {
		return slices.DeleteFunc(clusters.AllConfigured(), kubernetes.Cluster.TakesTokens), nil
	}
	var read []kubernetes.Cluster
	for _, name := range configured.AllowedClusterNames {
		cluster, err := clusters.Configured(name)
		if err != nil {
			return nil, fault.Wrap(fault.Input, err, "kubernetesIngestor.allowedClusterNames: %s", err)
		}
		if cluster.TakesTokens() {
			return nil, fault.New(fault.Input, "kubernetesIngestor.allowedClusterNames: the cluster %s needs a token of a person: "+
				"give it a serviceAccountToken in kubernetes.clusterLocatorMethods", name)
		}
		read = append(read, cluster)
	}
	return read, nil
}

// typesOf are the kinds of workloads that are read of each cluster.
func typesOf(configured config.KubernetesComponents) ([]workloadType, error) {
	var types []workloadType
	if !configured.DisableDefaultWorkloadTypes {
		for _, resource := range builtIn {
			types = append(types, workloadType{resource: resource, isComponent: !configured.IngestAsResources})
		}
	}
	for n, custom := range configured.CustomWorkloadTypes {
		resource := schema.GroupVersionResource{Group: custom.Group, Version: custom.APIVersion, Resource: custom.Plural}
		if slices.ContainsFunc([]string{custom.Group, custom.APIVersion, custom.Plural}, func(part string) bool { return strings.ContainsAny(part, "/?#%") }) {
			return nil, fault.New(fault.Input, "kubernetesIngestor.components.customWorkloadTypes[%d]: %s is no kind of objects", n, resource.String())
		}
		if resource.Group == "" && resource.Resource == "secrets" {
			return nil, fault.New(fault.Input, "kubernetesIngestor.components.customWorkloadTypes[%d]: Secrets do not become entities", n)
		}
		types = append(types, workloadType{resource: resource, spec: custom.DefaultType, isComponent: !configured.IngestAsResources && !custom.IngestAsResources})
	}
	if len(types) == 0 {
		return nil, fault.New(fault.Input, "kubernetesIngestor.components has no kind of workloads: add customWorkloadTypes, or leave disableDefaultWorkloadTypes out")
	}
	return types, nil
}

// Name implements provider.Provider: the plugin's name of the source, and the cluster's.
func (p *Provider) Name() string { return p.name }

// ReadPage implements provider.Provider.
func (p *Provider) ReadPage(ctx context.Context, cursor string) (provider.Page, error) {
	page, err := whole.Page(cursor, p.size, func(page *provider.Page) ([]provider.Entity, error) { return p.read(ctx, page) })
	if err != nil {
		return provider.Page{}, fmt.Errorf("%s: %w", p.name, err)
	}
	return page, nil
}

// read reads the whole source.
func (p *Provider) read(ctx context.Context, page *provider.Page) ([]provider.Entity, error) {
	found, err := p.readCluster(ctx, page)
	if err != nil {
		return nil, err
	}
	return p.entitiesOf(found, page), nil
}
