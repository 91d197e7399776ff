package main

import (
	"context"
	"strings"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/argocd"
)

// openArgoCD reads the configuration of Argo CD's instances. It connects to none.
func (p *platform) openArgoCD(context.Context, place) error {
	var err error
	p.argocd, err = argocd.New(argocd.Options{Instances: argoInstances(p.config.ArgoCD), Clusters: p.clusters,
		Transport: p.telemetry.Transport(integration.DefaultTransport())})
	return err
}

func argoInstances(configured config.ArgoCD) []argocd.Instance {
	var instances []argocd.Instance
	for _, locator := range configured.AppLocatorMethods {
		if locator.Type != "config" {
			continue
		}
		for _, entry := range locator.Instances {
			instance := argocd.Instance{Name: entry.Name, URL: strings.TrimRight(entry.URL, "/"), Token: string(entry.Token),
				Username: entry.Username, Password: string(entry.Password), Cluster: entry.Cluster, Namespace: entry.Namespace}
			if instance.Username == "" {
				instance.Username, instance.Password = configured.Username, string(configured.Password)
			}
			instances = append(instances, instance)
		}
	}
	return instances
}
