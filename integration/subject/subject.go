// Package subject finds the entity about which somebody asks other systems, and says what kept their answer from being
// whole. The packages that read Kubernetes, Argo CD, Vault and hosts of source code for an entity's page share it.
package subject

import (
	"context"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// Catalog finds entities for those who may read them.
type Catalog interface {
	EntityByRef(ctx context.Context, principal identity.Principal, ref entity.Ref) (entity.Entity, error)
}

// Finder finds entities for those who may see what other systems have about them. Both fields are required.
type Finder struct {
	Catalog Catalog
	Decider policy.Decider
}

// Find checks that the principal has the permission, and finds the entity, which they must be able to read. The decision
// comes first, so that a refusal does not tell whether the entity exists.
func (f Finder) Find(ctx context.Context, principal identity.Principal, permission policy.Permission, ref entity.Ref) (entity.Entity, error) {
	if err := policy.Require(ctx, f.Decider, principal, permission, ref.String()); err != nil {
		return nil, err
	}
	return f.Catalog.EntityByRef(ctx, principal, ref)
}

// Problem is why a source was not asked, or not fully.
type Problem struct {
	// Source is the name of the system for people, or the annotation that is wrong.
	Source string `json:"source"`
	// Message says what happened and what to do.
	Message string `json:"message"`
}
