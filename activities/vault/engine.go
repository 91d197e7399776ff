package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
	"github.com/portico-dev/portico/vault"
)

const engineKind = "vault:engine"

// engine is a secrets engine. It is the data of its effect.
type engine struct {
	Name string `json:"name"`
	// Namespace is the one below Portico's that has the engine, "" for Portico's own.
	Namespace string `json:"namespace,omitempty"`
}

// String is the engine's path, seen from Portico's namespace.
func (e engine) String() string { return strings.TrimPrefix(e.Namespace+"/"+e.Name, "/") }

// at is the connection in the namespace that has an engine, and the engine there.
func (c connection) at(e engine) (connection, string) {
	if e.Namespace == "" {
		return c, e.Name
	}
	return connection{c.Within(c.Below(e.Namespace))}, e.Name
}

// engineSpec describes a secrets engine, KV of version 2. Its description is its mark.
func (c connection) engineSpec(e engine, team string) resource.Spec[*api.MountOutput] {
	inside, name := c.at(e)
	return resource.Spec[*api.MountOutput]{
		Intent: action.Intent{Kind: engineKind, Name: e.String() + "/", Data: e},
		Title:  "the secrets engine " + e.String() + "/ in Vault",
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[*api.MountOutput], error) {
			return c.findEngineOf(ctx, e)
		},
		Create: func(ctx context.Context, effect action.Effect) (*resource.Found[*api.MountOutput], error) {
			return inside.createEngine(ctx, name, team, effect)
		},
		Delete: func(ctx context.Context, _ *api.MountOutput) error { return inside.deleteEngine(ctx, name) },
		Used: func(ctx context.Context, _ action.Effect, _ *api.MountOutput) (string, error) {
			return inside.secretsIn(ctx, name)
		},
	}
}

// findEngineOf finds an engine, nil when there is none, or no namespace for it.
func (c connection) findEngineOf(ctx context.Context, e engine) (*resource.Found[*api.MountOutput], error) {
	if e.Namespace != "" {
		spec := c.namespaceSpec(e.Namespace)
		if there, err := spec.Find(ctx, action.Effect{}); err != nil || there == nil {
			return nil, err
		}
	}
	inside, name := c.at(e)
	return inside.findEngine(ctx, name)
}

func (c connection) findEngine(ctx context.Context, name string) (*resource.Found[*api.MountOutput], error) {
	mount, err := c.Sys().GetMountWithContext(ctx, name)
	switch {
	case isStatus(err, http.StatusBadRequest, "No secret engine mount"):
		return nil, nil
	case err != nil:
		return nil, explain(err, "looking for the secrets engine "+name+"/")
	}
	return &resource.Found[*api.MountOutput]{
		Thing: mount, ID: mount.Accessor,
		MadeFor: func(effect action.Effect) bool { return strings.Contains(mount.Description, origin(effect)) },
	}, nil
}

func (c connection) createEngine(ctx context.Context, name, team string, effect action.Effect) (*resource.Found[*api.MountOutput], error) {
	err := c.Sys().MountWithContext(ctx, name, &api.MountInput{
		Type: "kv", Options: map[string]string{"version": "2"}, Description: fmt.Sprintf("Secrets for %s (%s)", team, origin(effect)),
	})
	switch {
	case isStatus(err, http.StatusBadRequest, "path is already in use"):
		return nil, resource.Exists(explain(err, "mounting the secrets engine "+name+"/"))
	case err != nil:
		return nil, explain(err, "mounting the secrets engine "+name+"/")
	}
	found, err := c.findEngine(ctx, name)
	if err == nil && found == nil {
		err = action.Transient(fmt.Errorf("the secrets engine %s/ was mounted, and Vault does not show it", name), 0)
	}
	return found, err
}

func (c connection) deleteEngine(ctx context.Context, name string) error {
	if err := c.Sys().UnmountWithContext(ctx, name); err != nil {
		return explain(err, "unmounting the secrets engine "+name+"/")
	}
	return nil
}

// keptFor says that an engine is used: then its policy and its roles stay too, or its users could not log in.
func (c connection) keptFor(ctx context.Context, e engine) (string, error) {
	found, err := c.findEngineOf(ctx, e)
	if err != nil || found == nil {
		return "", err
	}
	inside, name := c.at(e)
	use, err := inside.secretsIn(ctx, name)
	if err != nil || use == "" {
		return "", err
	}
	return fmt.Sprintf("the secrets engine %s/ is used: %s", e, use), nil
}

// requireVersion2 refuses what is no engine KV of version 2: another one would take the same requests for
// something else.
func (c connection) requireVersion2(ctx context.Context, engine string) error {
	switch err := c.RequireKV2(ctx, engine); {
	case errors.Is(err, vault.ErrNoEngine):
		return action.Advise(action.InputError("There is no secrets engine %s/ in Vault, or Portico's token has no right there", engine),
			"Create the engine first, for instance with vault:create-namespace, or give Portico's policy in Vault the right, then retry.")
	case errors.Is(err, vault.ErrNotKV2):
		return action.Advise(action.InputError("The engine %s/ in Vault is not KV of version 2", engine), "Use an engine of version 2.")
	case err != nil:
		return explain(err, "looking for the secrets engine "+engine+"/")
	}
	return nil
}

// secretsIn says which secrets somebody has put into the engine: unmounting it would destroy them.
func (c connection) secretsIn(ctx context.Context, name string) (string, error) {
	names, err := c.ListKV2(ctx, name, "")
	if err != nil {
		return "", explain(err, "listing the secrets in "+name+"/")
	}
	if len(names) == 0 {
		return "", nil
	}
	return fmt.Sprintf("it has %d secrets, among them %s", len(names), quoted(names[:min(len(names), 3)])), nil
}
