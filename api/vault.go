package api

import (
	"net/http"

	"github.com/portico-dev/portico/integration/secretpaths"
	"github.com/portico-dev/portico/integration/subject"
)

// NewVaultPlugin serves the part of /api/portico with the places of an entity's secrets in Vault. It never serves their
// values.
func NewVaultPlugin(service *secretpaths.Service) Plugin {
	v := vaultRoutes{service}
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: ofEntity + "/vault", access: authenticated,
			summary: "Lists where the secrets of an entity are in Vault", serve: ok("the places", v.list), fails: missing},
	}}
}

type vaultRoutes struct{ service *secretpaths.Service }

// vaultSecrets are the places of an entity's secrets.
type vaultSecrets found[vaultSecret]

type vaultSecret struct {
	// Engine is where the secrets engine is mounted, and Path the secret in it.
	Engine string `json:"engine"`
	Path   string `json:"path"`
	// URL is the secret's page of Vault.
	URL string `json:"url,omitempty"`
}

func (v vaultRoutes) list(c *call) (vaultSecrets, error) {
	listing, err := v.service.Of(c.Request.Context(), c.principal, c.entityRef())
	if err != nil {
		return vaultSecrets{}, err
	}
	shown := vaultSecrets{Items: []vaultSecret{}, Problems: []subject.Problem{}}
	for _, secret := range listing.Secrets {
		shown.Items = append(shown.Items, vaultSecret(secret))
	}
	if listing.Problem != "" {
		shown.Problems = append(shown.Problems, subject.Problem{Source: "Vault", Message: listing.Problem})
	}
	return shown, nil
}
