package plan

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/template"
)

// visibility says which secret values an expression can read.
type visibility struct {
	// secrets makes the secrets readable: in inputs and each, but not in conditions and the template's
	// output.
	secrets bool
	// masked replaces secrets by a mask, and earlier outputs by their masked form. A second rendering with
	// these masked sources shows which texts contain parts of secrets and must be masked, too.
	masked bool
}

// mask replaces a secret.
const mask = "***"

// views are the variables of a step's expressions: whole has everything, open has no secrets, shown has
// masked secrets and outputs. open is nil when the step's if is no text, shown when its expressions see
// nothing secret.
type views struct{ whole, open, shown *nunjucks.Object }

func (p *Planner) views(ctx context.Context, s Scope, step template.Step) (v views, err error) {
	// What is not needed may be large.
	if !UsesOutputs(step, s.Items) {
		s.Outputs = nil
	}
	if !mentions(step, s.Items, "parameters") {
		s.Spec = withoutParameters(s.Spec)
	}
	if v.whole, err = p.context(ctx, s, visibility{secrets: true}); err != nil {
		return views{}, err
	}
	if _, isText := textOf(step.If); isText {
		if v.open, err = p.context(ctx, s, visibility{}); err != nil {
			return views{}, err
		}
	}
	if s.hasMaskedOutputs() || s.Items.hasShown() || mentions(step, s.Items, "secrets") {
		v.shown, err = p.context(ctx, s, visibility{secrets: true, masked: true})
	}
	return v, err
}

// withEach adds the current item of each. shown is the masked item.
func (v views) withEach(item Iteration, shown nunjucks.Value) views {
	v.whole = extend(v.whole, "each", objectOf(entry{"key", item.Key}, entry{"value", item.Value}))
	if v.shown != nil {
		v.shown = extend(v.shown, "each", objectOf(entry{"key", item.Key}, entry{"value", shown}))
	}
	return v
}

func withoutParameters(spec *template.TaskSpec) *template.TaskSpec {
	changed := *spec
	changed.Parameters = json.RawMessage("{}")
	return &changed
}

// UsesOutputs reports whether a step's expressions can refer to the outputs of earlier steps. Its each is not
// evaluated when its items are known.
func UsesOutputs(step template.Step, items *Items) bool { return mentions(step, items, "steps") }

// mentions reports whether those of a step's expressions that are evaluated may contain a word. A text with
// escapes may contain any word.
func mentions(step template.Step, items *Items, word string) bool {
	parts := []json.RawMessage{step.Input, step.If}
	if items == nil {
		parts = append(parts, step.Each)
	}
	return slices.ContainsFunc(parts, func(part json.RawMessage) bool {
		return bytes.Contains(part, []byte(word)) || bytes.Contains(part, []byte(`\u`))
	})
}

// hasMaskedOutputs reports whether an earlier step's output contains masked text.
func (s Scope) hasMaskedOutputs() bool {
	return slices.ContainsFunc(s.Outputs, func(o action.StepOutput) bool { return !bytes.Equal(o.Output, o.Shown) })
}

// context returns the variables of expressions: parameters, steps, user, context.task.id, environment, and
// secrets if they are visible.
func (p *Planner) context(ctx context.Context, s Scope, visibility visibility) (*nunjucks.Object, error) {
	parameters, err := nunjucks.DecodeJSONWithin(ctx, s.Spec.Parameters)
	if err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	steps, err := stepOutputs(ctx, s.Outputs, visibility)
	if err != nil {
		return nil, err
	}
	user, err := userObject(ctx, s.Spec.User)
	if err != nil {
		return nil, err
	}
	environment := nunjucks.NewObject()
	environment.Set("parameters", textObject(p.environment.Parameters))
	secrets := nunjucks.NewObject()
	if visibility.secrets {
		secrets = textObject(visibility.maskIfNeeded(s.Secrets))
		environment.Set("secrets", textObject(visibility.maskIfNeeded(p.environment.Secrets)))
	}
	return objectOf(
		entry{"parameters", parameters},
		entry{"steps", steps},
		entry{"secrets", secrets},
		entry{"user", user},
		entry{"environment", environment},
		entry{"context", objectOf(entry{"task", objectOf(entry{"id", s.TaskID})})},
	), nil
}

// maskIfNeeded returns the secrets, or masks in their place if masked is set.
func (s visibility) maskIfNeeded(secrets map[string]string) map[string]string {
	if !s.masked {
		return secrets
	}
	shown := make(map[string]string, len(secrets))
	for name := range secrets {
		shown[name] = mask
	}
	return shown
}

func stepOutputs(ctx context.Context, outputs []action.StepOutput, visibility visibility) (*nunjucks.Object, error) {
	steps := nunjucks.NewObject()
	for _, o := range outputs {
		source := o.Output
		if visibility.masked {
			source = o.Shown
		}
		var output nunjucks.Value = nunjucks.NewObject()
		if len(source) > 0 {
			var err error
			if output, err = nunjucks.DecodeJSONWithin(ctx, source); err != nil {
				return nil, fmt.Errorf("output of step %s: %w", o.StepID, err)
			}
		}
		steps.Set(o.StepID, objectOf(entry{"output", output}))
	}
	return steps, nil
}

func userObject(ctx context.Context, user template.User) (*nunjucks.Object, error) {
	object := nunjucks.NewObject()
	if len(user.Entity) > 0 {
		entity, err := nunjucks.DecodeJSONWithin(ctx, user.Entity)
		if err != nil {
			return nil, fmt.Errorf("entity of user %s: %w", user.Ref, err)
		}
		object.Set("entity", entity)
	}
	if user.Ref != "" {
		object.Set("ref", user.Ref)
	}
	return object, nil
}

// entry is one member of an object.
type entry struct {
	key   string
	value nunjucks.Value
}

func objectOf(entries ...entry) *nunjucks.Object {
	object := nunjucks.NewObject()
	for _, e := range entries {
		object.Set(e.key, e.value)
	}
	return object
}

func textObject(values map[string]string) *nunjucks.Object {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	object := nunjucks.NewObject()
	for _, key := range keys {
		object.Set(key, values[key])
	}
	return object
}

// extend returns a copy of data with one more key.
func extend(data *nunjucks.Object, key string, value nunjucks.Value) *nunjucks.Object {
	scope := nunjucks.NewObject()
	for _, k := range data.Keys() {
		v, _ := data.Get(k)
		scope.Set(k, v)
	}
	scope.Set(key, value)
	return scope
}
