package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/integration"
)

// listPages bounds a listing of owners, in pages of listPageSize.
const (
	listPages    = 5
	listPageSize = 100
)

// maySee and mayCreate are the permissions that a GitHub App needs to look up and to create a repository.
var (
	maySee    = map[string]string{"metadata": "read"}
	mayCreate = map[string]string{"metadata": "read", "administration": "write"}
)

// Owners implements integration.Directory: the organizations in which an App is installed and may create
// repositories, and the token's user with their organizations.
func (h *Host) Owners(ctx context.Context) ([]integration.Owner, error) {
	var owners []integration.Owner
	var failed error
	for _, each := range h.apps {
		found, err := each.organizations(ctx)
		owners, failed = append(owners, found...), errors.Join(failed, err)
	}
	if h.config.Token != "" {
		found, err := h.ownersOfToken(ctx)
		owners, failed = append(owners, found...), errors.Join(failed, err)
	}
	slices.SortFunc(owners, func(a, b integration.Owner) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	owners = slices.CompactFunc(owners, func(a, b integration.Owner) bool { return strings.EqualFold(a.Name, b.Name) })
	if len(owners) > 0 {
		return owners, nil
	}
	return nil, failed
}

// organizations lists the organizations in which the App is installed and may create repositories. An App
// cannot create a user's repositories.
func (a *app) organizations(ctx context.Context) ([]integration.Owner, error) {
	var all []installation
	if err := a.call(ctx, http.MethodGet, fmt.Sprintf("app/installations?per_page=%d", listPageSize), nil, &all); err != nil {
		return nil, a.explain(Access{Owner: "any owner"}, err)
	}
	var owners []integration.Owner
	for _, installed := range all {
		owner := installed.Account.Login
		creates := Access{Permissions: mayCreate}.missing(installed.Permissions) == ""
		if creates && installed.SuspendedAt == nil && installed.Account.Type == "Organization" && a.allows(owner) {
			owners = append(owners, integration.Owner{Name: owner, Kind: integration.OwnerOrganization})
		}
	}
	return owners, nil
}

// ownersOfToken lists the user of the integration's token and their organizations. A token without a user has
// none.
func (h *Host) ownersOfToken(ctx context.Context) ([]integration.Owner, error) {
	client, err := h.Client(Access{}, h.config.Token)
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
	owners := []integration.Owner{{Name: user.GetLogin(), Kind: integration.OwnerUser}}
	options := &github.ListOrgMembershipsOptions{State: "active", ListOptions: github.ListOptions{PerPage: listPageSize}}
	for range listPages {
		memberships, answer, err := client.Organizations.ListOrgMemberships(ctx, options)
		if isAnswer(err, http.StatusForbidden) || isAnswer(err, http.StatusNotFound) {
			return owners, nil // The token may not read memberships.
		}
		if err != nil {
			return nil, client.failure(ctx, h.config.APIBaseURL+"/user/memberships/orgs", err)
		}
		for _, membership := range memberships {
			owners = append(owners, integration.Owner{Name: membership.GetOrganization().GetLogin(), Kind: integration.OwnerOrganization})
		}
		if options.Page = answer.NextPage; options.Page == 0 {
			break
		}
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
