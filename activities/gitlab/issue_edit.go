package gitlab

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// issueEdit is the action gitlab:issue:edit.
type issueEdit struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*issueEdit) Describe() action.Description {
	return action.Description{
		ID:          "gitlab:issue:edit",
		Description: "Changes an issue of a GitLab project.",
		Examples: []action.Example{
			{
				Description: "Close an issue",
				Example: `steps:
  - id: edit
    name: Close the issue
    action: gitlab:issue:edit
    input:
      repoUrl: gitlab.com?owner=acme&repo=shop
      projectId: 42
      issueIid: 6
      stateEvent: close
`,
			},
			{
				Description: "Give an issue another title, and add a label",
				Example: `steps:
  - id: edit
    name: Change the issue
    action: gitlab:issue:edit
    input:
      repoUrl: gitlab.com?owner=acme&repo=shop
      projectId: 42
      issueIid: 7
      title: Plan the second release
      addLabels: planned
`,
			},
		},
		InputSchema:  schema("issue-edit.input"),
		OutputSchema: schema("issue-edit.output"),
		Undoes:       "Gives the changed fields of the issue the values back that they had before, unless the issue was changed since.",
		Needs:        needsToken("may edit issues of the project."),
		Differences: []string{
			"What the step does not name stays. Backstage's action takes the assignees away, makes the issue public and unlocks its discussion, and sets " +
				"its time of change, unless it is told otherwise.",
			"`epicId` is sent as it is written. Backstage's action looks for the epic first.",
		},
	}
}

// issueEditInput is the input of gitlab:issue:edit.
type issueEditInput struct {
	credentials
	ProjectID int64 `json:"projectId"`
	IssueIID  int64 `json:"issueIid"`
}

// editNames are GitLab's names of the fields of the input.
var editNames = map[string]string{
	"addLabels": "add_labels", "assignees": "assignee_ids", "confidential": "confidential", "description": "description",
	"discussionLocked": "discussion_locked", "dueDate": "due_date", "epicId": "epic_id", "issueType": "issue_type", "labels": "labels",
	"milestoneId": "milestone_id", "removeLabels": "remove_labels", "stateEvent": "state_event", "title": "title", "updatedAt": "updated_at",
	"weight": "weight",
}

// fields are fields of an issue by GitLab's names for changing them: {"title": "x"}.
type fields map[string]any

// editKind is the kind of effect that a change of an issue is.
const editKind = "gitlab:issue-edit"

// editRecord is what the ledger keeps about a change of an issue.
type editRecord struct {
	place
	Project string `json:"project"`
	IID     int64  `json:"iid"`
	// Before are the changed fields as they were, After as the change leaves them.
	Before fields `json:"before"`
	After  fields `json:"after"`
	// UpdatedAt is when GitLab says that the issue was changed last, after the change.
	UpdatedAt *time.Time `json:"updatedAt,omitempty"`
}

func (r editRecord) name() string { return fmt.Sprintf("%d of project %s", r.IID, r.Project) }

// fieldsOf are the fields of an issue that an edit can change. A label's order has no meaning.
func fieldsOf(found *gitlab.Issue) fields {
	labels := slices.Sorted(slices.Values(found.Labels))
	assignees := []int64{}
	for _, one := range found.Assignees {
		assignees = append(assignees, one.ID)
	}
	known := fields{
		"title": found.Title, "description": found.Description, "confidential": found.Confidential,
		"discussion_locked": found.DiscussionLocked, "labels": strings.Join(labels, ","), "assignee_ids": assignees,
		"weight": found.Weight, "state": found.State, "due_date": "", "milestone_id": int64(0), "epic_id": int64(0), "issue_type": "issue",
	}
	if found.DueDate != nil {
		known["due_date"] = found.DueDate.String()
	}
	if found.Milestone != nil {
		known["milestone_id"] = found.Milestone.ID
	}
	if found.Epic != nil {
		known["epic_id"] = found.Epic.ID
	}
	if found.IssueType != nil {
		known["issue_type"] = *found.IssueType
	}
	return known
}

// equal compares fields in the form that the ledger gives them.
func (f fields) equal(other fields) bool {
	one, errOne := json.Marshal(f)
	two, errTwo := json.Marshal(other)
	return errOne == nil && errTwo == nil && string(one) == string(two)
}

// only are the fields that another set of fields has, too.
func (f fields) only(names fields) fields {
	kept := fields{}
	for name := range names {
		kept[name] = f[name]
	}
	return kept
}

// after are the fields that an edit changes, with the values that it leaves.
func (f fields) after(edit fields) fields {
	left := fields{}
	for name, value := range edit {
		switch name {
		case "add_labels", "remove_labels", "labels":
			left["labels"] = f.labelsAfter(edit)
		case "state_event":
			left["state"] = map[any]string{"close": "closed", "reopen": "opened"}[value]
		case "updated_at":
		default:
			left[name] = value
		}
	}
	return left
}

func (f fields) labelsAfter(edit fields) string {
	split := func(value any) []string {
		text, _ := value.(string)
		return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
	}
	labels := split(f["labels"])
	if _, replaced := edit["labels"]; replaced {
		labels = split(edit["labels"])
	}
	labels = append(labels, split(edit["add_labels"])...)
	removed := split(edit["remove_labels"])
	labels = slices.DeleteFunc(labels, func(label string) bool { return slices.Contains(removed, label) })
	slices.Sort(labels)
	return strings.Join(slices.Compact(labels), ",")
}

// restoring is the edit that gives fields these values.
func (f fields) restoring() fields {
	edit := maps.Clone(f)
	if state, has := edit["state"]; has {
		delete(edit, "state")
		edit["state_event"] = map[any]string{"closed": "close", "opened": "reopen"}[state]
	}
	return edit
}

// editOf is the edit that the input asks for.
func editOf(call *action.Call) (fields, error) {
	var given map[string]any
	if err := call.Decode(&given); err != nil {
		return nil, err
	}
	edit := fields{}
	for name, value := range given {
		if known, is := editNames[name]; is {
			edit[known] = value
		}
	}
	return edit, nil
}

func (c *connection) getIssue(ctx context.Context, record *editRecord) (found *gitlab.Issue, err error) {
	err = c.ask(ctx, "looking for the issue "+record.name(), func(within gitlab.RequestOptionFunc) (err error) {
		found, _, err = c.client.Issues.GetIssue(record.Project, record.IID, within)
		return err
	})
	return found, err
}

func (c *connection) edit(ctx context.Context, record *editRecord, edit fields) (*gitlab.Issue, error) {
	var changed gitlab.Issue
	err := c.send(ctx, "changing the issue "+record.name(), http.MethodPut, path("projects", record.Project, "issues", id(record.IID)), edit, &changed)
	if err == nil {
		record.UpdatedAt = changed.UpdatedAt
	}
	return &changed, err
}

// edits describes a change of an issue to package resource: the thing is the issue as it is now.
func (c *connection) edits(record *editRecord, edit fields) resource.Spec[*gitlab.Issue] {
	found := func(current *gitlab.Issue) *resource.Found[*gitlab.Issue] {
		return &resource.Found[*gitlab.Issue]{Thing: current, URL: current.WebURL, MadeFor: wasAbsent}
	}
	return resource.Spec[*gitlab.Issue]{
		Title:  fmt.Sprintf("the change of issue %s on %s", record.name(), c.host),
		Intent: action.Intent{Kind: editKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*gitlab.Issue], error) {
			if effect.Fresh {
				return nil, nil // nothing can have been changed for it
			}
			current, err := c.getIssue(ctx, record)
			if err != nil {
				return nil, err
			}
			now := fieldsOf(current).only(record.After)
			if now.equal(record.Before) && !now.equal(record.After) || effect.State == action.EffectIntended && !now.equal(record.After) {
				return nil, nil
			}
			return found(current), nil
		},
		Create: func(ctx context.Context, _ action.Effect) (*resource.Found[*gitlab.Issue], error) {
			changed, err := c.edit(ctx, record, edit)
			if err != nil {
				return nil, err
			}
			return found(changed), nil
		},
		Delete: func(ctx context.Context, _ *gitlab.Issue) error {
			if record.Before.equal(record.After) {
				return nil
			}
			_, err := c.edit(ctx, record, record.Before.restoring())
			return err
		},
		Used: func(_ context.Context, _ action.Effect, current *gitlab.Issue) (string, error) {
			if record.UpdatedAt != nil && current.UpdatedAt != nil && current.UpdatedAt.After(*record.UpdatedAt) {
				return "it was changed since", nil
			}
			return "", nil
		},
	}
}

// prepare reads the issue, and works out what the edit changes. What an earlier attempt recorded counts.
func (i *issueEdit) prepare(ctx context.Context, call *action.Call) (*connection, *editRecord, fields, error) {
	var input issueEditInput
	if err := call.Decode(&input); err != nil {
		return nil, nil, nil, err
	}
	edit, err := editOf(call)
	if err != nil {
		return nil, nil, nil, err
	}
	connected, err := i.options.connectTo(input.credentials)
	if err != nil {
		return nil, nil, nil, err
	}
	record := &editRecord{place: connected.place(input.Token, true), Project: id(input.ProjectID), IID: input.IssueIID}
	before, err := resource.Earlier(ctx, call, resource.KeyOf(call, editKind, record.name()))
	if err != nil {
		return nil, nil, nil, err
	}
	if before.ID != "" {
		recorded, err := resource.RecordOf[editRecord](before)
		return connected, &recorded, edit, err
	}
	record.Before, record.After = fields{}, fields{}
	current, err := connected.getIssue(ctx, record)
	if isStatus(err, http.StatusNotFound) { // the change will say so
		return connected, record, edit, nil
	}
	if err == nil {
		record.After = fieldsOf(current).after(edit)
		record.Before = fieldsOf(current).only(record.After)
	}
	return connected, record, edit, err
}

// Run changes the issue.
func (i *issueEdit) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	connected, record, edit, err := i.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	changed, _, err := resource.Ensure(ctx, call, connected.edits(record, edit))
	if err != nil {
		return nil, err
	}
	output := action.Output{
		"issueUrl": changed.WebURL, "projectId": changed.ProjectID, "issueId": changed.ID, "issueIid": changed.IID, "state": changed.State,
		"title": changed.Title,
	}
	if changed.UpdatedAt != nil {
		output["updatedAt"] = changed.UpdatedAt.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return output, nil
}

// Undo gives the fields their values back.
func (i *issueEdit) Undo(ctx context.Context, call *action.UndoCall) error {
	record, err := resource.RecordOf[editRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := i.options.reconnect(record.place, call)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, connected.edits(&record, nil))
}

// Plan says what Run would change.
func (i *issueEdit) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	connected, record, edit, err := i.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	names := slices.Sorted(maps.Keys(edit))
	return action.Plan{
		Summary: fmt.Sprintf("change %s of issue %s on %s", strings.Join(names, ", "), record.name(), connected.host),
		Creates: []action.PlannedEffect{{Kind: editKind, Name: record.name()}},
	}, nil
}
