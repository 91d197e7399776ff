package gitlab_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/gitlab"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	gitlabhost "github.com/portico-dev/portico/integration/gitlab"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

var timestamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)

// published are runs of the published package, recorded for what the first recording does not show.
const published = "testdata/published.json"

func TestActionsEqualThePublishedOnes(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, published, recordedtest.Suite{Action: recordedAction, Unrecorded: answerUnrecorded})
}

// recordedAction is the action of a case, configured as in the recordings.
func recordedAction(t testing.TB, recorded recordedtest.Case, stubs *recordedtest.Stubs) action.Action {
	t.Helper()
	hosts, err := forges.New(forges.Config{GitLab: []gitlabhost.Config{{
		Host: stubs.Host2, BaseURL: "http://" + stubs.Host2, APIBaseURL: "http://" + stubs.Host2 + "/api/v4", Token: "gltoken",
	}}}, integration.Options{})
	require.NoError(t, err)
	options := gitlab.Options{Hosts: hosts, Author: author, CommitMessage: "first commit"}
	return recordedtest.ByID(t, gitlab.Actions(options), recorded.Action)
}

// answerUnrecorded answers what Portico asks in another way.
func answerUnrecorded(method, target string) (status int, body string) {
	switch {
	case method == http.MethodGet && strings.HasSuffix(target, "/user"):
		// Portico asks who the token's user is, to recognize what it made.
		return http.StatusOK, `{"id":1,"username":"bot"}`
	case method == http.MethodPost && strings.HasSuffix(target, "/trigger/pipeline"):
		// The token and the branch are in the body.
		return http.StatusCreated, `{"id":8,"web_url":"http://HOST2/acme/r/-/pipelines/8"}`
	}
	return http.StatusNotFound, `{"message":"404 Not Found"}`
}

func TestActionsEqualBackstages(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		Action:     recordedAction,
		Unrecorded: answerUnrecorded,
		Normalize:  func(text string) string { return timestamp.ReplaceAllString(text, "TIMESTAMP") },
		Deviations: map[string]recordedtest.Deviation{
			"gl-publish":       {In: []string{"pushes"}, Why: "the message is scaffolder.defaultCommitMessage, which Backstage ignores here"},
			"gl-publish-taken": {In: []string{"error"}, Why: "the error says that the project was left untouched, and what to do"},
			"gl-mr-exists":     {In: []string{"error"}, Why: "the error has the branch's address in place of undefined"},
			"gl-mr-missing":    {In: []string{"error"}, Why: "the error names the project"},
			"gl-pipeline":      {In: []string{"requests"}, Why: "the trigger's token is in the body, not in the URL, which servers log"},
		},
	})
}
