package vault

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

const namespaceKind = "vault:namespace"

// namespaceRecord is what the ledger keeps of a namespace: its name below Portico's own.
type namespaceRecord struct {
	Name string `json:"name"`
}

// namespaceSpec describes a namespace below Portico's own. Its custom metadata is its mark.
func (c connection) namespaceSpec(name string) resource.Spec[map[string]any] {
	title := "the namespace " + c.Below(name) + " of Vault"
	path := "sys/namespaces/" + name
	return resource.Spec[map[string]any]{
		Intent: action.Intent{Kind: namespaceKind, Name: c.Below(name) + "/", Data: namespaceRecord{Name: name}},
		Title:  title,
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[map[string]any], error) {
			return c.findNamespace(ctx, title, path)
		},
		Create: func(ctx context.Context, effect action.Effect) (*resource.Found[map[string]any], error) {
			marks := map[string]any{effectKey: effect.ID, runKey: effect.RunID}
			_, err := c.Logical().WriteWithContext(ctx, path, map[string]any{"custom_metadata": marks})
			switch {
			case isStatus(err, http.StatusBadRequest, "already exists"):
				return nil, resource.Exists(explain(err, "creating "+title))
			case err != nil:
				return nil, explain(err, "creating "+title)
			}
			return c.createdNamespace(ctx, title, path, effect)
		},
		Delete: func(ctx context.Context, _ map[string]any) error {
			if _, err := c.Logical().DeleteWithContext(ctx, path); err != nil {
				return explain(err, "deleting "+title)
			}
			return nil
		},
		Used: func(ctx context.Context, _ action.Effect, _ map[string]any) (string, error) {
			return connection{c.Within(c.Below(name))}.contentOfNamespace(ctx, title)
		},
	}
}

func (c connection) findNamespace(ctx context.Context, title, path string) (*resource.Found[map[string]any], error) {
	answer, err := c.Logical().ReadWithContext(ctx, path)
	if err != nil {
		return nil, explain(err, "looking for "+title)
	}
	if answer == nil {
		return nil, nil
	}
	marks, _ := answer.Data["custom_metadata"].(map[string]any)
	id, _ := answer.Data["id"].(string)
	return &resource.Found[map[string]any]{Thing: marks, ID: id, MadeFor: func(effect action.Effect) bool { return marks[effectKey] == effect.ID }}, nil
}

// createdNamespace reads a namespace that was created. The description of Vault's API does not say what becomes of the
// request when there is one already: then the mark is another's.
func (c connection) createdNamespace(ctx context.Context, title, path string, effect action.Effect) (*resource.Found[map[string]any], error) {
	found, err := c.findNamespace(ctx, title, path)
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return nil, action.Transient(fmt.Errorf("%s was created, and Vault does not show it", title), 0)
	case !found.MadeFor(effect):
		return nil, resource.Exists(fault.New(fault.Conflict, "%s does not have the custom metadata of this run", title))
	}
	return found, nil
}

// contentOfNamespace says what somebody has put into a namespace, "" when it is as Vault makes it: what is in it would go
// with it.
func (c connection) contentOfNamespace(ctx context.Context, title string) (string, error) {
	mounts, err := c.Sys().ListMountsWithContext(ctx)
	if err != nil {
		return "", explain(err, "listing the secrets engines of "+title)
	}
	for path := range mounts {
		if !slices.Contains([]string{"sys/", "identity/", "cubbyhole/"}, path) {
			return "it has the secrets engine " + path, nil
		}
	}
	methods, err := c.Sys().ListAuthWithContext(ctx)
	if err != nil {
		return "", explain(err, "listing the auth methods of "+title)
	}
	for path := range methods {
		if path != "token/" {
			return "it has the auth method " + path, nil
		}
	}
	below, err := c.Logical().ListWithContext(ctx, "sys/namespaces")
	if err != nil {
		return "", explain(err, "listing what is below "+title)
	}
	if below != nil {
		if names, _ := below.Data["keys"].([]any); len(names) > 0 {
			return fmt.Sprintf("it has the namespace %s", strings.TrimSuffix(fmt.Sprint(names[0]), "/")), nil
		}
	}
	policies, err := c.Sys().ListPoliciesWithContext(ctx)
	if err != nil {
		return "", explain(err, "listing the policies of "+title)
	}
	for _, policy := range policies {
		if policy != "default" {
			return "it has the policy " + policy, nil
		}
	}
	return "", nil
}
