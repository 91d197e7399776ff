package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

// ownerLevel is the access level of a project's owner.
const ownerLevel = 50

// addOwners makes the token's user, and the user that the input names, owners of the project. The integration's
// token does that, which may have more rights than the user's.
func (p *publication) addOwners(ctx context.Context, project *gitlab.Project) error {
	if !p.input.SetUserAsOwner && p.input.OwnerUsername == "" {
		return nil
	}
	privileged, err := p.action.options.connectAs(p.host, "")
	if err != nil {
		return err
	}
	if p.input.SetUserAsOwner {
		me, err := p.whoAmI(ctx)
		if err != nil {
			return err
		}
		if err := privileged.addOwner(ctx, project, me); err != nil {
			return err
		}
	}
	if p.input.OwnerUsername == "" {
		return nil
	}
	user, err := privileged.findUser(ctx, p.input.OwnerUsername)
	if err != nil {
		return err
	}
	if user == nil {
		return action.Advise(fault.New(fault.Input, "%s has no user %s, who was to own %s.", p.host, p.input.OwnerUsername, p.name()),
			"Correct ownerUsername in the template, and start a new run.")
	}
	return privileged.addOwner(ctx, project, user)
}

func (c *connection) addOwner(ctx context.Context, project *gitlab.Project, user *gitlab.User) error {
	body := map[string]any{"access_level": ownerLevel, "user_id": user.ID}
	err := c.send(ctx, fmt.Sprintf("making %s an owner of %s", user.Username, project.PathWithNamespace), http.MethodPost,
		path("projects", id(project.ID), "members"), body, nil)
	if isStatus(err, http.StatusConflict) { // a member already
		return nil
	}
	return err
}

// findUser finds a user by name, nil when there is none.
func (c *connection) findUser(ctx context.Context, username string) (found *gitlab.User, err error) {
	err = c.ask(ctx, "looking for the user "+username, func(within gitlab.RequestOptionFunc) error {
		users, _, err := c.client.Users.ListUsers(&gitlab.ListUsersOptions{Username: &username}, within)
		if len(users) > 0 {
			found = users[0]
		}
		return err
	})
	return found, err
}

// setBranches creates and protects branches. The project is this run's, so what is there is of an earlier
// attempt, or protected by GitLab itself.
func (p *publication) setBranches(ctx context.Context, project *gitlab.Project) error {
	pid := id(project.ID)
	for _, branch := range p.input.Branches {
		if branch.Create {
			ref := branch.Ref
			if ref == "" {
				ref = p.input.DefaultBranch
			}
			err := p.send(ctx, "creating the branch "+branch.Name, http.MethodPost, path("projects", pid, "repository", "branches"),
				map[string]any{"branch": branch.Name, "ref": ref}, nil)
			if err != nil && !saysTaken(err) {
				return inputFailure(err, "Branch creation failed for %s.", branch.Name)
			}
			p.call.Log.Info("Branch %s created for %d with ref %s", branch.Name, project.ID, ref)
		}
		if branch.Protect {
			if err := p.protect(ctx, project, branch.Name); err != nil {
				return err
			}
		}
	}
	if p.input.ProtectDefault {
		return p.protect(ctx, project, p.input.DefaultBranch)
	}
	return nil
}

func (p *publication) protect(ctx context.Context, project *gitlab.Project, branch string) error {
	err := p.send(ctx, "protecting the branch "+branch, http.MethodPost,
		path("projects", id(project.ID), "protected_branches")+"?name="+url.QueryEscape(branch), map[string]any{}, nil)
	if err != nil && !saysTaken(err) {
		return inputFailure(err, "Branch protection failed for %s.", branch)
	}
	p.call.Log.Info("Branch %s protected for %d", branch, project.ID)
	return nil
}

func (p *publication) setVariables(ctx context.Context, project *gitlab.Project) error {
	for _, one := range p.input.ProjectVariables {
		one = one.withDefaults()
		err := p.createVariable(ctx, id(project.ID), one)
		if saysTaken(err) { // an earlier attempt made it, maybe with another value
			err = p.updateVariable(ctx, id(project.ID), one)
		}
		if err != nil {
			return inputFailure(err, "Environment variable creation failed for %s.", one.Key)
		}
	}
	return nil
}
