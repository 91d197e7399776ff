package sentry

import (
	"context"
	"net/http"

	"github.com/portico-dev/portico/scaffolder/action"
)

// fetchDSN is sentry:fetch:dsn.
type fetchDSN struct {
	action.NoEffects

	options Options
}

// Describe lists the action with Backstage's schemas.
func (fetchDSN) Describe() action.Description {
	return action.Description{
		ID: "sentry:fetch:dsn", Description: "Reads the public DSN of a project of Sentry.", InputSchema: dsnInput, OutputSchema: dsnOutput,
		SupportsDryRun: true,
		Needs:          []string{"A token with the scope project:read, in `scaffolder.sentry.token` or as a secret of the form."},
		Examples: []action.Example{
			{Description: "The DSN of the project that the run has created", Example: `steps:
  - id: dsn
    name: Read the DSN
    action: sentry:fetch:dsn
    input:
      organizationSlug: acme
      projectSlug: ${{ steps.sentry.output.result.slug }}
      authToken: ${{ secrets.sentryToken }}
`},
		},
	}
}

// Run reads the DSN.
func (a fetchDSN) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var wanted struct {
		credentials

		OrganizationSlug string `json:"organizationSlug"`
		ProjectSlug      string `json:"projectSlug"`
	}
	if err := call.Decode(&wanted); err != nil {
		return nil, err
	}
	s, err := a.options.connect(wanted.credentials)
	if err != nil {
		return nil, err
	}
	var keys []struct {
		DSN struct {
			Public string `json:"public"`
		} `json:"dsn"`
	}
	err = s.Send(ctx, "reading the keys of "+wanted.ProjectSlug, http.MethodGet, path("/projects/", wanted.OrganizationSlug, "/", wanted.ProjectSlug, "/keys/"), nil, &keys)
	switch {
	case err != nil:
		return nil, err
	case len(keys) == 0:
		return nil, action.InputError("No keys found for the specified project")
	case keys[0].DSN.Public == "":
		return nil, action.InputError("No public DSN found in project keys")
	}
	return action.Output{"dsn": keys[0].DSN.Public}, nil
}
