package config

// Kubernetes are the clusters that templates change and the portal shows, as in Backstage's Kubernetes plugin.
type Kubernetes struct {
	ServiceLocatorMethod  KubernetesServices          `yaml:"serviceLocatorMethod"`
	ClusterLocatorMethods []KubernetesLocator         `yaml:"clusterLocatorMethods"`
	CustomResources       []KubernetesCustomResources `yaml:"customResources"`
}

// KubernetesServices says which clusters are asked for the objects of an entity.
type KubernetesServices struct {
	Type string `yaml:"type"`
}

// KubernetesLocator is one way in which clusters are found. Each type uses some of the keys.
type KubernetesLocator struct {
	Type     string              `yaml:"type"`
	Clusters []KubernetesCluster `yaml:"clusters"`
	// Path and Contexts are for the type kubeconfig, Hosts is for the type catalog. They are Portico's own.
	Path     string   `yaml:"path"`
	Contexts []string `yaml:"contexts"`
	Hosts    []string `yaml:"hosts"`
}

// KubernetesCluster is a cluster with its credentials.
type KubernetesCluster struct {
	Name                string `yaml:"name"`
	Title               string `yaml:"title"`
	URL                 string `yaml:"url"`
	AuthProvider        string `yaml:"authProvider"`
	ServiceAccountToken Secret `yaml:"serviceAccountToken"`
	OIDCTokenProvider   string `yaml:"oidcTokenProvider"`
	SkipTLSVerify       bool   `yaml:"skipTLSVerify"`
	SkipMetricsLookup   bool   `yaml:"skipMetricsLookup"`
	CAData              string `yaml:"caData"`
	CAFile              string `yaml:"caFile"`
	DashboardURL        string `yaml:"dashboardUrl"`
	DashboardApp        string `yaml:"dashboardApp"`
	// DashboardParameters are for the links to the dashboard.
	DashboardParameters map[string]string           `yaml:"dashboardParameters"`
	CustomResources     []KubernetesCustomResources `yaml:"customResources"`
}

// KubernetesCustomResources is a kind of objects that is shown besides the built-in ones.
type KubernetesCustomResources struct {
	Group      string `yaml:"group"`
	APIVersion string `yaml:"apiVersion"`
	Plural     string `yaml:"plural"`
}
