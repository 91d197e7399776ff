package azure

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// repositoryKind is the kind of effect that a created repository is.
const repositoryKind = "azure:repository"

// repositoryRecord is what the ledger keeps about a repository.
type repositoryRecord struct {
	place

	Repo string `json:"repo"`
	// Branch is where the run's first commit goes.
	Branch string `json:"branch"`
}

// repository is a repository as the API returns it.
type repository struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	RemoteURL string `json:"remoteUrl"`
	WebURL    string `json:"webUrl"`
	Project   struct {
		Name string `json:"name"`
	} `json:"project"`
}

// repositories describes a repository to package resource, for finding and deleting it.
func (c *connection) repositories(record repositoryRecord) resource.Spec[*repository] {
	return resource.Spec[*repository]{
		Title: fmt.Sprintf("the repository %s of the project %s on %s", record.Repo, c.Project, c.Host),
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
		Delete: c.deleteRepository,
		Hidden: c.hiddenBecause,
		Used: func(ctx context.Context, effect action.Effect, one *repository) (string, error) {
			if !strings.EqualFold(one.Name, record.Repo) {
				return "it was renamed to " + one.Name, nil
			}
			return c.remote(record.Repo).UseOf(ctx, record.Branch, gitpush.CommittedAt(effect))
		},
	}
}

// foundRepository belongs to an effect whose record says that it was absent before: Azure DevOps says neither who
// created a repository nor when.
func foundRepository(one *repository) *resource.Found[*repository] {
	return &resource.Found[*repository]{
		Thing: one, ID: one.ID, URL: one.WebURL,
		MadeFor: func(effect action.Effect) bool {
			record, err := resource.RecordOf[repositoryRecord](effect)
			return err == nil && record.Absent
		},
	}
}

// lookUp finds a repository by its name or id, nil when there is none.
func (c *connection) lookUp(ctx context.Context, name string) (*repository, error) {
	one := &repository{}
	err := c.Send(ctx, "looking for the repository "+name, http.MethodGet, c.path(nil, "git", "repositories", name), nil, one)
	if rest.IsStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	return one, err
}

func (c *connection) deleteRepository(ctx context.Context, one *repository) error {
	return c.Delete(ctx, "deleting the repository "+one.Name, c.path(nil, "git", "repositories", one.ID))
}

// hiddenBecause says why something of the project may exist although the token does not show it: the project itself
// is not shown. Who sees a project sees what is in it, but for what was taken away from them.
func (c *connection) hiddenBecause(ctx context.Context) (string, error) {
	err := c.Send(ctx, "looking for the project "+c.Project, http.MethodGet, projectPath(c.Project), nil, nil)
	if kind := fault.KindOf(err); kind == fault.NotFound || kind == fault.NotAllowed || kind == fault.Authentication {
		return fmt.Sprintf("%s does not show the project %s to the token", c.Host, c.Project), nil
	}
	return "", hostapi.Absent(err)
}

func projectPath(project string) string {
	return "/_apis/projects/" + url.PathEscape(project) + "?api-version=" + apiVersion
}
