// Package workloads reads what belongs to an entity in Kubernetes clusters, for those who may see it: its pods,
// deployments, jobs, and whatever else the configuration adds. It changes nothing. The answers have the shape of
// Backstage's Kubernetes plugin.
//
// An entity says by annotations which objects are its own. Whoever may write the entity can so show any object of a
// cluster, except secrets: a role with kubernetes.resources.read may see them all.
package workloads

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/internal/cache"
	"github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/policy"
)

const (
	// freshFor is how long an answer is shown again. A page asks every ten seconds.
	freshFor = 5 * time.Second
	// deadline bounds what is asked of one cluster.
	deadline = 20 * time.Second
	// atOnce is how many requests go to one cluster at once.
	atOnce = 6
)

// How the clusters of an entity are found, the types of kubernetes.serviceLocatorMethod.
const (
	MultiTenant     = "multiTenant"
	SingleTenant    = "singleTenant"
	CatalogRelation = "catalogRelation"
)

// The annotations by which an entity says what belongs to it.
const (
	annotationID        = "backstage.io/kubernetes-id"
	annotationSelector  = "backstage.io/kubernetes-label-selector"
	annotationNamespace = "backstage.io/kubernetes-namespace"
	annotationCluster   = "backstage.io/kubernetes-cluster"
)

// Options are the dependencies of a Service. Every field is required.
type Options struct {
	Clusters *kubernetes.Set
	Entities subject.Finder
	// Locate is one of the constants above; "" is MultiTenant.
	Locate string
}

// Service answers questions about the objects of entities.
type Service struct {
	options Options
	answers cache.Cache[ClusterObjects]
}

// New makes a Service.
func New(options Options) *Service { return &Service{options: options} }

// Tokens are what the caller brings along for clusters that need it, by the kind of provider: for AuthOIDC by the
// provider's name too.
type Tokens struct {
	OIDC        map[string]string
	Google, AKS string
}

func (t Tokens) of(cluster kubernetes.Cluster) string {
	switch cluster.AuthProvider {
	case kubernetes.AuthOIDC:
		return t.OIDC[cluster.OIDCTokenProvider]
	case kubernetes.AuthGoogle:
		return t.Google
	case kubernetes.AuthAKS:
		return t.AKS
	default:
		return ""
	}
}

// Clusters are the clusters that the principal may know.
func (s *Service) Clusters(ctx context.Context, principal identity.Principal) ([]kubernetes.Cluster, error) {
	if err := policy.Require(ctx, s.options.Entities.Decider, principal, policy.KubernetesClustersRead, ""); err != nil {
		return nil, err
	}
	return s.options.Clusters.Clusters(ctx, principal)
}

// Question is what somebody wants to see.
type Question struct {
	Entity entity.Ref
	Tokens Tokens
	// Custom are the only kinds that are asked for; nil asks for the built-in ones and those of the configuration.
	Custom []kubernetes.CustomResource
}

// Objects returns what belongs to an entity, for each cluster where there is something or where something failed.
func (s *Service) Objects(ctx context.Context, principal identity.Principal, q Question) ([]ClusterObjects, error) {
	about, err := s.options.Entities.Find(ctx, principal, policy.KubernetesResourcesRead, q.Entity)
	if err != nil {
		return nil, err
	}
	clusters, err := s.clustersOf(ctx, principal, about)
	if err != nil {
		return nil, err
	}
	found := make([]ClusterObjects, len(clusters))
	var group errgroup.Group
	for n, cluster := range clusters {
		group.Go(func() error {
			found[n] = s.ask(ctx, cluster, belongingTo(about), q)
			return nil
		})
	}
	_ = group.Wait() // what failed is in the answers
	return slices.DeleteFunc(found, func(objects ClusterObjects) bool { return objects.isEmpty() }), ctx.Err()
}

// clustersOf are the clusters that are asked for an entity.
func (s *Service) clustersOf(ctx context.Context, principal identity.Principal, about entity.Entity) ([]kubernetes.Cluster, error) {
	all, err := s.options.Clusters.Clusters(ctx, principal)
	if err != nil {
		return nil, err
	}
	named := about.Annotation(annotationCluster)
	switch {
	case named != "":
		return slices.DeleteFunc(all, func(cluster kubernetes.Cluster) bool { return cluster.Name != named }), nil
	case s.options.Locate == SingleTenant:
		return nil, nil
	case s.options.Locate == CatalogRelation:
		needed := dependencies(about)
		return slices.DeleteFunc(all, func(cluster kubernetes.Cluster) bool {
			return !slices.Contains(needed, cmp.Or(cluster.EntityRef, "resource:default/"+strings.ToLower(cluster.Name)))
		}), nil
	}
	return all, nil
}

// dependencies are the references that an entity depends on.
func dependencies(about entity.Entity) []string {
	relations, _ := about["relations"].([]any)
	var refs []string
	for _, each := range relations {
		relation, _ := each.(map[string]any)
		target, _ := relation["targetRef"].(string)
		if relation["type"] == "dependsOn" && target != "" {
			refs = append(refs, strings.ToLower(target))
		}
	}
	return refs
}

// selection is which objects belong to an entity.
type selection struct{ labels, namespace string }

func belongingTo(about entity.Entity) selection {
	wanted := selection{labels: about.Annotation(annotationSelector), namespace: about.Annotation(annotationNamespace)}
	if wanted.labels == "" {
		wanted.labels = annotationID + "=" + cmp.Or(about.Annotation(annotationID), about.Name())
	}
	return wanted
}

// ask asks one cluster. Answers for which no token of the caller was needed are shown again for a moment.
func (s *Service) ask(ctx context.Context, cluster kubernetes.Cluster, wanted selection, q Question) ClusterObjects {
	token := q.Tokens.of(cluster)
	kinds := kindsOf(cluster, q.Custom)
	read := func(ctx context.Context) ClusterObjects {
		ctx, cancel := context.WithTimeout(ctx, deadline)
		defer cancel()
		client, err := s.options.Clusters.Connect(cluster, kubernetes.Access{Token: token})
		if err != nil {
			return ClusterObjects{Cluster: cluster, Errors: []Failure{{Type: unauthorizedError, Message: err.Error()}}}
		}
		r := reader{client: client, wanted: wanted, answer: ClusterObjects{Cluster: cluster}}
		return r.read(ctx, kinds, q.Custom == nil && !cluster.SkipMetricsLookup)
	}
	if token != "" || cluster.TakesTokens() {
		return read(ctx)
	}
	key := fmt.Sprintf("%s\n%s\n%s\n%v", cluster.Name, wanted.labels, wanted.namespace, kinds)
	answer, err := s.answers.Get(ctx, key, func(ctx context.Context) (cache.Fresh[ClusterObjects], error) {
		return cache.Fresh[ClusterObjects]{Value: read(ctx), Until: time.Now().Add(freshFor)}, nil
	})
	if err != nil {
		return ClusterObjects{Cluster: cluster, Errors: []Failure{{Type: fetchError, Message: err.Error()}}}
	}
	return answer
}

// PodLog is which log somebody wants to see.
type PodLog struct {
	Cluster, Namespace, Pod string
	Tokens                  Tokens
	// Query are parameters of Kubernetes: container, previous, tailLines, sinceSeconds, timestamps.
	Query map[string]string
}

// logBytes bounds a log.
const logBytes = 4 << 20

// Log returns the end of a container's log.
func (s *Service) Log(ctx context.Context, principal identity.Principal, wanted PodLog) ([]byte, error) {
	if err := policy.Require(ctx, s.options.Entities.Decider, principal, policy.KubernetesProxy, ""); err != nil {
		return nil, err
	}
	cluster, err := s.options.Clusters.Find(ctx, principal, kubernetes.Selector{Name: wanted.Cluster})
	if err != nil {
		return nil, err
	}
	client, err := s.options.Clusters.Connect(cluster, kubernetes.Access{Token: wanted.Tokens.of(cluster)})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	content, err := client.Log(ctx, wanted.Namespace, wanted.Pod, wanted.Query, logBytes)
	if err = client.Explain(ctx, err, fmt.Sprintf("reading the log of %s/%s", wanted.Namespace, wanted.Pod)); err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "%s", err.Error())
	}
	return content, nil
}
