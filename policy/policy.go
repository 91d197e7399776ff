// Package policy is the one decision point. Every command and query asks a Decider what a principal may do.
// The decision is a denial, an approval, or an approval for resources that meet conditions. Conditions are
// criteria over the rules of a resource type, which the resource's own package defines (Rules). A decision
// becomes a Grant, which checks single resources and provides the filter for lists.
//
// Package policy knows nothing about HTTP or storage. Permissions, criteria and rules have Backstage's names.
package policy

import (
	"maps"
	"slices"
	"strings"

	"github.com/portico-dev/portico/identity"
)

// Permission is the name of a Backstage permission, such as "catalog.entity.read".
type Permission string

// The permissions of Portico's commands and queries. The names are Backstage's.
const (
	CatalogEntityCreate    Permission = "catalog.entity.create"
	CatalogEntityRead      Permission = "catalog.entity.read"
	CatalogEntityDelete    Permission = "catalog.entity.delete"
	CatalogEntityRefresh   Permission = "catalog.entity.refresh"
	CatalogEntityValidate  Permission = "catalog.entity.validate"
	CatalogLocationRead    Permission = "catalog.location.read"
	CatalogLocationCreate  Permission = "catalog.location.create"
	CatalogLocationDelete  Permission = "catalog.location.delete"
	CatalogLocationAnalyze Permission = "catalog.location.analyze"
	CatalogIngestionRead   Permission = "catalog.ingestion.read"
	CatalogIngestionManage Permission = "catalog.ingestion.manage"
	// CatalogUnprocessedDelete belongs to Backstage's module for unprocessed entities.
	CatalogUnprocessedDelete Permission = "catalog.entities.unprocessed.delete"

	ScaffolderTaskCreate       Permission = "scaffolder.task.create"
	ScaffolderTaskRead         Permission = "scaffolder.task.read"
	ScaffolderTaskCancel       Permission = "scaffolder.task.cancel"
	ScaffolderActionExecute    Permission = "scaffolder.action.execute"
	ScaffolderTemplateRead     Permission = "scaffolder.template.parameter.read"
	ScaffolderTemplateStepRead Permission = "scaffolder.template.step.read"
	ScaffolderTemplateDryRun   Permission = "scaffolder.template.dry-run"
	ScaffolderTemplateManage   Permission = "scaffolder.template.management"

	// PolicyEntityRead and the following three are the RBAC plugin's, on roles with their policies and conditions.
	PolicyEntityRead   Permission = "policy.entity.read"
	PolicyEntityCreate Permission = "policy.entity.create"
	PolicyEntityUpdate Permission = "policy.entity.update"
	PolicyEntityDelete Permission = "policy.entity.delete"

	// KubernetesClustersRead and the following two are the Kubernetes plugin's.
	KubernetesClustersRead  Permission = "kubernetes.clusters.read"
	KubernetesResourcesRead Permission = "kubernetes.resources.read"
	KubernetesProxy         Permission = "kubernetes.proxy"

	// ArgoCDViewRead is that of the community's plugin for Argo CD.
	ArgoCDViewRead Permission = "argocd.view.read"

	// ScaffolderTaskRetry and the following are Portico's own: no plugin of Backstage has them.
	ScaffolderTaskRetry    Permission = "scaffolder.task.retry"
	ScaffolderTaskRollback Permission = "scaffolder.task.rollback"
	AuditRead              Permission = "portico.audit.read"
	SessionRead            Permission = "portico.session.read"
	SessionDelete          Permission = "portico.session.delete"
	// TemporalRead is about Temporal's Web UI.
	TemporalRead Permission = "portico.temporal.read"
	// BuildRead and the following two are about the source code projects of entities.
	BuildRead       Permission = "portico.build.read"
	BuildRerun      Permission = "portico.build.rerun"
	PullRequestRead Permission = "portico.pull-request.read"
	// VaultRead is about where the secrets of entities are, not about what they contain.
	VaultRead Permission = "portico.vault.read"
	// CatalogSourceRead and CatalogSourceUpdate are about the sources of the catalog and their sweeps.
	CatalogSourceRead   Permission = "portico.catalog.source.read"
	CatalogSourceUpdate Permission = "portico.catalog.source.update"
	// SearchSourceRead and SearchSourceUpdate are about what other systems push to the search.
	SearchSourceRead   Permission = "portico.search.source.read"
	SearchSourceUpdate Permission = "portico.search.source.update"
	// SearchIndexUpdate is about writing the index of the search anew.
	SearchIndexUpdate Permission = "portico.search.index.update"
)

// ResourceType is the type of the resources of a permission, such as "catalog-entity".
type ResourceType string

// Backstage's resource types. A permission without one applies to the whole plugin.
const (
	CatalogEntity      ResourceType = "catalog-entity"
	ScaffolderTask     ResourceType = "scaffolder-task"
	ScaffolderAction   ResourceType = "scaffolder-action"
	ScaffolderTemplate ResourceType = "scaffolder-template"
	PolicyEntity       ResourceType = "policy-entity"
)

// permissions has the action attribute and the resource type of every permission, "" where Backstage has
// none.
var permissions = map[Permission]struct {
	action   string
	resource ResourceType
}{
	CatalogEntityCreate:    {"create", ""},
	CatalogEntityRead:      {"read", CatalogEntity},
	CatalogEntityDelete:    {"delete", CatalogEntity},
	CatalogEntityRefresh:   {"update", CatalogEntity},
	CatalogEntityValidate:  {"", ""},
	CatalogLocationRead:    {"read", ""},
	CatalogLocationCreate:  {"create", ""},
	CatalogLocationDelete:  {"delete", ""},
	CatalogLocationAnalyze: {"", ""},
	CatalogIngestionRead:   {"read", ""},
	CatalogIngestionManage: {"update", ""},

	CatalogUnprocessedDelete: {"delete", ""},

	ScaffolderTaskCreate:       {"create", ""},
	ScaffolderTaskRead:         {"read", ScaffolderTask},
	ScaffolderTaskCancel:       {"", ScaffolderTask},
	ScaffolderActionExecute:    {"", ScaffolderAction},
	ScaffolderTemplateRead:     {"read", ScaffolderTemplate},
	ScaffolderTemplateStepRead: {"read", ScaffolderTemplate},
	ScaffolderTemplateDryRun:   {"", ""},
	ScaffolderTemplateManage:   {"", ""},

	PolicyEntityRead:   {"read", PolicyEntity},
	PolicyEntityCreate: {"create", ""},
	PolicyEntityUpdate: {"update", PolicyEntity},
	PolicyEntityDelete: {"delete", PolicyEntity},

	KubernetesClustersRead:  {"read", ""},
	KubernetesResourcesRead: {"read", ""},
	KubernetesProxy:         {"", ""},

	ArgoCDViewRead: {"read", ""},

	ScaffolderTaskRetry:    {"", ScaffolderTask},
	ScaffolderTaskRollback: {"", ScaffolderTask},
	AuditRead:              {"read", ""},
	SessionRead:            {"read", ""},
	SessionDelete:          {"delete", ""},
	TemporalRead:           {"read", ""},
	BuildRead:              {"read", ""},
	BuildRerun:             {"", ""},
	PullRequestRead:        {"read", ""},
	VaultRead:              {"read", ""},
	CatalogSourceRead:      {"read", ""},
	CatalogSourceUpdate:    {"update", ""},
	SearchSourceRead:       {"read", ""},
	SearchSourceUpdate:     {"update", ""},
	SearchIndexUpdate:      {"update", ""},
}

// deputies has the permission of Backstage that guarded the same command there, or one like it. It decides for roles
// and tokens that were written for Backstage, which do not name Portico's own permission.
var deputies = map[Permission]Permission{
	ScaffolderTaskRetry:    ScaffolderTaskCreate,
	ScaffolderTaskRollback: ScaffolderTaskCancel,
	CatalogSourceRead:      CatalogIngestionRead,
	CatalogSourceUpdate:    CatalogIngestionManage,
}

// administrative are the permissions that users do not have without roles.
var administrative = []Permission{AuditRead, SessionRead, SessionDelete, TemporalRead, SearchSourceUpdate, SearchIndexUpdate}

// Permissions are the permissions above, sorted.
func Permissions() []Permission { return slices.Sorted(maps.Keys(permissions)) }

// IsKnown reports whether the permission is one of those above.
func (p Permission) IsKnown() bool {
	_, known := permissions[p]
	return known
}

// ResourceType is the type of the permission's resources, "" when it has none.
func (p Permission) ResourceType() ResourceType { return permissions[p].resource }

// Action is the permission's action attribute (create, read, update or delete), "" when it has none.
func (p Permission) Action() string { return permissions[p].action }

// Deputy is the permission of Backstage that decides where nothing names this one of Portico's own, "" when there is
// none.
func (p Permission) Deputy() Permission { return deputies[p] }

// plugin is the id of the permission's plugin: catalog for catalog.entity.read.
func (p Permission) plugin() string {
	id, _, _ := strings.Cut(string(p), ".")
	return id
}

// hasPermissions reports whether a plugin guards its routes with permissions of its own. Portico's own plugin
// does not, though it has some: it serves runs too, with the scaffolder's permissions.
func hasPermissions(plugin string) bool {
	if plugin == AuditRead.plugin() {
		return false
	}
	for permission := range permissions {
		if permission.plugin() == plugin {
			return true
		}
	}
	return false
}

// permits reports whether a restriction allows a permission. A plugin with permissions of its own uses other
// plugins' permissions in its own name, as in Backstage: the scaffolder reads templates even if the token may
// not read the catalog. One that permits the deputy of a permission permits it too.
func permits(restriction identity.Restriction, permission Permission) bool {
	if deputy := permission.Deputy(); deputy != "" && permits(restriction, deputy) {
		return true
	}
	if permission.plugin() != restriction.Plugin && hasPermissions(restriction.Plugin) {
		return true
	}
	if len(restriction.Permissions) > 0 && !slices.Contains(restriction.Permissions, string(permission)) {
		return false
	}
	return len(restriction.Actions) == 0 || slices.Contains(restriction.Actions, permissions[permission].action)
}
