package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	activitieshttp "github.com/portico-dev/portico/activities/http"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/proxy"
)

func TestEndpointsOfTheProxyAreConverted(t *testing.T) {
	t.Parallel()
	require.Equal(t, []proxy.Endpoint{
		{Route: "/a", Target: "https://a.example.com", Headers: map[string]string{"X-Key": "secret"}, Credentials: proxy.Require},
		{Route: "/b", Target: "https://b.example.com", KeepHost: true, SkipTLSVerify: true, FollowRedirects: true, Headers: map[string]string{},
			PathRewrite: []proxy.Rewrite{{Pattern: "^/x", Replacement: "/y"}}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"x-a"}, Credentials: proxy.Forward},
	}, proxyEndpoints(map[string]config.ProxyEndpoint{
		"/b": {Target: "https://b.example.com", FollowRedirects: true, PathRewrite: config.PathRewrite{{Pattern: "^/x", Replacement: "/y"}},
			AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"x-a"}, Credentials: "forward"},
		"/a": {Target: "https://a.example.com", Headers: map[string]config.Secret{"X-Key": "secret"}, ChangeOrigin: true, Secure: true, Credentials: "require"},
	}))
	require.Equal(t, map[string]config.ProxyEndpoint{"/a": {Target: "x"}}, legacyEndpoints(map[string]config.ProxyEndpoint{"/a": {Target: "x"}, "reviveConsumedRequestBodies": {}}))
}

func TestTemplatesAskThePluginsOfTheConfiguration(t *testing.T) {
	t.Parallel()
	loaded := &config.Config{Backend: config.Backend{BaseURL: "https://portico.example.com"}, Portico: config.Portico{HTTP: config.HTTP{Plugins: []string{"catalog", "search"}}},
		Discovery: config.Discovery{Endpoints: []config.DiscoveryEndpoint{
			{Target: config.DiscoveryTarget{Internal: "http://backstage:7007/api/{{pluginId}}/"}, Plugins: []string{"search", "techdocs"}}, {Plugins: []string{"app"}}}}}
	found, err := pluginAddresses(loaded)
	require.NoError(t, err)
	bases := map[string]string{}
	for id, plugin := range found {
		bases[id] = plugin.Base.String()
	}
	require.Equal(t, map[string]string{"catalog": "https://portico.example.com/api/catalog", "search": "http://backstage:7007/api/search",
		"techdocs": "http://backstage:7007/api/techdocs"}, bases)
	require.Equal(t, map[bool]int{true: 1, false: 2}, countOurs(found))
	loaded.Discovery.Endpoints[0].Target.Internal = "backstage"
	_, err = pluginAddresses(loaded)
	require.EqualError(t, err, "discovery.endpoints: the address of the plugin 'search' is no URL")
}

func countOurs(plugins map[string]activitieshttp.Plugin) map[bool]int {
	counts := map[bool]int{}
	for _, plugin := range plugins {
		counts[plugin.IsOurs]++
	}
	return counts
}
