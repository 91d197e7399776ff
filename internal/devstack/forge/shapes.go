package forge

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"path"
	"strings"
	"time"
)

// object is a JSON object of a response.
type object map[string]any

// shapes builds the API's responses, with links that start at base ("http://127.0.0.1:40123").
type shapes struct{ base string }

func (s shapes) api(format string, args ...any) string {
	return s.base + apiPrefix + fmt.Sprintf(format, args...)
}

func (s shapes) page(repo *repository, elements ...string) string {
	return s.base + "/" + path.Join(append([]string{repo.Owner, repo.Name}, elements...)...)
}

func (s shapes) repositoryAPI(repo *repository) string { return s.api("/repos/%s", repo.FullName()) }

// Links of every owner and every repository, relative to its API URL.
var (
	ownerLinks = map[string]string{
		"followers_url": "/followers", "following_url": "/following{/other_user}", "gists_url": "/gists{/gist_id}",
		"starred_url": "/starred{/owner}{/repo}", "subscriptions_url": "/subscriptions", "organizations_url": "/orgs",
		"repos_url": "/repos", "events_url": "/events{/privacy}", "received_events_url": "/received_events",
	}
	organizationLinks = map[string]string{
		"repos_url": "/repos", "events_url": "/events", "hooks_url": "/hooks", "issues_url": "/issues",
		"members_url": "/members{/member}", "public_members_url": "/public_members{/member}",
	}
	repositoryLinks = map[string]string{
		"archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
		"branches_url": "/branches{/branch}", "collaborators_url": "/collaborators{/collaborator}",
		"comments_url": "/comments{/number}", "commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}",
		"contents_url": "/contents/{+path}", "contributors_url": "/contributors", "deployments_url": "/deployments",
		"downloads_url": "/downloads", "events_url": "/events", "forks_url": "/forks", "git_commits_url": "/git/commits{/sha}",
		"git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}", "hooks_url": "/hooks",
		"issue_comment_url": "/issues/comments{/number}", "issue_events_url": "/issues/events{/number}",
		"issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}", "labels_url": "/labels{/name}",
		"languages_url": "/languages", "merges_url": "/merges", "milestones_url": "/milestones{/number}",
		"notifications_url": "/notifications{?since,all,participating}", "pulls_url": "/pulls{/number}",
		"releases_url": "/releases{/id}", "stargazers_url": "/stargazers", "statuses_url": "/statuses/{sha}",
		"subscribers_url": "/subscribers", "subscription_url": "/subscription", "tags_url": "/tags", "teams_url": "/teams",
		"trees_url": "/git/trees{/sha}",
	}
)

func (o object) link(base string, links map[string]string) object {
	for name, suffix := range links {
		o[name] = base + suffix
	}
	return o
}

func (o object) with(more object) object {
	maps.Copy(o, more)
	return o
}

func nodeID(kind string, id any) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s:%v", kind, id))
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// orNull is null for an empty text, as on GitHub.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func (s shapes) simpleUser(owner *account) object {
	return object{
		"login": owner.Login, "id": owner.ID, "node_id": nodeID("Owner", owner.ID), "type": owner.Kind, "site_admin": false,
		"avatar_url": s.base + "/assets/avatar.svg", "gravatar_id": "", "user_view_type": "public",
		"html_url": s.base + "/" + owner.Login, "url": s.api("/users/%s", owner.Login),
	}.link(s.api("/users/%s", owner.Login), ownerLinks)
}

func (s shapes) publicUser(owner *account, repositories int) object {
	return s.simpleUser(owner).with(object{
		"name": orNull(owner.Name), "company": nil, "blog": "", "location": nil, "email": nil, "hireable": nil, "bio": nil,
		"public_repos": repositories, "public_gists": 0, "followers": 0, "following": 0,
		"created_at": timestamp(owner.CreatedAt), "updated_at": timestamp(owner.CreatedAt),
	})
}

func (s shapes) privateUser(owner *account, repositories int) object {
	return s.publicUser(owner, repositories).with(object{
		"user_view_type": "private", "collaborators": 0, "disk_usage": 0, "private_gists": 0,
		"owned_private_repos": repositories, "total_private_repos": repositories, "two_factor_authentication": false,
	})
}

func (s shapes) organization(owner *account) object {
	return object{
		"login": owner.Login, "id": owner.ID, "node_id": nodeID("Owner", owner.ID), "description": nil,
		"avatar_url": s.base + "/assets/avatar.svg", "url": s.api("/orgs/%s", owner.Login),
	}.link(s.api("/orgs/%s", owner.Login), organizationLinks)
}

func (s shapes) membership(organization, user *account) object {
	return object{
		"url": s.api("/orgs/%s/memberships/%s", organization.Login, user.Login), "state": "active", "role": "admin",
		"organization_url": s.api("/orgs/%s", organization.Login), "organization": s.organization(organization),
		"user": s.simpleUser(user),
	}
}

func (s shapes) team(organization *account, slug string, found team) object {
	address := s.api("/orgs/%s/teams/%s", organization.Login, slug)
	return object{
		"id": found.ID, "node_id": nodeID("Team", found.ID), "name": found.Name, "slug": slug, "privacy": "closed",
		"description": orNull(found.Description), "permission": "pull", "type": "organization", "url": address,
		"html_url": s.base + "/" + organization.Login, "members_url": address + "/members{/member}",
		"repositories_url": address + "/repos", "created_at": timestamp(found.CreatedAt),
		"updated_at": timestamp(found.CreatedAt), "members_count": 0, "repos_count": 0,
		"organization": s.organization(organization).with(object{
			"html_url": s.base + "/" + organization.Login, "has_organization_projects": true, "has_repository_projects": true,
			"public_repos": 0, "public_gists": 0, "followers": 0, "following": 0, "type": kindOrganization,
			"created_at": timestamp(organization.CreatedAt), "updated_at": timestamp(organization.CreatedAt), "archived_at": nil,
		}),
	}
}

// minimalRepository is the form in lists and inside other responses.
func (s shapes) minimalRepository(repo *repository, owner *account) object {
	address := s.repositoryAPI(repo)
	return object{
		"id": repo.ID, "node_id": nodeID("Repository", repo.ID), "name": repo.Name, "full_name": repo.FullName(),
		"owner": s.simpleUser(owner), "private": repo.Settings.Visibility != visibilityPublic, "fork": repo.Parent != "",
		"description": orNull(repo.Settings.Description), "html_url": s.page(repo), "url": address,
	}.link(address, repositoryLinks)
}

// fullRepository is the form of GET /repos/{owner}/{repo}.
func (s shapes) fullRepository(repo *repository, owner *account, defaultBranch string) object {
	host := strings.TrimPrefix(s.base, "http://")
	set := repo.Settings
	return s.minimalRepository(repo, owner).with(object{
		"clone_url": s.page(repo) + ".git", "git_url": "git://" + host + "/" + repo.FullName() + ".git",
		"ssh_url": "git@" + host + ":" + repo.FullName() + ".git", "svn_url": s.page(repo), "mirror_url": nil,
		"default_branch": defaultBranch, "topics": repo.Topics, "visibility": set.Visibility, "homepage": orNull(set.Homepage),
		"language": nil, "license": nil, "size": 0, "archived": set.Archived, "disabled": false, "is_template": set.IsTemplate,
		"has_issues": set.HasIssues, "has_projects": set.HasProjects, "has_wiki": set.HasWiki,
		"has_discussions": set.HasDiscussions, "has_pages": repo.Pages != nil, "has_downloads": false,
		"allow_squash_merge": set.AllowSquashMerge, "allow_merge_commit": set.AllowMergeCommit,
		"allow_rebase_merge": set.AllowRebaseMerge, "allow_auto_merge": set.AllowAutoMerge,
		"allow_update_branch": set.AllowUpdateBranch, "delete_branch_on_merge": set.DeleteBranchOnMerge,
		"squash_merge_commit_title": set.SquashMergeCommitTitle, "squash_merge_commit_message": set.SquashMergeCommitMessage,
		"merge_commit_title": set.MergeCommitTitle, "merge_commit_message": set.MergeCommitMessage,
		"permissions": object{"admin": true, "maintain": true, "push": true, "triage": true, "pull": true},
		"forks":       0, "forks_count": 0, "network_count": 0, "stargazers_count": 0, "watchers": 0, "watchers_count": 0,
		"subscribers_count": 0, "open_issues": len(repo.Issues), "open_issues_count": len(repo.Issues),
		"created_at": timestamp(repo.CreatedAt), "updated_at": timestamp(repo.UpdatedAt), "pushed_at": timestamp(repo.PushedAt),
	})
}

func (s shapes) commit(repo *repository, one commit) object {
	address := s.repositoryAPI(repo) + "/commits/" + one.Hash
	parents := []object{}
	for _, parent := range one.Parents {
		parents = append(parents, object{
			"sha": parent, "url": s.repositoryAPI(repo) + "/commits/" + parent, "html_url": s.page(repo, "commit", parent),
		})
	}
	return object{
		"sha": one.Hash, "node_id": nodeID("Commit", one.Hash), "url": address, "html_url": s.page(repo, "commit", one.Hash),
		"comments_url": address + "/comments", "author": nil, "committer": nil, "parents": parents,
		"commit": object{
			"author": gitUser(one.Author), "committer": gitUser(one.Committer), "message": one.Message, "comment_count": 0,
			"tree": object{"sha": one.Tree, "url": s.repositoryAPI(repo) + "/git/trees/" + one.Tree},
			"url":  s.repositoryAPI(repo) + "/git/commits/" + one.Hash,
		},
	}
}

func gitUser(one person) object {
	return object{"name": one.Name, "email": one.Email, "date": timestamp(one.When)}
}

func (s shapes) reference(repo *repository, one reference) object {
	return object{
		"ref": one.Name, "node_id": nodeID("Ref", one.Name), "url": s.repositoryAPI(repo) + "/git/" + one.Name,
		"object": object{"type": "commit", "sha": one.Commit, "url": s.repositoryAPI(repo) + "/git/commits/" + one.Commit},
	}
}

// content describes a file or a directory entry, without the content itself.
func (s shapes) content(repo *repository, entry treeEntry, ref string) object {
	kind, page, objects := "file", "blob", "blobs"
	switch {
	case entry.IsTree():
		kind, page, objects = "dir", "tree", "trees"
	case entry.Type == "commit":
		kind = "submodule"
	case entry.isLink():
		kind = "symlink"
	}
	self := s.repositoryAPI(repo) + "/contents/" + escapePath(entry.Path) + "?ref=" + url.QueryEscape(ref)
	gitAddress := s.repositoryAPI(repo) + "/git/" + objects + "/" + entry.Hash
	htmlAddress := s.page(repo, page, escapePath(ref), escapePath(entry.Path))
	var download any
	if kind == "file" {
		download = s.page(repo, "raw", escapePath(ref), escapePath(entry.Path))
	}
	return object{
		"type": kind, "name": entry.Name(), "path": entry.Path, "sha": entry.Hash, "size": max(entry.Size, 0), "url": self,
		"git_url": gitAddress, "html_url": htmlAddress, "download_url": download,
		"_links": object{"self": self, "git": gitAddress, "html": htmlAddress},
	}
}

// escapePath escapes each segment of a path and keeps its slashes.
func escapePath(path string) string { return strings.ReplaceAll(url.PathEscape(path), "%2F", "/") }
