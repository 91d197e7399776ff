package gitlaborg

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/fault"
	gitlabhost "github.com/portico-dev/portico/integration/gitlab"
)

// maxMembers bounds the members of one group, which are one entity.
const maxMembers = 20_000

// group is a group as GitLab's REST API describes it.
type group struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	FullPath    string `json:"full_path"`
	Description string `json:"description"`
}

// readGroups reads groups in the order of their ids, which does not change, and asks for the members of those that count.
func (p *Provider) readGroups(ctx context.Context, at position, page *provider.Page) (*position, error) {
	of := list[group]{
		path: "/groups", query: url.Values{"order_by": {"id"}, "sort": {"asc"}, "all_available": {"true"}}, size: p.groupsAtOnce,
		name: "groups", id: func(one group) int64 { return one.ID },
	}
	var found []group
	if p.group != "" {
		of.path = groupPath(p.group) + "/descendant_groups"
		top, err := p.readTop(ctx, &at, page)
		if err != nil {
			return nil, err
		}
		if at.Page == 1 {
			found = append(found, top)
		}
	}
	listed, next, err := numbered(ctx, p, at, page, of)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(append(found, listed...), func(one group) bool { return !p.selects(one.FullPath) })
	for some := range slices.Chunk(found, groupsPerQuery) {
		if err := p.addGroups(ctx, page, some); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// readTop reads the configured group. A path that was given up can be taken by another group.
func (p *Provider) readTop(ctx context.Context, at *position, page *provider.Page) (group, error) {
	var top group
	page.Requests++
	if _, err := p.reader.Page(ctx, groupPath(p.group), url.Values{"with_projects": {"false"}}, &top); err != nil {
		return group{}, err
	}
	if top.ID == 0 || !strings.EqualFold(top.FullPath, p.group) || at.GroupID != 0 && at.GroupID != top.ID {
		return group{}, fault.New(fault.Conflict, "%s on %s is another group than when the reading began, or has another path", p.group, p.host.Name())
	}
	at.GroupID = top.ID
	return top, nil
}

// members is a page of the members of a group.
type members struct {
	PageInfo struct {
		HasNextPage bool   `json:"hasNextPage"`
		EndCursor   string `json:"endCursor"`
	} `json:"pageInfo"`
	Nodes []struct {
		// User is nil for somebody who was invited by mail.
		User *struct {
			Username string `json:"username"`
			State    string `json:"state"`
		} `json:"user"`
	} `json:"nodes"`
}

// people are the names of those who count, sorted.
func (m members) people() []string {
	var names []string
	for _, node := range m.Nodes {
		if node.User != nil && node.User.State == active && !ofToken.MatchString(node.User.Username) {
			names = append(names, node.User.Username)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// membership is a group with its members, and the one above. Members are nil if the token may not read them.
type membership struct {
	ID     string   `json:"id"`
	People *members `json:"groupMembers"`
	Parent *struct {
		FullPath string   `json:"fullPath"`
		People   *members `json:"groupMembers"`
	} `json:"parent"`
}

// asked is what is asked for of each group. Of the one above, some members tell whether it is an entity too.
const asked = `group(fullPath: $group%d) {
    id
    groupMembers(first: 100, relations: $relations) { pageInfo { hasNextPage endCursor } nodes { user { username state } } }
    parent { fullPath groupMembers(first: 20, relations: $relations) { pageInfo { hasNextPage endCursor } nodes { user { username state } } } }
  }
`

const moreMembers = `query ReadMembers($group: ID!, $relations: [GroupMemberRelation!], $after: String) {
  group(fullPath: $group) {
    id
    groupMembers(first: 100, relations: $relations, after: $after) { pageInfo { hasNextPage endCursor } nodes { user { username state } } }
  }
}
`

// addGroups adds groups that have members to a page. When GitLab cannot answer for all at once, it is asked for fewer.
func (p *Provider) addGroups(ctx context.Context, page *provider.Page, groups []group) error {
	page.Requests++
	answered, err := p.askMembers(ctx, groups)
	if err != nil && len(groups) > 1 && gitlabhost.IsTooLarge(err) && ctx.Err() == nil {
		half := len(groups) / 2
		if err := p.addGroups(ctx, page, groups[:half]); err != nil {
			return err
		}
		return p.addGroups(ctx, page, groups[half:])
	}
	if err != nil {
		return err
	}
	for n, one := range groups {
		if err := p.addGroup(ctx, page, one, answered[fmt.Sprint("group", n)]); err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) askMembers(ctx context.Context, groups []group) (map[string]*membership, error) {
	var parameters, fields strings.Builder
	variables := map[string]any{"relations": p.relations}
	for n, one := range groups {
		fmt.Fprintf(&parameters, ", $group%d: ID!", n)
		fmt.Fprintf(&fields, "  group%d: "+asked, n, n)
		variables[fmt.Sprint("group", n)] = one.FullPath
	}
	query := "query ReadGroups($relations: [GroupMemberRelation!]" + parameters.String() + ") {\n" + fields.String() + "}\n"
	var answered map[string]*membership
	return answered, p.reader.Query(ctx, query, variables, &answered)
}

func (p *Provider) addGroup(ctx context.Context, page *provider.Page, of group, answered *membership) error {
	switch {
	case answered == nil || answered.ID != gid(of.ID):
		return changed(of) // It may pass: the list does not have it any more.
	case answered.People == nil && p.group != "":
		return fault.New(fault.NotAllowed, "the token may not read the members of %s on %s", of.FullPath, p.host.Name())
	case answered.People == nil:
		page.Remark("the group %s is left out: the token may not read its members", of.FullPath)
		return nil
	}
	if err := p.complete(ctx, page, of, answered.People); err != nil {
		return err
	}
	people := answered.People.people()
	if len(people) == 0 {
		return nil
	}
	parent := ""
	if above := answered.Parent; above != nil && above.People != nil && p.selects(above.FullPath) &&
		(len(above.People.people()) > 0 || above.People.PageInfo.HasNextPage) {
		parent = above.FullPath
	}
	add(page, p.groupEntity(of, parent, people))
	return nil
}

// complete reads the rest of the members of a group.
func (p *Provider) complete(ctx context.Context, page *provider.Page, of group, whole *members) error {
	for whole.PageInfo.HasNextPage {
		if len(whole.Nodes) > maxMembers {
			return fmt.Errorf("the group %s has more than %d members", of.FullPath, maxMembers)
		}
		var answered struct {
			Group *membership `json:"group"`
		}
		page.Requests++
		variables := map[string]any{"group": of.FullPath, "relations": p.relations, "after": whole.PageInfo.EndCursor}
		if err := p.reader.Query(ctx, moreMembers, variables, &answered); err != nil {
			return err
		}
		if answered.Group == nil || answered.Group.ID != gid(of.ID) || answered.Group.People == nil {
			return changed(of)
		}
		rest := answered.Group.People
		whole.Nodes, whole.PageInfo = append(whole.Nodes, rest.Nodes...), rest.PageInfo
	}
	return nil
}

func changed(of group) error {
	return fmt.Errorf("the group %s was changed while its members were read", of.FullPath)
}

func gid(number int64) string { return fmt.Sprintf("gid://gitlab/Group/%d", number) }
