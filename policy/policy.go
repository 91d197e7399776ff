// Package policy is the one decision point. Every command and query asks a Decider what a principal may do;
// the answer is no, yes, or yes to the resources that meet conditions. The conditions are criteria over the
// rules of a resource type, which the resource's own package writes down in a table (Rules). What comes of it
// is a Grant: it tells of one resource whether it is covered, and gives the filter under which lists are
// read.
//
// Package policy knows nothing about HTTP or storage. Permissions, criteria and rules have Backstage's names.
package policy

import (
	"slices"
	"strings"

	"github.com/portico-dev/portico/identity"
)

// Permission is the name of a Backstage permission, such as "catalog.entity.read".
type Permission string

// The permissions that Portico's commands and queries ask for. The names are Backstage's.
const (
	CatalogEntityRead      Permission = "catalog.entity.read"
	CatalogEntityDelete    Permission = "catalog.entity.delete"
	CatalogEntityRefresh   Permission = "catalog.entity.refresh"
	CatalogEntityValidate  Permission = "catalog.entity.validate"
	CatalogLocationRead    Permission = "catalog.location.read"
	CatalogLocationCreate  Permission = "catalog.location.create"
	CatalogLocationDelete  Permission = "catalog.location.delete"
	CatalogLocationAnalyze Permission = "catalog.location.analyze"
	// CatalogUnprocessedDelete is of Backstage's module for unprocessed entities.
	CatalogUnprocessedDelete Permission = "catalog.entities.unprocessed.delete"

	ScaffolderTaskCreate     Permission = "scaffolder.task.create"
	ScaffolderTaskRead       Permission = "scaffolder.task.read"
	ScaffolderTaskCancel     Permission = "scaffolder.task.cancel"
	ScaffolderTemplateRead   Permission = "scaffolder.template.parameter.read"
	ScaffolderTemplateDryRun Permission = "scaffolder.template.dry-run"
)

// ResourceType is the type of the things that a permission is about, such as "catalog-entity".
type ResourceType string

// The resource types of Backstage that permissions are about. A permission of none is about the whole plugin.
const (
	CatalogEntity      ResourceType = "catalog-entity"
	ScaffolderTask     ResourceType = "scaffolder-task"
	ScaffolderTemplate ResourceType = "scaffolder-template"
)

// permissions has the action attribute and the resource type of every permission, "" where Backstage has
// none.
var permissions = map[Permission]struct {
	action   string
	resource ResourceType
}{
	CatalogEntityRead:      {"read", CatalogEntity},
	CatalogEntityDelete:    {"delete", CatalogEntity},
	CatalogEntityRefresh:   {"update", CatalogEntity},
	CatalogEntityValidate:  {"", ""},
	CatalogLocationRead:    {"read", ""},
	CatalogLocationCreate:  {"create", ""},
	CatalogLocationDelete:  {"delete", ""},
	CatalogLocationAnalyze: {"", ""},

	CatalogUnprocessedDelete: {"delete", ""},

	ScaffolderTaskCreate:     {"create", ""},
	ScaffolderTaskRead:       {"read", ScaffolderTask},
	ScaffolderTaskCancel:     {"", ScaffolderTask},
	ScaffolderTemplateRead:   {"read", ScaffolderTemplate},
	ScaffolderTemplateDryRun: {"", ""},
}

// ResourceType is the type of the resources that the permission is about, "" when it is about none.
func (p Permission) ResourceType() ResourceType { return permissions[p].resource }

// plugin is the id of the plugin that a permission belongs to: catalog for catalog.entity.read.
func (p Permission) plugin() string {
	id, _, _ := strings.Cut(string(p), ".")
	return id
}

// hasPermissions says whether any permission belongs to a plugin.
func hasPermissions(plugin string) bool {
	for permission := range permissions {
		if permission.plugin() == plugin {
			return true
		}
	}
	return false
}

// permits says whether a token with a restriction has a permission. A plugin that has permissions of its own
// asks for another's as itself, as in Backstage: the scaffolder reads templates whatever the token's holder
// may read in the catalog.
func permits(restriction identity.Restriction, permission Permission) bool {
	if permission.plugin() != restriction.Plugin && hasPermissions(restriction.Plugin) {
		return true
	}
	if len(restriction.Permissions) > 0 && !slices.Contains(restriction.Permissions, string(permission)) {
		return false
	}
	return len(restriction.Actions) == 0 || slices.Contains(restriction.Actions, permissions[permission].action)
}
