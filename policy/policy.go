// Package policy is the one decision point: every command and query asks it whether a principal may do a thing to a
// resource. It holds the permission names and the decision types; it knows nothing about HTTP or storage.
//
// The decider here lets every known principal do everything that its token is good for. Roles and conditional rules will
// replace the decider and leave its callers untouched.
package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/portico-dev/portico/identity"
)

// Permission is the name of a Backstage permission, such as "catalog.entity.read".
type Permission string

// The permissions that Portico's commands and queries ask for. Names are Backstage's.
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

// actions are the action attributes of all permissions, "" where Backstage has none.
var actions = map[Permission]string{
	CatalogEntityRead:      "read",
	CatalogEntityDelete:    "delete",
	CatalogEntityRefresh:   "update",
	CatalogEntityValidate:  "",
	CatalogLocationRead:    "read",
	CatalogLocationCreate:  "create",
	CatalogLocationDelete:  "delete",
	CatalogLocationAnalyze: "",

	CatalogUnprocessedDelete: "delete",

	ScaffolderTaskCreate:     "create",
	ScaffolderTaskRead:       "read",
	ScaffolderTaskCancel:     "",
	ScaffolderTemplateRead:   "read",
	ScaffolderTemplateDryRun: "",
}

// plugin is the id of the plugin that a permission belongs to: catalog for catalog.entity.read.
func (p Permission) plugin() string {
	id, _, _ := strings.Cut(string(p), ".")
	return id
}

// hasPermissions says whether any permission belongs to a plugin.
func hasPermissions(plugin string) bool {
	for permission := range actions {
		if permission.plugin() == plugin {
			return true
		}
	}
	return false
}

// permits says whether a token with a restriction has a permission. A plugin that has permissions of its own asks for
// another's as itself, as in Backstage: the scaffolder reads templates whatever the token's holder may read in the catalog.
func permits(restriction identity.Restriction, permission Permission) bool {
	if permission.plugin() != restriction.Plugin && hasPermissions(restriction.Plugin) {
		return true
	}
	if len(restriction.Permissions) > 0 && !slices.Contains(restriction.Permissions, string(permission)) {
		return false
	}
	return len(restriction.Actions) == 0 || slices.Contains(restriction.Actions, actions[permission])
}

// Request is one question: may this be done to that resource?
type Request struct {
	Permission Permission
	// Resource is the reference of the thing concerned (an entity reference, a task id), "" when there is none.
	Resource string
}

// DeniedError says who was refused what. It answers to errors.As and becomes a 403.
type DeniedError struct {
	Principal identity.Principal
	Request   Request
}

func (e *DeniedError) Error() string {
	if e.Request.Resource == "" {
		return fmt.Sprintf("%s may not %s", subject(e.Principal), e.Request.Permission)
	}
	return fmt.Sprintf("%s may not %s on %s", subject(e.Principal), e.Request.Permission, e.Request.Resource)
}

func subject(p identity.Principal) string {
	if p.Subject == "" {
		return "an unauthenticated caller"
	}
	return p.Subject
}

// Decider answers requests. A refusal is a *DeniedError; any other error means that no decision could be made.
type Decider interface {
	Authorize(ctx context.Context, principal identity.Principal, request Request) error
}

// AllowKnown lets every authenticated principal do everything that its token is good for, and nobody else anything.
type AllowKnown struct{}

// Authorize implements Decider.
func (AllowKnown) Authorize(_ context.Context, principal identity.Principal, request Request) error {
	refused := func(restriction identity.Restriction) bool { return !permits(restriction, request.Permission) }
	if principal.Kind == identity.KindNone || slices.ContainsFunc(principal.Restrictions, refused) {
		return &DeniedError{Principal: principal, Request: request}
	}
	return nil
}
