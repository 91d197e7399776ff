package config

// Quay is the company's own Quay, in the form of Backstage's plugin for it.
type Quay struct {
	UIURL string `yaml:"uiUrl"`
}
