package plan

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/template"
)

// sight is how much of what is secret an expression sees.
type sight struct {
	// secrets are for inputs and each. Conditions and the template's output see earlier outputs, but no secrets.
	secrets bool
	// masked is for nobody's use, but to find out what people must not see: secrets and earlier outputs are masked.
	masked bool
}

// mask stands for a secret.
const mask = "***"

// views are what a step's expressions see, by sight. shown is nil for a step that nothing secret can reach.
type views struct{ whole, open, shown *nunjucks.Object }

func (p *Planner) views(ctx context.Context, s Situation, step template.Step) (v views, err error) {
	if !mentions(step, "steps") {
		s.Outputs = nil // nothing looks at them, and hundreds of steps may have left much
	}
	if v.whole, err = p.context(ctx, s, sight{secrets: true}); err != nil {
		return views{}, err
	}
	if v.open, err = p.context(ctx, s, sight{}); err != nil {
		return views{}, err
	}
	if s.hidesOutputs() || mentions(step, "secrets") {
		v.shown, err = p.context(ctx, s, sight{secrets: true, masked: true})
	}
	return v, err
}

// withEach adds the current each item, and what people see of it.
func (v views) withEach(item Iteration, shown nunjucks.Value) views {
	v.whole = extend(v.whole, "each", objectOf(entry{"key", item.Key}, entry{"value", item.Value}))
	if v.shown != nil {
		v.shown = extend(v.shown, "each", objectOf(entry{"key", item.Key}, entry{"value", shown}))
	}
	return v
}

// mentions says whether a step's expressions can look at what a word names. One that may be written in escapes counts.
func mentions(step template.Step, word string) bool {
	return slices.ContainsFunc([]json.RawMessage{step.Input, step.Each, step.If}, func(part json.RawMessage) bool {
		return bytes.Contains(part, []byte(word)) || bytes.Contains(part, []byte(`\u`))
	})
}

// hidesOutputs says whether something was masked in an earlier step's output.
func (s Situation) hidesOutputs() bool {
	return slices.ContainsFunc(s.Outputs, func(o Output) bool { return !bytes.Equal(o.Output, o.Shown) })
}

// context is what expressions see: parameters, steps, user, context.task.id, environment, and secrets where they are
// allowed.
func (p *Planner) context(ctx context.Context, s Situation, sight sight) (*nunjucks.Object, error) {
	parameters, err := nunjucks.DecodeJSONWithin(ctx, s.Spec.Parameters)
	if err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	steps, err := stepOutputs(ctx, s.Outputs, sight)
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
	if sight.secrets {
		secrets = textObject(sight.of(s.Secrets))
		environment.Set("secrets", textObject(sight.of(p.environment.Secrets)))
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

// of are secrets as the sight has them.
func (s sight) of(secrets map[string]string) map[string]string {
	if !s.masked {
		return secrets
	}
	shown := make(map[string]string, len(secrets))
	for name := range secrets {
		shown[name] = mask
	}
	return shown
}

func stepOutputs(ctx context.Context, outputs []Output, sight sight) (*nunjucks.Object, error) {
	steps := nunjucks.NewObject()
	for _, o := range outputs {
		source := o.Output
		if sight.masked {
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

// extend is data with one more key; data itself stays as it is.
func extend(data *nunjucks.Object, key string, value nunjucks.Value) *nunjucks.Object {
	scope := nunjucks.NewObject()
	for _, k := range data.Keys() {
		v, _ := data.Get(k)
		scope.Set(k, v)
	}
	scope.Set(key, value)
	return scope
}
