package vault

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

const roleKind = "vault:role"

// role is a role of an auth method that gives its logins the policy. It is the data of its effect.
type role struct {
	// Path is where it is written: auth/kubernetes/role/payments.
	Path string `json:"path"`
	// Engine is the secrets engine that its policy is for.
	Engine string `json:"engine"`
	// Namespace is the one that has the engine: see engine.
	Namespace string `json:"namespace,omitempty"`
	// Settings are what is written there. They contain no secret.
	Settings map[string]any `json:"settings"`
}

// kubernetesRole is the input of that name.
type kubernetesRole struct {
	Mount, Name                 string
	ServiceAccounts, Namespaces []string
	TTL                         string
}

func (r kubernetesRole) role(e engine, policy string) role {
	return role{Path: fmt.Sprintf("auth/%s/role/%s", cmp.Or(r.Mount, "kubernetes"), cmp.Or(r.Name, e.Name)), Engine: e.Name, Namespace: e.Namespace, Settings: map[string]any{
		"bound_service_account_names": r.ServiceAccounts, "bound_service_account_namespaces": r.Namespaces,
		"token_policies": []string{policy}, "token_ttl": seconds(r.TTL),
	}}
}

// appRole is the input of that name.
type appRole struct{ Mount, Name, TTL string }

func (r appRole) role(e engine, policy string) role {
	return role{Path: fmt.Sprintf("auth/%s/role/%s", cmp.Or(r.Mount, "approle"), cmp.Or(r.Name, e.Name)), Engine: e.Name, Namespace: e.Namespace,
		Settings: map[string]any{"token_policies": []string{policy}, "token_ttl": seconds(r.TTL)}}
}

// seconds are those of a duration of the input, which its schema has checked. "" is an hour.
func seconds(duration string) int {
	parsed, err := time.ParseDuration(cmp.Or(duration, "1h"))
	if err != nil {
		return int(time.Hour.Seconds())
	}
	return int(parsed.Seconds())
}

// roleSpec describes a role. Roles have no place for a mark: a role is the run's if an earlier attempt was about
// to write it, it was not there before, and its settings are those of the run, whose policy nobody else has.
func (c connection) roleSpec(made role) resource.Spec[map[string]any] {
	return resource.Spec[map[string]any]{
		Intent: action.Intent{Kind: roleKind, Name: made.Path, Data: made},
		Title:  "the role " + made.Path + " in Vault",
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[map[string]any], error) {
			return c.findRole(ctx, made)
		},
		Create: func(ctx context.Context, _ action.Effect) (*resource.Found[map[string]any], error) {
			if _, err := c.Logical().WriteWithContext(ctx, made.Path, made.Settings); err != nil {
				return nil, explain(err, "writing the role "+made.Path)
			}
			return foundRole(made, made.Settings), nil
		},
		Delete: func(ctx context.Context, _ map[string]any) error {
			if _, err := c.Logical().DeleteWithContext(ctx, made.Path); err != nil {
				return explain(err, "deleting the role "+made.Path)
			}
			return nil
		},
		Used: func(ctx context.Context, _ action.Effect, _ map[string]any) (string, error) {
			return c.keptFor(ctx, engine{made.Engine, made.Namespace})
		},
	}
}

func (c connection) findRole(ctx context.Context, made role) (*resource.Found[map[string]any], error) {
	secret, err := c.Logical().ReadWithContext(ctx, made.Path)
	if err != nil {
		return nil, explain(err, "looking for the role "+made.Path)
	}
	if secret == nil {
		return nil, nil
	}
	return foundRole(made, secret.Data), nil
}

func foundRole(made role, settings map[string]any) *resource.Found[map[string]any] {
	return &resource.Found[map[string]any]{Thing: settings, MadeFor: func(effect action.Effect) bool {
		return !effect.Fresh && made.equals(settings)
	}}
}

// equals reports whether a role that was read has these settings. Vault adds others, and its numbers are of
// another type.
func (r role) equals(settings map[string]any) bool {
	for name, want := range r.Settings {
		if !reflect.DeepEqual(plain(want), plain(settings[name])) {
			return false
		}
	}
	return true
}

// plain is a value as JSON has it, lists in order.
func plain(value any) any {
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	var decoded any
	if json.Unmarshal(encoded, &decoded) != nil {
		return nil
	}
	if list, is := decoded.([]any); is {
		slices.SortFunc(list, func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return decoded
}
