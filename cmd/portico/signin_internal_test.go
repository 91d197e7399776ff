package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity/signin"
)

// signInOf converts the providers of a configuration. It returns the log too.
func signInOf(t *testing.T, providers string) (*signin.Service, string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app-config.yaml")
	require.NoError(t, os.WriteFile(file, []byte("auth:\n  providers:\n"+providers), 0o600))
	loaded, err := config.Load(t.Context(), config.Options{Files: []string{file}})
	require.NoError(t, err)
	var log bytes.Buffer
	p := &platform{config: loaded, log: slog.New(slog.NewTextHandler(&log, nil))}
	service, err := p.signIn(nil, nil, nil, false)
	return service, log.String(), err
}

func TestProvidersAreThoseOfTheConfiguration(t *testing.T) {
	t.Parallel()
	service, log, err := signInOf(t, `
    github: { production: { clientId: a, clientSecret: b, signIn: { resolvers: [{ resolver: userIdMatchingUserEntityAnnotation }] } } }
    gitlab: { development: { clientId: a, clientSecret: b } }
    bitbucket: { production: { clientId: a, clientSecret: b, signIn: { resolvers: [{ resolver: usernameMatchingUserEntityAnnotation }] } } }
    atlassian: { production: { clientId: a, clientSecret: b, signIn: { resolvers: [{ resolver: emailMatchingUserEntityProfileEmail }] } } }
    bitbucketServer: { production: { clientId: a, clientSecret: b } }
    gcpIap: { audience: a, signIn: { resolvers: [{ resolver: emailMatchingUserEntityAnnotation }] } }
    cfaccess: { teamName: acme, audience: a }
    awsalb: { issuer: "https://id.example", signer: "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/portico/0123456789abcdef", region: eu-central-1 }
    oauth2Proxy: { issuer: "https://id.example", audience: a, signIn: { resolvers: [{ resolver: forwardedUserMatchingUserEntityName }] } }
`)
	require.NoError(t, err)
	require.Equal(t, []string{"atlassian", "awsalb", "bitbucket", "cfaccess", "gcpIap", "github", "oauth2Proxy"}, service.Configured("production"))
	require.Equal(t, []string{"awsalb", "cfaccess", "gcpIap", "gitlab", "oauth2Proxy"}, service.Configured("development"))
	require.True(t, service.IsDirect("gcpIap"))
	require.Contains(t, log, `nobody can sign in with this provider: Portico does not have it" provider=bitbucketServer`)
}

// placed matches the beginning of a position.
var placed = regexp.MustCompile(`\([^()]*app-config\.yaml:`)

func TestProvidersThatAreConfiguredWrongStopTheStart(t *testing.T) {
	t.Parallel()
	for providers, message := range map[string]string{
		"    github: { production: { clientId: a } }": "auth.providers.github.production: clientSecret is missing: GitHub requires it",
		"    github: { production: { clientId: a, clientSecret: b, signIn: { resolvers: [{ resolver: emailMatchingUserEntityAnnotation }] } } }": "" +
			"auth.providers.github.production: signIn.resolvers[0]: the provider github has no resolver 'emailMatchingUserEntityAnnotation': it has " +
			"emailMatchingUserEntityProfileEmail, emailLocalPartMatchingUserEntityName, usernameMatchingUserEntityName, userIdMatchingUserEntityAnnotation, expression (FILE:3)",
		"    cfaccess: { teamName: acme.example, audience: a }": "auth.providers.cfaccess: teamName must be the part of <team>.cloudflareaccess.com before the first dot",
		"    gcpIap: { audience: a, signIn: { resolvers: [{ resolver: usernameMatchingUserEntityName }] } }": "auth.providers.gcpIap: signIn.resolvers[0]: " +
			"the provider gcpIap has no resolver 'usernameMatchingUserEntityName': it has emailMatchingUserEntityProfileEmail, emailLocalPartMatchingUserEntityName, " +
			"emailMatchingUserEntityAnnotation, expression (FILE:3)",
		"    oidc: { production: { clientId: a, metadataUrl: 'https://id.example', signIn: { resolvers: [\n      { resolver: emailMatchingUserEntityProfileEmail },\n" +
			"      { resolver: expression, expression: 'user.email' }] } } }": "auth.providers.oidc.production: signIn.resolvers[1]: expression: 1:1: " +
			"undeclared reference to 'user' (FILE:5)",
		"    awsalb: { issuer: 'https://id.example', signer: a, region: eu-central-1 }": "auth.providers.awsalb: signer must be the load balancer's ARN, such as " +
			"arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/portico/0123456789abcdef: all load balancers of a region sign with the same keys",
		"    oauth2Proxy: {}": "auth.providers.oauth2Proxy: issuer and audience are missing: they are the OpenID issuer of oauth2-proxy and its client id. " +
			"Portico verifies the identity token that oauth2-proxy passes on, because anybody can send its other headers",
	} {
		_, _, err := signInOf(t, providers)
		require.Error(t, err)
		require.Equal(t, message, placed.ReplaceAllString(err.Error(), "(FILE:"))
	}
}
