package bitbucketserver

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
)

const (
	// choicePageSize is the size of a page, and choicePages bounds a listing for people who choose.
	choicePageSize = 100
	choicePages    = 10
)

var parts = map[integration.Part][]integration.Part{integration.PartProject: {}, integration.PartRepo: {integration.PartProject}}

// Parts implements integration.PartLister.
func (*Host) Parts() map[integration.Part][]integration.Part { return parts }

// ListPart implements integration.PartLister.
func (h *Host) ListPart(ctx context.Context, part integration.Part, in integration.Repo, token string) ([]integration.Choice, error) {
	path := "/projects"
	if part == integration.PartRepo {
		path += "/" + url.PathEscape(in.Project) + "/repos"
	}
	found, err := pages[struct{ Key, Slug, Name string }](ctx, h.Account(token).API, path, url.Values{})
	if err != nil {
		return nil, err
	}
	var choices []integration.Choice
	for _, each := range found { // A project has a key, and a repository a slug.
		choices = append(choices, integration.Choice{Value: each.Key + each.Slug, Title: each.Name})
	}
	return integration.SortChoices(choices), nil
}

// Branches implements integration.BranchLister.
func (h *Host) Branches(ctx context.Context, repo integration.Repo, prefix, token string) ([]string, error) {
	path := "/projects/" + url.PathEscape(repo.Project) + "/repos/" + url.PathEscape(repo.Repo) + "/branches"
	query := url.Values{}
	if prefix != "" {
		query.Set("filterText", prefix)
		query.Set("boostMatches", "true")
	}
	found, err := pages[struct {
		DisplayID string `json:"displayId"`
	}](ctx, h.Account(token).API, path, query)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, each := range found {
		if strings.HasPrefix(each.DisplayID, prefix) {
			names = append(names, each.DisplayID)
		}
	}
	return names, nil
}

// pages reads at most choicePages pages of a listing.
func pages[T any](ctx context.Context, api *rest.Client, path string, query url.Values) ([]T, error) {
	query.Set("limit", strconv.Itoa(choicePageSize))
	var all []T
	for range choicePages {
		var page struct {
			Values        []T
			IsLastPage    bool `json:"isLastPage"`
			NextPageStart int  `json:"nextPageStart"`
		}
		if _, err := api.JSON(ctx, path, query, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Values...)
		if page.IsLastPage || len(page.Values) == 0 {
			break
		}
		query.Set("start", strconv.Itoa(page.NextPageStart))
	}
	return all, nil
}
