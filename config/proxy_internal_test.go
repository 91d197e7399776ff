package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEndpointsOfTheProxyAreRead: in both places, and with the order of their rules.
func TestEndpointsOfTheProxyAreRead(t *testing.T) {
	t.Parallel()
	const endpoint = `
    /short: https://short.example.com
    /long:
      target: https://long.example.com
      pathRewrite: {'^/z': /1, '^/a': /2}
      headers: {Authorization: "Token ${TOKEN}"}
      changeOrigin: false
      secure: false
      followRedirects: true
      allowedMethods: [GET]
      allowedHeaders: x-a, x-b
      credentials: forward
`
	expected := map[string]ProxyEndpoint{
		"/short": {Target: "https://short.example.com", Headers: map[string]Secret{}, ChangeOrigin: true, Secure: true, Credentials: "require"},
		"/long": {Target: "https://long.example.com", PathRewrite: PathRewrite{{"^/z", "/1"}, {"^/a", "/2"}}, Headers: map[string]Secret{"Authorization": "Token x"},
			FollowRedirects: true, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"x-a", "x-b"}, Credentials: "forward"},
	}
	current := loadText(t, "proxy:\n  skipInvalidProxies: true\n  endpoints:"+endpoint)
	require.Equal(t, expected, current.Proxy.Endpoints)
	require.True(t, current.Proxy.SkipInvalidProxies)
	require.Empty(t, current.Proxy.Legacy)
	require.Equal(t, expected, loadText(t, "proxy:"+endpoint).Proxy.Legacy)
}

func TestInstancesOfArgoCDAreRead(t *testing.T) {
	t.Parallel()
	loaded := loadText(t, `argocd:
  username: u
  password: ${TOKEN}
  appLocatorMethods:
    - type: config
      instances:
        - {name: main, url: https://argo.example.com, token: "${TOKEN}"}
`)
	require.Equal(t, ArgoCD{Username: "u", Password: "x", AppLocatorMethods: []ArgoCDLocator{{Type: "config", Instances: []ArgoCDInstance{
		{Name: "main", URL: "https://argo.example.com", Token: "x"}}}}}, loaded.ArgoCD)
}

func loadText(t *testing.T, text string) *Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app-config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	loaded, err := Load(t.Context(), Options{Files: []string{path}, Environ: []string{"TOKEN=x"}})
	require.NoError(t, err)
	return loaded
}
