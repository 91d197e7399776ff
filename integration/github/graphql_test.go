package github_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

// clientOf is a client with the forge's token.
func clientOf(t *testing.T, server *forgetest.Server, access githubhost.Access, budget githubhost.Budget) *githubhost.Client {
	t.Helper()
	hosts, err := forges.New(forges.Config{GitHub: []githubhost.Config{
		{Host: server.Host, APIBaseURL: server.APIBaseURL, Token: server.Token(), Budget: budget},
	}}, integration.Options{})
	require.NoError(t, err)
	client, err := githubhost.ClientFor(hosts, server.Host, access, "")
	require.NoError(t, err)
	return client
}

func TestQuery(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	var answer struct {
		RepositoryOwner struct{ Login string }
	}
	err := clientOf(t, server, githubhost.Access{}, nil).Query(t.Context(), `query($login: String!) { repositoryOwner(login: $login) { login } }`,
		map[string]any{"login": "DEMO"}, &answer)
	require.NoError(t, err)
	require.Equal(t, "demo", answer.RepositoryOwner.Login)
}

// TestErrorsOfQueries: GitHub says the same thing in several ways. An answer with an error is never a part.
func TestErrorsOfQueries(t *testing.T) {
	t.Parallel()
	body := func(errors string) string {
		return `{"data": {"repositoryOwner": {"login": "part"}}, "errors": [` + errors + `]}`
	}
	for name, test := range map[string]struct {
		status   int
		header   []string
		body     string
		kind     fault.Kind
		passes   bool
		after    time.Duration
		tooLarge bool
	}{
		"a limit that is said as an error": {200, []string{"Retry-After", "30"}, body(`{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}`), "", true, 30 * time.Second, false},
		"one without a time":               {200, nil, body(`{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}`), "", true, time.Minute, false},
		"too much to answer":               {200, nil, body(`{"type": "RESOURCE_LIMITS_EXCEEDED", "message": "Resource limits for this query exceeded."}`), "", true, 0, true},
		"too long to answer":               {200, nil, body(`{"message": "Something went wrong while executing your query. This may be the result of a timeout."}`), "", true, 0, true},
		"a gateway's timeout":              {504, nil, ``, "", true, 0, true},
		"unknown":                          {200, nil, body(`{"type": "NOT_FOUND", "message": "Could not resolve to an Organization"}`), fault.NotFound, false, 0, false},
		"forbidden":                        {200, nil, body(`{"type": "FORBIDDEN", "message": "Resource not accessible by integration"}`), fault.NotAllowed, false, 0, false},
		"a query that does not fit":        {200, nil, body(`{"message": "Field 'x' doesn't exist on type 'User'"}`), fault.BadGateway, false, 0, false},
		"an internal error":                {500, nil, `{"message": "Server Error"}`, "", true, 0, false},
		"no data":                          {200, nil, `{}`, "", true, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := forgetest.Start(t)
			server.Inject(func(*http.Request) forgetest.Fault {
				return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
					for n := 0; n < len(test.header); n += 2 {
						w.Header().Set(test.header[n], test.header[n+1])
					}
					w.WriteHeader(test.status)
					fmt.Fprint(w, test.body)
				}
			})
			var answer struct {
				RepositoryOwner *struct{ Login string }
			}
			err := clientOf(t, server, githubhost.Access{}, nil).Query(t.Context(), `{ repositoryOwner(login: "demo") { login } }`, nil, &answer)
			require.Error(t, err)
			require.Nil(t, answer.RepositoryOwner)
			require.Equal(t, test.kind, fault.KindOf(err))
			after, passes := integration.MayPass(err)
			require.Equal(t, test.passes, passes)
			require.Equal(t, test.after, after)
			require.Equal(t, test.tooLarge, githubhost.IsTooLarge(err))
		})
	}
}

// budget refuses everything in the background, and counts what it is told.
type budget struct{ told []string }

func (*budget) Wait(_ context.Context, _, resource string) (time.Duration, error) {
	return map[string]time.Duration{"graphql": time.Minute}[resource], nil
}

func (b *budget) Record(_ context.Context, credential string, _ *http.Response) {
	b.told = append(b.told, credential)
}

// TestAPersonsRunGoesBeforeASweep: only requests in the background wait.
func TestAPersonsRunGoesBeforeASweep(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	shared := &budget{}
	ask := func(access githubhost.Access) error {
		var answer any
		return clientOf(t, server, access, shared).Query(t.Context(), `{ repositoryOwner(login: "demo") { login } }`, nil, &answer)
	}
	require.NoError(t, ask(githubhost.Access{}))
	require.Equal(t, []string{server.Host + "/token"}, shared.told)
	err := ask(githubhost.Access{Background: true})
	require.ErrorContains(t, err, "is left to runs for 1m0s")
	after, passes := integration.MayPass(err)
	require.True(t, passes)
	require.Equal(t, time.Minute, after)
	require.Len(t, shared.told, 1, "nothing was sent")
}
