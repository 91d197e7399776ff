package idempotency_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/idempotency"
	"github.com/portico-dev/portico/internal/testkit"
)

var (
	first  = idempotency.Request{Principal: "user ada", Key: "k1", Content: []byte("POST /tasks {}")}
	answer = idempotency.Answer{Status: 201, ContentType: "application/json", Body: []byte(`{"id":"1"}`)}
)

func TestTheResponseIsStored(t *testing.T) {
	t.Parallel()
	keys := idempotency.New(testkit.Database(t), idempotency.Options{})
	attempt, _, err := keys.Begin(t.Context(), first)
	require.NoError(t, err)
	require.NoError(t, attempt.Answer(t.Context(), answer))
	again, kept, err := keys.Begin(t.Context(), first)
	require.NoError(t, err)
	require.Nil(t, again)
	require.Equal(t, answer, *kept)
}

func TestAKeyOfAnotherRequestIsRefused(t *testing.T) {
	t.Parallel()
	keys := idempotency.New(testkit.Database(t), idempotency.Options{})
	attempt, _, err := keys.Begin(t.Context(), first)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		request idempotency.Request
		err     error
	}{
		"another body":      {idempotency.Request{Principal: first.Principal, Key: first.Key, Content: []byte("POST /tasks {1}")}, idempotency.ErrOtherRequest},
		"another principal": {idempotency.Request{Principal: "user bob", Key: first.Key, Content: first.Content}, nil},
		"another key":       {idempotency.Request{Principal: first.Principal, Key: "k2", Content: first.Content}, nil},
	} {
		other, kept, err := keys.Begin(t.Context(), test.request)
		require.ErrorIs(t, err, test.err, name)
		require.Nil(t, kept, name)
		if test.err == nil {
			require.NotEqual(t, attempt.CommandID, other.CommandID, name)
		}
	}
}

func TestARepeatedRequestWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	attempt, _, err := idempotency.New(pool, idempotency.Options{}).Begin(t.Context(), first)
	require.NoError(t, err)
	_, _, err = idempotency.New(pool, idempotency.Options{Wait: time.Nanosecond}).Begin(t.Context(), first)
	require.ErrorIs(t, err, idempotency.ErrUnderWay, "but not for ever")

	answers, failures := make(chan *idempotency.Answer, 1), make(chan error, 1)
	go func() {
		_, kept, err := idempotency.New(pool, idempotency.Options{Wait: time.Minute}).Begin(t.Context(), first)
		answers <- kept
		failures <- err
	}()
	require.NoError(t, attempt.Answer(t.Context(), answer))
	require.Equal(t, answer, *<-answers)
	require.NoError(t, <-failures)
}

// statements counts the claims of a pool's connections, and reports each read.
type statements struct {
	claims atomic.Int64
	reads  chan struct{}
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, query pgx.TraceQueryStartData) context.Context {
	switch {
	case strings.Contains(query.SQL, "name: ClaimIdempotencyKey"):
		s.claims.Add(1)
	case strings.Contains(query.SQL, "name: IdempotencyKey"):
		s.reads <- struct{}{}
	}
	return ctx
}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestARequestThatWaitsWritesNothing until it can claim the key: the first attempt was released, or its row
// was deleted.
func TestARequestThatWaitsWritesNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end    func(ctx context.Context, pool *pgxpool.Pool, attempt *idempotency.Attempt) error
		claims int64
		// again means that the waiting request carries out the command, with the first one's id.
		again bool
	}{
		"the first is answered": {func(ctx context.Context, _ *pgxpool.Pool, attempt *idempotency.Attempt) error {
			return attempt.Answer(ctx, answer)
		}, 1, false},
		"the first is given up": {func(ctx context.Context, _ *pgxpool.Pool, attempt *idempotency.Attempt) error {
			return attempt.Release(ctx)
		}, 2, true},
		"the first died": {func(ctx context.Context, pool *pgxpool.Pool, _ *idempotency.Attempt) error {
			_, err := pool.Exec(ctx, "update idempotency_keys set leased_until = clock_timestamp() - interval '1 second'")
			return err
		}, 2, true},
		"the row was deleted": {func(ctx context.Context, pool *pgxpool.Pool, _ *idempotency.Attempt) error {
			_, err := pool.Exec(ctx, "delete from idempotency_keys")
			return err
		}, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := testkit.Database(t)
			attempt, _, err := idempotency.New(pool, idempotency.Options{}).Begin(t.Context(), first)
			require.NoError(t, err)
			seen := &statements{reads: make(chan struct{}, 1000)}
			configured := pool.Config()
			configured.ConnConfig.Tracer = seen
			traced, err := pgxpool.NewWithConfig(t.Context(), configured)
			require.NoError(t, err)
			t.Cleanup(traced.Close)

			type outcome struct {
				attempt *idempotency.Attempt
				kept    *idempotency.Answer
				err     error
			}
			ended := make(chan outcome, 1)
			go func() {
				attempt, kept, err := idempotency.New(traced, idempotency.Options{Wait: time.Minute}).Begin(t.Context(), first)
				ended <- outcome{attempt, kept, err}
			}()
			for range 3 {
				<-seen.reads
			}
			require.EqualValues(t, 1, seen.claims.Load())
			require.NoError(t, test.end(t.Context(), pool, attempt))
			end := <-ended
			require.NoError(t, end.err)
			require.Equal(t, test.claims, seen.claims.Load())
			require.Equal(t, test.claims == 1, end.kept != nil)
			if test.again {
				require.Equal(t, attempt.CommandID, end.attempt.CommandID)
			}
		})
	}
}

// TestACommandOfADeadProcessIsTakenOver with the same id, so that what the first attempt created is found.
func TestACommandOfADeadProcessIsTakenOver(t *testing.T) {
	t.Parallel()
	keys := idempotency.New(testkit.Database(t), idempotency.Options{Lease: time.Nanosecond})
	dead, _, err := keys.Begin(t.Context(), first)
	require.NoError(t, err)
	next, _, err := keys.Begin(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, dead.CommandID, next.CommandID)

	require.NoError(t, dead.Answer(t.Context(), idempotency.Answer{Status: 500}))
	require.NoError(t, next.Answer(t.Context(), answer))
	_, kept, err := keys.Begin(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, answer, *kept, "an attempt that was considered dead changes nothing")
}

func TestAReleasedCommandIsClaimedAtOnce(t *testing.T) {
	t.Parallel()
	keys := idempotency.New(testkit.Database(t), idempotency.Options{})
	attempt, _, err := keys.Begin(t.Context(), first)
	require.NoError(t, err)
	require.NoError(t, attempt.Release(t.Context()))
	next, _, err := keys.Begin(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, attempt.CommandID, next.CommandID)
}

func TestOldKeysAreDeleted(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	keys := idempotency.New(pool, idempotency.Options{})
	old, _, err := keys.Begin(t.Context(), first)
	require.NoError(t, err)
	require.NoError(t, old.Answer(t.Context(), answer))
	_, err = pool.Exec(t.Context(), "update idempotency_keys set created_at = now() - interval '25 hours'")
	require.NoError(t, err)
	young := idempotency.Request{Principal: first.Principal, Key: "k2"}
	_, _, err = keys.Begin(t.Context(), young)
	require.NoError(t, err)

	more, err := keys.DeleteOld(t.Context())
	require.NoError(t, err)
	require.False(t, more)
	next, _, err := keys.Begin(t.Context(), first)
	require.NoError(t, err)
	require.NotEqual(t, old.CommandID, next.CommandID, "the key is free again")
	var kept int
	require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from idempotency_keys").Scan(&kept))
	require.Equal(t, 2, kept)
}
