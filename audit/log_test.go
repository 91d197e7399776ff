package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/internal/testkit"
)

// quiet logs nothing.
var quiet = slog.New(slog.DiscardHandler)

// sealed is a log with three seals of some events each.
func sealed(t *testing.T) (*pgxpool.Pool, *audit.Log) {
	t.Helper()
	pool := testkit.Database(t)
	log := audit.NewLog(pool, quiet)
	for seal := range 3 {
		for n := range 4 {
			require.NoError(t, audit.Record(t.Context(), pool, ada, audit.LocationUpdate, fmt.Sprintf("%d.%d", seal, n), audit.Changed("target", "<a&b>", 12345678901234567)))
		}
		sealAll(t, log)
	}
	return pool, log
}

func sealAll(t *testing.T, log *audit.Log) {
	t.Helper()
	for more := true; more; {
		var err error
		more, err = log.Seal(t.Context())
		require.NoError(t, err)
	}
}

// tamper changes the log as somebody does who owns the tables.
func tamper(t *testing.T, pool *pgxpool.Pool, statement string) {
	t.Helper()
	for _, each := range []string{"alter table audit_events disable trigger user", "alter table audit_seals disable trigger user", statement} {
		_, err := pool.Exec(t.Context(), each)
		require.NoError(t, err, each)
	}
}

// unhex is a hash that a report shows.
func unhex(t *testing.T, digits string) []byte {
	t.Helper()
	hash, err := hex.DecodeString(digits)
	require.NoError(t, err)
	return hash
}

func TestAWholeChainIsVerified(t *testing.T) {
	t.Parallel()
	pool, log := sealed(t)
	report, err := log.Verify(t.Context(), audit.Check{})
	require.NoError(t, err)
	require.Nil(t, report.Break)
	require.Equal(t, []int{3, 12, 1}, []int{report.Seals, report.Events, int(report.FirstSeal)})

	require.NoError(t, audit.Record(t.Context(), pool, ada, audit.EntityDelete, "not sealed yet"))
	again, err := log.Verify(t.Context(), audit.Check{Head: unhex(t, report.Head)})
	require.NoError(t, err)
	require.Equal(t, report, again)

	sealAll(t, log)
	later, err := log.Verify(t.Context(), audit.Check{Head: unhex(t, report.Head)})
	require.NoError(t, err)
	require.Nil(t, later.Break)
	require.Equal(t, 13, later.Events)
	require.NotEqual(t, report.Head, later.Head)

	tail, err := log.Verify(t.Context(), audit.Check{Span: audit.Span{Since: later.To}})
	require.NoError(t, err)
	require.Nil(t, tail.Break)
	require.Equal(t, 1, tail.Seals)
	none, err := log.Verify(t.Context(), audit.Check{Span: audit.Span{Since: time.Now().Add(24 * time.Hour)}})
	require.NoError(t, err)
	require.Equal(t, audit.Report{}, none)
}

func TestAChangedChainIsFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ statement, found string }{
		"an event was changed":    {"update audit_events set actor = 'user:default/bob' where resource = '1.2'", "of seal 2 was changed"},
		"a field was changed":     {`update audit_events set changes = replace(changes::text, '12345678901234567', '12345678901234568')::json where resource = '1.2'`, "of seal 2 was changed"},
		"an event was deleted":    {"delete from audit_events where resource = '1.2'", "of seal 2 was deleted"},
		"an event was added":      {"insert into audit_events (id, at, actor_kind, actor, action, resource, outcome) values (gen_random_uuid(), now(), 'user', 'a', 'b', 'c', 'done')", "was never sealed: somebody added it without Portico, or removed its seal"},
		"a seal was deleted":      {"delete from audit_seals where number = 2", "seal 3 follows seal 1: those between were deleted"},
		"the first seal was lost": {"with gone as (delete from audit_seals where number = 1) update audit_seals set number = number - 1", "seal 1 does not begin the chain"},
		"the order was changed":   {"update audit_seals set event_ids = array[event_ids[2], event_ids[1], event_ids[3], event_ids[4]] where number = 2", "of seal 2 was changed"},
		"a hash was changed":      {"update audit_seals set hashes[4] = hashes[3] where number = 1", "of seal 1 was changed"},
		"a link was changed":      {`update audit_seals set previous = '\x00' where number = 3`, "seal 3 does not continue seal 2"},
		"a seal was emptied":      {"update audit_seals set event_ids = '{}', hashes = '{}' where number = 2", "seal 2 has not one hash for each event"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, log := sealed(t)
			tamper(t, pool, test.statement)
			report, err := log.Verify(t.Context(), audit.Check{})
			require.NoError(t, err)
			require.NotNil(t, report.Break)
			require.Contains(t, report.Break.String(), test.found)
		})
	}
}

// TestARemovedEndIsFoundWithTheHashFromBefore: without it, a shorter chain looks whole.
func TestARemovedEndIsFoundWithTheHashFromBefore(t *testing.T) {
	t.Parallel()
	pool, log := sealed(t)
	before, err := log.Verify(t.Context(), audit.Check{})
	require.NoError(t, err)
	tamper(t, pool, "with gone as (delete from audit_seals where number = 3) delete from audit_events where resource like '2.%'")
	report, err := log.Verify(t.Context(), audit.Check{})
	require.NoError(t, err)
	require.Nil(t, report.Break)
	report, err = log.Verify(t.Context(), audit.Check{Head: unhex(t, before.Head)})
	require.NoError(t, err)
	require.Contains(t, report.Break.String(), "does not contain the hash "+before.Head)
}

// TestEventsAreSealedOnceInTheOrderOfCommits: also one whose transaction commits after a younger one was
// sealed, and with several processes that seal.
func TestEventsAreSealedOnceInTheOrderOfCommits(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	log := audit.NewLog(pool, quiet)
	slow, err := pool.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, audit.Record(t.Context(), slow, ada, audit.EntityDelete, "slow"))
	require.NoError(t, audit.Record(t.Context(), pool, ada, audit.EntityDelete, "quick"))
	sealAll(t, log)
	require.NoError(t, slow.Commit(t.Context()))
	sealAll(t, log)
	require.Equal(t, []string{"quick", "slow"}, exported(t, log))

	const writers, each = 4, 300
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				if audit.Record(t.Context(), pool, ada, audit.EntityDelete, "many") != nil {
					return
				}
			}
		})
		group.Go(func() {
			for range each {
				if _, err := log.Seal(t.Context()); err != nil {
					return
				}
			}
		})
	}
	group.Wait()
	sealAll(t, log)
	report, err := log.Verify(t.Context(), audit.Check{})
	require.NoError(t, err)
	require.Nil(t, report.Break)
	require.Equal(t, writers*each+2, report.Events)
}

// exported are the resources of an export, whose hashes are computed again as the documentation says.
func exported(t *testing.T, log *audit.Log) []string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, log.Export(t.Context(), audit.Span{}, &out))
	var resources []string
	var previous [sha256.Size]byte
	for line := range strings.Lines(out.String()) {
		var event struct{ Resource, Hash string }
		require.NoError(t, json.Unmarshal([]byte(line), &event))
		document, _, isHashed := strings.Cut(line, `,"hash":"`)
		require.True(t, isHashed)
		hash := sha256.Sum256(slices.Concat(previous[:], []byte(document+"}")))
		require.Equal(t, hex.EncodeToString(hash[:]), event.Hash)
		previous, resources = hash, append(resources, event.Resource)
	}
	return resources
}

func TestAnExportIsTheWholeChain(t *testing.T) {
	t.Parallel()
	pool, log := sealed(t)
	require.Len(t, exported(t, log), 12)
	tamper(t, pool, "delete from audit_events where resource = '1.2'")
	err := log.Export(t.Context(), audit.Span{}, &bytes.Buffer{})
	require.ErrorContains(t, err, "seal 2 of "+time.Now().UTC().Format(time.DateOnly)+" lacks the events")
	require.ErrorContains(t, err, "run portico audit verify", "a part is not passed off as the whole")
}

// TestAMalformedSealIsABrokenChain: whatever somebody wrote into the row of a seal, everything that reads it says so or
// goes on.
func TestAMalformedSealIsABrokenChain(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"no hashes":               "hashes = '{}'",
		"too few hashes":          "hashes = hashes[1:2]",
		"too many hashes":         "hashes = hashes || hashes",
		"no events":               "event_ids = '{}'",
		"nothing":                 "event_ids = '{}', hashes = '{}'",
		"a hash is null":          "hashes[4] = null",
		"a hash is short":         `hashes[4] = '\x00'`,
		"hashes in two rows":      `hashes = array[array['\x01'::bytea], array['\x02'::bytea]]`,
		"events in several rows":  "event_ids = array[array[event_ids[1]], array[event_ids[2]], array[event_ids[3]]]",
		"a null among the events": "event_ids = event_ids || array[null::uuid]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, log := sealed(t)
			tamper(t, pool, "update audit_seals set sealed_at = '2026-01-31T12:00:00Z', "+change+" where number = 3")
			const found = "seal 3 of 2026-01-31 has not one hash for each event"
			report, err := log.Verify(t.Context(), audit.Check{})
			require.NoError(t, err)
			require.Equal(t, "seal 3 has not one hash for each event", report.Break.String())
			require.ErrorContains(t, log.Export(t.Context(), audit.Span{}, &bytes.Buffer{}), found)
			batch, isThere, err := log.Next(t.Context(), audit.Position{Seal: 2}, math.MaxInt)
			require.NoError(t, err)
			require.True(t, isThere)
			require.ErrorContains(t, batch.Broken, found)
			require.Empty(t, batch.Lines)

			require.NoError(t, audit.Record(t.Context(), pool, ada, audit.EntityDelete, "after"))
			sealAll(t, log)
			batch, isThere, err = log.Next(t.Context(), batch.End, math.MaxInt)
			require.NoError(t, err)
			require.True(t, isThere)
			require.NoError(t, batch.Broken)
			require.Contains(t, string(batch.Lines), `"resource":"after"`)
			_, err = log.DeleteBefore(t.Context(), time.Now().Add(time.Hour))
			require.NoError(t, err)
			require.Len(t, find(t, pool, audit.Query{Resource: "after"}), 1)
		})
	}
}

// TestEventsThatAreLostBeforeTheirSealAreLogged: they neither stop the sealing nor make an empty seal.
func TestEventsThatAreLostBeforeTheirSealAreLogged(t *testing.T) {
	t.Parallel()
	var logged strings.Builder
	pool := testkit.Database(t)
	log := audit.NewLog(pool, slog.New(slog.NewTextHandler(&logged, nil)))
	lose := func(resources ...string) {
		for _, resource := range resources {
			require.NoError(t, audit.Record(t.Context(), pool, ada, audit.EntityDelete, resource))
		}
		lost := find(t, pool, audit.Query{Resource: "lost"})[0].ID
		tamper(t, pool, "delete from audit_events where resource = 'lost'")
		sealAll(t, log)
		require.Contains(t, logged.String(), lost.String())
	}
	lose("lost")
	require.Empty(t, exported(t, log))
	lose("kept", "lost")
	require.Equal(t, []string{"kept"}, exported(t, log))
	report, err := log.Verify(t.Context(), audit.Check{})
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{report.Seals, report.Events})
	require.True(t, report.IsWhole())
}

// TestEventsThatAreNotSealedAreMeasured: if no worker seals them, nothing else tells.
func TestEventsThatAreNotSealedAreMeasured(t *testing.T) {
	t.Parallel()
	pool, log := sealed(t)
	age := func() float64 {
		samples, err := log.Unsealed(t.Context())
		require.NoError(t, err)
		return samples[0].Value
	}
	require.Zero(t, age())
	for range 2 {
		require.NoError(t, audit.Record(t.Context(), pool, ada, audit.EntityDelete, "waiting"))
		tamper(t, pool, "update audit_events set at = at - interval '10 minutes' where resource = 'waiting'")
	}
	require.InDelta(t, 1200, age(), 60)
	sealAll(t, log)
	require.Zero(t, age())
}

// TestEverySealIsInOneDay: the seals of two days are those of the whole, also when a clock was set back at
// midnight.
func TestEverySealIsInOneDay(t *testing.T) {
	t.Parallel()
	pool, log := sealed(t)
	midnight := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	for number, at := range map[int]time.Time{1: midnight.Add(time.Second), 2: midnight.Add(-time.Second), 3: midnight.Add(2 * time.Second)} {
		tamper(t, pool, fmt.Sprintf("update audit_seals set sealed_at = '%s' where number = %d", at.Format(time.RFC3339), number))
	}
	verify := func(span audit.Span) audit.Report {
		report, err := log.Verify(t.Context(), audit.Check{Span: span})
		require.NoError(t, err)
		require.True(t, report.IsWhole(), report.Break)
		return report
	}
	whole, before, day := verify(audit.Span{}), verify(audit.Day(midnight.AddDate(0, 0, -1))), verify(audit.Day(midnight))
	require.Equal(t, 3, before.Seals+day.Seals)
	require.Equal(t, 3, day.Seals, "the first seal of the day was at the day's beginning or later")
	require.Equal(t, whole.Head, day.Head)
}
