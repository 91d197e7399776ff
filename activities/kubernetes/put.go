package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/portico-dev/portico/fault"
	clusters "github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// application is one execution of an action that applies objects.
type application struct {
	Options

	call   *action.Call
	client *clusters.Client
	place  place
	// force takes over fields that others manage, and update lets a Namespace exist already.
	force, update bool
	// timeout is how long the step waits for what it needs.
	timeout time.Duration
	// known are the effects that earlier attempts recorded, by their keys.
	known map[string]action.Effect
	// since is when the step began; for an iteration of each, when it recorded the last of its objects.
	since time.Time
}

// begin reads what earlier attempts of the step have recorded.
func (a *application) begin(ctx context.Context) error {
	effects, err := a.call.Ledger.Effects(ctx)
	if err != nil {
		return action.Transient(fmt.Errorf("effects ledger: %w", err), 0)
	}
	a.known, a.since = map[string]action.Effect{}, a.call.StartedAt
	for _, effect := range effects {
		if effect.State == action.EffectUndone {
			continue
		}
		a.known[effect.Key] = effect
		if a.call.Iteration != "" && strings.HasPrefix(effect.Key, a.keys()) && effect.IntendedAt.After(a.since) {
			a.since = effect.IntendedAt
		}
	}
	return nil
}

// keys begin the keys of the effects of this step or iteration.
func (a *application) keys() string { return a.call.StepID + "/" + a.call.Iteration + "/" }

// key makes an effect unique within its run.
func (a *application) key(kind string, each item) string {
	return fmt.Sprintf("%s%s/%s/%s/%s", a.keys(), kind, a.place.Cluster, each.resource.GroupResource(), each.title())
}

// put applies one object: it creates it, or changes what is there.
func (a *application) put(ctx context.Context, each item) error {
	if a.hasApplied(each) {
		return nil
	}
	kept := newRecord(a.place, each)
	kept.Began = a.call.StartedAt
	live, err := a.settled(ctx, kept)
	if err != nil {
		return err
	}
	if _, begun := a.known[a.key(objectKind, each)]; live == nil || begun || a.isForeign(live) {
		return a.create(ctx, each, kept)
	}
	return a.change(ctx, each, kept, live)
}

// hasApplied says that the step has applied an object since it began: it looks again, or its worker has died. Applied
// again, the object would lose what others have changed since, or conflict with them: an autoscaler sets replicas.
func (a *application) hasApplied(each item) bool {
	for _, kind := range []string{objectKind, changeKind} {
		effect := a.known[a.key(kind, each)]
		if effect.State != action.EffectCreated {
			continue
		}
		kept, err := recordOf(effect)
		if err == nil && kept.Fields != nil && !kept.Began.IsZero() && !kept.Began.Before(a.call.StartedAt) {
			return true
		}
	}
	return false
}

// isForeign says that an object is a Namespace of somebody else, which is not to be changed.
func (a *application) isForeign(live *unstructured.Unstructured) bool {
	return live.GetKind() == "Namespace" && !a.update && live.GetLabels()[runLabel] != clusters.LabelValue(a.call.RunID)
}

// create applies an object that is not there, as an effect.
func (a *application) create(ctx context.Context, each item, kept *record) error {
	isNew := false
	spec := kept.spec(a.client)
	spec.Intent = action.Intent{Kind: objectKind, Name: each.title(), Key: a.key(objectKind, each), Data: kept}
	spec.Create = func(ctx context.Context, effect action.Effect) (*resource.Found[*unstructured.Unstructured], error) {
		made, created, err := a.apply(ctx, each, effect, clusters.ApplyOptions{Force: a.force})
		if err != nil {
			return nil, err
		}
		if !created {
			return nil, a.revert(ctx, kept)
		}
		isNew, kept.Fields = true, applied(made)
		return found(made), nil
	}
	there, effect, err := resource.Ensure(ctx, a.call, spec)
	if errors.Is(err, resource.ErrTaken) && there != nil && a.isForeign(there) {
		return foreignNamespace(there, a.client.Cluster.Name)
	}
	if err != nil {
		return err
	}
	if isNew {
		a.call.Log.Info("Created %s", each.title())
		return nil
	}
	return a.repeat(ctx, each, kept, there, effect)
}

// revert gives up the fields of an object that somebody else created between the look and the application.
func (a *application) revert(ctx context.Context, kept *record) error {
	if _, _, err := a.client.Apply(ctx, kept.resource(), kept.identity(), clusters.ApplyOptions{Manager: manager}); err != nil {
		return action.Classify(a.client.Explain(ctx, err, "giving up "+kept.title()))
	}
	return resource.Exists(action.Final(fault.New(fault.Conflict, "%s appeared while it was created.", kept.title())))
}

// repeat applies an object that an earlier attempt created: the manifest may have been corrected since.
func (a *application) repeat(ctx context.Context, each item, kept *record, there *unstructured.Unstructured, effect action.Effect) error {
	again, _, err := a.apply(ctx, each, effect, clusters.ApplyOptions{Force: a.force})
	if err != nil {
		return err
	}
	if kept.Fields = applied(again); again.GetResourceVersion() == there.GetResourceVersion() && effect.State == action.EffectCreated && isRecorded(effect, kept) {
		return nil
	}
	return a.confirm(ctx, effect, again, kept)
}

// isRecorded says that the ledger has the fields and the time of a record.
func isRecorded(effect action.Effect, kept *record) bool {
	before, err := recordOf(effect)
	return err == nil && before.Began.Equal(kept.Began) && before.Fields != nil && kept.Fields != nil && string(before.Fields.Raw) == string(kept.Fields.Raw)
}

func (a *application) confirm(ctx context.Context, effect action.Effect, object *unstructured.Unstructured, kept *record) error {
	err := a.call.Ledger.Confirm(ctx, effect.ID, action.Confirmation{ExternalID: string(object.GetUID()), Data: kept})
	if err != nil {
		return action.Transient(fmt.Errorf("effects ledger: %s: %w", kept.title(), err), 0)
	}
	return nil
}

// change applies an object that the run did not create, and keeps what it replaces as an effect.
func (a *application) change(ctx context.Context, each item, kept *record, live *unstructured.Unstructured) error {
	if err := a.keepPrevious(ctx, each, kept, live); err != nil {
		return err
	}
	isNew := false
	spec := kept.changeSpec(a.client)
	spec.Intent = action.Intent{Kind: changeKind, Name: each.title(), Key: a.key(changeKind, each), Data: kept}
	spec.Create = func(ctx context.Context, effect action.Effect) (*resource.Found[*unstructured.Unstructured], error) {
		made, _, err := a.apply(ctx, each, effect, clusters.ApplyOptions{Force: a.force})
		if err != nil {
			return nil, err
		}
		isNew, kept.Fields = true, applied(made)
		return found(made), nil
	}
	there, effect, err := resource.Ensure(ctx, a.call, spec)
	if err != nil {
		return err
	}
	if isNew {
		a.call.Log.Info("Changed %s, which was there", each.title())
		return nil
	}
	return a.repeat(ctx, each, kept, there, effect)
}

// foreignNamespace refuses to change a Namespace that the run did not create.
func foreignNamespace(live *unstructured.Unstructured, cluster string) error {
	by := ""
	if run := live.GetLabels()[runLabel]; run != "" {
		by = fmt.Sprintf(": the run %s applied it", run)
	} else if entries := live.GetManagedFields(); len(entries) > 0 {
		by = fmt.Sprintf(": %s made it", entries[0].Manager)
	}
	return action.Advise(action.Refuse(fault.Conflict, fmt.Errorf("the namespace %s exists in the cluster %s already, and this run did not create it%s. It was left untouched",
		live.GetName(), cluster, by)), "Choose another name and start a new run. If the namespace is yours, leave it out of the manifests, or allow its change by existing: update.")
}

// keepPrevious puts what a change replaces into its record: what portico had applied before and, if fields of others
// are taken over, their values. An earlier attempt may have recorded it, before it changed the object.
func (a *application) keepPrevious(ctx context.Context, each item, kept *record, live *unstructured.Unstructured) error {
	if known, begun := a.known[a.key(changeKind, each)]; begun {
		before, err := recordOf(known)
		kept.Previous, kept.Fields = before.Previous, before.Fields
		return err
	}
	fields := fieldsOf(applied(live))
	if a.force {
		planned, _, err := a.apply(ctx, each, action.Effect{}, clusters.ApplyOptions{Force: true, DryRun: true})
		if err != nil {
			return err
		}
		fields = fields.union(fieldsOf(applied(planned)))
	}
	previous := kept.identity()
	if len(fields) > 0 {
		part, _ := fields.extract(live.Object).(map[string]any)
		previous.Object = merge(previous.Object, part)
	}
	encoded, err := json.Marshal(previous)
	if err != nil {
		return action.Final(fmt.Errorf("%s: %w", kept.title(), err))
	}
	kept.Previous = a.Keys.Seal(encoded, a.sealedFor())
	return nil
}

// sealedFor binds what is sealed to its run.
func (a *application) sealedFor() string { return sealedFor(a.call.RunID) }

func sealedFor(run string) string { return "kubernetes change of run " + run }

// merge adds the fields of one object to another.
func merge(into, from map[string]any) map[string]any {
	for name, value := range from {
		below, isObject := value.(map[string]any)
		there, wasObject := into[name].(map[string]any)
		if isObject && wasObject {
			into[name] = merge(there, below)
			continue
		}
		into[name] = value
	}
	return into
}

// apply applies an object with the marks of the run. One whose kind was defined a moment ago is tried for a while:
// the server needs that to serve it.
func (a *application) apply(ctx context.Context, each item, effect action.Effect, options clusters.ApplyOptions) (*unstructured.Unstructured, bool, error) {
	options.Manager = manager
	object := each.object.DeepCopy()
	a.mark(object, effect)
	var applied *unstructured.Unstructured
	var created bool
	err := a.until(ctx, kindTimeout, func() (bool, error) {
		var err error
		applied, created, err = a.client.Apply(ctx, each.resource, object, options)
		return !each.defined || !apierrors.IsNotFound(err), err
	})
	return applied, created, action.Classify(a.client.Explain(ctx, err, "applying "+each.title()))
}

// mark writes the run, the step and the effect on an object.
func (a *application) mark(object *unstructured.Unstructured, effect action.Effect) {
	labels, annotations := object.GetLabels(), object.GetAnnotations()
	if labels == nil {
		labels = map[string]string{}
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	labels[runLabel], labels[stepLabel] = clusters.LabelValue(a.call.RunID), clusters.LabelValue(a.call.StepID)
	annotations[effectAnnotation] = cmp.Or(effect.ID, "planned")
	object.SetLabels(labels)
	object.SetAnnotations(annotations)
}

func found(object *unstructured.Unstructured) *resource.Found[*unstructured.Unstructured] {
	return &resource.Found[*unstructured.Unstructured]{Thing: object, ID: string(object.GetUID()),
		MadeFor: func(effect action.Effect) bool {
			return object.GetAnnotations()[effectAnnotation] == effect.ID || isManagedBy(object, creatorFor(effect))
		}}
}
