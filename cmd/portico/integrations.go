package main

import (
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/azure"
	"github.com/portico-dev/portico/integration/bitbucketcloud"
	"github.com/portico-dev/portico/integration/bitbucketserver"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/gerrit"
	"github.com/portico-dev/portico/integration/gitea"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/gitlab"
)

// integrationConfig converts the configuration of source code hosts. budget is what all processes know about rate limits.
func integrationConfig(loaded *config.Config, budget integration.Budget) forges.Config {
	configured := loaded.Integrations
	return forges.Config{
		Azure: each(configured.Azure, func(entry config.Azure) azure.Config {
			return azure.Config{Host: entry.Host, Budget: budget, Credentials: each(entry.Credentials, func(credential config.AzureCredential) azure.Credential {
				return azure.Credential{Organizations: credential.Organizations, PersonalAccessToken: string(credential.PersonalAccessToken)}
			})}
		}),
		BitbucketCloud: each(configured.BitbucketCloud, func(entry config.BitbucketCloud) bitbucketcloud.Config {
			return bitbucketcloud.Config{Host: entry.Host, Username: entry.Username, AppPassword: string(entry.AppPassword), Token: string(entry.Token),
				Budget: budget}
		}),
		BitbucketServer: each(configured.BitbucketServer, func(entry config.BitbucketServer) bitbucketserver.Config {
			return bitbucketserver.Config{Host: entry.Host, APIBaseURL: entry.APIBaseURL, Token: string(entry.Token), Username: entry.Username,
				Password: string(entry.Password)}
		}),
		Gerrit: each(configured.Gerrit, func(entry config.Gerrit) gerrit.Config {
			return gerrit.Config{Host: entry.Host, BaseURL: entry.BaseURL, CloneURL: entry.CloneURL, GitilesBaseURL: entry.GitilesBaseURL,
				Username: entry.Username, Password: string(entry.Password)}
		}),
		Gitea: each(configured.Gitea, func(entry config.Gitea) gitea.Config {
			return gitea.Config{Host: entry.Host, BaseURL: entry.BaseURL, Username: entry.Username, Password: string(entry.Password), Budget: budget}
		}),
		GitHub: each(configured.GitHub, func(entry config.GitHub) github.Config {
			return github.Config{Host: entry.Host, APIBaseURL: entry.APIBaseURL, RawBaseURL: entry.RawBaseURL, Token: string(entry.Token),
				Apps: gitHubApps(entry.Apps), Budget: budget}
		}),
		GitLab: each(configured.GitLab, func(entry config.GitLab) gitlab.Config {
			return gitlab.Config{Host: entry.Host, APIBaseURL: entry.APIBaseURL, BaseURL: entry.BaseURL, Token: string(entry.Token), Budget: budget}
		}),
	}
}

// each converts every entry of the configuration.
func each[From, To any](entries []From, convert func(From) To) []To {
	converted := make([]To, 0, len(entries))
	for _, entry := range entries {
		converted = append(converted, convert(entry))
	}
	return converted
}

func gitHubApps(configured []config.GitHubApp) []github.App {
	var apps []github.App
	for _, entry := range configured {
		apps = append(apps, github.App{ID: entry.AppID, PrivateKey: string(entry.PrivateKey),
			AllowedOwners: entry.AllowedInstallationOwners, PublicAccess: entry.PublicAccess})
	}
	return apps
}
