package db_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/internal/testkit"
)

func TestAListenerWakesFollowers(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	listener := db.NewListener(pool, "news", slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	first, stopFirst := listener.Follow("a")
	second, stopSecond := listener.Follow("a")
	other, stopOther := listener.Follow("b")
	ended := make(chan error, 1)
	go func() { ended <- listener.Run(ctx) }()
	for _, wake := range []<-chan struct{}{first, second, other} {
		requireWake(t, wake, "everybody looks once when the listening begins")
	}
	tell := func(topic string) {
		_, err := pool.Exec(t.Context(), "select pg_notify('news', $1)", topic)
		require.NoError(t, err)
	}
	tell("a")
	requireWake(t, first, "both follow the topic")
	requireWake(t, second, "both follow the topic")
	require.Empty(t, other)

	stopFirst()
	tell("a")
	requireWake(t, second, "the other one left")
	require.Empty(t, first)

	// A lost connection may have lost a notification: every follower is woken once.
	_, err := pool.Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query = 'listen news'")
	require.NoError(t, err)
	requireWake(t, second, "after the connection was lost")
	requireWake(t, other, "after the connection was lost")
	tell("b")
	requireWake(t, other, "it listens again")

	stopSecond()
	stopOther()
	cancel()
	require.NoError(t, <-ended)
}

func requireWake(t *testing.T, wake <-chan struct{}, why string) {
	t.Helper()
	select {
	case <-wake:
	case <-time.After(time.Minute):
		require.Fail(t, "not woken", why)
	}
}
