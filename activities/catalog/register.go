package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	service "github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
)

// effectLocation is the kind of the effect that a registration leaves in the ledger.
const effectLocation = "catalog:location"

const defaultCatalogInfoPath = "/catalog-info.yaml"

// registerAction is catalog:register.
type registerAction struct {
	catalog Service
	sources Sources
}

func (registerAction) Describe() action.Description {
	return action.Description{
		ID:          "catalog:register",
		Description: "Registers entities from a catalog descriptor file in the workspace into the software catalog.",
		InputSchema: registerInput,
		Examples: []action.Example{
			{Description: "Register what was just published", Example: `steps:
  - id: register
    name: Register in the catalog
    action: catalog:register
    input:
      repoContentsUrl: ${{ steps.publish.output.repoContentsUrl }}
      catalogInfoPath: /catalog-info.yaml
`},
			{Description: "Register a descriptor that may be registered already", Example: `steps:
  - id: register
    name: Register in the catalog
    action: catalog:register
    input:
      catalogInfoUrl: https://github.com/acme/catalog/blob/main/systems.yaml
      optional: true
`},
		},
	}
}

// registration is the input: the descriptor's URL, or a repository's with the path in it.
type registration struct {
	CatalogInfoURL  string `json:"catalogInfoUrl"`
	RepoContentsURL string `json:"repoContentsUrl"`
	CatalogInfoPath string `json:"catalogInfoPath"`
	Optional        bool   `json:"optional"`
}

// location is what is to be registered.
func (a registerAction) location(ctx context.Context, r registration) (entity.LocationSpec, error) {
	target := r.CatalogInfoURL
	if target == "" {
		path := r.CatalogInfoPath
		if path == "" {
			path = defaultCatalogInfoPath
		}
		if _, found := a.sources.ByURL(r.RepoContentsURL); !found {
			return entity.LocationSpec{}, action.InputError("No integration found for host %s", r.RepoContentsURL)
		}
		base, err := a.sources.CanonicalURL(ctx, r.RepoContentsURL)
		if err != nil {
			return entity.LocationSpec{}, explainReading(err, r.RepoContentsURL)
		}
		resolved, err := a.sources.ResolveURL(base, path)
		if err != nil {
			return entity.LocationSpec{}, action.InputError("%s in %s: %s", path, r.RepoContentsURL, err)
		}
		target = resolved
	}
	return entity.LocationSpec{Type: "url", Target: target}, nil
}

// Run registers the location and says which entity it brings.
func (a registerAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input registration
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	spec, err := a.location(ctx, input)
	if err != nil {
		return nil, err
	}
	call.Log.Info("Registering %s in the catalog", spec.Target)
	if err := a.register(ctx, call, spec); err != nil && (!input.Optional || action.IsTransient(err)) {
		return nil, err
	}
	output := action.Output{"catalogInfoUrl": spec.Target}
	tried, err := a.try(ctx, principal(call.RunID, call.User), spec)
	if err != nil {
		if input.Optional && !action.IsTransient(err) {
			return output, nil
		}
		return nil, err
	}
	ref, err := mainEntity(tried.Entities)
	if err != nil {
		return nil, action.Final(err)
	}
	if ref != "" {
		output["entityRef"] = ref
	}
	return output, nil
}

// try finds out which entities the location brings. The catalog says in words why it could not read them, so the host is
// asked whether it is well: if it is not, that may pass, and if it is, what the catalog then finds stands.
func (a registerAction) try(ctx context.Context, who identity.Principal, spec entity.LocationSpec) (service.Trial, error) {
	tried, err := a.catalog.TryLocation(ctx, who, spec)
	if fault.KindOf(err) != fault.Input {
		return tried, explain(err)
	}
	_, readErr := a.sources.Search(ctx, spec.Target, integration.ReadOptions{})
	if after, may := integration.MayPass(readErr); may {
		return tried, whenReadable(action.Transient(err, after), spec.Target)
	}
	if readErr == nil {
		tried, err = a.catalog.TryLocation(ctx, who, spec)
	}
	return tried, explain(err)
}

func whenReadable(err error, target string) error {
	return action.Advise(err, "Check that %s can be read from the worker, then retry.", target)
}

// explainReading gives an error of the host its class.
func explainReading(err error, target string) error {
	if after, may := integration.MayPass(err); may {
		return whenReadable(action.Transient(err, after), target)
	}
	return action.Final(err)
}

// register registers the location once. A location that is there is this run's own if an earlier attempt registered it: after the
// intent was recorded, in the same name.
func (a registerAction) register(ctx context.Context, call *action.Call, spec entity.LocationSpec) error {
	who := principal(call.RunID, call.User)
	effect, err := call.Ledger.Intend(ctx, action.Intent{Kind: effectLocation, Name: spec.Target, Key: effectLocation + " " + spec.Target})
	if err != nil {
		return action.Transient(err, 0)
	}
	if effect.State == action.EffectCreated {
		return nil
	}
	registered, err := a.catalog.RegisterLocation(ctx, who, spec, service.ConflictReject)
	if err == nil {
		return a.confirm(ctx, call, effect, registered.ID)
	}
	if fault.KindOf(err) != fault.Conflict && !effect.Fresh {
		// An earlier attempt may have registered it: what refuses this one does not say that there is nothing.
		return explain(err)
	}
	if fault.KindOf(err) != fault.Conflict {
		return a.abandon(ctx, call, effect, explain(err))
	}
	own, findErr := a.findOwn(ctx, call.RunID, call.User, effect)
	if findErr != nil {
		return explain(findErr)
	}
	if own != "" {
		return a.confirm(ctx, call, effect, own)
	}
	// Somebody else registered it. What becomes of that is the catalog's to say: it refuses, or reads the location again.
	_, err = a.catalog.RegisterLocation(ctx, who, spec, "")
	return a.abandon(ctx, call, effect, explain(err))
}

func (a registerAction) confirm(ctx context.Context, call *action.Call, effect action.Effect, id string) error {
	confirmation := action.Confirmation{ExternalID: id, URL: effect.Name}
	if err := call.Ledger.Confirm(ctx, effect.ID, confirmation); err != nil {
		return action.Transient(err, 0)
	}
	return nil
}

// abandon notes that this run did not make the location, and passes on why. A cause that may pass leaves the intent open.
func (a registerAction) abandon(ctx context.Context, call *action.Call, effect action.Effect, cause error) error {
	if action.IsTransient(cause) {
		return cause
	}
	note := "the location was registered by somebody else"
	if cause != nil {
		note = cause.Error()
	}
	if err := call.Ledger.Abandon(ctx, effect.ID, note); err != nil {
		return action.Transient(err, 0)
	}
	return cause
}

// findOwn is the id of the effect's location if this run registered it, "" if it did not or there is none.
func (a registerAction) findOwn(ctx context.Context, runID string, user action.User, effect action.Effect) (string, error) {
	who := principal(runID, user)
	id, by, at, err := a.catalog.LocationOrigin(ctx, who, entity.LocationSpec{Type: "url", Target: effect.Name})
	if fault.KindOf(err) == fault.NotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if by != who.Subject || at.Before(effect.IntendedAt) {
		return "", nil
	}
	return id, nil
}

// mainEntity is the reference of the entity that a descriptor is about: its first Component, else its first entity, passing over the
// Location entities that the catalog generates.
func mainEntity(documents []json.RawMessage) (string, error) {
	entities := make([]entity.Entity, len(documents))
	for n, document := range documents {
		if err := json.Unmarshal(document, &entities[n]); err != nil {
			return "", fmt.Errorf("entity %d of the location: %w", n, err)
		}
	}
	written := func(e entity.Entity) bool { return !strings.HasPrefix(e.Name(), "generated-") }
	component := func(e entity.Entity) bool { return written(e) && e.Kind() == "Component" }
	whatever := func(entity.Entity) bool { return true }
	for _, wanted := range []func(entity.Entity) bool{component, written, whatever} {
		if n := slices.IndexFunc(entities, wanted); n >= 0 {
			return entities[n].Ref().String(), nil
		}
	}
	return "", nil
}

// Undo unregisters the location, which takes the entities that only it led to out of the catalog.
func (a registerAction) Undo(ctx context.Context, call *action.UndoCall) error {
	id := call.Effect.ExternalID
	if id == "" {
		own, err := a.findOwn(ctx, call.RunID, call.User, call.Effect)
		if err != nil {
			return explain(err)
		}
		if own == "" {
			call.Log.Info("%s is not registered in the catalog by this run", call.Effect.Name)
			return nil
		}
		id = own
	}
	// The catalog refuses whom it does not let look, so what it does not find is not there.
	err := a.catalog.DeleteLocation(ctx, principal(call.RunID, call.User), id)
	if fault.KindOf(err) == fault.NotFound {
		call.Log.Info("%s is not registered in the catalog any more", call.Effect.Name)
		return nil
	}
	if err != nil {
		return explain(fmt.Errorf("unregister %s: %w", call.Effect.Name, err))
	}
	call.Log.Info("Unregistered %s from the catalog", call.Effect.Name)
	return nil
}

// Plan says which location would be registered.
func (a registerAction) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	var input registration
	if err := call.Decode(&input); err != nil {
		return action.Plan{}, err
	}
	spec, err := a.location(ctx, input)
	if err != nil {
		return action.Plan{}, err
	}
	return action.Plan{
		Summary: "register " + spec.Target + " in the catalog",
		Creates: []action.PlannedEffect{{Kind: effectLocation, Name: spec.Target}},
	}, nil
}
