// Package check judges a template before anybody runs it: whether it can be read, whether there are the
// actions, filters and functions that it uses, and whether its inputs fit. Everybody who judges a template
// asks here: the command, the catalog, a dry run, the start of a run. It does no I/O, and evaluates nothing.
package check

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/parameters"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/template"
)

// Severity says what a finding means for a run.
type Severity string

// An Error makes every run fail that comes to it. With a Warning a run may go well, but not as its author may
// think.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Finding is one thing that is wrong with a template.
type Finding struct {
	Severity Severity `json:"severity"`
	// Field leads to it: spec.steps[2].input.repoUrl.
	Field string `json:"field"`
	// Line is where in its file that is, 0 when that is not known: who has the file sets it.
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
	// Next says what to do, "" when the message says it all.
	Next string `json:"next,omitempty"`
}

func (f Finding) String() string {
	text := f.Field + ": " + f.Message
	if f.Line > 0 {
		text = fmt.Sprintf("line %d: %s", f.Line, text)
	}
	if f.Next != "" {
		text += " " + f.Next
	}
	return text
}

// Checker judges templates by what there is to run them with. It is safe for concurrent use.
type Checker struct {
	version  string
	actions  map[string]action.Description
	renderer *expression.Renderer
	rules    plan.Rules
	judged   judged
}

// New makes a Checker for these actions, and for runs by these rules.
func New(actions []action.Description, renderer *expression.Renderer, rules plan.Rules) *Checker {
	c := &Checker{actions: map[string]action.Description{}, renderer: renderer, rules: rules}
	for _, each := range actions {
		c.actions[each.ID] = each
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%+v %q", rules, renderer.FilterNames())
	for _, id := range slices.Sorted(maps.Keys(c.actions)) {
		fmt.Fprintf(hash, " %q %q", id, c.actions[id].InputSchema)
	}
	c.version = hex.EncodeToString(hash.Sum(nil))
	return c
}

// Version is another one for a Checker that may judge the same template differently, in this release of
// Portico.
func (c *Checker) Version() string { return c.version }

// Document judges a Template entity as JSON.
func (c *Checker) Document(ctx context.Context, document json.RawMessage) []Finding {
	t, err := template.Parse(document)
	if err != nil {
		return []Finding{{Severity: Error, Field: "spec", Message: err.Error()}}
	}
	return c.Template(ctx, t)
}

// Template judges a template that was read. It remembers its answers, because every run of a template asks.
func (c *Checker) Template(ctx context.Context, t *template.Template) []Finding {
	findings, found := c.judged.find(t.Digest)
	if !found {
		findings = c.judge(ctx, t)
		// What a context interrupted is no judgement.
		if ctx.Err() == nil {
			c.judged.keep(t.Digest, findings)
		}
	}
	return slices.Clone(findings)
}

func (c *Checker) judge(ctx context.Context, t *template.Template) []Finding {
	j := &judgement{Checker: c, ctx: ctx}
	j.parameters(t)
	pinned, err := t.Pin(nil, template.User{}, provenance.Place{})
	if err != nil {
		j.add(Error, "spec.steps", "", "%s", err)
		return j.findings
	}
	taken := map[string]int{}
	for i, step := range pinned.Steps {
		j.step(fmt.Sprintf("spec.steps[%d]", i), step)
		if earlier, again := taken[step.ID]; again {
			j.add(Warning, fmt.Sprintf("spec.steps[%d].id", i), "Give each its own, if what comes after needs both.",
				"step %d has the id %q as well: only the output of the later one is seen.", earlier+1, step.ID)
		}
		taken[step.ID] = i
	}
	j.expressions("spec.output", pinned.Output, j.unlessStrict())
	return j.findings
}

// Errors are the findings with which no run goes well, as one fault of kind Input; nil when there are none.
func Errors(findings []Finding) error {
	var told []string
	for _, finding := range findings {
		if finding.Severity == Error {
			told = append(told, finding.String())
		}
	}
	if len(told) == 0 {
		return nil
	}
	return fault.New(fault.Input, "No run of this template can go well. %s", strings.Join(told, "\n"))
}

// maxFindings bounds how many are told of: nobody reads more.
const maxFindings = 100

// judgement is the judging of one template.
type judgement struct {
	*Checker
	ctx      context.Context //nolint:containedctx // a judgement is one call, whose context it is
	findings []Finding
}

func (j *judgement) add(severity Severity, field, next, format string, args ...any) {
	if len(j.findings) < maxFindings {
		j.findings = append(j.findings, Finding{Severity: severity, Field: field, Message: fmt.Sprintf(format, args...), Next: next})
	}
}

// unlessStrict is how an expression is judged without which a step may go well, because it goes on as it is
// written.
func (j *judgement) unlessStrict() Severity {
	if j.rules.StrictExpressions {
		return Error
	}
	return Warning
}

// parameters judges the schemas of the form.
func (j *judgement) parameters(t *template.Template) {
	pages, err := t.Pages()
	if err != nil {
		j.add(Error, "spec.parameters", "", "%s", err)
		return
	}
	single := len(pages) > 0 && t.Spec.Parameters[0] != '['
	for i, page := range pages {
		field := fmt.Sprintf("spec.parameters[%d]", i)
		if single {
			field = "spec.parameters"
		}
		for _, problem := range parameters.CheckSchema(page) {
			j.add(Warning, field+problem.Path, "", "%s", problem.Message)
		}
	}
}

// step judges one step. What stands behind a guard may never be come to, so it is no more than a warning.
func (j *judgement) step(field string, step template.Step) {
	if string(step.If) == "false" {
		return
	}
	j.expressions(field+".if", step.If, Error)
	j.expressions(field+".each", step.Each, Error)
	j.expressions(field+".input", step.Input, j.unlessStrict())
	severity := Error
	if guarded(step) {
		severity = Warning
	}
	does, known := j.actions[step.Action]
	if !known {
		j.add(severity, field+".action", j.nearest(step.Action), "there is no action %q here.", step.Action)
		return
	}
	j.input(field+".input", step, does, severity)
}

// guarded says that whether the step runs depends on the run.
func guarded(step template.Step) bool {
	return len(step.If) > 0 && string(step.If) != "true" || len(step.Each) > 0
}

// nearest names what may have been meant.
func (j *judgement) nearest(id string) string {
	ids := slices.Sorted(maps.Keys(j.actions))
	if near := closest(id, ids); near != "" {
		return "Did you mean " + near + "?"
	}
	return "There are " + strings.Join(ids, ", ") + "."
}

// expressions judges the strings of a value at any depth.
func (j *judgement) expressions(field string, document json.RawMessage, severity Severity) {
	walkStrings(field, document, func(field, source string) {
		for _, problem := range j.renderer.Check(j.ctx, source) {
			j.add(severity, field, j.suggestFilter(problem), "this cannot be evaluated: %s", problem)
		}
	})
}

func (j *judgement) suggestFilter(problem string) string {
	name, isFilter := strings.CutPrefix(problem, "filter not found: ")
	if !isFilter {
		return ""
	}
	if near := closest(name, j.renderer.FilterNames()); near != "" {
		return "Did you mean " + near + "?"
	}
	return ""
}
