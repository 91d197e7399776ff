package kubernetes_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/portico-dev/portico/fault"
	clusters "github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/internal/testkit/kubetest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// TestWhatAClusterRefuses: the error says what, why and what to do; nothing is created, and the effect is closed.
func TestWhatAClusterRefuses(t *testing.T) {
	t.Parallel()
	settings := configMap("settings", "{color: blue}")
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: shop, namespace: NAMESPACE}\nspec: {containers: [{name: main, image: busybox}]}"
	for name, test := range map[string]struct {
		prepare  func(t *testing.T, b *bundle) *bundle
		manifest string
		more     string
		kind     fault.Kind
		message  string
		advice   string
	}{
		"a token that is not accepted": {manifest: settings, more: `"token":"wrong"`, kind: fault.Authentication,
			message: "looking for the kind of ConfigMap NAMESPACE/settings: the cluster dev does not accept the credentials.", advice: "Check that the token has not expired"},
		"too few permissions": {manifest: settings, kind: fault.NotAllowed, prepare: withRole("{apiGroups: [''], resources: [configmaps], verbs: [get]}"),
			message: "may not patch configmaps in the namespace NAMESPACE of dev.", advice: "Give it a role with the verb patch on configmaps in the namespace NAMESPACE"},
		"no permission to look": {manifest: settings, kind: fault.NotAllowed, prepare: withRole("{apiGroups: [''], resources: [pods], verbs: [get]}"),
			message: "may not get configmaps in the namespace NAMESPACE of dev.", advice: "Give it a role with the verb get on configmaps"},
		"an unknown cluster": {manifest: settings, more: `"clusterName":"production"`, kind: fault.NotFound,
			message: "There is no cluster production. The clusters are: dev.", advice: "Correct the name in the template"},
		"an address that no cluster has": {manifest: settings, more: `"clusterUrl":"https://169.254.169.254"`, kind: fault.NotFound,
			message: "There is no cluster at https://169.254.169.254. The clusters are: dev."},
		"a kind that is not installed": {manifest: "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop, namespace: NAMESPACE}", kind: fault.NotFound,
			message: "looking for the kind of Application NAMESPACE/shop: the cluster dev has no Application of argoproj.io/v1alpha1: its CustomResourceDefinition is not installed, or has other versions.",
			advice:  "Install it in the cluster"},
		"a field that the kind does not have": {manifest: settings + "\ndatta: {a: b}", kind: fault.Input, message: "field not declared in schema", advice: "Correct the manifest"},
		"a value that is not valid": {manifest: "apiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: NAMESPACE}\nspec: {ports: [{port: 99999}]}", kind: fault.Input,
			message: "Invalid value: 99999"},
		"an admission policy": {manifest: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: NAMESPACE, labels: {tier: gold}}", kind: fault.NotAllowed, prepare: withPolicy,
			message: "a policy of the cluster dev refuses it: ", advice: "Change the manifest so that the policy accepts it"},
		"a quota": {manifest: settings + "\n---\n" + pod, kind: fault.NotAllowed, prepare: withQuota, more: `"wait":false`,
			message: "applying Pod NAMESPACE/shop: the quota few does not suffice: requested pods=1, used pods=1, limit pods=1.", advice: "have the quota raised"},
		"a namespace that is not there": {manifest: strings.Replace(settings, "NAMESPACE", "not-there", 1), kind: fault.NotFound,
			message: "applying ConfigMap not-there/settings: the cluster dev has no namespace not-there.", advice: "add a Namespace to the manifests"},
		"a namespace that exists and is not ours": {manifest: "apiVersion: v1\nkind: Namespace\nmetadata: {name: NAMESPACE}", kind: fault.Conflict,
			message: "the namespace NAMESPACE exists in the cluster dev already, and this run did not create it: somebody made it. It was left untouched", advice: "existing: update"},
		"a field that somebody else manages": {manifest: settings, kind: fault.Conflict, prepare: withSettings,
			message: "applying ConfigMap NAMESPACE/settings in dev: others manage fields of it: .data.color is managed by somebody.", advice: "With force: true, the step takes them over."},
		"an object outside of the step's namespace": {manifest: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: default}", more: `"namespace":"NAMESPACE"`, kind: fault.Input,
			message: "ConfigMap default/settings is for another namespace than the step, which is for NAMESPACE only."},
		"an object of the whole cluster": {manifest: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}", more: `"namespace":"NAMESPACE"`, kind: fault.Input,
			message: "ClusterRole all is not in a namespace, and the step is for the namespace NAMESPACE only."},
		"another namespace": {manifest: "apiVersion: v1\nkind: Namespace\nmetadata: {name: default}", more: `"namespace":"NAMESPACE"`, kind: fault.Input, message: "Namespace default is not in a namespace"},
		"an object twice":   {manifest: settings + "\n---\n" + settings, kind: fault.Input, message: "The manifests have ConfigMap NAMESPACE/settings twice."},
		"no name":           {manifest: "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x-}", kind: fault.Input, message: "with generateName, every attempt would make another one"},
		"no object":         {manifest: "- a\n- b", kind: fault.Input, message: "document 1 of the manifests: it is no object of Kubernetes"},
		"nothing":           {manifest: "# only a comment", kind: fault.Input, message: "The manifests have no objects."},
		"two manifests":     {manifest: settings, more: `"manifestPath":"x.yaml"`, kind: fault.Input, message: "x.yaml is not in the workspace"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			if test.prepare != nil {
				b = test.prepare(t, b)
			}
			in := func(text string) string { return strings.ReplaceAll(text, "NAMESPACE", b.namespace) }
			var more []string
			if test.more != "" {
				more = append(more, in(test.more))
			}
			err := b.apply(t, test.manifest, more...)
			require.ErrorContains(t, err, in(test.message))
			require.Contains(t, action.Advice(err), in(test.advice))
			require.False(t, action.IsTransient(err))
			require.Equal(t, test.kind, fault.KindOf(err), "%v", err)
			effects := b.Ledger.All()
			if len(effects) > 0 {
				require.Equal(t, action.EffectUndone, effects[len(effects)-1].State, "nothing was created")
			}
		})
	}
}

// withRole has the cluster's credentials be those of an account with a role in the namespace.
func withRole(rule string) func(t *testing.T, b *bundle) *bundle {
	return func(t *testing.T, b *bundle) *bundle {
		t.Helper()
		limited := setupWith(t, b.cluster, configOf(b.cluster, b.cluster.URL, b.cluster.Account(t, b.namespace, rule)))
		limited.namespace = b.namespace
		return limited
	}
}

// withPolicy has the server refuse ConfigMaps of the namespace with a label.
func withPolicy(t *testing.T, b *bundle) *bundle {
	t.Helper()
	name := kubetest.Name("policy")
	admission := schema.GroupVersion{Group: "admissionregistration.k8s.io", Version: "v1"}
	b.cluster.Create(t, admission.WithResource("validatingadmissionpolicies"), `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: `+name+`}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: `+b.namespace+`}}
    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations: [{expression: "!has(object.metadata.labels) || !('tier' in object.metadata.labels)", message: there is no gold}]`)
	b.cluster.Create(t, admission.WithResource("validatingadmissionpolicybindings"), `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: `+name+`}
spec: {policyName: `+name+`, validationActions: [Deny]}`)
	// The server needs a moment to use a policy.
	require.Eventually(t, func() bool {
		probe := kubetest.Object(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: probe, namespace: "+b.namespace+", labels: {tier: gold}}")
		_, err := b.cluster.In(kubetest.ConfigMaps, b.namespace).Create(t.Context(), probe, dryRun)
		return err != nil && strings.Contains(err.Error(), "there is no gold")
	}, testTimeout, testPoll)
	return b
}

// withQuota allows one pod, which is there. The test is the controller that counts.
func withQuota(t *testing.T, b *bundle) *bundle {
	t.Helper()
	b.cluster.Create(t, kubetest.Quotas, "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few, namespace: "+b.namespace+"}\nspec: {hard: {pods: '1'}}")
	b.cluster.Patch(t, kubetest.Quotas, b.namespace, "few", `{"status":{"hard":{"pods":"1"},"used":{"pods":"1"}}}`, "status")
	require.Eventually(t, func() bool {
		probe := kubetest.Object(t, fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: probe, namespace: %s}\nspec: {containers: [{name: main, image: busybox}]}", b.namespace))
		_, err := b.cluster.In(kubetest.Pods, b.namespace).Create(t.Context(), probe, dryRun)
		return err != nil && strings.Contains(err.Error(), "exceeded quota")
	}, testTimeout, testPoll)
	return b
}

func withSettings(t *testing.T, b *bundle) *bundle {
	t.Helper()
	b.cluster.Create(t, kubetest.ConfigMaps, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: "+b.namespace+"}\ndata: {color: red}")
	return b
}

// TestAClusterThatDoesNotAnswerIsAskedAgain: what may pass is transient.
func TestAClusterThatDoesNotAnswerIsAskedAgain(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	b := setupWith(t, cluster, configOf(cluster, "https://127.0.0.1:1", cluster.Token))
	err := b.apply(t, configMap("settings", "{}"))
	require.ErrorContains(t, err, "the cluster dev could not be reached")
	require.True(t, action.IsTransient(err))
	require.Contains(t, action.Advice(err), "Check that https://127.0.0.1:1 is up")

	// A certificate of somebody else is not accepted, and a retry does not help.
	config := configOf(cluster, cluster.URL, cluster.Token)
	config.Methods[0].Clusters[0].CAData = ""
	b = setupWith(t, cluster, config)
	err = b.apply(t, configMap("settings", "{}"))
	require.ErrorContains(t, err, "the certificate of the cluster dev is not valid")
	require.False(t, action.IsTransient(err))
}

// TestTheClusterHasToBeNamedAmongSeveral.
func TestTheClusterHasToBeNamedAmongSeveral(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	config := configOf(cluster, cluster.URL, cluster.Token)
	config.Methods[0].Clusters = append(config.Methods[0].Clusters, clusters.ClusterConfig{Name: "prod", URL: "https://prod.example.com", AuthProvider: "aws"})
	b := setupWith(t, cluster, config)
	err := b.apply(t, configMap("settings", "{}"))
	require.EqualError(t, err, "No cluster is named, and there are several: dev, prod.")
	err = b.apply(t, configMap("settings", "{}"), `"clusterName":"prod"`)
	require.EqualError(t, err, `There are no credentials for the cluster prod: Portico does not support the authProvider "aws".`)
	err = b.apply(t, configMap("settings", "{}"), `"clusterName":"prod"`, fmt.Sprintf(`"clusterUrl":%q`, cluster.URL))
	require.ErrorContains(t, err, "There is no cluster prod at https://", "the name and the address are of different clusters")
	require.NoError(t, b.apply(t, configMap("settings", "{}"), fmt.Sprintf(`"clusterUrl":%q`, cluster.URL+"/")))
	require.NoError(t, b.rollBack(t))
}
