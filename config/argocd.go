package config

// ArgoCD are the instances of Argo CD, as Backstage's plugins for it have them.
type ArgoCD struct {
	// Username and Password are those of instances without credentials of their own.
	Username          string          `yaml:"username"`
	Password          Secret          `yaml:"password"`
	AppLocatorMethods []ArgoCDLocator `yaml:"appLocatorMethods"`
}

// ArgoCDLocator is one way to find instances. Only the type config, which lists them, is used.
type ArgoCDLocator struct {
	Type      string           `yaml:"type"`
	Instances []ArgoCDInstance `yaml:"instances"`
}

// ArgoCDInstance is an Argo CD server. Cluster and Namespace are Portico's own.
type ArgoCDInstance struct {
	Name      string `yaml:"name"`
	URL       string `yaml:"url"`
	Token     Secret `yaml:"token"`
	Username  string `yaml:"username"`
	Password  Secret `yaml:"password"`
	Cluster   string `yaml:"cluster"`
	Namespace string `yaml:"namespace"`
}
