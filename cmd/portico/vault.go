package main

import (
	"cmp"
	"context"
	"os"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration/secretpaths"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/vault"
)

// openVault reads where Vault is. It makes no request.
func (p *platform) openVault(context.Context, place) error {
	p.vault = vault.NewSessions(vaultSettings(p.config.Vault))
	return nil
}

// secretPaths says where the secrets of entities are.
func (p *platform) secretPaths() *secretpaths.Service {
	configured := p.config.Vault
	return secretpaths.New(secretpaths.Options{Entities: subject.Finder{Catalog: p.catalog, Decider: p.decider}, Sessions: p.vault, Engine: configured.SecretEngine,
		PublicURL: cmp.Or(configured.PublicURL, vaultSettings(configured).Address)})
}

// vaultSettings say where Vault is, and who Portico is there.
func vaultSettings(configured config.Vault) vault.Settings {
	if configured.BaseURL == "" {
		settings := vault.FromEnvironment(os.LookupEnv)
		settings.Namespaces = vault.NamespaceUse(configured.Namespaces)
		return settings
	}
	settings := vault.Settings{Address: configured.BaseURL, Namespaces: vault.NamespaceUse(configured.Namespaces)}
	switch auth := configured.Auth; auth.Type {
	case "kubernetes":
		settings.KubernetesRole, settings.KubernetesMount, settings.KubernetesTokenFile = auth.Role, auth.AuthPath, auth.ServiceAccountTokenPath
	default:
		settings.Token = string(auth.Secret)
	}
	return settings
}
