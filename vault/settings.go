// Package vault connects to HashiCorp Vault: address, certificates, and a login with a token, a Kubernetes
// service account or an AppRole. What is read and written there is up to its users: config/vault and
// activities/vault.
package vault

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

const (
	// requestTimeout bounds one request.
	requestTimeout = 10 * time.Second

	// serviceAccountToken is where Kubernetes puts the token of a pod's service account.
	serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token" //nolint:gosec // a path, not a token
)

// ErrNotConfigured says that there is no address of a Vault.
var ErrNotConfigured = errors.New("VAULT_ADDR is not set: it is Vault's address, such as https://vault.example.com:8200")

var errSkipsVerify = errors.New("VAULT_SKIP_VERIFY is not supported: whoever answers in Vault's place would get Portico's token. " +
	"Remove it, and name the file with the authority of Vault's certificate in VAULT_CACERT")

var errNoCredentials = errors.New("no way to authenticate at Vault is configured: set VAULT_TOKEN, VAULT_KUBERNETES_ROLE, or VAULT_ROLE_ID and VAULT_SECRET_ID")

// Settings say where Vault is and who Portico is there. Exactly one of Token, KubernetesRole and RoleID is used,
// in this order. With an AgentAddress, all may be missing: the agent adds a token then.
type Settings struct {
	Address, AgentAddress string
	// Namespace is a namespace of Vault Enterprise, "" for the root.
	Namespace string
	// Namespaces says whether namespaces below it are made for teams; "" asks the server whether it has any.
	Namespaces NamespaceUse
	TLS        api.TLSConfig
	// Retries is how often a request is repeated that Vault could not answer.
	Retries int

	Token string
	// KubernetesRole logs in with a service account; KubernetesMount and KubernetesTokenFile have Vault's
	// defaults.
	KubernetesRole, KubernetesMount, KubernetesTokenFile string
	// RoleID logs in with an AppRole.
	RoleID, SecretID, AppRoleMount string

	// skipsVerify is a setting of the environment that is refused.
	skipsVerify bool
}

// FromEnvironment reads the variables of Vault's own programs, and those of docs/configuration.md.
func FromEnvironment(lookup func(name string) (string, bool)) Settings {
	variable := func(name string) string {
		value, _ := lookup(name)
		return strings.TrimSpace(value)
	}
	skips := variable("VAULT_SKIP_VERIFY")
	return Settings{
		skipsVerify: skips != "" && skips != "0" && !strings.EqualFold(skips, "false"),
		Address:     variable("VAULT_ADDR"), AgentAddress: variable("VAULT_AGENT_ADDR"), Namespace: variable("VAULT_NAMESPACE"),
		TLS: api.TLSConfig{CACert: variable("VAULT_CACERT"), CAPath: variable("VAULT_CAPATH"), ClientCert: variable("VAULT_CLIENT_CERT"),
			ClientKey: variable("VAULT_CLIENT_KEY"), TLSServerName: variable("VAULT_TLS_SERVER_NAME")},
		Token:          variable("VAULT_TOKEN"),
		KubernetesRole: variable("VAULT_KUBERNETES_ROLE"), KubernetesMount: variable("VAULT_KUBERNETES_MOUNT"), KubernetesTokenFile: variable("VAULT_KUBERNETES_TOKEN_FILE"),
		RoleID: variable("VAULT_ROLE_ID"), SecretID: variable("VAULT_SECRET_ID"), AppRoleMount: variable("VAULT_APPROLE_MOUNT"),
	}
}

// newClient makes a client without a token. It makes no request.
func (s Settings) newClient() (*api.Client, error) {
	if s.Address == "" && s.AgentAddress == "" {
		return nil, ErrNotConfigured
	}
	if s.skipsVerify {
		return nil, errSkipsVerify
	}
	settings := api.DefaultConfig()
	if settings.Error != nil {
		return nil, fmt.Errorf("the settings of Vault: %w", settings.Error)
	}
	settings.Address, settings.AgentAddress, settings.Timeout, settings.MaxRetries = s.Address, s.AgentAddress, requestTimeout, s.Retries
	if err := settings.ConfigureTLS(&s.TLS); err != nil {
		return nil, fmt.Errorf("the certificates of Vault: %w", err)
	}
	client, err := api.NewClient(settings)
	if err != nil {
		return nil, errors.New("VAULT_ADDR or VAULT_AGENT_ADDR is not the address of a Vault")
	}
	client.ClearNamespace()
	if s.Namespace != "" {
		client.SetNamespace(s.Namespace)
	}
	client.ClearToken()
	return client, nil
}

// credentials are those of a login, and where to log in.
func (s Settings) credentials() (mount string, credentials map[string]any, err error) {
	switch {
	case s.KubernetesRole != "":
		token, err := os.ReadFile(cmp.Or(s.KubernetesTokenFile, serviceAccountToken))
		if err != nil {
			return "", nil, fmt.Errorf("the token of the service account: %w", err)
		}
		return cmp.Or(s.KubernetesMount, "kubernetes"), map[string]any{"role": s.KubernetesRole, "jwt": strings.TrimSpace(string(token))}, nil
	case s.RoleID != "":
		return cmp.Or(s.AppRoleMount, "approle"), map[string]any{"role_id": s.RoleID, "secret_id": s.SecretID}, nil
	default:
		return "", nil, errNoCredentials
	}
}
