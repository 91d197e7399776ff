// Package vault reads secrets of the configuration from HashiCorp Vault: {$vault: kv/data/portico#clientSecret}.
package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

const (
	// deadline bounds all that is read from Vault for one configuration, retries included.
	deadline = 30 * time.Second
	// requestTimeout bounds one request, and retries is how often one is repeated that Vault could not answer.
	requestTimeout = 10 * time.Second
	retries        = 2

	// serviceAccountToken is where Kubernetes puts the token of a pod's service account.
	serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token" //nolint:gosec // a path, not a token
)

var errTooSlow = fmt.Errorf("no answer from Vault within %s, which is the time for all secrets of the configuration", deadline)

// Reader reads secrets of one configuration. It asks for each path once. Its zero value is not usable.
type Reader struct {
	lookup func(name string) (string, bool)
	client *api.Client
	// loggedIn means that the token was got by a login, and is revoked by Close.
	loggedIn bool
	secrets  map[string]map[string]any
	// until is when Vault must have answered everything; zero before the first Read.
	until time.Time
}

// NewReader makes no request. lookup is the environment, with Vault's own variables; see docs/configuration.md.
func NewReader(lookup func(name string) (string, bool)) *Reader {
	return &Reader{lookup: lookup, secrets: map[string]map[string]any{}}
}

// Read returns the text of a reference, <path>#<field>. Errors do not contain what Vault has.
func (r *Reader) Read(ctx context.Context, reference string) (string, error) {
	at, field, _ := strings.Cut(reference, "#")
	if at == "" || field == "" || path.Clean("/"+at) != "/"+at {
		return "", errors.New("it must be <path>#<field>, such as kv/data/portico#clientSecret")
	}
	if r.until.IsZero() {
		r.until = time.Now().Add(deadline)
	}
	ctx, cancel := context.WithDeadlineCause(ctx, r.until, errTooSlow)
	defer cancel()
	data, known := r.secrets[at]
	if !known {
		var err error
		if data, err = r.fetch(ctx, at); err != nil {
			if errors.Is(context.Cause(ctx), errTooSlow) {
				err = errTooSlow
			}
			return "", err
		}
		r.secrets[at] = data
	}
	value, has := data[field]
	if !has {
		return "", fmt.Errorf("the secret has no field '%s'", field)
	}
	text, is := value.(string)
	if !is {
		return "", fmt.Errorf("the field '%s' is not a text", field)
	}
	return text, nil
}

// fetch reads one secret, of version 1 or 2 of the engine KV.
func (r *Reader) fetch(ctx context.Context, at string) (map[string]any, error) {
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	secret, err := r.client.Logical().ReadWithContext(ctx, at)
	if err != nil {
		return nil, refusal(err)
	}
	if secret == nil || secret.Data == nil {
		return nil, errors.New("there is no such secret; paths of the engine KV, version 2, have data/ after the engine")
	}
	if secret.LeaseID != "" {
		return nil, fmt.Errorf("the secret is leased: it ends after %s, and Portico keeps what it reads at the start for as long as it runs. "+
			"Use a secret of an engine KV, or let Vault's agent write a file, use $file, and restart Portico when the file changes", time.Duration(secret.LeaseDuration)*time.Second)
	}
	_, hasMetadata := secret.Data["metadata"].(map[string]any)
	inner, isVersion2 := secret.Data["data"].(map[string]any)
	if !hasMetadata || !isVersion2 {
		if hasMetadata {
			return nil, errors.New("the secret is deleted")
		}
		return secret.Data, nil
	}
	return inner, nil
}

// connect makes the client and logs in, once.
func (r *Reader) connect(ctx context.Context) error {
	if r.client != nil {
		return nil
	}
	address, agent := r.variable("VAULT_ADDR"), r.variable("VAULT_AGENT_ADDR")
	if address == "" && agent == "" {
		return errors.New("VAULT_ADDR is not set: it is Vault's address, such as https://vault.example.com:8200")
	}
	if skips := r.variable("VAULT_SKIP_VERIFY"); skips != "" && skips != "0" && !strings.EqualFold(skips, "false") {
		return errors.New("VAULT_SKIP_VERIFY is not supported: whoever answers in Vault's place would get Portico's token. " +
			"Remove it, and name the file with the authority of Vault's certificate in VAULT_CACERT")
	}
	settings := api.DefaultConfig()
	if settings.Error != nil {
		return fmt.Errorf("the settings of Vault: %w", settings.Error)
	}
	settings.Address, settings.AgentAddress, settings.Timeout, settings.MaxRetries = address, agent, requestTimeout, retries
	if err := settings.ConfigureTLS(&api.TLSConfig{CACert: r.variable("VAULT_CACERT"), CAPath: r.variable("VAULT_CAPATH"), ClientCert: r.variable("VAULT_CLIENT_CERT"),
		ClientKey: r.variable("VAULT_CLIENT_KEY"), TLSServerName: r.variable("VAULT_TLS_SERVER_NAME")}); err != nil {
		return fmt.Errorf("the certificates of Vault: %w", err)
	}
	client, err := api.NewClient(settings)
	if err != nil {
		return errors.New("VAULT_ADDR or VAULT_AGENT_ADDR is not the address of a Vault")
	}
	client.ClearNamespace()
	if namespace := r.variable("VAULT_NAMESPACE"); namespace != "" {
		client.SetNamespace(namespace)
	}
	client.ClearToken()
	if err := r.authenticate(ctx, client); err != nil {
		return err
	}
	r.client = client
	return nil
}

func (r *Reader) variable(name string) string {
	value, _ := r.lookup(name)
	return strings.TrimSpace(value)
}

// authenticate gives the client a token: the configured one, or that of a login. An agent may add one itself.
func (r *Reader) authenticate(ctx context.Context, client *api.Client) error {
	if token := r.variable("VAULT_TOKEN"); token != "" {
		client.SetToken(token)
		return nil
	}
	mount, credentials, err := r.credentials()
	if errors.Is(err, errNoCredentials) && r.variable("VAULT_AGENT_ADDR") != "" {
		return nil
	}
	if err != nil {
		return err
	}
	answer, err := client.Logical().WriteWithContext(ctx, "auth/"+mount+"/login", credentials)
	if err != nil {
		return fmt.Errorf("log in at auth/%s: %w", mount, refusal(err))
	}
	if answer == nil || answer.Auth == nil || answer.Auth.ClientToken == "" {
		return fmt.Errorf("log in at auth/%s: Vault gave no token", mount)
	}
	client.SetToken(answer.Auth.ClientToken)
	r.loggedIn = true
	return nil
}

// credentials are those of a login, and where to log in.
func (r *Reader) credentials() (mount string, credentials map[string]any, err error) {
	if role := r.variable("VAULT_KUBERNETES_ROLE"); role != "" {
		file := cmp.Or(r.variable("VAULT_KUBERNETES_TOKEN_FILE"), serviceAccountToken)
		token, err := os.ReadFile(file)
		if err != nil {
			return "", nil, fmt.Errorf("the token of the service account: %w", err)
		}
		return cmp.Or(r.variable("VAULT_KUBERNETES_MOUNT"), "kubernetes"), map[string]any{"role": role, "jwt": strings.TrimSpace(string(token))}, nil
	}
	if id := r.variable("VAULT_ROLE_ID"); id != "" {
		return cmp.Or(r.variable("VAULT_APPROLE_MOUNT"), "approle"), map[string]any{"role_id": id, "secret_id": r.variable("VAULT_SECRET_ID")}, nil
	}
	return "", nil, errNoCredentials
}

var errNoCredentials = errors.New("no way to authenticate at Vault is configured: set VAULT_TOKEN, VAULT_KUBERNETES_ROLE, or VAULT_ROLE_ID and VAULT_SECRET_ID")

// Close revokes the token of a login. It ends by itself too, if that fails.
func (r *Reader) Close(ctx context.Context) {
	if !r.loggedIn {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	_ = r.client.Auth().Token().RevokeSelfWithContext(ctx, "")
}

// refusal is an error without the address and without text of anybody but Vault: either may contain secrets.
func refusal(err error) error {
	if answered, is := errors.AsType[*api.ResponseError](err); is {
		if answered.RawError || len(answered.Errors) == 0 {
			return fmt.Errorf("the status is %d %s", answered.StatusCode, http.StatusText(answered.StatusCode))
		}
		return fmt.Errorf("the status is %d: %s", answered.StatusCode, strings.Join(answered.Errors, "; "))
	}
	if failed, is := errors.AsType[*url.Error](err); is {
		return fmt.Errorf("no answer from Vault: %w", failed.Err)
	}
	return fmt.Errorf("no answer from Vault: %w", err)
}
