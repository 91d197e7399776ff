package kubernetes_test

import (
	"testing"

	clusters "github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// noClusters is a configuration without clusters.
var noClusters = clusters.Config{}

func TestTheRecordedRuns(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		Action: func(t testing.TB, recorded recordedtest.Case, stubs *recordedtest.Stubs) action.Action {
			t.Helper()
			config := clusters.Config{Methods: []clusters.Method{{Type: clusters.MethodConfig, Clusters: []clusters.ClusterConfig{
				{Name: "stub", URL: "http://" + stubs.Host + "/k8s", AuthProvider: clusters.AuthServiceAccount}}}}}
			return byID(t, actionsWith(t, config), recorded.Action)
		},
	})
}
