package terasky_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/terasky"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

const claim = `{"parameters":{"xrName":"n1","xrNamespace":"d","owner":"o","size":3,"empty":"","list":["","x"],"none":[""],"deep":{"showAdvancedSettings":true,"a":""}},
	"apiVersion":"e.io/v1","kind":"Foo","clusters":["c1"],"ownerParam":"owner","removeEmptyParams":true`

func TestTheActionsConform(t *testing.T) {
	t.Parallel()
	for id, input := range map[string]string{
		"terasky:catalog-info-cleaner": `{"entity":{"apiVersion":"v1","kind":"Component","metadata":{"name":"x","uid":"u"}}}`,
		"terasky:crd-template":         `{"parameters":{"name":"n1"},"nameParam":"name","excludeParams":["name"],"apiVersion":"e.io/v1","kind":"Foo","clusters":["c1","c2"]}`,
		"terasky:claim-template":       claim + `,"generateKustomization":true}`,
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, _ *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				return actiontest.Fixture{Action: recordedtest.ByID(t, terasky.Actions(terasky.Options{}), id), Input: input}
			})
		})
	}
}

func TestTheActionsEqualThePlugins(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		ComparesLog: true,
		Action: func(t testing.TB, recorded recordedtest.Case, _ *recordedtest.Stubs) action.Action {
			t.Helper()
			return recordedtest.ByID(t, terasky.Actions(terasky.Options{}), recorded.Action)
		},
		Deviations: map[string]recordedtest.Deviation{
			"terasky-claim": {In: []string{"status", "files", "log"}, Why: "the plugin lists a default for excludeParams and fails without the input"},
		},
	})
}

// TestWhereAManifestGoes lists the layouts of a claim, with its files and what the manifest says of Git.
func TestWhereAManifestGoes(t *testing.T) {
	t.Parallel()
	const base = `{"parameters":{"xrName":"n1","xrNamespace":"d","owner":"o","pushToGit":true,"repoUrl":"git.example.com?owner=acme&repo=claims","targetBranch":"main","Region":"EU/West"`
	const rest = `},"apiVersion":"e.io/v1","kind":"Foo","clusters":["c1"],"ownerParam":"owner","excludeParams":[]`
	for name, test := range map[string]struct {
		target, parameters, more, file, link string
	}{
		"by cluster":   {file: "c1/d/Foo/n1.yaml", link: "https://git.example.com/acme/claims/blob/main/c1/d/Foo/n1.yaml"},
		"by namespace": {target: "gitlab", parameters: `,"manifestLayout":"namespace-scoped"`, file: "d/Foo/n1.yaml", link: "https://git.example.com/acme/claims/-/blob/main/d/Foo/n1.yaml"},
		"custom": {target: "bitbucketCloud", parameters: `,"manifestLayout":"custom","basePath":"a/b"`, file: "a/b/n1.yaml",
			link: "https://git.example.com/acme/claims/src/main/a/b/n1.yaml"},
		"by a template": {target: "bitbucket", more: `,"xrdPathTemplate":"presets/{Region}/{xrName}"`, file: "n1.yaml",
			link: "https://git.example.com/projects/acme/repos/claims/browse/presets/eu-west/n1/n1.yaml?at=main"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness := actiontest.NewHarness(t)
			tested := recordedtest.ByID(t, terasky.Actions(terasky.Options{Target: test.target}), "terasky:claim-template")
			_, err := harness.Run(t, tested, base+test.parameters+rest+test.more+`}`)
			require.NoError(t, err)
			content, err := harness.Workspace.ReadFile(test.file)
			require.NoError(t, err)
			require.Contains(t, string(content), "terasky.backstage.io/source-file-url: "+test.link)
		})
	}
}

func TestAKustomizationIsExtended(t *testing.T) {
	t.Parallel()
	harness := actiontest.NewHarness(t)
	require.NoError(t, harness.Workspace.MkdirAll("c1/d/Foo", 0o755))
	require.NoError(t, harness.Workspace.WriteFile("c1/d/Foo/kustomization.yaml", []byte("resources: [other.yaml]\n"), 0o644))
	tested := recordedtest.ByID(t, terasky.Actions(terasky.Options{}), "terasky:claim-template")
	_, err := harness.Run(t, tested, claim+`,"generateKustomization":true}`)
	require.NoError(t, err)
	content, err := harness.Workspace.ReadFile("c1/d/Foo/kustomization.yaml")
	require.NoError(t, err)
	require.Equal(t, "---\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - other.yaml\n  - n1.yaml\n", string(content))
	content, err = harness.Workspace.ReadFile("c1/d/Foo/n1.yaml")
	require.NoError(t, err)
	require.Contains(t, string(content), "spec:\n  owner: o\n  size: 3\n  list:\n    - null\n    - x\n")
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ input, says string }{
		"a cluster that leads out": {`{"parameters":{"name":"n"},"nameParam":"name","excludeParams":[],"apiVersion":"v1","kind":"Foo","clusters":["../../x"]}`,
			"Relative path is not allowed to refer to a directory outside its parent"},
		"a name that leads out": {`{"parameters":{"name":"../../../../n"},"nameParam":"name","excludeParams":[],"apiVersion":"v1","kind":"Foo","clusters":["c"]}`,
			"Relative path is not allowed to refer to a directory outside its parent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := actiontest.NewHarness(t).Run(t, recordedtest.ByID(t, terasky.Actions(terasky.Options{}), "terasky:crd-template"), test.input)
			require.ErrorContains(t, err, test.says)
		})
	}
}

// TestDumpEqualsJSYAML compares with what the npm package js-yaml 4.3.2 wrote of these values, with its own width of lines
// and without one.
func TestDumpEqualsJSYAML(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("testdata/jsyaml.json")
	require.NoError(t, err)
	var recorded []struct{ Value, Folded, Unfolded string }
	require.NoError(t, json.Unmarshal(content, &recorded))
	require.NotEmpty(t, recorded)
	for _, each := range recorded {
		value, err := nunjucks.DecodeJSON([]byte(each.Value))
		require.NoError(t, err)
		require.Equal(t, each.Folded, terasky.Dump(value, 80), each.Value)
		require.Equal(t, each.Unfolded, terasky.Dump(value, 0), each.Value)
	}
}
