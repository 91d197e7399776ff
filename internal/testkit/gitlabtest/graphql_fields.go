package gitlabtest

import (
	"crypto/sha1" //nolint:gosec // Git's ids of files are these.
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// root is what a query may ask for.
func (c *call) root() node {
	return node{
		"group": resolver(func(arguments map[string]any) any {
			found := c.s.groupAt(textOf(arguments, "fullPath"))
			if found == nil || found.FullPath != textOf(arguments, "fullPath") || c.s.level(c.who.ID, found.FullPath) == 0 {
				return nil
			}
			return c.groupNode(found)
		}),
		"projects": resolver(func(arguments map[string]any) any {
			return c.projectsBelow("", arguments)
		}),
	}
}

func (c *call) groupNode(found *group) node {
	made := node{
		"id": gid("Group", found.ID), "name": found.Name, "fullPath": found.FullPath, "description": found.Description, "webUrl": found.WebURL,
		"visibility": string(found.Visibility), "archived": false,
		"projects":     resolver(func(arguments map[string]any) any { return c.projectsBelow(found.FullPath+"/", arguments) }),
		"groupMembers": resolver(func(arguments map[string]any) any { return c.membersOf(found, arguments) }),
	}
	if above := c.s.groupAt(parentOf(found.FullPath)); above != nil {
		made["parent"] = c.groupNode(above)
	}
	return made
}

// membersOf are the members of a group by the relations that are asked for.
func (c *call) membersOf(found *group, arguments map[string]any) any {
	if found.Hidden {
		return nil
	}
	relations := fmt.Sprint(arguments["relations"])
	rows := []row{}
	for _, one := range c.s.users {
		direct, inherited := found.Members[one.ID] > 0, c.s.level(one.ID, parentOf(found.FullPath)) > 0
		if direct && strings.Contains(relations, "DIRECT") || inherited && strings.Contains(relations, "INHERITED") {
			rows = append(rows, row{byNumber(one.ID), func() node {
				return node{"id": gid("GroupMember", one.ID), "user": node{
					"id": gid("User", one.ID), "username": one.Username, "name": one.Name, "state": one.State, "webUrl": one.WebURL, "bot": one.Bot,
				}}
			}})
		}
	}
	return connection(rows, arguments)
}

// projectsBelow are the projects whose paths begin with a prefix, as far as the caller sees them.
func (c *call) projectsBelow(prefix string, arguments map[string]any) node {
	rows := []row{}
	for _, one := range c.s.projects {
		isMember := one.Members[c.who.ID] > 0 || c.s.level(c.who.ID, parentOf(one.PathWithNamespace)) > 0
		isPublic := one.Visibility == "public" && arguments["membership"] != true
		if strings.HasPrefix(one.PathWithNamespace, prefix) && (isPublic || isMember || c.s.sees(c.who, one) && arguments["membership"] != true) {
			rows = append(rows, row{byNumber(one.ID), func() node { return c.projectNode(one) }})
		}
	}
	return connection(rows, arguments)
}

func (c *call) projectNode(found *project) node {
	made := node{
		"id": gid("Project", found.ID), "fullPath": found.PathWithNamespace, "webUrl": found.WebURL, "archived": found.Archived,
		"topics": found.Topics, "isForked": found.ForkedFromProject != nil,
	}
	if above := c.s.groupAt(parentOf(found.PathWithNamespace)); above != nil {
		made["group"] = c.groupNode(above)
	}
	if found.RepositoryAccessLevel == "disabled" {
		return made
	}
	isEmpty := found.Stored == nil && len(c.s.git.branches(c.Context(), found.ID)) == 0
	repository := node{"empty": isEmpty, "blobs": resolver(func(arguments map[string]any) any {
		paths, _ := arguments["paths"].([]any)
		ref := textOf(arguments, "ref")
		if ref == "" {
			ref = found.DefaultBranch
		}
		nodes := []node{}
		for _, path := range paths {
			if content, is := c.content(found, ref, fmt.Sprint(path)); is {
				nodes = append(nodes, blobNode(fmt.Sprint(path), content))
			}
		}
		return node{"nodes": nodes}
	})}
	if !isEmpty {
		repository["rootRef"] = found.DefaultBranch
	}
	made["repository"] = repository
	return made
}

// content is a file of a project.
func (c *call) content(found *project, ref, path string) ([]byte, bool) {
	if found.Stored != nil {
		content, is := found.Stored[path]
		return []byte(content), is && ref == found.DefaultBranch
	}
	content, err := c.s.git.run(c.Context(), found.ID, nil, "cat-file", "blob", "refs/heads/"+ref+":"+path)
	return content, err == nil
}

func blobNode(path string, content []byte) node {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(content), content)) //nolint:gosec // Git's ids of files are these.
	made := node{"oid": hex.EncodeToString(sum[:]), "path": path, "rawSize": strconv.Itoa(len(content))}
	if utf8.Valid(content) {
		made["rawTextBlob"] = string(content)
	}
	return made
}
