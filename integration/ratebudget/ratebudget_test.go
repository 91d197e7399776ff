package ratebudget_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/integration/ratebudget"
	"github.com/portico-dev/portico/internal/testkit"
)

const credential = "github.com/token"

// answer is what a host says.
type answer struct {
	status int
	header http.Header
}

// said is an answer of a host whose limit is 5000.
func said(status int, resource string, remaining int, reset time.Time, more ...string) answer {
	header := http.Header{}
	header.Set("X-Ratelimit-Resource", resource)
	header.Set("X-Ratelimit-Limit", "5000")
	header.Set("X-Ratelimit-Remaining", fmt.Sprint(remaining))
	header.Set("X-Ratelimit-Reset", fmt.Sprint(reset.Unix()))
	for n := 0; n < len(more); n += 2 {
		header.Set(more[n], more[n+1])
	}
	return answer{status, header}
}

// ofGitLab is an answer of a GitLab whose limit is 2000.
func ofGitLab(remaining int, reset time.Time) answer {
	header := http.Header{}
	header.Set("Ratelimit-Name", "throttle_authenticated_api")
	header.Set("Ratelimit-Limit", "2000")
	header.Set("Ratelimit-Remaining", fmt.Sprint(remaining))
	header.Set("Ratelimit-Reset", fmt.Sprint(reset.Unix()))
	return answer{http.StatusOK, header}
}

// TestWorkInTheBackgroundLeavesAPart: what one process hears, another one obeys.
func TestWorkInTheBackgroundLeavesAPart(t *testing.T) {
	t.Parallel()
	reset := time.Now().Add(30 * time.Minute)
	for name, test := range map[string]struct {
		answers     []answer
		asked       string
		least, most time.Duration
	}{
		"nothing is known":       {nil, "graphql", 0, 0},
		"enough is left":         {[]answer{said(200, "graphql", 1001, reset)}, "graphql", 0, 0},
		"the rest is for others": {[]answer{said(200, "graphql", 1000, reset)}, "graphql", 29 * time.Minute, 30 * time.Minute},
		"another resource":       {[]answer{said(200, "core", 0, reset)}, "graphql", 0, 0},
		"an older answer comes later": {
			[]answer{said(200, "graphql", 900, reset), said(200, "graphql", 4000, reset)}, "graphql", 29 * time.Minute, 30 * time.Minute,
		},
		"an answer of the hour before comes later": {
			[]answer{said(200, "graphql", 4999, reset), said(200, "graphql", 0, reset.Add(-time.Minute))}, "graphql", 0, 0,
		},
		"a new hour": {
			[]answer{said(200, "graphql", 0, time.Now().Add(-time.Minute)), said(200, "graphql", 4999, reset)}, "graphql", 0, 0,
		},
		"the hour is over": {[]answer{said(200, "graphql", 0, time.Now().Add(-time.Minute))}, "graphql", 0, 0},
		"a secondary limit holds for all": {
			[]answer{said(403, "core", 4000, reset, "Retry-After", "90")}, "graphql", 80 * time.Second, 90 * time.Second,
		},
		"a reset that is too far away": {[]answer{said(200, "graphql", 0, time.Now().Add(1000*time.Hour))}, "graphql", 59 * time.Minute, time.Hour},
		"GitLab's headers":             {[]answer{ofGitLab(300, reset)}, "throttle_authenticated_api", 29 * time.Minute, 30 * time.Minute},
		"enough is left of GitLab's":   {[]answer{ofGitLab(1500, reset)}, "throttle_authenticated_api", 0, 0},
		"no headers":                   {[]answer{{200, http.Header{}}}, "graphql", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := testkit.Database(t)
			hearing, asking := ratebudget.New(pool, slog.Default()), ratebudget.New(pool, slog.Default())
			for _, each := range test.answers {
				hearing.Record(t.Context(), credential, &http.Response{StatusCode: each.status, Header: each.header})
			}
			wait, err := asking.Wait(t.Context(), credential, test.asked)
			require.NoError(t, err)
			require.LessOrEqual(t, test.least, wait)
			require.GreaterOrEqual(t, test.most, wait)
			wait, err = asking.Wait(t.Context(), "github.com/app/1/2", test.asked)
			require.NoError(t, err)
			require.Zero(t, wait, "another credential has a budget of its own")
		})
	}
}
