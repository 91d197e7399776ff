package kubernetes

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestReadiness(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		object string
		state  progress
		why    string
	}{
		"a namespace":                    {`{apiVersion: v1, kind: Namespace, status: {phase: Active}}`, ready, "it is Active"},
		"what is being deleted":          {`{apiVersion: v1, kind: Namespace, metadata: {deletionTimestamp: "2026-11-30T00:00:00Z"}, status: {phase: Active}}`, underWay, "it is being deleted"},
		"what is not observed":           {`{apiVersion: apps/v1, kind: Deployment, metadata: {generation: 2}, status: {observedGeneration: 1}}`, underWay, "its controller has not seen it yet"},
		"a deployment without replicas":  {`{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 0}, status: {observedGeneration: 0}}`, ready, "0 of 0 replicas are available"},
		"a stateful set":                 {`{apiVersion: apps/v1, kind: StatefulSet, spec: {replicas: 1}, status: {updatedReplicas: 1}}`, underWay, "0 of 1 replicas are available"},
		"a stateful set by hand":         {`{apiVersion: apps/v1, kind: StatefulSet, spec: {updateStrategy: {type: OnDelete}}, status: {readyReplicas: 1}}`, ready, "1 of 1 replicas are available"},
		"a daemon set that is new":       {`{apiVersion: apps/v1, kind: DaemonSet}`, underWay, "0 of 0 pods are available"},
		"a daemon set":                   {`{apiVersion: apps/v1, kind: DaemonSet, status: {desiredNumberScheduled: 2, numberAvailable: 2}}`, ready, "2 of 2 pods are available"},
		"a job":                          {`{apiVersion: batch/v1, kind: Job, status: {active: 1}}`, underWay, "1 pods are active, 0 have succeeded"},
		"a pod":                          {`{apiVersion: v1, kind: Pod, status: {phase: Running, conditions: [{type: Ready, status: "False", reason: ContainersNotReady}]}}`, underWay, "its condition Ready is False: ContainersNotReady"},
		"a pod that has failed":          {`{apiVersion: v1, kind: Pod, status: {phase: Failed, message: Evicted}}`, failed, "Evicted"},
		"a pod that is done":             {`{apiVersion: v1, kind: Pod, status: {phase: Succeeded}}`, ready, "it has succeeded"},
		"a claim":                        {`{apiVersion: v1, kind: PersistentVolumeClaim, status: {phase: Pending}}`, underWay, `its phase is "Pending"`},
		"a service":                      {`{apiVersion: v1, kind: Service, spec: {type: ClusterIP}}`, ready, "it is there"},
		"a load balancer":                {`{apiVersion: v1, kind: Service, spec: {type: LoadBalancer}}`, underWay, "it has no address yet"},
		"a definition":                   {`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition}`, underWay, "it has no condition Established yet"},
		"a config map":                   {`{apiVersion: v1, kind: ConfigMap}`, ready, "it is there"},
		"another's kind without status":  {`{apiVersion: example.org/v1, kind: Database}`, ready, "it is there"},
		"another's kind":                 {`{apiVersion: example.org/v1, kind: Database, status: {conditions: [{type: Ready, status: "False", reason: Creating, message: wait}]}}`, underWay, "its condition Ready is False: Creating: wait"},
		"another's kind that is stalled": {`{apiVersion: example.org/v1, kind: Database, status: {conditions: [{type: Stalled, status: "True", message: no room}]}}`, failed, "no room"},
		"another's kind at work":         {`{apiVersion: example.org/v1, kind: Database, status: {conditions: [{type: Reconciling, status: "True"}, {type: Ready, status: "True"}]}}`, underWay, "its condition Reconciling is True"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, why := readiness(read(t, test.object))
			require.Equal(t, test.state, state)
			require.Equal(t, test.why, why)
		})
	}
}

// read reads an object as a client does: whole numbers are whole.
func read(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	encoded, err := yaml.YAMLToJSON([]byte(text))
	require.NoError(t, err)
	object := &unstructured.Unstructured{}
	require.NoError(t, object.UnmarshalJSON(encoded))
	return object
}

// TestFieldsAreExtracted: lists by the keys of their items, sets by value, others whole.
func TestFieldsAreExtracted(t *testing.T) {
	t.Parallel()
	object := read(t, `{apiVersion: v1, kind: X, metadata: {name: x, labels: {a: "1", b: "2"}, finalizers: [one, two]},
		spec: {ports: [{port: 80, protocol: TCP, name: web}, {port: 81, protocol: TCP, name: other}], args: [a, b], replicas: 3}}`)
	var fields fieldSet
	require.NoError(t, yaml.Unmarshal([]byte(`{"f:metadata": {"f:labels": {"f:a": {}, "f:gone": {}}, "f:finalizers": {"v:\"two\"": {}}},
		"f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}}}, "f:args": {}}}`), &fields))
	require.Equal(t, map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"a": "1"}, "finalizers": []any{"two"}},
		"spec":     map[string]any{"ports": []any{map[string]any{"port": int64(80), "protocol": "TCP", "name": "web"}}, "args": []any{"a", "b"}},
	}, fields.extract(object.Object))
	require.Equal(t, []string{`.metadata.finalizers[="two"]`, ".metadata.labels.a", ".metadata.labels.gone", ".spec.args",
		`.spec.ports[{"port":80,"protocol":"TCP"}].name`, `.spec.ports[{"port":80,"protocol":"TCP"}].port`}, fields.paths())
}
