package vault

import (
	"context"
	"fmt"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

const policyKind = "vault:policy"

// policySpec describes the policy that may read and write all secrets of an engine. A comment is its mark.
func (c connection) policySpec(name string, e engine) resource.Spec[string] {
	return resource.Spec[string]{
		Intent: action.Intent{Kind: policyKind, Name: name, Data: policyRecord{Name: name, Engine: e.Name, Namespace: e.Namespace}},
		Title:  "the policy " + name + " in Vault",
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[string], error) {
			return c.findPolicy(ctx, name)
		},
		Create: func(ctx context.Context, effect action.Effect) (*resource.Found[string], error) {
			if err := c.Sys().PutPolicyWithContext(ctx, name, rules(e, effect)); err != nil {
				return nil, explain(err, "writing the policy "+name)
			}
			return foundPolicy(rules(e, effect)), nil
		},
		Delete: func(ctx context.Context, _ string) error {
			if err := c.Sys().DeletePolicyWithContext(ctx, name); err != nil {
				return explain(err, "deleting the policy "+name)
			}
			return nil
		},
		Used: func(ctx context.Context, effect action.Effect, policy string) (string, error) {
			if strings.TrimSpace(policy) != strings.TrimSpace(rules(e, effect)) {
				return "somebody has changed its rules", nil
			}
			return c.keptFor(ctx, e)
		},
	}
}

type policyRecord struct {
	Name   string `json:"name"`
	Engine string `json:"engine"`
	// Namespace is the one that has the engine: see engine.
	Namespace string `json:"namespace,omitempty"`
}

// rules are those of the seed's action: everything below the engine. The path of one in a namespace begins with that: the
// policy is in Portico's namespace, as are the auth methods whose roles give it.
func rules(e engine, effect action.Effect) string {
	return fmt.Sprintf("# %s\npath \"%s/*\" {\n  capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"]\n}\n", origin(effect), e)
}

func (c connection) findPolicy(ctx context.Context, name string) (*resource.Found[string], error) {
	policy, err := c.Sys().GetPolicyWithContext(ctx, name)
	if err != nil {
		return nil, explain(err, "looking for the policy "+name)
	}
	if policy == "" {
		return nil, nil
	}
	return foundPolicy(policy), nil
}

func foundPolicy(policy string) *resource.Found[string] {
	return &resource.Found[string]{Thing: policy, MadeFor: func(effect action.Effect) bool { return strings.Contains(policy, origin(effect)) }}
}
