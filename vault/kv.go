package vault

import (
	"context"
	"errors"
	"net/http"
)

var (
	// ErrNoEngine says that there is no secrets engine at a path, or that the token has no right there: Vault does not
	// say which.
	ErrNoEngine = errors.New("there is no such secrets engine in Vault, or Portico's token has no right there")
	// ErrNotKV2 says that an engine is not KV of version 2: another one would take the same requests for something
	// else.
	ErrNotKV2 = errors.New("the secrets engine is not KV of version 2")
)

// RequireKV2 checks that there is an engine KV of version 2 at a path, such as "kv". The error is ErrNoEngine, ErrNotKV2
// or a Refusal.
func (s *Session) RequireKV2(ctx context.Context, engine string) error {
	// Vault's own command line asks here. It needs no right but some to the engine.
	answer, err := s.Logical().ReadWithContext(ctx, "sys/internal/ui/mounts/"+engine)
	if err != nil {
		refusal := Refusal(err)
		if said, is := errors.AsType[*AnswerError](refusal); is && said.Status == http.StatusForbidden && said.Says("preflight") {
			return ErrNoEngine
		}
		return refusal
	}
	if answer == nil || answer.Data["path"] != engine+"/" {
		return ErrNoEngine
	}
	options, _ := answer.Data["options"].(map[string]any)
	if answer.Data["type"] != "kv" || options["version"] != "2" {
		return ErrNotKV2
	}
	return nil
}

// ListKV2 lists what is in a folder of an engine KV of version 2: names of secrets, and of folders with a slash at the
// end. The folder "" is the whole engine. Where nothing is, there are none. The error is a Refusal.
func (s *Session) ListKV2(ctx context.Context, engine, folder string) ([]string, error) {
	answer, err := s.Logical().ListWithContext(ctx, engine+"/metadata/"+folder)
	if err != nil {
		return nil, Refusal(err)
	}
	if answer == nil {
		return nil, nil
	}
	keys, _ := answer.Data["keys"].([]any)
	var names []string
	for _, key := range keys {
		if name, is := key.(string); is {
			names = append(names, name)
		}
	}
	return names, nil
}
