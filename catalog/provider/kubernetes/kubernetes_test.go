package kubernetes_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/kubernetes"
	"github.com/portico-dev/portico/catalog/provider/providertest"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	clusters "github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/internal/testkit/kubetest"
)

var (
	statefulSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
	cronJobs     = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "cronjobs"}
)

// pod is the template of a workload's pods.
const pod = "template: {metadata: {labels: {app: shop, part: main}}, spec: {containers: [{name: main, image: busybox}]}}"

func deployment(namespace, name, metadata string) string {
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + ", namespace: " + namespace + metadata + "}\n" +
		"spec: {selector: {matchLabels: {app: shop}}, " + pod + "}"
}

// clustersAt knows the test's cluster under the name dev, and one that takes tokens of people only.
func clustersAt(t *testing.T, cluster *kubetest.Cluster, url, token string) *clusters.Set {
	t.Helper()
	set, err := clusters.New(clusters.Config{Methods: []clusters.Method{{Type: clusters.MethodConfig, Clusters: []clusters.ClusterConfig{
		{Name: "dev", URL: url, Token: token, AuthProvider: clusters.AuthServiceAccount, CAData: base64.StdEncoding.EncodeToString(cluster.Authority)},
		{Name: "users", URL: url, AuthProvider: clusters.AuthOIDC, OIDCTokenProvider: "okta"},
	}}}}, clusters.Options{})
	require.NoError(t, err)
	return set
}

// reading is the configuration for a namespace, which a test has for itself.
func reading(namespace string, changes ...func(*config.TeraSky)) config.TeraSky {
	configured := config.TeraSky{ArgoIntegration: true, Components: config.KubernetesComponents{Enabled: true, Namespaces: []string{namespace}},
		Mappings: config.KubernetesMappings{NamespaceModel: "default", NameModel: "name", TitleModel: "name", SystemModel: "namespace", ReferencesNamespaceModel: "default"}}
	for _, change := range changes {
		change(&configured)
	}
	return configured
}

func newSource(t *testing.T, configured config.TeraSky, set *clusters.Set) provider.Source {
	t.Helper()
	sources, err := kubernetes.Sources(configured, set)
	require.NoError(t, err)
	require.Len(t, sources, 1)
	return sources[0]
}

// refuse is an answer of an API server.
func refuse(status int, reason string) providertest.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"refused by the test","reason":%q,"code":%d}`, reason, status)
	}
}

func TestItConforms(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	providertest.Conform(t, func(t *testing.T) providertest.Source {
		t.Helper()
		namespace := cluster.Namespace(t)
		cluster.Create(t, kubetest.Deployments, deployment(namespace, "web", ""))
		cluster.Create(t, kubetest.Deployments, deployment(namespace, "api", ""))
		cluster.Create(t, statefulSets, "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: store, namespace: "+namespace+"}\n"+
			"spec: {serviceName: store, selector: {matchLabels: {app: shop}}, "+pod+"}")
		var faults atomic.Pointer[func(*http.Request) providertest.Fault]
		url := cluster.Proxy(t, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if pick := faults.Load(); pick != nil && *pick != nil {
					if fault := (*pick)(r); fault != nil {
						fault(w, r, next)
						return
					}
				}
				next.ServeHTTP(w, r)
			})
		})
		return providertest.Source{
			New: func() provider.Provider {
				source := newSource(t, reading(namespace), clustersAt(t, cluster, url, cluster.Token))
				kubernetes.SetPageSize(source, 2, 1)
				return source
			},
			Inject: func(pick func(*http.Request) providertest.Fault) { faults.Store(&pick) },
			Faults: map[string]providertest.Case{
				"busy":                       {Fault: refuse(http.StatusTooManyRequests, "TooManyRequests"), Passes: true},
				"an internal error":          {Fault: refuse(http.StatusInternalServerError, "InternalError"), Passes: true},
				"unavailable":                {Fault: refuse(http.StatusServiceUnavailable, "ServiceUnavailable"), Passes: true},
				"it takes too long":          {Fault: refuse(http.StatusGatewayTimeout, "Timeout"), Passes: true},
				"the moment is over":         {Fault: refuse(http.StatusGone, "Expired"), Passes: true},
				"not authenticated":          {Fault: refuse(http.StatusUnauthorized, "Unauthorized")},
				"not permitted":              {Fault: refuse(http.StatusForbidden, "Forbidden")},
				"no such kind":               {Fault: refuse(http.StatusNotFound, "NotFound")},
				"no answer of an API server": {Fault: garble, Passes: true},
			},
			Refs:   []string{"component:default/web", "component:default/api", "component:default/store", "system:default/" + namespace},
			Pages:  2,
			Remove: func() { cluster.Delete(t, kubetest.Deployments, namespace, "api") },
			Add:    func() { cluster.Create(t, kubetest.Deployments, deployment(namespace, "another", "")) },
		}
	})
}

// garble answers something else than HTTP. Connections that end are in TestAConnectionThatBreaksOff, since client-go tries
// each of these for ten seconds.
func garble(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(connection, "220 ready\r\n")
	_ = connection.Close()
}

func TestAConnectionThatBreaksOff(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	for name, breakOff := range map[string]http.HandlerFunc{
		"before the answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"in the answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"kind":"DeploymentList","apiVersion":"apps/v1","metadata":{},"items":[`)
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := cluster.Proxy(t, func(http.Handler) http.Handler { return breakOff })
			page, err := newSource(t, reading("shop"), clustersAt(t, cluster, url, cluster.Token)).ReadPage(t.Context(), "")
			require.Zero(t, page)
			require.ErrorContains(t, err, "reading deployments: the cluster dev could not be reached")
			_, passes := integration.MayPass(err)
			require.True(t, passes)
		})
	}
}

// found are the entities of a source of one page, by their references.
func found(t *testing.T, source provider.Source) (provider.Page, map[string]provider.Entity) {
	t.Helper()
	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, page.Next)
	entities := map[string]provider.Entity{}
	for _, one := range page.Entities {
		require.NoError(t, entity.Validate(one.Entity))
		entities[one.Ref().String()] = one
	}
	return page, entities
}

func TestAWorkloadIsAComponent(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	namespace := cluster.Namespace(t)
	cluster.Create(t, kubetest.Deployments, deployment(namespace, "web", `, labels: {app: shop, team: web}, annotations: {
		terasky.backstage.io/title: "The shop", terasky.backstage.io/owner: web, terasky.backstage.io/lifecycle: experimental,
		terasky.backstage.io/component-type: website, terasky.backstage.io/system: shop, terasky.backstage.io/domain: sales,
		terasky.backstage.io/dependsOn: "resource:db, component:api", terasky.backstage.io/providesApis: shop-api,
		terasky.backstage.io/links: '[{"url": "https://shop.example", "title": "Shop", "icon": "web"}, {"title": "nowhere"}]',
		terasky.backstage.io/source-code-repo-url: "https://github.com/acme/shop/", terasky.backstage.io/techdocs-path: docs,
		terasky.backstage.io/component-annotations: "pagerduty.com/service-id=P1, backstage.io/managed-by-location=file:/etc",
		backstage.io/managed-by-origin-location: "file:/etc", kubectl.kubernetes.io/last-applied-configuration: "{password: hunter2}",
		argocd.argoproj.io/tracking-id: "shop-app:apps/Deployment:x/web"}`))
	source := newSource(t, reading(namespace), clustersAt(t, cluster, cluster.URL, cluster.Token))
	require.Equal(t, "KubernetesEntityProvider:dev", source.Name())

	page, entities := found(t, source)
	require.Empty(t, page.Remarks)
	require.Len(t, entities, 2)
	web := entities["component:default/web"]
	path := "/apis/apps/v1/namespaces/" + namespace + "/deployments/web"
	require.Equal(t, entity.LocationSpec{Type: "kubernetes", Target: "dev" + path}, web.Location)
	annotations := web.Metadata()["annotations"].(map[string]any)
	require.NotContains(t, annotations, "kubectl.kubernetes.io/last-applied-configuration", "it may have passwords")
	for key := range annotations {
		require.NotContains(t, key, "managed-by", "where an entity is from is not the author's to say")
	}
	for key, value := range map[string]string{
		"backstage.io/kubernetes-cluster": "dev", "backstage.io/kubernetes-namespace": namespace, "backstage.io/kubernetes-label-selector": "app=shop",
		"backstage.io/source-location": "url:https://github.com/acme/shop", "backstage.io/techdocs-ref": "url:https://github.com/acme/shop/blob/main/docs",
		"argocd/app-name": "shop-app", "pagerduty.com/service-id": "P1", "terasky.backstage.io/kubernetes-resource-kind": "Deployment",
		"terasky.backstage.io/kubernetes-resource-api-version": "apps/v1", "terasky.backstage.io/custom-workload-uri": path,
	} {
		require.Equal(t, value, annotations[key], key)
	}
	require.Equal(t, "The shop", web.Title())
	require.Equal(t, []string{"cluster:dev", "kind:deployment"}, web.Tags())
	require.Equal(t, []any{map[string]any{"url": "https://shop.example", "title": "Shop", "icon": "web"}}, web.Metadata()["links"])
	require.Equal(t, map[string]any{"type": "website", "lifecycle": "experimental", "owner": "default/web", "system": "shop",
		"dependsOn": []any{"resource:db", "component:api"}, "providesApis": []any{"shop-api"}}, web.Spec())
	require.Equal(t, map[string]any{"type": "kubernetes-namespace", "owner": "default/web", "domain": "sales"}, entities["system:default/"+namespace].Spec())
}

func TestWhichWorkloadsBecomeWhat(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	namespace := cluster.Namespace(t)
	cluster.Create(t, kubetest.Deployments, deployment(namespace, "web", `, annotations: {terasky.backstage.io/add-to-catalog: "true"}`))
	cluster.Create(t, kubetest.Deployments, deployment(namespace, "hidden", `, annotations: {terasky.backstage.io/exclude-from-catalog: "true"}`))
	cluster.Create(t, kubetest.Deployments, deployment(namespace, "odd.name", `, annotations: {terasky.backstage.io/owner: "group:acme/odd"}`))
	cluster.Create(t, cronJobs, "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: web, namespace: "+namespace+"}\n"+
		"spec: {schedule: '0 2 * * *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}}}}}")
	cluster.Create(t, kubetest.ConfigMaps, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: "+namespace+"}")
	system := "system:default/" + namespace
	for name, test := range map[string]struct {
		change func(*config.TeraSky)
		refs   []string
		remark string
	}{
		"all": {func(*config.TeraSky) {}, []string{"component:default/web", "component:default/odd.name", system}, "cronjobs/web is left out, because dev/apis/apps"},
		"names with the kind": {func(c *config.TeraSky) { c.Mappings.NameModel = "name-kind" },
			[]string{"component:default/web-deployment", "component:default/odd.name-deployment", "component:default/web-cronjob", system}, ""},
		"only annotated ones": {func(c *config.TeraSky) { c.Components.OnlyIngestAnnotatedResources = true }, []string{"component:default/web", system}, ""},
		"a namespace each": {func(c *config.TeraSky) {
			c.Mappings.NamespaceModel, c.Mappings.SystemModel, c.Components.OnlyIngestAnnotatedResources = "cluster", "cluster-namespace", true
		}, []string{"component:dev/web", "system:dev/dev-" + namespace}, ""},
		"none of the namespace": {func(c *config.TeraSky) { c.Components.ExcludedNamespaces = []string{namespace} }, nil, ""},
		"others only": {func(c *config.TeraSky) {
			c.Components.DisableDefaultWorkloadTypes = true
			c.Components.CustomWorkloadTypes = []config.WorkloadType{{APIVersion: "v1", Plural: "configmaps", DefaultType: "settings", IngestAsResources: true}}
		}, []string{"resource:default/settings", system}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, entities := found(t, newSource(t, reading(namespace, test.change), clustersAt(t, cluster, cluster.URL, cluster.Token)))
			var refs []string
			for ref := range entities {
				refs = append(refs, ref)
			}
			require.ElementsMatch(t, test.refs, refs)
			if test.remark == "" {
				require.Empty(t, page.Remarks)
			} else {
				require.Contains(t, page.Remarks[0], test.remark)
			}
			if odd, is := entities["component:default/odd.name"]; is {
				require.Equal(t, "group:acme/odd", odd.Spec()["owner"])
			}
		})
	}
}

// TestARoleInTheNamespaceSuffices where the configuration names namespaces; what is missing is said.
func TestARoleInTheNamespaceSuffices(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	namespace := cluster.Namespace(t)
	cluster.Create(t, kubetest.Deployments, deployment(namespace, "web", ""))
	token := cluster.Account(t, namespace, "{apiGroups: [apps], resources: [deployments, statefulsets, daemonsets], verbs: [list]}", "{apiGroups: [batch], resources: [cronjobs], verbs: [list]}")
	set := clustersAt(t, cluster, cluster.URL, token)
	_, entities := found(t, newSource(t, reading(namespace), set))
	require.Contains(t, entities, "component:default/web")

	_, err := newSource(t, reading(namespace, func(c *config.TeraSky) { c.Components.Namespaces = nil }), set).ReadPage(t.Context(), "")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	require.ErrorContains(t, err, "may not list deployments.apps in the whole cluster of dev")
}

func TestSources(t *testing.T) {
	t.Parallel()
	set, err := clusters.New(clusters.Config{Methods: []clusters.Method{{Type: clusters.MethodConfig, Clusters: []clusters.ClusterConfig{
		{Name: "dev", URL: "https://dev.example", Token: "t", AuthProvider: clusters.AuthServiceAccount},
		{Name: "prod", URL: "https://prod.example", Token: "t", AuthProvider: clusters.AuthServiceAccount},
		{Name: "users", URL: "https://users.example", AuthProvider: clusters.AuthOIDC},
	}}}}, clusters.Options{})
	require.NoError(t, err)
	for name, test := range map[string]struct {
		change func(*config.TeraSky)
		places []string
		err    string
	}{
		"off":                  {func(c *config.TeraSky) { c.Components.Enabled = false }, nil, ""},
		"all with credentials": {func(*config.TeraSky) {}, []string{"dev", "prod"}, ""},
		"those that are named": {func(c *config.TeraSky) { c.AllowedClusterNames = []string{"prod"} }, []string{"prod"}, ""},
		"an unknown cluster":   {func(c *config.TeraSky) { c.AllowedClusterNames = []string{"other"} }, nil, "allowedClusterNames: There is no cluster other"},
		"a cluster for people": {func(c *config.TeraSky) { c.AllowedClusterNames = []string{"users"} }, nil, "the cluster users needs a token of a person"},
		"no kinds":             {func(c *config.TeraSky) { c.Components.DisableDefaultWorkloadTypes = true }, nil, "no kind of workloads"},
		"secrets": {func(c *config.TeraSky) {
			c.Components.CustomWorkloadTypes = []config.WorkloadType{{APIVersion: "v1", Plural: "secrets"}}
		}, nil, "Secrets do not become entities"},
		"a path instead of one": {func(c *config.TeraSky) {
			c.Components.CustomWorkloadTypes = []config.WorkloadType{{APIVersion: "v1", Plural: "../secrets"}}
		}, nil, "customWorkloadTypes[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sources, err := kubernetes.Sources(reading("shop", test.change), set)
			if test.err != "" {
				require.Equal(t, fault.Input, fault.KindOf(err))
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			var places []string
			for _, source := range sources {
				places = append(places, source.Place)
			}
			require.Equal(t, test.places, places)
		})
	}
}
