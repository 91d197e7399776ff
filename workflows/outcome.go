package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"

	"github.com/portico-dev/portico/scaffolder/engine"
)

// Types of the errors that a workflow fails with in Temporal when its run did not complete.
const (
	// ErrorRolledBack is of a run that was undone.
	ErrorRolledBack = "RolledBack"
	// ErrorExpired is of a failed run that nobody decided about in time.
	ErrorExpired = "Expired"
)

// outcome is how the workflow of a run ends in Temporal: nil is completed. The run's record says more.
func outcome(progress engine.Progress) error {
	switch progress.State {
	case engine.StateCancelled:
		return temporal.NewCanceledError("the run was cancelled, and nobody decided about it in time")
	case engine.StateRolledBack:
		return temporal.NewNonRetryableApplicationError("the run was rolled back", ErrorRolledBack, nil)
	case engine.StateParked:
		message := "nobody decided about the failed run in time"
		if failure := progress.Failure; failure != nil {
			message += fmt.Sprintf("; it had failed with %s: %s", failure.Name, failure.Message)
		}
		return temporal.NewNonRetryableApplicationError(message, ErrorExpired, nil)
	default:
		return nil
	}
}
