package e2e_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/internal/testkit/kubetest"
	"github.com/portico-dev/portico/internal/testkit/vaulttest"
)

// refusing is a system whose other systems refuse things: a real Kubernetes API server, a real Vault that can be sealed
// off, and servers behind the proxy.
type refusing struct {
	*system

	cluster *kubetest.Cluster
	// isSealed has Vault answer as a sealed one does, and isWell the servers behind the proxy as they should.
	isSealed, isWell *atomic.Bool
	// down is where the server of the proxy's endpoint "down" listens, once it is started.
	down string
}

func newRefusing(t *testing.T) *refusing {
	t.Helper()
	r := &refusing{cluster: kubetest.Start(t), isSealed: &atomic.Bool{}, isWell: &atomic.Bool{}}
	vaulted := vaulttest.Start(t)
	address, err := url.Parse(vaulted.Address)
	require.NoError(t, err)
	passes := httputil.NewSingleHostReverseProxy(address)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if r.isSealed.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"errors":["Vault is sealed"]}`)) // the caller may be gone
			return
		}
		passes.ServeHTTP(w, request)
	}))
	t.Cleanup(front.Close)
	asked := httptest.NewServer(http.HandlerFunc(r.answer))
	t.Cleanup(asked.Close)
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.down = free.Addr().String()
	require.NoError(t, free.Close())
	namespace := r.cluster.Namespace(t)
	r.system = newSystem(t, shortTimeouts, fmt.Sprintf(`
catalog:
  locations: [{ type: file, target: internal/e2e/testdata/templates/refusals.yaml }]
kubernetes:
  clusterLocatorMethods:
    - type: config
      clusters:
        - { name: dev, url: %[1]q, authProvider: serviceAccount, serviceAccountToken: %[2]q }
        - { name: bare, url: %[1]q, authProvider: serviceAccount }
        - { name: limited, url: %[1]q, authProvider: serviceAccount, serviceAccountToken: %[3]q }
vault: { baseUrl: %[4]q, auth: { secret: %[5]q } }
proxy:
  endpoints:
    /asked: { target: %[6]q, followRedirects: true }
    /down: { target: %[7]q }
`, r.cluster.Proxy(t, func(next http.Handler) http.Handler { return next }), r.cluster.Token,
		r.cluster.Account(t, namespace, "{apiGroups: [''], resources: [configmaps], verbs: [get]}"), front.URL, vaulted.RootToken, asked.URL, "http://"+r.down))
	return r
}

// answer is what the servers behind the proxy answer until they are well.
func (r *refusing) answer(w http.ResponseWriter, request *http.Request) {
	switch {
	case r.isWell.Load():
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{}`)) // the caller may be gone
	case request.URL.Path == "/huge":
		for range 5 << 10 { // 5 GiB, if it were read
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	default:
		http.Redirect(w, request, "http://127.0.0.1:1/latest/meta-data", http.StatusFound)
	}
}

// refusalCase is something that another system refuses.
type refusalCase struct {
	// values are the run's. NAMESPACE in them is the namespace of the case.
	values map[string]any
	// prepare has the system refuse it, and mend has it do so no more. Without mend, a retry cannot succeed.
	prepare, mend func(r *refusing, namespace string)
	step, failure string
	message, next string
	// kept is the kind of effect of the retried step that a rollback keeps, and says so; "" if it undoes that.
	kept string
}

// listOne asks for one object, and dryRun has the server keep nothing.
var (
	listOne = metav1.ListOptions{Limit: 1}
	dryRun  = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
)

// admission and extensions are groups of Kubernetes.
var (
	admission  = schema.GroupVersion{Group: "admissionregistration.k8s.io", Version: "v1"}
	extensions = schema.GroupVersion{Group: "apiextensions.k8s.io", Version: "v1"}
)

const (
	plainMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more, namespace: NAMESPACE}"
	onePod   = "apiVersion: v1\nkind: Pod\nmetadata: {name: shop, namespace: NAMESPACE}\nspec: {automountServiceAccountToken: false, containers: [{name: main, image: busybox}]}"
)

var refusalCases = map[string]refusalCase{
	"no credentials": {
		values: map[string]any{"cluster": "bare", "manifest": plainMap},
		step:   "apply", failure: "AuthenticationError", message: "There are no credentials for the cluster bare", next: "Give it a serviceAccountToken",
	},
	"too few permissions": {
		values: map[string]any{"cluster": "limited", "manifest": plainMap},
		step:   "apply", failure: "NotAllowedError", message: "may not get configmaps in the namespace NAMESPACE of limited", next: "Give it a role with the verb get on configmaps",
	},
	"an unknown cluster": {
		values: map[string]any{"cluster": "production", "manifest": plainMap},
		step:   "apply", failure: "NotFoundError", message: "There is no cluster production. The clusters are: ", next: "Correct the name in the template",
	},
	"a kind that is not installed": {
		values: map[string]any{"cluster": "dev", "manifest": "apiVersion: refusals.example.org/v1\nkind: Database\nmetadata: {name: orders, namespace: NAMESPACE}"},
		mend: func(r *refusing, _ string) {
			r.cluster.Create(r.t, extensions.WithResource("customresourcedefinitions"), `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: databases.refusals.example.org}
spec:
  group: refusals.example.org
  scope: Namespaced
  names: {kind: Database, plural: databases}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]`)
			databases := schema.GroupVersionResource{Group: "refusals.example.org", Version: "v1", Resource: "databases"}
			r.until("the kind to be served", func() bool {
				_, err := r.cluster.In(databases, "").List(r.t.Context(), listOne)
				return err == nil
			})
		},
		step: "apply", failure: "NotFoundError", message: "its CustomResourceDefinition is not installed", next: "Install it in the cluster",
	},
	"an admission policy": {
		values: map[string]any{"cluster": "dev", "manifest": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more, namespace: NAMESPACE, labels: {tier: gold}}"},
		prepare: func(r *refusing, namespace string) {
			r.cluster.Create(r.t, admission.WithResource("validatingadmissionpolicies"), `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: `+namespace+`}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: `+namespace+`}}
    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations: [{expression: "!has(object.metadata.labels) || !('tier' in object.metadata.labels)", message: there is no gold}]`)
			r.cluster.Create(r.t, admission.WithResource("validatingadmissionpolicybindings"), `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: `+namespace+`}
spec: {policyName: `+namespace+`, validationActions: [Deny]}`)
			r.untilGold(namespace, true)
		},
		mend: func(r *refusing, namespace string) {
			r.cluster.Delete(r.t, admission.WithResource("validatingadmissionpolicybindings"), "", namespace)
			r.untilGold(namespace, false)
		},
		step: "apply", failure: "NotAllowedError", message: "a policy of the cluster dev refuses it: ", next: "Change the manifest so that the policy accepts it",
	},
	"a quota": {
		values: map[string]any{"cluster": "dev", "manifest": onePod},
		prepare: func(r *refusing, namespace string) {
			r.cluster.Create(r.t, kubetest.Quotas, "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few, namespace: "+namespace+"}\nspec: {hard: {pods: '1'}}")
			r.allowPods(namespace, 1)
		},
		mend: func(r *refusing, namespace string) { r.allowPods(namespace, 2) },
		step: "apply", failure: "NotAllowedError", message: "the quota few does not suffice: requested pods=1, used pods=1, limit pods=1.", next: "have the quota raised",
	},
	"a namespace that is not ours": {
		values: map[string]any{"cluster": "dev", "manifest": "apiVersion: v1\nkind: Namespace\nmetadata: {name: NAMESPACE}"},
		step:   "apply", failure: "ConflictError", message: "the namespace NAMESPACE exists in the cluster dev already, and this run did not create it", next: "Choose another name",
	},
	"Vault is sealed": {
		values:  map[string]any{"vault": "payments"},
		prepare: func(r *refusing, _ string) { r.isSealed.Store(true) },
		mend:    func(r *refusing, _ string) { r.isSealed.Store(false) },
		step:    "vault", failure: "Error", message: "Vault is sealed or on standby", next: "Unseal Vault, then retry",
	},
	"the proxy's target is down": {
		values: map[string]any{"path": "down/thing"},
		mend: func(r *refusing, _ string) {
			listener, err := (&net.ListenConfig{}).Listen(r.t.Context(), "tcp", r.down)
			require.NoError(r.t, err)
			server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })}
			go func() { _ = server.Serve(listener) }() // it ends with Close
			r.t.Cleanup(func() { _ = server.Close() })
		},
		step: "request", failure: "BadGatewayError", message: "The target of the proxy endpoint '/down' does not answer", next: "",
	},
	"the proxy's target redirects inside": {
		values: map[string]any{"path": "asked/thing"},
		mend:   func(r *refusing, _ string) { r.isWell.Store(true) },
		step:   "request", failure: "Error", message: "it redirects to another server, which is not followed", next: "",
	},
	"an answer of 5 GB": {
		values: map[string]any{"path": "asked/huge"},
		mend:   func(r *refusing, _ string) { r.isWell.Store(true) },
		step:   "request", failure: "Error", message: "The answer of proxy/asked/huge has more than 10 MiB", next: "",
	},
	"a protected branch": {
		values: map[string]any{"repoUrl": "REPOSITORY"},
		prepare: func(r *refusing, namespace string) {
			r.createRepository(namespace)
			r.faults.set(namespace, faultRule{path: "/git-receive-pack", method: http.MethodPost, fault: forgetest.RefusePush("main",
				"error: GH006: Protected branch update failed for refs/heads/main.", "protected branch hook declined")})
		},
		mend: func(r *refusing, namespace string) { r.faults.clear(namespace) },
		step: "push", failure: "NotAllowedError", message: "the branch is protected, and ", next: "Let the token's user or App bypass the protection",
		kept: "github:push", // it is the default branch, which GitHub does not delete
	},
}

// TestWhatOtherSystemsRefuseParksTheRun: each refusal parks the run with a message that says what was refused, by whom, and
// what to do. What was made before stays until somebody decides: after the cause is mended, the run goes on from there,
// and a rollback leaves nothing but what it says that it keeps.
func TestWhatOtherSystemsRefuseParksTheRun(t *testing.T) { //nolint:tparallel // The cases change what all of them share.
	t.Parallel()
	r := newRefusing(t)
	r.start("worker")
	r.startServing("refusals")
	for what, test := range refusalCases {
		t.Run(what, func(t *testing.T) {
			view := *r
			view.system = r.as(t)
			test.check(&view)
		})
	}
}

// check runs the case. The cases follow each other, because some of them change what all share.
func (c refusalCase) check(r *refusing) {
	t := r.t
	r.isWell.Store(false)
	namespace := r.cluster.Namespace(t)
	in := strings.NewReplacer("NAMESPACE", namespace, "REPOSITORY", r.repoURL(namespace)).Replace
	if c.prepare != nil {
		c.prepare(r, namespace)
	}
	values := map[string]any{"namespace": namespace}
	for name, value := range c.values {
		values[name] = in(fmt.Sprint(value))
	}
	id := r.createRun("refusals", values, nil)
	d := r.awaitPhase(id, "parked", "done")
	require.Equal(t, c.step, d.FailedStep, "%+v", d.Error)
	require.Equal(t, c.failure, d.Error.Name, d.Error.Message)
	require.Contains(t, d.Error.Message, in(c.message))
	require.NotEmpty(t, d.Error.Next, "it says what to do")
	require.Contains(t, d.Error.Next, c.next)
	require.True(t, d.hasMove("retry"))
	require.NotNil(t, r.cluster.Get(t, kubetest.ConfigMaps, namespace, "before"), "what was made before stays")
	if c.mend != nil {
		c.mend(r, namespace)
		last := lastID(r.events(id))
		r.retry(id)
		d = r.awaitPhase(id, "done", "parked")
		require.Equal(t, "completed", d.Status, "%+v", d.Error)
		r.requireResumed(id, last, c.step)
	}
	r.rollBack(id)
	d = r.awaitPhase(id, "rolledBack", "parked")
	require.Equal(t, "rolledBack", d.Phase, "%+v", d.Error)
	kept := ""
	for _, effect := range d.Effects {
		if effect.State == "kept" {
			kept = effect.Kind
			continue
		}
		require.Equal(t, "undone", effect.State, "%s: %s", effect.Name, effect.Note)
	}
	require.Equal(t, c.kept, kept)
	require.Nil(t, r.cluster.Get(t, kubetest.ConfigMaps, namespace, "before"))
	require.NotNil(t, r.cluster.Get(t, kubetest.Namespaces, "", namespace), "what is not the run's stays")
}

// untilGold waits until the server uses a policy, or does so no more.
func (r *refusing) untilGold(namespace string, refuses bool) {
	r.t.Helper()
	r.until("the policy to count", func() bool {
		probe := kubetest.Object(r.t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: probe, namespace: "+namespace+", labels: {tier: gold}}")
		_, err := r.cluster.In(kubetest.ConfigMaps, namespace).Create(r.t.Context(), probe, dryRun)
		return refuses == (err != nil && strings.Contains(err.Error(), "there is no gold"))
	})
}

// allowPods sets a quota, as the controller does that counts, and one pod is there. It waits until the server uses it.
func (r *refusing) allowPods(namespace string, most int) {
	r.t.Helper()
	r.cluster.Patch(r.t, kubetest.Quotas, namespace, "few", fmt.Sprintf(`{"spec":{"hard":{"pods":"%d"}}}`, most))
	r.cluster.Patch(r.t, kubetest.Quotas, namespace, "few", fmt.Sprintf(`{"status":{"hard":{"pods":"%d"},"used":{"pods":"1"}}}`, most), "status")
	r.until("the quota to count", func() bool {
		probe := kubetest.Object(r.t, strings.NewReplacer("NAMESPACE", namespace, "shop", "probe").Replace(onePod))
		_, err := r.cluster.In(kubetest.Pods, namespace).Create(r.t.Context(), probe, dryRun)
		return (most == 1) == (err != nil && strings.Contains(err.Error(), "exceeded quota"))
	})
}
