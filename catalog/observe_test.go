package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/telemetry"
)

func TestBacklogCountsDueAndFailedEntities(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	service := catalog.New(catalog.Options{Pool: pool})
	for _, step := range []struct {
		insert           string
		due, lag, failed float64
	}{
		{insert: ""},
		{insert: "('component:default/later', now() + interval '1 hour', null)"},
		{insert: "('component:default/due', now() - interval '1 minute', null), ('component:default/wrong', now() - interval '2 minutes', '[]')", due: 2, lag: 120, failed: 1},
	} {
		if step.insert != "" {
			_, err := pool.Exec(t.Context(), `insert into catalog_states (entity_id, unprocessed, unprocessed_hash, entity_ref, next_update_at, errors)
				select gen_random_uuid(), '{}', '', ref, at, errors::json from (values `+step.insert+`) as v (ref, at, errors)`)
			require.NoError(t, err)
		}
		samples, err := service.Backlog(t.Context())
		require.NoError(t, err)
		require.Equal(t, []telemetry.Metric{telemetry.CatalogDue, telemetry.CatalogLag, telemetry.CatalogFailed},
			[]telemetry.Metric{samples[0].Metric, samples[1].Metric, samples[2].Metric})
		require.InDelta(t, step.due, samples[0].Value, 0)
		require.InDelta(t, step.lag, samples[1].Value, 30)
		require.InDelta(t, step.failed, samples[2].Value, 0)
	}
}
