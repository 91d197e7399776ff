package notification_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/notification"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/template"
)

func TestActionsEqualBackstages(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		ComparesLog: true,
		Action: func(t testing.TB, recorded recordedtest.Case, _ *recordedtest.Stubs) action.Action {
			t.Helper()
			return recordedtest.ByID(t, notification.Actions(testkit.Database(t)), recorded.Action)
		},
	})
}

func list(t testing.TB, pool *pgxpool.Pool, query string) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), query)
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return found
}

const stored = `select recipients || ' ' || array_to_string(entity_refs, ',') || ' ' || title || ' ' || description || ' ' || link || ' ' || severity || ' ' || scope || ' ' || topic
	from notifications order by 1`

func TestSendConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		pool := testkit.Database(t)
		config := pool.Config()
		config.ConnConfig.Tracer = gate
		gated, err := pgxpool.NewWithConfig(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(gated.Close)
		return actiontest.Fixture{
			Action: notification.Actions(gated)[0], User: template.User{Ref: "user:default/guest"},
			Input: `{"recipients":"entity","entityRefs":["User:default/Guest"],"title":"T","info":"I","link":"/x","severity":"high","scope":"s","topic":"t"}`,
			State: func(t testing.TB) []string { t.Helper(); return list(t, pool, stored) },
			Digest: func(t testing.TB) string {
				t.Helper()
				return strings.Join(list(t, pool, "select n::text from notifications n order by 1"), "\n")
			},
			Use: func(t testing.TB) {
				t.Helper()
				_, err := pool.Exec(t.Context(), "update notifications set delivered_at = now()")
				require.NoError(t, err)
			},
		}
	})
}

func TestNotificationsAreStoredAndAudited(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	_, err := pool.Exec(t.Context(), `insert into notifications (id, created_at, effect_id, recipients, entity_refs, title, description, link, severity, scope, topic)
		values (gen_random_uuid(), now() - interval '181 days', 'old', 'broadcast', '{}', 'old', '', '', 'low', '', '')`)
	require.NoError(t, err)
	harness := actiontest.NewHarness(t)
	send := notification.Actions(pool)[0]
	_, err = harness.Run(t, send, `{"recipients":"entity","entityRefs":["User:default/Guest","group:default/a"],"title":"T","link":"https://x/y"}`)
	require.NoError(t, err)
	require.Equal(t, []string{"entity user:default/guest,group:default/a T  https://x/y normal  "}, list(t, pool, stored), "the old one is gone")
	require.NoError(t, harness.RollBack(t.Context(), send))
	require.Empty(t, list(t, pool, stored))
	require.Equal(t, []string{"user:default/guest notification.send", "user:default/guest notification.withdraw"},
		list(t, pool, "select actor || ' ' || action from audit_events order by id"))
}

func TestBadNotificationsAreRefused(t *testing.T) {
	t.Parallel()
	send := notification.Actions(testkit.Database(t))[0]
	for input, message := range map[string]string{
		`{"recipients":"entity","entityRefs":[],"title":"T"}`:                                                                 "Entity references must be provided",
		`{"recipients":"entity","entityRefs":["nokind"],"title":"T"}`:                                                         "entityRefs: ",
		`{"recipients":"broadcast","title":""}`:                                                                               "title is empty",
		`{"recipients":"broadcast","title":"T","link":"javascript:x"}`:                                                        "link must begin with /, http:// or https://",
		`{"recipients":"broadcast","title":"T","link":"///evil/x"}`:                                                           "link must begin with /, http:// or https://",
		`{"recipients":"broadcast","title":"T","link":"//evil/x"}`:                                                            "link must begin with /, http:// or https://",
		`{"recipients":"broadcast","title":"T","link":"/\\evil/x"}`:                                                           "link must begin with /, http:// or https://",
		`{"recipients":"broadcast","title":"` + strings.Repeat("t", 501) + `"}`:                                               "title is longer than 500 characters",
		`{"recipients":"entity","title":"T","entityRefs":["` + strings.Repeat(`user:default/a","`, 500) + `user:default/b"]}`: "at most 500 recipients",
	} {
		harness := actiontest.NewHarness(t)
		_, err := harness.Run(t, send, input)
		require.ErrorContains(t, err, message)
		require.False(t, action.IsTransient(err))
		_, err = send.Plan(t.Context(), harness.Call(input))
		require.ErrorContains(t, err, message)
		_, err = harness.Run(t, send, strings.TrimSuffix(input, "}")+`,"optional":true}`)
		require.NoError(t, err, "an optional one may fail")
		require.Contains(t, harness.Log.Text(), "warn: The notification was not sent: ")
		require.Empty(t, harness.Ledger.All())
	}
	plan, err := send.Plan(t.Context(), actiontest.NewHarness(t).Call(`{"recipients":"broadcast","title":"T"}`))
	require.NoError(t, err)
	require.Equal(t, "send the notification T to everybody", plan.Summary)
}
