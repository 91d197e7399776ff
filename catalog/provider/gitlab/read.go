package gitlab

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/internal/overlap"
	"github.com/portico-dev/portico/fault"
	gitlabhost "github.com/portico-dev/portico/integration/gitlab"
)

const (
	// pageSize is how many projects are asked for at once. GitLab answers no more.
	pageSize = 100
	// maxFile bounds a descriptor that is read along, and maxFiles those of a page, in bytes. Processing reads larger
	// ones itself.
	maxFile  = 256 << 10
	maxFiles = 8 << 20
)

// The queries list projects in GitLab's order, with the descriptor of each. Whether a project is a fork is a question
// that GitLab understands since 16.9, so it is asked only where it counts.
const (
	ofGroup = `query DiscoverProjects($group: ID!, $size: Int!, $after: String, $file: String!, $ref: String) {
  group(fullPath: $group) {
    id
    projects(includeSubgroups: true, first: $size, after: $after) {
      count
`
	ofHost = `query DiscoverProjects($membership: Boolean, $size: Int!, $after: String, $file: String!, $ref: String) {
    projects(membership: $membership, first: $size, after: $after) {
`
	rows = `      pageInfo { hasNextPage }
      edges {
        cursor
        node {
          id
          fullPath
          webUrl
          archived
          topics
          group { fullPath }
`
	forks      = "          isForked\n"
	repository = `          repository {
            rootRef
            blobs(paths: [$file], ref: $ref) { nodes { oid rawSize lfsOid rawTextBlob } }
          }
        }
      }
    }
`
	endOfGroup = "  }\n"
	end        = "}\n"
)

// query is the text of the provider's query.
func (p *Provider) query() string {
	middle := rows + repository
	if p.filter.skipForks {
		middle = rows + forks + repository
	}
	if p.group == "" {
		return ofHost + middle + end
	}
	return ofGroup + middle + endOfGroup + end
}

// answer is the data of the query. What may be absent is a pointer.
type answer struct {
	Group *struct {
		ID       string    `json:"id"`
		Projects *projects `json:"projects"`
	} `json:"group"`
	Projects *projects `json:"projects"`
}

type projects struct {
	Count    int `json:"count"`
	PageInfo struct {
		HasNextPage bool `json:"hasNextPage"`
	} `json:"pageInfo"`
	Edges []struct {
		Cursor string   `json:"cursor"`
		Node   *project `json:"node"`
	} `json:"edges"`
}

// project is a project as GitLab describes it.
type project struct {
	ID       string   `json:"id"`
	FullPath string   `json:"fullPath"`
	WebURL   string   `json:"webUrl"`
	Archived bool     `json:"archived"`
	IsForked bool     `json:"isForked"`
	Topics   []string `json:"topics"`
	// Group is nil for a project of a user.
	Group *struct {
		FullPath string `json:"fullPath"`
	} `json:"group"`
	// Repository is nil for a project that has none, or whose repository the token may not read.
	Repository *struct {
		RootRef string `json:"rootRef"`
		Blobs   *struct {
			Nodes []blob `json:"nodes"`
		} `json:"blobs"`
	} `json:"repository"`
}

// blob is a file. GitLab says sizes as texts. Text is nil for what is no text.
type blob struct {
	OID     string  `json:"oid"`
	RawSize string  `json:"rawSize"`
	LFSOID  string  `json:"lfsOid"`
	Text    *string `json:"rawTextBlob"`
}

// file is the descriptor, nil for none.
func (p project) file() *blob {
	if p.Repository == nil || p.Repository.Blobs == nil || len(p.Repository.Blobs.Nodes) == 0 {
		return nil
	}
	return &p.Repository.Blobs.Nodes[0]
}

// position is where a page begins.
type position struct {
	// GroupID is the id that the group had on the page before.
	GroupID string `json:"groupId,omitempty"`
	overlap.Point
}

// ReadPage implements provider.Provider: one page of the list of projects.
func (p *Provider) ReadPage(ctx context.Context, cursor string) (provider.Page, error) {
	page, err := p.readPage(ctx, cursor)
	if err != nil {
		return provider.Page{}, fmt.Errorf("%s: %w", p.name, err)
	}
	return page, nil
}

func (p *Provider) readPage(ctx context.Context, cursor string) (provider.Page, error) {
	at, err := p.begin(cursor)
	if err != nil {
		return provider.Page{}, err
	}
	var page provider.Page
	var found *projects
	for {
		page.Requests++
		found, err = p.ask(ctx, &at)
		if err == nil || at.Size <= overlap.MinSize || !gitlabhost.IsTooLarge(err) || ctx.Err() != nil {
			break
		}
		at.Size = max(at.Size/2, overlap.MinSize)
	}
	if err != nil {
		return provider.Page{}, err
	}
	list := overlap.List{More: found.PageInfo.HasNextPage, Total: found.Count}
	for _, one := range found.Edges {
		if one.Node == nil || one.Node.ID == "" {
			return provider.Page{}, fmt.Errorf("%s answered with a project that the token may not see", p.host.Name())
		}
		list.Rows = append(list.Rows, overlap.Row{ID: one.Node.ID, Cursor: one.Cursor})
	}
	skip, next, isLast, err := at.Continue(list, "the list of the projects of "+p.place())
	if err != nil {
		return provider.Page{}, err
	}
	if page.Next, err = encode(position{GroupID: at.GroupID, Point: next}, isLast); err != nil {
		return provider.Page{}, err
	}
	page.Total = found.Count
	read := 0
	for _, one := range found.Edges[skip:] {
		if err := p.add(&page, *one.Node, &read); err != nil {
			return provider.Page{}, err
		}
	}
	return page, nil
}

func (p *Provider) begin(cursor string) (position, error) {
	if cursor == "" {
		return position{Point: overlap.Point{Size: p.size}}, nil
	}
	var at position
	if err := json.Unmarshal([]byte(cursor), &at); err != nil || at.Size < overlap.MinSize || (at.GroupID == "") != (p.group == "") {
		return position{}, fault.New(fault.Input, "%q is not a cursor of this source. Was its configuration changed?", cursor)
	}
	at.Size = min(at.Size, p.size)
	return at, nil
}

func encode(at position, isLast bool) (string, error) {
	if isLast {
		return "", nil
	}
	encoded, err := json.Marshal(at)
	if err == nil && len(encoded) > provider.MaxCursor {
		err = fmt.Errorf("a cursor of %d bytes is too long", len(encoded))
	}
	return string(encoded), err
}

// place is what is read.
func (p *Provider) place() string {
	if p.group == "" {
		return p.host.Name()
	}
	return p.host.Name() + "/" + p.group
}

// ask asks for a page. It keeps the group's id: a path that was given up can be taken by another group.
func (p *Provider) ask(ctx context.Context, at *position) (*projects, error) {
	variables := map[string]any{"size": at.Size, "file": p.path}
	if at.After != "" {
		variables["after"] = at.After
	}
	if p.branch != "" {
		variables["ref"] = p.branch
	}
	if p.group != "" {
		variables["group"] = p.group
	} else if p.filter.membership {
		variables["membership"] = true
	}
	var answered answer
	if err := p.reader.Query(ctx, p.query(), variables, &answered); err != nil {
		return nil, err
	}
	found := answered.Projects
	if p.group != "" {
		switch group := answered.Group; {
		case group == nil || group.ID == "":
			return nil, fault.New(fault.NotFound, "%s has no group %s that the token may see. Was it renamed?", p.host.Name(), p.group)
		case at.GroupID != "" && at.GroupID != group.ID:
			return nil, fault.New(fault.Conflict, "%s on %s is another group than when the reading began", p.group, p.host.Name())
		default:
			at.GroupID, found = group.ID, group.Projects
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%s answered without a list of projects", p.host.Name())
	}
	return found, nil
}

// add adds what a project brings to a page. read counts the bytes of files.
func (p *Provider) add(page *provider.Page, found project, read *int) error {
	if !p.filter.selects(found) {
		return nil
	}
	if found.Repository == nil {
		page.Remark("%s is left out: it has no repository, or the token may not read it", found.FullPath)
		return nil
	}
	file := found.file()
	switch {
	case file == nil:
		return nil
	case found.Archived && !p.filter.includeArchived:
		page.Remark("%s is archived and is left out, although it has %s (includeArchivedRepos)", found.FullPath, p.path)
		return nil
	}
	target, err := p.target(found)
	if err != nil {
		return err
	}
	spec := entity.LocationSpec{Type: "url", Target: target, Presence: entity.PresenceOptional}
	page.Entities = append(page.Entities, provider.Entity{Entity: entity.LocationEntity(spec), Location: spec})
	if file.isWhole() && *read+len(*file.Text) <= maxFiles {
		*read += len(*file.Text)
		page.Files = append(page.Files, provider.File{URL: target, ETag: file.OID, Body: []byte(*file.Text)})
	}
	return nil
}

// isWhole reports whether the text is all of a file that is not too large. GitLab changes texts that are not UTF-8.
func (b blob) isWhole() bool {
	return b.LFSOID == "" && b.OID != "" && b.Text != nil && len(*b.Text) <= maxFile && strconv.Itoa(len(*b.Text)) == b.RawSize &&
		!strings.ContainsRune(*b.Text, '\uFFFD')
}
