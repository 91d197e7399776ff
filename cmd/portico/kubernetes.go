package main

import (
	"context"
	"encoding/json"
	"fmt"

	activitieskubernetes "github.com/portico-dev/portico/activities/kubernetes"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/scaffolder/action"
)

// maxClusters bounds how many clusters of the catalog are known.
const maxClusters = 500

// openKubernetes reads the configuration of clusters. It connects to none.
func (p *platform) openKubernetes(context.Context, place) error {
	var err error
	p.clusters, err = kubernetes.New(kubernetesConfig(p.config.Kubernetes), kubernetes.Options{Resources: p.clusterEntities,
		Transport: p.telemetry.Transport, Log: p.log})
	return err
}

func kubernetesConfig(configured config.Kubernetes) kubernetes.Config {
	custom := func(entries []config.KubernetesCustomResources) []kubernetes.CustomResource {
		if entries == nil {
			return nil
		}
		return each(entries, func(entry config.KubernetesCustomResources) kubernetes.CustomResource {
			return kubernetes.CustomResource{Group: entry.Group, Version: entry.APIVersion, Plural: entry.Plural}
		})
	}
	return kubernetes.Config{CustomResources: custom(configured.CustomResources),
		Methods: each(configured.ClusterLocatorMethods, func(method config.KubernetesLocator) kubernetes.Method {
			return kubernetes.Method{Type: method.Type, Path: method.Path, Contexts: method.Contexts, Hosts: method.Hosts,
				Clusters: each(method.Clusters, func(entry config.KubernetesCluster) kubernetes.ClusterConfig {
					return kubernetes.ClusterConfig{Name: entry.Name, Title: entry.Title, URL: entry.URL, AuthProvider: entry.AuthProvider,
						Token: string(entry.ServiceAccountToken), OIDCTokenProvider: entry.OIDCTokenProvider, SkipTLSVerify: entry.SkipTLSVerify,
						CAData: entry.CAData, CAFile: entry.CAFile, DashboardURL: entry.DashboardURL, DashboardApp: entry.DashboardApp,
						DashboardParameters: entry.DashboardParameters, CustomResources: custom(entry.CustomResources),
						SkipMetricsLookup: entry.SkipMetricsLookup}
				})}
		})}
}

// clusterEntities are the clusters that the catalog describes, as far as the principal may see them.
func (p *platform) clusterEntities(ctx context.Context, principal identity.Principal) ([]entity.Entity, error) {
	listed, err := p.catalog.Entities(ctx, principal, catalog.ListQuery{Paged: true, Limit: new(maxClusters), Filter: query.And(
		query.Match{Key: "kind", Values: []string{"resource"}}, query.Match{Key: "spec.type", Values: []string{"kubernetes-cluster"}})})
	if err != nil {
		return nil, err
	}
	var found []entity.Entity
	err = listed.Each(ctx, func(document json.RawMessage) error {
		var one entity.Entity
		if err := json.Unmarshal(document, &one); err != nil {
			return fmt.Errorf("a cluster of the catalog: %w", err)
		}
		found = append(found, one)
		return nil
	})
	return found, err
}

// kubernetesActions are the actions on clusters.
func (p *platform) kubernetesActions() []action.Action {
	return activitieskubernetes.Actions(activitieskubernetes.Options{Clusters: p.clusters, Keys: p.seals})
}
