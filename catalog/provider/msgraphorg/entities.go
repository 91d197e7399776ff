package msgraphorg

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/internal/whole"
)

// Backstage's annotations.
const (
	annotationEmail  = "microsoft.com/email"
	annotationUser   = "graph.microsoft.com/user-id"
	annotationGroup  = "graph.microsoft.com/group-id"
	annotationTenant = "graph.microsoft.com/tenant-id"
)

// outside are the letters that the name of an entity cannot have, and repeated what Backstage writes once.
var (
	outside  = regexp.MustCompile(`[^a-zA-Z0-9_\-.]`)
	repeated = regexp.MustCompile(`_{2,}`)
)

// nameOf is Backstage's name of an entity.
func nameOf(text string) string {
	name := outside.ReplaceAllString(strings.ToLower(strings.TrimSpace(text)), "_")
	return repeated.ReplaceAllString(strings.TrimRight(name, "_"), "_")
}

// groupName is the name of a group: that of its mailbox, unless it grants access.
func groupName(group object) string {
	if !group.SecurityEnabled && group.MailNickname != "" {
		return nameOf(group.MailNickname)
	}
	return nameOf(group.DisplayName)
}

// hierarchy is how groups are in groups, by their ids. The organization's is the root of those that are in none.
type hierarchy struct {
	names             map[string]string
	parents, children map[string][]string
	members           map[string][]string
}

func hierarchyOf(found tenant) hierarchy {
	made := hierarchy{names: map[string]string{}, parents: map[string][]string{}, children: map[string][]string{}, members: found.members}
	root := found.organization
	made.names[root.ID] = nameOf(root.DisplayName)
	for _, group := range found.groups {
		if group.DisplayName != "" {
			made.names[group.ID] = groupName(group)
		}
	}
	for _, group := range found.groups {
		for _, member := range found.members[group.ID] {
			if made.names[member] != "" && member != group.ID {
				made.children[group.ID] = append(made.children[group.ID], member)
				made.parents[member] = append(made.parents[member], group.ID)
			}
		}
	}
	for _, group := range found.groups {
		if made.names[group.ID] != "" && len(made.parents[group.ID]) == 0 {
			made.children[root.ID] = append(made.children[root.ID], group.ID)
			made.parents[group.ID] = []string{root.ID}
		}
	}
	return made
}

// refs are the references of groups, each once, sorted.
func (h hierarchy) refs(ids []string) []any {
	named := map[string]bool{}
	for _, id := range ids {
		named["group:default/"+h.names[id]] = true
	}
	refs := []any{}
	for _, ref := range slices.Sorted(maps.Keys(named)) {
		refs = append(refs, ref)
	}
	return refs
}

// memberships are the groups in which each member is, directly or not, as Backstage counts them.
func (h hierarchy) memberships() map[string][]string {
	of := map[string][]string{}
	above := map[string][]string{}
	for group := range h.names {
		above[group] = h.above(group)
	}
	for group, members := range h.members {
		if h.names[group] == "" {
			continue
		}
		for _, member := range members {
			of[member] = append(append(of[member], group), above[group]...)
		}
	}
	return of
}

// above are the groups in which a group is, directly or not. Groups may be in each other.
func (h hierarchy) above(group string) []string {
	var found []string
	seen := map[string]bool{group: true}
	for next := h.parents[group]; len(next) > 0; {
		var further []string
		for _, parent := range next {
			if !seen[parent] {
				seen[parent] = true
				found, further = append(found, parent), append(further, h.parents[parent]...)
			}
		}
		next = further
	}
	return found
}

// entitiesOf are the entities in the order of their references, each once.
func (p *Provider) entitiesOf(found tenant, page *provider.Page) []provider.Entity {
	order := hierarchyOf(found)
	memberships := order.memberships()
	made := []provider.Entity{p.group(found.organization, "root", annotationTenant, order)}
	for _, group := range found.groups {
		if group.DisplayName == "" {
			page.Remark("the group %s is left out: it has no displayName", group.ID)
			continue
		}
		made = append(made, p.group(group, "team", annotationGroup, order))
	}
	without := 0
	for _, user := range found.users {
		if user.DisplayName == "" || user.Mail == "" {
			without++
			continue
		}
		made = append(made, p.user(user, order.refs(memberships[user.ID])))
	}
	if without > 0 {
		page.Remark("%d users without displayName or mail are left out", without)
	}
	made = slices.DeleteFunc(made, func(one provider.Entity) bool {
		err := entity.Validate(one.Entity)
		if err != nil {
			page.Remark("%s is left out: %s", one.Location, err)
		}
		return err != nil
	})
	return whole.Sorted(made, func(left, other provider.Entity) {
		page.Remark("%s is left out: %s has the same name %s", left.Location, other.Location, left.Ref())
	})
}

// group is the entity of a group, or of the organization.
func (p *Provider) group(of object, kind, annotation string, order hierarchy) provider.Entity {
	metadata := map[string]any{"name": order.names[of.ID], "annotations": map[string]any{annotation: of.ID}}
	profile := map[string]any{"displayName": of.DisplayName}
	if annotation == annotationTenant {
		metadata["description"] = of.DisplayName
	} else {
		if of.Description != "" {
			metadata["description"] = of.Description
		}
		if of.Mail != "" {
			profile["email"] = of.Mail
		}
	}
	spec := map[string]any{"type": kind, "profile": profile, "children": order.refs(order.children[of.ID])}
	if parents := order.refs(order.parents[of.ID]); len(parents) > 0 && annotation == annotationGroup {
		spec["parent"] = parents[len(parents)-1] // One of several; Backstage takes the last, too.
	}
	return provider.Entity{Location: p.location(of.ID), Entity: entity.Entity{
		"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": metadata, "spec": spec,
	}}
}

// user is the entity of a user.
func (p *Provider) user(of object, memberOf []any) provider.Entity {
	return provider.Entity{Location: p.location(of.ID), Entity: entity.Entity{
		"apiVersion": "backstage.io/v1alpha1", "kind": "User",
		"metadata": map[string]any{"name": nameOf(of.Mail), "annotations": map[string]any{annotationEmail: of.Mail, annotationUser: of.ID}},
		"spec":     map[string]any{"profile": map[string]any{"displayName": of.DisplayName, "email": of.Mail}, "memberOf": memberOf},
	}}
}

// location is Backstage's: the id of the object below the source's id.
func (p *Provider) location(id string) entity.LocationSpec {
	return entity.LocationSpec{Type: "msgraph", Target: p.id + "/" + url.PathEscape(id)}
}
