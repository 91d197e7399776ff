// Package vault holds the actions on HashiCorp Vault: vault:create-namespace and vault:write-secret. They act
// with Portico's own credentials at Vault; package vault at the top logs in.
package vault

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/vault"
)

var (
	//go:embed schema/create-namespace.input.json
	createNamespaceInput json.RawMessage
	//go:embed schema/create-namespace.output.json
	createNamespaceOutput json.RawMessage
	//go:embed schema/write-secret.input.json
	writeSecretInput json.RawMessage
	//go:embed schema/write-secret.output.json
	writeSecretOutput json.RawMessage
)

// Actions are the actions of this package.
func Actions(sessions *vault.Sessions) []action.Action {
	return []action.Action{createNamespace{sessions}, writeSecret{sessions}}
}

const needsVault = "The address of Vault and Portico's credentials there, see \"Vault\" in the configuration."

// connection is a session, and how its errors are told.
type connection struct{ *vault.Session }

// connect logs in when it is necessary.
func connect(ctx context.Context, sessions *vault.Sessions) (connection, error) {
	session, err := sessions.Session(ctx)
	switch {
	case errors.Is(err, vault.ErrNotConfigured):
		return connection{}, action.Advise(fault.Wrap(fault.Input, err, "Vault is not configured: %s", err),
			"Ask an operator to configure Vault and to restart the worker, then retry.")
	case err != nil && !isAnswer(err) && !errors.Is(err, vault.ErrNoAnswer):
		return connection{}, action.Advise(fault.Wrap(fault.Input, err, "Portico cannot log in at Vault: %s", err),
			"Ask an operator to correct the configuration and to restart the worker, then retry.")
	case err != nil:
		return connection{}, explain(err, "logging in at Vault")
	}
	return connection{session}, nil
}

// isAnswer reports whether an error is what Vault answered.
func isAnswer(err error) bool {
	_, is := errors.AsType[*vault.AnswerError](err)
	return is
}

// explain classifies an error of Vault's client. The message says what was being done and what Vault answered.
func explain(err error, doing string) error {
	if !isAnswer(err) && !errors.Is(err, vault.ErrNoAnswer) {
		err = vault.Refusal(err)
	}
	answer, answered := errors.AsType[*vault.AnswerError](err)
	if !answered {
		return action.Advise(action.Transient(fmt.Errorf("%s: %w", doing, err), 0), "Check that Vault is up and can be reached from the worker, then retry.")
	}
	if answer.Says("Upgrading from non-versioned to versioned data") {
		// A new engine KV of version 2 does so for a moment.
		return action.Transient(fmt.Errorf("%s: %w", doing, answer), time.Second)
	}
	switch answer.Status {
	case http.StatusForbidden:
		return action.Advise(fault.Wrap(fault.NotAllowed, answer, "%s: Vault refused it to Portico's token: %s", doing, answer),
			"Give Portico's policy in Vault this right, then retry.")
	case http.StatusServiceUnavailable:
		return action.Advise(action.Transient(fmt.Errorf("%s: Vault is sealed or on standby: %w", doing, answer), 0), "Unseal Vault, then retry.")
	case http.StatusNotFound:
		return action.Advise(fault.Wrap(fault.NotFound, answer, "%s: %s", doing, answer), "Check the path and the namespace of Vault, then retry.")
	case http.StatusBadRequest:
		return action.Advise(fault.Wrap(fault.Input, answer, "%s: %s", doing, answer), "Correct the step's input in the template, and start a new run.")
	}
	if answer.Status == http.StatusTooManyRequests || answer.Status >= http.StatusInternalServerError {
		return action.Transient(fmt.Errorf("%s: %w", doing, answer), 0)
	}
	return action.Final(fmt.Errorf("%s: %w", doing, answer))
}

// isStatus reports whether Vault answered with a status and a text.
func isStatus(err error, status int, text string) bool {
	var answer *vault.AnswerError
	if err == nil || !errors.As(vault.Refusal(err), &answer) {
		return false
	}
	return answer.Status == status && answer.Says(text)
}

// origin marks what a run made, for people and for the undo.
func origin(effect action.Effect) string {
	return fmt.Sprintf("Portico: run %s, effect %s", effect.RunID, effect.ID)
}

// record is the data of an effect.
func record(effect action.Effect, into any) error {
	if err := json.Unmarshal(effect.Data, into); err != nil {
		return action.Final(fmt.Errorf("effect %s %q: its record cannot be read: %w", effect.ID, effect.Name, err))
	}
	return nil
}

// quoted are names as an error shows them.
func quoted(names []string) string { return "'" + strings.Join(names, "', '") + "'" }
