package gitlab

import (
	"cmp"
	"context"
	"net/url"
	"strconv"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

// maxChoicePages bounds a listing for people who choose.
const maxChoicePages = 10

// guest is the least access level of a member.
const guest = "10"

var parts = map[integration.Part][]integration.Part{integration.PartOwner: {}, integration.PartRepo: {integration.PartOwner}}

// Parts implements integration.PartLister.
func (*Host) Parts() map[integration.Part][]integration.Part { return parts }

// ListPart implements integration.PartLister. Owners are the groups of the token's user with their groups, by their
// full paths, and the user.
func (h *Host) ListPart(ctx context.Context, part integration.Part, in integration.Repo, token string) ([]integration.Choice, error) {
	p := h.connect("", cmp.Or(token, h.config.Token))
	if part == integration.PartOwner {
		return p.owners(ctx)
	}
	return p.projectsOf(ctx, in.Owner)
}

func (p *project) owners(ctx context.Context) ([]integration.Choice, error) {
	groups, _, err := pages[struct {
		ID       int64  `json:"id"`
		FullPath string `json:"full_path"`
	}](ctx, p.api, "/groups", url.Values{"min_access_level": {guest}, "order_by": {"path"}}, maxChoicePages)
	if err != nil {
		return nil, err
	}
	var owners []integration.Choice
	for _, group := range groups {
		owners = append(owners, integration.Choice{Value: group.FullPath, Kind: integration.OwnerGroup, ID: strconv.FormatInt(group.ID, 10)})
	}
	owners = integration.SortChoices(owners)
	var user struct {
		ID       int64  `json:"id"`
		Username string `json:"username"`
	}
	if _, err := p.api.JSON(ctx, "/user", nil, &user); err != nil {
		return nil, err
	}
	return append(owners, integration.Choice{Value: user.Username, Kind: integration.OwnerUser, ID: strconv.FormatInt(user.ID, 10)}), nil
}

// projectsOf lists the projects of a group, or of a user where no group has the name.
func (p *project) projectsOf(ctx context.Context, owner string) ([]integration.Choice, error) {
	type listed struct {
		Path string `json:"path"`
		Name string `json:"name"`
	}
	var found []listed
	var err error
	for _, kind := range []string{"groups", "users"} {
		path := integration.JoinPath("", kind, owner, "projects").EscapedPath()
		query := url.Values{"simple": {"true"}, "order_by": {"path"}, "sort": {"asc"}}
		if found, _, err = pages[listed](ctx, p.api, path, query, maxChoicePages); fault.KindOf(err) != fault.NotFound {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	choices := make([]integration.Choice, len(found))
	for n, each := range found {
		choices[n] = integration.Choice{Value: each.Path, Title: each.Name, ID: each.Path}
	}
	return choices, nil
}
