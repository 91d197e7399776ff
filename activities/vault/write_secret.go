package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
	"github.com/portico-dev/portico/vault"
)

const (
	secretKind = "vault:secret"
	// effectKey is the name of the mark in a secret's custom metadata.
	effectKey = "portico-effect"
	runKey    = "portico-run"
)

// writeSecret is vault:write-secret.
type writeSecret struct{ sessions *vault.Sessions }

func (writeSecret) Describe() action.Description {
	return action.Description{
		ID:           "vault:write-secret",
		Description:  "Writes a new secret into an engine KV of version 2. An existing secret is not changed.",
		InputSchema:  writeSecretInput,
		OutputSchema: writeSecretOutput,
		Undoes:       "Deletes the secret with all its versions, unless somebody has written another version since.",
		Needs:        []string{needsVault, "A policy of Vault that lets Portico create and delete secrets at this path."},
		Examples: []action.Example{
			{Description: "Store a password that was entered in the form", Example: `steps:
  - id: secret
    name: Store the database's password
    action: vault:write-secret
    input:
      path: payments/database
      data:
        username: payments
        password: ${{ secrets.databasePassword }}
`},
			{Description: "An engine in a namespace; the one that vault:create-namespace has made is its output `vaultNamespace`", Example: `steps:
  - id: secret
    name: Store the token
    action: vault:write-secret
    input:
      namespace: payments
      path: payments/ci/token
      data:
        token: ${{ secrets.ciToken }}
`},
			{Description: "An engine whose path has a slash", Example: `steps:
  - id: secret
    name: Store the token
    action: vault:write-secret
    input:
      mount: teams/payments
      path: teams/payments/ci/token
      data:
        token: ${{ secrets.ciToken }}
`},
		},
	}
}

type secretInput struct {
	Path, Mount, Namespace string
	Data                   map[string]string
}

// secretPlace is where a secret is, and the data of its effect. It has no values.
type secretPlace struct {
	Mount string `json:"mount"`
	Path  string `json:"path"`
	// Namespace is the full path of the one that has the engine, "" for Portico's own.
	Namespace string `json:"namespace,omitempty"`
}

func (p secretPlace) String() string {
	return strings.TrimPrefix(p.Namespace+"/"+p.Mount+"/"+p.Path, "/")
}
func (p secretPlace) metadata() string { return p.Mount + "/metadata/" + p.Path }
func (p secretPlace) data() string     { return p.Mount + "/data/" + p.Path }

// place splits the path into engine and secret.
func (i secretInput) place() (secretPlace, error) {
	if slices.ContainsFunc(strings.Split(i.Path, "/"), func(part string) bool { return strings.Trim(part, ".") == "" }) {
		return secretPlace{}, action.InputError("path '%s' has a part that is only dots", i.Path)
	}
	mount := i.Mount
	if mount == "" {
		mount, _, _ = strings.Cut(i.Path, "/")
	}
	rest, inside := strings.CutPrefix(i.Path, mount+"/")
	if !inside || rest == "" {
		return secretPlace{}, action.InputError("path '%s' is not in the engine '%s': it begins with the engine's path", i.Path, mount)
	}
	return secretPlace{Mount: mount, Path: rest, Namespace: strings.Trim(i.Namespace, "/")}, nil
}

// connect is a session in the namespace that has the engine.
func (a writeSecret) connect(ctx context.Context, at secretPlace) (connection, error) {
	vaulted, err := connect(ctx, a.sessions)
	if err != nil {
		return connection{}, err
	}
	return connection{vaulted.Within(at.Namespace)}, nil
}

// Run marks the secret first and writes its data then, each only if nobody has.
func (a writeSecret) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input secretInput
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	at, err := input.place()
	if err != nil {
		return nil, err
	}
	vaulted, err := a.connect(ctx, at)
	if err != nil {
		return nil, err
	}
	if err := vaulted.requireVersion2(ctx, at.Mount); err != nil {
		return nil, err
	}
	metadata, _, err := resource.Ensure(ctx, call, vaulted.secretSpec(at))
	if err != nil {
		return nil, err
	}
	if metadata.CurrentVersion == 0 {
		call.Log.Info("Writing the secret %s with the fields %s", at, quoted(slices.Sorted(maps.Keys(input.Data))))
		if err := vaulted.writeFirstVersion(ctx, at, input.Data); err != nil {
			return nil, err
		}
	}
	return action.Output{"path": at.Mount + "/" + at.Path, "apiPath": at.data(), "version": 1}, nil
}

// writeFirstVersion writes the data of a secret that has none. Nothing happens when a slow earlier attempt was
// faster.
func (c connection) writeFirstVersion(ctx context.Context, at secretPlace, data map[string]string) error {
	_, err := c.Logical().WriteWithContext(ctx, at.data(), map[string]any{"data": data, "options": map[string]any{"cas": 0}})
	if err == nil || isStatus(err, http.StatusBadRequest, "check-and-set parameter did not match") {
		return nil
	}
	return explain(err, "writing the secret "+at.String())
}

// secretSpec describes a secret by its metadata, which has the mark.
func (c connection) secretSpec(at secretPlace) resource.Spec[*api.KVMetadata] {
	return resource.Spec[*api.KVMetadata]{
		Intent: action.Intent{Kind: secretKind, Name: at.String(), Data: at},
		Title:  "the secret " + at.String() + " in Vault",
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[*api.KVMetadata], error) {
			return c.findSecret(ctx, at)
		},
		Create: func(ctx context.Context, effect action.Effect) (*resource.Found[*api.KVMetadata], error) {
			marks := map[string]any{effectKey: effect.ID, runKey: effect.RunID}
			if _, err := c.Logical().WriteWithContext(ctx, at.metadata(), map[string]any{"custom_metadata": marks}); err != nil {
				return nil, explain(err, "writing the secret "+at.String())
			}
			return foundSecret(&api.KVMetadata{CustomMetadata: marks}), nil
		},
		Delete: func(ctx context.Context, _ *api.KVMetadata) error {
			if _, err := c.Logical().DeleteWithContext(ctx, at.metadata()); err != nil {
				return explain(err, "deleting the secret "+at.String())
			}
			return nil
		},
		Used: func(_ context.Context, _ action.Effect, metadata *api.KVMetadata) (string, error) {
			if metadata.CurrentVersion > 1 {
				return fmt.Sprintf("it has %d versions, and the run wrote one", metadata.CurrentVersion), nil
			}
			return "", nil
		},
	}
}

func (c connection) findSecret(ctx context.Context, at secretPlace) (*resource.Found[*api.KVMetadata], error) {
	answer, err := c.Logical().ReadWithContext(ctx, at.metadata())
	switch {
	case isStatus(err, http.StatusNotFound, ""):
		return nil, nil
	case err != nil:
		return nil, explain(err, "looking for the secret "+at.String())
	case answer == nil:
		return nil, nil
	}
	custom, _ := answer.Data["custom_metadata"].(map[string]any)
	version, _ := answer.Data["current_version"].(json.Number)
	number, err := version.Int64()
	if err != nil {
		return nil, action.Final(fmt.Errorf("looking for the secret %s: Vault's answer has no version", at))
	}
	return foundSecret(&api.KVMetadata{CustomMetadata: custom, CurrentVersion: int(number)}), nil
}

func foundSecret(metadata *api.KVMetadata) *resource.Found[*api.KVMetadata] {
	return &resource.Found[*api.KVMetadata]{Thing: metadata, MadeFor: func(effect action.Effect) bool {
		return metadata.CustomMetadata[effectKey] == effect.ID
	}}
}

// Undo deletes the secret.
func (a writeSecret) Undo(ctx context.Context, call *action.UndoCall) error {
	var at secretPlace
	if err := record(call.Effect, &at); err != nil {
		return err
	}
	vaulted, err := a.connect(ctx, at)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, vaulted.secretSpec(at))
}

// Plan looks whether there is a secret already.
func (a writeSecret) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	var input secretInput
	if err := call.Decode(&input); err != nil {
		return action.Plan{}, err
	}
	at, err := input.place()
	if err != nil {
		return action.Plan{}, err
	}
	vaulted, err := a.connect(ctx, at)
	if err != nil {
		return action.Plan{}, err
	}
	if err := vaulted.requireVersion2(ctx, at.Mount); err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, vaulted.secretSpec(at), "write the secret "+at.String()+" in Vault")
}
