// Package scaffolder is what people ask of templates and their runs: show a form, start a run, follow it,
// retry it, cancel it, roll it back. Every command and query takes the principal who asks and asks the one
// decision point. What drives a run is behind engine.Engine.
package scaffolder

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/recall"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/check"
	"github.com/portico-dev/portico/scaffolder/dryrun"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/parameters"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
	"github.com/portico-dev/portico/telemetry"
)

// Catalog is what the scaffolder needs of the catalog: entities as JSON in the author's order of keys. An
// entity that does not exist is a fault of kind NotFound.
type Catalog interface {
	EntityJSON(ctx context.Context, principal identity.Principal, ref entity.Ref) (json.RawMessage, error)
	// LocatedEntity tells as well where the entity was read, by the catalog's own record.
	LocatedEntity(ctx context.Context, principal identity.Principal, ref entity.Ref) (json.RawMessage, provenance.Place, error)
	// EachOfKind calls hand with every entity of a kind that the principal may read.
	EachOfKind(ctx context.Context, principal identity.Principal, kind string, hand func(json.RawMessage) error) error
}

// Options are what a Service is made of; all of it is needed but what may be nil.
type Options struct {
	Log     *slog.Logger
	Catalog Catalog
	Runs    *run.Store
	Engine  engine.Engine
	Actions *action.Registry
	Decider policy.Decider
	// Access decides about the actions of runs; nil allows all.
	Access *access.Runs
	// Checker checks templates before they run; nil checks none.
	Checker *check.Checker
	// Conditions evaluates under which values a page of a form is shown; nil shows all pages.
	Conditions *expression.Renderer
	// DryRuns tries templates out; nil when nobody will ask for it.
	DryRuns *dryrun.Runner
}

// Service carries out the commands and queries about templates and runs. Its stores are out of reach for
// callers: what they want is a method here, which asks the decider. It is safe for concurrent use.
type Service struct {
	log     *slog.Logger
	catalog Catalog
	runs    *run.Store
	engine  engine.Engine
	actions *action.Registry
	decider policy.Decider
	access  *access.Runs
	checker *check.Checker
	// conditions may be nil.
	conditions *expression.Renderer
	dryRuns    *dryrun.Runner
	// templates are parsed templates by the digest of their document: a template that people use is parsed
	// once, and not for each of its runs.
	templates *recall.Memory[[sha256.Size]byte, *template.Template]
}

// Bounds of the parsed templates that are kept, in bytes of a document, and how long one is.
const (
	maxTemplates  = 200
	maxTemplate   = 128 << 10
	keepTemplates = 10 * time.Minute
)

// New makes a Service.
func New(o Options) *Service {
	return &Service{log: o.Log, catalog: o.Catalog, runs: o.Runs, engine: o.Engine, actions: o.Actions, decider: o.Decider, access: o.Access,
		checker: o.Checker, conditions: o.Conditions, dryRuns: o.DryRuns,
		templates: recall.New[[sha256.Size]byte, *template.Template](maxTemplates, keepTemplates)}
}

// Actions are the actions that templates may use. No permission of Backstage guards the list: it is the same
// for everybody who is signed in.
func (s *Service) Actions() []action.Description {
	var described []action.Description
	for _, each := range s.actions.All() {
		described = append(described, each.Describe())
	}
	return described
}

// InvalidValuesError is a refusal of a run's values or secrets, in jsonschema's terms.
type InvalidValuesError struct{ Violations parameters.Violations }

func (e *InvalidValuesError) Error() string { return "invalid values: " + e.Violations.String() }

// Request asks for a run.
type Request struct {
	// ID is the run's, when whoever asks may ask twice: the second time nothing is created. The zero value
	// makes a new one.
	ID uuid.UUID
	// TemplateRef is the template's reference; its kind defaults to template.
	TemplateRef string
	Values      json.RawMessage
	Secrets     map[string]string
}

// Template reads a template from the catalog, with the pages that the principal may see. Who may see none at
// all is refused.
func (s *Service) Template(ctx context.Context, principal identity.Principal, ref entity.Ref) (*template.Template, error) {
	pages, err := access.Pages(ctx, s.decider, principal, ref.String())
	if err != nil {
		return nil, err
	}
	t, _, err := s.template(ctx, principal, ref)
	if err != nil {
		return nil, err
	}
	return t.Only(pages, nil)
}

// template reads a template and says where the catalog read it.
func (s *Service) template(ctx context.Context, principal identity.Principal, ref entity.Ref) (*template.Template, provenance.Place, error) {
	if !strings.EqualFold(ref.Kind, "template") {
		return nil, provenance.Place{}, fault.New(fault.Input, "Invalid kind, only 'Template' kind is supported")
	}
	document, at, err := s.catalog.LocatedEntity(ctx, principal, ref)
	if fault.KindOf(err) == fault.NotFound {
		return nil, at, fault.Wrap(fault.NotFound, err, "Template %s not found", ref)
	}
	if err != nil {
		return nil, at, fmt.Errorf("read %s: %w", ref, err)
	}
	t, err := s.parse(document)
	return t, at, err
}

// parse parses a template, or returns it from the cache. Nobody changes a parsed template.
func (s *Service) parse(document json.RawMessage) (*template.Template, error) {
	digest := sha256.Sum256(document)
	if known, has := s.templates.Get(digest); has {
		return known, nil
	}
	t, err := template.Parse(document)
	if err == nil && len(document) <= maxTemplate {
		s.templates.Remember(digest, t)
	}
	return t, err
}

// Create checks a request, pins the template with its values and starts a run of it. When the engine does not
// answer, the run is on the record all the same and StartPending starts it later.
func (s *Service) Create(ctx context.Context, principal identity.Principal, request Request) (uuid.UUID, error) {
	if err := s.require(ctx, principal, policy.ScaffolderTaskCreate, ""); err != nil {
		return uuid.Nil, err
	}
	if request.ID != uuid.Nil {
		// An earlier attempt may have come as far as this. What has become of the template since does not
		// matter.
		if exists, err := s.runs.Exists(ctx, request.ID); err != nil || exists {
			return request.ID, err
		}
	}
	n, err := s.newRun(ctx, principal, request)
	if err != nil {
		return uuid.Nil, err
	}
	err = s.runs.Create(ctx, n)
	if errors.Is(err, run.ErrRepeated) {
		return n.ID, nil
	}
	if err != nil {
		return uuid.Nil, err
	}
	if err := s.engine.Start(ctx, command(created(n), 0)); err != nil {
		s.log.WarnContext(telemetry.ForRun(ctx, n.ID), "the run is recorded and will be started when the engine answers", "error", err)
	}
	return n.ID, nil
}

// newRun is the run that a request asks for, once the request is found good.
func (s *Service) newRun(ctx context.Context, principal identity.Principal, request Request) (run.New, error) {
	if strings.TrimSpace(request.TemplateRef) == "" {
		return run.New{}, fault.New(fault.Input, "templateRef is empty: name the template, as in template:default/my-template")
	}
	ref, err := entity.ParseRef(request.TemplateRef, entity.Ref{Kind: "template", Namespace: "default"})
	if err != nil {
		return run.New{}, err
	}
	t, at, err := s.template(ctx, principal, ref)
	if err != nil {
		return run.New{}, err
	}
	if t, err = s.access.Visible(ctx, principal, t); err != nil {
		return run.New{}, err
	}
	base, err := t.Base(at)
	if err != nil {
		return run.New{}, err
	}
	pinned, err := s.pin(ctx, principal, t, base, request.Values, request.Secrets)
	if err != nil {
		return run.New{}, err
	}
	n := run.New{ID: cmp.Or(request.ID, uuid.New()), TemplateRef: t.Ref(), Title: t.Title(), Subject: subject(t, pinned.Parameters), Spec: pinned,
		Starter: principal, Secrets: request.Secrets}
	for _, finding := range s.findings(ctx, t) {
		// What is only a warning now is told by the step itself, if it comes to it.
		if finding.Severity == check.Error {
			n.Warnings = append(n.Warnings, "A run of this template is bound to fail. "+finding.String())
		}
	}
	return n, nil
}

// pin joins a template with the values and the user of a run, once the values are valid and the principal may
// execute its actions.
func (s *Service) pin(ctx context.Context, principal identity.Principal, t *template.Template, base provenance.Place, values json.RawMessage, secrets map[string]string) (template.TaskSpec, error) {
	if err := s.checkValues(ctx, t, values, secrets); err != nil {
		return template.TaskSpec{}, err
	}
	user, err := s.user(ctx, principal)
	if err != nil {
		return template.TaskSpec{}, err
	}
	pinned, err := t.Pin(values, user, base)
	if err != nil {
		return template.TaskSpec{}, err
	}
	return pinned, s.access.CheckSteps(ctx, principal, pinned.Steps)
}

// findings are the findings about a template, independent of the values.
func (s *Service) findings(ctx context.Context, t *template.Template) []check.Finding {
	if s.checker == nil {
		return nil
	}
	return s.checker.Template(ctx, t)
}

// Trial asks for a dry run.
type Trial struct {
	Template *template.Template
	Values   json.RawMessage
	Secrets  map[string]string
	// Files are the directory that the template lies in.
	Files []dryrun.File
}

// DryRun tries a template out as a run of it would go, with the same values and for the same user. Its log
// begins with what is wrong with the template.
func (s *Service) DryRun(ctx context.Context, principal identity.Principal, trial Trial) (dryrun.Result, error) {
	for _, permission := range []policy.Permission{policy.ScaffolderTaskCreate, policy.ScaffolderTemplateDryRun} {
		if err := s.require(ctx, principal, permission, ""); err != nil {
			return dryrun.Result{}, err
		}
	}
	pinned, err := s.pin(ctx, principal, trial.Template, provenance.Place{}, trial.Values, trial.Secrets)
	if err != nil {
		return dryrun.Result{}, err
	}
	return s.dryRuns.Run(ctx, dryrun.Request{Spec: pinned, Starter: principal, Secrets: trial.Secrets,
		Findings: s.findings(ctx, trial.Template), Files: trial.Files})
}

func checkSecrets(t *template.Template, secrets map[string]string) error {
	if t.Spec.Secrets == nil || len(t.Spec.Secrets.Schema) == 0 {
		return nil
	}
	given, err := json.Marshal(secrets)
	if err != nil {
		return fmt.Errorf("encode secrets: %w", err)
	}
	if secrets == nil {
		given = []byte("{}")
	}
	violations, err := parameters.Validate(t.Spec.Secrets.Schema, given)
	if err != nil {
		return fault.Wrap(fault.Input, err, "the secrets of %s cannot be checked: %s", t.Ref(), err.Error())
	}
	if len(violations) == 0 {
		return nil
	}
	return &InvalidValuesError{hideSecrets(violations)}
}

// hideSecrets words violations of the secrets' schema without the secrets.
func hideSecrets(violations parameters.Violations) parameters.Violations {
	for i := range violations {
		v := &violations[i]
		v.Instance = json.RawMessage("{}")
		v.Property = strings.Replace(v.Property, "instance", "secrets", 1)
		if name, isText := v.Argument.(string); isText && v.Name == "required" {
			v.Message = fmt.Sprintf("%s.%s is required", v.Property, name)
		} else {
			v.Message = v.Property + " " + v.Message
		}
	}
	return violations
}

// user is who the run is for, with their entity if the catalog has one.
func (s *Service) user(ctx context.Context, principal identity.Principal) (template.User, error) {
	ref := principal.UserRef()
	if ref == "" {
		return template.User{}, nil
	}
	parsed, err := entity.ParseRef(ref, entity.Ref{Kind: "user", Namespace: "default"})
	if err != nil {
		return template.User{}, err
	}
	document, err := s.catalog.EntityJSON(ctx, principal, parsed)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return template.User{}, fmt.Errorf("read %s: %w", ref, err)
	}
	return template.User{Ref: ref, Entity: document}, nil
}

// created is a new run as its record will have it.
func created(n run.New) run.Run {
	return run.Run{ID: n.ID, TemplateRef: n.TemplateRef, Title: n.Title, Subject: n.Subject, Spec: n.Spec, Starter: n.Starter}
}

// command tells the engine to begin a run, or to take it up again.
func command(of run.Run, generation int) engine.Command {
	summary := of.Title
	if of.Subject != "" {
		summary += ": " + of.Subject
	}
	return engine.Command{RunID: of.ID.String(), Generation: generation, Summary: summary, Details: outline(of.Spec.Steps),
		Labels: engine.Labels{Template: of.TemplateRef, Subject: of.Subject, StartedBy: of.Starter.Subject}}
}

// maxOutline bounds an outline, in bytes: Temporal refuses one above 20,000, and a character may take six in
// JSON.
const maxOutline = 3000

// outline is the steps of a run as Markdown, for who looks at it in Temporal: its history names only those
// with external effects.
func outline(steps []template.Step) string {
	var out strings.Builder
	for i, step := range steps {
		line := fmt.Sprintf("%d. %s (`%s`)\n", i+1, step.Name, step.Action)
		if out.Len()+len(line) > maxOutline {
			fmt.Fprintf(&out, "… and %d more\n", len(steps)-i)
			break
		}
		out.WriteString(line)
	}
	return out.String()
}

// require asks for a permission that is about no runs.
func (s *Service) require(ctx context.Context, principal identity.Principal, permission policy.Permission, resource string) error {
	return policy.Require(ctx, s.decider, principal, permission, resource)
}

// granted is which runs a principal may do something with. The store's readings take it.
func (s *Service) granted(ctx context.Context, principal identity.Principal, permission policy.Permission) (run.Grant, error) {
	return run.Rules.Ask(ctx, s.decider, principal, permission)
}

// maxSubject bounds a run's subject, in bytes: it stands in lists.
const maxSubject = 200

// subject says in a word what a run makes: the first name on the first page that was filled in. "" when
// nothing there is called a name.
func subject(t *template.Template, values json.RawMessage) string {
	pages, err := t.Pages()
	if err != nil || len(pages) == 0 {
		return ""
	}
	var given map[string]any
	if json.Unmarshal(values, &given) != nil {
		return ""
	}
	for _, name := range template.PropertyNames(pages[0]) {
		isName := strings.Contains(strings.ToLower(name), "name")
		if text, isText := given[name].(string); isText && isName && text != "" {
			// Postgres holds no NUL in a text.
			return strings.ToValidUTF8(strings.ReplaceAll(text[:min(len(text), maxSubject)], "\x00", ""), "")
		}
	}
	return ""
}
