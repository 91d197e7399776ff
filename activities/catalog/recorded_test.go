package catalog_test

import (
	"context"
	"encoding/json"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	activities "github.com/portico-dev/portico/activities/catalog"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// usTime finds times as catalog:timestamping writes them.
var usTime = regexp.MustCompile(`\d+/\d+/\d{4}, \d+:\d\d:\d\d [AP]M`)

func TestActionsEqualBackstages(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		ComparesLog: true,
		Normalize:   func(text string) string { return usTime.ReplaceAllString(text, "US_TIMESTAMP") },
		Action: func(t testing.TB, recorded recordedtest.Case, stubs *recordedtest.Stubs) action.Action {
			t.Helper()
			hosts, err := forges.New(forges.Config{
				GitHub: []github.Config{{Host: stubs.Host, APIBaseURL: "http://" + stubs.Host + "/gh/api/v3", Token: "ghtoken"}},
			}, integration.Options{ReadingAllow: []integration.AllowRule{{Host: stubs.Host3}}})
			require.NoError(t, err)
			var service activities.Service = oneEntity{}
			if recorded.Action == "catalog:register" {
				service = catalogOn(t, testkit.Database(t), hosts)
			}
			return recordedtest.ByID(t, activities.Actions(service, hosts), recorded.Action)
		},
		Deviations: map[string]recordedtest.Deviation{
			"cw-no-metadata": {In: []string{"files", "status"}, Why: "metadata is made, in place of a TypeError"},
			"reg-missing":    {In: []string{"error"}, Why: "the error says what was not found"},
		},
	})
}

// oneEntity is the catalog of the recordings, as far as catalog:fetch asks it.
type oneEntity struct{ activities.Service }

const recordedEntity = `{"metadata":{"namespace":"default","annotations":{"backstage.io/managed-by-location":"file:TEMPLATES/ents.yaml",
	"backstage.io/managed-by-origin-location":"file:TEMPLATES/ents.yaml","k":"v"},"name":"c1","uid":"UUID","etag":"ETAG"},
	"apiVersion":"backstage.io/v1alpha1","kind":"Component","spec":{"type":"service","lifecycle":"x","owner":"guest"},
	"relations":[{"type":"ownedBy","targetRef":"group:default/guest"}]}`

func (oneEntity) EntitiesByRefs(_ context.Context, _ identity.Principal, refs []string, _ query.Filter, _ query.Fields) ([]json.RawMessage, error) {
	found := make([]json.RawMessage, len(refs))
	for n, ref := range refs {
		if ref == "component:default/c1" {
			found[n] = json.RawMessage(recordedEntity)
		}
	}
	return found, nil
}
