package github_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/github"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

func TestActionsEqualBackstages(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		Action:     connectedTo,
		Unrecorded: answerUnrecorded,
		Normalize:  normalize,
		Deviations: map[string]recordedtest.Deviation{
			"gh-publish":       {In: []string{"requests"}, Why: marked},
			"gh-publish-full":  {In: []string{"requests"}, Why: marked},
			"gh-publish-sub":   {In: []string{"requests"}, Why: marked},
			"gh-publish-user":  {In: []string{"requests"}, Why: marked},
			"gh-publish-hosts": {In: []string{"error"}, Why: "allowedHosts is an input: it says which hosts the step may publish to"},
			"gh-publish-taken": {In: []string{"error", "requests"}, Why: "the error says that the repository was left untouched, and what to do"},
		},
	})
}

// published are runs of the published package, recorded for what the first recordings do not show.
const published = "testdata/published.json"

func TestActionsEqualThePublishedOnes(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, published, recordedtest.Suite{Action: connectedTo, Unrecorded: answerUnrecorded, Normalize: normalize})
}

const marked = "the new repository's description marks it as the run's until its settings are made, in a request of their own"

// connectedTo is the action of a case, configured as in the recordings.
func connectedTo(t testing.TB, recorded recordedtest.Case, stubs *recordedtest.Stubs) action.Action {
	t.Helper()
	hosts, err := forges.New(forges.Config{
		GitHub: []githubhost.Config{{Host: stubs.Host, APIBaseURL: "http://" + stubs.Host + "/gh/api/v3", Token: "ghtoken"}},
	}, integration.Options{})
	require.NoError(t, err)
	return recordedtest.ByID(t, github.Actions(github.Options{Hosts: hosts,
		Author: github.Author{Name: "Stub Author", Email: "author@example.com"}, CommitMessage: "first commit"}), recorded.Action)
}

// answerUnrecorded answers what Portico asks in addition: whose token it is, and to change a new repository's
// description, which marks it until then.
func answerUnrecorded(method, target string) (status int, body string) {
	name, isRepository := strings.CutPrefix(target, "/gh/api/v3/repos/")
	switch {
	case method == http.MethodGet && target == "/gh/api/v3/user":
		return http.StatusOK, `{"login":"joe"}`
	case method == http.MethodPatch && isRepository:
		return http.StatusOK, fmt.Sprintf(`{"id":11,"full_name":%q,"clone_url":"http://HOST/git/%s.git"}`, name, name)
	default:
		return http.StatusNotFound, `{"message":"Not Found"}`
	}
}

var (
	mark      = regexp.MustCompile(`effect [0-9a-f-]{36}`)
	encrypted = regexp.MustCompile(`"encrypted_value":"[^"]+"`)
)

func normalize(text string) string {
	return encrypted.ReplaceAllString(mark.ReplaceAllString(text, "effect UUID"), `"encrypted_value":"ENCRYPTED"`)
}
