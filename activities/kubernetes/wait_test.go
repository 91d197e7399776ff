package kubernetes_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/kubetest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const waitedFor = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop, namespace: NAMESPACE}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: shop}}\n" +
	"  template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: main, image: busybox}]}}"

// looking is a bundle whose requests that apply something are counted.
type looking struct {
	*bundle

	applied atomic.Int64
	began   time.Time
}

func setupLooking(t *testing.T) *looking {
	t.Helper()
	l := &looking{began: time.Now()}
	cluster := kubetest.Start(t)
	url := cluster.Proxy(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPatch {
				l.applied.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	})
	l.bundle = setupWith(t, cluster, configOf(cluster, url, cluster.Token))
	return l
}

// look runs kubernetes:apply once.
func (l *looking) look(t *testing.T, more string) error {
	t.Helper()
	call := l.Call(strings.ReplaceAll(fmt.Sprintf(`{"manifest":%q%s}`, waitedFor, more), "NAMESPACE", l.namespace))
	call.StartedAt = l.began
	_, err := l.actions["kubernetes:apply"].Run(t.Context(), call)
	return err
}

// TestALookAppliesNothing: what a step has applied is its own until others change it, and then it is theirs. Neither
// the next look nor the attempt after a crash takes it back, and a retry applies it as before.
func TestALookAppliesNothing(t *testing.T) {
	t.Parallel()
	l := setupLooking(t)
	var notYet *action.NotYetError
	require.ErrorAs(t, l.look(t, ""), &notYet)
	title := "Deployment " + l.namespace + "/shop"
	require.Equal(t, "Waiting for "+title+" (0 of 2 replicas are up to date)", notYet.Waiting)
	require.Positive(t, notYet.After)
	require.EqualValues(t, 1, l.applied.Load())

	l.cluster.Patch(t, kubetest.Deployments, l.namespace, "shop", `{"spec":{"replicas":3}}`)
	require.ErrorAs(t, l.look(t, ""), &notYet)
	require.Equal(t, "Waiting for "+title+" (0 of 3 replicas are up to date)", notYet.Waiting)
	require.NotContains(t, l.Log.Text(), "is there already", "looking again says nothing")
	l.cluster.Patch(t, kubetest.Deployments, l.namespace, "shop",
		`{"status":{"observedGeneration":2,"replicas":3,"updatedReplicas":3,"readyReplicas":3,"availableReplicas":3}}`, "status")
	require.NoError(t, l.look(t, ""))
	require.Contains(t, l.Log.Text(), title+" is ready: 3 of 3 replicas are available")
	require.EqualValues(t, 1, l.applied.Load())

	l.began = time.Now()
	require.ErrorContains(t, l.look(t, ""), ".spec.replicas is managed by somebody", "a retry applies it again")
	require.NoError(t, l.look(t, `,"force":true,"wait":false`))
	require.ErrorAs(t, l.look(t, ""), &notYet, "and has applied it then")
	require.EqualValues(t, 3, l.applied.Load())
}

// TestAWaitEndsInTime: the time counts from the beginning of the step.
func TestAWaitEndsInTime(t *testing.T) {
	t.Parallel()
	l := setupLooking(t)
	var notYet *action.NotYetError
	for _, test := range []struct {
		waited, timeout int
		after           time.Duration
	}{{0, 600, 20 * time.Millisecond}, {50, 600, 10 * time.Second}, {500, 600, 30 * time.Second}, {590, 600, 10 * time.Second}} {
		l.began = time.Now().Add(-time.Duration(test.waited) * time.Second)
		require.ErrorAs(t, l.look(t, fmt.Sprintf(`,"timeoutSeconds":%d`, test.timeout)), &notYet)
		require.InDelta(t, test.after.Seconds(), notYet.After.Seconds(), 2)
	}
	l.began = time.Now().Add(-10 * time.Minute)
	err := l.look(t, "")
	require.ErrorContains(t, err, "not ready after 10m0s: Deployment "+l.namespace+"/shop (0 of 2 replicas are up to date)")
	require.False(t, action.IsTransient(err))
	require.Contains(t, action.Advice(err), "A retry waits again")
}

// TestADeletionWaitsWithoutAWorker: a finalizer keeps an object. The step looks again until it is gone, and leaves alone
// what others make of its name meanwhile.
func TestADeletionWaitsWithoutAWorker(t *testing.T) {
	t.Parallel()
	b := setup(t)
	kept := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, namespace: " + b.namespace + ", finalizers: [example.org/keep]}"
	b.cluster.Create(t, kubetest.ConfigMaps, kept)
	b.cluster.Create(t, kubetest.ConfigMaps, strings.ReplaceAll(configMap("last", "{}"), "NAMESPACE", b.namespace))
	manifests := strings.ReplaceAll(configMap("kept", "{}")+"\n---\n"+configMap("last", "{}"), "NAMESPACE", b.namespace)
	began := time.Now()
	look := func() error {
		call := b.Call(fmt.Sprintf(`{"manifest":%q,"ignoreMissing":false,"timeoutSeconds":60}`, manifests))
		call.StartedAt = began
		_, err := b.actions["kubernetes:delete"].Run(t.Context(), call)
		return err
	}
	var notYet *action.NotYetError
	for range 2 {
		require.ErrorAs(t, look(), &notYet)
		require.Equal(t, "Waiting until ConfigMap "+b.namespace+"/kept is gone (it waits for its finalizers example.org/keep)", notYet.Waiting)
		require.Positive(t, notYet.After)
		require.Nil(t, b.get(t, kubetest.ConfigMaps, "last"), "the last is deleted first")
	}

	apply := b.Call(fmt.Sprintf(`{"manifest":%q,"timeoutSeconds":60}`, manifests))
	_, err := b.actions["kubernetes:apply"].Run(t.Context(), apply)
	require.ErrorAs(t, err, &notYet, "and a step that makes one of the same name waits for that, too")

	began = time.Now().Add(-time.Minute)
	err = look()
	require.ErrorContains(t, err, "ConfigMap "+b.namespace+"/kept in dev is not gone after 1m0s: it waits for its finalizers example.org/keep")
	require.False(t, action.IsTransient(err))
	require.Contains(t, action.Advice(err), "A retry waits again")

	began = time.Now()
	b.cluster.Patch(t, kubetest.ConfigMaps, b.namespace, "kept", `{"metadata":{"finalizers":null}}`)
	b.cluster.Create(t, kubetest.ConfigMaps, strings.ReplaceAll(configMap("kept", "{by: others}"), "NAMESPACE", b.namespace))
	require.NoError(t, look(), "that both are gone is no error: the step has deleted them")
	require.Contains(t, b.Log.Text(), "Deleted ConfigMap "+b.namespace+"/kept")
	require.Equal(t, map[string]any{"by": "others"}, b.data(t, "kept"))

	// A rollback brings nothing back. When the run is retried after it, the step deletes what is there then.
	for _, effect := range b.Ledger.All() {
		var inUse *action.InUseError
		require.ErrorAs(t, b.Undo(t.Context(), b.actions["kubernetes:delete"], effect), &inUse)
		require.Equal(t, effect.Name+" was deleted from dev, which a rollback cannot take back. Apply it again if somebody needs it.", inUse.Reason)
		require.NoError(t, b.Ledger.SetState(effect.ID, action.EffectKept, inUse.Reason))
	}
	require.NoError(t, look())
	require.Nil(t, b.data(t, "kept"))
}
