package config

// Events says which webhooks of source code hosts are taken.
type Events struct {
	Modules EventModules `yaml:"modules"`
}

// EventModules are the webhooks by the kind of their hosts. GitHub's apps may have secrets of their own.
type EventModules struct {
	GitHub         EventModule `yaml:"github"`
	GitLab         EventModule `yaml:"gitlab"`
	Gitea          EventModule `yaml:"gitea"`
	BitbucketCloud EventModule `yaml:"bitbucketCloud"`
	AzureDevOps    EventModule `yaml:"azureDevOps"`
}

// EventModule is one kind of webhook. An empty secret takes none.
type EventModule struct {
	WebhookSecret Secret `yaml:"webhookSecret"`
}
