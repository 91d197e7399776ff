package cluster_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/workflows/cluster"
)

// environment replaces the variables of the process.
type environment map[string]string

func (e environment) LookupEnv(name string) (string, bool) {
	value, ok := e[name]
	return value, ok
}

func (e environment) Environ() []string {
	var pairs []string
	for name, value := range e {
		pairs = append(pairs, name+"="+value)
	}
	return pairs
}

// profiles writes a temporal.toml and returns its path.
func profiles(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestConfigurationOverridesEnvironmentAndProfile(t *testing.T) {
	t.Parallel()
	file := profiles(t, `
[profile.default]
address = "default.profile:7233"
[profile.cloud]
address = "cloud.profile:7233"
namespace = "cloud-namespace"
api_key = "key-of-the-profile"
`)
	for name, test := range map[string]struct {
		options            cluster.Options
		address, namespace string
		secured            string
	}{
		"nothing": {address: "", namespace: "default", secured: "no TLS"},
		"configuration": {cluster.Options{Address: "configured:7233", Namespace: "configured",
			Environment: environment{"TEMPORAL_ADDRESS": "environment:7233", "TEMPORAL_NAMESPACE": "environment", "TEMPORAL_CONFIG_FILE": file}},
			"configured:7233", "configured", "no TLS"},
		"environment": {cluster.Options{
			Environment: environment{"TEMPORAL_ADDRESS": "environment:7233", "TEMPORAL_CONFIG_FILE": file, "TEMPORAL_PROFILE": "cloud"}},
			"environment:7233", "cloud-namespace", "TLS and an API key"},
		"default profile": {cluster.Options{ConfigFile: file}, "default.profile:7233", "default", "no TLS"},
		"named profile":   {cluster.Options{ConfigFile: file, Profile: "cloud"}, "cloud.profile:7233", "cloud-namespace", "TLS and an API key"},
		"configured address, named profile": {cluster.Options{Address: "configured:7233", ConfigFile: file, Profile: "cloud"},
			"configured:7233", "cloud-namespace", "TLS and an API key"},
		"API key turns TLS on":     {cluster.Options{Address: "a:1", APIKey: "a-key"}, "a:1", "default", "TLS and an API key"},
		"server name turns TLS on": {cluster.Options{Address: "a:1", TLS: cluster.TLS{ServerName: "b"}}, "a:1", "default", "TLS"},
		"required":                 {cluster.Options{Address: "a:1", TLS: cluster.TLS{Mode: cluster.TLSRequired}}, "a:1", "default", "TLS"},
		"disabled in spite of a key": {cluster.Options{Address: "a:1", APIKey: "a-key", TLS: cluster.TLS{Mode: cluster.TLSDisabled}},
			"a:1", "default", "no TLS and an API key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.options.Environment == nil {
				test.options.Environment = environment{"TEMPORAL_CONFIG_FILE": filepath.Join(t.TempDir(), "none.toml")}
			}
			target, err := cluster.Resolve(test.options)
			require.NoError(t, err)
			require.Equal(t, test.address, target.Address)
			require.Equal(t, test.namespace, target.Namespace)
			require.Equal(t, test.secured, target.Secured())
		})
	}
}

// A file in a user's home directory may have the credentials of another cluster.
func TestTheDefaultProfileIsNotUsedForAConfiguredAddress(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("HOME", home)
	directory, err := os.UserConfigDir()
	require.NoError(t, err)
	directory = filepath.Join(directory, "temporalio")
	require.NoError(t, os.MkdirAll(directory, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(directory, "temporal.toml"),
		[]byte("[profile.default]\naddress = \"cloud:7233\"\napi_key = \"key-of-a-person\"\n"), 0o600))

	configured, err := cluster.Resolve(cluster.Options{Address: "here:7233", Environment: environment{}})
	require.NoError(t, err)
	require.Equal(t, "no TLS", configured.Secured())

	elsewhere, err := cluster.Resolve(cluster.Options{Environment: environment{}})
	require.NoError(t, err)
	require.Equal(t, "cloud:7233", elsewhere.Address)
	require.Equal(t, "TLS and an API key", elsewhere.Secured())
}

func TestInvalidCredentialsFailBeforeConnecting(t *testing.T) {
	t.Parallel()
	good := newAuthority(t, "test authority")
	valid, expired := good.sign(t, "client", time.Now().Add(time.Hour)), good.sign(t, "old client", time.Now().Add(-time.Hour))
	other := good.sign(t, "another client", time.Now().Add(time.Hour))
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, test := range map[string]struct {
		options cluster.Options
		says    string
	}{
		"unknown profile":         {cluster.Options{Profile: "nowhere"}, "unable to find profile nowhere"},
		"certificate without key": {cluster.Options{TLS: cluster.TLS{ClientCertFile: valid.certFile}}, "other must be present too"},
		"key of another":          {cluster.Options{TLS: cluster.TLS{ClientCertFile: valid.certFile, ClientKeyFile: other.keyFile}}, "does not match"},
		"expired":                 {cluster.Options{TLS: cluster.TLS{ClientCertFile: expired.certFile, ClientKeyFile: expired.keyFile}}, "(CN=old client) expired on"},
		"expired inline":          {cluster.Options{TLS: cluster.TLS{ClientCert: expired.cert, ClientKey: expired.key}}, "(CN=old client) expired on"},
		"no authority":            {cluster.Options{TLS: cluster.TLS{ServerCAFile: empty}}, "failed adding server CA"},
		"key file is missing":     {cluster.Options{APIKeyFile: empty + "-not"}, "portico.temporal.apiKeyFile"},
		"key file is empty":       {cluster.Options{APIKeyFile: empty}, "is empty"},
		"two keys":                {cluster.Options{APIKey: "a-key", APIKeyFile: empty}, "both apiKey and apiKeyFile"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.options.Environment = environment{"TEMPORAL_CONFIG_FILE": filepath.Join(t.TempDir(), "none.toml")}
			_, err := cluster.Resolve(test.options)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "PRIVATE KEY")
		})
	}
}
