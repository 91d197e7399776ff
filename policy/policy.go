// Package policy is the one decision point: every command and query asks it whether a principal may do a thing to a
// resource. It holds the permission names and the decision types; it knows nothing about HTTP or storage.
//
// The decider here lets every known principal do everything. Roles and conditional rules will replace the decider and
// leave its callers untouched.
package policy

import (
	"context"
	"fmt"

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

	ScaffolderTaskCreate     Permission = "scaffolder.task.create"
	ScaffolderTaskRead       Permission = "scaffolder.task.read"
	ScaffolderTaskCancel     Permission = "scaffolder.task.cancel"
	ScaffolderTemplateRead   Permission = "scaffolder.template.parameter.read"
	ScaffolderTemplateDryRun Permission = "scaffolder.template.dry-run"
)

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

// AllowKnown lets every authenticated principal do everything and refuses nobody's requests.
type AllowKnown struct{}

// Authorize implements Decider.
func (AllowKnown) Authorize(_ context.Context, principal identity.Principal, request Request) error {
	if principal.Kind == identity.KindNone {
		return &DeniedError{Principal: principal, Request: request}
	}
	return nil
}
