package github_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

func TestSettingsEqualBackstages(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded_parts.json", recordedtest.Suite{
		Action: func(t testing.TB, recorded recordedtest.Case, stubs *recordedtest.Stubs) action.Action {
			t.Helper()
			return retried{connectedTo(t, recorded, stubs)}
		},
		Unrecorded: func(method, target string) (status int, body string) {
			if method == http.MethodGet && strings.HasSuffix(target, "/secrets/public-key") {
				// Backstage's client adds the ID of the repository.
				return http.StatusOK, `{"key_id":"k1","key":"2Sg8iYjAxxmI2LvUXpJjkYrMxURPc8r+dB7TJyvvcCU="}`
			}
			return answerUnrecorded(method, target)
		},
		Normalize:   normalize,
		ComparesLog: true,
		Deviations: map[string]recordedtest.Deviation{
			"gh-hook-flaky": {In: []string{"log"}, Why: "the step is attempted again, and each attempt says what it does; Backstage's client repeats the request"},
			"gh-env-full":   {In: []string{"requests"}, Why: "the requests for variables and secrets do not repeat the ID of the repository, which GitHub does not ask for"},
		},
	})
}

// retried is an action that is run again after a failure that may pass, as the engine does. Backstage's client
// of GitHub repeats the request.
type retried struct{ action.Action }

func (r retried) Run(ctx context.Context, call *action.Call) (output action.Output, err error) {
	for range 3 {
		if output, err = r.Action.Run(ctx, call); !action.IsTransient(err) {
			return output, err
		}
	}
	return output, err
}
