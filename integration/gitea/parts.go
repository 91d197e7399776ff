package gitea

import (
	"context"
	"net/url"
	"strconv"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
)

const (
	// choicePageSize is the maximum page size of a Gitea with its usual settings. choicePages bounds a listing for
	// people who choose.
	choicePageSize = 50
	choicePages    = 10
)

var parts = map[integration.Part][]integration.Part{integration.PartOwner: {}, integration.PartRepo: {integration.PartOwner}}

// Parts implements integration.PartLister.
func (*Host) Parts() map[integration.Part][]integration.Part { return parts }

// ListPart implements integration.PartLister.
func (h *Host) ListPart(ctx context.Context, part integration.Part, in integration.Repo, token string) ([]integration.Choice, error) {
	api := h.account(token).API
	if part == integration.PartOwner {
		return owners(ctx, api)
	}
	return repositoriesOf(ctx, api, in.Owner)
}

// owners lists the account's organizations and the account.
func owners(ctx context.Context, api *rest.Client) ([]integration.Choice, error) {
	organizations, err := pages[struct {
		Username string `json:"username"`
	}](ctx, api, "/user/orgs")
	if err != nil {
		return nil, err
	}
	var choices []integration.Choice
	for _, each := range organizations {
		choices = append(choices, integration.Choice{Value: each.Username, Kind: integration.OwnerOrganization})
	}
	var account struct {
		Login string `json:"login"`
	}
	if _, err := api.JSON(ctx, "/user", nil, &account); err != nil {
		return nil, err
	}
	return append(integration.SortChoices(choices), integration.Choice{Value: account.Login, Kind: integration.OwnerUser}), nil
}

// repositoriesOf lists the repositories of an organization, or of a user where no organization has the name.
func repositoriesOf(ctx context.Context, api *rest.Client, owner string) ([]integration.Choice, error) {
	type listed struct {
		Name string `json:"name"`
	}
	found, err := pages[listed](ctx, api, "/orgs/"+url.PathEscape(owner)+"/repos")
	if fault.KindOf(err) == fault.NotFound {
		found, err = pages[listed](ctx, api, "/users/"+url.PathEscape(owner)+"/repos")
	}
	if err != nil {
		return nil, err
	}
	var choices []integration.Choice
	for _, each := range found {
		choices = append(choices, integration.Choice{Value: each.Name})
	}
	return integration.SortChoices(choices), nil
}

// pages reads at most choicePages pages of a listing.
func pages[T any](ctx context.Context, api *rest.Client, path string) ([]T, error) {
	var all []T
	for number := range choicePages {
		var page []T
		query := url.Values{"limit": {strconv.Itoa(choicePageSize)}, "page": {strconv.Itoa(number + 1)}}
		if _, err := api.JSON(ctx, path, query, &page); err != nil {
			return nil, err
		}
		all = append(all, page...)
		// A Gitea may have smaller pages, so that only an empty one is certain to be the last.
		if len(page) == 0 {
			break
		}
	}
	return all, nil
}
