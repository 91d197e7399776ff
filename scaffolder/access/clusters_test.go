package access_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/template"
)

// TestClustersAreAllowedByTheirNames decides by the condition of docs/access.md, for a starter who may change the
// namespace shop of the cluster dev only.
func TestClustersAreAllowedByTheirNames(t *testing.T) {
	t.Parallel()
	runs := under(conditionsOf(t, "../../docs/access.md", "actionId: deploy:kubernetes"))
	require.NoError(t, runs.CheckSteps(t.Context(), ada, []template.Step{{Name: "Deploy", Action: "kubernetes:apply"}}), "some input is allowed")
	err := runs.CheckSteps(t.Context(), ada, []template.Step{{Name: "Deploy", Action: "kube:apply"}})
	require.Equal(t, fault.NotAllowed, fault.KindOf(err), "its namespace cannot be restricted")
	for input, allowed := range map[string]bool{
		`{"clusterName":"dev","namespace":"shop"}`:                                     true,
		`{"clusterName":"dev","namespace":"shop","clusterUrl":"https://prod.example"}`: true, // no cluster has both
		`{"clusterName":"prod","namespace":"shop"}`:                                    false,
		`{"clusterName":"dev","namespace":"kube-system"}`:                              false,
		`{"clusterName":"dev"}`:                                                        false,
		`{"clusterUrl":"https://prod.example","namespace":"shop"}`:                     false,
		`{"clusterContext":"prod","namespace":"shop"}`:                                 false,
		`{"clusterRef":"resource:default/prod","namespace":"shop"}`:                    false,
		`{"namespace":"shop"}`:                                                         false,
	} {
		permit, err := runs.Permit(t.Context(), ada, template.Step{Name: "Deploy", Action: "kubernetes:apply"})
		require.NoError(t, err)
		err = permit(t.Context(), json.RawMessage(input))
		if allowed {
			require.NoError(t, err, input)
			continue
		}
		require.EqualError(t, err, "Unauthorized action: kubernetes:apply. The action is not allowed. The step Deploy needs it.", input)
	}
}

// conditionsOf is the condition of the first example of a page that has a text in it, in JSON.
func conditionsOf(t *testing.T, page, text string) string {
	t.Helper()
	content, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, example := range strings.Split(string(content), "```yaml\n")[1:] {
		example, _, _ = strings.Cut(example, "```")
		if !strings.Contains(example, text) {
			continue
		}
		var policy struct{ Conditions map[string]any }
		require.NoError(t, yaml.Unmarshal([]byte(example), &policy))
		encoded, err := json.Marshal(policy.Conditions)
		require.NoError(t, err)
		return string(encoded)
	}
	t.Fatalf("%s has no example with %s", page, text)
	return ""
}
