// Package config reads Portico's configuration: Backstage's app-config.yaml files. It merges them,
// substitutes environment variables and included files, checks the result against schema.yaml and decodes it
// into one typed value. It knows the types of the keys only; the packages that use a key know its meaning.
package config

import (
	"cmp"
	"strings"
)

// Config is the configuration of Portico. Every field has its key, default and description in schema.yaml. A
// test checks that both agree.
type Config struct {
	App          App          `yaml:"app"`
	Backend      Backend      `yaml:"backend"`
	Auth         Auth         `yaml:"auth"`
	Integrations Integrations `yaml:"integrations"`
	Catalog      Catalog      `yaml:"catalog"`
	Scaffolder   Scaffolder   `yaml:"scaffolder"`
	Permission   Permission   `yaml:"permission"`
	Events       Events       `yaml:"events"`
	Discovery    Discovery    `yaml:"discovery"`
	Proxy        Proxy        `yaml:"proxy"`
	ArgoCD       ArgoCD       `yaml:"argocd"`
	AWS          AWS          `yaml:"aws"`
	Jenkins      Jenkins      `yaml:"jenkins"`
	Jira         Jira         `yaml:"jira"`
	MSTeams      MSTeams      `yaml:"ms-teams"`
	PagerDuty    PagerDuty    `yaml:"pagerDuty"`
	Quay         Quay         `yaml:"quay"`
	ServiceNow   ServiceNow   `yaml:"servicenow"`
	Slack        Slack        `yaml:"slack"`
	SonarQube    SonarQube    `yaml:"sonarqube"`
	TechDocs     TechDocs     `yaml:"techdocs"`
	TeraSky      TeraSky      `yaml:"kubernetesIngestor"`
	Vault        Vault        `yaml:"vault"`
	Search       Search       `yaml:"search"`
	Kubernetes   Kubernetes   `yaml:"kubernetes"`
	Portico      Portico      `yaml:"portico"`
	// EnableExperimentalRedirectFlow signs people in by redirects of the whole page instead of a popup
	// window.
	EnableExperimentalRedirectFlow bool `yaml:"enableExperimentalRedirectFlow"`

	// Warnings are keys that nothing reads and whose names are close to a key that is read.
	Warnings []Problem `yaml:"-"`

	place func(path ...string) string `yaml:"-"`
}

// Place is where the value at a path of keys is written, as file:line, for messages. List items have their numbers
// as keys. It is "" where nothing is written, and in a configuration that was not loaded.
func (c *Config) Place(path ...string) string {
	if c.place == nil {
		return ""
	}
	return c.place(path...)
}

// App is the portal's title and address. BaseURL defaults to Backend.BaseURL.
type App struct {
	Title   string `yaml:"title"`
	BaseURL string `yaml:"baseUrl"`
}

// derive sets values that default to a function of others.
func (c *Config) derive() {
	c.Backend.Listen.derive()
	if c.Backend.BaseURL == "" {
		c.Backend.BaseURL = c.Backend.Listen.url()
	}
	if c.App.BaseURL == "" {
		c.App.BaseURL = c.Backend.BaseURL
	}
	c.Backend.BaseURL = strings.TrimRight(c.Backend.BaseURL, "/")
	c.App.BaseURL = strings.TrimRight(c.App.BaseURL, "/")
	c.Portico.TokenExchange.Audience = cmp.Or(c.Portico.TokenExchange.Audience, c.Backend.BaseURL)
	c.Integrations.deriveGitHub()
}
