// Package catalog holds the actions that work with the catalog: catalog:write puts a descriptor into the
// workspace, catalog:annotate, catalog:timestamping, catalog:scaffolded-from and catalog:template:version add to
// one, catalog:register has a published one read from then on, catalog:fetch looks entities up. The catalog itself
// is package catalog at the top of the module.
package catalog

import (
	"context"
	_ "embed"
	"encoding/json"
	"time"

	service "github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/template"
)

var (
	//go:embed schema/write.input.json
	writeInput json.RawMessage
	//go:embed schema/annotate.input.json
	annotateInput json.RawMessage
	//go:embed schema/annotate.output.json
	annotateOutput json.RawMessage
	//go:embed schema/register.input.json
	registerInput json.RawMessage
	//go:embed schema/fetch.input.json
	fetchInput json.RawMessage
	//go:embed schema/fetch.output.json
	fetchOutput json.RawMessage
)

// Service is what the actions need of the catalog.
type Service interface {
	// EntitiesByRefs gives one document for each reference, nil where there is none.
	EntitiesByRefs(ctx context.Context, principal identity.Principal, refs []string, filter query.Filter, fields query.Fields) ([]json.RawMessage, error)
	RegisterLocation(ctx context.Context, principal identity.Principal, spec entity.LocationSpec, onConflict service.ConflictStrategy) (service.Location, error)
	TryLocation(ctx context.Context, principal identity.Principal, spec entity.LocationSpec) (service.Trial, error)
	DeleteLocation(ctx context.Context, principal identity.Principal, id string) error
	// RegistrationOf and RegistrationByID say who registered a location and when, by the clock that the
	// effects ledger goes by. A location that is not registered is a fault of kind NotFound, and is not said
	// of one that the principal may not see.
	RegistrationOf(ctx context.Context, principal identity.Principal, spec entity.LocationSpec) (service.Registration, error)
	RegistrationByID(ctx context.Context, principal identity.Principal, id string) (service.Registration, error)
}

// Sources is what the actions need of package integration's Set.
type Sources interface {
	ByURL(rawURL string) (integration.Host, bool)
	ResolveURL(base, ref string) (string, error)
	// CanonicalURL rewrites a URL so that a slash in the branch's name is escaped.
	CanonicalURL(ctx context.Context, rawURL string) (string, error)
	// Search reads the files that a URL names; none is no error.
	Search(ctx context.Context, rawURL string, options integration.ReadOptions) (integration.SearchResult, error)
}

// Actions are the actions of this package.
func Actions(catalog Service, sources Sources) []action.Action {
	actions := []action.Action{writeAction{}, registerAction{catalog: catalog, sources: sources}, fetchAction{catalog: catalog}}
	return append(actions, annotateActions(catalog, time.Now)...)
}

// principal is who a run acts as: whoever started it, with the groups they had then. Older runs have no
// record of that: they act as the user by name, or as Portico when a service started them.
func principal(runID string, user template.User, starter identity.Principal) identity.Principal {
	if starter.Kind != identity.KindNone {
		return starter
	}
	if user.Ref == "" {
		return identity.System("run " + runID)
	}
	return identity.Principal{Kind: identity.KindUser, Subject: user.Ref, Ownership: []string{user.Ref}}
}
