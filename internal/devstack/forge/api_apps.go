package forge

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (f *Forge) listInstallations(x *exchange) (int, any, error) {
	app := x.caller.app
	page, err := pageOf(x, slices.SortedFunc(maps.Values(app.Installations), func(a, b installed) int { return int(a.ID - b.ID) }))
	if err != nil {
		return 0, nil, err
	}
	answer := []object{}
	for _, found := range page {
		owner, err := f.store.owner(found.Login)
		if err != nil {
			return 0, nil, err
		}
		answer = append(answer, x.shapes.installation(app, found, owner))
	}
	return http.StatusOK, answer, nil
}

func (f *Forge) getOrganizationInstallation(x *exchange) (int, any, error) {
	return f.describeInstallation(x, x.value("org"), kindOrganization)
}

func (f *Forge) getUserInstallation(x *exchange) (int, any, error) {
	return f.describeInstallation(x, x.value("username"), kindUser)
}

func (f *Forge) describeInstallation(x *exchange, login, kind string) (int, any, error) {
	owner, err := f.store.owner(login)
	if err != nil {
		return 0, nil, err
	}
	found, ok := x.caller.app.Installations[strings.ToLower(login)]
	if !ok || owner.Kind != kind {
		return 0, nil, errHidden
	}
	return http.StatusOK, x.shapes.installation(x.caller.app, found, owner), nil
}

// createInstallationToken issues a token for the requested permissions and repositories, which must be within
// the installation's; without any, for all of them.
func (f *Forge) createInstallationToken(x *exchange) (int, any, error) {
	id, err := strconv.ParseInt(x.value("installation_id"), 10, 64)
	if err != nil {
		return 0, nil, errHidden
	}
	app, found, err := f.store.installation(id)
	if err != nil || app.ID != x.caller.app.ID {
		return 0, nil, errHidden
	}
	if found.SuspendedAt != nil {
		return 0, nil, errSuspended
	}
	var body struct {
		Permissions  map[string]string `json:"permissions"`
		Repositories []string          `json:"repositories"`
	}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	given := &grant{installationID: id, permissions: app.Permissions, repositories: body.Repositories, expiresAt: now().Add(tokenLifetime)}
	if len(body.Permissions) > 0 {
		if given.permissions, err = narrow(given, body.Permissions); err != nil {
			return 0, nil, err
		}
	}
	repositories, err := f.describeRepositories(x, found, body.Repositories)
	if err != nil {
		return 0, nil, err
	}
	token, err := f.grants.issue(given)
	if err != nil {
		return 0, nil, err
	}
	answer := object{
		"token": token, "expires_at": timestamp(given.expiresAt), "permissions": given.permissions, "repository_selection": found.selection(),
	}
	if len(repositories) > 0 {
		answer["repository_selection"], answer["repositories"] = "selected", repositories
	}
	return http.StatusCreated, answer, nil
}

// narrow restricts the granted permissions to the requested ones. Reading metadata is always included.
func narrow(given *grant, asked map[string]string) (map[string]string, error) {
	narrowed := map[string]string{"metadata": "read"}
	for name, level := range asked {
		if !given.allows(name + ":" + level) {
			return nil, &apiError{
				status: http.StatusUnprocessableEntity, message: "The permissions requested are not granted to this installation.",
			}
		}
		narrowed[name] = level
	}
	return narrowed, nil
}

func (f *Forge) describeRepositories(x *exchange, found installed, names []string) ([]object, error) {
	described := []object{}
	for _, name := range names {
		repo, err := f.store.repository(found.Login, name)
		if err != nil || !found.includes(repo) {
			return nil, &apiError{
				status:  http.StatusUnprocessableEntity,
				message: "There is at least one repository that does not exist or is not accessible to the parent installation.",
			}
		}
		one, err := f.fullRepository(x, repo)
		if err != nil {
			return nil, err
		}
		described = append(described, one)
	}
	return described, nil
}

// listInstallationRepositories lists the repositories of the token, and whether it is for all of the owner's.
func (f *Forge) listInstallationRepositories(x *exchange) (int, any, error) {
	var covered []*repository
	for _, repo := range f.store.listRepositories(x.caller.installation.Login) {
		if x.caller.covers(repo) {
			covered = append(covered, repo)
		}
	}
	page, err := pageOf(x, covered)
	if err != nil {
		return 0, nil, err
	}
	described := []object{}
	for _, repo := range page {
		one, err := f.fullRepository(x, repo)
		if err != nil {
			return 0, nil, err
		}
		described = append(described, one)
	}
	selection := x.caller.installation.selection()
	if len(x.caller.grant.repositories) > 0 {
		selection = "selected"
	}
	return http.StatusOK, object{"total_count": len(covered), "repositories": described, "repository_selection": selection}, nil
}

func (s shapes) installation(app *registration, found installed, owner *account) object {
	suspendedBy, suspendedAt := any(nil), any(nil)
	if found.SuspendedAt != nil {
		suspendedBy, suspendedAt = s.simpleUser(owner), timestamp(*found.SuspendedAt)
	}
	address := s.api("/app/installations/%d", found.ID)
	return object{
		"id": found.ID, "account": s.simpleUser(owner), "app_id": app.ID, "app_slug": slugOf(app.Name), "target_id": owner.ID,
		"target_type": owner.Kind, "permissions": app.Permissions, "events": []string{}, "repository_selection": found.selection(),
		"access_tokens_url": address + "/access_tokens", "repositories_url": s.api("/installation/repositories"),
		"html_url":         fmt.Sprintf("%s/%s", s.base, owner.Login),
		"single_file_name": nil, "created_at": timestamp(found.CreatedAt), "updated_at": timestamp(found.CreatedAt),
		"suspended_by": suspendedBy, "suspended_at": suspendedAt,
	}
}

// adopt adds a repository that an installation created to the installation's repositories.
func (f *Forge) adopt(x *exchange, repo *repository) error {
	if x.caller.grant == nil || x.caller.installation.includes(repo) {
		return nil
	}
	app, _, err := f.store.installation(x.caller.installation.ID)
	if err != nil {
		return err
	}
	return f.changeInstallation(app.ID, x.caller.installation.Login, func(found *installed) {
		found.Repositories = append(found.Repositories, repo.Name)
	})
}
