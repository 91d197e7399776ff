package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs/build"
)

const (
	// docsTimeout bounds one attempt to build a site, and docsDeadline all of them with the waiting for workers and hosts.
	docsTimeout  = 15 * time.Minute
	docsDeadline = 24 * time.Hour
	// docsIndexTimeout bounds one attempt to index a site.
	docsIndexTimeout = 5 * time.Minute
	// docsHeartbeat is how soon after its worker's death a build is given to another one. Rendering may leave little to the heartbeats.
	docsHeartbeat = 15 * time.Second
	// docsAttempts bounds the attempts while the host or the store fails.
	docsAttempts = 6
)

// ErrorDocsBuildFailed is the type of the error with which the workflow of a site fails in Temporal when its last build failed.
const ErrorDocsBuildFailed = "DocsBuildFailed"

// errorCancelled is the name of the failure of a build that an operator cancelled in Temporal.
const errorCancelled = "Cancelled"

// docsBuild is the workflow that builds the documentation of an entity.
var docsBuild = definition{name: build.WorkflowDocsBuild, function: DocsBuild, queue: QueueDocs, priority: priorityBackground}

// docsPriority orders the builds that wait for a worker: those for which somebody waits go first.
func docsPriority(cause build.Cause) temporal.Priority {
	switch cause {
	case build.ByPerson, build.ByRead:
		return priorityPerson
	case build.ByPush:
		return priorityEvent
	default:
		return priorityBackground
	}
}

// DocsBuild builds the site of an entity: one build after the other, until nobody has asked for another. What counts is the record of
// each build. A request that comes during a build is a build of what is newest after it.
func DocsBuild(ctx workflow.Context, command build.Command) error {
	b := &docsBuilder{command: command, signals: workflow.GetSignalChannel(ctx, build.SignalWake)}
	b.disconnected, _ = workflow.NewDisconnectedContext(ctx)
	var last build.Progress
	for {
		for b.signals.ReceiveAsync(nil) {
		}
		now, err := b.begin(ctx)
		if err != nil {
			return err
		}
		switch {
		case now.ID != uuid.Nil:
		case b.signals.Len() > 0:
			continue
		default:
			return docsOutcome(last)
		}
		if last, err = b.build(ctx, now); err != nil {
			return err
		}
		if isHistoryLong(ctx) && ctx.Err() == nil {
			return continueAsNew(ctx, command, build.SignalWake)
		}
	}
}

// docsBuilder is the state of one execution of DocsBuild.
type docsBuilder struct {
	command build.Command
	signals workflow.ReceiveChannel
	// disconnected is a context that a cancellation leaves alone.
	disconnected workflow.Context
}

// begin takes the build that was asked for. Without one, the progress has no ID.
func (b *docsBuilder) begin(ctx workflow.Context) (progress build.Progress, err error) {
	if ctx.Err() != nil {
		return build.Progress{}, nil //nolint:nilerr // nothing more is begun: what was asked for is begun by the workflow that comes next
	}
	info := workflow.GetInfo(ctx)
	err = record(ctx, recordTimeout, build.ActivityBegin,
		build.BeginRequest{Site: b.command.Site, WorkflowID: info.WorkflowExecution.ID, RunID: info.FirstRunID}, &progress)
	return progress, err
}

// build carries out a build that was begun, and returns how it ended.
func (b *docsBuilder) build(ctx workflow.Context, now build.Progress) (build.Progress, error) {
	if err := b.show(ctx, now, "waits for a worker, or fetches, renders and publishes"); err != nil {
		return now, err
	}
	made, err := b.make(ctx, now)
	request := build.EndRequest{ID: now.ID, State: build.Unchanged}
	if err == nil && made.Built {
		request.State = build.Published
		if err := b.show(ctx, made, "puts the sections of the pages into the search index"); err != nil {
			return made, err
		}
		var indexed build.Progress
		err = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, b.options(now, docsIndexTimeout, "sections of the pages")), build.ActivityIndex,
			build.Request{ID: now.ID, Site: b.command.Site}).Get(ctx, &indexed)
		request.IndexSeconds = indexed.IndexSeconds
	}
	if err != nil {
		failure := describe(err)
		if ctx.Err() != nil {
			failure = fault.Failure{Name: errorCancelled, Message: "the build was cancelled in Temporal"}
		}
		request.State, request.Failure = build.Failed, &failure
	}
	var ended build.Progress
	if err := record(b.disconnected, recordTimeout, build.ActivityEnd, request, &ended); err != nil {
		return ended, err
	}
	return ended, b.show(b.disconnected, ended, "has ended")
}

// make fetches, renders and publishes, and waits as long as the host asks to.
func (b *docsBuilder) make(ctx workflow.Context, now build.Progress) (build.Progress, error) {
	deadline := workflow.Now(ctx).Add(docsDeadline)
	for {
		options := b.options(now, docsTimeout, now.Cause.Summary())
		options.ScheduleToCloseTimeout = max(deadline.Sub(workflow.Now(ctx)), time.Second)
		var made build.Progress
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), build.ActivityBuild,
			build.Request{ID: now.ID, Site: b.command.Site}).Get(ctx, &made)
		if err != nil || made.Wait <= 0 {
			return made, err
		}
		if err := b.show(ctx, made, fmt.Sprintf("waits for %s: %s", made.Wait, made.WaitReason)); err != nil {
			return made, err
		}
		waiting := workflow.NewTimerWithOptions(ctx, made.Wait, workflow.TimerOptions{Summary: truncateSummary(made.WaitReason)})
		if err := waiting.Get(ctx, nil); err != nil {
			return made, err
		}
	}
}

func (b *docsBuilder) options(now build.Progress, timeout time.Duration, summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{StartToCloseTimeout: timeout, ScheduleToCloseTimeout: docsDeadline, HeartbeatTimeout: docsHeartbeat,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute, MaximumAttempts: docsAttempts},
		Summary:     summary, Priority: docsPriority(now.Cause)}
}

// show has the Temporal Web UI show what the workflow does. Search attributes cost an event of the history: the state is written when it
// changes.
func (b *docsBuilder) show(ctx workflow.Context, progress build.Progress, does string) error {
	workflow.SetCurrentDetails(ctx, b.details(progress, does))
	if !b.command.Searchable {
		return nil
	}
	var updates []temporal.SearchAttributeUpdate
	known := workflow.GetTypedSearchAttributes(ctx)
	if before, _ := known.GetKeyword(attributeState); before != string(progress.State) {
		updates = append(updates, attributeState.ValueSet(string(progress.State)))
	}
	before, _ := known.GetKeyword(attributeCause)
	switch cause := failureName(progress.Failure); {
	case cause != "" && cause != before:
		updates = append(updates, attributeCause.ValueSet(cause))
	case cause == "" && before != "":
		updates = append(updates, attributeCause.ValueUnset())
	}
	if len(updates) == 0 {
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

func failureName(failure *fault.Failure) string {
	if failure == nil {
		return ""
	}
	return keyword(failure.Name)
}

// details are a build as Markdown.
func (b *docsBuilder) details(progress build.Progress, does string) string {
	lines := []string{fmt.Sprintf("**Documentation of %s**: %s", b.command.Site, progress.State), "The build " + does + ". " + progress.Cause.Sentence()}
	if progress.Source != "" {
		from := "Sources: " + progress.Source
		if progress.ETag != "" {
			from += " at " + progress.ETag
		}
		lines = append(lines, from)
	}
	if progress.Engine != "" {
		lines = append(lines, fmt.Sprintf("%d pages by %s, %d problems", progress.Pages, progress.Engine, progress.Problems))
	}
	if progress.Failure != nil {
		lines = append(lines, "**"+progress.Failure.Name+"**: "+progress.Failure.Message, "The site stays as it was.")
	}
	if b.command.URL != "" {
		lines = append(lines, "[The documentation in the portal]("+b.command.URL+")")
	}
	return strings.Join(lines, "\n\n")
}

// docsOutcome is how the workflow of a site ends in Temporal after its last build: nil is completed.
func docsOutcome(last build.Progress) error {
	if last.State != build.Failed {
		return nil
	}
	failure := last.Failure
	if failure == nil {
		failure = &fault.Failure{Name: "Error", Message: "for an unknown reason"}
	}
	if failure.Name == errorCancelled {
		return temporal.NewCanceledError(failure.Message)
	}
	return temporal.NewNonRetryableApplicationError("the build failed, and the site is as it was: "+failure.Message, ErrorDocsBuildFailed,
		errors.New(failure.Name))
}
