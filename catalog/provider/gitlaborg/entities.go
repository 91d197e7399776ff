package gitlaborg

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
)

// user is a user as GitLab's REST API describes them, or a member. Absent texts are empty.
type user struct {
	ID        int64  `json:"id"`
	Username  string `json:"username"`
	Name      string `json:"name"`
	State     string `json:"state"`
	Email     string `json:"email"`
	AvatarURL string `json:"avatar_url"`
	WebURL    string `json:"web_url"`
	// SAML and IsUsingSeat are those of members of a group of gitlab.com.
	SAML *struct {
		ExternUID string `json:"extern_uid"`
	} `json:"group_saml_identity"`
	IsUsingSeat bool `json:"is_using_seat"`
}

// ofToken matches the names of the users that GitLab makes for the access tokens of projects and groups.
var ofToken = regexp.MustCompile(`^(?:project|group)_\w+_bot_\w+$`)

// isPerson reports whether a user becomes an entity.
func (p *Provider) isPerson(one user) bool {
	address := one.Email
	if address == "" {
		address = one.Username
	}
	return one.State == active && !ofToken.MatchString(one.Username) && (!p.onlySeats || one.IsUsingSeat) && p.users.MatchString(address)
}

// user is the entity of a user.
func (p *Provider) user(of user) provider.Entity {
	annotations := map[string]any{
		p.annotation("user-login"): of.WebURL,
		p.annotation("user-id"):    strconv.FormatInt(of.ID, 10),
	}
	if of.SAML != nil && of.SAML.ExternUID != "" {
		annotations[p.annotation("saml-external-uid")] = of.SAML.ExternUID
	}
	profile := map[string]any{}
	for key, value := range map[string]string{"displayName": of.Name, "email": of.Email, "picture": of.AvatarURL} {
		if value != "" {
			profile[key] = value
		}
	}
	return provider.Entity{Location: p.location(of.Username), Entity: entity.Entity{
		"apiVersion": "backstage.io/v1alpha1", "kind": "User",
		"metadata": map[string]any{"name": of.Username, "annotations": annotations},
		"spec":     map[string]any{"profile": profile, "memberOf": []any{}},
	}}
}

// groupEntity is the entity of a group. parent is the path of the group above that is an entity too, "" for none.
func (p *Provider) groupEntity(of group, parent string, members []string) provider.Entity {
	metadata := map[string]any{"name": p.groupName(of.FullPath), "annotations": map[string]any{p.annotation("team-path"): of.FullPath}}
	if of.Description != "" {
		metadata["description"] = of.Description
	}
	named := make([]any, len(members))
	for i, member := range members {
		named[i] = member
	}
	spec := map[string]any{"type": "team", "children": []any{}, "profile": map[string]any{"displayName": of.Name}, "members": named}
	if parent != "" {
		spec["parent"] = p.groupName(parent)
	}
	return provider.Entity{Location: p.location(of.FullPath), Entity: entity.Entity{
		"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": metadata, "spec": spec,
	}}
}

// groupName is Backstage's: the path below the configured group, with hyphens.
func (p *Provider) groupName(path string) string {
	if p.group != "" && len(path) > len(p.group) && isAt(path, p.group) {
		path = path[len(p.group)+1:]
	}
	return strings.ReplaceAll(path, "/", "-")
}

// annotation is the key of an annotation below the name of the host. A key cannot have a port.
func (p *Provider) annotation(name string) string {
	host, _, _ := strings.Cut(p.host.Name(), ":")
	return host + "/" + name
}

func (p *Provider) location(path string) entity.LocationSpec {
	return entity.LocationSpec{Type: "url", Target: p.host.Page(path)}
}

// add adds an entity to a page, or remarks that GitLab allows a name that the catalog does not.
func add(page *provider.Page, made provider.Entity) {
	if err := entity.Validate(made.Entity); err != nil {
		page.Remark("%s %s is left out: %s", made.Kind(), made.Name(), err)
		return
	}
	page.Entities = append(page.Entities, made)
}
