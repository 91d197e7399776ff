package vault

import (
	"context"
	"fmt"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
	"github.com/portico-dev/portico/vault"
)

// createNamespace is vault:create-namespace: a secrets engine, a policy for it, and the roles that give it to
// service accounts and machines.
type createNamespace struct{ sessions *vault.Sessions }

func (createNamespace) Describe() action.Description {
	return action.Description{
		ID: "vault:create-namespace",
		Description: "Creates a place for a team's secrets in Vault: a secrets engine, a policy that may read and write it, and roles to log in with. " +
			"Where Vault has namespaces, the engine is in a new one of the same name.",
		InputSchema:  createNamespaceInput,
		OutputSchema: createNamespaceOutput,
		Undoes: "Deletes the roles, the policy, the secrets engine and the namespace, unless the engine has secrets that the run did not write, " +
			"or somebody has changed the policy or put something else into the namespace.",
		Needs: []string{
			needsVault, "A policy of Vault that lets Portico mount engines, write policies and, if asked, write roles. " +
				"docs/configuration.md has one.",
			"For namespaces, Vault Enterprise 1.12 or newer, or `vault.namespaces: always` for another server that has them.",
		},
		Examples: []action.Example{
			{Description: "A place for the secrets of a service", Example: `steps:
  - id: vault
    name: Create the Vault namespace
    action: vault:create-namespace
    input:
      namespaceName: payments
      teamName: payments-squad
`},
			{Description: "The pods of the service may read them", Example: `steps:
  - id: vault
    name: Create the Vault namespace
    action: vault:create-namespace
    input:
      namespaceName: payments
      teamName: payments-squad
      kubernetesRole:
        serviceAccounts: [payments]
        namespaces: [payments]
        ttl: 30m
`},
		},
	}
}

type namespaceInput struct {
	NamespaceName, TeamName string
	KubernetesRole          *kubernetesRole
	AppRole                 *appRole
}

func (i namespaceInput) policy() string { return i.NamespaceName + "-rw" }

// place is what one execution makes, and where.
type place struct {
	namespaceInput

	engine engine
	roles  []role
}

// place finds out whether Vault has namespaces.
func (c connection) place(ctx context.Context, input namespaceInput) (place, error) {
	has, err := c.HasNamespaces(ctx)
	if err != nil {
		return place{}, explain(err, "asking Vault how it is")
	}
	p := place{namespaceInput: input, engine: engine{Name: input.NamespaceName}}
	if has {
		p.engine.Namespace = input.NamespaceName
	}
	if input.KubernetesRole != nil {
		p.roles = append(p.roles, input.KubernetesRole.role(p.engine, input.policy()))
	}
	if input.AppRole != nil {
		p.roles = append(p.roles, input.AppRole.role(p.engine, input.policy()))
	}
	return p, nil
}

func (a createNamespace) prepare(ctx context.Context, call *action.Call) (connection, place, error) {
	var input namespaceInput
	if err := call.Decode(&input); err != nil {
		return connection{}, place{}, err
	}
	vaulted, err := connect(ctx, a.sessions)
	if err != nil {
		return connection{}, place{}, err
	}
	at, err := vaulted.place(ctx, input)
	return vaulted, at, err
}

// Run creates what is missing, in the order in which it is of use.
func (a createNamespace) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	vaulted, at, err := a.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	call.Log.Info("Creating Vault namespace: %s", at.NamespaceName)
	if at.engine.Namespace != "" {
		if _, _, err := resource.Ensure(ctx, call, vaulted.namespaceSpec(at.engine.Namespace)); err != nil {
			return nil, err
		}
	}
	if _, _, err := resource.Ensure(ctx, call, vaulted.engineSpec(at.engine, at.TeamName)); err != nil {
		return nil, err
	}
	if _, _, err := resource.Ensure(ctx, call, vaulted.policySpec(at.policy(), at.engine)); err != nil {
		return nil, err
	}
	for _, made := range at.roles {
		call.Log.Info("Writing the role %s", made.Path)
		if _, _, err := resource.Ensure(ctx, call, vaulted.roleSpec(made)); err != nil {
			return nil, err
		}
	}
	output, err := vaulted.namespaceOutput(ctx, at)
	if err != nil {
		return nil, err
	}
	call.Log.Info("Vault namespace and policy created for %s", at.NamespaceName)
	return output, nil
}

func (c connection) namespaceOutput(ctx context.Context, at place) (action.Output, error) {
	output := action.Output{"vaultPath": at.engine.Name + "/", "vaultPolicy": at.policy()}
	if at.engine.Namespace != "" {
		output["vaultNamespace"] = c.Below(at.engine.Namespace)
	}
	if at.KubernetesRole != nil {
		output["kubernetesRole"] = nameOf(at.KubernetesRole.role(at.engine, at.policy()))
	}
	if at.AppRole == nil {
		return output, nil
	}
	made := at.AppRole.role(at.engine, at.policy())
	answer, err := c.Logical().ReadWithContext(ctx, made.Path+"/role-id")
	if err != nil {
		return nil, explain(err, "reading the role id of "+made.Path)
	}
	if answer != nil {
		output["appRole"], output["roleId"] = nameOf(made), answer.Data["role_id"]
	}
	return output, nil
}

func nameOf(made role) string { return made.Path[strings.LastIndex(made.Path, "/")+1:] }

// Undo removes one of the things.
func (a createNamespace) Undo(ctx context.Context, call *action.UndoCall) error {
	vaulted, err := connect(ctx, a.sessions)
	if err != nil {
		return err
	}
	switch call.Effect.Kind {
	case namespaceKind:
		var made namespaceRecord
		if err := record(call.Effect, &made); err != nil {
			return err
		}
		return resource.Remove(ctx, call, vaulted.namespaceSpec(made.Name))
	case engineKind:
		var made engine
		if err := record(call.Effect, &made); err != nil {
			return err
		}
		return resource.Remove(ctx, call, vaulted.engineSpec(made, ""))
	case policyKind:
		var made policyRecord
		if err := record(call.Effect, &made); err != nil {
			return err
		}
		return resource.Remove(ctx, call, vaulted.policySpec(made.Name, engine{made.Engine, made.Namespace}))
	case roleKind:
		var made role
		if err := record(call.Effect, &made); err != nil {
			return err
		}
		return resource.Remove(ctx, call, vaulted.roleSpec(made))
	default:
		return action.Final(fmt.Errorf("effect %s is of the kind %s, which vault:create-namespace does not make", call.Effect.ID, call.Effect.Kind))
	}
}

// Plan looks whether the names are free. In a namespace that is not there, they are.
func (a createNamespace) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	vaulted, at, err := a.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	whole := action.Plan{Summary: fmt.Sprintf("create the secrets engine %s/ and the policy %s in Vault", at.engine, at.policy())}
	add := func(planned action.Plan, err error) error {
		whole.Creates = append(whole.Creates, planned.Creates...)
		return err
	}
	engineSpec := vaulted.engineSpec(at.engine, at.TeamName)
	if at.engine.Namespace != "" {
		err = add(resource.Plan(ctx, vaulted.namespaceSpec(at.engine.Namespace), ""))
		whole.Creates = append(whole.Creates, action.PlannedEffect{Kind: engineKind, Name: engineSpec.Intent.Name})
	} else {
		err = add(resource.Plan(ctx, engineSpec, ""))
	}
	if err != nil {
		return action.Plan{}, err
	}
	if err := add(resource.Plan(ctx, vaulted.policySpec(at.policy(), at.engine), "")); err != nil {
		return action.Plan{}, err
	}
	for _, made := range at.roles {
		if err := add(resource.Plan(ctx, vaulted.roleSpec(made), "")); err != nil {
			return action.Plan{}, err
		}
	}
	return whole, nil
}
