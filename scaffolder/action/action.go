// Package action is the contract between the run engine and the actions of template steps. An action
// describes itself, runs, undoes what it created, and plans. Implementations are under activities/, one
// package for each system. Package resource implements the rules for actions that create things in other
// systems.
package action

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/scaffolder/parameters"
	"github.com/portico-dev/portico/scaffolder/template"
)

// Action is an operation of a template step.
//
// Run is idempotent: when it is called again after a crash at any instruction, it finds what it created
// (through the Call's Ledger) and continues. Undo removes one thing that this run created, and nothing else.
// It is idempotent, too, and succeeds when the thing is already gone. An answer "not found" does not prove
// that: many systems also answer so for things that they hide. Then Undo fails, and the effect stays open.
// Plan only reads.
type Action interface {
	Describe() Description
	Run(ctx context.Context, call *Call) (Output, error)
	Undo(ctx context.Context, call *UndoCall) error
	Plan(ctx context.Context, call *Call) (Plan, error)
}

// Output is a step's output, which expressions read as steps.<id>.output. Nil means no output.
type Output map[string]any

// StepOutput is the output of a completed step, and the same with secrets masked. Both are nil when there is
// none.
type StepOutput struct {
	StepID        string
	Output, Shown json.RawMessage
}

// Description is the metadata of an action: for GET /v2/actions, and for the engine that runs it.
type Description struct {
	// ID is the action's name in a template and, unless it is Quick, the Temporal activity type it runs
	// under: "fetch:template".
	ID          string
	Description string
	Examples    []Example
	// InputSchema and OutputSchema are JSON Schema (draft-07) documents. Nil InputSchema accepts anything;
	// nil OutputSchema declares no output.
	InputSchema, OutputSchema json.RawMessage
	// SupportsDryRun lets a dry run call Run with Call.DryRun set; other actions are skipped there with
	// example outputs.
	SupportsDryRun bool
	// Quick says that Run is short and accesses only the workspace and the database. The engine then runs it
	// as part of a local activity, which costs much less than an activity of its own.
	Quick bool
	// UsesWorkspace says that Run reads or writes Call.Workspace. Other actions get none. See
	// OptionalWorkspace.
	UsesWorkspace bool
	// SecretOutputs are the names of the outputs that are secrets, such as a token that the action created.
	// Later steps can use them; they are stored sealed, and masked wherever people read them.
	SecretOutputs []string
	// Undoes says in one sentence what a rollback does with what the action created: "Deletes the repository,
	// unless somebody has pushed to it." It is "" for an action without effects.
	Undoes string
	// Needs are the things that must be configured or granted before the action can run, a sentence each.
	Needs []string
	// Differences are what the action does otherwise than Backstage's of the same ID, a sentence each.
	Differences []string
}

// CheckInput validates a rendered input against the schema, and its repoUrl against its allowedHosts. A violation is
// an InputError in which the action has the given name.
func (d Description) CheckInput(name string, input json.RawMessage) error {
	if len(d.InputSchema) == 0 {
		return nil
	}
	violations, err := parameters.Validate(d.InputSchema, input)
	if err != nil {
		return fmt.Errorf("input schema of action %s: %w", d.ID, err)
	}
	if len(violations) > 0 {
		return InputError("Invalid input passed to action %s, %s", name, violations)
	}
	return d.checkAllowedHosts(name, input)
}

// Example is one documented use: Example is the YAML of a template's steps.
type Example struct {
	Description string `json:"description"`
	Example     string `json:"example"`
}

// Call is one execution of an action for one step (or one iteration of a step with each).
type Call struct {
	RunID    string
	StepID   string
	StepName string
	// StartedAt is when the step began, or began again after a retry. It is zero outside a run.
	StartedAt time.Time
	// Iteration is the key of the current each item, "" for a step without each.
	Iteration string
	// Input is the rendered input, already checked against the action's schema. Its object keys keep the
	// order in which the template wrote them; decode it with Decode, and into nunjucks values where the order
	// matters.
	Input json.RawMessage
	// Workspace is the step's directory. Nothing outside it can be reached through it. It is nil unless the
	// description says UsesWorkspace, and when an OptionalWorkspace does not need it. Workspace.Name() is its
	// path.
	Workspace *os.Root
	// Template is where the template came from.
	Template TemplateInfo
	// User is the user for whom the run runs.
	User template.User
	// Starter is the principal as which the run acts: the user or the service that started it, with the
	// groups and restrictions of that time. It is the zero value for older runs, which have no record of it.
	Starter identity.Principal
	// Secrets are the run's secrets; never log them (log lines are redacted, errors and outputs too).
	Secrets map[string]string
	Log     Log
	Ledger  Ledger
	DryRun  bool
}

// UserTokenSecret is the name of the secret in which the form passes the user's token for a host of source code, as in Backstage's
// requestUserCredentials.
const UserTokenSecret = "USER_OAUTH_TOKEN" //nolint:gosec // It is the name of the secret, no value.

// Decode unmarshals the input into a struct; a mismatch is a final error.
func (c *Call) Decode(into any) error {
	if err := json.Unmarshal(c.Input, into); err != nil {
		return Final(fmt.Errorf("input of step %s: %w", c.StepID, err))
	}
	return nil
}

// RequireUserToken refuses to use the integration's own credentials for a host when
// scaffolder.requireScmUserCredentials requires a token of the user, which the step passes. The error is an
// InputError with Backstage's message.
func RequireUserToken(required bool, token, host string) error {
	if !required || token != "" {
		return nil
	}
	return InputError("No user credentials provided for host %s, but scaffolder.requireScmUserCredentials is enabled", host)
}

// TemplateInfo identifies the template of a run. Base is the place to which URLs are relative, the zero value
// when there is none.
type TemplateInfo struct {
	EntityRef string
	Base      provenance.Place
}

// Log writes the lines that people read on the run page. Lines are redacted before they are stored.
type Log interface {
	Info(format string, args ...any)
	Warn(format string, args ...any)
	Error(format string, args ...any)
}

// Plan describes what Run would do.
type Plan struct {
	// Summary is one sentence: "create the repository acme/shop on github.com".
	Summary string `json:"summary"`
	// Creates lists the external things that Run would create.
	Creates []PlannedEffect `json:"creates,omitempty"`
}

// PlannedEffect is one external thing a plan would create.
type PlannedEffect struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// NoEffects is embedded by actions that create nothing outside the workspace: nothing to undo, nothing to
// plan.
type NoEffects struct{}

// Undo fails: the engine never calls it for an action without effects.
func (NoEffects) Undo(_ context.Context, call *UndoCall) error {
	return Final(fmt.Errorf("effect %s %q: the action that recorded it cannot undo anything", call.Effect.Kind, call.Effect.Name))
}

// Plan is empty.
func (NoEffects) Plan(context.Context, *Call) (Plan, error) { return Plan{}, nil }
