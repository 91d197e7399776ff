package kubernetes

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// delete deletes an object, and says what became of it. Until it is gone, the error is action.NotYet. The ledger has
// which object was deleted: when others have made another of its name since, the step does not delete that, too.
func (a *application) delete(ctx context.Context, each item, strict bool) (said string, err error) {
	kept := newRecord(a.place, each)
	live, err := kept.get(ctx, a.client)
	if err != nil {
		return "", err
	}
	before, err := a.deletionOf(each)
	switch {
	case err != nil:
		return "", err
	case live == nil && before == nil && strict:
		return "", missing(kept)
	case live == nil && before == nil:
		return kept.title() + " is not there", nil
	case before == nil || live != nil && before.state == action.EffectKept: // a run that was rolled back begins anew
		kept.UID = live.GetUID()
	default:
		kept.UID = before.UID
	}
	if before == nil || before.UID != kept.UID || before.state != action.EffectCreated {
		if _, _, err := resource.Ensure(ctx, a.call, a.deletion(each, kept)); err != nil {
			return "", err
		}
		if live, err = kept.get(ctx, a.client); err != nil {
			return "", err
		}
	}
	if kept.isOf(live) {
		return "", a.notGone(live)
	}
	return "Deleted " + kept.title(), nil
}

// missing is the error for an object that is not there.
func missing(kept *record) error {
	return action.Advise(action.Refuse(fault.NotFound, fmt.Errorf("%s is not there in the cluster %s", kept.title(), kept.Cluster)),
		"Correct the names in the template and start a new run.")
}

// isOf says that a deletion is about an object, which may be nil.
func (r *record) isOf(live *unstructured.Unstructured) bool {
	return live != nil && live.GetUID() == r.UID
}

// isPending says that the object of a deletion is there, and that the server was not asked to delete it.
func (r *record) isPending(live *unstructured.Unstructured) bool {
	return r.isOf(live) && live.GetDeletionTimestamp() == nil
}

// deleted is what the ledger has about a deletion.
type deleted struct {
	record

	state action.EffectState
}

// deletionOf is the last deletion of an object of this name that the step has recorded, nil when there is none.
func (a *application) deletionOf(each item) (*deleted, error) {
	var last action.Effect
	for key, effect := range a.known {
		if strings.HasPrefix(key, a.key(deletionKind, each)+"/") && effect.IntendedAt.After(last.IntendedAt) {
			last = effect
		}
	}
	if last.ID == "" {
		return nil, nil
	}
	kept, err := recordOf(last)
	return &deleted{kept, last.State}, err
}

// deletion describes a deletion to package resource. It is there as soon as the server was asked for it.
func (a *application) deletion(each item, kept *record) resource.Spec[*record] {
	made := &resource.Found[*record]{Thing: kept, ID: string(kept.UID), MadeFor: func(action.Effect) bool { return true }}
	return resource.Spec[*record]{
		Title:  fmt.Sprintf("the deletion of %s in %s", each.title(), a.client.Cluster.Name),
		Intent: action.Intent{Kind: deletionKind, Name: each.title(), Key: a.key(deletionKind, each) + "/" + string(kept.UID), Data: kept},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*record], error) {
			if effect.Fresh {
				return nil, nil
			}
			live, err := kept.get(ctx, a.client)
			if err != nil || kept.isPending(live) {
				return nil, err
			}
			return made, nil
		},
		Create: func(ctx context.Context, _ action.Effect) (*resource.Found[*record], error) {
			err := a.client.Objects(kept.resource(), kept.Namespace).Delete(ctx, kept.Name, metav1.DeleteOptions{
				PropagationPolicy: new(metav1.DeletePropagationBackground), Preconditions: &metav1.Preconditions{UID: &kept.UID}})
			if err != nil && !apierrors.IsNotFound(err) {
				return nil, action.Classify(a.client.Explain(ctx, err, "deleting "+kept.title()))
			}
			return made, nil
		},
	}
}

// Undo brings nothing back. It says what is gone.
func (a *deleteAction) Undo(ctx context.Context, call *action.UndoCall) error {
	kept, err := recordOf(call.Effect)
	if err != nil {
		return err
	}
	if call.Effect.State == action.EffectIntended {
		client, err := a.reconnect(ctx, call.Starter, call.Secrets, kept.place)
		if err != nil {
			return err
		}
		live, err := kept.get(ctx, client)
		if err != nil {
			return err
		}
		if kept.isPending(live) {
			call.Log.Info("%s was not deleted", kept.title())
			return nil
		}
	}
	return &action.InUseError{Reason: fmt.Sprintf("%s was deleted from %s, which a rollback cannot take back. Apply it again if somebody needs it.",
		kept.title(), kept.Cluster)}
}
