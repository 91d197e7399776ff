package config

// Scaffolder configures the runs of templates.
type Scaffolder struct {
	DefaultAuthor             Author             `yaml:"defaultAuthor"`
	DefaultCommitMessage      string             `yaml:"defaultCommitMessage"`
	DefaultEnvironment        DefaultEnvironment `yaml:"defaultEnvironment"`
	ConcurrentTasksLimit      int                `yaml:"concurrentTasksLimit"`
	RequireSCMUserCredentials bool               `yaml:"requireScmUserCredentials"`
	HTTP                      ScaffolderHTTP     `yaml:"http"`
	Sentry                    Sentry             `yaml:"sentry"`
}

// ScaffolderHTTP limits the action http:backstage:request. Empty lists limit nothing.
type ScaffolderHTTP struct {
	AllowedMethods []string `yaml:"allowedMethods"`
	AllowedHosts   []string `yaml:"allowedHosts"`
}

// Author is the author of commits.
type Author struct {
	Name  string `yaml:"name"`
	Email string `yaml:"email"`
}

// DefaultEnvironment is available to every template as environment.parameters and environment.secrets.
type DefaultEnvironment struct {
	Parameters map[string]string `yaml:"parameters"`
	Secrets    map[string]Secret `yaml:"secrets"`
}
