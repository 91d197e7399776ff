package scaffolder_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/dryrun"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
	"github.com/portico-dev/portico/seal"
)

// commands is an engine that records the generations it starts, and returns err.
type commands struct {
	started []engine.Command
	err     error
	// refuse are the runs that are refused.
	refuse map[string]error
	// condition is the health of every run's workflow, asked the number of requests for it.
	condition engine.Health
	asked     int
	abandoned []string
	// cancelled are the runs that it cancelled.
	cancelled []string
}

func (c *commands) Start(_ context.Context, command engine.Command) error {
	c.started = append(c.started, command)
	if err := c.refuse[command.RunID]; err != nil {
		return err
	}
	return c.err
}

func (c *commands) Cancel(_ context.Context, runID string) error {
	c.cancelled = append(c.cancelled, runID)
	return c.err
}

func (c *commands) Health(_ context.Context, runID string) (engine.Health, error) {
	c.asked++
	if err := c.refuse[runID]; err != nil {
		return engine.Health{}, err
	}
	return c.condition, c.err
}

func (c *commands) Terminate(_ context.Context, _, reason string) error {
	c.abandoned = append(c.abandoned, reason)
	return nil
}

// templates is a catalog with the template "two-steps", and "tagged" for operators only in part.
type templates struct{}

func (templates) EntityJSON(_ context.Context, _ identity.Principal, ref entity.Ref) (json.RawMessage, error) {
	switch ref.String() {
	case "template:default/two-steps":
		return json.RawMessage(`{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"two-steps","title":"Two Steps"},
			"spec":{"parameters":{"properties":{"n":{"type":"number"},"name":{"type":"string"}}},
			"steps":[{"id":"one","name":"One","action":"a"},{"id":"two","name":"Two","action":"a"}]}}`), nil
	case "template:default/tagged":
		return json.RawMessage(`{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"tagged"},
			"spec":{"parameters":[{"properties":{"name":{"type":"string"}}},
			{"backstage:permissions":{"tags":["operators"]},"properties":{"region":{"type":"string"}}}],
			"steps":[{"name":"One","action":"a"},{"name":"Two","action":"a","backstage:permissions":{"tags":["operators"]}}]}}`), nil
	default:
		return nil, fault.New(fault.NotFound, "No entity %s", ref)
	}
}

func (o templates) LocatedEntity(ctx context.Context, principal identity.Principal, ref entity.Ref) (json.RawMessage, provenance.Place, error) {
	document, err := o.EntityJSON(ctx, principal, ref)
	return document, provenance.At(provenance.URL, "https://example.com/templates.yaml"), err
}

func (o templates) EachOfKind(ctx context.Context, principal identity.Principal, kind string, hand func(json.RawMessage) error) error {
	for _, name := range []string{"two-steps", "tagged"} {
		document, err := o.EntityJSON(ctx, principal, entity.Ref{Kind: kind, Namespace: "default", Name: name})
		if err != nil {
			return err
		}
		if err := hand(document); err != nil {
			return err
		}
	}
	return nil
}

// twoSteps are its steps in the Temporal Web UI.
const twoSteps = "1. One (`a`)\n2. Two (`a`)\n"

var ada = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}

type bench struct {
	t *testing.T
	*scaffolder.Service
	sweeper *scaffolder.Sweeper
	runs    *run.Store
	engine  *commands
}

func newBench(t *testing.T, decider policy.Decider) bench {
	t.Helper()
	keys, err := seal.NewKeyring(seal.GenerateKey("test"))
	require.NoError(t, err)
	actions, err := action.NewRegistry()
	require.NoError(t, err)
	told, runs, log := &commands{}, run.NewStore(testkit.Database(t), keys), slog.New(slog.DiscardHandler)
	renderer := expression.New(expression.Options{})
	decides := access.NewRuns(decider)
	service := scaffolder.New(scaffolder.Options{Log: log, Catalog: templates{}, Runs: runs, Engine: told, Actions: actions, Decider: decider,
		Access: decides, DryRuns: dryrun.New(plan.NewPlanner(renderer, plan.Environment{}), actions, decides)})
	return bench{t, service, scaffolder.NewSweeper(log, runs, told), runs, told}
}

// insert records a run of a user, or of nobody if user is "".
func (b bench) insert(user string) uuid.UUID {
	b.t.Helper()
	n := run.New{ID: uuid.New(), TemplateRef: "template:default/two-steps", Title: "Two Steps"}
	if user != "" {
		n.Starter = identity.Principal{Kind: identity.KindUser, Subject: user}
	}
	require.NoError(b.t, b.runs.Create(b.t.Context(), n))
	return n.ID
}

func (b bench) create(values string) uuid.UUID {
	b.t.Helper()
	id, err := b.Create(b.t.Context(), ada, scaffolder.Request{TemplateRef: "two-steps", Values: json.RawMessage(values), Secrets: map[string]string{"token": "t"}})
	require.NoError(b.t, err)
	return id
}

// record writes as a worker that continues the run.
func (b bench) record(id uuid.UUID, entry run.Entry) {
	b.t.Helper()
	state, err := b.runs.State(b.t.Context(), id)
	require.NoError(b.t, err)
	require.NoError(b.t, b.runs.Record(b.t.Context(), state.Claim, entry))
}

// park lets the run fail at its second step.
func (b bench) park(id uuid.UUID) {
	b.t.Helper()
	failure := &fault.Failure{Name: "Error", Message: "no"}
	for _, entry := range []run.Entry{
		{WorkflowRunID: "execution-1", Steps: []run.StepChange{{Position: 0, Status: run.StatusCompleted}}},
		{Steps: []run.StepChange{{Position: 1, Status: run.StatusFailed, Failure: failure}},
			End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked, FailedStep: "two", Failure: failure}},
	} {
		b.record(id, entry)
	}
}

func (b bench) statuses(id uuid.UUID) []run.Status {
	b.t.Helper()
	details, err := b.Details(b.t.Context(), ada, id.String())
	require.NoError(b.t, err)
	var statuses []run.Status
	for _, step := range details.Steps {
		statuses = append(statuses, step.Status)
	}
	return statuses
}

func TestARetryContinuesFromTheFailedStep(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.AllowKnown{})
	id := b.create(`{"name":"shop"}`)
	b.park(id)
	require.NoError(t, b.Retry(t.Context(), ada, id.String(), scaffolder.Command{}))
	require.Equal(t, []run.Status{run.StatusCompleted, run.StatusOpen}, b.statuses(id))
	require.Equal(t, engine.Command{RunID: id.String(), Generation: 1, Summary: "Two Steps: shop", Details: twoSteps,
		Labels: engine.Labels{Template: "template:default/two-steps", Subject: "shop", StartedBy: "user:default/ada"}}, b.engine.started[1])
}

// TestOneFailureIsDecidedOnce: the second decision about the same failure is refused.
func TestOneFailureIsDecidedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.AllowKnown{})
	id := b.create(`{"name":"shop"}`)
	b.park(id)
	require.NoError(t, b.Retry(t.Context(), ada, id.String(), scaffolder.Command{Seen: new(0)}))
	b.park(id)
	for _, err := range []error{b.Retry(t.Context(), ada, id.String(), scaffolder.Command{Seen: new(0)}), b.RollBack(t.Context(), ada, id.String(), scaffolder.Command{Seen: new(0)})} {
		require.Equal(t, fault.Conflict, fault.KindOf(err))
		require.ErrorContains(t, err, "run "+id.String()+" has changed since you loaded it")
	}
	require.NoError(t, b.RollBack(t.Context(), ada, id.String(), scaffolder.Command{Seen: new(1)}))
}

func TestARetryOfARolledBackRunStartsFromTheBeginning(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.AllowKnown{})
	id := b.create(`{}`)
	b.park(id)
	require.NoError(t, b.RollBack(t.Context(), ada, id.String(), scaffolder.Command{}))
	b.record(id, run.Entry{End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseRolledBack}})
	require.Equal(t, fault.Conflict, fault.KindOf(b.RollBack(t.Context(), ada, id.String(), scaffolder.Command{})), "there is nothing left to undo")
	require.NoError(t, b.Retry(t.Context(), ada, id.String(), scaffolder.Command{}))
	require.Equal(t, []run.Status{run.StatusOpen, run.StatusOpen}, b.statuses(id))
}

func TestARetryOfACompletedRunRunsNoStep(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.AllowKnown{})
	id := b.create(`{}`)
	b.record(id, run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusCompleted}}})
	b.record(id, run.Entry{Steps: []run.StepChange{{Position: 1, Status: run.StatusSkipped}},
		End: &run.Ending{Status: run.StatusCompleted, Phase: run.PhaseDone}})
	require.NoError(t, b.Retry(t.Context(), ada, id.String(), scaffolder.Command{}))
	require.Equal(t, []run.Status{run.StatusCompleted, run.StatusSkipped}, b.statuses(id))
}

func TestRunsWithoutAWorkflowAreStarted(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.AllowKnown{})
	b.engine.err = errors.New("no route to Temporal")
	id := b.create(`{"name":"shop"}`)
	require.ErrorContains(t, b.sweeper.StartPending(t.Context(), -time.Minute), "no route to Temporal")
	b.engine.err = nil
	require.NoError(t, b.sweeper.StartPending(t.Context(), -time.Minute))
	require.Equal(t, engine.Command{RunID: id.String(), Summary: "Two Steps: shop", Details: twoSteps,
		Labels: engine.Labels{Template: "template:default/two-steps", Subject: "shop", StartedBy: "user:default/ada"}}, b.engine.started[len(b.engine.started)-1])
	started := len(b.engine.started)
	require.NoError(t, b.sweeper.StartPending(t.Context(), time.Hour))
	require.Len(t, b.engine.started, started, "a new run is started by its creator")
}

func TestACancellationIsRecordedWithoutTemporal(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.AllowKnown{})
	id := b.create(`{}`)
	b.engine.err = errors.New("no route to Temporal")
	require.NoError(t, b.Cancel(t.Context(), ada, id.String(), scaffolder.Command{}))
	cancelled, err := b.Run(t.Context(), ada, id.String())
	require.NoError(t, err)
	require.True(t, cancelled.CancelRequested)
}

// TestARepeatedCancellationDoesNotCancelALaterAttempt: the run may have been retried since.
func TestARepeatedCancellationDoesNotCancelALaterAttempt(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.AllowKnown{})
	id := b.create(`{}`)
	cancel := scaffolder.Command{ID: uuid.New()}
	b.engine.err = errors.New("no route to Temporal")
	require.NoError(t, b.Cancel(t.Context(), ada, id.String(), cancel))
	before, err := b.Details(t.Context(), ada, id.String())
	require.NoError(t, err)
	b.engine.err = nil
	require.NoError(t, b.Cancel(t.Context(), ada, id.String(), cancel))
	require.Equal(t, []string{id.String(), id.String()}, b.engine.cancelled, "the engine may not have heard of it")
	after, err := b.Details(t.Context(), ada, id.String())
	require.NoError(t, err)
	require.Equal(t, before, after, "and nothing is written again")

	b.record(id, run.Entry{End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseCancelled}})
	require.NoError(t, b.Retry(t.Context(), ada, id.String(), scaffolder.Command{}))
	require.NoError(t, b.Cancel(t.Context(), ada, id.String(), cancel))
	retried, err := b.Run(t.Context(), ada, id.String())
	require.NoError(t, err)
	require.False(t, retried.CancelRequested)
	require.Len(t, b.engine.cancelled, 2)

	require.NoError(t, b.Cancel(t.Context(), ada, id.String(), scaffolder.Command{ID: uuid.New()}))
	require.Len(t, b.engine.cancelled, 3, "another command cancels it")
}

func TestTheSubjectOfARunIsTakenFromItsValues(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.AllowKnown{})
	for values, expected := range map[string]string{
		`{"name":"shop","n":1}`: "shop",
		`{"n":1}`:               "",
		`{"name":""}`:           "",
		`{"name":"a\u0000b"}`:   "ab",
		`{"name":"` + strings.Repeat("é", 200) + `"}`: strings.Repeat("é", 100),
	} {
		got, err := b.Run(t.Context(), ada, b.create(values).String())
		require.NoError(t, err)
		require.Equal(t, expected, got.Subject, values)
	}
}

// editable is a catalog with one template, whose title changes.
type editable struct {
	templates
	title string
}

func (e *editable) LocatedEntity(context.Context, identity.Principal, entity.Ref) (json.RawMessage, provenance.Place, error) {
	return json.RawMessage(`{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"two-steps","title":"` + e.title +
		`"},"spec":{"steps":[]}}`), provenance.Place{}, nil
}

func TestATemplateIsParsedAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	catalog := &editable{title: "Before"}
	service := scaffolder.New(scaffolder.Options{Log: slog.New(slog.DiscardHandler), Catalog: catalog, Decider: policy.AllowKnown{}})
	read := func() *template.Template {
		parsed, err := service.Template(t.Context(), ada, entity.Ref{Kind: "template", Namespace: "default", Name: "two-steps"})
		require.NoError(t, err)
		return parsed
	}
	first := read()
	require.Same(t, first, read())
	catalog.title = "After"
	require.Equal(t, "After", read().Title())
	require.Equal(t, "Before", first.Title())
}

func TestEveryMethodAsksTheDecider(t *testing.T) {
	t.Parallel()
	refuser := &policytest.Refuser{}
	b := newBench(t, refuser)
	policytest.EveryMethodAsks(t, b.Service, refuser, []string{"Actions"}, b.insert("user:default/ada").String())
}

// TestEveryCommandIsDecided: a command without permission is refused and changes nothing.
func TestEveryCommandIsDecided(t *testing.T) {
	t.Parallel()
	create := func(b bench, _ string) error {
		_, err := b.Create(t.Context(), ada, scaffolder.Request{TemplateRef: "two-steps", Values: json.RawMessage(`{}`)})
		return err
	}
	read := func(b bench, id string) error { _, err := b.Run(t.Context(), ada, id); return err }
	causes := func(b bench, _ string) error { _, _, err := b.Causes(t.Context(), ada, run.CauseQuery{}); return err }
	list := func(b bench, _ string) error { _, _, err := b.List(t.Context(), ada, run.Query{}); return err }
	details := func(b bench, id string) error { _, err := b.Details(t.Context(), ada, id); return err }
	events := func(b bench, id string) error { _, err := b.Events(t.Context(), ada, id, 0); return err }
	cancel := func(b bench, id string) error { return b.Cancel(t.Context(), ada, id, scaffolder.Command{}) }
	retry := func(b bench, id string) error { return b.Retry(t.Context(), ada, id, scaffolder.Command{}) }
	rollBack := func(b bench, id string) error { return b.RollBack(t.Context(), ada, id, scaffolder.Command{}) }
	schema := func(b bench, _ string) error {
		_, err := b.Template(t.Context(), ada, entity.Ref{Kind: "template", Namespace: "default", Name: "two-steps"})
		return err
	}
	dryRun := func(b bench, _ string) error {
		_, err := b.DryRun(t.Context(), ada, scaffolder.Trial{Template: &template.Template{}})
		return err
	}
	for permission, commands := range map[policy.Permission][]func(bench, string) error{
		policy.ScaffolderTaskCreate:     {create, dryRun},
		policy.ScaffolderTaskRead:       {read, list, causes, details, events, cancel, retry, rollBack},
		policy.ScaffolderTaskCancel:     {cancel},
		policy.ScaffolderTaskRetry:      {retry},
		policy.ScaffolderTaskRollback:   {rollBack},
		policy.ScaffolderTemplateRead:   {schema},
		policy.ScaffolderTemplateDryRun: {dryRun},
	} {
		t.Run(string(permission), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, policytest.Table{permission: policytest.Deny})
			id := b.insert("user:default/ada").String()
			for i, command := range commands {
				denied, is := errors.AsType[*policy.DeniedError](command(b, id))
				require.True(t, is, "command %d", i)
				require.Equal(t, permission, denied.Permission)
			}
			require.Empty(t, b.engine.started)
			kept, err := b.runs.Get(t.Context(), run.Rules.Everything(), uuid.MustParse(id))
			require.NoError(t, err)
			require.False(t, kept.CancelRequested)
		})
	}
}

// TestReadingRunsIsRestrictedByConditions: runs of others cannot be read and are in no list. A run that does
// not exist is not found.
func TestReadingRunsIsRestrictedByConditions(t *testing.T) {
	t.Parallel()
	b := newBench(t, policytest.Table{policy.ScaffolderTaskRead: policytest.Started})
	own, others, nobodys := b.insert("user:default/ada"), b.insert("user:default/grace").String(), b.insert("").String()
	listed, total, err := b.List(t.Context(), ada, run.Query{})
	require.NoError(t, err)
	require.Equal(t, 1, total)
	require.Equal(t, own, listed[0].ID)
	require.NoError(t, b.Cancel(t.Context(), ada, own.String(), scaffolder.Command{}))
	for _, id := range []string{others, nobodys} {
		_, read := b.Run(t.Context(), ada, id)
		_, followed := b.Events(t.Context(), ada, id, 0)
		_, seen := b.Details(t.Context(), ada, id)
		for _, err := range []error{read, followed, seen, b.Cancel(t.Context(), ada, id, scaffolder.Command{}), b.Retry(t.Context(), ada, id, scaffolder.Command{}),
			b.RollBack(t.Context(), ada, id, scaffolder.Command{})} {
			require.EqualError(t, err, "user:default/ada may not scaffolder.task.read on "+id)
		}
	}
	_, err = b.Run(t.Context(), ada, uuid.NewString())
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	_, err = b.Events(t.Context(), ada, uuid.NewString(), 0)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}

// TestCommandsHaveTheirOwnConditions: a run that can be read cannot always be cancelled, retried or rolled back, and
// the details of the run say so.
func TestCommandsHaveTheirOwnConditions(t *testing.T) {
	t.Parallel()
	b := newBench(t, policytest.Table{policy.ScaffolderTaskCancel: policytest.Started, policy.ScaffolderTaskRetry: policytest.Started,
		policy.ScaffolderTaskRollback: policytest.Started})
	own, others := b.create(`{}`).String(), b.insert("user:default/grace").String()
	of, err := b.Details(t.Context(), ada, own)
	require.NoError(t, err)
	require.Equal(t, []string{"cancel"}, permitted(of))
	require.NoError(t, b.Cancel(t.Context(), ada, own, scaffolder.Command{}))

	for name, command := range map[string]func(context.Context, identity.Principal, string, scaffolder.Command) error{
		"cancel": b.Cancel, "retry": b.Retry, "rollback": b.RollBack,
	} {
		refusal := "user:default/ada may not scaffolder.task." + name + " on " + others
		require.EqualError(t, command(t.Context(), ada, others, scaffolder.Command{}), refusal)
		of, err = b.Details(t.Context(), ada, others)
		require.NoError(t, err)
		require.Empty(t, permitted(of))
		require.EqualError(t, of.Refusals[name], refusal)
	}
	require.NotEmpty(t, of.Operations())
}

// permitted are the names of the operations that the details do not deny.
func permitted(of scaffolder.Details) []string {
	var names []string
	for _, operation := range of.Operations() {
		if operation.Denied == "" {
			names = append(names, operation.Name)
		}
	}
	return names
}

// TestConditionsForPermissionsWithoutRulesAreRefused: such a permission is granted completely or not at all.
func TestConditionsForPermissionsWithoutRulesAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, policytest.Table{policy.ScaffolderTaskCreate: policytest.Started})
	_, err := b.Create(t.Context(), ada, scaffolder.Request{TemplateRef: "two-steps", Values: json.RawMessage(`{}`)})
	require.EqualError(t, err, "user:default/ada may not scaffolder.task.create")
}

// TestARunWithAStepThatMayNotRunIsRefused: with the name of the step, before anything is recorded or executed. A
// dry run is refused in the same way.
func TestARunWithAStepThatMayNotRunIsRefused(t *testing.T) {
	t.Parallel()
	const onlyB = `{"rule":"HAS_ACTION_ID","resourceType":"scaffolder-action","params":{"actionId":"b"}}`
	const input = `{"rule":"HAS_STRING_PROPERTY","resourceType":"scaffolder-action","params":{"key":"x","value":"y"}}`
	for name, test := range map[string]struct {
		table   policytest.Table
		message string
	}{
		"denied":             {policytest.Table{policy.ScaffolderActionExecute: policytest.Deny}, "Unauthorized action: a. The action is not allowed. The step One needs it."},
		"another action":     {policytest.Table{policy.ScaffolderActionExecute: onlyB}, "Unauthorized action: a. The action is not allowed. The step One needs it."},
		"no step is visible": {policytest.Table{policy.ScaffolderTemplateStepRead: policytest.Deny}, "user:default/ada may not scaffolder.template.step.read on template:default/two-steps"},
		"no page is visible": {policytest.Table{policy.ScaffolderTemplateRead: policytest.Deny}, "user:default/ada may not scaffolder.template.parameter.read on template:default/two-steps"},
		"its input decides":  {policytest.Table{policy.ScaffolderActionExecute: input}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, test.table)
			_, err := b.Create(t.Context(), ada, scaffolder.Request{TemplateRef: "two-steps", Values: json.RawMessage(`{}`)})
			if test.message == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.message)
			require.Equal(t, fault.NotAllowed, fault.KindOf(err))
			runs, _, err := b.runs.List(t.Context(), run.Rules.Everything(), run.Query{})
			require.NoError(t, err)
			require.Empty(t, runs)
			require.Empty(t, b.engine.started)
			document, err := templates{}.EntityJSON(t.Context(), ada, entity.Ref{Kind: "template", Namespace: "default", Name: "two-steps"})
			require.NoError(t, err)
			parsed, err := template.Parse(document)
			require.NoError(t, err)
			if _, aboutActions := test.table[policy.ScaffolderActionExecute]; aboutActions {
				_, err = b.DryRun(t.Context(), ada, scaffolder.Trial{Template: parsed, Values: json.RawMessage(`{}`)})
				require.EqualError(t, err, test.message)
			}
		})
	}
}

// TestHiddenPartsOfATemplateAreInNoRun: as in Backstage, the values of hidden pages are kept without a check.
func TestHiddenPartsOfATemplateAreInNoRun(t *testing.T) {
	t.Parallel()
	const untagged = `{"not":{"rule":"HAS_TAG","resourceType":"scaffolder-template","params":{"tag":"operators"}}}`
	b := newBench(t, policytest.Table{policy.ScaffolderTemplateRead: untagged, policy.ScaffolderTemplateStepRead: untagged})
	tagged := entity.Ref{Kind: "template", Namespace: "default", Name: "tagged"}
	form, err := b.Template(t.Context(), ada, tagged)
	require.NoError(t, err)
	pages, err := form.Pages()
	require.NoError(t, err)
	require.Len(t, pages, 1)
	id, err := b.Create(t.Context(), ada, scaffolder.Request{TemplateRef: "tagged", Values: json.RawMessage(`{"region":7}`)})
	require.NoError(t, err)
	kept, err := b.Run(t.Context(), ada, id.String())
	require.NoError(t, err)
	require.Len(t, kept.Spec.Steps, 1)
	require.Equal(t, "One", kept.Spec.Steps[0].Name)
	require.JSONEq(t, `{"region":7}`, string(kept.Spec.Parameters))
}
