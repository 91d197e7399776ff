package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	service "github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// effectLocation is the kind of effect of a registration.
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
		Undoes:      "Deletes the location, and with it the entities that are read from it, if this run registered it.",
		Needs:       []string{"An integration for the host of the descriptor, or its host in `backend.reading.allow`."},
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

// location resolves the input to the location to register.
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
			if err = action.Classify(err); action.IsTransient(err) {
				err = whenReadable(err, r.RepoContentsURL)
			}
			return entity.LocationSpec{}, err
		}
		resolved, err := a.sources.ResolveURL(base, path)
		if err != nil {
			return entity.LocationSpec{}, action.InputError("%s in %s: %s", path, r.RepoContentsURL, err)
		}
		target = resolved
	}
	return entity.LocationSpec{Type: "url", Target: target}, nil
}

// Run registers the location. Its output names the main entity that is read from it.
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
	tried, err := a.try(ctx, principal(call.RunID, call.User, call.Starter), spec)
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

// try reads the location without storing anything. The catalog reports a failed read only as text, so the
// host is then asked directly: if it fails for a transient reason, so does the step; if it answers, the
// catalog tries once more and that result stands.
func (a registerAction) try(ctx context.Context, who identity.Principal, spec entity.LocationSpec) (service.Trial, error) {
	tried, err := a.catalog.TryLocation(ctx, who, spec)
	if fault.KindOf(err) != fault.Input {
		return tried, action.Classify(err)
	}
	_, readErr := a.sources.Search(ctx, spec.Target, integration.ReadOptions{})
	if after, may := integration.MayPass(readErr); may {
		return tried, whenReadable(action.Transient(err, after), spec.Target)
	}
	if readErr == nil {
		tried, err = a.catalog.TryLocation(ctx, who, spec)
	}
	return tried, action.Classify(err)
}

func whenReadable(err error, target string) error {
	return action.Advise(err, "Check that %s can be read from the worker, then retry.", target)
}

// register registers the location once. If somebody else has registered it already, the catalog's own
// conflict strategy applies: it refuses, or refreshes the location.
func (a registerAction) register(ctx context.Context, call *action.Call, spec entity.LocationSpec) error {
	who := principal(call.RunID, call.User, call.Starter)
	_, _, err := resource.Ensure(ctx, call, a.resource(who, spec.Target))
	if errors.Is(err, resource.ErrTaken) {
		_, err = a.catalog.RegisterLocation(ctx, who, spec, "")
	}
	return action.Classify(err)
}

// resource describes the registration of a target to package resource, on behalf of who.
func (a registerAction) resource(who identity.Principal, target string) resource.Spec[service.Registration] {
	spec := entity.LocationSpec{Type: "url", Target: target}
	return resource.Spec[service.Registration]{
		Intent: action.Intent{Kind: effectLocation, Name: target, Key: effectLocation + " " + target},
		Title:  "the catalog location " + target,
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[service.Registration], error) {
			return a.find(ctx, who, spec, effect)
		},
		Create: func(ctx context.Context, _ action.Effect) (*resource.Found[service.Registration], error) {
			registered, err := a.catalog.RegisterLocation(ctx, who, spec, service.ConflictReject)
			switch {
			case fault.KindOf(err) == fault.Conflict:
				return nil, resource.Exists(action.Classify(err))
			case err != nil:
				return nil, action.Classify(err)
			}
			return found(service.Registration{Location: registered}, who), nil
		},
		Used: func(_ context.Context, _ action.Effect, registered service.Registration) (string, error) {
			if registered.Target != target {
				return "it leads to " + registered.Target + " now", nil
			}
			return "", nil
		},
		Delete: func(ctx context.Context, registered service.Registration) error {
			err := a.catalog.DeleteLocation(ctx, who, registered.ID)
			switch {
			case fault.KindOf(err) == fault.NotFound:
				return resource.ErrNotExist
			case err != nil:
				return action.Classify(fmt.Errorf("unregister %s: %w", target, err))
			}
			return nil
		},
	}
}

// find looks the location up: by its id if the ledger has it, because the target can change. A first attempt
// skips the lookup, because the catalog refuses a target that is registered already.
func (a registerAction) find(ctx context.Context, who identity.Principal, spec entity.LocationSpec, effect action.Effect) (*resource.Found[service.Registration], error) {
	if effect.Fresh {
		return nil, nil
	}
	var registered service.Registration
	var err error
	if effect.ExternalID != "" {
		registered, err = a.catalog.RegistrationByID(ctx, who, effect.ExternalID)
	} else {
		registered, err = a.catalog.RegistrationOf(ctx, who, spec)
	}
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return nil, nil
	case err != nil:
		return nil, action.Classify(err)
	}
	return found(registered, who), nil
}

// found converts a registration. One made by the run's principal since the intent was made by the run.
func found(registered service.Registration, who identity.Principal) *resource.Found[service.Registration] {
	return &resource.Found[service.Registration]{
		Thing: registered, ID: registered.ID, URL: registered.Target,
		MadeFor: func(effect action.Effect) bool {
			return registered.By == who.Subject && !registered.At.Before(effect.IntendedAt)
		},
	}
}

// mainEntity is the reference of the entity that a descriptor is about: its first Component, else its first
// entity. Location entities that the catalog generates count last.
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

// Undo unregisters the location. The catalog then removes the entities that came only from it.
func (a registerAction) Undo(ctx context.Context, call *action.UndoCall) error {
	return resource.Remove(ctx, call, a.resource(principal(call.RunID, call.User, call.Starter), call.Effect.Name))
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
