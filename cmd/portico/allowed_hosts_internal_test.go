package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Actions whose repoUrl is the address that Argo CD reads manifests from. They publish nothing to it.
var readsFromRepoURL = map[string]bool{"argocd:create-resources": true, "cnoe:create-argocd-app": true}

// inputSchema is what the test reads of the schema of an action's input.
type inputSchema struct {
	Required   []string                 `json:"required"`
	Properties map[string]requiredInput `json:"properties"`
}

type requiredInput struct {
	Type json.RawMessage `json:"type"`
	Enum []any           `json:"enum"`
}

// TestEveryActionOnARepositoryKeepsToAllowedHosts: whoever adds an action with a repoUrl declares allowedHosts.
func TestEveryActionOnARepositoryKeepsToAllowedHosts(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, each := range unconnected(t).All() {
		does := each.Describe()
		if readsFromRepoURL[does.ID] || len(does.InputSchema) == 0 {
			continue
		}
		var schema inputSchema
		require.NoError(t, json.Unmarshal(does.InputSchema, &schema))
		if _, has := schema.Properties["repoUrl"]; !has {
			continue
		}
		checked++
		t.Run(does.ID, func(t *testing.T) {
			t.Parallel()
			input := map[string]any{}
			for _, name := range schema.Required {
				input[name] = anyValue(schema.Properties[name])
			}
			input["repoUrl"] = "git.acme.example?owner=acme&repo=shop"
			for allowed, accepted := range map[string]bool{
				``: true, `[]`: true, `["git.acme.example"]`: true, `["github.com","git.acme.example"]`: true, `"git.acme.example"`: true,
				`["github.com"]`: false, `"github.com"`: false,
			} {
				delete(input, "allowedHosts")
				if allowed != "" {
					input["allowedHosts"] = json.RawMessage(allowed)
				}
				encoded, err := json.Marshal(input)
				require.NoError(t, err)
				kept, dropped, err := does.WithoutUndeclared(encoded)
				require.NoError(t, err)
				require.Empty(t, dropped)
				err = does.CheckInput(does.ID, kept)
				if accepted {
					require.NoError(t, err, allowed)
					continue
				}
				require.ErrorContains(t, err, "repoUrl names the host git.acme.example, and allowedHosts allows only \"github.com\"", allowed)
			}
		})
	}
	require.GreaterOrEqual(t, checked, 35)
}

// anyValue is a value that a required input takes.
func anyValue(of requiredInput) any {
	switch {
	case len(of.Enum) > 0:
		return of.Enum[0]
	case strings.Contains(string(of.Type), "string"):
		return "x"
	case strings.Contains(string(of.Type), "number"), strings.Contains(string(of.Type), "integer"):
		return 1
	case strings.Contains(string(of.Type), "boolean"):
		return true
	case strings.Contains(string(of.Type), "array"):
		return []any{"x"}
	}
	return map[string]any{}
}
