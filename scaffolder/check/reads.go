package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/template"
)

// readable is what the expressions of a template can read.
type readable struct {
	// fields are the names of the form's values, nil when others may set values, too.
	fields map[string]bool
	steps  []template.Step
	// reached is how many of the steps come before the expression.
	reached int
	// told are the paths about which there is a finding: one is enough.
	told map[nunjucks.Path]bool
}

// reads reports what an expression reads and nothing sets. The run goes on with no value there, so an author finds out
// late: after the steps before it.
func (p *pass) reads(field, source string) {
	for _, path := range p.renderer.Reads(p.ctx, source) {
		problem, next := "", ""
		switch path[0] {
		case "parameters":
			problem, next = p.readField(path)
		case "steps":
			problem, next = p.readStep(path)
		}
		if problem != "" && !p.readable.told[path] {
			p.readable.told[path] = true
			p.add(Warning, field, next, "%s has no value: %s.", strings.TrimRight(strings.Join(path[:], "."), "."), problem)
		}
	}
}

// readField looks at parameters.name. Of a longer path, its beginning is a path of its own.
func (p *pass) readField(path nunjucks.Path) (problem, next string) {
	if p.readable.fields == nil || p.readable.fields[path[1]] || path[2] != "" {
		return "", ""
	}
	return "the form has no such field", didYouMean(path[1], slices.Sorted(maps.Keys(p.readable.fields)))
}

// readStep looks at steps.id and at steps.id.output.name.
func (p *pass) readStep(path nunjucks.Path) (problem, next string) {
	at := slices.IndexFunc(p.readable.steps, func(step template.Step) bool { return step.ID == path[1] })
	switch {
	case at < 0 && path[2] != "":
		return "", "" // as above
	case at < 0:
		return "there is no such step", didYouMean(path[1], p.stepIDs())
	case at >= p.readable.reached && path[2] == "":
		return "that step comes later", "Move it before this one."
	case path[2] != "output" || path[3] == "":
		return "", ""
	}
	does, known := p.actions[p.readable.steps[at].Action]
	names, open := does.Outputs()
	if !known || open || slices.Contains(names, path[3]) {
		return "", ""
	}
	return fmt.Sprintf("%s declares no output %s", does.ID, path[3]), suggest(path[3], "It declares", names)
}

func (p *pass) stepIDs() []string {
	ids := make([]string, len(p.readable.steps))
	for i, step := range p.readable.steps {
		ids[i] = step.ID
	}
	return ids
}

// fieldsOf are the names of the values for which the pages ask, under any condition. Names of inner fields are among
// them: one too many hides a finding, one too few invents one.
func fieldsOf(pages []json.RawMessage) map[string]bool {
	names := map[string]bool{}
	for _, page := range pages {
		if decoded, err := nunjucks.DecodeJSON(page); err == nil {
			addFields(names, decoded)
		}
	}
	return names
}

func addFields(names map[string]bool, value nunjucks.Value) {
	switch value := value.(type) {
	case *nunjucks.Array:
		for _, item := range value.Items {
			addFields(names, item)
		}
	case *nunjucks.Object:
		for key, member := range value.All() {
			if properties, isObject := member.(*nunjucks.Object); key == "properties" && isObject {
				for _, name := range properties.Keys() {
					names[name] = true
				}
			}
			addFields(names, member)
		}
	}
}
