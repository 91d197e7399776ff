package gitlab

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// projectKind is the kind of effect that a created project is.
const projectKind = "gitlab:project"

// projectRecord is what the ledger keeps about a project.
type projectRecord struct {
	place
	// Project is its path, and Namespace where it is.
	Project   string `json:"project"`
	Namespace string `json:"namespace"`
	// Branches are those that the run creates, but for the default one.
	Branches []string `json:"branches,omitempty"`
}

// projects describes a project to package resource, for finding and deleting it.
func (c *connection) projects(record projectRecord) resource.Spec[*gitlab.Project] {
	return resource.Spec[*gitlab.Project]{
		Title: fmt.Sprintf("the project %s on %s", record.Project, c.host),
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*gitlab.Project], error) {
			return c.findProject(ctx, record, effect)
		},
		Delete: func(ctx context.Context, project *gitlab.Project) error {
			return c.deleteProject(ctx, record.Project, project)
		},
		Hidden: func(ctx context.Context) (string, error) { return c.hiddenFrom(ctx, record.Namespace) },
		Used: func(ctx context.Context, effect action.Effect, project *gitlab.Project) (string, error) {
			return c.useOfProject(ctx, record, effect, project)
		},
	}
}

// spec describes the project to package resource, for creating it. It looks whether there is one already.
func (p *publication) spec(ctx context.Context) (resource.Spec[*gitlab.Project], error) {
	record := projectRecord{Project: p.name(), Namespace: p.target.Owner}
	for _, branch := range p.input.Branches {
		if branch.Create {
			record.Branches = append(record.Branches, branch.Name)
		}
	}
	there, err := p.existing(ctx)
	if err != nil {
		return resource.Spec[*gitlab.Project]{}, err
	}
	record.place = p.place(p.input.Token, there == nil)
	if record, err = resource.Remembered(ctx, p.call, resource.KeyOf(p.call, projectKind, p.name()), record); err != nil {
		return resource.Spec[*gitlab.Project]{}, err
	}
	spec := p.projects(record)
	spec.Intent = action.Intent{Kind: projectKind, Name: p.name(), Data: record}
	spec.Create = p.createProject
	find := spec.Find
	spec.Find = func(ctx context.Context, effect action.Effect) (*resource.Found[*gitlab.Project], error) {
		if effect.ExternalID != "" {
			return find(ctx, effect)
		}
		project, err := p.existing(ctx)
		if err != nil || project == nil {
			return nil, err
		}
		me, err := p.whoAmI(ctx)
		return foundProject(project, me), err
	}
	return spec, nil
}

// shortPage is GitLab's size of a page where nobody asks for another.
const shortPage = 20

// existing finds the project in its namespace, as Backstage does, nil when there is none. GitLab's search is not
// exact: where it finds more than a page, the project is looked up by its path.
func (p *publication) existing(ctx context.Context) (*gitlab.Project, error) {
	var listed []*gitlab.Project
	search := p.repository()
	err := p.ask(ctx, "looking for "+p.name(), func(within gitlab.RequestOptionFunc) (err error) {
		if p.namespace.Kind == "user" {
			listed, _, err = p.client.Projects.ListUserProjects(p.target.Owner, &gitlab.ListProjectsOptions{Search: &search}, within)
		} else {
			listed, _, err = p.client.Groups.ListGroupProjects(p.target.Owner, &gitlab.ListGroupProjectsOptions{Search: &search}, within)
		}
		return absent(err)
	})
	if err != nil {
		return nil, err
	}
	for _, project := range listed {
		if strings.EqualFold(project.PathWithNamespace, p.name()) && project.MarkedForDeletionOn == nil {
			return project, nil
		}
	}
	if len(listed) < shortPage {
		return nil, nil
	}
	return p.lookUp(ctx, p.name())
}

// lookUp finds a project by its path, nil when there is none. One that waits for its deletion is gone.
func (c *connection) lookUp(ctx context.Context, project string) (found *gitlab.Project, err error) {
	err = c.ask(ctx, "looking for "+project, func(within gitlab.RequestOptionFunc) error {
		one, _, err := c.client.Projects.GetProject(project, nil, within)
		if err == nil && one.MarkedForDeletionOn == nil {
			found = one
		}
		return absent(err)
	})
	return found, err
}

// findProject looks the project up by its number if that is known, otherwise by its path. GitLab also shows one
// that was renamed since under its old path.
func (c *connection) findProject(ctx context.Context, record projectRecord, effect action.Effect) (*resource.Found[*gitlab.Project], error) {
	name := record.Project
	if effect.ExternalID != "" && effect.State != action.EffectIntended {
		name = effect.ExternalID
	}
	project, err := c.lookUp(ctx, name)
	if err != nil || project == nil {
		return nil, err
	}
	me, err := c.whoAmI(ctx)
	if err != nil {
		return nil, err
	}
	return foundProject(project, me), nil
}

func foundProject(project *gitlab.Project, me *gitlab.User) *resource.Found[*gitlab.Project] {
	return &resource.Found[*gitlab.Project]{
		Thing: project, ID: id(project.ID), URL: project.WebURL,
		MadeFor: func(effect action.Effect) bool {
			record, err := resource.RecordOf[projectRecord](effect)
			return err == nil && record.Absent && project.CreatorID == me.ID && madeSince(effect, project.CreatedAt)
		},
	}
}

// createProject makes the empty project. The settings of the input are GitLab's own names.
func (p *publication) createProject(ctx context.Context, _ action.Effect) (*resource.Found[*gitlab.Project], error) {
	p.call.Log.Info("Creating repo %s in namespace %s.", p.target.Repo, p.target.Owner)
	body := map[string]any{
		"namespace_id": p.namespace.ID, "name": p.target.Repo, "path": p.target.Repo, "visibility": p.input.RepoVisibility,
	}
	if len(p.input.Topics) > 0 {
		body["topics"] = p.input.Topics
	}
	if p.input.Description != "" {
		body["description"] = p.input.Description
	}
	maps.Copy(body, p.input.Settings)
	var created gitlab.Project
	err := p.send(ctx, "creating the project "+p.name(), http.MethodPost, "projects", body, &created)
	switch {
	case saysTaken(err):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, err
	}
	return foundProject(&created, &gitlab.User{}), nil
}

// saysTaken reports whether GitLab says that there is such a thing already.
func saysTaken(err error) bool {
	if !isAnswer(err) || !isStatus(err, http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity) {
		return false
	}
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "already been taken") || strings.Contains(text, "already exist")
}

// deleteProject deletes a project. Where GitLab only marks it, so that it can be restored for some days, it is
// then deleted for good, unless the instance or the role does not allow that.
func (c *connection) deleteProject(ctx context.Context, name string, project *gitlab.Project) error {
	err := gone(c.ask(ctx, "deleting the project "+name, func(within gitlab.RequestOptionFunc) error {
		_, err := c.client.Projects.DeleteProject(project.ID, nil, within)
		return err
	}))
	if err != nil {
		return err
	}
	return c.finishDeletion(ctx, name, project.ID)
}

func (c *connection) finishDeletion(ctx context.Context, name string, number int64) error {
	var marked *gitlab.Project
	err := c.ask(ctx, "looking for "+name, func(within gitlab.RequestOptionFunc) error {
		one, _, err := c.client.Projects.GetProject(number, nil, within)
		if err == nil && one.MarkedForDeletionOn != nil {
			marked = one
		}
		return absent(err)
	})
	if err != nil || marked == nil {
		return err
	}
	err = c.ask(ctx, "deleting the project "+name+" for good", func(within gitlab.RequestOptionFunc) error {
		_, err := c.client.Projects.DeleteProject(number, &gitlab.DeleteProjectOptions{
			FullPath: &marked.PathWithNamespace, PermanentlyRemove: new(true),
		}, within)
		return absent(err)
	})
	if isAnswer(err) && !action.IsTransient(err) {
		return nil // GitLab deletes it on the day for which it is marked.
	}
	return err
}

// useOfProject says what somebody has done with the project since it was created, "" when nothing.
func (c *connection) useOfProject(ctx context.Context, record projectRecord, effect action.Effect, project *gitlab.Project) (string, error) {
	if !strings.EqualFold(project.PathWithNamespace, record.Project) {
		return "it was moved to " + project.PathWithNamespace, nil
	}
	if project.ForksCount > 0 {
		return "it was forked", nil
	}
	for _, look := range []func() (string, error){
		func() (string, error) { return c.foreignBranches(ctx, record, effect, project) },
		func() (string, error) { return c.tagOf(ctx, project) },
		func() (string, error) { return c.issueOf(ctx, project) },
		func() (string, error) { return c.mergeRequestOf(ctx, project) },
	} {
		if use, err := look(); err != nil || use != "" {
			return use, err
		}
	}
	return "", nil
}

// foreignBranches looks for branches and commits that the run did not make. A branch of the run holds its first
// commit only.
func (c *connection) foreignBranches(ctx context.Context, record projectRecord, effect action.Effect, project *gitlab.Project) (string, error) {
	branches, err := all(ctx, c, "listing the branches of "+record.Project,
		func(page gitlab.ListOptions, within gitlab.RequestOptionFunc) ([]*gitlab.Branch, *gitlab.Response, error) {
			found, answer, err := c.client.Branches.ListBranches(project.ID, &gitlab.ListBranchesOptions{ListOptions: page}, within)
			if isStatus(err, http.StatusNotFound) { // there is no commit yet
				return nil, answer, nil
			}
			return found, answer, err
		})
	if err != nil {
		return "", err
	}
	for _, branch := range branches {
		switch {
		case branch.Name != project.DefaultBranch && !slices.Contains(record.Branches, branch.Name):
			return "it has the branch " + branch.Name, nil
		case len(branch.Commit.ParentIDs) > 0 || !existing(branch.Commit).When.Equal(gitpush.CommittedAt(effect)):
			return "it has commits that the run did not make", nil
		}
	}
	return "", nil
}

func (c *connection) tagOf(ctx context.Context, project *gitlab.Project) (use string, err error) {
	err = c.ask(ctx, "listing the tags of "+project.PathWithNamespace, func(within gitlab.RequestOptionFunc) error {
		tags, _, err := c.client.Tags.ListTags(project.ID, &gitlab.ListTagsOptions{ListOptions: gitlab.ListOptions{PerPage: 1}}, within)
		if len(tags) > 0 {
			use = "it has the tag " + tags[0].Name
		}
		return absent(err)
	})
	return use, err
}

func (c *connection) issueOf(ctx context.Context, project *gitlab.Project) (use string, err error) {
	err = c.ask(ctx, "listing the issues of "+project.PathWithNamespace, func(within gitlab.RequestOptionFunc) error {
		issues, _, err := c.client.Issues.ListProjectIssues(project.ID, &gitlab.ListProjectIssuesOptions{
			ListOptions: gitlab.ListOptions{PerPage: 1},
		}, within)
		if len(issues) > 0 {
			use = fmt.Sprintf("it has issues (%q)", issues[0].Title)
		}
		return switchedOff(err)
	})
	return use, err
}

func (c *connection) mergeRequestOf(ctx context.Context, project *gitlab.Project) (use string, err error) {
	err = c.ask(ctx, "listing the merge requests of "+project.PathWithNamespace, func(within gitlab.RequestOptionFunc) error {
		requests, _, err := c.client.MergeRequests.ListProjectMergeRequests(project.ID, &gitlab.ListProjectMergeRequestsOptions{
			ListOptions: gitlab.ListOptions{PerPage: 1},
		}, within)
		if len(requests) > 0 {
			use = fmt.Sprintf("it has merge requests (%q)", requests[0].Title)
		}
		return switchedOff(err)
	})
	return use, err
}

// switchedOff turns the refusal to list what a project does not have into no error.
func switchedOff(err error) error {
	if isStatus(err, http.StatusForbidden, http.StatusNotFound) {
		return nil
	}
	return err
}

// Undo deletes the project, unless somebody has used it since: then it stays, and a person decides.
func (p *publish) Undo(ctx context.Context, call *action.UndoCall) error {
	record, err := resource.RecordOf[projectRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := p.options.reconnect(record.place, call)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, connected.projects(record))
}
