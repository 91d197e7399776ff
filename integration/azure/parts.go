package azure

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/integration"
)

const (
	// choicePageSize is the size of a page, and choicePages bounds a listing for people who choose.
	choicePageSize = 100
	choicePages    = 10
)

var parts = map[integration.Part][]integration.Part{
	integration.PartOrganization: {},
	integration.PartProject:      {integration.PartOrganization},
	integration.PartRepo:         {integration.PartOrganization, integration.PartProject},
}

// Parts implements integration.PartLister.
func (*Host) Parts() map[integration.Part][]integration.Part { return parts }

// ListPart implements integration.PartLister. The organizations are those of the configured credentials: a personal
// access token belongs to them, and cannot list them.
func (h *Host) ListPart(ctx context.Context, part integration.Part, in integration.Repo, token string) ([]integration.Choice, error) {
	switch part {
	case integration.PartOrganization:
		return h.organizations(), nil
	case integration.PartProject:
		return h.projects(ctx, in.Organization, token)
	default:
		return h.repositories(ctx, in, token)
	}
}

func (h *Host) organizations() []integration.Choice {
	var choices []integration.Choice
	for _, credential := range h.config.Credentials {
		for _, name := range credential.Organizations {
			choices = append(choices, integration.Choice{Value: name})
		}
	}
	return integration.SortChoices(choices)
}

// listed is a page of projects or repositories.
type listed struct {
	Value []struct {
		Name       string `json:"name"`
		IsDisabled bool   `json:"isDisabled"`
	} `json:"value"`
}

func (l listed) choices() []integration.Choice {
	var choices []integration.Choice
	for _, each := range l.Value {
		if !each.IsDisabled {
			choices = append(choices, integration.Choice{Value: each.Name})
		}
	}
	return choices
}

func (h *Host) projects(ctx context.Context, organization, token string) ([]integration.Choice, error) {
	api := h.Account(organization, token).API
	var choices []integration.Choice
	for number := range choicePages {
		var page listed
		query := parameters(map[string]string{"$top": strconv.Itoa(choicePageSize), "$skip": strconv.Itoa(number * choicePageSize)})
		if _, err := api.JSON(ctx, "/_apis/projects", query, &page); err != nil {
			return nil, err
		}
		choices = append(choices, page.choices()...)
		if len(page.Value) < choicePageSize {
			break
		}
	}
	return integration.SortChoices(choices), nil
}

// repositories lists the repositories of a project, which Azure does not list in pages.
func (h *Host) repositories(ctx context.Context, in integration.Repo, token string) ([]integration.Choice, error) {
	var all listed
	path := "/" + url.PathEscape(in.Project) + "/_apis/git/repositories"
	if _, err := h.Account(in.Organization, token).API.JSON(ctx, path, parameters(nil), &all); err != nil {
		return nil, err
	}
	return integration.SortChoices(all.choices()), nil
}

// Branches implements integration.BranchLister.
func (h *Host) Branches(ctx context.Context, repo integration.Repo, prefix, token string) ([]string, error) {
	var found struct {
		Value []struct {
			Name string `json:"name"`
		} `json:"value"`
	}
	path := integration.JoinPath("", repo.Project, "_apis", "git", "repositories", repo.Repo, "refs").EscapedPath()
	query := parameters(map[string]string{"filter": "heads/" + prefix, "$top": strconv.Itoa(choicePageSize)})
	if _, err := h.Account(repo.Organization, token).API.JSON(ctx, path, query, &found); err != nil {
		return nil, err
	}
	var names []string
	for _, each := range found.Value {
		names = append(names, strings.TrimPrefix(each.Name, "refs/heads/"))
	}
	return names, nil
}
