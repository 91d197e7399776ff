package api

import (
	_ "embed"
	"net/http"
	"regexp"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/integration/kubernetes/workloads"
)

//go:embed kubernetes_permissions.json
var kubernetesPermissions []byte

// NewKubernetesPlugin serves /api/kubernetes: what belongs to an entity in clusters. It only reads.
func NewKubernetesPlugin(service *workloads.Service) Plugin {
	k := &kubernetesAPI{service}
	reads := unrecorded("it reads")
	return plugin{id: "kubernetes", routes: []route{
		{method: http.MethodGet, path: "/clusters", access: authenticated, looseQuery: true,
			summary: "Lists the clusters", serve: ok("the clusters", k.clusters)},
		{method: http.MethodPost, path: "/services/:serviceId", access: authenticated, audit: reads, looseQuery: true, body: takes[serviceInput](),
			summary: "Reads the objects of an entity from its clusters", serve: ok("the objects of each cluster", k.ofService), fails: missing},
		{method: http.MethodPost, path: "/resources/workloads/query", access: authenticated, audit: reads, looseQuery: true, body: takes[workloadsInput](),
			summary: "Reads the objects of an entity from its clusters", serve: ok("the objects of each cluster", k.workloads), fails: missing},
		{method: http.MethodPost, path: "/resources/custom/query", access: authenticated, audit: reads, looseQuery: true, body: takes[customInput](),
			summary: "Reads objects of some kinds from the clusters of an entity", serve: ok("the objects of each cluster", k.custom), fails: missing},
		{method: http.MethodGet, path: "/proxy/*path", access: authenticated, looseQuery: true,
			summary: "Reads the log of a container: /api/v1/namespaces/{namespace}/pods/{name}/log of the cluster in the header Backstage-Kubernetes-Cluster",
			serve:   k.log(), fails: missing},
		describesPermissions(kubernetesPermissions),
	}}
}

type kubernetesAPI struct{ service *workloads.Service }

// kubernetesClusters are the clusters.
type kubernetesClusters struct {
	Items []kubernetesCluster `json:"items"`
}

type kubernetesCluster struct {
	Name              string `json:"name"`
	Title             string `json:"title,omitempty"`
	DashboardURL      string `json:"dashboardUrl,omitempty"`
	AuthProvider      string `json:"authProvider"`
	OIDCTokenProvider string `json:"oidcTokenProvider,omitempty"`
}

func (k *kubernetesAPI) clusters(c *call) (kubernetesClusters, error) {
	known, err := k.service.Clusters(c.Request.Context(), c.principal)
	listed := kubernetesClusters{Items: []kubernetesCluster{}}
	for _, cluster := range known {
		listed.Items = append(listed.Items, kubernetesCluster{Name: cluster.Name, Title: cluster.Title, DashboardURL: cluster.DashboardURL,
			AuthProvider: cluster.AuthProvider, OIDCTokenProvider: cluster.OIDCTokenProvider})
	}
	return listed, err
}

// kubernetesTokens are tokens for clusters that ask who the caller is.
type kubernetesTokens struct {
	OIDC   map[string]string `json:"oidc,omitempty"`
	Google string            `json:"google,omitempty"`
	AKS    string            `json:"aks,omitempty"`
}

func (t kubernetesTokens) tokens() workloads.Tokens {
	return workloads.Tokens{OIDC: t.OIDC, Google: t.Google, AKS: t.AKS}
}

// serviceInput names an entity by its document, of which only the names count: the catalog has the rest.
type serviceInput struct {
	Entity struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Namespace string `json:"namespace,omitempty"`
			Name      string `json:"name"`
		} `json:"metadata"`
	} `json:"entity"`
	Auth kubernetesTokens `json:"auth,omitzero"`
}

type workloadsInput struct {
	EntityRef string           `json:"entityRef"`
	Auth      kubernetesTokens `json:"auth,omitzero"`
}

type customInput struct {
	workloadsInput

	CustomResources []customResource `json:"customResources"`
}

type customResource struct {
	Group      string `json:"group"`
	APIVersion string `json:"apiVersion"`
	Plural     string `json:"plural"`
}

func (k *kubernetesAPI) ofService(c *call) (kubernetesObjects, error) {
	var input serviceInput
	if err := c.decode(&input); err != nil {
		return kubernetesObjects{}, err
	}
	about := entity.Ref{Kind: input.Entity.Kind, Namespace: input.Entity.Metadata.Namespace, Name: input.Entity.Metadata.Name}
	return k.objects(c, workloads.Question{Entity: about, Tokens: input.Auth.tokens()})
}

func (k *kubernetesAPI) workloads(c *call) (kubernetesObjects, error) {
	var input workloadsInput
	if err := c.decode(&input); err != nil {
		return kubernetesObjects{}, err
	}
	return k.query(c, input, nil)
}

func (k *kubernetesAPI) custom(c *call) (kubernetesObjects, error) {
	var input customInput
	if err := c.decode(&input); err != nil {
		return kubernetesObjects{}, err
	}
	if len(input.CustomResources) == 0 {
		return kubernetesObjects{}, fault.New(fault.Input, "customResources is a required field")
	}
	custom := make([]kubernetes.CustomResource, len(input.CustomResources))
	for n, each := range input.CustomResources {
		custom[n] = kubernetes.CustomResource{Group: each.Group, Version: each.APIVersion, Plural: each.Plural}
	}
	return k.query(c, input.workloadsInput, custom)
}

func (k *kubernetesAPI) query(c *call, input workloadsInput, custom []kubernetes.CustomResource) (kubernetesObjects, error) {
	if input.EntityRef == "" {
		return kubernetesObjects{}, fault.New(fault.Input, "entity is a required field")
	}
	about, err := entity.ParseRef(input.EntityRef, entity.Ref{})
	if err != nil {
		return kubernetesObjects{}, fault.Wrap(fault.Input, err, "Invalid entity ref, %s", err.Error())
	}
	return k.objects(c, workloads.Question{Entity: about, Tokens: input.Auth.tokens(), Custom: custom})
}

func (k *kubernetesAPI) objects(c *call, asked workloads.Question) (kubernetesObjects, error) {
	found, err := k.service.Objects(c.Request.Context(), c.principal, asked)
	if err != nil {
		return kubernetesObjects{}, err
	}
	return shownObjects(found), nil
}

// podLogPath is the only address of a cluster that is passed on.
var podLogPath = regexp.MustCompile(`^/api/v1/namespaces/([a-z0-9.-]+)/pods/([a-z0-9.-]+)/log$`)

// clusterHeader names the cluster of a request to the proxy.
const clusterHeader = "Backstage-Kubernetes-Cluster"

// log responds with a container's log.
func (k *kubernetesAPI) log() endpoint {
	return endpoint{answer: answer{status: http.StatusOK, description: "the end of the log", content: textContent}, handle: func(c *call) error {
		found := podLogPath.FindStringSubmatch(c.Param("path"))
		if found == nil {
			return fault.New(fault.NotFound, "The proxy passes on requests for the logs of pods only")
		}
		wanted := workloads.PodLog{Cluster: c.GetHeader(clusterHeader), Namespace: found[1], Pod: found[2], Query: map[string]string{},
			Tokens: workloads.Tokens{Google: c.GetHeader("Backstage-Kubernetes-Authorization-google"), AKS: c.GetHeader("Backstage-Kubernetes-Authorization-aks"), OIDC: oidcTokens(c.Request.Header)}}
		for _, name := range []string{"container", "previous", "tailLines", "sinceSeconds", "timestamps"} {
			if value := c.Query(name); value != "" {
				wanted.Query[name] = value
			}
		}
		content, err := k.service.Log(c.Request.Context(), c.principal, wanted)
		if err != nil {
			return err
		}
		c.Data(http.StatusOK, textContent+"; charset=utf-8", content)
		return nil
	}}
}

// oidcTokens are the tokens in headers, by the names of their providers.
func oidcTokens(header http.Header) map[string]string {
	tokens := map[string]string{}
	for name := range header {
		if provider, is := strings.CutPrefix(strings.ToLower(name), "backstage-kubernetes-authorization-oidc-"); is {
			tokens[provider] = header.Get(name)
		}
	}
	return tokens
}
