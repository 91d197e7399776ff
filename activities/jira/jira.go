// Package jira holds the action that creates an issue of Jira, jira:create-ticket.
package jira

import (
	"cmp"
	"context"
	_ "embed" // for the schemas
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

var (
	//go:embed schema/create.input.json
	createInput json.RawMessage
	//go:embed schema/create.output.json
	createOutput json.RawMessage
)

const (
	issueKind = "jira:issue"
	// property is the property of an issue that has the mark of its effect. People do not see it.
	property = "portico.effect"
)

// Options are where Jira is, and as whom Portico acts there.
type Options struct {
	// URL is the address of Jira Cloud.
	URL string
	// Token is a mail address and a token with a colon between them, in base64.
	Token     string
	Transport http.RoundTripper
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action { return []action.Action{createTicket{options}} }

// createTicket is jira:create-ticket.
type createTicket struct{ options Options }

// Describe lists the action with the inputs that public templates use.
func (createTicket) Describe() action.Description {
	return action.Description{
		ID:           "jira:create-ticket",
		Description:  "Creates an issue of Jira Cloud.",
		InputSchema:  createInput,
		OutputSchema: createOutput,
		Undoes:       "Deletes the issue, unless somebody has commented on it.",
		Needs: []string{"`jira.url`, and `jira.apiToken`: a mail address and an API token with a colon between them, in base64, as Jira's Basic authentication has them.",
			"The permissions to browse the project, and to create and delete its issues."},
		Differences: []string{
			"There is no package of Backstage with this action. Its inputs and outputs are those of the template action that Backstage's courses have people write.",
			"The issue has the property `portico.effect`, which people do not see: by it, a later attempt recognizes the issue among the newest of Portico's user. Jira " +
				"finds new issues after some seconds.",
		},
		Examples: []action.Example{
			{Description: "Ask for a review of a new service", Example: `steps:
  - id: ticket
    name: Ask for a review
    action: jira:create-ticket
    input:
      projectKey: PLATFORM
      summary: 'New service: ${{ parameters.name }}'
      description: Created by ${{ user.entity.metadata.name }}
      issueType: Task
`},
		},
	}
}

type input struct {
	ProjectKey  string `json:"projectKey"`
	Summary     string `json:"summary"`
	Description string `json:"description"`
	IssueType   string `json:"issueType"`
}

// record is what the ledger keeps about an issue.
type record struct {
	Project string `json:"project"`
	// Key is Jira's name of the issue, "" until it is known.
	Key string `json:"key,omitempty"`
}

// issue is what Jira says of an issue.
type issue struct {
	ID     string `json:"id"`
	Key    string `json:"key"`
	Fields struct {
		Comment struct {
			Total int `json:"total"`
		} `json:"comment"`
	} `json:"fields"`
	Properties map[string]mark `json:"properties"`
}

// mark is the value of the property.
type mark struct {
	ID string `json:"id"`
}

// connection makes requests to Jira.
type connection struct {
	hostapi.API

	url string
}

func (o Options) connect() (connection, error) {
	if o.URL == "" || o.Token == "" {
		return connection{}, action.Advise(action.InputError("Jira is not configured"), "Ask an operator to set jira.url and jira.apiToken, then start a new run.")
	}
	base := strings.TrimRight(o.URL, "/")
	client := rest.Options{Name: "Jira", Key: "jira", BaseURL: base + "/rest/api/3", Transport: o.Transport,
		Authenticate: func(header http.Header) { header.Set("Authorization", "Basic "+o.Token) }}
	return connection{url: base, API: hostapi.New(client, "Give the user of jira.apiToken this permission in the project, then retry.").In(words)}, nil
}

// words are Jira's: what it says, and of which field.
func words(refusal *rest.RefusalError) string {
	var said struct {
		Messages []string          `json:"errorMessages"`
		Errors   map[string]string `json:"errors"`
	}
	_ = json.Unmarshal(refusal.Body, &said) // another answer has no reasons
	for _, field := range slices.Sorted(maps.Keys(said.Errors)) {
		said.Messages = append(said.Messages, field+": "+said.Errors[field])
	}
	return strings.TrimSuffix(fmt.Sprintf("Jira API error (%d): %s", refusal.Status, strings.Join(said.Messages, ", ")), ": ")
}

func (a createTicket) begin(call *action.Call) (input, connection, error) {
	var wanted input
	if err := call.Decode(&wanted); err != nil {
		return wanted, connection{}, err
	}
	c, err := a.options.connect()
	return wanted, c, err
}

// Run creates the issue.
func (a createTicket) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	wanted, c, err := a.begin(call)
	if err != nil {
		return nil, err
	}
	kept := &record{Project: wanted.ProjectKey}
	spec := c.issue(kept)
	spec.Create = func(ctx context.Context, effect action.Effect) (*resource.Found[issue], error) {
		call.Log.Info("Creating Jira ticket in project %s: %s", wanted.ProjectKey, wanted.Summary)
		made, err := c.create(ctx, wanted, effect.ID)
		kept.Key = made.Key
		return c.found(made), err
	}
	made, _, err := resource.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	call.Log.Info("Created Jira ticket: %s", made.Key)
	return action.Output{"ticketKey": made.Key, "ticketUrl": c.page(made.Key)}, nil
}

// page is where people see an issue.
func (c connection) page(key string) string { return c.url + "/browse/" + key }

// found is the issue of the effect: find has left out the others.
func (c connection) found(made issue) *resource.Found[issue] {
	return &resource.Found[issue]{Thing: made, ID: made.ID, URL: c.page(made.Key), MadeFor: func(action.Effect) bool { return true }}
}

// issue describes the issue to package resource.
func (c connection) issue(kept *record) resource.Spec[issue] {
	return resource.Spec[issue]{
		Intent: action.Intent{Kind: issueKind, Name: kept.Project, Data: kept},
		Title:  "the issue in the project " + kept.Project + " of Jira",
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[issue], error) {
			return c.find(ctx, effect, kept)
		},
		Delete: func(ctx context.Context, found issue) error {
			return c.Delete(ctx, "deleting the issue "+found.Key, "/issue/"+url.PathEscape(found.Key))
		},
		Hidden: func(ctx context.Context) (string, error) {
			err := c.Send(ctx, "looking at the project", http.MethodGet, "/project/"+url.PathEscape(kept.Project), nil, nil)
			if rest.IsStatus(err, http.StatusNotFound) {
				return "the user of jira.apiToken does not see the project " + kept.Project, nil
			}
			return "", err
		},
		Used: func(_ context.Context, _ action.Effect, found issue) (string, error) {
			if found.Fields.Comment.Total > 0 {
				return "somebody has commented on it", nil
			}
			return "", nil
		},
	}
}

// find finds the issue of an effect: by its key, or by its mark among the newest of Portico's user.
func (c connection) find(ctx context.Context, effect action.Effect, kept *record) (*resource.Found[issue], error) {
	if effect.ID == "" || effect.Fresh {
		return nil, nil // nothing can have been created for it
	}
	recorded, err := resource.RecordOf[record](effect)
	if err != nil {
		return nil, err
	}
	if *kept = recorded; kept.Key != "" {
		var found issue
		err := c.Send(ctx, "looking for the issue "+kept.Key, http.MethodGet, "/issue/"+url.PathEscape(kept.Key)+"?fields=comment", nil, &found)
		if rest.IsStatus(err, http.StatusNotFound) {
			return nil, nil
		}
		return c.found(found), err
	}
	var listed struct {
		Issues []issue `json:"issues"`
	}
	newest := fmt.Sprintf("project = %q AND creator = currentUser() ORDER BY created DESC", kept.Project)
	err = c.Send(ctx, "looking for the issue", http.MethodGet,
		"/search/jql"+system.Query("jql", newest, "maxResults", "100", "fields", "comment", "properties", property), nil, &listed)
	i := slices.IndexFunc(listed.Issues, func(one issue) bool { return one.Properties[property].ID == effect.ID })
	if err != nil || i < 0 {
		return nil, err
	}
	kept.Key = listed.Issues[i].Key
	return c.found(listed.Issues[i]), nil
}

// text is a document of Atlassian with one paragraph.
func text(content string) any {
	return map[string]any{"type": "doc", "version": 1, "content": []any{
		map[string]any{"type": "paragraph", "content": []any{map[string]string{"type": "text", "text": content}}}}}
}

func (c connection) create(ctx context.Context, wanted input, effectID string) (made issue, err error) {
	body := map[string]any{
		"fields": map[string]any{
			"project": map[string]string{"key": wanted.ProjectKey}, "summary": wanted.Summary, "description": text(cmp.Or(wanted.Description, wanted.Summary)),
			"issuetype": map[string]string{"name": cmp.Or(wanted.IssueType, "Task")},
		},
		"properties": []any{map[string]any{"key": property, "value": mark{effectID}}},
	}
	err = c.Send(ctx, "creating the issue", http.MethodPost, "/issue", body, &made)
	if err == nil && made.Key == "" {
		err = action.Transient(errors.New("creating the issue: Jira's answer has no key"), 0)
	}
	return made, err
}

// Undo deletes the issue.
func (a createTicket) Undo(ctx context.Context, call *action.UndoCall) error {
	kept, err := resource.RecordOf[record](call.Effect)
	if err != nil {
		return err
	}
	c, err := a.options.connect()
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, c.issue(&kept))
}

// Plan says what Run would create.
func (a createTicket) Plan(_ context.Context, call *action.Call) (action.Plan, error) {
	wanted, _, err := a.begin(call)
	if err != nil {
		return action.Plan{}, err
	}
	return action.Plan{Summary: fmt.Sprintf("create the issue %q in the project %s of Jira", wanted.Summary, wanted.ProjectKey),
		Creates: []action.PlannedEffect{{Kind: issueKind, Name: wanted.ProjectKey}}}, nil
}
