package templaterun

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
)

// maxDetails bounds the details of a Progress, in bytes: each answer to the workflow is part of its history.
const maxDetails = 2000

// activePhases are the phases of a run while the workflow does what comes next.
var activePhases = map[engine.NextKind]run.Phase{
	engine.NextAction: run.PhaseRunning, engine.NextWait: run.PhaseWaiting, engine.NextRollback: run.PhaseRollingBack,
}

// progress is the state of the run while the workflow does what comes next. It has no details when the run is
// done: all steps are over.
func (d *driver) progress(kind engine.NextKind) engine.Progress {
	phase := d.Phase
	if active, is := activePhases[kind]; is {
		phase = active
	}
	p := engine.Progress{State: string(phase)}
	if phase == run.PhaseDone {
		return p
	}
	at := slices.IndexFunc(d.steps, func(step run.Step) bool { return !step.Status.Ended() })
	p.Step, p.Details = d.FailedStep, d.details(at)
	if at >= 0 && (phase == run.PhaseRunning || phase == run.PhaseWaiting) {
		p.Step = d.steps[at].ID
		return p
	}
	p.Failure = d.Failure.Cut(engine.MaxFailureText)
	return p
}

// details are the steps and their statuses as Markdown. The step at the given position is the current one,
// even if it has not begun.
func (d *driver) details(at int) string {
	var out strings.Builder
	for i, step := range d.steps {
		status := step.Status
		if i == at && !d.Status.Ended() {
			status = run.StatusProcessing
		}
		line := fmt.Sprintf("%d. %s: %s\n", i+1, step.Name, status)
		if out.Len()+len(line) > maxDetails {
			fmt.Fprintf(&out, "… and %d more\n", len(d.steps)-i)
			break
		}
		out.WriteString(line)
	}
	return out.String()
}
