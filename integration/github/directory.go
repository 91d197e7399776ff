package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

// listPages bounds a listing of owners or repositories, in pages of listPageSize.
const (
	listPages    = 5
	listPageSize = 100
	// installationPages bounds the listing of an App's installations, in the same pages.
	installationPages = 50
)

// maySee and mayCreate are the permissions that a GitHub App needs to look up and to create a repository.
var (
	maySee    = map[string]string{"metadata": "read"}
	mayCreate = map[string]string{"metadata": "read", "administration": "write"}
)

// parts are those of addresses on GitHub.
var parts = map[integration.Part][]integration.Part{integration.PartOwner: {}, integration.PartRepo: {integration.PartOwner}}

// Parts implements integration.PartLister.
func (*Host) Parts() map[integration.Part][]integration.Part { return parts }

// ListPart implements integration.PartLister. Without an owner, it lists the repositories of all owners.
func (h *Host) ListPart(ctx context.Context, part integration.Part, in integration.Repo, token string) ([]integration.Choice, error) {
	switch {
	case part == integration.PartRepo:
		return h.listRepositories(ctx, in.Owner, token)
	case token != "":
		return h.ownersOfToken(ctx, token)
	default:
		return h.owners(ctx)
	}
}

// listRepositories lists the repositories of an owner, those that were pushed to last first; "" lists those of all
// owners. The id of a choice is the full name.
func (h *Host) listRepositories(ctx context.Context, owner, token string) ([]integration.Choice, error) {
	client, err := h.Client(Access{Owner: owner, Permissions: maySee}, token)
	if err != nil {
		return nil, err
	}
	path := "/user/repos"
	options := &github.RepositoryListByAuthenticatedUserOptions{Sort: "pushed", ListOptions: github.ListOptions{PerPage: listPageSize}}
	found, err := pages(&options.ListOptions, func() ([]*github.Repository, *github.Response, error) {
		return client.Repositories.ListByAuthenticatedUser(ctx, options)
	})
	if isAnswer(err, http.StatusForbidden) { // An App's token has no user, but a list of what it may see.
		path = "/installation/repositories"
		options := &github.ListOptions{PerPage: listPageSize}
		found, err = pages(options, func() ([]*github.Repository, *github.Response, error) {
			listed, answer, err := client.Apps.ListRepos(ctx, options)
			if err != nil {
				return nil, answer, err
			}
			return listed.Repositories, answer, nil
		})
	}
	if err != nil {
		return nil, client.failure(ctx, h.config.APIBaseURL+path, err)
	}
	var choices []integration.Choice
	for _, each := range found {
		if owner == "" || strings.EqualFold(each.GetOwner().GetLogin(), owner) {
			choices = append(choices, integration.Choice{Value: each.GetName(), ID: each.GetFullName()})
		}
	}
	return choices, nil
}

// pages collects at most listPages pages of a listing. next asks for the page that the options say.
func pages[T any](options *github.ListOptions, next func() ([]T, *github.Response, error)) ([]T, error) {
	var all []T
	for range listPages {
		page, answer, err := next()
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if options.Page = answer.NextPage; options.Page == 0 {
			break
		}
	}
	return all, nil
}

// owners lists the organizations in which an App is installed and may create repositories, and the configured
// token's user with their organizations.
func (h *Host) owners(ctx context.Context) ([]integration.Choice, error) {
	var owners []integration.Choice
	var failed error
	for _, each := range h.apps {
		found, err := each.organizations(ctx)
		owners, failed = append(owners, found...), errors.Join(failed, err)
	}
	if h.config.Token != "" {
		found, err := h.ownersOfToken(ctx, h.config.Token)
		owners, failed = append(owners, found...), errors.Join(failed, err)
	}
	owners = integration.SortChoices(owners)
	if len(owners) > 0 {
		return owners, nil
	}
	return nil, failed
}

// Installations lists the owners at which an App of the configuration is installed and which it may be used for, in
// the order of their names, and how many requests that took. An appID of 0 means all Apps. A suspended installation is
// an error: the owner still has what the App may not see for now.
func (h *Host) Installations(ctx context.Context, appID int64) (owners []integration.Owner, requests int, err error) {
	apps := h.apps
	if appID != 0 || len(apps) == 0 {
		only, err := h.app(appID)
		if err != nil {
			return nil, 0, err
		}
		apps = []*app{only}
	}
	for _, one := range apps {
		found, asked, err := one.owners(ctx)
		requests += asked
		if err != nil {
			return nil, requests, err
		}
		owners = append(owners, found...)
	}
	slices.SortFunc(owners, func(a, b integration.Owner) int { return strings.Compare(a.Name, b.Name) })
	return slices.Compact(owners), requests, nil
}

func (a *app) owners(ctx context.Context) (owners []integration.Owner, requests int, err error) {
	for page := 1; page <= installationPages; page++ {
		var listed []installation
		if err := a.call(ctx, http.MethodGet, fmt.Sprintf("app/installations?per_page=%d&page=%d", listPageSize, page), nil, &listed); err != nil {
			return nil, page, a.explain(Access{Owner: "any owner"}, err)
		}
		for _, installed := range listed {
			if !a.allows(installed.Account.Login) {
				continue
			}
			if installed.SuspendedAt != nil {
				return nil, page, a.suspended(installed.Account.Login)
			}
			kind := integration.OwnerUser
			if installed.Account.Type == "Organization" {
				kind = integration.OwnerOrganization
			}
			owners = append(owners, integration.Owner{Name: installed.Account.Login, Kind: kind})
		}
		if len(listed) < listPageSize {
			return owners, page, nil
		}
	}
	return nil, installationPages, fault.New(fault.Input, "%s on %s is installed for more than %d owners", a, a.host, installationPages*listPageSize)
}

// app finds an App of the configuration by its id.
func (h *Host) app(id int64) (*app, error) {
	at := slices.IndexFunc(h.apps, func(one *app) bool { return one.ID == id })
	if at < 0 {
		return nil, fault.New(fault.Input, "The GitHub integration for %s has no App%s. Please add it to its apps.", h.config.Host, appNumber(id))
	}
	return h.apps[at], nil
}

func appNumber(id int64) string {
	if id == 0 {
		return ""
	}
	return fmt.Sprintf(" %d", id)
}

// organizations lists the organizations in which the App is installed and may create repositories. An App
// cannot create a user's repositories.
func (a *app) organizations(ctx context.Context) ([]integration.Choice, error) {
	var all []installation
	if err := a.call(ctx, http.MethodGet, fmt.Sprintf("app/installations?per_page=%d", listPageSize), nil, &all); err != nil {
		return nil, a.explain(Access{Owner: "any owner"}, err)
	}
	var owners []integration.Choice
	for _, installed := range all {
		owner := installed.Account.Login
		creates := Access{Permissions: mayCreate}.missing(installed.Permissions) == ""
		if creates && installed.SuspendedAt == nil && installed.Account.Type == "Organization" && a.allows(owner) {
			owners = append(owners, integration.Choice{Value: owner, Kind: integration.OwnerOrganization})
		}
	}
	return owners, nil
}

// ownersOfToken lists the user of a token and their organizations. A token without a user has none.
func (h *Host) ownersOfToken(ctx context.Context, token string) ([]integration.Choice, error) {
	client, err := h.Client(Access{}, token)
	if err != nil {
		return nil, err
	}
	user, _, err := client.Users.Get(ctx, "")
	if isAnswer(err, http.StatusForbidden) {
		return nil, nil
	}
	if err != nil {
		return nil, client.failure(ctx, h.config.APIBaseURL+"/user", err)
	}
	owners := []integration.Choice{{Value: user.GetLogin(), Kind: integration.OwnerUser}}
	options := &github.ListOrgMembershipsOptions{State: "active", ListOptions: github.ListOptions{PerPage: listPageSize}}
	memberships, err := pages(&options.ListOptions, func() ([]*github.Membership, *github.Response, error) {
		return client.Organizations.ListOrgMemberships(ctx, options)
	})
	if isAnswer(err, http.StatusForbidden) || isAnswer(err, http.StatusNotFound) {
		return owners, nil // The token may not read memberships.
	}
	if err != nil {
		return nil, client.failure(ctx, h.config.APIBaseURL+"/user/memberships/orgs", err)
	}
	for _, membership := range memberships {
		owners = append(owners, integration.Choice{Value: membership.GetOrganization().GetLogin(), Kind: integration.OwnerOrganization})
	}
	return owners, nil
}

// Availability implements integration.Directory.
func (h *Host) Availability(ctx context.Context, owner, name string) (integration.Availability, error) {
	if !isName(owner) || !isName(name) {
		return integration.Availability{State: integration.Refused, Reason: "owner and repo may hold letters, digits and any of [-_.]"}, nil
	}
	looking, err := h.Client(Access{Owner: owner, Permissions: maySee}, "")
	if err != nil {
		return integration.Availability{}, err
	}
	credential, err := looking.Credential(ctx)
	if err != nil || credential.Token == "" {
		return withoutToken(h.Name(), credential, err)
	}
	found, _, err := looking.Repositories.Get(ctx, owner, name)
	switch {
	case err == nil && strings.EqualFold(found.GetFullName(), owner+"/"+name):
		return integration.Availability{State: integration.Taken}, nil
	case err != nil && !isAnswer(err, http.StatusNotFound):
		return integration.Availability{}, looking.failure(ctx, fmt.Sprintf("%s/repos/%s/%s", h.config.APIBaseURL, owner, name), err)
	}
	// GitHub redirects a renamed repository's old name to the new one. The old name is free.
	return h.creation(ctx, owner)
}

// withoutToken says why nothing can be created.
func withoutToken(host string, credential Credential, err error) (integration.Availability, error) {
	if refused, is := errors.AsType[*integration.ResponseError](err); is && !refused.Temporary() {
		return integration.Availability{State: integration.Refused, Reason: refused.Problem}, nil
	}
	if err != nil {
		return integration.Availability{}, err
	}
	reason := "there are no credentials for " + host
	if len(credential.Absent) > 0 {
		reason = strings.Join(credential.Absent, "; ")
	}
	return integration.Availability{State: integration.Unknown, Reason: reason}, nil
}

// creation reports whether the credentials may create repositories for an owner, as far as that is known
// without trying.
func (h *Host) creation(ctx context.Context, owner string) (integration.Availability, error) {
	client, err := h.Client(Access{Owner: owner, Permissions: mayCreate}, "")
	if err != nil {
		return integration.Availability{}, err
	}
	credential, err := client.Credential(ctx)
	if err != nil || credential.Token == "" {
		return withoutToken(h.Name(), credential, err)
	}
	account, _, err := client.Users.Get(ctx, owner)
	switch {
	case isAnswer(err, http.StatusNotFound):
		return refused("%s has no owner %s", h.Name(), owner)
	case err != nil:
		return integration.Availability{}, client.failure(ctx, h.config.APIBaseURL+"/users/"+owner, err)
	case account.GetType() == "Organization":
		return h.creationInOrganization(ctx, client, owner)
	default:
		return h.creationForUser(ctx, client, owner)
	}
}

func (h *Host) creationInOrganization(ctx context.Context, client *Client, owner string) (integration.Availability, error) {
	_, _, err := client.Organizations.GetOrgMembership(ctx, "", owner)
	switch {
	case err == nil || isAnswer(err, http.StatusForbidden): // An App's token has no user, so there is no membership to check.
		return integration.Availability{State: integration.Available}, nil
	case isAnswer(err, http.StatusNotFound):
		return refused("the user of the configured token is not a member of %s", owner)
	}
	return integration.Availability{}, client.failure(ctx, h.config.APIBaseURL+"/user/memberships/orgs/"+owner, err)
}

// creationForUser checks whose the token is: GitHub creates a personal repository for the token's user only.
func (h *Host) creationForUser(ctx context.Context, client *Client, owner string) (integration.Availability, error) {
	user, _, err := client.Users.Get(ctx, "")
	switch {
	case isAnswer(err, http.StatusForbidden):
		return refused("%s is a user, and only users can create repositories for themselves, not Apps", owner)
	case err != nil:
		return integration.Availability{}, client.failure(ctx, h.config.APIBaseURL+"/user", err)
	case !strings.EqualFold(user.GetLogin(), owner):
		return refused("%s is a user, and the configured token is of %s", owner, user.GetLogin())
	}
	return integration.Availability{State: integration.Available}, nil
}

func refused(format string, values ...any) (integration.Availability, error) {
	return integration.Availability{State: integration.Refused, Reason: fmt.Sprintf(format, values...)}, nil
}
