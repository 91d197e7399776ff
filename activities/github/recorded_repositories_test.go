package github_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/portico-dev/portico/internal/testkit/recordedtest"
)

func TestActionsOnRepositoriesEqualBackstages(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded-repositories.json", recordedtest.Suite{
		Action: connectedTo,
		Unrecorded: func(method, target string) (status int, body string) {
			switch {
			case strings.HasSuffix(target, "/acme/hasbranch/git/ref/heads/b1"):
				return http.StatusOK, `{"ref":"refs/heads/b1","object":{"sha":"1111111111111111111111111111111111111111"}}`
			case strings.Contains(target, "/acme/hasbranch/pulls?"):
				return http.StatusOK, `[{"number":17,"html_url":"http://HOST/acme/hasbranch/pull/17"}]`
			default:
				return answerUnrecorded(method, target)
			}
		},
		Normalize: normalize,
		Deviations: map[string]recordedtest.Deviation{
			"gh-create":           {In: []string{"requests"}, Why: marked},
			"gh-create-settings":  {In: []string{"requests"}, Why: marked},
			"gh-create-forbidden": {In: []string{"requests"}, Why: marked},
			"gh-pr-binary":        {In: []string{"requests"}, Why: "a link is committed as a link; Backstage leaves out one that leads somewhere"},
			"gh-pr-hasbranch":     {In: []string{"requests"}, Why: "the refusal comes before anything is written"},
		},
	})
}
