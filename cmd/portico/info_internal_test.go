package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/config"
)

// TestThePortalKnowsEveryHostAndWhoseTokensActThere: a token of github.com is not offered for an Enterprise Server.
func TestThePortalKnowsEveryHostAndWhoseTokensActThere(t *testing.T) {
	t.Parallel()
	loaded := &config.Config{
		Integrations: config.Integrations{
			GitHub:          []config.GitHub{{Host: "ghe.acme.example"}, {Host: "github.com"}},
			GitLab:          []config.GitLab{{Host: "gitlab.acme.example"}},
			Azure:           []config.Azure{{Host: "dev.azure.com"}},
			BitbucketCloud:  []config.BitbucketCloud{{Host: "bitbucket.org"}},
			BitbucketServer: []config.BitbucketServer{{Host: "git.acme.example"}},
			Gitea:           []config.Gitea{{Host: "gitea.acme.example"}},
			Gerrit:          []config.Gerrit{{Host: "gerrit.acme.example"}},
		},
		Auth: config.Auth{Environment: "production", Providers: config.AuthProviders{OAuth: map[string]map[string]config.OAuthProvider{
			"github": {"production": {}, "development": {EnterpriseInstanceURL: "https://ghe.acme.example"}},
			"gitlab": {"production": {Audience: "https://gitlab.acme.example"}},
		}}},
	}
	require.Equal(t, []api.Integration{
		{Type: "github", Host: "ghe.acme.example"},
		{Type: "github", Host: "github.com", UserTokens: "github"},
		{Type: "gitlab", Host: "gitlab.acme.example", UserTokens: "gitlab"},
		{Type: "azure", Host: "dev.azure.com"},
		{Type: "bitbucketCloud", Host: "bitbucket.org"},
		{Type: "bitbucketServer", Host: "git.acme.example"},
		{Type: "gitea", Host: "gitea.acme.example"},
		{Type: "gerrit", Host: "gerrit.acme.example"},
	}, portalIntegrations(loaded))
	require.Empty(t, portalIntegrations(&config.Config{}))
}
