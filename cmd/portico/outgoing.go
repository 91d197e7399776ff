package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	activitiesargocd "github.com/portico-dev/portico/activities/argocd"
	activitieshttp "github.com/portico-dev/portico/activities/http"
	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/proxy"
	"github.com/portico-dev/portico/scaffolder/action"
)

// buildProxy makes the proxy of the configuration.
func (p *platform) buildProxy(context.Context, place) error {
	configured := p.config.Proxy
	endpoints := configured.Endpoints
	if len(endpoints) == 0 {
		endpoints = legacyEndpoints(configured.Legacy)
		if len(endpoints) > 0 {
			p.log.Warn("endpoints directly below proxy are deprecated: move them to proxy.endpoints")
		}
	}
	service, err := proxy.New(proxy.Options{Log: p.log, Endpoints: proxyEndpoints(endpoints), SkipInvalid: configured.SkipInvalidProxies,
		Wrap: p.telemetry.Transport,
		Record: func(ctx context.Context, actor audit.Actor, resource string, changes ...audit.Change) error {
			return audit.Record(ctx, p.pool, actor, audit.ProxyRequest, resource, changes...)
		}})
	p.proxy = service
	return err
}

// legacyEndpoints are the keys directly below proxy that name a path.
func legacyEndpoints(configured map[string]config.ProxyEndpoint) map[string]config.ProxyEndpoint {
	found := map[string]config.ProxyEndpoint{}
	for route, endpoint := range configured {
		if strings.HasPrefix(route, "/") {
			found[route] = endpoint
		}
	}
	return found
}

func proxyEndpoints(configured map[string]config.ProxyEndpoint) []proxy.Endpoint {
	var endpoints []proxy.Endpoint
	for _, route := range slices.Sorted(maps.Keys(configured)) {
		of := configured[route]
		endpoint := proxy.Endpoint{Route: route, Target: of.Target, KeepHost: !of.ChangeOrigin, SkipTLSVerify: !of.Secure, FollowRedirects: of.FollowRedirects,
			Headers: map[string]string{}, AllowedMethods: of.AllowedMethods, AllowedHeaders: of.AllowedHeaders, Credentials: proxy.Credentials(of.Credentials)}
		if of.PathRewrite != nil {
			endpoint.PathRewrite = []proxy.Rewrite{}
		}
		for _, rule := range of.PathRewrite {
			endpoint.PathRewrite = append(endpoint.PathRewrite, proxy.Rewrite(rule))
		}
		for name, value := range of.Headers {
			endpoint.Headers[name] = string(value)
		}
		endpoints = append(endpoints, endpoint)
	}
	return endpoints
}

// outgoingActions are the actions that ask Portico's API, servers behind the proxy, and Argo CD.
func (p *platform) outgoingActions() ([]action.Action, error) {
	plugins, err := pluginAddresses(p.config)
	if err != nil {
		return nil, err
	}
	transport := p.telemetry.Transport(integration.DefaultTransport())
	limits := p.config.Scaffolder.HTTP
	return append(activitieshttp.Actions(activitieshttp.Options{Proxy: p.proxy, Plugins: plugins, Tokens: p.newIssuer(), Transport: transport,
		AllowedMethods: limits.AllowedMethods, AllowedHosts: limits.AllowedHosts}),
		activitiesargocd.Actions(activitiesargocd.Options{Instances: p.argocd})...), nil
}

// newIssuer makes an issuer of tokens. All of them share their keys.
func (p *platform) newIssuer() *identity.Issuer {
	return identity.NewIssuer(identity.IssuerOptions{URL: p.config.Backend.BaseURL + "/api/auth", Keys: identity.NewSigningKeys(p.pool, p.seals, p.log),
		Ownerships: identity.NewOwnerships(p.pool), OwnershipClaim: !p.config.Auth.OmitIdentityTokenOwnershipClaim})
}

// pluginAddresses are the plugins that a template may call: those of discovery.endpoints, and Portico's own that the
// configuration allows.
func pluginAddresses(loaded *config.Config) (map[string]activitieshttp.Plugin, error) {
	plugins := map[string]activitieshttp.Plugin{}
	for _, id := range loaded.Portico.HTTP.Plugins {
		base, err := url.Parse(loaded.Backend.BaseURL + "/api/" + id)
		if err != nil {
			return nil, fmt.Errorf("backend.baseUrl: %w", err)
		}
		plugins[id] = activitieshttp.Plugin{Base: base, IsOurs: true}
	}
	for _, endpoint := range loaded.Discovery.Endpoints {
		for _, id := range endpoint.Plugins {
			address, known := pluginAddress(endpoint, id)
			if !known {
				continue
			}
			base, err := url.Parse(address)
			if err != nil || base.Host == "" {
				return nil, fmt.Errorf("discovery.endpoints: the address of the plugin '%s' is no URL", id)
			}
			plugins[id] = activitieshttp.Plugin{Base: base}
		}
	}
	return plugins, nil
}
