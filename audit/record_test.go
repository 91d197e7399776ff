package audit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/internal/testkit"
)

var ada = audit.Actor{Kind: "user", Subject: "user:default/ada"}

func find(t *testing.T, pool *pgxpool.Pool, query audit.Query) []audit.Event {
	t.Helper()
	events, err := audit.Find(t.Context(), pool, query)
	require.NoError(t, err)
	return events
}

func TestAnEventIsStoredExactlyIfItsChangeIs(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	ctx := audit.WithOrigin(t.Context(), audit.Origin{Address: "192.0.2.7", RequestID: "r1"})
	undone := errors.New("undone")
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		require.NoError(t, audit.Record(ctx, tx, ada, audit.EntityDelete, "component:default/lost"))
		return undone
	})
	require.ErrorIs(t, err, undone)
	require.Empty(t, find(t, pool, audit.Query{}))

	before := time.Now()
	require.NoError(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		return audit.Record(ctx, tx, ada, audit.LocationUpdate, "location:1", audit.Changed("target", "a", "b"), audit.Secret("token"))
	}))
	events := find(t, pool, audit.Query{})
	require.Len(t, events, 1)
	stored := events[0]
	require.WithinRange(t, stored.At, before.Add(-time.Second), time.Now().Add(time.Second))
	require.Equal(t, audit.Event{ID: stored.ID, At: stored.At, Actor: ada, Action: audit.LocationUpdate, Resource: "location:1", Outcome: audit.Done,
		Changes: []audit.Change{{Field: "target", Old: "a", New: "b"}, {Field: "token", Secret: true}}, Address: "192.0.2.7", RequestID: "r1"}, stored)
}

func TestWhoActsForAUserIsTheActor(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	attempts := audit.NewAttempts(pool, slog.New(slog.DiscardHandler))
	throughPlugin := ada
	throughPlugin.Via = "plugin:search"
	for name, test := range map[string]struct {
		by         audit.Actor
		run        string
		actor      audit.Actor
		onBehalfOf string
	}{
		"herself":                     {ada, "", ada, ""},
		"a run":                       {ada, "4711", audit.Actor{Kind: "system", Subject: "run:4711"}, ada.Subject},
		"a plugin of a Backstage":     {throughPlugin, "", audit.Actor{Kind: "service", Subject: "plugin:search"}, ada.Subject},
		"a run that a plugin started": {throughPlugin, "4711", audit.Actor{Kind: "system", Subject: "run:4711"}, ada.Subject},
	} {
		ctx := audit.WithOrigin(t.Context(), audit.Origin{Run: test.run})
		require.NoError(t, audit.Record(ctx, pool, test.by, audit.LocationCreate, name))
		attempts.Record(ctx, test.by, audit.LocationDelete, name, audit.Denied, "may not", audit.Changed("target", nil, "x"))
		stored := find(t, pool, audit.Query{Who: ada.Subject, Resource: name})
		require.Len(t, stored, 2, name)
		for _, event := range stored {
			require.Equal(t, test.actor, event.Actor, name)
			require.Equal(t, test.onBehalfOf, event.OnBehalfOf, name)
		}
		require.Equal(t, []audit.Change{{Field: "target", New: "x"}}, stored[0].Changes, "of an attempt too")
	}
}

func TestTextsAreBounded(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	long := strings.Repeat("x\x00\xff", 10_000)
	require.NoError(t, audit.Record(t.Context(), pool, audit.Actor{Kind: "user", Subject: long}, audit.EntityDelete, long,
		audit.Changed("description", long, long), audit.Secret("token")))
	stored := find(t, pool, audit.Query{})[0]
	require.Less(t, len(stored.Resource), 2000)
	require.Less(t, len(stored.Actor.Subject), 2000)
	require.Equal(t, []audit.Change{{Field: "description", New: "(too long for the audit log)"}, {Field: "token", Secret: true}}, stored.Changes)
}

func TestRefusedAttemptsOfAnActorAreBounded(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	attempts := audit.NewAttempts(pool, slog.New(slog.DiscardHandler))
	gone, cancel := context.WithCancel(t.Context())
	cancel() // a caller who left is recorded too
	for range 200 {
		attempts.Record(gone, ada, audit.EntityDelete, "component:default/shop", audit.Denied, "may not")
	}
	bob := audit.Actor{Kind: "user", Subject: "user:default/bob"}
	attempts.Record(gone, bob, audit.RunRetry, "run:1", audit.Failed, "ConflictError")

	events := find(t, pool, audit.Query{Who: ada.Subject, Limit: 1000})
	require.GreaterOrEqual(t, len(events), 60)
	require.LessOrEqual(t, len(events), 121, "a minute may have ended meanwhile")
	require.Equal(t, audit.Denied, events[0].Outcome)
	of := find(t, pool, audit.Query{Who: bob.Subject})
	require.Len(t, of, 1, "others are recorded as before")
	require.Equal(t, audit.Failed, of[0].Outcome)
	require.Equal(t, "ConflictError", of[0].Reason)

	var none *audit.Attempts
	none.Record(t.Context(), ada, audit.EntityDelete, "", audit.Denied, "")
}

func TestAnAttemptThatCannotBeRecordedIsLogged(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	pool := testkit.Database(t)
	pool.Close()
	audit.NewAttempts(pool, slog.New(slog.NewTextHandler(&log, nil))).
		Record(t.Context(), ada, audit.EntityDelete, "component:default/shop", audit.Denied, "may not")
	require.Contains(t, log.String(), "component:default/shop")
}

func TestTheLogIsAppendOnly(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	require.NoError(t, audit.Record(t.Context(), pool, ada, audit.EntityDelete, "component:default/shop"))
	_, err := audit.NewLog(pool, quiet).Seal(t.Context())
	require.NoError(t, err)
	for _, statement := range []string{
		"update audit_events set actor = 'user:default/bob'", "delete from audit_events", "truncate audit_events",
		"update audit_seals set previous = ''", "delete from audit_seals", "truncate audit_seals",
	} {
		_, err := pool.Exec(t.Context(), statement)
		require.ErrorContains(t, err, "append-only", statement)
	}
	require.Len(t, find(t, pool, audit.Query{}), 1)
}

// TestVeryManyActorsAreBoundedTogether: nobody has more attempts recorded by having more names.
func TestVeryManyActorsAreBoundedTogether(t *testing.T) {
	t.Parallel()
	const actors, apart, perMinute = 10_400, 10_000, 60
	pool := testkit.Database(t)
	pool.Close()
	var lines counter
	attempts := audit.NewAttempts(pool, slog.New(slog.NewTextHandler(&lines, nil)))
	for n := range actors {
		attempts.Record(t.Context(), audit.Actor{Kind: "user", Subject: fmt.Sprint("user:default/", n)}, audit.Access, "", audit.Denied, "may not")
	}
	require.LessOrEqual(t, int(lines), apart+2*perMinute, "a minute may have ended meanwhile")
	require.GreaterOrEqual(t, int(lines), apart+perMinute)
}

// counter counts the lines of a log.
type counter int

// Write implements io.Writer.
func (c *counter) Write(line []byte) (int, error) {
	*c++
	return len(line), nil
}
