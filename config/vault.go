package config

// Vault is where HashiCorp Vault is for the actions on it and the pages of entities, in the form of Backstage's plugin for
// it. Without a BaseURL, Vault's own environment variables say it.
type Vault struct {
	BaseURL string `yaml:"baseUrl"`
	// PublicURL is the address for people; "" is the one that Portico uses.
	PublicURL string `yaml:"publicUrl"`
	// Namespaces says whether vault:create-namespace makes namespaces: detect, always or never.
	Namespaces string `yaml:"namespaces"`
	// SecretEngine is where the secrets are of entities that name no engine.
	SecretEngine string    `yaml:"secretEngine"`
	Auth         VaultAuth `yaml:"auth"`
}

// VaultAuth is how Portico logs in: with a fixed token (static), or with a service account of Kubernetes.
type VaultAuth struct {
	Type                    string `yaml:"type"`
	Secret                  Secret `yaml:"secret"`
	Role                    string `yaml:"role"`
	AuthPath                string `yaml:"authPath"`
	ServiceAccountTokenPath string `yaml:"serviceAccountTokenPath"`
}
