package forge

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

func (f *Forge) getAuthenticatedUser(x *exchange) (int, any, error) {
	if !x.caller.isUser {
		return 0, nil, errTokenMissing
	}
	user, err := f.store.owner(f.user)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, x.shapes.privateUser(user, len(f.store.listRepositories(user.Login))), nil
}

func (f *Forge) getUser(x *exchange) (int, any, error) {
	owner, err := f.store.owner(x.value("owner"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, x.shapes.publicUser(owner, len(f.store.listRepositories(owner.Login))), nil
}

// getMembership: the token's user is an administrator of every organization here.
func (f *Forge) getMembership(x *exchange) (int, any, error) {
	if !x.caller.isUser {
		return 0, nil, errTokenMissing
	}
	organization, err := f.organization(x.value("org"))
	if err != nil {
		return 0, nil, err
	}
	user, err := f.store.owner(f.user)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, x.shapes.membership(organization, user), nil
}

// listMemberships lists all organizations: the token's user is in each.
func (f *Forge) listMemberships(x *exchange) (int, any, error) {
	if !x.caller.isUser {
		return 0, nil, errTokenMissing
	}
	user, err := f.store.owner(f.user)
	if err != nil {
		return 0, nil, err
	}
	organizations := slices.DeleteFunc(f.store.listOwners(), func(owner *account) bool { return owner.Kind != kindOrganization })
	page, err := pageOf(x, organizations)
	if err != nil {
		return 0, nil, err
	}
	answer := []object{}
	for _, organization := range page {
		answer = append(answer, x.shapes.membership(organization, user))
	}
	return http.StatusOK, answer, nil
}

func (f *Forge) organization(login string) (*account, error) {
	owner, err := f.store.owner(login)
	if err != nil {
		return nil, err
	}
	if owner.Kind != kindOrganization {
		return nil, fmt.Errorf("organization %q: %w", login, errNotFound)
	}
	return owner, nil
}

func (f *Forge) createTeam(x *exchange) (int, any, error) {
	var body struct{ Name, Description string }
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	if body.Name == "" {
		return 0, nil, invalid("Team", "name", "missing_field", "name is missing")
	}
	organization, err := f.organization(x.value("org"))
	if err != nil {
		return 0, nil, err
	}
	if _, taken := organization.Teams[slugOf(body.Name)]; taken {
		return 0, nil, invalid("Team", "name", "already_exists", "Name must be unique for this org")
	}
	if err := f.AddTeam(organization.Login, body.Name, body.Description); err != nil {
		return 0, nil, err
	}
	return f.describeTeam(x, http.StatusCreated, slugOf(body.Name))
}

func (f *Forge) getTeam(x *exchange) (int, any, error) {
	return f.describeTeam(x, http.StatusOK, x.value("team_slug"))
}

func (f *Forge) describeTeam(x *exchange, status int, slug string) (int, any, error) {
	organization, err := f.organization(x.value("org"))
	if err != nil {
		return 0, nil, err
	}
	found, ok := organization.Teams[slug]
	if !ok {
		return 0, nil, errHidden
	}
	return status, x.shapes.team(organization, slug, found), nil
}

func (f *Forge) addTeamRepository(x *exchange) (int, any, error) {
	organization, err := f.organization(x.value("org"))
	if err != nil {
		return 0, nil, err
	}
	slug := x.value("team_slug")
	if _, ok := organization.Teams[slug]; !ok {
		return 0, nil, errHidden
	}
	permission, err := decodePermission(x)
	if err != nil {
		return 0, nil, err
	}
	_, err = f.update(x, func(repo *repository) error {
		if repo.Teams == nil {
			repo.Teams = map[string]string{}
		}
		repo.Teams[slug] = permission
		return nil
	})
	return http.StatusNoContent, nil, err
}

func (f *Forge) putCollaborator(x *exchange) (int, any, error) {
	user, err := f.store.owner(x.value("username"))
	if err != nil {
		return 0, nil, err
	}
	permission, err := decodePermission(x)
	if err != nil {
		return 0, nil, err
	}
	_, err = f.update(x, func(repo *repository) error {
		if repo.Collaborators == nil {
			repo.Collaborators = map[string]string{}
		}
		repo.Collaborators[user.Login] = permission
		return nil
	})
	return http.StatusNoContent, nil, err
}

func decodePermission(x *exchange) (string, error) {
	body := struct{ Permission string }{Permission: "push"}
	if err := x.decode(&body); err != nil {
		return "", err
	}
	switch body.Permission {
	case "pull", "triage", "push", "maintain", "admin":
		return body.Permission, nil
	default:
		return "", invalid("Repository", "permission", "invalid", fmt.Sprintf("%q is not a permission", body.Permission))
	}
}

var notInSlug = regexp.MustCompile(`[^a-z0-9_]+`)

// slugOf is the name under which GitHub addresses a team.
func slugOf(name string) string {
	return strings.Trim(notInSlug.ReplaceAllString(strings.ToLower(name), "-"), "-")
}
