package github

import (
	"context"
	"fmt"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/internal/githublists"
	"github.com/portico-dev/portico/catalog/provider/internal/overlap"
	githubhost "github.com/portico-dev/portico/integration/github"
)

const (
	// maxFile bounds a descriptor that is read along, and maxFiles those of a page, in bytes. Processing reads larger
	// ones itself.
	maxFile  = 256 << 10
	maxFiles = 16 << 20
	// absentETag is the ETag of a descriptor that does not exist.
	absentETag = "absent"
)

// query lists the repositories that an owner owns, in the order of their creation, which does not change.
const query = `query DiscoverRepositories($login: String!, $size: Int!, $after: String, $file: String!, $reads: Boolean!) {
  repositoryOwner(login: $login) {
    id
    repositories(first: $size, after: $after, ownerAffiliations: [OWNER], orderBy: {field: CREATED_AT, direction: ASC}) {
      totalCount
      pageInfo { hasNextPage }
      edges {
        cursor
        node {
          id
          name
          url
          isArchived
          isFork
          visibility
          defaultBranchRef { name }
          repositoryTopics(first: 100) { nodes { topic { name } } }
          file: object(expression: $file) @include(if: $reads) {
            __typename
            ... on Blob { oid byteSize isTruncated text }
          }
        }
      }
    }
  }
}`

// answer is the data of the query. What may be absent is a pointer.
type answer struct {
	RepositoryOwner *struct {
		ID           string `json:"id"`
		Repositories struct {
			TotalCount int `json:"totalCount"`
			PageInfo   struct {
				HasNextPage bool `json:"hasNextPage"`
			} `json:"pageInfo"`
			Edges []edge `json:"edges"`
		} `json:"repositories"`
	} `json:"repositoryOwner"`
}

type edge struct {
	Cursor string      `json:"cursor"`
	Node   *repository `json:"node"`
}

// repository is a repository as GitHub describes it.
type repository struct {
	ID               string `json:"id"`
	Name             string `json:"name"`
	URL              string `json:"url"`
	IsArchived       bool   `json:"isArchived"`
	IsFork           bool   `json:"isFork"`
	Visibility       string `json:"visibility"`
	DefaultBranchRef *struct {
		Name string `json:"name"`
	} `json:"defaultBranchRef"`
	RepositoryTopics struct {
		Nodes []struct {
			Topic struct {
				Name string `json:"name"`
			} `json:"topic"`
		} `json:"nodes"`
	} `json:"repositoryTopics"`
	// File is the descriptor, nil for none.
	File *struct {
		Kind        string  `json:"__typename"`
		OID         string  `json:"oid"`
		ByteSize    int     `json:"byteSize"`
		IsTruncated bool    `json:"isTruncated"`
		Text        *string `json:"text"`
	} `json:"file"`
}

func (r repository) topics() []string {
	topics := make([]string, len(r.RepositoryTopics.Nodes))
	for i, one := range r.RepositoryTopics.Nodes {
		topics[i] = one.Topic.Name
	}
	return topics
}

func (r repository) hasFile() bool { return r.File != nil && r.File.Kind == "Blob" }

// ReadPage implements provider.Provider: the repositories of one page of the list of an owner.
func (p *Provider) ReadPage(ctx context.Context, cursor string) (provider.Page, error) {
	var edges []edge
	step, err := p.lists.Read(ctx, cursor, func(ctx context.Context, client *githubhost.Client, at githublists.Position) (list githublists.List, err error) {
		edges, list, err = p.ask(ctx, client, at)
		return list, err
	})
	if err != nil {
		return provider.Page{}, fmt.Errorf("%s: %w", p.name, err)
	}
	page := provider.Page{Next: step.Next, Requests: step.Requests}
	if len(p.lists.Owners) == 1 {
		page.Total = step.Total
	}
	read := 0
	for _, one := range edges[step.Skip:] {
		if err := p.add(&page, *one.Node, step.Owner, &read); err != nil {
			return provider.Page{}, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return page, nil
}

func (p *Provider) ask(ctx context.Context, client *githubhost.Client, at githublists.Position) ([]edge, githublists.List, error) {
	branch := p.branch
	if branch == "" {
		branch = "HEAD"
	}
	variables := map[string]any{"login": at.Owner, "size": at.Size, "file": branch + ":" + p.path, "reads": !p.isGlob()}
	if at.After != "" {
		variables["after"] = at.After
	}
	var answered answer
	if err := client.Query(ctx, query, variables, &answered); err != nil {
		return nil, githublists.List{}, err
	}
	if answered.RepositoryOwner == nil {
		return nil, githublists.List{}, nil
	}
	found := answered.RepositoryOwner.Repositories
	list := githublists.List{OwnerID: answered.RepositoryOwner.ID, More: found.PageInfo.HasNextPage, Total: found.TotalCount}
	for _, one := range found.Edges {
		if one.Node == nil || one.Node.ID == "" {
			return nil, githublists.List{}, fmt.Errorf("%s answered with a repository of %s that the credentials may not see", p.lists.Host.Name(), at.Owner)
		}
		list.Rows = append(list.Rows, overlap.Row{ID: one.Node.ID, Cursor: one.Cursor})
	}
	return found.Edges, list, nil
}

// add adds what a repository brings to a page. read counts the bytes of files.
func (p *Provider) add(page *provider.Page, found repository, owner string, read *int) error {
	if found.DefaultBranchRef == nil || !p.filter.selects(found) || p.mustExist && !found.hasFile() {
		return nil
	}
	if found.IsArchived && !p.filter.AllowArchived {
		if found.hasFile() {
			page.Remark("%s/%s is archived and is left out, although it has %s (filters.allowArchived)", owner, found.Name, p.path)
		}
		return nil
	}
	target, err := p.target(found)
	if err != nil {
		return err
	}
	spec := entity.LocationSpec{Type: "url", Target: target, Presence: entity.PresenceOptional}
	page.Entities = append(page.Entities, provider.Entity{Entity: entity.LocationEntity(spec), Location: spec})
	if p.isGlob() {
		return nil
	}
	if file, is := found.file(target); is && *read+len(file.Body) <= maxFiles {
		*read += len(file.Body)
		page.Files = append(page.Files, file)
	}
	return nil
}

// file is what processing need not read itself. It reports false for a file that was not read whole.
func (r repository) file(target string) (provider.File, bool) {
	switch {
	case !r.hasFile():
		return provider.File{URL: target, ETag: absentETag, Body: []byte{}}, r.File == nil
	case r.File.IsTruncated || r.File.Text == nil || r.File.ByteSize != len(*r.File.Text) || r.File.ByteSize > maxFile:
		return provider.File{}, false
	default:
		return provider.File{URL: target, ETag: r.File.OID, Body: []byte(*r.File.Text)}, true
	}
}
