package kubernetes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/kubetest"
	"github.com/portico-dev/portico/scaffolder/action"
)

func byID(t testing.TB, actions []action.Action, id string) action.Action {
	t.Helper()
	at := slices.IndexFunc(actions, func(each action.Action) bool { return each.Describe().ID == id })
	require.GreaterOrEqual(t, at, 0, id)
	return actions[at]
}

func TestActionsAreDescribed(t *testing.T) {
	t.Parallel()
	actiontest.RequireDescriptions(t, actionsWith(t, noClusters))
}

// TestApplyConforms creates objects, and changes one that is there.
func TestApplyConforms(t *testing.T) {
	t.Parallel()
	for id, input := range map[string]string{
		"kubernetes:apply":      `{"clusterName":"dev","namespace":"NAMESPACE","manifest":%s}`,
		"cnoe:kubernetes:apply": `{"clusterName":"dev","namespaced":true,"manifest":%s}`,
		"kube:apply":            `{"clusterName":"dev","namespaced":true,"manifest":%s}`,
		"deploy:kubernetes":     `{"clusterUrl":"URL","authToken":"TOKEN","manifest":%s}`,
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				cluster := kubetest.Start(t)
				namespace := cluster.Namespace(t)
				manifest := strings.ReplaceAll(`[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"NAMESPACE"},"data":{"color":"blue"}},
					{"apiVersion":"v1","kind":"Secret","metadata":{"name":"key","namespace":"NAMESPACE"},"stringData":{"key":"hunter2"}}]`, "NAMESPACE", namespace)
				config := through(t, cluster, gate)
				input := strings.NewReplacer("NAMESPACE", namespace, "URL", config.Methods[0].Clusters[0].URL, "TOKEN", cluster.Token).Replace(input)
				return actiontest.Fixture{
					Action:  byID(t, actionsWith(t, config), id),
					Input:   fmt.Sprintf(input, manifest),
					Secrets: map[string]string{"clusterToken": cluster.Token},
					State:   func(t testing.TB) []string { t.Helper(); return inNamespace(t, cluster, namespace, false) },
					Digest: func(t testing.TB) string {
						t.Helper()
						return strings.Join(inNamespace(t, cluster, namespace, true), "\n")
					},
					Use: func(t testing.TB) {
						t.Helper()
						cluster.Patch(t, kubetest.Secrets, namespace, "key", `{"stringData":{"other":"x"}}`)
					},
					Take: func(t testing.TB) {
						t.Helper()
						cluster.Create(t, kubetest.ConfigMaps, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: "+namespace+"}\ndata: {color: red}")
					},
				}
			})
		})
	}
}

// TestChangesConform applies to an object that somebody else has made, beside fields of theirs.
func TestChangesConform(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		cluster := kubetest.Start(t)
		namespace := cluster.Namespace(t)
		cluster.Create(t, kubetest.ConfigMaps, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: "+namespace+"}\ndata: {size: large}")
		return actiontest.Fixture{
			Action: byID(t, actionsWith(t, through(t, cluster, gate)), "kubernetes:apply"),
			Input: strings.ReplaceAll(`{"manifest":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"NAMESPACE"},
				"data":{"color":"blue"}}}`, "NAMESPACE", namespace),
			State: func(t testing.TB) []string { t.Helper(); return inNamespace(t, cluster, namespace, false) },
			Digest: func(t testing.TB) string {
				t.Helper()
				return strings.Join(inNamespace(t, cluster, namespace, true), "\n")
			},
			Use: func(t testing.TB) {
				t.Helper()
				cluster.Patch(t, kubetest.ConfigMaps, namespace, "settings", `{"data":{"color":"red"}}`)
			},
		}
	})
}

// TestANamespaceWithContentConforms creates a namespace and what is in it.
func TestANamespaceWithContentConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		cluster := kubetest.Start(t)
		f := namespaceFixture(t, cluster, kubetest.Name("conform"))
		f.Action = byID(t, actionsWith(t, throughWithoutLists(t, cluster, gate)), "kubernetes:apply")
		f.Input = strings.ReplaceAll(`{"manifest":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"}},{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"NAME"}}],
			"namespace":"NAME"}`, "NAME", f.name)
		f.Use = nil // what the run put into the namespace goes, and the namespace stays
		return f.Fixture
	})
}

// namespaced is a fixture of an action that creates a namespace.
type namespaced struct {
	actiontest.Fixture
	name string
}

func namespaceFixture(t testing.TB, cluster *kubetest.Cluster, name string) namespaced {
	t.Helper()
	t.Cleanup(func() { cluster.Delete(t, kubetest.Namespaces, "", name) })
	state := func(t testing.TB, full bool) []string {
		t.Helper()
		found := cluster.Get(t, kubetest.Namespaces, "", name)
		if found == nil {
			return []string{}
		}
		listed := append([]string{"Namespace " + found.GetLabels()["team"]}, inNamespace(t, cluster, name, full)...)
		if full {
			listed = append(listed, found.GetResourceVersion())
		}
		return listed
	}
	return namespaced{name: name, Fixture: actiontest.Fixture{
		State:  func(t testing.TB) []string { t.Helper(); return state(t, false) },
		Digest: func(t testing.TB) string { t.Helper(); return strings.Join(state(t, true), "\n") },
		Use: func(t testing.TB) {
			t.Helper()
			cluster.Create(t, kubetest.ConfigMaps, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: foreign, namespace: "+name+"}")
		},
		Take: func(t testing.TB) {
			t.Helper()
			cluster.Create(t, kubetest.Namespaces, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+name+"}")
		},
	}}
}

// TestNamespacesConform creates a namespace by either action.
func TestNamespacesConform(t *testing.T) {
	t.Parallel()
	for id, input := range map[string]string{
		"kubernetes:apply":            `{"manifest":[{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"NAME"}}],"namespace":"NAME"}`,
		"kubernetes:create-namespace": `{"namespace":"NAME","token":"TOKEN","url":"URL","labels":"team=shop;stage=dev"}`,
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				cluster := kubetest.Start(t)
				config := throughWithoutLists(t, cluster, gate)
				f := namespaceFixture(t, cluster, kubetest.Name("conform"))
				f.Action = byID(t, actionsWith(t, config), id)
				f.Input = strings.NewReplacer("NAME", f.name, "URL", config.Methods[0].Clusters[0].URL, "TOKEN", cluster.Token).Replace(input)
				return f.Fixture
			})
		})
	}
}

// TestDeletionsConform deletes an object, which nobody can undo. After a rollback it is there again, made by somebody.
func TestDeletionsConform(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"kubernetes:delete", "kube:delete"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				cluster := kubetest.Start(t)
				namespace := cluster.Namespace(t)
				restore := func(t testing.TB) {
					t.Helper()
					if cluster.Get(t, kubetest.ConfigMaps, namespace, "settings") == nil {
						cluster.Create(t, kubetest.ConfigMaps, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: "+namespace+"}\ndata: {color: red}")
					}
				}
				restore(t)
				return actiontest.Fixture{
					Action: byID(t, actionsWith(t, through(t, cluster, gate)), id),
					Input:  fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","namespace":%q,"name":"settings"}`, namespace),
					State:  func(t testing.TB) []string { t.Helper(); return inNamespace(t, cluster, namespace, false) },
					Digest: func(t testing.TB) string {
						t.Helper()
						return strings.Join(inNamespace(t, cluster, namespace, true), "\n")
					},
					Restore: restore,
				}
			})
		})
	}
}

// TestWaitingForAJobConforms: the Job is complete.
func TestWaitingForAJobConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		cluster := kubetest.Start(t)
		namespace := cluster.Namespace(t)
		createJob(t, cluster, namespace)
		cluster.Patch(t, kubetest.Jobs, namespace, "import", completeJob, "status")
		return actiontest.Fixture{Action: byID(t, actionsWith(t, through(t, cluster, gate)), "kube:job:wait"),
			Input: fmt.Sprintf(`{"namespace":%q,"labels":{"app":"import"}}`, namespace)}
	})
}

// createJob creates a Job that no controller runs.
func createJob(t testing.TB, cluster *kubetest.Cluster, namespace string) {
	t.Helper()
	cluster.Create(t, kubetest.Jobs, "apiVersion: batch/v1\nkind: Job\nmetadata: {name: import, namespace: "+namespace+", labels: {app: import}}\n"+
		"spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}}}")
}

const (
	completeJob = `{"status":{"startTime":"2026-11-30T00:00:00Z","completionTime":"2026-11-30T00:01:00Z","succeeded":1,"conditions":[
		{"type":"SuccessCriteriaMet","status":"True"},{"type":"Complete","status":"True"}]}}`
	failedJob = `{"status":{"startTime":"2026-11-30T00:00:00Z","failed":1,"conditions":[{"type":"FailureTarget","status":"True"},
		{"type":"Failed","status":"True","message":"Job has reached the specified backoff limit"}]}}`
)
