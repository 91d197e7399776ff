package main

import (
	"fmt"
	"log/slog"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity"
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

func oneExternalAccess(entry config.ExternalAccess, log *slog.Logger) (identity.ExternalAccess, error) {
	var restrictions []identity.Restriction
	for _, allowed := range entry.AccessRestrictions {
		restrictions = append(restrictions, identity.Restriction{
			Plugin: allowed.Plugin, Permissions: allowed.Permission, Actions: allowed.PermissionAttribute.Action,
		})
	}
	options := entry.Options
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

func trustedProxies(configured config.Backend) api.Proxies {
	hops, networks := configured.TrustedProxies()
	return api.Proxies{Hops: hops, Networks: networks}
}
