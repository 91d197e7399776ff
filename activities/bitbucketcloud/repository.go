package bitbucketcloud

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// repositoryKind is the kind of effect that a created repository is.
const repositoryKind = "bitbucketCloud:repository"

// repositoryRecord is what the ledger keeps about a repository.
type repositoryRecord struct {
	place

	// Project is the key of its project, and Branch where the run's first commit goes.
	Project string `json:"project"`
	Branch  string `json:"branch"`
	// Absent says that there was no such repository when the intent was recorded.
	Absent bool `json:"absent"`
}

// repository is a repository as the API returns it.
type repository struct {
	UUID       string    `json:"uuid"`
	FullName   string    `json:"full_name"`
	CreatedOn  time.Time `json:"created_on"`
	MainBranch struct {
		Name string `json:"name"`
	} `json:"mainbranch"`
	Links struct {
		HTML  link `json:"html"`
		Clone []struct {
			link

			Name string `json:"name"`
		} `json:"clone"`
	} `json:"links"`
}

type link struct {
	Href string `json:"href"`
}

// remoteURL is the URL from which Git clones it over HTTPS.
func (r *repository) remoteURL() string {
	for _, one := range r.Links.Clone {
		if one.Name == "https" {
			return one.Href
		}
	}
	return ""
}

// repositories describes a repository to package resource, for finding and deleting it.
func (c *connection) repositories(record repositoryRecord) resource.Spec[*repository] {
	return resource.Spec[*repository]{
		Title: fmt.Sprintf("the repository %s on %s", c.fullName(), c.Host),
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*repository], error) {
			name := record.Repo
			if effect.ExternalID != "" {
				name = effect.ExternalID
			}
			one, err := c.lookUp(ctx, name)
			if err != nil || one == nil {
				return nil, err
			}
			return foundRepository(one), nil
		},
		Delete: func(ctx context.Context, _ *repository) error {
			return c.Delete(ctx, "deleting the repository "+c.fullName(), c.path(nil))
		},
		Hidden: func(ctx context.Context) (string, error) { return c.hiddenIn(ctx, record.Project) },
		Used: func(ctx context.Context, effect action.Effect, one *repository) (string, error) {
			return c.useOf(ctx, record, effect, one)
		},
	}
}

// foundRepository belongs to an effect whose record says that it was absent before, if it is no older.
func foundRepository(one *repository) *resource.Found[*repository] {
	return &resource.Found[*repository]{
		Thing: one, ID: one.UUID, URL: one.Links.HTML.Href,
		MadeFor: func(effect action.Effect) bool {
			record, err := resource.RecordOf[repositoryRecord](effect)
			return err == nil && record.Absent && resource.MadeSince(effect, one.CreatedOn)
		},
	}
}

// lookUp finds a repository by its name or UUID, nil when there is none.
func (c *connection) lookUp(ctx context.Context, name string) (*repository, error) {
	one := &repository{}
	path := "/repositories/" + url.PathEscape(c.Workspace) + "/" + url.PathEscape(name)
	err := c.Send(ctx, "looking for the repository "+c.fullName(), http.MethodGet, path, nil, one)
	if rest.IsStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	return one, err
}

// hiddenIn says why a repository may exist although it is not shown: its project is not shown either.
func (c *connection) hiddenIn(ctx context.Context, project string) (string, error) {
	path := "/workspaces/" + url.PathEscape(c.Workspace) + "/projects/" + url.PathEscape(project)
	err := c.Send(ctx, "looking for the project "+project, http.MethodGet, path, nil, nil)
	if rest.IsStatus(err, http.StatusNotFound) || rest.IsStatus(err, http.StatusForbidden) {
		return fmt.Sprintf("%s does not show the project %s of %s to the credentials", c.Host, project, c.Workspace), nil
	}
	return "", err
}

// useOf says what somebody has done with the repository since it was created, "" when nothing.
func (c *connection) useOf(ctx context.Context, record repositoryRecord, effect action.Effect, one *repository) (string, error) {
	if !strings.EqualFold(one.FullName, record.fullName()) {
		return "it was renamed to " + one.FullName, nil
	}
	var forks page[repository]
	err := hostapi.Absent(c.Send(ctx, "listing the forks of "+c.fullName(), http.MethodGet, c.path(url.Values{"pagelen": {"1"}}, "forks"), nil, &forks))
	if err != nil || len(forks.Values) > 0 {
		return "it was forked", err
	}
	return c.remote().UseOf(ctx, record.Branch, gitpush.CommittedAt(effect))
}
