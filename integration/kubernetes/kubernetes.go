// Package kubernetes knows the clusters of the section kubernetes of the configuration, and reaches them: with
// which credentials, within which bounds, and what a cluster's refusal means. It has no rules about what is done
// there: the actions are in activities/kubernetes, and what the page of an entity shows is in the package
// workloads below.
//
// A cluster that somebody has described in the catalog decides neither where requests go nor with which
// credentials: its host has to be one that the configuration allows, and it gets nothing but a token that the
// caller brings along.
package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
)

// How clusters are found, the types of kubernetes.clusterLocatorMethods. The last two are Portico's own.
const (
	MethodConfig       = "config"
	MethodCatalog      = "catalog"
	MethodKubectlProxy = "localKubectlProxy"
	MethodKubeconfig   = "kubeconfig"
	MethodInCluster    = "inCluster"
)

// How requests to a cluster are authenticated. The credentials of the first group are in the configuration; those
// of the second are the caller's, who brings a token along. Other providers of Backstage need programs of their
// clouds and are not supported.
const (
	AuthServiceAccount = "serviceAccount"
	AuthKubectlProxy   = "localKubectlProxy"
	authKubeconfig     = "kubeconfig"

	AuthOIDC   = "oidc"
	AuthGoogle = "google"
	AuthAKS    = "aks"
)

// Config is the section kubernetes of the configuration.
type Config struct {
	Methods []Method
	// CustomResources are shown for every cluster that has none of its own.
	CustomResources []CustomResource
}

// Method is one way in which clusters are found.
type Method struct {
	// Type is one of the constants above.
	Type string
	// Clusters are those of MethodConfig.
	Clusters []ClusterConfig
	// Path is the file of MethodKubeconfig; "" is $KUBECONFIG, or else ~/.kube/config. Contexts are the ones that are
	// used of it; empty means all.
	Path     string
	Contexts []string
	// Hosts are those that MethodCatalog may lead to: "k8s.example.com" or "*.k8s.example.com".
	Hosts []string
}

// ClusterConfig is a cluster of the configuration.
type ClusterConfig struct {
	Name, Title, URL    string
	AuthProvider        string
	Token               string
	OIDCTokenProvider   string
	SkipTLSVerify       bool
	CAData, CAFile      string
	DashboardURL        string
	DashboardApp        string
	DashboardParameters map[string]string
	CustomResources     []CustomResource
	SkipMetricsLookup   bool
}

// CustomResource is a kind of objects that is shown besides the built-in ones.
type CustomResource struct{ Group, Version, Plural string }

// Cluster is a cluster that is known.
type Cluster struct {
	// Name identifies the cluster, and Title is for people.
	Name, Title string
	// URL is the address of its API server.
	URL               string
	AuthProvider      string
	OIDCTokenProvider string
	// EntityRef is the entity of the catalog that describes it, "" for one of the configuration.
	EntityRef           string
	DashboardURL        string
	DashboardApp        string
	DashboardParameters map[string]string
	CustomResources     []CustomResource
	SkipMetricsLookup   bool

	// settings say how to connect. Their credentials are empty where the caller brings a token.
	settings *rest.Config
}

// Options are the dependencies of a Set.
type Options struct {
	// Resources returns the catalog's clusters that a principal may see: entities of the kind Resource and the type
	// kubernetes-cluster. Nil has none.
	Resources func(ctx context.Context, principal identity.Principal) ([]entity.Entity, error)
	// Transport wraps the transport of every cluster, to observe it. Nil leaves it.
	Transport func(http.RoundTripper) http.RoundTripper
	// Log receives what is left out at the start. Nil is slog.Default.
	Log *slog.Logger
}

// Set is the clusters that are known. A nil Set has none.
type Set struct {
	options    Options
	configured []Cluster
	// hosts are the hosts that the catalog may lead to, nil without MethodCatalog.
	hosts           []string
	customResources []CustomResource
}

// New checks the configuration. It connects to nothing.
func New(config Config, options Options) (*Set, error) {
	if options.Log == nil {
		options.Log = slog.Default()
	}
	s := &Set{options: options, customResources: config.CustomResources}
	for n, method := range config.Methods {
		if err := s.add(method); err != nil {
			return nil, fmt.Errorf("kubernetes.clusterLocatorMethods[%d]: %w", n, err)
		}
	}
	for n, cluster := range s.configured {
		if slices.ContainsFunc(s.configured[:n], func(other Cluster) bool { return other.Name == cluster.Name }) {
			return nil, fmt.Errorf("kubernetes.clusterLocatorMethods: two clusters have the name %q", cluster.Name)
		}
	}
	return s, nil
}

func (s *Set) add(method Method) error {
	switch method.Type {
	case MethodConfig:
		for _, configured := range method.Clusters {
			cluster, err := s.fromConfig(configured)
			if err != nil {
				return fmt.Errorf("cluster %s: %w", configured.Name, err)
			}
			s.configured = append(s.configured, cluster)
		}
	case MethodKubectlProxy:
		s.configured = append(s.configured, Cluster{Name: "local", URL: "http://localhost:8001", AuthProvider: AuthKubectlProxy,
			CustomResources: s.customResources, settings: &rest.Config{Host: "http://localhost:8001"}})
	case MethodKubeconfig:
		return s.addKubeconfig(method)
	case MethodInCluster:
		settings, err := rest.InClusterConfig()
		if err != nil {
			return fmt.Errorf("this process does not run in a cluster: %w", err)
		}
		s.configured = append(s.configured, Cluster{Name: "in-cluster", URL: settings.Host, AuthProvider: AuthServiceAccount,
			CustomResources: s.customResources, settings: settings})
	case MethodCatalog:
		s.hosts = append([]string{}, method.Hosts...)
	default:
		// Backstage finds clusters of Google's cloud, and plugins add more.
		s.options.Log.Warn("the clusters of a locator method are not known: Portico does not support its type", "type", method.Type)
	}
	return nil
}

func (s *Set) fromConfig(configured ClusterConfig) (Cluster, error) {
	if _, err := integration.ParseURL(configured.URL); err != nil {
		return Cluster{}, fmt.Errorf("its url %q is not an http or https URL", configured.URL)
	}
	ca, err := decodeAuthority(configured.CAData)
	if err != nil {
		return Cluster{}, err
	}
	settings := &rest.Config{Host: configured.URL, BearerToken: configured.Token,
		TLSClientConfig: rest.TLSClientConfig{Insecure: configured.SkipTLSVerify, CAData: ca, CAFile: configured.CAFile}}
	if configured.SkipTLSVerify {
		settings.CAData, settings.CAFile = nil, ""
	}
	if configured.AuthProvider == AuthServiceAccount && configured.Token == "" {
		if own, err := rest.InClusterConfig(); err == nil {
			settings.BearerToken, settings.BearerTokenFile = own.BearerToken, own.BearerTokenFile
		}
	}
	resources := configured.CustomResources
	if resources == nil {
		resources = s.customResources
	}
	return Cluster{Name: configured.Name, Title: configured.Title, URL: configured.URL, AuthProvider: configured.AuthProvider,
		OIDCTokenProvider: configured.OIDCTokenProvider, DashboardURL: configured.DashboardURL, DashboardApp: configured.DashboardApp,
		DashboardParameters: configured.DashboardParameters, CustomResources: resources, SkipMetricsLookup: configured.SkipMetricsLookup,
		settings: settings}, nil
}

// addKubeconfig adds the contexts of a file as clusters.
func (s *Set) addKubeconfig(method Method) error {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = method.Path
	file, err := rules.Load()
	if err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	names := method.Contexts
	if len(names) == 0 {
		for name := range file.Contexts {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	for _, name := range names {
		settings, err := clientcmd.NewNonInteractiveClientConfig(*file, name, &clientcmd.ConfigOverrides{}, rules).ClientConfig()
		if err != nil {
			return fmt.Errorf("the context %q of the kubeconfig: %w", name, err)
		}
		s.configured = append(s.configured, Cluster{Name: name, URL: settings.Host, AuthProvider: authKubeconfig,
			CustomResources: s.customResources, settings: settings})
	}
	return nil
}

// Clusters are all clusters that the principal may know, those of the configuration first.
func (s *Set) Clusters(ctx context.Context, principal identity.Principal) ([]Cluster, error) {
	if s == nil {
		return nil, nil
	}
	all := slices.Clone(s.configured)
	if s.hosts == nil || s.options.Resources == nil {
		return all, nil
	}
	described, err := s.options.Resources(ctx, principal)
	if err != nil {
		return nil, fmt.Errorf("the clusters in the catalog: %w", err)
	}
	for _, resource := range described {
		cluster, err := s.fromEntity(resource)
		if err != nil {
			s.options.Log.DebugContext(ctx, "a cluster of the catalog is left out", "entity", resource.Ref().String(), "reason", err)
			continue
		}
		if !slices.ContainsFunc(all, func(known Cluster) bool { return known.Name == cluster.Name }) {
			all = append(all, cluster)
		}
	}
	return all, nil
}

// The annotations of a cluster in the catalog.
const (
	annotationServer     = "kubernetes.io/api-server"
	annotationAuthority  = "kubernetes.io/api-server-certificate-authority"
	annotationProvider   = "kubernetes.io/auth-provider"
	annotationOIDC       = "kubernetes.io/oidc-token-provider"
	annotationDashboard  = "kubernetes.io/dashboard-url"
	annotationDashboards = "kubernetes.io/dashboard-app"
)

// fromEntity is a cluster that the catalog describes. One at the address of a configured cluster is that cluster,
// under the entity's name. Any other has to be at a host that the configuration allows, and has no credentials.
func (s *Set) fromEntity(resource entity.Entity) (Cluster, error) {
	annotations, _ := resource.Metadata()["annotations"].(map[string]any)
	text := func(name string) string {
		value, _ := annotations[name].(string)
		return value
	}
	address, err := integration.ParseURL(text(annotationServer))
	if err != nil {
		return Cluster{}, fmt.Errorf("its annotation %s is not an http or https URL", annotationServer)
	}
	for _, known := range s.configured {
		if sameServer(known.URL, address) {
			known.Name, known.Title, known.EntityRef = resource.Name(), resource.Title(), resource.Ref().String()
			return known, nil
		}
	}
	if address.Scheme != "https" || !hostAllowed(s.hosts, address.Hostname()) {
		return Cluster{}, fmt.Errorf("the host %s is not one of kubernetes.clusterLocatorMethods[].hosts, or is not asked by https", address.Host)
	}
	ca, err := decodeAuthority(text(annotationAuthority))
	if err != nil {
		return Cluster{}, err
	}
	return Cluster{Name: resource.Name(), Title: resource.Title(), URL: address.String(), AuthProvider: text(annotationProvider),
		OIDCTokenProvider: text(annotationOIDC), EntityRef: resource.Ref().String(), CustomResources: s.customResources,
		DashboardURL: text(annotationDashboard), DashboardApp: text(annotationDashboards),
		settings: &rest.Config{Host: address.String(), TLSClientConfig: rest.TLSClientConfig{CAData: ca}}}, nil
}

// hostAllowed says that a host matches one of the patterns.
func hostAllowed(patterns []string, host string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		suffix, isWildcard := strings.CutPrefix(strings.ToLower(pattern), "*")
		return isWildcard && strings.HasPrefix(suffix, ".") && strings.HasSuffix(host, suffix) || strings.EqualFold(pattern, host)
	})
}

// sameServer says that a text is the same address.
func sameServer(text string, address *url.URL) bool {
	other, err := integration.ParseURL(text)
	return err == nil && integration.Origin(other) == integration.Origin(address) &&
		strings.TrimRight(other.Path, "/") == strings.TrimRight(address.Path, "/")
}

// Selector says which cluster is meant. Everything that is not "" has to fit. The zero value is the only cluster
// of the configuration.
type Selector struct {
	// Name is the cluster's name, URL its address, Ref its entity in the catalog.
	Name, URL, Ref string
	// Context is a context of the kubeconfig.
	Context string
}

func (s Selector) String() string {
	var given []string
	for _, part := range []struct{ name, value string }{{"", s.Name}, {"at ", s.URL}, {"of the context ", s.Context}, {"", s.Ref}} {
		if part.value != "" {
			given = append(given, part.name+part.value)
		}
	}
	return strings.Join(given, " ")
}

// Find returns the cluster that is meant. That there is none is a fault of kind NotFound or Input.
func (s *Set) Find(ctx context.Context, principal identity.Principal, wanted Selector) (Cluster, error) {
	all, err := s.Clusters(ctx, principal)
	if err != nil {
		return Cluster{}, err
	}
	if wanted == (Selector{}) {
		return s.only()
	}
	var address *url.URL
	if wanted.URL != "" {
		if address, err = integration.ParseURL(wanted.URL); err != nil {
			return Cluster{}, fault.New(fault.Input, "%q is an invalid url", wanted.URL)
		}
	}
	for _, cluster := range all {
		if (wanted.Name == "" || wanted.Name == cluster.Name) && (address == nil || sameServer(cluster.URL, address)) &&
			(wanted.Context == "" || wanted.Context == cluster.Name && cluster.AuthProvider == authKubeconfig) &&
			(wanted.Ref == "" || wanted.Ref == cluster.EntityRef) {
			return cluster, nil
		}
	}
	return Cluster{}, unknownCluster(wanted, all)
}

// only is the cluster for those who name none.
func (s *Set) only() (Cluster, error) {
	switch {
	case s == nil || len(s.configured) == 0:
		return Cluster{}, &ClusterError{Kind: fault.NotFound, Message: "No Kubernetes cluster is configured.",
			Next: "Add one to kubernetes.clusterLocatorMethods in the configuration, then retry."}
	case len(s.configured) > 1:
		return Cluster{}, &ClusterError{Kind: fault.Input, Message: fmt.Sprintf("No cluster is named, and there are several: %s.", namesOf(s.configured)),
			Next: "Name one by clusterName in the step of the template, and start a new run."}
	}
	return s.configured[0], nil
}

// AllConfigured are the clusters of the configuration: what the catalog describes does not count.
func (s *Set) AllConfigured() []Cluster {
	if s == nil {
		return nil
	}
	return slices.Clone(s.configured)
}

// Configured returns a cluster of the configuration: what the catalog describes does not count. That there is none is a
// *ClusterError.
func (s *Set) Configured(name string) (Cluster, error) {
	var known []Cluster
	if s != nil {
		known = s.configured
	}
	for _, cluster := range known {
		if cluster.Name == name {
			return cluster, nil
		}
	}
	return Cluster{}, unknownCluster(Selector{Name: name}, known)
}

func unknownCluster(wanted Selector, all []Cluster) error {
	if len(all) == 0 {
		return &ClusterError{Kind: fault.NotFound, Message: fmt.Sprintf("There is no cluster %s: no cluster is configured.", wanted),
			Next: "Add it to kubernetes.clusterLocatorMethods in the configuration, then retry."}
	}
	return &ClusterError{Kind: fault.NotFound, Message: fmt.Sprintf("There is no cluster %s. The clusters are: %s.", wanted, namesOf(all)),
		Next: "Correct the name in the template, or add the cluster to kubernetes.clusterLocatorMethods in the configuration."}
}

func namesOf(clusters []Cluster) string {
	names := make([]string, len(clusters))
	for n, cluster := range clusters {
		names[n] = cluster.Name
	}
	return strings.Join(names, ", ")
}

// errNoAuthority says that a certificate authority cannot be read.
var errNoAuthority = errors.New("its caData is not a certificate in base64")
