// Package vault reads secrets of the configuration from HashiCorp Vault: {$vault: kv/data/portico#clientSecret}.
package vault

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/portico-dev/portico/vault"
)

const (
	// deadline bounds all that is read from Vault for one configuration, retries included.
	deadline = 30 * time.Second
	// retries is how often a request is repeated that Vault could not answer.
	retries = 2
)

var errTooSlow = fmt.Errorf("no answer from Vault within %s, which is the time for all secrets of the configuration", deadline)

// Reader reads secrets of one configuration. It asks for each path once. Its zero value is not usable.
type Reader struct {
	lookup func(name string) (string, bool)
	// session is nil before the first request.
	session *vault.Session
	secrets map[string]map[string]any
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
	secret, err := r.session.Logical().ReadWithContext(ctx, at)
	if err != nil {
		return nil, vault.Refusal(err)
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

// connect logs in, once.
func (r *Reader) connect(ctx context.Context) error {
	if r.session != nil {
		return nil
	}
	settings := vault.FromEnvironment(r.lookup)
	settings.Retries = retries
	session, err := vault.Login(ctx, settings)
	r.session = session
	return err
}

// Close revokes the token of a login. It ends by itself too, if that fails.
func (r *Reader) Close(ctx context.Context) {
	if r.session != nil {
		r.session.Close(ctx)
	}
}
