// Package check finds problems of a template before it runs: whether it can be parsed, whether its actions,
// filters and functions exist, whether its inputs match the actions' schemas, and whether what it reads is set.
// The command, the catalog, dry runs and the start of runs all use this package. It does no I/O, and evaluates
// nothing.
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
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/recall"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/parameters"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/template"
)

// Severity is the effect of a finding on a run.
type Severity string

// An Error makes every run fail that reaches it. With a Warning a run may succeed, but may do something else
// than its author expects.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Finding is one problem of a template.
type Finding struct {
	Severity Severity `json:"severity"`
	// Field is the path to it: spec.steps[2].input.repoUrl.
	Field string `json:"field"`
	// Line is its line in the file, 0 when that is not known. The caller that has the file sets it.
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
	// Next says what to do, "" when the message already says so.
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

// Checker checks templates against the actions, filters and rules that their runs have. It is safe for
// concurrent use.
type Checker struct {
	version  string
	actions  map[string]action.Description
	renderer *expression.Renderer
	rules    plan.Rules
	// decorators are the form decorators that the portal runs.
	decorators []string
	// findings has those of templates by their digests.
	findings *recall.Memory[[sha256.Size]byte, []Finding]
}

const (
	// maxKept bounds the templates whose findings are kept, keepFindings for how long.
	maxKept      = 1000
	keepFindings = time.Hour
)

// New makes a Checker for runs with these actions, this renderer and these rules. decorators are the ids of the form
// decorators that the portal runs.
func New(actions []action.Description, renderer *expression.Renderer, rules plan.Rules, decorators ...string) *Checker {
	c := &Checker{actions: map[string]action.Description{}, renderer: renderer, rules: rules, decorators: slices.Sorted(slices.Values(decorators)),
		findings: recall.New[[sha256.Size]byte, []Finding](maxKept, keepFindings)}
	for _, each := range actions {
		c.actions[each.ID] = each
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%+v %q %q", rules, renderer.FilterNames(), c.decorators)
	for _, id := range slices.Sorted(maps.Keys(c.actions)) {
		fmt.Fprintf(hash, " %q %q %q", id, c.actions[id].InputSchema, c.actions[id].OutputSchema)
	}
	c.version = hex.EncodeToString(hash.Sum(nil))
	return c
}

// Version identifies the checks: within one release of Portico, two Checkers with the same version have the
// same findings for a template.
func (c *Checker) Version() string { return c.version }

// Document checks a Template entity as JSON.
func (c *Checker) Document(ctx context.Context, document json.RawMessage) []Finding {
	t, err := template.Parse(document)
	if err != nil {
		return []Finding{{Severity: Error, Field: "spec", Message: err.Error()}}
	}
	return c.Template(ctx, t)
}

// Template checks a parsed template. It caches the findings, because every run of a template needs them.
func (c *Checker) Template(ctx context.Context, t *template.Template) []Finding {
	findings, found := c.findings.Get(t.Digest)
	if !found {
		findings = c.check(ctx, t)
		// A template that was not parsed has the zero digest. The findings are incomplete when the context
		// has ended.
		if t.Digest != [sha256.Size]byte{} && ctx.Err() == nil {
			c.findings.Remember(t.Digest, findings)
		}
	}
	return slices.Clone(findings)
}

func (c *Checker) check(ctx context.Context, t *template.Template) []Finding {
	p := &pass{Checker: c, ctx: ctx, readable: readable{told: map[nunjucks.Path]bool{}}}
	p.parameters(t)
	p.formDecorators(t)
	pinned, err := t.Pin(nil, template.User{}, provenance.Place{})
	if err != nil {
		p.add(Error, "spec.steps", "", "%s", err)
		return p.findings
	}
	p.readable.steps = pinned.Steps
	seen := map[string]int{}
	for i, step := range pinned.Steps {
		p.readable.reached = i
		p.step(fmt.Sprintf("spec.steps[%d]", i), step)
		if earlier, again := seen[step.ID]; again {
			p.add(Warning, fmt.Sprintf("spec.steps[%d].id", i), "Give each its own, if what comes after needs both.",
				"step %d has the id %q as well: only the output of the later one is seen.", earlier+1, step.ID)
		}
		seen[step.ID] = i
	}
	p.readable.reached = len(pinned.Steps)
	p.expressions("spec.output", pinned.Output, p.unlessStrict())
	return p.findings
}

// Errors returns the findings of severity Error as one fault of kind Input, nil when there are none.
func Errors(findings []Finding) error {
	var messages []string
	for _, finding := range findings {
		if finding.Severity == Error {
			messages = append(messages, finding.String())
		}
	}
	if len(messages) == 0 {
		return nil
	}
	return fault.New(fault.Input, "No run of this template can succeed. %s", strings.Join(messages, "\n"))
}

// maxFindings bounds how many findings are listed: nobody reads more.
const maxFindings = 100

// pass is the check of one template.
type pass struct {
	*Checker
	ctx      context.Context //nolint:containedctx // a pass is one call, whose context it is
	findings []Finding
	readable readable
}

func (p *pass) add(severity Severity, field, next, format string, args ...any) {
	if len(p.findings) < maxFindings {
		p.findings = append(p.findings, Finding{Severity: severity, Field: field, Message: fmt.Sprintf(format, args...), Next: next})
	}
}

// unlessStrict is the severity of an invalid expression in an input or the output: unless the rules are
// strict, the run goes on with its source text.
func (p *pass) unlessStrict() Severity {
	if p.rules.StrictExpressions {
		return Error
	}
	return Warning
}

// parameters checks the schemas of the form.
func (p *pass) parameters(t *template.Template) {
	pages, err := t.Pages()
	if err != nil {
		p.add(Error, "spec.parameters", "", "%s", err)
		return
	}
	if len(pages) > 0 && len(t.Spec.FormDecorators)+len(t.Spec.EarlyFormDecorators) == 0 {
		p.readable.fields = fieldsOf(pages)
	}
	single := len(pages) > 0 && t.Spec.Parameters[0] != '['
	for i, page := range pages {
		field := fmt.Sprintf("spec.parameters[%d]", i)
		if single {
			field = "spec.parameters"
		}
		for _, problem := range parameters.CheckSchema(page) {
			p.add(Warning, field+problem.Path, "", "%s", problem.Message)
		}
		var conditional struct {
			When json.RawMessage `json:"when"`
		}
		if json.Unmarshal(page, &conditional) == nil {
			p.expressions(field+".when", conditional.When, Error)
		}
	}
}

// formDecorators names the form decorators that are not configured: programs of a Backstage frontend, which the portal
// does not run.
func (p *pass) formDecorators(t *template.Template) {
	name, list := "formDecorators", t.Spec.FormDecorators
	if len(list) == 0 {
		name, list = "EXPERIMENTAL_formDecorators", t.Spec.EarlyFormDecorators
	}
	var decorators []struct {
		ID string `json:"id"`
	}
	if len(list) == 0 || json.Unmarshal(list, &decorators) != nil {
		return
	}
	for i, decorator := range decorators {
		if slices.Contains(p.decorators, decorator.ID) {
			continue
		}
		p.add(Warning, fmt.Sprintf("spec.%s[%d]", name, i), "Ask for them in the form: with fields, with Secret or with requestUserCredentials. "+
			"If it sets a person's token, the operator of Portico can configure it under portico.form.decorators.",
			"the form decorator %q is a part of a Backstage frontend: the values and secrets that it sets are missing.", decorator.ID)
	}
}

// step checks one step. A guarded step may never run, so its findings are only warnings.
func (p *pass) step(field string, step template.Step) {
	if string(step.If) == "false" {
		return
	}
	p.expressions(field+".if", step.If, Error)
	p.expressions(field+".each", step.Each, Error)
	p.expressions(field+".input", step.Input, p.unlessStrict())
	severity := Error
	if guarded(step) {
		severity = Warning
	}
	does, known := p.actions[step.Action]
	if !known {
		p.add(severity, field+".action", p.nearest(step.Action), "there is no action %q here.", step.Action)
		return
	}
	p.input(field+".input", step, does, severity)
}

// guarded reports whether it depends on the run whether the step runs.
func guarded(step template.Step) bool {
	return len(step.If) > 0 && string(step.If) != "true" || len(step.Each) > 0
}

// maxListed is the greatest number of ids in a suggestion.
const maxListed = 10

// nearest suggests the action with the most similar id, or lists some: those of the same system, else all if
// they are few.
func (p *pass) nearest(id string) string {
	ids := slices.Sorted(maps.Keys(p.actions))
	if near := didYouMean(id, ids); near != "" {
		return near
	}
	if len(ids) <= maxListed {
		return "There are " + strings.Join(ids, ", ") + "."
	}
	system, _, _ := strings.Cut(id, ":")
	related := slices.DeleteFunc(ids, func(each string) bool { return !strings.HasPrefix(each, system+":") })
	if len(related) == 0 {
		return "The page Actions lists those that are."
	}
	listed, others := related[:min(len(related), maxListed)], ""
	if len(related) > maxListed {
		others = " and others"
	}
	return fmt.Sprintf("Of %s there are %s%s. The page Actions lists all.", system, strings.Join(listed, ", "), others)
}

// expressions checks the strings of a value at any depth.
func (p *pass) expressions(field string, document json.RawMessage, severity Severity) {
	walkStrings(field, document, func(field, source string) {
		for _, problem := range p.renderer.Check(p.ctx, source) {
			p.add(severity, field, p.suggestFilter(problem), "this cannot be evaluated: %s", problem)
		}
		p.reads(field, source)
	})
}

func (p *pass) suggestFilter(problem string) string {
	name, isFilter := strings.CutPrefix(problem, "filter not found: ")
	if !isFilter {
		return ""
	}
	return didYouMean(name, p.renderer.FilterNames())
}
