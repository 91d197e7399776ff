package jenkins

import (
	"context"
	"errors"
	"fmt"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

const switchKind = "jenkins:job:switch"

// switchJob is jenkins:job:enable, or jenkins:job:disable.
type switchJob struct {
	options Options
	enables bool
}

// verb is what the action does to a job, which is also the end of its address.
func verb(enables bool) string {
	if enables {
		return "enable"
	}
	return "disable"
}

// Describe lists the action with the plugin's schema.
func (a switchJob) Describe() action.Description {
	described := action.Description{
		ID: "jenkins:job:enable", Description: "Enables a job of Jenkins.", InputSchema: schema("job.input"),
		Undoes: "Disables the job, if it was disabled before.",
		Needs:  []string{fmt.Sprintf(needsAccount, "Job/Configure and Job/Read")},
		Examples: []action.Example{
			{Description: "Let a copied job be built", Example: `steps:
  - id: enable
    name: Enable the job
    action: jenkins:job:enable
    input:
      jobName: payments/${{ parameters.name }}
`},
		},
	}
	if a.enables {
		return described
	}
	described.ID, described.Description, described.Undoes = "jenkins:job:disable", "Disables a job of Jenkins.", "Enables the job, if it was enabled before."
	described.Examples = []action.Example{
		{Description: "Stop the builds of a service that retires", Example: `steps:
  - id: disable
    name: Disable the job
    action: jenkins:job:disable
    input:
      jobName: payments/${{ parameters.name }}
`},
	}
	return described
}

// switched is what the ledger keeps.
type switched struct {
	Job job `json:"job"`
	// Before says whether the job was enabled, nil when Jenkins did not show it.
	Before *bool `json:"before,omitempty"`
}

func (a switchJob) begin(call *action.Call) (*switched, *server, error) {
	var wanted jobInput
	if err := call.Decode(&wanted); err != nil {
		return nil, nil, err
	}
	named, err := parse(wanted.JobName)
	if err != nil {
		return nil, nil, err
	}
	s, err := a.options.connect()
	return &switched{Job: named}, s, err
}

// Run enables or disables the job.
func (a switchJob) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	kept, s, err := a.begin(call)
	if err != nil {
		return nil, err
	}
	now, err := s.get(ctx, kept.Job)
	if err != nil {
		return nil, err
	}
	if now != nil { // otherwise Jenkins refuses the request
		kept.Before = &now.Buildable
	}
	call.Log.Info("%s jenkins job %s", map[bool]string{true: "Enabling", false: "Disabling"}[a.enables], kept.Job)
	spec := s.switched(kept)
	spec.Find = func(_ context.Context, effect action.Effect) (*resource.Found[*state], error) {
		return recorded(effect, kept)
	}
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[*state], error) {
		return foundSwitch(nil), s.set(ctx, kept.Job, a.enables)
	}
	if _, _, err := resource.Ensure(ctx, call, spec); err != nil {
		return nil, err
	}
	call.Log.Info("Job %sd successfully!", verb(a.enables))
	return nil, nil
}

// recorded takes what an earlier attempt has recorded. What it may have done is done again: that changes nothing.
func recorded(effect action.Effect, kept *switched) (*resource.Found[*state], error) {
	if effect.ID == "" || effect.Fresh {
		return nil, nil
	}
	earlier, err := resource.RecordOf[switched](effect)
	if err != nil {
		return nil, err
	}
	if *kept = earlier; effect.State == action.EffectCreated {
		return foundSwitch(nil), nil
	}
	return nil, nil
}

func foundSwitch(now *state) *resource.Found[*state] {
	return &resource.Found[*state]{Thing: now, MadeFor: func(action.Effect) bool { return true }}
}

// set enables or disables a job.
func (s *server) set(ctx context.Context, named job, enabled bool) error {
	return s.post(ctx, verb(enabled)+" the job "+named.String(), named.path()+"/"+verb(enabled), nil)
}

// switched describes the change to package resource, for taking it back.
func (s *server) switched(kept *switched) resource.Spec[*state] {
	return resource.Spec[*state]{
		Intent: action.Intent{Kind: switchKind, Name: kept.Job.String(), Data: kept},
		Title:  "the change of the job " + kept.Job.String() + " of Jenkins",
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[*state], error) {
			now, err := s.get(ctx, kept.Job)
			if err != nil || now == nil || kept.Before == nil || *kept.Before == now.Buildable {
				return nil, err
			}
			return foundSwitch(now), nil
		},
		Delete: func(ctx context.Context, _ *state) error { return s.set(ctx, kept.Job, *kept.Before) },
	}
}

// Undo gives the job its former state.
func (a switchJob) Undo(ctx context.Context, call *action.UndoCall) error {
	kept, err := resource.RecordOf[switched](call.Effect)
	if err != nil {
		return err
	}
	s, err := a.options.connect()
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, s.switched(&kept))
}

// Plan says what Run would do.
func (a switchJob) Plan(_ context.Context, call *action.Call) (action.Plan, error) {
	kept, _, err := a.begin(call)
	if err != nil {
		return action.Plan{}, err
	}
	return action.Plan{Summary: verb(a.enables) + " the job " + kept.Job.String() + " of Jenkins",
		Creates: []action.PlannedEffect{{Kind: switchKind, Name: kept.Job.String()}}}, nil
}

// destroyJob is jenkins:job:destroy. It creates nothing, so there is nothing to undo.
type destroyJob struct {
	action.NoEffects

	options Options
}

// Describe lists the action with the plugin's schema.
func (destroyJob) Describe() action.Description {
	return action.Description{
		ID: "jenkins:job:destroy", Description: "Deletes a job of Jenkins with its builds.", InputSchema: schema("job.input"),
		Needs: []string{fmt.Sprintf(needsAccount, "Job/Delete")},
		Differences: []string{
			"A job that is not there does not fail the step: an attempt that was cut off may have deleted it.",
			"A rollback does not bring back what was deleted.",
		},
		Examples: []action.Example{
			{Description: "Delete the job of a service that retires", Example: `steps:
  - id: destroy
    name: Delete the job
    action: jenkins:job:destroy
    input:
      jobName: payments/${{ parameters.name }}
`},
		},
	}
}

// Run deletes the job.
func (a destroyJob) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	kept, s, err := switchJob{options: a.options}.begin(call)
	if err != nil {
		return nil, err
	}
	call.Log.Info("Destroying jenkins job %s", kept.Job)
	if err := s.delete(ctx, kept.Job); err != nil && !errors.Is(err, resource.ErrNotExist) { // an earlier attempt may have deleted it
		return nil, err
	}
	call.Log.Info("Job destroyed successfully!")
	return nil, nil
}

// Plan says what would be deleted.
func (a destroyJob) Plan(_ context.Context, call *action.Call) (action.Plan, error) {
	kept, _, err := switchJob{options: a.options}.begin(call)
	if err != nil {
		return action.Plan{}, err
	}
	return action.Plan{Summary: "delete the job " + kept.Job.String() + " of Jenkins"}, nil
}
