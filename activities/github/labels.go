package github

import (
	"context"
	_ "embed" // for the schema
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

//go:embed schema/issues_label.input.json
var issuesLabelInputSchema []byte

// issuesLabel is the action github:issues:label.
type issuesLabel struct{ options Options }

// Describe lists the action with Backstage's schema.
func (*issuesLabel) Describe() action.Description {
	return action.Description{
		ID:          "github:issues:label",
		Description: "Adds labels to an issue or a pull request on GitHub.",
		Examples:    issuesLabelExamples,
		InputSchema: issuesLabelInputSchema,
		Undoes:      "Removes the labels that were not there before from the issue. Labels that GitHub added to the repository stay.",
		Needs:       []string{"An entry of `integrations.github` for the host, whose token or App has `issues: write`, and `pull_requests: write` for pull requests."},
		Differences: []string{
			"What GitHub refuses fails the step. Backstage's action then completes with a warning, and without the labels.",
		},
	}
}

var issuesLabelExamples = []action.Example{
	{
		Description: "Label an issue",
		Example: `steps:
  - id: label
    name: Label the issue
    action: github:issues:label
    input:
      repoUrl: ${{ parameters.repoUrl }}
      number: 12
      labels: [onboarding]
`,
	},
	{
		Description: "Label a pull request",
		Example: `steps:
  - id: label
    name: Label the pull request
    action: github:issues:label
    input:
      repoUrl: github.com?owner=acme&repo=infra
      number: 34
      labels: [terraform, automated]
`,
	},
}

type issuesLabelInput struct {
	target

	Number int      `json:"number"`
	Labels []string `json:"labels"`
}

// labelling is labels on one issue. What it adds is recorded before it is added.
type labelling struct {
	*connection

	number int
	// record is what the ledger keeps.
	record *labelRecord
	// isReadable says that GitHub showed the labels of the issue when they were last listed.
	isReadable bool
}

// labelRecord is what the ledger keeps about labels.
type labelRecord struct {
	place

	Number int `json:"number"`
	// Missing are the labels that the issue did not have before.
	Missing []string `json:"missing"`
}

var mayLabel = permissions{"metadata": "read", "issues": "write"}

func (a *issuesLabel) prepare(ctx context.Context, call *action.Call) (*labelling, issuesLabelInput, error) {
	var input issuesLabelInput
	if err := call.Decode(&input); err != nil {
		return nil, input, err
	}
	if len(input.Labels) == 0 {
		return nil, input, action.InputError("labels names no label")
	}
	c, err := a.options.beginWithin(ctx, input.RepoURL, input.Token, mayLabel)
	if err != nil {
		return nil, input, err
	}
	l := &labelling{connection: c, number: input.Number}
	present, err := l.list(ctx)
	if err != nil {
		return nil, input, err
	}
	missing := slices.DeleteFunc(slices.Clone(input.Labels), func(name string) bool { return containsFold(present, name) })
	l.record = &labelRecord{place: l.place(), Number: l.number, Missing: missing}
	return l, input, nil
}

func containsFold(names []string, name string) bool {
	return slices.ContainsFunc(names, func(one string) bool { return strings.EqualFold(one, name) })
}

// spec describes the labels that were missing, for finding and removing them.
func (l *labelling) spec() resource.Spec[[]string] {
	return resource.Spec[[]string]{
		Title:  fmt.Sprintf("the labels of #%d of %s on %s", l.number, l.name(), l.target.Host),
		Find:   l.find,
		Delete: l.remove,
		Hidden: l.hiddenBecause,
	}
}

// intended is spec for adding them.
func (l *labelling) intended(input issuesLabelInput) resource.Spec[[]string] {
	spec := l.spec()
	spec.Intent = action.Intent{
		Kind: "github:labels", Name: fmt.Sprintf("%s#%d %s", l.name(), l.number, strings.Join(input.Labels, ", ")),
		Data: l.record,
	}
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[[]string], error) {
		doing := fmt.Sprintf("adding labels to #%d of %s", l.number, l.name())
		err := l.send(ctx, doing, http.MethodPost, fmt.Sprintf("issues/%d/labels", l.number), map[string]any{"labels": input.Labels}, nil)
		if err != nil {
			return nil, err
		}
		return &resource.Found[[]string]{Thing: l.record.Missing}, nil
	}
	return spec
}

// Run adds the labels.
func (a *issuesLabel) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	l, input, err := a.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	call.Log.Info("Adding labels to %d issue on repo %s", input.Number, l.target.Repo)
	spec := l.intended(input)
	spec.Intent.Key = fmt.Sprintf("%s/%s/%s/%s/%s", call.StepID, call.Iteration, spec.Intent.Kind, l.target.Host, spec.Intent.Name)
	effects, err := call.Ledger.Effects(ctx)
	if err != nil {
		return nil, action.Transient(err, 0)
	}
	known := slices.ContainsFunc(effects, func(effect action.Effect) bool {
		return effect.Key == spec.Intent.Key && effect.State != action.EffectUndone
	})
	if len(l.record.Missing) == 0 && !known {
		call.Log.Info("The labels are there already")
		return nil, nil
	}
	_, _, err = resource.Ensure(ctx, call, spec)
	return nil, err
}

// Plan says which labels Run would add.
func (a *issuesLabel) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	l, input, err := a.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	if len(l.record.Missing) == 0 {
		return action.Plan{Summary: fmt.Sprintf("nothing: #%d of %s has the labels already", l.number, l.name())}, nil
	}
	return resource.Plan(ctx, l.intended(input), fmt.Sprintf("add %s to #%d of %s", strings.Join(l.record.Missing, ", "), l.number, l.name()))
}

// Undo removes the labels that the run added.
func (a *issuesLabel) Undo(ctx context.Context, call *action.UndoCall) error {
	record, err := recordOf[labelRecord](call.Effect)
	if err != nil {
		return err
	}
	c, err := a.options.resume(ctx, call, record.place, mayLabel)
	if err != nil {
		return err
	}
	l := &labelling{connection: c, number: record.Number, record: &record}
	return resource.Remove(ctx, call, l.spec())
}

// list lists the labels of the issue. An issue that GitHub does not show has none.
func (l *labelling) list(ctx context.Context) ([]string, error) {
	all, err := everyPage(ctx, l.connection, fmt.Sprintf("listing the labels of #%d of %s", l.number, l.name()),
		func(ctx context.Context, options github.ListOptions) ([]*github.Label, *github.Response, error) {
			return l.client.Issues.ListLabelsByIssue(ctx, l.target.Owner, l.target.Repo, l.number, &options)
		})
	l.isReadable = err == nil
	if isStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	names := make([]string, len(all))
	for i, label := range all {
		names[i] = label.GetName()
	}
	return names, err
}

// find finds those of the labels that were missing, and are there now.
func (l *labelling) find(ctx context.Context, effect action.Effect) (*resource.Found[[]string], error) {
	if effect.Fresh || effect.ID == "" {
		return nil, nil
	}
	record, err := recordOf[labelRecord](effect)
	if err != nil {
		return nil, err
	}
	// What was missing is what the first attempt saw.
	*l.record = record
	present, err := l.list(ctx)
	if err != nil {
		return nil, err
	}
	added := slices.DeleteFunc(slices.Clone(record.Missing), func(name string) bool { return !containsFold(present, name) })
	if len(added) == 0 {
		return nil, nil
	}
	return &resource.Found[[]string]{Thing: added, MadeFor: func(action.Effect) bool { return true }}, nil
}

func (l *labelling) remove(ctx context.Context, labels []string) error {
	for _, name := range labels {
		path := fmt.Sprintf("issues/%d/labels/%s", l.number, url.PathEscape(name))
		err := l.send(ctx, fmt.Sprintf("removing a label of #%d of %s", l.number, l.name()), http.MethodDelete, path, nil, nil)
		if err != nil && !isStatus(err, http.StatusNotFound) {
			return err
		}
	}
	return nil
}

// hiddenBecause says why the labels may be there although GitHub does not show the issue.
func (l *labelling) hiddenBecause(ctx context.Context) (string, error) {
	if l.isReadable {
		return "", nil
	}
	return l.connection.hiddenBecause(ctx)
}
