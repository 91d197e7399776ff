package gitlab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// groupAccess is the action gitlab:group:access.
type groupAccess struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*groupAccess) Describe() action.Description {
	return action.Description{
		ID:          "gitlab:group:access",
		Description: "Gives users and groups access to a GitLab group, or takes it from them.",
		Examples: []action.Example{
			{
				Description: "Make two users developers of a group",
				Example: `steps:
  - id: access
    name: Give access
    action: gitlab:group:access
    input:
      repoUrl: gitlab.com
      path: acme/shops
      userIds: [12, 34]
`,
			},
			{
				Description: "Share a group with another one",
				Example: `steps:
  - id: access
    name: Share the group
    action: gitlab:group:access
    input:
      repoUrl: gitlab.com
      path: ${{ steps.group.output.groupId }}
      groupIds: [56]
      accessLevel: maintainer
`,
			},
			{
				Description: "Take the access from a user",
				Example: `steps:
  - id: access
    name: Take access
    action: gitlab:group:access
    input:
      repoUrl: gitlab.com
      path: acme/shops
      userIds: [12]
      action: remove
`,
			},
		},
		InputSchema:    schema("group-access.input"),
		OutputSchema:   schema("group-access.output"),
		SupportsDryRun: true,
		Undoes:         "Gives each user and group the access back that they had before, unless it was changed since.",
		Needs:          needsToken("is an owner of the group."),
		Differences: []string{
			"Who has the wanted access already is left as they are, and a rollback does not change them. Who has another is changed to it.",
		},
	}
}

// accessInput is the input of gitlab:group:access.
type accessInput struct {
	credentials
	Path        projectID   `json:"path"`
	UserIDs     []int64     `json:"userIds"`
	GroupIDs    []int64     `json:"groupIds"`
	Action      string      `json:"action"`
	AccessLevel accessLevel `json:"accessLevel"`

	// path is Path as the template wrote it, for the output.
	path json.RawMessage
}

const (
	// none is the access of who has none.
	none = -1
	// unknown is the access of somebody to a group that the token does not see.
	unknown = -2
)

// levels are GitLab's access levels by name.
var levels = map[string]accessLevel{
	"no access": 0, "minimal access": 5, "guest": 10, "planner": 15, "reporter": 20, "developer": 30, "maintainer": 40, "owner": 50,
}

// accessLevel is one of GitLab's access levels.
type accessLevel int

// UnmarshalJSON reads a number, or a name as people write it.
func (l *accessLevel) UnmarshalJSON(encoded []byte) error {
	if json.Unmarshal(encoded, (*int)(l)) == nil {
		return nil
	}
	var name string
	if err := json.Unmarshal(encoded, &name); err != nil {
		return err
	}
	known, ok := levels[strings.ToLower(strings.NewReplacer("_", " ", "-", " ").Replace(strings.TrimSpace(name)))]
	if !ok {
		return action.InputError("accessLevel %q is none of GitLab's access levels", name)
	}
	*l = known
	return nil
}

// String is the name of the level.
func (l accessLevel) String() string {
	for name, level := range levels {
		if level == l {
			return name
		}
	}
	return fmt.Sprintf("level %d", int(l))
}

// accessKind is the kind of effect that a change of access is.
const accessKind = "gitlab:group-access"

// accessRecord is what the ledger keeps about a change of access.
type accessRecord struct {
	place
	Group string `json:"group"`
	// Member is the number of a user, or of a group when IsGroup.
	Member  int64 `json:"member"`
	IsGroup bool  `json:"isGroup,omitempty"`
	// Before and After are the access before and after the change, none for no access.
	Before accessLevel `json:"before"`
	After  accessLevel `json:"after"`
}

func (r accessRecord) name() string {
	kind := "user"
	if r.IsGroup {
		kind = "group"
	}
	return fmt.Sprintf("%s %d in %s", kind, r.Member, r.Group)
}

// accesses describes a change of access to package resource: the thing is the access that somebody has now.
func (c *connection) accesses(record accessRecord) resource.Spec[accessLevel] {
	return resource.Spec[accessLevel]{
		Title:  fmt.Sprintf("the access of %s on %s", record.name(), c.host),
		Intent: action.Intent{Kind: accessKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[accessLevel], error) {
			current, err := c.access(ctx, record)
			switch {
			case err != nil || current == unknown:
				return nil, err
			case current == record.After, effect.State != action.EffectIntended && current != record.Before:
				return &resource.Found[accessLevel]{Thing: current, MadeFor: wasAbsent}, nil
			}
			return nil, nil
		},
		Create: func(ctx context.Context, _ action.Effect) (*resource.Found[accessLevel], error) {
			if err := c.setAccess(ctx, record, record.Before, record.After); err != nil {
				return nil, err
			}
			return &resource.Found[accessLevel]{Thing: record.After, MadeFor: wasAbsent}, nil
		},
		Delete: func(ctx context.Context, current accessLevel) error {
			return c.setAccess(ctx, record, current, record.Before)
		},
		Hidden: func(ctx context.Context) (string, error) {
			group, err := c.findGroup(ctx, record.Group)
			if err != nil || group != nil {
				return "", err
			}
			return "the token does not see the group " + record.Group, nil
		},
		Used: func(_ context.Context, _ action.Effect, current accessLevel) (string, error) {
			switch {
			case current != record.After:
				return "it was changed since", nil
			case record.Before == unknown:
				return "it is not known what it was before", nil
			}
			return "", nil
		},
	}
}

// access is the access that somebody has to the group itself, not through another one.
func (c *connection) access(ctx context.Context, record accessRecord) (level accessLevel, err error) {
	level = none
	group, err := c.findGroup(ctx, record.Group)
	if err != nil || group == nil {
		return unknown, err
	}
	if record.IsGroup {
		for _, shared := range group.SharedWithGroups {
			if shared.GroupID == record.Member {
				level = accessLevel(shared.GroupAccessLevel)
			}
		}
		return level, nil
	}
	err = c.ask(ctx, "looking for the access of "+record.name(), func(within gitlab.RequestOptionFunc) error {
		member, _, err := c.client.GroupMembers.GetGroupMember(record.Group, record.Member, within)
		if err == nil {
			level = accessLevel(member.AccessLevel)
		}
		return absent(err)
	})
	return level, err
}

// setAccess changes the access of a user or a group.
func (c *connection) setAccess(ctx context.Context, record accessRecord, from, to accessLevel) error {
	if record.IsGroup {
		return c.share(ctx, record, from, to)
	}
	members := path("groups", record.Group, "members")
	member := members + "/" + id(record.Member)
	switch {
	case to == none:
		err := c.ask(ctx, "taking the access of "+record.name(), func(within gitlab.RequestOptionFunc) error {
			_, err := c.client.GroupMembers.RemoveGroupMember(record.Group, record.Member, nil, within)
			return err
		})
		if from == unknown { // the group may not be there
			return err
		}
		return absent(err)
	case from == none, from == unknown:
		err := c.send(ctx, "giving access to "+record.name(), http.MethodPost, members, map[string]any{"user_id": record.Member, "access_level": to}, nil)
		if !isStatus(err, http.StatusConflict) {
			return err
		}
	}
	return c.send(ctx, "changing the access of "+record.name(), http.MethodPut, member, map[string]any{"access_level": to}, nil)
}

// share shares the group with another one. GitLab cannot change that, only end it.
func (c *connection) share(ctx context.Context, record accessRecord, from, to accessLevel) error {
	if from > none || to == none {
		err := c.ask(ctx, "ending the access of "+record.name(), func(within gitlab.RequestOptionFunc) error {
			_, err := c.client.Groups.UnshareGroupFromGroup(record.Group, record.Member, within)
			return err
		})
		if from == unknown && err != nil || absent(err) != nil { // the group may not be there
			return err
		}
	}
	if to == none {
		return nil
	}
	err := c.send(ctx, "giving access to "+record.name(), http.MethodPost, path("groups", record.Group, "share"),
		map[string]any{"group_id": record.Member, "group_access": to}, nil)
	if isStatus(err, http.StatusConflict) { // it is shared already
		return nil
	}
	return err
}

func (g *groupAccess) prepare(call *action.Call) (accessInput, *connection, error) {
	input := accessInput{Action: "add", AccessLevel: levels["developer"]}
	if err := call.Decode(&input); err != nil {
		return input, nil, err
	}
	if len(input.UserIDs) == 0 && len(input.GroupIDs) == 0 {
		return input, nil, action.InputError("At least one of userIds or groupIds must be provided")
	}
	var raw struct{ Path json.RawMessage }
	if err := call.Decode(&raw); err != nil {
		return input, nil, err
	}
	input.path = raw.Path
	connected, err := g.options.connectTo(input.credentials)
	return input, connected, err
}

// records are the changes that the step asks for.
func (i accessInput) records() []accessRecord {
	after := i.AccessLevel
	if i.Action == "remove" {
		after = none
	}
	var records []accessRecord
	for _, user := range i.UserIDs {
		records = append(records, accessRecord{Group: string(i.Path), Member: user, After: after})
	}
	for _, group := range i.GroupIDs {
		records = append(records, accessRecord{Group: string(i.Path), Member: group, IsGroup: true, After: after})
	}
	return records
}

// output is what the step asked for.
func (i accessInput) output() action.Output {
	output := action.Output{"path": i.path}
	if i.UserIDs != nil {
		output["userIds"] = i.UserIDs
	}
	if i.GroupIDs != nil {
		output["groupIds"] = i.GroupIDs
	}
	if i.Action == "add" {
		output["accessLevel"] = int(i.AccessLevel)
	}
	return output
}

// Run makes the changes.
func (g *groupAccess) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	input, connected, err := g.prepare(call)
	if err != nil {
		return nil, err
	}
	if call.DryRun {
		return input.output(), nil
	}
	for _, record := range input.records() {
		if err := connected.ensureAccess(ctx, call, input, record); err != nil {
			return nil, err
		}
	}
	return input.output(), nil
}

func (c *connection) ensureAccess(ctx context.Context, call *action.Call, input accessInput, record accessRecord) error {
	before, err := resource.Earlier(ctx, call, resource.KeyOf(call, accessKind, record.name()))
	if err != nil {
		return err
	}
	if before.ID != "" {
		if record, err = resource.RecordOf[accessRecord](before); err != nil {
			return err
		}
	} else if record.Before, err = c.access(ctx, record); err != nil || record.Before == record.After {
		return err
	}
	record.place = c.place(input.Token, true)
	_, _, err = resource.Ensure(ctx, call, c.accesses(record))
	return err
}

// Plan says which changes Run would make.
func (g *groupAccess) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	input, connected, err := g.prepare(call)
	if err != nil {
		return action.Plan{}, err
	}
	var plan action.Plan
	for _, record := range input.records() {
		current, err := connected.access(ctx, record)
		if err != nil {
			return action.Plan{}, err
		}
		if current != record.After {
			plan.Creates = append(plan.Creates, action.PlannedEffect{Kind: accessKind, Name: record.name()})
		}
	}
	names := []string{}
	for _, one := range plan.Creates {
		names = append(names, one.Name)
	}
	slices.Sort(names)
	plan.Summary = fmt.Sprintf("%s access on %s: %s", input.Action, connected.host, strings.Join(names, ", "))
	return plan, nil
}

// Undo gives the access back that there was.
func (g *groupAccess) Undo(ctx context.Context, call *action.UndoCall) error {
	record, err := resource.RecordOf[accessRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := g.options.reconnect(record.place, call)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, connected.accesses(record))
}
