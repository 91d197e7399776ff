package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/picker"
)

// NewAutocompletePlugin serves the part of /api/scaffolder that Backstage's form fields ask for choices, with the
// person's own token for the host. The service allows it to principals who may start runs.
func NewAutocompletePlugin(service *picker.Service) Plugin {
	a := &autocompleteAPI{service}
	return plugin{id: "scaffolder", routes: []route{
		{method: http.MethodPost, path: "/v2/autocomplete/:provider/:resource", access: authenticated, audit: unrecorded("it reads"), body: takes[autocompleteInput](),
			summary: "Autocompletes a field's value", serve: ok("the completions", a.autocomplete), fails: missing},
	}}
}

type autocompleteAPI struct{ service *picker.Service }

type autocompleteInput struct {
	Token   string            `json:"token"             jsonschema_description:"the user's token for the provider"`
	Context map[string]string `json:"context,omitempty" jsonschema_description:"what is chosen so far"`
}

type completions struct {
	Results []completion `json:"results"`
}

type completion struct {
	ID    string `json:"id"`
	Title string `json:"title,omitempty"`
}

// question is what a form field asks.
type question struct {
	autocompleteInput

	service   *picker.Service
	principal identity.Principal
	// host is the host of the context, or the provider's public one.
	host string
}

// formProvider is a type of host, by its name in Backstage.
type formProvider struct {
	hostType string
	// publicHost is the host of questions that name none.
	publicHost string
	resources  map[string]func(context.Context, question) ([]completion, error)
}

// formProviders are those of Backstage's modules for GitHub 0.10, GitLab 0.12 and Bitbucket Cloud 0.3, with their
// resources, the context that these require, and the ids and titles of the results.
var formProviders = map[string]formProvider{
	"github": {integration.TypeGitHub, "github.com", map[string]func(context.Context, question) ([]completion, error){
		"owners":                organizations,
		"repositoriesWithOwner": repositoriesWithOwner,
		"branches":              branches("owner and/or repository", "owner"),
	}},
	"gitlab": {integration.TypeGitLab, "gitlab.com", map[string]func(context.Context, question) ([]completion, error){
		"groups":       groups,
		"repositories": projectsOfGroup,
	}},
	"bitbucket-cloud": {integration.TypeBitbucketCloud, "bitbucket.org", map[string]func(context.Context, question) ([]completion, error){
		"workspaces":   parts(integration.PartWorkspace, ""),
		"projects":     parts(integration.PartProject, "workspace", "workspace"),
		"repositories": parts(integration.PartRepo, "workspace and/or project", "workspace", "project"),
		"branches":     branches("workspace and/or repository", "workspace"),
	}},
}

func (a *autocompleteAPI) autocomplete(c *call) (completions, error) {
	var input autocompleteInput
	if err := c.decode(&input); err != nil {
		return completions{}, err
	}
	if input.Token == "" {
		return completions{}, fault.New(fault.Input, "Missing token query parameter")
	}
	asked, known := formProviders[c.Param("provider")]
	if !known {
		return completions{}, fault.New(fault.Input, "Unsupported provider: %s", c.Param("provider"))
	}
	complete, known := asked.resources[c.Param("resource")]
	if !known {
		return completions{}, fault.New(fault.Input, "Invalid resource: %s", c.Param("resource"))
	}
	q := question{autocompleteInput: input, service: a.service, principal: c.principal, host: cmp.Or(input.Context["host"], asked.publicHost)}
	if err := q.checkType(c.Request.Context(), asked.hostType); err != nil {
		return completions{}, err
	}
	found, err := complete(c.Request.Context(), q)
	return completions{orEmpty(found)}, err
}

// checkType refuses a host of another type than the provider's: the token is not for it.
func (q question) checkType(ctx context.Context, hostType string) error {
	hosts, err := q.service.Hosts(ctx, q.principal)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		if host.Host == q.host && host.Type != hostType {
			return fault.New(fault.Input, "%s is a %s, not a %s", q.host, host.Type, hostType)
		}
	}
	return nil
}

// repo is the repository, or the place for one, that the context names.
func (q question) repo() integration.Repo {
	return integration.Repo{Host: q.host, Owner: q.Context["owner"], Repo: q.Context["repository"],
		Workspace: q.Context["workspace"], Project: q.Context["project"]}
}

// require refuses a context without one of the names; words name them as Backstage does.
func (q question) require(words string, names ...string) error {
	if slices.ContainsFunc(names, func(name string) bool { return q.Context[name] == "" }) {
		return fault.New(fault.Input, "Missing %s context parameter", words)
	}
	return nil
}

// choices lists a part. A host that does not answer is a failure here: the clients show what they are told.
func (q question) choices(ctx context.Context, part integration.Part, in integration.Repo) ([]integration.Choice, error) {
	found, err := q.service.Choices(ctx, q.principal, part, in, q.Token)
	return found.Choices, cmp.Or(err, unanswered(found.Reason))
}

// unanswered is the error for the reason why a host did not answer, nil for "".
func unanswered(reason string) error {
	if reason == "" {
		return nil
	}
	return fault.New(fault.Input, "Autocomplete failed: %s", reason)
}

// parts completes a part by its values.
func parts(part integration.Part, words string, required ...string) func(context.Context, question) ([]completion, error) {
	return func(ctx context.Context, q question) ([]completion, error) {
		if err := q.require(words, required...); err != nil {
			return nil, err
		}
		found, err := q.choices(ctx, part, q.repo())
		return completionsOf(found, func(choice integration.Choice) completion { return completion{ID: choice.Value} }), err
	}
}

func branches(words, place string) func(context.Context, question) ([]completion, error) {
	return func(ctx context.Context, q question) ([]completion, error) {
		if err := q.require(words, place, "repository"); err != nil {
			return nil, err
		}
		in := q.repo()
		// A repository of Bitbucket is in a project, which its address there does not contain.
		in.Project = cmp.Or(in.Project, in.Workspace)
		found, err := q.service.Branches(ctx, q.principal, in, "", q.Token)
		return completionsOf(found.Branches, func(name string) completion { return completion{ID: name} }), cmp.Or(err, unanswered(found.Reason))
	}
}

// organizations lists the organizations of the token's user on GitHub, without the user.
func organizations(ctx context.Context, q question) ([]completion, error) {
	found, err := q.choices(ctx, integration.PartOwner, q.repo())
	found = slices.DeleteFunc(found, func(choice integration.Choice) bool { return choice.Kind == integration.OwnerUser })
	return completionsOf(found, func(choice integration.Choice) completion { return completion{ID: choice.Value} }), err
}

func repositoriesWithOwner(ctx context.Context, q question) ([]completion, error) {
	found, err := q.service.Repositories(ctx, q.principal, q.host, q.Token)
	return completionsOf(found.Choices, func(choice integration.Choice) completion { return completion{ID: choice.ID} }),
		cmp.Or(err, unanswered(found.Reason))
}

// groups lists GitLab's groups by their numbers and paths, and the user.
func groups(ctx context.Context, q question) ([]completion, error) {
	found, err := q.choices(ctx, integration.PartOwner, q.repo())
	return completionsOf(found, func(choice integration.Choice) completion { return completion{ID: choice.ID, Title: choice.Value} }), err
}

// projectsOfGroup lists the projects of the group or user with the number that groups answered. A number may be a
// user's and a group's: the user's goes first, as in Backstage.
func projectsOfGroup(ctx context.Context, q question) ([]completion, error) {
	id := q.Context["id"]
	if id == "" {
		return nil, fault.New(fault.Input, "Missing groupId and userId context parameter")
	}
	owners, err := q.choices(ctx, integration.PartOwner, q.repo())
	if err != nil {
		return nil, err
	}
	in := integration.Repo{Host: q.host, Owner: id}
	for _, owner := range owners {
		if owner.ID == id && (in.Owner == id || owner.Kind == integration.OwnerUser) {
			in.Owner = owner.Value
		}
	}
	found, err := q.choices(ctx, integration.PartRepo, in)
	return completionsOf(found, func(choice integration.Choice) completion { return completion{ID: choice.ID, Title: choice.Title} }), err
}

func completionsOf[T any](all []T, of func(T) completion) []completion {
	found := make([]completion, len(all))
	for n, each := range all {
		found[n] = of(each)
	}
	return found
}
