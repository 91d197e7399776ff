package argocd_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/portico-dev/portico/integration/argocd"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// existing is the project of a recording in which it is there already.
const existing = `{"metadata":{"name":"dup","uid":"1","creationTimestamp":"2020-01-01T00:00:00Z"},"spec":{"destinations":[{"name":"local","namespace":"ns",
	"server":"https://kubernetes.default.svc"}],"sourceRepos":["https://g/o/r.git"]}}`

func TestTheActionEqualsBackstages(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		Action: func(t testing.TB, recorded recordedtest.Case, stubs *recordedtest.Stubs) action.Action {
			t.Helper()
			return recordedtest.ByID(t, actionsIn(t, argocd.Options{Instances: []argocd.Instance{
				{Name: "main", URL: "http://" + stubs.Host + "/argocd", Token: "argotoken"},
				{Name: "pw", URL: "http://" + stubs.Host + "/argocd-pw", Username: "u1", Password: "p1"},
			}}), recorded.Action)
		},
		Unrecorded: func(_, target string) (int, string) {
			if strings.HasSuffix(target, "/projects/dup") {
				return http.StatusOK, existing
			}
			return http.StatusNotFound, `{"code":5,"message":"not found"}`
		},
		Deviations: map[string]recordedtest.Deviation{
			"argo-dup": {In: []string{"requests"}, Why: "a project that is there already is not created again"},
		},
	})
}
