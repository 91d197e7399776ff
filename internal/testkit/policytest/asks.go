package policytest

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// Refuser is a decider that denies everything and records the requested permissions.
type Refuser struct{ Asked []policy.Permission }

// Decide implements policy.Decider.
func (r *Refuser) Decide(_ context.Context, _ identity.Principal, permission policy.Permission) (policy.Decision, error) {
	r.Asked = append(r.Asked, permission)
	return policy.Decision{Result: policy.Denied}, nil
}

// EveryMethodAsks calls every exported method of a service that uses a Refuser, and checks that each takes a
// principal and asks for a permission. It covers methods that are added later; the open ones, by name, are
// exempt. Arguments are zero values, except for types with a given value.
func EveryMethodAsks(t *testing.T, service any, refuser *Refuser, open []string, given ...any) {
	t.Helper()
	given = append(given, identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"})
	arguments := map[reflect.Type]reflect.Value{reflect.TypeFor[context.Context](): reflect.ValueOf(t.Context())}
	for _, value := range given {
		arguments[reflect.TypeOf(value)] = reflect.ValueOf(value)
	}
	methods := reflect.TypeOf(service)
	require.NotZero(t, methods.NumMethod())
	for method := range methods.Methods() {
		if slices.Contains(open, method.Name) {
			continue
		}
		call := []reflect.Value{reflect.ValueOf(service)}
		takesPrincipal := false
		for kind := range method.Type.Ins() {
			if kind == methods {
				continue
			}
			takesPrincipal = takesPrincipal || kind == reflect.TypeFor[identity.Principal]()
			value, isGiven := arguments[kind]
			if !isGiven {
				value = reflect.Zero(kind)
			}
			call = append(call, value)
		}
		require.True(t, takesPrincipal, "%s takes no principal", method.Name)
		refuser.Asked = nil
		method.Func.Call(call)
		require.NotEmpty(t, refuser.Asked, "%s does not ask the decider", method.Name)
	}
}
