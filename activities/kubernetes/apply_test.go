package kubernetes_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/kubetest"
	"github.com/portico-dev/portico/scaffolder/action"
)

func TestObjectsAreAppliedInStages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	group, name := kubetest.Name("g")+".example.org", kubetest.Name("staged")
	t.Cleanup(func() {
		b.cluster.Delete(t, schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}, "", "widgets."+group)
		b.cluster.Delete(t, kubetest.Namespaces, "", name)
	})
	manifest := strings.NewReplacer("GROUP", group, "NAME", name).Replace(`
apiVersion: GROUP/v1
kind: Widget
metadata: {name: first, namespace: NAME}
spec: {size: 3}
---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: NAME}, data: {color: blue}}
---
# nothing here
---
apiVersion: v1
kind: Namespace
metadata: {name: NAME}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.GROUP}
spec:
  group: GROUP
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
`)
	input := fmt.Sprintf(`{"manifestString":%q}`, manifest)
	plan, err := b.actions["kubernetes:apply"].Plan(t.Context(), b.Call(input))
	require.NoError(t, err)
	require.Contains(t, plan.Summary, "+ Widget "+name+"/first (not checked by the server: this step creates what it needs)")
	output, err := b.run(t, "kubernetes:apply", input)
	require.NoError(t, err)
	require.Equal(t, "dev", output["clusterName"])
	require.Equal(t, name, output["namespace"])
	require.Len(t, output["resources"], 4)
	widgets := schema.GroupVersionResource{Group: group, Version: "v1", Resource: "widgets"}
	made := b.cluster.Get(t, widgets, name, "first")
	require.NotNil(t, made)
	require.Equal(t, map[string]string{"portico.dev/run": "run-1", "portico.dev/step": "step"}, made.GetLabels())
	require.Equal(t, "portico", made.GetManagedFields()[0].Manager)

	require.NoError(t, b.rollBack(t))
	require.Nil(t, b.cluster.Get(t, kubetest.Namespaces, "", name), "the namespace is gone, not only on its way")
	_, err = b.run(t, "kubernetes:apply", input)
	require.NoError(t, err, "and the names are free again")
	require.NoError(t, b.rollBack(t))
}

func TestAChangeIsTakenBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cluster.Create(t, kubetest.ConfigMaps, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: "+b.namespace+"}\ndata: {color: red, size: large}")
	before := b.get(t, kubetest.ConfigMaps, "settings")

	// What somebody else manages is not taken over.
	err := b.apply(t, configMap("settings", "{color: blue, shape: round}"))
	require.EqualError(t, err, "applying ConfigMap "+b.namespace+"/settings in dev: others manage fields of it: .data.color is managed by somebody.")
	require.Contains(t, action.Advice(err), "force: true")
	require.False(t, action.IsTransient(err))

	plan, err := b.actions["kubernetes:apply"].Plan(t.Context(), b.Call(strings.ReplaceAll(fmt.Sprintf(`{"force":true,"manifest":%q}`, configMap("settings", "{color: blue, shape: round}")), "NAMESPACE", b.namespace)))
	require.NoError(t, err)
	require.Equal(t, "apply 1 objects to the cluster dev\n~ ConfigMap "+b.namespace+"/settings\n    .data.color: \"red\" -> \"blue\"\n    .data.shape: nothing -> \"round\"", plan.Summary)
	require.Equal(t, before.GetResourceVersion(), b.get(t, kubetest.ConfigMaps, "settings").GetResourceVersion(), "a plan changes nothing")

	require.NoError(t, b.apply(t, configMap("settings", "{color: blue, shape: round}"), `"force":true`))
	require.Equal(t, map[string]any{"color": "blue", "shape": "round", "size": "large"}, b.data(t, "settings"))
	require.NoError(t, b.rollBack(t))
	require.Equal(t, map[string]any{"color": "red", "size": "large"}, b.data(t, "settings"))
	after := b.get(t, kubetest.ConfigMaps, "settings")
	require.Empty(t, after.GetLabels())
	require.Empty(t, after.GetAnnotations())
	require.Equal(t, before.GetUID(), after.GetUID())
}

// TestWhatAnEarlierRunAppliedComesBack: both runs have the same field manager.
func TestWhatAnEarlierRunAppliedComesBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ledger := &actiontest.Ledger{}
	earlier := action.Call{RunID: "run-0", StepID: "step", Input: []byte(fmt.Sprintf(`{"manifest":%q}`, strings.ReplaceAll(configMap("settings", "{color: red, size: large}"), "NAMESPACE", b.namespace))),
		Log: b.Log, Ledger: ledger.For("run-0", "step", "tested")}
	_, err := b.actions["kubernetes:apply"].Run(t.Context(), &earlier)
	require.NoError(t, err)
	made := ledger.All()
	require.Len(t, made, 1)

	require.NoError(t, b.apply(t, strings.Replace(configMap("settings", "{color: blue}"), "NAMESPACE", b.namespace, 1)))
	require.Equal(t, map[string]any{"color": "blue"}, b.data(t, "settings"), "the run has another set of fields")
	var inUse *action.InUseError
	err = b.actions["kubernetes:apply"].Undo(t.Context(), &action.UndoCall{RunID: "run-0", Effect: made[0], Log: b.Log})
	require.ErrorAs(t, err, &inUse, "the earlier run does not delete what a later one has applied")
	require.Contains(t, inUse.Reason, "the run run-1 has applied it since")

	require.NoError(t, b.Undo(t.Context(), b.actions["kubernetes:apply"], b.Ledger.All()[0]))
	require.Equal(t, map[string]any{"color": "red", "size": "large"}, b.data(t, "settings"))
	require.Equal(t, "run-0", b.get(t, kubetest.ConfigMaps, "settings").GetLabels()["portico.dev/run"])
	require.NoError(t, b.actions["kubernetes:apply"].Undo(t.Context(), &action.UndoCall{RunID: "run-0", Effect: made[0], Log: b.Log}))
	require.Nil(t, b.get(t, kubetest.ConfigMaps, "settings"))
}

// TestSecretsAreNotInTheLedger: not what is applied, and not what it replaces.
func TestSecretsAreNotInTheLedger(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cluster.Create(t, kubetest.Secrets, "apiVersion: v1\nkind: Secret\nmetadata: {name: key, namespace: "+b.namespace+"}\nstringData: {key: hunter1}")
	manifest := "apiVersion: v1\nkind: Secret\nmetadata: {name: key, namespace: NAMESPACE}\nstringData: {key: hunter2}"
	plan, err := b.actions["kubernetes:apply"].Plan(t.Context(), b.Call(strings.ReplaceAll(fmt.Sprintf(`{"force":true,"manifest":%q}`, manifest), "NAMESPACE", b.namespace)))
	require.NoError(t, err)
	require.Contains(t, plan.Summary, ".data.key: another value")
	require.NoError(t, b.apply(t, manifest, `"force":true`))
	seen := plan.Summary + b.Log.Text()
	for _, effect := range b.Ledger.All() {
		seen += string(effect.Data)
	}
	for _, secret := range []string{"hunter1", "hunter2", "aHVudGVyMQ==", "aHVudGVyMg=="} {
		require.NotContains(t, seen, secret)
	}
	require.NoError(t, b.rollBack(t))
	found, _, err := unstructured.NestedString(b.get(t, kubetest.Secrets, "key").Object, "data", "key")
	require.NoError(t, err)
	require.Equal(t, "aHVudGVyMQ==", found)
}

// TestARollbackKeepsWhatOthersHaveTaken: an object, a change and a namespace that somebody else has used since.
func TestARollbackKeepsWhatOthersHaveTaken(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		use    func(t *testing.T, b *bundle)
		reason string
	}{
		"a field has another value": {func(t *testing.T, b *bundle) {
			t.Helper()
			b.cluster.Patch(t, kubetest.ConfigMaps, b.namespace, "settings", `{"data":{"color":"red"}}`)
		}, "somebody has changed .data.color"},
		"a field was added": {func(t *testing.T, b *bundle) {
			t.Helper()
			b.cluster.Patch(t, kubetest.ConfigMaps, b.namespace, "settings", `{"data":{"size":"large"}}`)
		}, "somebody has set .data.size"},
		"a label was added": {func(t *testing.T, b *bundle) {
			t.Helper()
			b.cluster.Patch(t, kubetest.ConfigMaps, b.namespace, "settings", `{"metadata":{"labels":{"keep":"me"}}}`)
		}, "somebody has set .metadata.labels.keep"},
		"its label of the run is another": {func(t *testing.T, b *bundle) {
			t.Helper()
			b.cluster.Patch(t, kubetest.ConfigMaps, b.namespace, "settings", `{"metadata":{"labels":{"portico.dev/run":"run-2"}}}`)
		}, "the run run-2 has applied it since"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			require.NoError(t, b.apply(t, configMap("settings", "{color: blue}")))
			test.use(t, b)
			used := b.get(t, kubetest.ConfigMaps, "settings")
			var inUse *action.InUseError
			require.ErrorAs(t, b.rollBack(t), &inUse)
			require.Contains(t, inUse.Reason, test.reason)
			require.Equal(t, used, b.get(t, kubetest.ConfigMaps, "settings"))
			require.Equal(t, action.EffectKept, b.Ledger.All()[0].State)
		})
	}
}

func TestAControllersWorkIsNoUse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.apply(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop, namespace: NAMESPACE}\nspec:\n  selector: {matchLabels: {app: shop}}\n"+
		"  template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: main, image: busybox}]}}", `"wait":false`))
	for _, change := range []struct{ patch, manager, subresource string }{
		{`{"metadata":{"annotations":{"deployment.kubernetes.io/revision":"1"}}}`, "kube-controller-manager", ""},
		{`{"status":{"replicas":1}}`, "kube-controller-manager", "status"},
	} {
		var subresources []string
		if change.subresource != "" {
			subresources = append(subresources, change.subresource)
		}
		_, err := b.cluster.In(kubetest.Deployments, b.namespace).Patch(t.Context(), "shop", "application/merge-patch+json", []byte(change.patch), metav1.PatchOptions{FieldManager: change.manager}, subresources...)
		require.NoError(t, err)
	}
	require.NoError(t, b.rollBack(t))
	require.Nil(t, b.get(t, kubetest.Deployments, "shop"))
}

// TestARetryWithACorrectedManifest applies the correction to what the first attempt created.
func TestARetryWithACorrectedManifest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	wrong := configMap("settings", "{color: blue, shape: round}") + "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: wrong, namespace: NAMESPACE}\ndata: {size: [1]}"
	require.Error(t, b.apply(t, wrong))
	require.Equal(t, map[string]any{"color": "blue", "shape": "round"}, b.data(t, "settings"))
	right := configMap("settings", "{color: green}") + "\n---\n" + configMap("wrong", "{size: small}")
	require.NoError(t, b.apply(t, right))
	require.Equal(t, map[string]any{"color": "green"}, b.data(t, "settings"))
	require.NoError(t, b.rollBack(t))
	require.Nil(t, b.data(t, "settings"))
	require.Nil(t, b.data(t, "wrong"))
}

// TestTheReadinessIsWaitedFor: the test is the controller.
func TestTheReadinessIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	manifest := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop, namespace: NAMESPACE}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: shop}}\n" +
		"  template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: main, image: busybox}]}}"
	err := b.apply(t, manifest, `"timeoutSeconds":1`)
	require.EqualError(t, err, "not ready after 1s: Deployment "+b.namespace+"/shop (0 of 2 replicas are up to date)")
	require.False(t, action.IsTransient(err))

	done := make(chan error, 1)
	go func() { done <- b.apply(t, manifest) }()
	status := func(updated, available int) {
		b.cluster.Patch(t, kubetest.Deployments, b.namespace, "shop",
			fmt.Sprintf(`{"status":{"observedGeneration":1,"replicas":2,"updatedReplicas":%d,"readyReplicas":%d,"availableReplicas":%d}}`, updated, available, available), "status")
	}
	status(2, 1)
	require.Eventually(t, func() bool { return strings.Contains(b.Log.Text(), "1 of 2 replicas are available") }, testTimeout, testPoll)
	status(2, 2)
	require.NoError(t, <-done)
	require.Contains(t, b.Log.Text(), "Deployment "+b.namespace+"/shop is ready: 2 of 2 replicas are available")

	b.cluster.Patch(t, kubetest.Deployments, b.namespace, "shop", `{"status":{"updatedReplicas":1,"conditions":[{"type":"Progressing","status":"False",
		"reason":"ProgressDeadlineExceeded","message":"ReplicaSet has timed out progressing."}]}}`, "status")
	err = b.apply(t, manifest)
	require.EqualError(t, err, "Deployment "+b.namespace+"/shop has failed: ReplicaSet has timed out progressing.")
}

func TestJobsAreWaitedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const input = `{"namespace":"NAMESPACE","labels":{"app":"import"},"timeoutSeconds":%d}`
	_, err := b.run(t, "kube:job:wait", fmt.Sprintf(input, 1))
	require.ErrorContains(t, err, "Timed out waiting for job to complete after 1 seconds: the Job with the labels app=import")
	require.ErrorContains(t, err, "it is not there")
	createJob(t, b.cluster, b.namespace)
	done := make(chan error, 1)
	go func() {
		_, err := b.run(t, "kube:job:wait", fmt.Sprintf(input, 60))
		done <- err
	}()
	require.Eventually(t, func() bool { return strings.Contains(b.Log.Text(), "Waiting for the Job with the labels app=import") }, testTimeout, testPoll)
	b.cluster.Patch(t, kubetest.Jobs, b.namespace, "import", failedJob, "status")
	require.ErrorContains(t, <-done, "has failed: Job has reached the specified backoff limit")
}

func TestObjectsAreDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.apply(t, configMap("one", "{}")+"\n---\n"+configMap("two", "{}")))
	plan, err := b.actions["kubernetes:delete"].Plan(t.Context(), b.Call(strings.ReplaceAll(`{"apiVersion":"v1","kind":"ConfigMap","namespace":"NAMESPACE","name":"one"}`, "NAMESPACE", b.namespace)))
	require.NoError(t, err)
	require.Equal(t, "delete in the cluster dev:\n- ConfigMap "+b.namespace+"/one", plan.Summary)
	_, err = b.run(t, "kubernetes:delete", `{"apiVersion":"v1","kind":"ConfigMap","namespace":"NAMESPACE","name":"one"}`)
	require.NoError(t, err)
	require.Nil(t, b.data(t, "one"))
	_, err = b.run(t, "kube:delete", `{"apiVersion":"v1","kind":"ConfigMap","namespace":"NAMESPACE","name":"two"}`)
	require.NoError(t, err)
	_, err = b.run(t, "kubernetes:delete", `{"apiVersion":"v1","kind":"ConfigMap","namespace":"NAMESPACE","name":"three"}`)
	require.NoError(t, err)
	require.Contains(t, b.Log.Text(), "ConfigMap "+b.namespace+"/three is not there")
	_, err = b.run(t, "kube:delete", `{"apiVersion":"v1","kind":"ConfigMap","namespace":"NAMESPACE","name":"three"}`)
	require.ErrorContains(t, err, "ConfigMap "+b.namespace+"/three is not there in the cluster dev")
	require.False(t, action.IsTransient(err))
}

func TestManifestsOfTheWorkspace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.Workspace.Mkdir("deploy", 0o755))
	for name, content := range map[string]string{"deploy/b.yaml": configMap("two", "{a: b}"), "deploy/a.json": `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one","namespace":"NAMESPACE"}}`,
		"deploy/README.md": "# Nothing", "one.yml": configMap("three", "{}")} {
		require.NoError(t, b.Workspace.WriteFile(name, []byte(strings.ReplaceAll(content, "NAMESPACE", b.namespace)), 0o644))
	}
	output, err := b.run(t, "kubernetes:apply", `{"manifestPath":"./deploy","namespace":"NAMESPACE"}`)
	require.NoError(t, err)
	require.Equal(t, []map[string]any{
		{"apiVersion": "v1", "kind": "ConfigMap", "namespace": b.namespace, "name": "one"}, {"apiVersion": "v1", "kind": "ConfigMap", "namespace": b.namespace, "name": "two"},
	}, output["resources"])
	_, err = b.run(t, "cnoe:kubernetes:apply", `{"manifestPath":"one.yml","namespaced":true,"clusterName":"dev"}`)
	require.NoError(t, err)
	for _, path := range []string{"../x.yaml", "missing.yaml", "/etc/passwd"} {
		_, err = b.run(t, "kubernetes:apply", `{"manifestPath":"`+path+`"}`)
		require.Error(t, err)
		require.False(t, action.IsTransient(err))
	}
	require.NoError(t, b.rollBack(t))
}

// TestTheRollbackUsesTheRunsSecret: the token of a step is not kept, only the name of the secret that it was.
func TestTheRollbackUsesTheRunsSecret(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	b := setupWith(t, cluster, configOf(cluster, cluster.URL, ""))
	err := b.apply(t, configMap("settings", "{}"))
	require.EqualError(t, err, "There are no credentials for the cluster dev.")
	require.False(t, action.IsTransient(err))

	token := cluster.Account(t, b.namespace, "{apiGroups: [''], resources: [configmaps], verbs: ['*']}")
	b.Secrets = map[string]string{"clusterToken": token}
	_, err = b.run(t, "deploy:kubernetes", fmt.Sprintf(`{"clusterUrl":%q,"authToken":%q,"manifest":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"NAMESPACE"}}}`, cluster.URL, token))
	require.NoError(t, err)
	require.NotContains(t, string(b.Ledger.All()[0].Data), token)
	b.Secrets = nil
	err = b.rollBack(t)
	require.Contains(t, action.Advice(err), "The token that the step passed is not kept.")
	require.Equal(t, action.EffectCreated, b.Ledger.All()[0].State)
	b.Secrets = map[string]string{"clusterToken": token}
	require.NoError(t, b.rollBack(t))
	require.Nil(t, b.data(t, "settings"))
}
