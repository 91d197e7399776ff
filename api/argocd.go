package api

import (
	_ "embed"
	"net/http"

	"github.com/portico-dev/portico/integration/argocd/applications"
)

// argoCDPermissions is the metadata of the plugin argocd, whose permission is that of Backstage's community plugin.
//
//go:embed argocd_permissions.json
var argoCDPermissions []byte

// NewArgoCDPlugin serves the applications of Argo CD that belong to an entity. It only reads.
func NewArgoCDPlugin(service *applications.Service) Plugin {
	a := &argoCDAPI{service}
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: ofEntity + "/argocd", access: authenticated,
			summary: "Lists the applications of Argo CD that belong to an entity", serve: ok("the applications, and the instances that could not be asked", a.list),
			fails: missing},
	}}
}

// NewArgoCDMetadataPlugin serves the metadata of the plugin argocd: the permission to see applications.
func NewArgoCDMetadataPlugin() Plugin {
	return plugin{id: "argocd", routes: []route{describesPermissions(argoCDPermissions)}}
}

type argoCDAPI struct{ service *applications.Service }

// argoCDApplications are the applications of an entity, and why some could not be asked for.
type argoCDApplications found[applications.Application]

func (a *argoCDAPI) list(c *call) (argoCDApplications, error) {
	answer, err := a.service.OfEntity(c.Request.Context(), c.principal, c.entityRef())
	return argoCDApplications{Items: orEmpty(answer.Applications), Problems: orEmpty(answer.Problems)}, err
}
