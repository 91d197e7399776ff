package gitlab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// groupPath is the action gitlab:group:ensureExists.
type groupPath struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*groupPath) Describe() action.Description {
	return action.Description{
		ID:          "gitlab:group:ensureExists",
		Description: "Makes sure that a path of GitLab groups exists, and creates those that are missing.",
		Examples: []action.Example{
			{
				Description: "Make sure that a group in a group exists",
				Example: `steps:
  - id: group
    name: Make the group
    action: gitlab:group:ensureExists
    input:
      repoUrl: gitlab.com
      path: [acme, shops]
`,
			},
			{
				Description: "Give a group a name of its own and a description",
				Example: `steps:
  - id: group
    name: Make the group
    action: gitlab:group:ensureExists
    input:
      repoUrl: ${{ parameters.repoUrl }}
      description: All shops
      path:
        - acme
        - name: The shops
          slug: shops
`,
			},
		},
		InputSchema:    schema("group.input"),
		OutputSchema:   schema("group.output"),
		SupportsDryRun: true,
		Undoes:         "Deletes the groups that the step created, unless they hold projects or groups by then.",
		Needs:          needsToken("may create groups there."),
		Differences: []string{
			"Where GitLab keeps deleted groups for some days, a rollback deletes them for good at once if the token may do that.",
		},
	}
}

// pathElement is one group of a path: a name, or a name and its form in URLs.
type pathElement struct {
	Name string `json:"name"`
	Slug string `json:"slug"`
}

// UnmarshalJSON reads either form.
func (p *pathElement) UnmarshalJSON(encoded []byte) error {
	var name string
	if json.Unmarshal(encoded, &name) == nil {
		p.Name, p.Slug = name, name
		return nil
	}
	type plain pathElement
	return json.Unmarshal(encoded, (*plain)(p))
}

// groupInput is the input of gitlab:group:ensureExists.
type groupInput struct {
	credentials
	Description string        `json:"description"`
	Path        []pathElement `json:"path"`
}

// groupKind is the kind of effect that a created group is.
const groupKind = "gitlab:group"

// groupRecord is what the ledger keeps about a group.
type groupRecord struct {
	place
	Group string `json:"group"`
}

// parentOf is the path of the group that a group is in, "" for none.
func parentOf(group string) string { return group[:max(strings.LastIndex(group, "/"), 0)] }

// groups describes a group to package resource.
func (c *connection) groups(record groupRecord) resource.Spec[*gitlab.Group] {
	return resource.Spec[*gitlab.Group]{
		Title:  fmt.Sprintf("the group %s on %s", record.Group, c.host),
		Intent: action.Intent{Kind: groupKind, Name: record.Group, Data: record},
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[*gitlab.Group], error) {
			group, err := c.findGroup(ctx, record.Group)
			if err != nil || group == nil {
				return nil, err
			}
			return foundGroup(group), nil
		},
		Delete: func(ctx context.Context, group *gitlab.Group) error { return c.deleteGroup(ctx, record.Group, group) },
		Hidden: func(ctx context.Context) (string, error) { return c.hiddenGroup(ctx, record) },
		Used: func(ctx context.Context, _ action.Effect, group *gitlab.Group) (string, error) {
			return c.useOfGroup(ctx, group)
		},
	}
}

// hiddenGroup says why a group may exist although the token does not see it.
func (c *connection) hiddenGroup(ctx context.Context, record groupRecord) (string, error) {
	if above := parentOf(record.Group); above != "" {
		return c.hiddenFrom(ctx, above)
	}
	me, err := c.whoAmI(ctx)
	if err != nil || me.IsAdmin {
		return "", err
	}
	// Who creates a group owns it, and sees it.
	if !c.lostToken {
		return "", nil
	}
	return "it was created with a token that the step passed and that is gone now", nil
}

func foundGroup(group *gitlab.Group) *resource.Found[*gitlab.Group] {
	return &resource.Found[*gitlab.Group]{
		Thing: group, ID: id(group.ID), URL: group.WebURL,
		MadeFor: func(effect action.Effect) bool { return wasAbsent(effect) && madeSince(effect, group.CreatedAt) },
	}
}

// findGroup finds a group by its path, nil when there is none. One that waits for its deletion is gone.
func (c *connection) findGroup(ctx context.Context, name string) (found *gitlab.Group, err error) {
	err = c.ask(ctx, "looking for the group "+name, func(within gitlab.RequestOptionFunc) error {
		group, _, err := c.client.Groups.GetGroup(name, nil, within)
		if err == nil && group.MarkedForDeletionOn == nil {
			found = group
		}
		return absent(err)
	})
	return found, err
}

// useOfGroup says what is in the group, "" when nothing.
func (c *connection) useOfGroup(ctx context.Context, group *gitlab.Group) (use string, err error) {
	err = c.ask(ctx, "listing the projects of "+group.FullPath, func(within gitlab.RequestOptionFunc) error {
		projects, _, err := c.client.Groups.ListGroupProjects(group.ID, &gitlab.ListGroupProjectsOptions{
			ListOptions: gitlab.ListOptions{PerPage: pageSize}, WithShared: new(false),
		}, within)
		for _, project := range projects {
			if project.MarkedForDeletionOn == nil {
				use = "it holds the project " + project.PathWithNamespace
			}
		}
		return err
	})
	if err != nil || use != "" {
		return use, err
	}
	err = c.ask(ctx, "listing the groups of "+group.FullPath, func(within gitlab.RequestOptionFunc) error {
		groups, _, err := c.client.Groups.ListSubGroups(group.ID, &gitlab.ListSubGroupsOptions{
			ListOptions: gitlab.ListOptions{PerPage: pageSize},
		}, within)
		for _, inner := range groups {
			if inner.MarkedForDeletionOn == nil {
				use = "it holds the group " + inner.FullPath
			}
		}
		return err
	})
	return use, err
}

// deleteGroup deletes a group, as deleteProject deletes a project.
func (c *connection) deleteGroup(ctx context.Context, name string, group *gitlab.Group) error {
	err := gone(c.ask(ctx, "deleting the group "+name, func(within gitlab.RequestOptionFunc) error {
		_, err := c.client.Groups.DeleteGroup(group.ID, nil, within)
		return err
	}))
	if err != nil {
		return err
	}
	var marked *gitlab.Group
	err = c.ask(ctx, "looking for the group "+name, func(within gitlab.RequestOptionFunc) error {
		left, _, err := c.client.Groups.GetGroup(group.ID, nil, within)
		if err == nil && left.MarkedForDeletionOn != nil {
			marked = left
		}
		return absent(err)
	})
	if err != nil || marked == nil {
		return err
	}
	err = c.ask(ctx, "deleting the group "+name+" for good", func(within gitlab.RequestOptionFunc) error {
		_, err := c.client.Groups.DeleteGroup(group.ID, &gitlab.DeleteGroupOptions{
			FullPath: &marked.FullPath, PermanentlyRemove: new(true),
		}, within)
		return absent(err)
	})
	if isAnswer(err) && !action.IsTransient(err) {
		return nil // GitLab deletes it on the day for which it is marked.
	}
	return err
}

// walk calls visit for each group of the path, from the outermost, with the path so far.
func (i groupInput) walk(visit func(path string, element pathElement) error) error {
	whole := ""
	for _, element := range i.Path {
		whole = strings.TrimPrefix(whole+"/"+element.Slug, "/")
		if err := visit(whole, element); err != nil {
			return err
		}
	}
	return nil
}

func (g *groupPath) prepare(call *action.Call) (groupInput, *connection, error) {
	var input groupInput
	if err := call.Decode(&input); err != nil {
		return input, nil, err
	}
	for _, element := range input.Path {
		if element.Slug == "" || strings.Contains(element.Slug, "/") {
			return input, nil, action.InputError("path: %q is not the name of one group", element.Slug)
		}
	}
	connected, err := g.options.connectTo(input.credentials)
	return input, connected, err
}

// Run creates the groups that are missing.
func (g *groupPath) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	if call.DryRun {
		return action.Output{"groupId": 42}, nil // as Backstage's
	}
	input, connected, err := g.prepare(call)
	if err != nil {
		return nil, err
	}
	var inner *gitlab.Group
	err = input.walk(func(whole string, element pathElement) error {
		group, err := connected.ensureGroup(ctx, call, input, whole, element, inner)
		inner = group
		return err
	})
	if err != nil {
		return nil, err
	}
	return action.Output{"groupId": inner.ID}, nil
}

// ensureGroup finds a group, or creates it in its parent. One that somebody else creates meanwhile is as good.
func (c *connection) ensureGroup(ctx context.Context, call *action.Call, input groupInput, whole string, element pathElement, parent *gitlab.Group) (*gitlab.Group, error) {
	there, err := c.findGroup(ctx, whole)
	if err != nil {
		return nil, err
	}
	before, err := resource.Earlier(ctx, call, resource.KeyOf(call, groupKind, whole))
	if err != nil || there != nil && before.ID == "" {
		return there, err
	}
	record := groupRecord{place: c.place(input.Token, there == nil), Group: whole}
	if before.ID != "" {
		if record, err = resource.RecordOf[groupRecord](before); err != nil {
			return nil, err
		}
	}
	spec := c.groups(record)
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[*gitlab.Group], error) {
		call.Log.Info("creating missing group %s", whole)
		return c.createGroup(ctx, input, whole, element, parent)
	}
	group, _, err := resource.Ensure(ctx, call, spec)
	if errors.Is(err, resource.ErrTaken) && group != nil {
		return group, nil
	}
	return group, err
}

func (c *connection) createGroup(ctx context.Context, input groupInput, whole string, element pathElement, parent *gitlab.Group) (*resource.Found[*gitlab.Group], error) {
	body := map[string]any{"name": element.Name, "path": element.Slug}
	if parent != nil {
		body["parent_id"] = parent.ID
	}
	if input.Description != "" {
		body["description"] = input.Description
	}
	var created gitlab.Group
	err := c.send(ctx, "creating the group "+whole, http.MethodPost, "groups", body, &created)
	switch {
	case saysTaken(err):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, err
	}
	return foundGroup(&created), nil
}

// Plan says which groups Run would create.
func (g *groupPath) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	input, connected, err := g.prepare(call)
	if err != nil {
		return action.Plan{}, err
	}
	var plan action.Plan
	err = input.walk(func(whole string, _ pathElement) error {
		there, err := connected.findGroup(ctx, whole)
		if err == nil && there == nil {
			plan.Creates = append(plan.Creates, action.PlannedEffect{Kind: groupKind, Name: whole})
		}
		return err
	})
	plan.Summary = fmt.Sprintf("create %d groups on %s", len(plan.Creates), connected.host)
	return plan, err
}

// Undo deletes the group.
func (g *groupPath) Undo(ctx context.Context, call *action.UndoCall) error {
	record, err := resource.RecordOf[groupRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := g.options.reconnect(record.place, call)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, connected.groups(record))
}
