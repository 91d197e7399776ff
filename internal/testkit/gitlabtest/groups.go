package gitlabtest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

// group is a group, and its own members with their access levels.
type group struct {
	*gitlab.Group

	Members map[int64]int
	// Hidden means that nobody may read the members by GraphQL.
	Hidden bool
}

// HideMembers lets nobody read the members of a group by GraphQL.
func (s *Server) HideMembers(path string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.groupAt(path).Hidden = true
}

// AddGroup makes a group with an owner; its parents must exist.
func (s *Server) AddGroup(path string, owner int64) int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.addGroup(path, path[strings.LastIndex(path, "/")+1:], owner).ID
}

func (s *Server) addGroup(path, name string, owner int64) *group {
	made := &group{
		Group: &gitlab.Group{
			ID: s.number(), Name: name, Path: path[strings.LastIndex(path, "/")+1:], FullPath: path, CreatedAt: now(),
			WebURL: s.page("groups/%s", path), SharedWithGroups: []gitlab.SharedWithGroup{},
		},
		Members: map[int64]int{owner: 50},
	}
	if above := s.groupAt(parentOf(path)); above != nil {
		made.ParentID = above.ID
	}
	s.groups = append(s.groups, made)
	return made
}

// RenameGroup gives a group another path, with all that is below it.
func (s *Server) RenameGroup(from, to string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	moved := func(path string) string {
		if path == from || strings.HasPrefix(path, from+"/") {
			return to + strings.TrimPrefix(path, from)
		}
		return path
	}
	for _, one := range s.groups {
		one.FullPath = moved(one.FullPath)
	}
	for _, one := range s.projects {
		one.PathWithNamespace = moved(one.PathWithNamespace)
	}
}

func parentOf(path string) string {
	return path[:max(strings.LastIndex(path, "/"), 0)]
}

// SetMember gives a user an access level in a group; 0 takes the membership away.
func (s *Server) SetMember(path string, user int64, level int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.groupAt(path)
	delete(found.Members, user)
	if level > 0 {
		found.Members[user] = level
	}
}

// Groups are the paths of all groups, sorted, with who has access to them.
func (s *Server) Groups() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for _, one := range s.groups {
		if one.MarkedForDeletionOn != nil {
			continue
		}
		text := []string{one.FullPath}
		for _, user := range s.users {
			if level, is := one.Members[user.ID]; is {
				text = append(text, user.Username+":"+strconv.Itoa(level))
			}
		}
		for _, shared := range one.SharedWithGroups {
			text = append(text, fmt.Sprintf("group %d:%d", shared.GroupID, shared.GroupAccessLevel))
		}
		listed = append(listed, strings.Join(text, " "))
	}
	slices.Sort(listed)
	return listed
}

// groupAt finds a group by its path or number.
func (s *Server) groupAt(name string) *group {
	for _, one := range s.groups {
		if strings.EqualFold(one.FullPath, name) || strconv.FormatInt(one.ID, 10) == name {
			return one
		}
	}
	return nil
}

// level is a user's access level in a group, inherited or not.
func (s *Server) level(user int64, path string) int {
	level := 0
	for ; path != ""; path = parentOf(path) {
		if found := s.groupAt(path); found != nil {
			level = max(level, found.Members[user])
		}
	}
	return level
}

// group is the group of the path, if the caller sees it; otherwise it answers 404.
func (c *call) group() *group {
	found := c.s.groupAt(c.PathValue("id"))
	if found == nil || c.s.level(c.who.ID, found.FullPath) == 0 {
		c.missing("Group")
		return nil
	}
	return found
}

// owned is group for an operation that only owners may do.
func (c *call) owned() *group {
	found := c.group()
	if found != nil && c.s.level(c.who.ID, found.FullPath) < 50 {
		c.refuse(http.StatusForbidden, "403 Forbidden")
		return nil
	}
	return found
}

var groups = map[string]func(*call){
	"GET /groups/{id}": func(c *call) {
		if found := c.group(); found != nil && query[gitlab.GetGroupOptions](c) {
			c.answer(http.StatusOK, found.Group)
		}
	},
	"GET /groups":                          (*call).listGroups,
	"GET /groups/{id}/descendant_groups":   (*call).descendantGroups,
	"GET /groups/{id}/members/all":         (*call).allMembers,
	"POST /groups":                         (*call).createGroup,
	"DELETE /groups/{id}":                  (*call).deleteGroup,
	"GET /groups/{id}/projects":            (*call).groupProjects,
	"GET /groups/{id}/subgroups":           (*call).subgroups,
	"GET /groups/{id}/members/{user}":      func(c *call) { c.member(false) },
	"GET /groups/{id}/members/all/{user}":  func(c *call) { c.member(true) },
	"POST /groups/{id}/members":            (*call).addMember,
	"PUT /groups/{id}/members/{user}":      (*call).changeMember,
	"DELETE /groups/{id}/members/{user}":   (*call).removeMember,
	"POST /groups/{id}/share":              (*call).share,
	"DELETE /groups/{id}/share/{group_id}": (*call).unshare,
}

// listGroups lists the groups of the caller.
func (c *call) listGroups() {
	if !query[gitlab.ListGroupsOptions](c) {
		return
	}
	listed := []*gitlab.Group{}
	for _, one := range c.s.groups {
		if c.s.level(c.who.ID, one.FullPath) > 0 {
			listed = append(listed, one.Group)
		}
	}
	list(c, listed)
}

// descendantGroups lists the groups below a group, in the order of their numbers.
func (c *call) descendantGroups() {
	found := c.group()
	if found == nil || !query[gitlab.ListDescendantGroupsOptions](c) {
		return
	}
	listed := []*gitlab.Group{}
	for _, one := range c.s.groups {
		if strings.HasPrefix(one.FullPath, found.FullPath+"/") {
			listed = append(listed, one.Group)
		}
	}
	list(c, listed)
}

// allMembers lists the members of a group, with those that it inherits, in the order of the users' numbers.
func (c *call) allMembers() {
	found := c.group()
	if found == nil || !query[gitlab.ListGroupMembersOptions](c) {
		return
	}
	listed := []*gitlab.GroupMember{}
	for _, one := range c.s.users {
		if level := c.s.level(one.ID, found.FullPath); level > 0 {
			member := memberOf(one, level)
			member.State, member.WebURL, member.IsUsingSeat = one.State, one.WebURL, level > 10
			if c.URL.Query().Get("show_seat_info") != "true" {
				member.IsUsingSeat = false
			}
			listed = append(listed, member)
		}
	}
	slices.SortFunc(listed, func(a, b *gitlab.GroupMember) int { return int(a.ID - b.ID) })
	list(c, listed)
}

// RemoveGroup deletes a group.
func (s *Server) RemoveGroup(path string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.groups = slices.DeleteFunc(s.groups, func(one *group) bool { return one.FullPath == path })
}

func (c *call) createGroup() {
	options, ok := body[gitlab.CreateGroupOptions](c)
	if !ok {
		return
	}
	path := value(options.Path)
	if options.ParentID != nil {
		above := c.s.groupAt(strconv.FormatInt(*options.ParentID, 10))
		if above == nil {
			c.missing("Group")
			return
		}
		path = above.FullPath + "/" + path
	}
	if c.s.groupAt(path) != nil || c.s.projectAt(path) != nil {
		refuse(c.w, http.StatusBadRequest, "Failed to save group {:path=>[\"has already been taken\"]}")
		return
	}
	made := c.s.addGroup(path, value(options.Name), c.who.ID)
	made.Description = value(options.Description)
	c.answer(http.StatusCreated, made.Group)
}

func (c *call) deleteGroup() {
	found := c.owned()
	if found == nil || !query[gitlab.DeleteGroupOptions](c) {
		return
	}
	if c.s.keeps && found.MarkedForDeletionOn == nil {
		found.MarkedForDeletionOn = new(gitlab.ISOTime(time.Now()))
		c.answer(http.StatusAccepted, struct{}{})
		return
	}
	if c.s.keeps && c.URL.Query().Get("full_path") != found.FullPath {
		c.refuse(http.StatusBadRequest, "`full_path` is incorrect. You must enter the complete path for the subgroup.")
		return
	}
	c.s.groups = slices.DeleteFunc(c.s.groups, func(one *group) bool {
		return one == found || strings.HasPrefix(one.FullPath, found.FullPath+"/")
	})
	c.s.projects = slices.DeleteFunc(c.s.projects, func(one *project) bool {
		return strings.HasPrefix(one.PathWithNamespace, found.FullPath+"/")
	})
	c.answer(http.StatusAccepted, struct{}{})
}

func (c *call) groupProjects() {
	found := c.group()
	if found == nil || !query[gitlab.ListGroupProjectsOptions](c) {
		return
	}
	listed := []*gitlab.Project{}
	for _, one := range c.s.projects {
		if parentOf(one.PathWithNamespace) == found.FullPath && strings.Contains(one.Path, c.URL.Query().Get("search")) {
			listed = append(listed, one.Project)
		}
	}
	list(c, listed)
}

func (c *call) subgroups() {
	found := c.group()
	if found == nil || !query[gitlab.ListSubGroupsOptions](c) {
		return
	}
	listed := []*gitlab.Group{}
	for _, one := range c.s.groups {
		if one.ParentID == found.ID {
			listed = append(listed, one.Group)
		}
	}
	list(c, listed)
}

func (c *call) member(inherited bool) {
	found := c.group()
	if found == nil {
		return
	}
	number := c.numbered("user")
	level := found.Members[number]
	if inherited {
		level = c.s.level(number, found.FullPath)
	}
	if level == 0 {
		c.missing("Not found")
		return
	}
	c.answer(http.StatusOK, memberOf(c.s.user(number), level))
}

func memberOf(user *gitlab.User, level int) *gitlab.GroupMember {
	return &gitlab.GroupMember{ID: user.ID, Username: user.Username, Name: user.Name, State: "active", AccessLevel: gitlab.AccessLevelValue(level)}
}

func (c *call) addMember() {
	found := c.owned()
	if found == nil {
		return
	}
	options, ok := body[gitlab.AddGroupMemberOptions](c)
	if !ok {
		return
	}
	user := c.s.user(value(options.UserID))
	if user == nil {
		c.missing("User")
		return
	}
	if found.Members[user.ID] > 0 {
		c.refuse(http.StatusConflict, "Member already exists")
		return
	}
	found.Members[user.ID] = int(value(options.AccessLevel))
	c.answer(http.StatusCreated, memberOf(user, found.Members[user.ID]))
}

func (c *call) changeMember() {
	found := c.owned()
	if found == nil {
		return
	}
	options, ok := body[gitlab.EditGroupMemberOptions](c)
	if !ok {
		return
	}
	number := c.numbered("user")
	if found.Members[number] == 0 {
		c.missing("Not found")
		return
	}
	found.Members[number] = int(value(options.AccessLevel))
	c.answer(http.StatusOK, memberOf(c.s.user(number), found.Members[number]))
}

func (c *call) removeMember() {
	found := c.owned()
	if found == nil {
		return
	}
	number := c.numbered("user")
	if found.Members[number] == 0 {
		c.missing("Not found")
		return
	}
	delete(found.Members, number)
	c.w.WriteHeader(http.StatusNoContent)
}

func (c *call) share() {
	found := c.owned()
	if found == nil {
		return
	}
	options, ok := body[gitlab.ShareGroupWithGroupOptions](c)
	if !ok {
		return
	}
	with := c.s.groupAt(strconv.FormatInt(value(options.GroupID), 10))
	if with == nil {
		c.missing("Group")
		return
	}
	for _, shared := range found.SharedWithGroups {
		if shared.GroupID == with.ID {
			c.refuse(http.StatusConflict, "Shared group The group has already been shared with this group")
			return
		}
	}
	found.SharedWithGroups = append(found.SharedWithGroups, gitlab.SharedWithGroup{
		GroupID: with.ID, GroupName: with.Name, GroupFullPath: with.FullPath, GroupAccessLevel: int64(value(options.GroupAccess)),
	})
	c.answer(http.StatusCreated, found.Group)
}

func (c *call) unshare() {
	found := c.owned()
	if found == nil {
		return
	}
	number, before := c.numbered("group_id"), len(found.SharedWithGroups)
	found.SharedWithGroups = slices.DeleteFunc(found.SharedWithGroups, func(one gitlab.SharedWithGroup) bool { return one.GroupID == number })
	if len(found.SharedWithGroups) == before {
		c.missing("Not found")
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}
