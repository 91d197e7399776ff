package main

import (
	"cmp"
	"maps"
	"net/url"
	"slices"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity/signin"
	"github.com/portico-dev/portico/integration"
)

// info is what the portal needs to know about this installation.
func (p *platform) info(signIn *signin.Service, temporalUI string) api.Info {
	return api.Info{Title: p.config.App.Title, Version: version, BaseURL: p.config.App.BaseURL, TemporalUI: temporalUI,
		Integrations: portalIntegrations(p.config), SignIn: p.waysIn(signIn), Roles: p.roles != nil, Fields: customFields(p.config),
		Decorators: formDecorators(p.config), Docs: api.DocsReader{Sanitizer: api.DocsSanitizer(p.config.TechDocs.Sanitizer)}}
}

// formDecorators are the configured form decorators, by their ids.
func formDecorators(loaded *config.Config) []api.FormDecorator {
	configured := loaded.Portico.Form.Decorators
	return each(slices.Sorted(maps.Keys(configured)), func(id string) api.FormDecorator {
		one := configured[id]
		return api.FormDecorator{ID: id, Provider: one.Provider, Scopes: append([]string{}, one.Scopes...), Secret: one.Secret}
	})
}

// customFields are the custom fields of forms, by their names.
func customFields(loaded *config.Config) []api.CustomField {
	configured := loaded.Portico.Form.Fields
	return each(slices.Sorted(maps.Keys(configured)), func(name string) api.CustomField {
		return api.CustomField{Name: name, Module: configured[name].Module, Element: configured[name].Element}
	})
}

// portalIntegrations lists the configured hosts for the repository picker, GitHub's first.
func portalIntegrations(loaded *config.Config) []api.Integration {
	configured := loaded.Integrations
	of := func(kind string, hosts []string) []api.Integration {
		return each(hosts, func(host string) api.Integration {
			return api.Integration{Type: kind, Host: host, UserTokens: tokenProvider(loaded, kind, host)}
		})
	}
	return slices.Concat(
		of(integration.TypeGitHub, each(configured.GitHub, func(entry config.GitHub) string { return entry.Host })),
		of(integration.TypeGitLab, each(configured.GitLab, func(entry config.GitLab) string { return entry.Host })),
		of(integration.TypeAzure, each(configured.Azure, func(entry config.Azure) string { return entry.Host })),
		of(integration.TypeBitbucketCloud, each(configured.BitbucketCloud, func(entry config.BitbucketCloud) string { return entry.Host })),
		of(integration.TypeBitbucketServer, each(configured.BitbucketServer, func(entry config.BitbucketServer) string { return entry.Host })),
		of(integration.TypeGitea, each(configured.Gitea, func(entry config.Gitea) string { return entry.Host })),
		of(integration.TypeGerrit, each(configured.Gerrit, func(entry config.Gerrit) string { return entry.Host })),
	)
}

// tokenProvider returns the sign-in provider whose tokens are those of a host's users, "" if none is
// configured. A token is never given to another host than that of its provider.
func tokenProvider(loaded *config.Config, kind, host string) string {
	configured, exists := loaded.Auth.Providers.OAuth[kind][loaded.Auth.Environment]
	if !exists {
		return ""
	}
	home := ""
	switch kind {
	case integration.TypeGitHub:
		home = cmp.Or(configured.EnterpriseInstanceURL, "https://github.com")
	case integration.TypeGitLab:
		home = cmp.Or(configured.Audience, "https://gitlab.com")
	}
	if at, err := url.Parse(home); err != nil || at.Host != host {
		return ""
	}
	return kind // the ids of these providers are the types of their hosts
}
