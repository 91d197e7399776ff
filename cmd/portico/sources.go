package main

import (
	"context"
	"time"

	"github.com/portico-dev/portico/activities/discovery"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/azuredevops"
	"github.com/portico-dev/portico/catalog/provider/bitbucketcloud"
	"github.com/portico-dev/portico/catalog/provider/bucket"
	"github.com/portico-dev/portico/catalog/provider/gitea"
	"github.com/portico-dev/portico/catalog/provider/github"
	"github.com/portico-dev/portico/catalog/provider/githuborg"
	"github.com/portico-dev/portico/catalog/provider/gitlab"
	"github.com/portico-dev/portico/catalog/provider/gitlaborg"
	"github.com/portico-dev/portico/catalog/provider/httpjson"
	"github.com/portico-dev/portico/catalog/provider/kubernetes"
	"github.com/portico-dev/portico/catalog/provider/ldaporg"
	"github.com/portico-dev/portico/catalog/provider/msgraphorg"
	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/workflows"
)

const (
	// scheduleInterval is the interval for comparing the schedules of sources with the configuration.
	scheduleInterval = 30 * time.Second
	// sweepRetention is how long ended sweeps are kept, besides the latest of each source.
	sweepRetention = 90 * 24 * time.Hour
	// keepOrphans is the strategy that keeps the entities of a source that has left the configuration.
	keepOrphans = "keep"
)

// sources are the configured sources of the catalog, one line for each kind.
func (p *platform) sources() ([]provider.Source, error) {
	var all []provider.Source
	configured := p.config.Catalog.Providers
	for _, kind := range []func() ([]provider.Source, error){
		func() ([]provider.Source, error) { return github.Sources(configured.GitHub, p.integrations) },
		func() ([]provider.Source, error) { return githuborg.Sources(configured.GitHubOrg, p.integrations) },
		func() ([]provider.Source, error) { return gitlab.Sources(configured.GitLab, p.integrations) },
		func() ([]provider.Source, error) { return gitlaborg.Sources(configured.GitLab, p.integrations) },
		func() ([]provider.Source, error) { return gitea.Sources(configured.Gitea, p.integrations) },
		func() ([]provider.Source, error) {
			return bitbucketcloud.Sources(configured.BitbucketCloud, p.integrations)
		},
		func() ([]provider.Source, error) { return azuredevops.Sources(configured.AzureDevOps, p.integrations) },
		func() ([]provider.Source, error) {
			return msgraphorg.Sources(configured.MicrosoftGraphOrg, p.telemetry.Transport(integration.NewTransport(nil)))
		},
		func() ([]provider.Source, error) { return ldaporg.Sources(configured.LDAPOrg) },
		func() ([]provider.Source, error) {
			return bucket.Sources(configured, bucket.Options{Integrations: p.config.Integrations, AWS: p.config.AWS,
				Transport: p.telemetry.Transport(integration.DefaultTransport())})
		},
		func() ([]provider.Source, error) { return httpjson.Sources(configured.JSON, p.integrations) },
		func() ([]provider.Source, error) { return kubernetes.Sources(p.config.TeraSky, p.clusters) },
	} {
		found, err := kind()
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// openSweeps builds the sweeps, for the server and the worker.
func (p *platform) openSweeps(context.Context, place) error {
	limit, err := sweep.ParseLimit(p.config.Catalog.Sweep.MaxRemovals)
	if err != nil {
		return err
	}
	p.schedules = workflows.NewSchedules(p.workflowOptions)
	p.sweeps = sweep.NewStore(sweep.StoreOptions{Pool: p.pool, Limit: limit, Model: p.pipeline.Model})
	return nil
}

// sourcesService is the service of people.
func (p *platform) sourcesService() *sweep.Service {
	return sweep.NewService(sweep.ServiceOptions{Pool: p.pool, Decider: p.decider, Engine: p.schedules, Log: p.log})
}

// discoveryActivities are the activities of sweeps.
func (p *platform) discoveryActivities(sources []provider.Source) *discovery.Activities {
	return discovery.New(discovery.Options{Log: p.log, CrashBudget: p.crashBudget, Sweeps: p.sweeps, Sources: sources})
}

// syncSources makes the schedules in Temporal what the configuration says.
func (p *platform) syncSources(ctx context.Context) error {
	return p.sweeps.Sync(ctx, p.schedules, p.config.Catalog.OrphanProviderStrategy == keepOrphans)
}

// deleteSweeps deletes old sweeps.
func (p *platform) deleteSweeps(ctx context.Context) error {
	return p.sweeps.DeleteOld(ctx, time.Now().Add(-sweepRetention))
}
