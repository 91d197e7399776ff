package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/portico-dev/portico/catalog/events"
	"github.com/portico-dev/portico/catalog/outbox"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/azure"
	"github.com/portico-dev/portico/integration/bitbucketcloud"
	"github.com/portico-dev/portico/integration/gitea"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/gitlab"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/webhook"
)

const (
	// eventRetention is how long events of source code hosts are kept, which were worked off, and changes that a
	// webhook has not taken. A redelivery of an event within this time is recognized.
	eventRetention = 14 * 24 * time.Hour
	// changesInterval is the interval for sending the changes of entities.
	changesInterval = time.Second
)

// buildEvents prepares to take the events of source code hosts.
func (p *platform) buildEvents(context.Context, place) error {
	p.events = events.New(p.eventOptions())
	return nil
}

func (p *platform) eventOptions() events.Options {
	return events.Options{Pool: p.pool, Notifications: p.direct, Log: p.log, Hosts: p.integrations, Sources: eventSources(p.config), Telemetry: p.telemetry}
}

// workOffEvents works events off until the context ends, and has the sources swept and the documentation built that they concern.
func (p *platform) workOffEvents(ctx context.Context, sources []provider.Source) error {
	options := p.eventOptions()
	options.Sweep = func(ctx context.Context, source string) error { return p.sweeps.SweepByEvent(ctx, p.schedules, source) }
	if p.config.TechDocs.Builder == config.DocsBuiltHere {
		options.Docs = p.docsBuilds
	}
	for _, source := range sources {
		if watcher, is := source.Provider.(provider.Watcher); is {
			options.Watchers = append(options.Watchers, watcher)
		}
	}
	return events.New(options).Run(ctx)
}

// buildChanges prepares to send the changes of entities to the webhooks of the configuration.
func (p *platform) buildChanges(context.Context, place) error {
	options := outbox.Options{Pool: p.pool, Log: p.log}
	for n, hook := range p.config.Catalog.Events.Webhooks {
		setting := fmt.Sprintf("catalog.events.webhooks[%d]", n)
		secret, err := config.DecodeWebhookSecret(string(hook.Secret))
		if err != nil {
			return fmt.Errorf("%s.secret: %w", setting, err)
		}
		if slices.ContainsFunc(options.Webhooks, func(other outbox.Webhook) bool { return other.Name == hook.Name }) {
			return fmt.Errorf("%s.name: another webhook is called %q too", setting, hook.Name)
		}
		options.Webhooks = append(options.Webhooks, outbox.Webhook{Name: hook.Name, Receiver: webhook.New(webhook.Options{Setting: setting,
			URL: string(hook.URL), Secret: secret, Transport: integration.DefaultTransport()})})
	}
	p.outbox = outbox.New(options)
	return nil
}

// eventSources are the webhooks that have a secret.
func eventSources(loaded *config.Config) []hostevents.Source {
	modules := loaded.Events.Modules
	var sources []hostevents.Source
	for _, each := range []struct {
		secrets hostevents.Secrets
		source  func(hostevents.Secrets) hostevents.Source
	}{
		{append(moduleSecrets(modules.GitHub), appSecrets(loaded.Integrations.GitHub)...), sourceOf(github.NewWebhook)},
		{moduleSecrets(modules.GitLab), sourceOf(gitlab.NewWebhook)},
		{moduleSecrets(modules.Gitea), sourceOf(gitea.NewWebhook)},
		{moduleSecrets(modules.BitbucketCloud), sourceOf(bitbucketcloud.NewWebhook)},
		{moduleSecrets(modules.AzureDevOps), sourceOf(azure.NewWebhook)},
	} {
		if len(each.secrets) > 0 {
			sources = append(sources, each.source(each.secrets))
		}
	}
	return sources
}

// sourceOf makes a constructor return the interface.
func sourceOf[S hostevents.Source](create func(hostevents.Secrets) S) func(hostevents.Secrets) hostevents.Source {
	return func(secrets hostevents.Secrets) hostevents.Source { return create(secrets) }
}

func moduleSecrets(module config.EventModule) hostevents.Secrets {
	if module.WebhookSecret == "" {
		return nil
	}
	return hostevents.Secrets{{Value: string(module.WebhookSecret)}}
}

// appSecrets are the secrets of GitHub's apps, each for the host of its app.
func appSecrets(hosts []config.GitHub) hostevents.Secrets {
	var secrets hostevents.Secrets
	for _, host := range hosts {
		for _, app := range host.Apps {
			if app.WebhookSecret != "" {
				secrets = append(secrets, hostevents.Secret{Value: string(app.WebhookSecret), Host: host.Host})
			}
		}
	}
	return secrets
}

// sendChanges sends the changes of entities since the last time.
func (p *platform) sendChanges(ctx context.Context) error { return untilNone(ctx, p.outbox.Send) }

// deleteChanges deletes changes that no webhook has taken for as long as events are kept.
func (p *platform) deleteChanges(ctx context.Context) error {
	before := time.Now().Add(-eventRetention)
	return untilNone(ctx, func(ctx context.Context) (more bool, err error) { return p.outbox.DeleteBefore(ctx, before) })
}

// deleteEvents deletes the events of source code hosts whose retention is over.
func (p *platform) deleteEvents(ctx context.Context) error {
	before := time.Now().Add(-eventRetention)
	return untilNone(ctx, func(ctx context.Context) (more bool, err error) { return p.events.DeleteBefore(ctx, before) })
}
