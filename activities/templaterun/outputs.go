package templaterun

import (
	"context"
	"slices"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
)

// outputs are the outputs of a run's completed steps. Those of steps that completed before this activity are
// read when they are used first: an activity of a later step mostly needs none of them.
type outputs struct {
	read    func(context.Context) ([]action.StepOutput, error)
	isRead  bool
	earlier []action.StepOutput
	// added are those of steps that completed in this activity.
	added []action.StepOutput
}

func (o *outputs) add(output action.StepOutput) { o.added = append(o.added, output) }

// all are the outputs in the order of the steps.
func (o *outputs) all(ctx context.Context) ([]action.StepOutput, error) {
	if !o.isRead {
		reading, cancel := context.WithTimeout(ctx, recordTimeout)
		defer cancel()
		var err error
		if o.earlier, err = o.read(reading); err != nil {
			return nil, err
		}
		o.isRead = true
	}
	return slices.Concat(o.earlier, o.added), nil
}

// completed are the positions of the steps that completed.
func completed(steps []run.Step) []int {
	var positions []int
	for _, step := range steps {
		if step.Status == run.StatusCompleted {
			positions = append(positions, step.Position)
		}
	}
	return positions
}
