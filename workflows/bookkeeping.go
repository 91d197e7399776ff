package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/engine"
)

// recordTimeout bounds one attempt of an activity that only reads and writes a record.
const recordTimeout = 30 * time.Second

// record runs an activity that works on a record, in the worker that runs the workflow. It is repeated until
// it succeeds or fails for good; timeout bounds one attempt.
func record(ctx workflow.Context, timeout time.Duration, name string, input, result any) error {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: timeout,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2,
			MaximumInterval: 10 * time.Second},
	})
	if err := workflow.ExecuteLocalActivity(ctx, name, input).Get(ctx, result); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// retries is the policy of the settings, bounded by attempts, 0 for no bound. Temporal refuses a longest
// pause below the first.
func retries(settings engine.Settings, attempts int32) *temporal.RetryPolicy {
	return &temporal.RetryPolicy{InitialInterval: settings.InitialInterval, BackoffCoefficient: 2,
		MaximumInterval: max(settings.InitialInterval, settings.MaximumInterval), MaximumAttempts: attempts}
}

// describe turns what Temporal says of a failed action into what a person reads.
func describe(err error) fault.Failure {
	if application, is := errors.AsType[*temporal.ApplicationError](err); is {
		failure := fault.Failure{Name: application.Type(), Message: application.Message()}
		_ = application.Details(&failure.Advice) // an error without details has nothing to add
		return failure
	}
	if timeout, is := errors.AsType[*temporal.TimeoutError](err); is {
		return fault.Failure{Name: "TimeoutError", Message: "the action did not finish: " + timeoutReason(timeout),
			Advice: "Retry the step; if it happens again, look at the worker's log."}
	}
	return fault.Failure{Name: "Error", Message: err.Error()}
}

func timeoutReason(timeout *temporal.TimeoutError) string {
	if timeout.TimeoutType() == enums.TIMEOUT_TYPE_HEARTBEAT {
		return "its worker stopped answering"
	}
	return "it took longer than a step may"
}
