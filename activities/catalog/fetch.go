package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/scaffolder/action"
)

// fetchAction is catalog:fetch.
type fetchAction struct {
	action.NoEffects
	catalog Service
}

func (fetchAction) Describe() action.Description {
	return action.Description{
		ID:             "catalog:fetch",
		Description:    "Returns entity or entities from the catalog by entity reference(s)",
		InputSchema:    fetchInput,
		OutputSchema:   fetchOutput,
		SupportsDryRun: true,
		Quick:          true,
		Examples: []action.Example{
			{Description: "Look up the system that the form chose", Example: `steps:
  - id: system
    name: Look up the system
    action: catalog:fetch
    input:
      entityRef: ${{ parameters.system }}
      defaultKind: System
`},
			{Description: "Look up several entities, some of which may be missing", Example: `steps:
  - id: owners
    name: Look up the owners
    action: catalog:fetch
    input:
      entityRefs:
        - group:default/platform
        - group:default/security
      optional: true
`},
		},
	}
}

// Run looks the entities up as the user who started the run sees them. With optional, a missing entity is
// null.
func (a fetchAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct {
		EntityRef                     string
		EntityRefs                    []string
		Optional                      bool
		DefaultKind, DefaultNamespace string
	}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	if input.EntityRef == "" && input.EntityRefs == nil {
		if input.Optional {
			return nil, nil
		}
		return nil, action.Final(errors.New("Missing entity reference or references")) //nolint:staticcheck // Backstage's words
	}
	output := action.Output{}
	lookup := lookup{catalog: a.catalog, call: call, optional: input.Optional, defaults: entity.Ref{Kind: input.DefaultKind, Namespace: input.DefaultNamespace}}
	if input.EntityRef != "" {
		found, err := lookup.entities(ctx, []string{input.EntityRef})
		if err != nil {
			return nil, err
		}
		output["entity"] = found[0]
	}
	if input.EntityRefs != nil {
		found, err := lookup.entities(ctx, input.EntityRefs)
		if err != nil {
			return nil, err
		}
		output["entities"] = found
	}
	return output, nil
}

// lookup holds what one step needs to look up its references.
type lookup struct {
	catalog  Service
	call     *action.Call
	optional bool
	defaults entity.Ref
}

// entities finds a document for each reference.
func (l lookup) entities(ctx context.Context, texts []string) ([]json.RawMessage, error) {
	refs := make([]string, len(texts))
	for n, text := range texts {
		ref, err := entity.ParseRef(text, l.defaults)
		if err != nil {
			return nil, action.Final(err)
		}
		refs[n] = ref.String()
	}
	found, err := l.catalog.EntitiesByRefs(ctx, principal(l.call.RunID, l.call.User, l.call.Starter), refs, nil, nil)
	if err != nil {
		return nil, action.Classify(fmt.Errorf("looking up %d entities: %w", len(refs), err))
	}
	for n, text := range texts {
		if found[n] == nil && !l.optional {
			return nil, action.Final(fmt.Errorf("Entity %s not found", text)) //nolint:staticcheck // Backstage's words
		}
	}
	return found, nil
}
