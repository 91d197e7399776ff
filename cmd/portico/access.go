package main

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/exchange"
)

// legacyKeySubject is the subject that Backstage gives to the holders of backend.auth.keys.
const legacyKeySubject = "external:backstage-plugin"

// externalAccess converts the configuration of machine tokens.
func externalAccess(configured config.BackendAuth, log *slog.Logger) ([]identity.ExternalAccess, error) {
	var access []identity.ExternalAccess
	for n, entry := range configured.ExternalAccess {
		one, err := oneExternalAccess(entry, log)
		if err != nil {
			return nil, fmt.Errorf("backend.auth.externalAccess[%d]: %w", n, err)
		}
		access = append(access, one)
	}
	for n, key := range configured.Keys {
		secret, err := config.DecodeBase64(string(key.Secret))
		if err != nil {
			return nil, fmt.Errorf("backend.auth.keys[%d]: secret: %w", n, err)
		}
		access = append(access, identity.LegacyAccess(secret, legacyKeySubject, nil))
	}
	return access, nil
}

// restricted converts accessRestrictions; nil without any.
func restricted(configured []config.AccessRestriction) []identity.Restriction {
	var restrictions []identity.Restriction
	for _, allowed := range configured {
		restrictions = append(restrictions, identity.Restriction{
			Plugin: allowed.Plugin, Permissions: allowed.Permission, Actions: allowed.PermissionAttribute.Action,
		})
	}
	return restrictions
}

// pluginKeys are where the plugins of a Backstage publish their keys.
func pluginKeys(configured config.Discovery, log *slog.Logger) identity.PluginKeys {
	keys := identity.PluginKeys{}
	for _, endpoint := range configured.Endpoints {
		for _, plugin := range endpoint.Plugins {
			base, known := pluginAddress(endpoint, plugin)
			if !known {
				continue // only browsers know an address
			}
			keys[plugin] = identity.NewKeySource(base+"/.backstage/auth/v1/jwks.json", nil, log)
		}
	}
	return keys
}

// pluginAddress is where backends reach a plugin, without a slash at its end.
func pluginAddress(endpoint config.DiscoveryEndpoint, plugin string) (address string, known bool) {
	address = strings.NewReplacer("{{pluginId}}", plugin, "{{ pluginId }}", plugin).Replace(endpoint.Target.Internal)
	return strings.TrimRight(address, "/"), address != ""
}

// tokenExchange converts the configuration of the exchange of CI jobs' tokens.
func (p *platform) tokenExchange(issuer *identity.Issuer) (*exchange.Service, error) {
	configured := p.config.Portico.TokenExchange
	options := exchange.Options{Pool: p.pool, Issuer: issuer, Log: p.log, Refusals: p.refusals, Audience: configured.Audience, Lifetime: configured.Lifetime}
	for _, entry := range configured.Issuers {
		trusted := exchange.Trusted{Issuer: entry.Issuer, Keys: identity.NewIssuerKeys(entry.Issuer, nil, p.log)}
		if entry.KeysURL != "" {
			trusted.Keys = identity.NewKeySource(entry.KeysURL, nil, p.log)
		}
		for _, rule := range entry.Rules {
			trusted.Rules = append(trusted.Rules, exchange.Rule{Subject: rule.Subject, Claims: rule.Claims, Restrictions: restricted(rule.AccessRestrictions)})
		}
		options.Trusted = append(options.Trusted, trusted)
	}
	service, err := exchange.New(options)
	if err != nil {
		return nil, fmt.Errorf("portico.tokenExchange: %w", err)
	}
	return service, nil
}

func oneExternalAccess(entry config.ExternalAccess, log *slog.Logger) (identity.ExternalAccess, error) {
	restrictions, options := restricted(entry.AccessRestrictions), entry.Options
	switch entry.Type {
	case config.AccessStatic:
		return identity.StaticAccess(string(options.Token), options.Subject, restrictions), nil
	case config.AccessLegacy:
		secret, err := config.DecodeBase64(string(options.Secret))
		if err != nil {
			return identity.ExternalAccess{}, fmt.Errorf("secret: %w", err)
		}
		return identity.LegacyAccess(secret, options.Subject, restrictions), nil
	case config.AccessJWKS:
		return identity.KeySetAccess(identity.KeySet{
			URL: options.URL, Issuers: options.Issuer, Audiences: options.Audience, Algorithms: options.Algorithm,
			SubjectPrefix: options.SubjectPrefix, Log: log,
		}, restrictions), nil
	default:
		return identity.ExternalAccess{}, fmt.Errorf("type %q is not known", entry.Type)
	}
}

// crossOrigin converts the configuration of CORS; nil allows no origins.
func crossOrigin(configured *config.CORS) api.CORS {
	if configured == nil {
		return api.CORS{}
	}
	return api.CORS{
		Origins: configured.Origin, Methods: configured.Methods, AllowedHeaders: configured.AllowedHeaders,
		ExposedHeaders: configured.ExposedHeaders, Credentials: configured.Credentials, MaxAge: configured.MaxAge,
	}
}

// rateLimits converts backend.rateLimit; nil limits nobody.
func rateLimits(configured *config.RateLimits) map[string]api.RateLimit {
	if configured == nil {
		return nil
	}
	convert := func(of config.RateLimit) api.RateLimit {
		return api.RateLimit{Window: of.Window, Requests: of.IncomingRequestLimit, Exempt: of.Exempt(), SkipSuccessful: of.SkipSuccessfulRequests, SkipFailed: of.SkipFailedRequests}
	}
	limits := map[string]api.RateLimit{}
	if configured.Global {
		limits[""] = convert(configured.RateLimit)
	}
	for plugin, limit := range configured.Plugin {
		limits[plugin] = convert(limit)
	}
	return limits
}

func trustedProxies(configured config.Backend) api.Proxies {
	hops, networks := configured.TrustedProxies()
	return api.Proxies{Hops: hops, Networks: networks}
}
