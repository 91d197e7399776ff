package bitbucketcloud

import (
	"context"
	"net/url"
	"strconv"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
)

// maxChoicePages bounds a listing for people who choose.
const maxChoicePages = 10

var parts = map[integration.Part][]integration.Part{
	integration.PartWorkspace: {},
	integration.PartProject:   {integration.PartWorkspace},
	integration.PartRepo:      {integration.PartWorkspace, integration.PartProject},
}

// Parts implements integration.PartLister.
func (*Host) Parts() map[integration.Part][]integration.Part { return parts }

// ListPart implements integration.PartLister.
func (h *Host) ListPart(ctx context.Context, part integration.Part, in integration.Repo, token string) ([]integration.Choice, error) {
	api := h.Account(token).API
	switch part {
	case integration.PartWorkspace:
		return workspaces(ctx, api)
	case integration.PartProject:
		return named(ctx, api, "/workspaces/"+url.PathEscape(in.Workspace)+"/projects", nil)
	default:
		query := url.Values{"q": {"project.key = " + strconv.Quote(in.Project)}}
		return named(ctx, api, "/repositories/"+url.PathEscape(in.Workspace), query)
	}
}

// workspaces lists the workspaces of the credentials' user. The path replaces /workspaces, which Atlassian removed in
// 2026 (CHANGE-2770).
func workspaces(ctx context.Context, api *rest.Client) ([]integration.Choice, error) {
	found, _, err := pages[struct {
		Workspace struct {
			Slug string `json:"slug"`
		} `json:"workspace"`
	}](ctx, api, "/user/workspaces", nil, maxChoicePages)
	if err != nil {
		return nil, err
	}
	var choices []integration.Choice
	for _, each := range found {
		choices = append(choices, integration.Choice{Value: each.Workspace.Slug})
	}
	return integration.SortChoices(choices), nil
}

// named lists projects, which have keys, or repositories, which have slugs.
func named(ctx context.Context, api *rest.Client, path string, query url.Values) ([]integration.Choice, error) {
	found, _, err := pages[struct {
		Key  string `json:"key"`
		Slug string `json:"slug"`
		Name string `json:"name"`
	}](ctx, api, path, query, maxChoicePages)
	if err != nil {
		return nil, err
	}
	var choices []integration.Choice
	for _, each := range found {
		choices = append(choices, integration.Choice{Value: each.Key + each.Slug, Title: each.Name})
	}
	return integration.SortChoices(choices), nil
}

// Branches implements integration.BranchLister.
func (h *Host) Branches(ctx context.Context, repo integration.Repo, prefix, token string) ([]string, error) {
	path := "/repositories/" + url.PathEscape(repo.Workspace) + "/" + url.PathEscape(repo.Repo) + "/refs/branches"
	query := url.Values{}
	if prefix != "" {
		query.Set("q", "name ~ "+strconv.Quote(prefix))
	}
	found, _, err := pages[ref](ctx, h.Account(token).API, path, query, maxChoicePages)
	if err != nil {
		return nil, err
	}
	return withPrefix(found, prefix), nil
}
