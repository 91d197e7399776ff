package forge

import (
	"net/http"
	"strings"
)

func (f *Forge) listForks(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	forks := []object{}
	for _, owner := range f.store.listOwners() {
		for _, other := range f.store.listRepositories(owner.Login) {
			if strings.EqualFold(other.Parent, repo.FullName()) {
				forks = append(forks, x.shapes.minimalRepository(other, owner))
			}
		}
	}
	page, err := pageOf(x, forks)
	return http.StatusOK, page, err
}

// createFork copies a repository to the token's user, who has one fork of it at most.
func (f *Forge) createFork(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	user, err := f.store.owner(f.user)
	if err != nil {
		return 0, nil, err
	}
	for _, other := range f.store.listRepositories(user.Login) {
		if strings.EqualFold(other.Parent, repo.FullName()) {
			return f.describe(x, http.StatusAccepted, other)
		}
	}
	if strings.EqualFold(user.Login, repo.Owner) {
		return 0, nil, &apiError{status: http.StatusForbidden, message: "You cannot fork a repository of your own."}
	}
	initial := defaultSettings()
	initial.Description, initial.Visibility = repo.Settings.Description, repo.Settings.Visibility
	made, err := f.store.createRepository(x.r.Context(), user, repo.Name, initial)
	if err != nil {
		return 0, nil, refused(err.Error())
	}
	bare := f.store.open(made)
	_, err = bare.run(x.r.Context(), "fetch", "--quiet", "--no-write-fetch-head", f.store.directoryOf(repo.Owner, repo.Name), "+refs/heads/*:refs/heads/*")
	if err == nil {
		err = bare.settleDefaultBranch(x.r.Context())
	}
	if err != nil {
		return 0, nil, err
	}
	made, err = f.store.updateRepository(made.Owner, made.Name, func(fork *repository) error { fork.Parent = repo.FullName(); return nil })
	if err != nil {
		return 0, nil, err
	}
	return f.describe(x, http.StatusAccepted, made)
}
