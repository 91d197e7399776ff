package workflows

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/portico-dev/portico/catalog/sweep"
)

// Schedules implements sweep.Engine on Temporal: each source has a schedule of its own, which the Temporal Web UI
// lists, and where an operator may pause and trigger it.
type Schedules struct{ ClientOptions }

var _ sweep.Engine = (*Schedules)(nil)

// NewSchedules sweeps sources on the background queue.
func NewSchedules(options ClientOptions) *Schedules { return &Schedules{options} }

const (
	// jitterShare is the part of a source's interval by which its sweeps may be late, so that those of many sources
	// do not come at once.
	jitterShare = 20
	// maxJitter bounds it.
	maxJitter = time.Minute
	// catchupWindow is how late a sweep may be started after Temporal was down. An older one has no use: the next
	// is as good.
	catchupWindow = time.Minute
	// digestMemo is the entry of the memo by which Ensure recognizes that nothing has changed.
	digestMemo = "porticoPlan"
)

// Ensure implements sweep.Engine.
func (s *Schedules) Ensure(ctx context.Context, plan sweep.Plan) (sweep.Scheduled, error) {
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	action, digest, err := s.action(plan)
	if err != nil {
		return sweep.Scheduled{}, err
	}
	handle := s.handle(ctx, plan.Source)
	described, err := handle.Describe(ctx)
	switch {
	case isNotFound(err):
		err = s.create(ctx, plan, action)
	case err == nil && digestOf(described.Schedule.Action) != digest:
		err = handle.Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(input client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			schedule := input.Description.Schedule
			spec := specOf(plan)
			schedule.Spec, schedule.Action = &spec, action
			return &client.ScheduleUpdate{Schedule: &schedule}, nil
		}})
	case err == nil:
		return scheduledOf(described), nil
	}
	if err != nil {
		return sweep.Scheduled{}, fmt.Errorf("schedule sweeps of %s: %w", plan.Source, err)
	}
	described, err = handle.Describe(ctx)
	if err != nil {
		return sweep.Scheduled{}, fmt.Errorf("describe the schedule of %s: %w", plan.Source, err)
	}
	return scheduledOf(described), nil
}

func (s *Schedules) handle(ctx context.Context, source string) client.ScheduleHandle {
	return s.Temporal.ScheduleClient().GetHandle(ctx, sweep.WorkflowID(source))
}

// create makes the schedule. A first sweep that is due already is started at once: a schedule starts nothing that was
// due before it was made, and the source would bring nothing for a whole interval.
func (s *Schedules) create(ctx context.Context, plan sweep.Plan, action *client.ScheduleWorkflowAction) error {
	_, err := s.Temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{ID: sweep.WorkflowID(plan.Source), Spec: specOf(plan), Action: action,
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: catchupWindow,
		TriggerImmediately: plan.Due()})
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return nil // another worker was faster, with the same plan
	}
	return err
}

// specOf is when a source is swept. Without a time it is swept only when it is triggered.
func specOf(plan sweep.Plan) client.ScheduleSpec {
	spec := client.ScheduleSpec{StartAt: plan.FirstAt}
	switch {
	case plan.Cron != "":
		spec.CronExpressions = []string{plan.Cron}
	case plan.Every > 0:
		offset := time.Duration(plan.FirstAt.UnixNano() % int64(plan.Every)).Truncate(time.Second)
		spec.Intervals = []client.ScheduleIntervalSpec{{Every: plan.Every, Offset: offset}}
		spec.StartAt = plan.FirstAt.Truncate(time.Second)
		spec.Jitter = min(plan.Every/jitterShare, maxJitter)
	default:
		spec.StartAt = time.Time{}
	}
	return spec
}

// action starts the sweep of a source. Its memo has the digest of everything that the schedule consists of.
func (s *Schedules) action(plan sweep.Plan) (action *client.ScheduleWorkflowAction, digest string, err error) {
	command := sweep.Command{Source: plan.Source, Searchable: s.Searchable}
	if s.PortalURL != "" {
		command.URL = strings.TrimRight(s.PortalURL, "/") + sweep.Page(plan.Source)
	}
	digest, err = digestOfPlan(plan, command)
	if err != nil {
		return nil, "", err
	}
	options := discoverySweep.startOptions(sweep.WorkflowID(plan.Source), s.TaskQueue)
	action = &client.ScheduleWorkflowAction{ID: options.ID, Workflow: discoverySweep.name, Args: []any{command}, TaskQueue: options.TaskQueue,
		WorkflowTaskTimeout: options.WorkflowTaskTimeout, StaticSummary: truncateSummary(plan.Place), Priority: options.Priority,
		Memo: map[string]any{digestMemo: digest}}
	if s.Searchable {
		action.TypedSearchAttributes = temporal.NewSearchAttributes(attributeSubject.ValueSet(keyword(plan.Source)))
	}
	return action, digest, nil
}

func digestOfPlan(plan sweep.Plan, command sweep.Command) (string, error) {
	plan.FirstAt = plan.FirstAt.UTC()
	encoded, err := json.Marshal([]any{plan, command})
	if err != nil {
		return "", fmt.Errorf("encode the plan of %s: %w", plan.Source, err)
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:]), nil
}

// digestOf is the digest in the memo of an action that Temporal returned, "" without one.
func digestOf(action client.ScheduleAction) string {
	started, is := action.(*client.ScheduleWorkflowAction)
	if !is {
		return ""
	}
	payload, is := started.Memo[digestMemo].(*common.Payload)
	if !is {
		return ""
	}
	var digest string
	if err := converter.GetDefaultDataConverter().FromPayload(payload, &digest); err != nil {
		return ""
	}
	return digest
}

func scheduledOf(described *client.ScheduleDescription) sweep.Scheduled {
	scheduled := sweep.Scheduled{}
	if state := described.Schedule.State; state != nil {
		scheduled.Paused = state.Paused
	}
	next := described.Info.NextActionTimes
	if len(next) > 0 {
		scheduled.Next = next[0]
	}
	if len(next) > 1 {
		scheduled.Period = next[1].Sub(next[0])
	}
	return scheduled
}

// Remove implements sweep.Engine.
func (s *Schedules) Remove(ctx context.Context, source string) error {
	return s.change(ctx, source, "delete", func(ctx context.Context, handle client.ScheduleHandle) error {
		err := handle.Delete(ctx)
		if isNotFound(err) {
			return nil
		}
		return err
	})
}

// Trigger implements sweep.Engine.
func (s *Schedules) Trigger(ctx context.Context, source string) error {
	return s.change(ctx, source, "trigger", func(ctx context.Context, handle client.ScheduleHandle) error {
		return handle.Trigger(ctx, client.ScheduleTriggerOptions{Overlap: enums.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE})
	})
}

// Pause implements sweep.Engine.
func (s *Schedules) Pause(ctx context.Context, source, note string) error {
	return s.change(ctx, source, "pause", func(ctx context.Context, handle client.ScheduleHandle) error {
		return handle.Pause(ctx, client.SchedulePauseOptions{Note: note})
	})
}

// Resume implements sweep.Engine.
func (s *Schedules) Resume(ctx context.Context, source, note string) error {
	return s.change(ctx, source, "resume", func(ctx context.Context, handle client.ScheduleHandle) error {
		return handle.Unpause(ctx, client.ScheduleUnpauseOptions{Note: note})
	})
}

func (s *Schedules) change(ctx context.Context, source, what string, do func(context.Context, client.ScheduleHandle) error) error {
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	if err := do(ctx, s.handle(ctx, source)); err != nil {
		return fmt.Errorf("%s the schedule of %s: %w", what, source, err)
	}
	return nil
}

// Wake implements sweep.Engine.
func (s *Schedules) Wake(ctx context.Context, workflowID string) error {
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	err := s.Temporal.SignalWorkflow(ctx, workflowID, "", sweep.SignalWake, nil)
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("wake the workflow %s: %w", workflowID, err)
	}
	return nil
}

func isNotFound(err error) bool {
	_, is := errors.AsType[*serviceerror.NotFound](err)
	return is
}
