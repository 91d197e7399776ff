package githuborg

import (
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
)

// Annotations of GitHub's users and teams, in Backstage's names.
const (
	annotationLogin = "github.com/user-login"
	annotationID    = "github.com/user-id"
	annotationTeam  = "github.com/team-slug"
)

// user is the entity of a member. A member of several organizations is one user.
func (p *Provider) user(of user) provider.Entity {
	email := of.Email
	if p.verifiedEmails {
		email = ""
		if len(of.VerifiedEmails) > 0 {
			email = of.VerifiedEmails[0]
		}
	}
	made := named("User", of.Login, of.Bio, map[string]any{annotationLogin: of.Login, annotationID: of.ID})
	made["spec"] = map[string]any{
		"profile":  profile(map[string]string{"displayName": of.Name, "email": email, "picture": of.AvatarURL}),
		"memberOf": []any{},
	}
	return provider.Entity{Entity: made, Location: p.location(of.Login)}
}

// group is the entity of a team. In the namespace of its organization, the members are named with theirs.
func (p *Provider) group(of team, organization string) provider.Entity {
	annotations := map[string]any{annotationTeam: of.CombinedSlug}
	if of.EditTeamURL != "" {
		annotations[entity.AnnotationEditURL] = of.EditTeamURL
	}
	made := named("Group", of.Slug, of.Description, annotations)
	if !p.onlyDefaultNamespace {
		made.Metadata()["namespace"] = strings.ToLower(organization)
	}
	children, members := []any{}, []any{}
	for _, child := range of.ChildTeams.Nodes {
		children = append(children, child.Slug)
	}
	for _, member := range of.Members.Nodes {
		members = append(members, entity.DefaultNamespace+"/"+member.Login)
	}
	spec := map[string]any{
		"type": "team", "profile": profile(map[string]string{"displayName": of.Name, "picture": of.AvatarURL}),
		"children": children, "members": members,
	}
	if of.ParentTeam != nil {
		spec["parent"] = of.ParentTeam.Slug
	}
	made["spec"] = spec
	return provider.Entity{Entity: made, Location: p.location("orgs/" + organization + "/teams/" + of.Slug)}
}

func named(kind, name, description string, annotations map[string]any) entity.Entity {
	metadata := map[string]any{"name": name, "annotations": annotations}
	if description != "" {
		metadata["description"] = description
	}
	return entity.Entity{"apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": metadata}
}

// profile leaves out empty values.
func profile(values map[string]string) map[string]any {
	filled := map[string]any{}
	for name, value := range values {
		if value != "" {
			filled[name] = value
		}
	}
	return filled
}

func (p *Provider) location(path string) entity.LocationSpec {
	return entity.LocationSpec{Type: "url", Target: "https://" + p.lists.Host.Name() + "/" + path}
}
