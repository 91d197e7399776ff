package processing_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/internal/testkit/plantest"
)

const (
	// manyEntities is the size of a catalog in which a sequential scan is noticeably slow.
	manyEntities = 100_000
	// atOnce is the number of entities in a batch.
	atOnce = 500
)

// backlog is a large catalog in the middle of its work: half of it is due, some is urgent, stitches are requested,
// and two sources are swept, a large and a small one.
const backlog = `
update catalog_states set next_update_at = now() - interval '1 hour' where substr(entity_id::text, 1, 1) < '8';
update catalog_states set urgent_since = now(), next_update_at = now() - interval '1 minute' where entity_ref like 'group:default/group-%99';
insert into catalog_stitches (entity_ref) select entity_ref from catalog_states where substr(entity_id::text, 2, 1) < '8';
insert into catalog_reads (entity_id, url, repository)
select entity_id, 'https://github.com/acme/repository-' || n / 4 || '/file-' || n || '.yaml', 'github.com/acme/repository-' || n / 4
from (select entity_id, row_number() over (order by entity_ref) as n from catalog_states) numbered;
insert into catalog_sources (name, kind, place, every_seconds, cron, timeout_seconds, first_at)
select name, 'github', name, 60, '', 60, now() from (values ('large'), ('small')) as sources (name);
insert into catalog_sweeps (id, source, state, cause)
values ('00000000-0000-4000-8000-000000000001', 'large', 'complete', 'schedule'), ('00000000-0000-4000-8000-000000000002', 'small', 'complete', 'schedule');
insert into catalog_references (source_key, target_ref) select 'large', entity_ref from catalog_states where entity_ref like 'component:%' or entity_ref like 'api:%';
insert into catalog_references (source_key, target_ref) select 'small', entity_ref from catalog_states where entity_ref like 'user:default/user-%99';
insert into catalog_sweep_entities (sweep_id, entity_ref, location_key, hash)
select case when r.source_key = 'large' then '00000000-0000-4000-8000-000000000001' else '00000000-0000-4000-8000-000000000002' end::uuid,
    s.entity_ref, s.location_key, s.unprocessed_hash
from catalog_references r join catalog_states s on s.entity_ref = r.target_ref where r.source_key in ('large', 'small');
`

func TestPlansTouchFewRows(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("fills large tables")
	}
	pool := testkit.Database(t)
	catalogtest.Fill(t, pool, manyEntities)
	_, err := pool.Exec(t.Context(), backlog)
	require.NoError(t, err)
	testkit.Vacuum(t, pool, "catalog_states", "catalog_stitches", "catalog_reads", "catalog_references", "catalog_sweep_entities")

	queries, engine := db.New(), uuid.New()
	ids, refs := components(t, pool)
	ctx := t.Context()
	// How many rows a batch may touch: a dozen for each of its entities.
	const few, batch = 100, 12 * atOnce
	cases := map[string]struct {
		do   func(tx db.DBTX)
		most int
	}{
		"a claim of what is due":    {func(tx db.DBTX) { _, _ = queries.CatalogClaimDue(ctx, tx, engine, 8, atOnce) }, batch},
		"a claim of what is urgent": {func(tx db.DBTX) { _, _ = queries.CatalogClaimUrgent(ctx, tx, engine, 8, atOnce) }, batch},
		"locks of a batch":          {func(tx db.DBTX) { _, _ = queries.CatalogLockStates(ctx, tx, refs) }, batch},
		"what is known of a batch": {func(tx db.DBTX) {
			none := make([]string, len(refs))
			_, _ = queries.CatalogUpsertStates(ctx, tx, db.CatalogUpsertStatesParams{Ids: ids, Refs: refs, LocationKeys: none, Documents: jsonTexts(atOnce), Hashes: none,
				Lines: make([]int32, len(refs)), AskedBy: none, Processed: none, ResultHashes: none, DueIn: make([]float64, len(refs))})
		}, batch},
		"children that are gone": {func(tx db.DBTX) {
			_, _ = queries.CatalogDropChildren(ctx, tx, []string{"location:default/generated-20", "location:default/generated-40"}, refs, refs)
		}, batch},
		"relations that are gone": {func(tx db.DBTX) {
			_, _ = queries.CatalogDropRelations(ctx, tx, db.CatalogDropRelationsParams{Origins: ids, OriginIds: ids, Sources: refs, Types: refs, Targets: refs})
		}, batch},
		"requests of stitches":     {func(tx db.DBTX) { _ = queries.CatalogRequestStitches(ctx, tx, false, refs) }, batch},
		"a take of stitches":       {func(tx db.DBTX) { _, _ = queries.CatalogTakeStitches(ctx, tx, atOnce, 0) }, batch},
		"a take of none of age":    {func(tx db.DBTX) { _, _ = queries.CatalogTakeStitches(ctx, tx, atOnce, 3600) }, few},
		"a take of one":            {func(tx db.DBTX) { _, _ = queries.CatalogTakeStitch(ctx, tx, refs[0]) }, few},
		"what a batch consists of": {func(tx db.DBTX) { _, _ = queries.CatalogStitchInputs(ctx, tx, 60, refs) }, batch},
		"relations of a batch":     {func(tx db.DBTX) { _, _ = queries.CatalogRelationsBySource(ctx, tx, refs) }, batch},
		"conflicts of a batch":     {func(tx db.DBTX) { _, _ = queries.CatalogConflictsByClaimant(ctx, tx, refs) }, batch},
		"failed children":          {func(tx db.DBTX) { _, _ = queries.CatalogFailedChildren(ctx, tx, refs, 20) }, batch},
		"replaced entities":        {func(tx db.DBTX) { _ = queries.CatalogRemoveReplacedEntities(ctx, tx, "orphan:", refs) }, batch},
		"revisions of a batch":     {func(tx db.DBTX) { _ = queries.CatalogKeepRevisions(ctx, tx, 100, ids) }, batch},
		"missing entities":         {func(tx db.DBTX) { _ = queries.CatalogKeepMissing(ctx, tx, refs) }, batch},
		// An entity has 18 search rows, each of which is read, compared and deleted.
		"search rows of a batch": {func(tx db.DBTX) {
			_ = queries.CatalogReplaceSearchRows(ctx, tx, db.CatalogReplaceSearchRowsParams{EntityIds: ids, RowIds: []uuid.UUID{}, Kinds: []string{}, Keys: []string{},
				HasValues: []bool{}, Values: []string{}, Originals: []string{}})
		}, 14 * 18 * atOnce},

		"what was read in a repository": {func(tx db.DBTX) { _, _ = queries.CatalogReadsOf(ctx, tx, []string{"github.com/acme/repository-7"}) }, few},
		"reads that are gone":           {func(tx db.DBTX) { _ = queries.CatalogDropReads(ctx, tx, ids, ids, refs) }, batch},
		"files of a repository":         {func(tx db.DBTX) { _ = queries.CatalogForgetFilesAt(ctx, tx, refs) }, batch},
		"urgent readers":                {func(tx db.DBTX) { _, _ = queries.CatalogMakeUrgent(ctx, tx, "", ids[:10]) }, few},
		"an entity and its locations":   {func(tx db.DBTX) { _, _ = queries.CatalogRefreshAncestors(ctx, tx, "", refs[0]) }, few},

		"a page of a sweep": {func(tx db.DBTX) {
			_, _ = queries.CatalogStageEntities(ctx, tx, db.CatalogStageEntitiesParams{SweepID: uuid.New(), Refs: refs, LocationKeys: refs, Hashes: refs, Documents: jsonTexts(atOnce)})
		}, batch},
		"what a small sweep misses":        {func(tx db.DBTX) { _, _ = queries.CatalogSweepGone(ctx, tx, small, "small") }, batch},
		"what a small sweep brings":        {func(tx db.DBTX) { _, _ = queries.CatalogSweepCome(ctx, tx, "small", small) }, batch},
		"what a small source emits":        {func(tx db.DBTX) { _, _ = queries.CatalogReachable(ctx, tx, "small") }, batch},
		"documents of a sweep":             {func(tx db.DBTX) { _, _ = queries.CatalogStagedDocuments(ctx, tx, large, refs) }, batch},
		"conflicts that a sweep has ended": {func(tx db.DBTX) { _ = queries.CatalogSettleSweepConflicts(ctx, tx, "source:large", large) }, few},
		// A large sweep reads what it brought, what its source emits and the states of those: 60,000 of each.
		"what a large sweep misses": {func(tx db.DBTX) { _, _ = queries.CatalogSweepGone(ctx, tx, large, "large") }, 6 * 60_000},
		"what a large sweep brings": {func(tx db.DBTX) { _, _ = queries.CatalogSweepCome(ctx, tx, "large", large) }, 6 * 60_000},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var found plantest.Plan
			err := processing.Transact(t.Context(), pool, func(tx pgx.Tx) error {
				found = plantest.Of(t, tx, c.do)
				return errUndone
			})
			require.ErrorIs(t, err, errUndone)
			t.Logf("%d rows, %.1f ms", found.Touched(), found.Time)
			require.Empty(t, found.SequentialScans())
			require.LessOrEqual(t, found.Touched(), c.most)
		})
	}
}

var (
	errUndone = errors.New("undone")
	large     = uuid.MustParse("00000000-0000-4000-8000-000000000001")
	small     = uuid.MustParse("00000000-0000-4000-8000-000000000002")
)

// components are the ids and references of a batch.
func components(t *testing.T, pool *pgxpool.Pool) (ids []uuid.UUID, refs []string) {
	t.Helper()
	rows, err := pool.Query(t.Context(), "select entity_id, entity_ref from catalog_states where entity_ref like 'component:%' order by md5(entity_ref) limit $1", atOnce)
	require.NoError(t, err)
	for rows.Next() {
		var id uuid.UUID
		var ref string
		require.NoError(t, rows.Scan(&id, &ref))
		ids, refs = append(ids, id), append(refs, ref)
	}
	require.NoError(t, rows.Err())
	return ids, refs
}

func jsonTexts(count int) []string {
	texts := make([]string, count)
	for i := range texts {
		texts[i] = fmt.Sprintf(`{"n":%d}`, i)
	}
	return texts
}

// Statements are planned for the tables as they are, however small these were when a connection first executed them.
func TestPlansFollowTheSizeOfTables(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	queries := db.New()
	take := func(tx pgx.Tx) int {
		taken, err := queries.CatalogTakeStitches(t.Context(), tx, 10, 0)
		require.NoError(t, err)
		return len(taken)
	}
	for range 10 {
		require.NoError(t, processing.Transact(t.Context(), pool, func(tx pgx.Tx) error { take(tx); return nil }))
	}
	_, err := pool.Exec(t.Context(), "insert into catalog_stitches (entity_ref) select 'component:default/component-' || n from generate_series(1, 50000) n")
	require.NoError(t, err)
	var before, after int64
	read := "select coalesce(sum(seq_tup_read), 0)::bigint from pg_stat_xact_user_tables where relname = 'catalog_stitches'"
	require.NoError(t, processing.Transact(t.Context(), pool, func(tx pgx.Tx) error {
		require.NoError(t, tx.QueryRow(t.Context(), read).Scan(&before))
		require.Equal(t, 10, take(tx))
		return tx.QueryRow(t.Context(), read).Scan(&after)
	}))
	require.Equal(t, before, after, "rows that were read from end to end")
}
