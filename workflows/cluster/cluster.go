// Package cluster reaches a Temporal cluster as its operators secured it: with TLS, client certificates or
// API keys, from Portico's configuration, from Temporal's own TEMPORAL_* variables, or from a profile in a
// temporal.toml file.
package cluster

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
)

// Modes of TLS.
const (
	// TLSAuto uses TLS where a certificate, a certificate authority, a server name or an API key is given.
	TLSAuto = "auto"
	// TLSRequired uses TLS in any case, TLSDisabled in none.
	TLSRequired = "required"
	TLSDisabled = "disabled"
)

// DefaultNamespace is used where nothing names one.
const DefaultNamespace = "default"

// Options are what Portico's configuration says. Each setting that is not empty wins over the environment and
// the profile.
type Options struct {
	// Address is host:port of the frontend.
	Address   string
	Namespace string
	// Profile names a profile of temporal.toml, "" is TEMPORAL_PROFILE or "default". A profile that is named
	// must exist.
	Profile string
	// ConfigFile is the path of temporal.toml, "" is TEMPORAL_CONFIG_FILE or the file in the user's
	// configuration directory.
	ConfigFile string
	// APIKey is sent with every call. APIKeyFile is a file that holds it, which is read for each call: keys
	// may be rotated.
	APIKey, APIKeyFile string
	TLS                TLS
	// Environment is where TEMPORAL_* variables are looked up, nil for those of the process.
	Environment envconfig.EnvLookup
}

// TLS says how the connection is secured. Files are paths of PEM files, the other certificates and keys are
// PEM themselves.
type TLS struct {
	// Mode is TLSAuto, TLSRequired or TLSDisabled; "" is TLSAuto.
	Mode string
	// ServerName is expected in the server's certificate, "" expects the host of the address.
	ServerName string
	// ServerCA signs the server's certificate; empty are the authorities that this machine trusts.
	ServerCA, ServerCAFile string
	// ClientCert and ClientKey are how the client identifies itself (mTLS). Files are read again for each new
	// connection.
	ClientCert, ClientCertFile string
	ClientKey, ClientKeyFile   string
}

// Target is a cluster and a namespace on it, and how to reach them.
type Target struct {
	// Address is host:port, "" where nothing configures one.
	Address string
	// Namespace is never empty.
	Namespace string

	options client.Options
}

// Plain is a server without TLS and credentials, like the embedded one. An empty namespace is
// DefaultNamespace.
func Plain(address, namespace string) Target {
	namespace = cmp.Or(namespace, DefaultNamespace)
	return Target{Address: address, Namespace: namespace,
		options: client.Options{HostPort: address, Namespace: namespace, ConnectionOptions: client.ConnectionOptions{TLSDisabled: true}}}
}

// Resolve finds out which cluster to use: the configuration wins over TEMPORAL_* variables, and those over
// the profile. A temporal.toml that nobody names is read only where Portico's configuration has no address: a
// person's credentials for another cluster are not sent to this one. An address in TEMPORAL_ADDRESS replaces
// only the profile's own: the default profile's key and certificates are still used, as by Temporal's command
// line.
func Resolve(options Options) (Target, error) {
	environment := options.Environment
	if environment == nil {
		environment = envconfig.EnvLookupOS
	}
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{
		ConfigFilePath: options.ConfigFile, ConfigFileProfile: options.Profile, EnvLookup: environment, ConfigFileStrict: true,
		DisableFile: options.Address != "" && !options.namesProfile(environment),
	})
	if err != nil {
		return Target{}, fmt.Errorf("read Temporal's profile (portico.temporal.profile, configFile, TEMPORAL_*): %w", err)
	}
	if options.APIKey != "" && options.APIKeyFile != "" {
		return Target{}, errors.New("portico.temporal has both apiKey and apiKeyFile: only one of them can hold")
	}
	options.override(&profile)
	target := Target{Address: profile.Address, Namespace: profile.Namespace}
	if target.options, err = profile.ToClientOptions(envconfig.ToClientOptionsRequest{}); err != nil {
		return Target{}, fmt.Errorf("credentials for Temporal (portico.temporal, TEMPORAL_*): %w", err)
	}
	if err := useAPIKeyFile(&target.options, options.APIKeyFile); err != nil {
		return Target{}, err
	}
	return target, useClientCertificate(target.options.ConnectionOptions.TLS, profile.TLS)
}

func (o Options) namesProfile(environment envconfig.EnvLookup) bool {
	named, _ := environment.LookupEnv("TEMPORAL_PROFILE")
	file, _ := environment.LookupEnv("TEMPORAL_CONFIG_FILE")
	return cmp.Or(o.Profile, o.ConfigFile, named, file) != ""
}

// override puts the configured settings over those of the profile.
func (o Options) override(profile *envconfig.ClientConfigProfile) {
	profile.Address = cmp.Or(o.Address, profile.Address)
	profile.Namespace = cmp.Or(o.Namespace, profile.Namespace, DefaultNamespace)
	profile.APIKey = cmp.Or(o.APIKey, profile.APIKey)
	if o.APIKeyFile != "" {
		profile.APIKey = ""
	}
	settings := profile.TLS
	if settings == nil {
		settings = &envconfig.ClientConfigTLS{}
	}
	if o.TLS.override(settings) {
		profile.TLS = settings
	}
}

// override answers whether anything is configured.
func (t TLS) override(settings *envconfig.ClientConfigTLS) bool {
	settings.ServerName = cmp.Or(t.ServerName, settings.ServerName)
	if t.ServerCA+t.ServerCAFile != "" {
		settings.ServerCACertData, settings.ServerCACertPath = []byte(t.ServerCA), t.ServerCAFile
	}
	certificate := t.ClientCert + t.ClientCertFile + t.ClientKey + t.ClientKeyFile
	if certificate != "" {
		settings.ClientCertData, settings.ClientCertPath = []byte(t.ClientCert), t.ClientCertFile
		settings.ClientKeyData, settings.ClientKeyPath = []byte(t.ClientKey), t.ClientKeyFile
	}
	isConfigured := t.ServerName+t.ServerCA+t.ServerCAFile+certificate != ""
	switch cmp.Or(t.Mode, TLSAuto) {
	case TLSRequired:
		settings.Disabled, isConfigured = false, true
	case TLSDisabled:
		settings.Disabled, isConfigured = true, true
	default:
		settings.Disabled = settings.Disabled && !isConfigured
	}
	return isConfigured
}

// useAPIKeyFile has the key read for each call; "" is no file.
func useAPIKeyFile(options *client.Options, path string) error {
	if path == "" {
		return nil
	}
	if _, err := readAPIKey(path); err != nil {
		return err
	}
	options.Credentials = client.NewAPIKeyDynamicCredentials(func(context.Context) (string, error) { return readAPIKey(path) })
	return nil
}

func readAPIKey(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the API key of Temporal (portico.temporal.apiKeyFile): %w", err)
	}
	key := strings.TrimSpace(string(content))
	if key == "" {
		return "", fmt.Errorf("the API key file of Temporal %s is empty (portico.temporal.apiKeyFile)", path)
	}
	return key, nil
}

// useClientCertificate checks the client's certificate, and has one that lies in files read again for each
// new connection.
func useClientCertificate(secured *tls.Config, settings *envconfig.ClientConfigTLS) error {
	if secured == nil || len(secured.Certificates) == 0 {
		return nil
	}
	if err := checkExpiry(&secured.Certificates[0]); err != nil {
		return err
	}
	if settings.ClientCertPath == "" {
		return nil
	}
	certificate, key := settings.ClientCertPath, settings.ClientKeyPath
	secured.Certificates = nil
	secured.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		loaded, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("load the client certificate of Temporal: %w", err)
		}
		return &loaded, nil
	}
	return nil
}

// checkExpiry finds here what a server would say in fewer words, or by closing the connection.
func checkExpiry(certificate *tls.Certificate) error {
	leaf := certificate.Leaf
	if leaf == nil {
		parsed, err := x509.ParseCertificate(certificate.Certificate[0])
		if err != nil {
			return fmt.Errorf("the client certificate for Temporal: %w", err)
		}
		leaf = parsed
	}
	now := time.Now()
	if now.After(leaf.NotAfter) {
		return fmt.Errorf("the client certificate for Temporal (%s) expired on %s: renew it, or name another in portico.temporal.tls",
			leaf.Subject, leaf.NotAfter.Format(time.DateTime))
	}
	if now.Before(leaf.NotBefore) {
		return fmt.Errorf("the client certificate for Temporal (%s) is not valid before %s: check this machine's clock",
			leaf.Subject, leaf.NotBefore.Format(time.DateTime))
	}
	return nil
}

// errNoAddress is returned where there is nothing to connect to.
var errNoAddress = errors.New("no address of Temporal is configured: set portico.temporal.address, TEMPORAL_ADDRESS or a profile's address")

// Secured describes the connection for a log: how it is encrypted and how the client identifies itself. It
// holds no secret.
func (t Target) Secured() string {
	secured := t.options.ConnectionOptions.TLS
	var how []string
	switch {
	case secured != nil && (secured.GetClientCertificate != nil || len(secured.Certificates) > 0):
		how = append(how, "TLS with a client certificate")
	case secured != nil || t.options.Credentials != nil && !t.options.ConnectionOptions.TLSDisabled:
		how = append(how, "TLS")
	default:
		how = append(how, "no TLS")
	}
	if t.options.Credentials != nil {
		how = append(how, "an API key")
	}
	return strings.Join(how, " and ")
}
