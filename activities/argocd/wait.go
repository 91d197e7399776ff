package argocd

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/argocd"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// settled looks whether the application is synced and healthy. Until it is, the error is action.NotYet, which has its
// state in the step's log and holds no worker.
func (d *deployment) settled(ctx context.Context) (*argocd.Application, error) {
	found, err := d.Application(ctx, d.input.ProjectName, d.input.AppName)
	switch {
	case err != nil:
		return nil, action.Classify(err)
	case found == nil:
		return nil, action.Final(fault.New(fault.Conflict, "The application %s was deleted while the step waited for it", d.input.AppName))
	case found.Status.Sync.Status == "Synced" && found.Status.Health.Status == "Healthy":
		d.call.Log.Info("The application %s is Synced and Healthy", d.input.AppName)
		return found, nil
	}
	began := d.call.StartedAt
	if err := failureOf(found, began); err != nil {
		return nil, err
	}
	limit := time.Duration(d.input.WaitTimeout * float64(time.Second))
	if !began.IsZero() && time.Since(began) >= limit {
		return nil, d.tookTooLong(stateOf(found))
	}
	return nil, action.NotYet(d.options.Interval, "The application %s is %s", d.input.AppName, stateOf(found))
}

// isWaiting reports whether an earlier look of this step has found that the application was created, so that there
// is only left to wait.
func (d *deployment) isWaiting(ctx context.Context) (bool, error) {
	if !d.input.WaitForSync {
		return false, nil
	}
	made, err := resource.Earlier(ctx, d.call, resource.KeyOf(d.call, applicationKind, d.name()+"/"+d.input.AppName))
	return made.State == action.EffectCreated, err
}

// maxStated bounds what the log has of an application's messages.
const maxStated = 1000

// stateOf says how an application is, and what Argo CD says about it.
func stateOf(application *argocd.Application) string {
	status := application.Status
	said := []string{fmt.Sprintf("%s and %s", cmp.Or(status.Sync.Status, "Unknown"), cmp.Or(status.Health.Status, "Unknown"))}
	if status.Health.Message != "" {
		said = append(said, status.Health.Message)
	}
	for _, condition := range status.Conditions {
		if strings.HasSuffix(condition.Type, "Error") {
			said = append(said, condition.Type+": "+condition.Message)
		}
	}
	if hasFailed(status.OperationState) {
		said = append(said, status.OperationState.Message)
	}
	state := strings.Join(said, ": ")
	return strings.ToValidUTF8(state[:min(len(state), maxStated)], "")
}

func hasFailed(operation argocd.OperationState) bool {
	return operation.Phase == "Failed" || operation.Phase == "Error"
}

// failureOf is why an application does not get well by itself, nil while it may. A synchronization that failed before
// the step began, or began again, may be about what somebody has corrected since.
func failureOf(application *argocd.Application, began time.Time) error {
	operation := application.Status.OperationState
	isOlder := !operation.FinishedAt.IsZero() && operation.FinishedAt.Before(began.Truncate(time.Second))
	if hasFailed(operation) && !isOlder {
		return action.Advise(action.Final(fault.New(fault.Conflict, "Argo CD could not sync the application %s: %s", application.Metadata.Name, operation.Message)),
			"Correct the manifests in the repository, then retry: the step waits again.")
	}
	for _, condition := range application.Status.Conditions {
		if condition.Type == "InvalidSpecError" {
			return action.Advise(action.Final(fault.New(fault.Input, "Argo CD cannot use the application %s: %s", application.Metadata.Name, condition.Message)),
				"Correct the repository, the path or the project, roll the run back, and start it again.")
		}
	}
	return nil
}

func (d *deployment) tookTooLong(state string) error {
	where := cmp.Or(d.Instance().Page("", d.input.AppName), "the application in Argo CD "+d.name())
	return action.Advise(action.Final(fault.New(fault.Unavailable, "The application %s is not synced and healthy after %g seconds: it is %s",
		d.input.AppName, d.input.WaitTimeout, state)), "Look at %s, then retry: the step waits again.", where)
}
