package githuborg

import (
	"context"
	"fmt"

	"github.com/portico-dev/portico/catalog/provider/internal/githublists"
	"github.com/portico-dev/portico/catalog/provider/internal/overlap"
	githubhost "github.com/portico-dev/portico/integration/github"
)

// maxTeamMembers bounds the members of one team, which are one entity.
const maxTeamMembers = 20_000

// The query for members. Whether a user is suspended is a question that only GitHub Enterprise Server understands.
const (
	membersBegin = `query ReadMembers($login: String!, $size: Int!, $after: String, $email: Boolean!, $verified: Boolean!) {
  organization(login: $login) {
    id
    membersWithRole(first: $size, after: $after) {
      totalCount
      pageInfo { hasNextPage }
      edges {
        cursor
        node {
          id
          login
          name
          bio
          avatarUrl
          email @include(if: $email)
          organizationVerifiedDomainEmails(login: $login) @include(if: $verified)
`
	membersSuspended = `          suspendedAt
`
	membersEnd = `        }
      }
    }
  }
}`
)

const teamsQuery = `query ReadTeams($login: String!, $size: Int!, $after: String, $members: Int!) {
  organization(login: $login) {
    id
    teams(first: $size, after: $after, orderBy: {field: NAME, direction: ASC}) {
      totalCount
      pageInfo { hasNextPage }
      edges {
        cursor
        node {
          id
          slug
          combinedSlug
          name
          description
          avatarUrl
          editTeamUrl
          parentTeam { slug }
          childTeams(first: 100, immediateOnly: true) { totalCount nodes { slug } }
          members(first: $members, membership: IMMEDIATE) { totalCount pageInfo { hasNextPage endCursor } nodes { login } }
        }
      }
    }
  }
}`

const teamMembersQuery = `query ReadTeamMembers($login: String!, $slug: String!, $size: Int!, $after: String) {
  organization(login: $login) {
    team(slug: $slug) {
      id
      members(first: $size, after: $after, membership: IMMEDIATE) { totalCount pageInfo { hasNextPage endCursor } nodes { login } }
    }
  }
}`

// connection is what all lists have.
type connection struct {
	TotalCount int `json:"totalCount"`
	PageInfo   struct {
		HasNextPage bool   `json:"hasNextPage"`
		EndCursor   string `json:"endCursor"`
	} `json:"pageInfo"`
}

type userEdge struct {
	Cursor string `json:"cursor"`
	Node   *user  `json:"node"`
}

// user is a member as GitHub describes them. Absent texts are empty.
type user struct {
	ID             string   `json:"id"`
	Login          string   `json:"login"`
	Name           string   `json:"name"`
	Bio            string   `json:"bio"`
	AvatarURL      string   `json:"avatarUrl"`
	Email          string   `json:"email"`
	VerifiedEmails []string `json:"organizationVerifiedDomainEmails"`
	SuspendedAt    string   `json:"suspendedAt"`
}

type teamEdge struct {
	Cursor string `json:"cursor"`
	Node   *team  `json:"node"`
}

// team is a team as GitHub describes it. Absent texts are empty.
type team struct {
	ID           string `json:"id"`
	Slug         string `json:"slug"`
	CombinedSlug string `json:"combinedSlug"`
	Name         string `json:"name"`
	Description  string `json:"description"`
	AvatarURL    string `json:"avatarUrl"`
	EditTeamURL  string `json:"editTeamUrl"`
	ParentTeam   *struct {
		Slug string `json:"slug"`
	} `json:"parentTeam"`
	ChildTeams struct {
		TotalCount int `json:"totalCount"`
		Nodes      []struct {
			Slug string `json:"slug"`
		} `json:"nodes"`
	} `json:"childTeams"`
	Members members `json:"members"`
}

type members struct {
	connection

	Nodes []struct {
		Login string `json:"login"`
	} `json:"nodes"`
}

func (p *Provider) askMembers(ctx context.Context, client *githubhost.Client, at githublists.Position) ([]userEdge, githublists.List, error) {
	credential, err := client.Credential(ctx)
	if err != nil {
		return nil, githublists.List{}, err
	}
	query := membersBegin + membersEnd
	if p.excludeSuspended {
		query = membersBegin + membersSuspended + membersEnd
	}
	var answered struct {
		Organization struct {
			ID              string `json:"id"`
			MembersWithRole struct {
				connection

				Edges []userEdge `json:"edges"`
			} `json:"membersWithRole"`
		} `json:"organization"`
	}
	variables := variablesOf(at)
	// An App would need a permission of each user.
	variables["email"], variables["verified"] = !credential.OfApp && !p.verifiedEmails, p.verifiedEmails
	if err := client.Query(ctx, query, variables, &answered); err != nil {
		return nil, githublists.List{}, err
	}
	found := answered.Organization.MembersWithRole
	list := githublists.List{OwnerID: answered.Organization.ID, More: found.PageInfo.HasNextPage, Total: found.TotalCount}
	for _, one := range found.Edges {
		if one.Node == nil || one.Node.Login == "" {
			return nil, githublists.List{}, hidden(at, "a member")
		}
		list.Rows = append(list.Rows, overlap.Row{ID: one.Node.ID, Cursor: one.Cursor})
	}
	return found.Edges, list, nil
}

func variablesOf(at githublists.Position) map[string]any {
	variables := map[string]any{"login": at.Owner, "size": at.Size}
	if at.After != "" {
		variables["after"] = at.After
	}
	return variables
}

func hidden(at githublists.Position, what string) error {
	return fmt.Errorf("the answer for %s has %s that the credentials may not see", at.Owner, what)
}

// askTeams reads a page of teams, with the rest of the members of large ones in further requests.
func (p *Provider) askTeams(ctx context.Context, client *githubhost.Client, at githublists.Position) (edges []teamEdge, list githublists.List, requests int, err error) {
	var answered struct {
		Organization struct {
			ID    string `json:"id"`
			Teams struct {
				connection

				Edges []teamEdge `json:"edges"`
			} `json:"teams"`
		} `json:"organization"`
	}
	variables := variablesOf(at)
	variables["members"] = p.teamMembers
	if err := client.Query(ctx, teamsQuery, variables, &answered); err != nil {
		return nil, githublists.List{}, 0, err
	}
	found := answered.Organization.Teams
	list = githublists.List{OwnerID: answered.Organization.ID, More: found.PageInfo.HasNextPage, Total: found.TotalCount}
	for _, one := range found.Edges {
		if one.Node == nil || one.Node.Slug == "" {
			return nil, githublists.List{}, requests, hidden(at, "a team")
		}
		asked, err := p.completeMembers(ctx, client, at.Owner, one.Node)
		requests += asked
		if err != nil {
			return nil, githublists.List{}, requests, err
		}
		list.Rows = append(list.Rows, overlap.Row{ID: one.Node.ID, Cursor: one.Cursor})
	}
	return found.Edges, list, requests, nil
}

// completeMembers reads the rest of the members of a team. When their number changes meanwhile, it is an error that may
// pass.
func (p *Provider) completeMembers(ctx context.Context, client *githubhost.Client, organization string, of *team) (requests int, err error) {
	whole := of.Members
	for whole.PageInfo.HasNextPage {
		if len(whole.Nodes) > maxTeamMembers {
			return requests, fmt.Errorf("the team %s has more than %d members", of.CombinedSlug, maxTeamMembers)
		}
		var answered struct {
			Organization struct {
				Team *team `json:"team"`
			} `json:"organization"`
		}
		requests++
		variables := map[string]any{"login": organization, "slug": of.Slug, "size": p.teamMembers, "after": whole.PageInfo.EndCursor}
		if err := client.Query(ctx, teamMembersQuery, variables, &answered); err != nil {
			return requests, err
		}
		if answered.Organization.Team == nil || answered.Organization.Team.ID != of.ID {
			return requests, changed(of)
		}
		rest := answered.Organization.Team.Members
		whole.Nodes, whole.connection = append(whole.Nodes, rest.Nodes...), rest.connection
	}
	if len(whole.Nodes) != whole.TotalCount || len(of.ChildTeams.Nodes) != min(of.ChildTeams.TotalCount, 100) {
		return requests, changed(of)
	}
	of.Members = whole
	return requests, nil
}

func changed(of *team) error {
	return fmt.Errorf("the team %s was changed while its members were read", of.CombinedSlug)
}
