package forge

import (
	"net/http"
)

// protectionActors are users and teams, by login and slug, that a rule of a branch names. The forge keeps the
// slugs of Apps and does not describe them.
type protectionActors struct {
	Users []string `json:"users"`
	Teams []string `json:"teams"`
	Apps  []string `json:"apps"`
}

// checkActors refuses rules that name who is not there.
func (f *Forge) checkActors(x *exchange, rules protection) error {
	named := []*protectionActors{rules.Restrictions}
	if rules.RequiredPullRequestReviews != nil {
		named = append(named, rules.RequiredPullRequestReviews.Bypass)
	}
	for _, actors := range named {
		if actors == nil {
			continue
		}
		if _, err := f.describeActors(x, actors); err != nil {
			return refused("Only users and teams who are there can be named in a rule.")
		}
	}
	return nil
}

func (f *Forge) describeActors(x *exchange, actors *protectionActors) (object, error) {
	users, err := f.simpleUsers(x, actors.Users)
	if err != nil {
		return nil, err
	}
	organization, err := f.store.owner(x.value("owner"))
	if err != nil {
		return nil, err
	}
	teams := []object{}
	for _, slug := range actors.Teams {
		team, known := organization.Teams[slug]
		if !known {
			return nil, errNotFound
		}
		teams = append(teams, x.shapes.simpleTeam(organization, slug, team))
	}
	return object{"users": users, "teams": teams, "apps": []object{}}, nil
}

// describeProtection is the whole form of a branch's rules, with those whom they name.
func (f *Forge) describeProtection(x *exchange, repo *repository, branch string, rules protection) (int, any, error) {
	answer := x.shapes.protection(repo, branch, rules)
	address := x.shapes.protectionAPI(repo, branch)
	if rules.Restrictions != nil {
		named, err := f.describeActors(x, rules.Restrictions)
		if err != nil {
			return 0, nil, err
		}
		limits := address + "/restrictions"
		answer["restrictions"] = named.with(object{
			"url": limits, "users_url": limits + "/users", "teams_url": limits + "/teams", "apps_url": limits + "/apps",
		})
	}
	if reviews := rules.RequiredPullRequestReviews; reviews != nil && reviews.Bypass != nil {
		named, err := f.describeActors(x, reviews.Bypass)
		if err != nil {
			return 0, nil, err
		}
		described, _ := answer["required_pull_request_reviews"].(object)
		described["bypass_pull_request_allowances"] = named
	}
	return http.StatusOK, answer, nil
}

func (f *Forge) deleteProtection(x *exchange) (int, any, error) {
	_, branch, err := f.protectedBranch(x)
	if err != nil {
		return 0, nil, err
	}
	_, err = f.update(x, func(repo *repository) error {
		if _, protected := repo.Protection[branch]; !protected {
			return &apiError{status: http.StatusNotFound, message: "Branch not protected"}
		}
		delete(repo.Protection, branch)
		return nil
	})
	return http.StatusNoContent, nil, err
}

// allowUnsigned no longer requires signatures.
func (f *Forge) allowUnsigned(x *exchange) (int, any, error) {
	_, branch, err := f.protectedBranch(x)
	if err != nil {
		return 0, nil, err
	}
	_, err = f.changeProtection(x, branch, func(was protection) protection {
		was.RequiredSignatures = false
		return was
	})
	return http.StatusNoContent, nil, err
}

func (f *Forge) getWorkflowAccess(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	access := repo.WorkflowAccess
	if access == "" {
		access = "none"
	}
	return http.StatusOK, object{"access_level": access}, nil
}

func (f *Forge) putWorkflowAccess(x *exchange) (int, any, error) {
	var body struct {
		AccessLevel string `json:"access_level"`
	}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	_, err := f.update(x, func(repo *repository) error {
		if repo.Settings.Visibility == visibilityPublic {
			return &apiError{status: http.StatusUnprocessableEntity, message: "Access policy only applies to internal and private repositories."}
		}
		repo.WorkflowAccess = body.AccessLevel
		return nil
	})
	return http.StatusNoContent, nil, err
}
