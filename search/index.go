package search

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/db"
)

const (
	// batchSize is the number of entities whose documents are written in one transaction.
	batchSize = 500
	// pollPeriod is the time after which an idle Index looks for changes.
	pollPeriod = 200 * time.Millisecond
	// manyStitches is the number of entities waiting to be served that makes an import, and importWait the time for which the
	// index lets it have all of the machine.
	manyStitches = 1000
	importWait   = 30 * time.Second
	// writeTimeout bounds one transaction.
	writeTimeout = time.Minute
	// format begins made_with. Increase it when the same entity has another document: all are made anew.
	format = 2
)

// DefaultLanguage is that of Backstage's index.
const DefaultLanguage = "english"

// IndexOptions are the settings of an Index.
type IndexOptions struct {
	// Language is a configuration of PostgreSQL's full-text search, such as english or simple. Empty is DefaultLanguage.
	Language string
	// Places are the addresses of documents. Empty ones are DefaultPlaces.
	Places Places
}

func (o IndexOptions) complete() IndexOptions {
	if o.Language == "" {
		o.Language = DefaultLanguage
	}
	if o.Places.Catalog == "" {
		o.Places.Catalog = DefaultPlaces.Catalog
	}
	if o.Places.Docs == "" {
		o.Places.Docs = DefaultPlaces.Docs
	}
	return o
}

// madeWith identifies everything besides an entity that its document depends on.
func (o IndexOptions) madeWith() string {
	return fmt.Sprintf("%d %s %s %s", format, o.Language, o.Places.Catalog, o.Places.Docs)
}

// Index writes documents. It is safe for concurrent use.
type Index struct {
	pool    *pgxpool.Pool
	queries *db.Queries
	log     *slog.Logger
	options IndexOptions
}

// NewIndex makes an Index in the database of pool.
func NewIndex(pool *pgxpool.Pool, log *slog.Logger, options IndexOptions) *Index {
	return &Index{pool: pool, queries: db.New(), log: log, options: options.complete()}
}

// Run writes documents of entities whenever these change, until the context ends. Any number of processes may run it: one of them
// works at a time. It waits while an import serves its entities, and while there is much to do, as after one or in a rebuild, it leaves half
// of the time to others.
func (x *Index) Run(ctx context.Context) error {
	var seen imports
	for ctx.Err() == nil {
		begun, pause := time.Now(), pollPeriod
		waits, err := seen.goFirst(ctx, x, begun)
		if err == nil && !waits {
			var done int
			var isMore bool
			if done, err = x.CatchUp(ctx); err == nil {
				isMore, err = x.RebuildNext(ctx)
			}
			if done == batchSize || isMore {
				pause = min(time.Since(begun), time.Second)
			}
		}
		if err != nil && ctx.Err() == nil {
			x.log.WarnContext(ctx, "search: could not bring the index up to date; this is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

// imports are those that an Index has seen. Its zero value is ready.
type imports struct {
	// since is when the one that goes on was first seen, zero without one.
	since time.Time
}

// goFirst reports whether an import goes on before which the index need not be brought up to date.
func (i *imports) goFirst(ctx context.Context, x *Index, now time.Time) (bool, error) {
	busy, err := x.queries.SearchIsImporting(ctx, x.pool, manyStitches)
	switch {
	case err != nil:
		return false, fmt.Errorf("look whether there is an import: %w", err)
	case !busy:
		i.since = time.Time{}
	case i.since.IsZero():
		i.since = now
	}
	return busy && now.Sub(i.since) < importWait, nil
}

// CatchUp writes the documents of the entities that changed first, and returns how many changes that were: fewer than before when there
// is nothing more to do, and none while another process is at it. If the documents were made with other settings, or by another release,
// all are made again from now on.
func (x *Index) CatchUp(ctx context.Context) (changes int, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	var ids []uuid.UUID
	err = x.write(ctx, func(tx pgx.Tx) error {
		if locked, err := x.queries.SearchLockIndexer(ctx, tx); err != nil || !locked {
			return err
		}
		if err := x.requestAllIfOutdated(ctx, tx); err != nil {
			return err
		}
		if ids, err = x.queries.SearchTakeChanges(ctx, tx, batchSize); err != nil {
			return fmt.Errorf("take changes: %w", err)
		}
		if changes = len(ids); changes == 0 {
			return nil
		}
		if err := x.saveOneByOneIfRefused(ctx, tx, unique(ids)); err != nil {
			return err
		}
		if err := x.queries.SearchMergeWords(ctx, tx); err != nil {
			return fmt.Errorf("merge the words of a batch into their indexes: %w", err)
		}
		return nil
	})
	return changes, err
}

// write runs work in a transaction whose statements are planned for what they are given: the tables grow while connections live.
func (x *Index) write(ctx context.Context, work func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, x.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)"); err != nil {
			return fmt.Errorf("have statements planned for their parameters: %w", err)
		}
		return work(tx)
	})
}

func (x *Index) requestAllIfOutdated(ctx context.Context, tx pgx.Tx) error {
	made, err := x.queries.SearchMadeWith(ctx, tx)
	if err != nil || made == x.options.madeWith() {
		return err
	}
	requested, err := x.queries.SearchRequestAll(ctx, tx)
	if err != nil {
		return fmt.Errorf("request all documents: %w", err)
	}
	x.log.InfoContext(ctx, "search: the documents of all entities are made anew", "entities", requested, "with", x.options.madeWith())
	return x.queries.SearchSetMadeWith(ctx, tx, x.options.madeWith())
}

// saveOneByOneIfRefused writes the documents of entities. One that the database refuses does not keep the others from being found.
func (x *Index) saveOneByOneIfRefused(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return x.save(ctx, tx, ids) })
	if err == nil || !db.Refused(err) {
		return err
	}
	if len(ids) == 1 {
		x.log.WarnContext(ctx, "search: an entity cannot be found, because its document is refused", "entity", ids[0], "error", err)
		return nil
	}
	half := len(ids) / 2
	if err := x.saveOneByOneIfRefused(ctx, tx, ids[:half]); err != nil {
		return err
	}
	return x.saveOneByOneIfRefused(ctx, tx, ids[half:])
}

// save writes the documents of entities as they are served now, and deletes those of entities that are not.
func (x *Index) save(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) error {
	stored, err := x.queries.SearchEntitiesByID(ctx, tx, ids)
	if err != nil {
		return fmt.Errorf("read entities: %w", err)
	}
	if len(stored) < len(ids) {
		if err := x.queries.SearchForget(ctx, tx, ids); err != nil {
			return fmt.Errorf("forget what is not served: %w", err)
		}
	}
	var made db.SearchSaveEntitiesParams
	var sites siteList
	var apis []described
	made.Language = x.options.Language
	vocabulary := map[string]bool{}
	for _, one := range stored {
		d, err := describe(one.EntityID, one.EntityRef, one.Entity)
		if err != nil {
			return err
		}
		r, err := d.entityRow(x.options.Places)
		if err != nil {
			return err
		}
		made.EntityIds, made.Refs = append(made.EntityIds, r.entityID), append(made.Refs, r.entityRef)
		made.Names, made.Titles = append(made.Names, r.name), append(made.Titles, r.title)
		made.Documents, made.Rests = append(made.Documents, r.document), append(made.Rests, r.rest)
		made.Headings, made.Tags, made.InnerWords = append(made.Headings, r.heading), append(made.Tags, r.tags), append(made.InnerWords, r.inner)
		made.Facets, made.Digests = append(made.Facets, strings.Join(r.facets, "\n")), append(made.Digests, r.digest())
		note(vocabulary, r.heading, r.tags)
		if strings.EqualFold(d.Kind, "API") {
			apis = append(apis, d)
		}
		if d.hasDocs() {
			sites.ids, sites.refs, sites.abouts = append(sites.ids, d.id), append(sites.refs, d.ref), append(sites.abouts, d.about())
		} else {
			sites.without = append(sites.without, d.id)
		}
	}
	if err := x.noteSites(ctx, tx, sites); err != nil {
		return err
	}
	if err := x.saveOperations(ctx, tx, apis); err != nil {
		return err
	}
	if err := x.queries.SearchSaveEntities(ctx, tx, made); err != nil {
		return fmt.Errorf("write documents of entities: %w", err)
	}
	return x.learn(ctx, tx, vocabulary)
}

// siteList are entities with documentation, as columns, and those without.
type siteList struct {
	ids          []uuid.UUID
	refs, abouts []string
	without      []uuid.UUID
}

func (x *Index) noteSites(ctx context.Context, tx pgx.Tx, sites siteList) error {
	if len(sites.without) > 0 {
		err := x.queries.SearchForgetSections(ctx, tx, sites.without)
		if err == nil {
			err = x.queries.SearchForgetSites(ctx, tx, sites.without)
		}
		if err != nil {
			return fmt.Errorf("forget sites of documentation: %w", err)
		}
	}
	if len(sites.ids) == 0 {
		return nil
	}
	if err := x.queries.SearchNoteSites(ctx, tx, sites.ids, sites.refs, sites.abouts); err != nil {
		return fmt.Errorf("note sites of documentation: %w", err)
	}
	return nil
}

// note adds the words of headings that somebody may type wrongly.
func note(vocabulary map[string]bool, headings ...string) {
	for _, heading := range headings {
		for word := range strings.FieldsSeq(heading) {
			if len(word) >= 3 && len(word) <= 40 && !strings.ContainsAny(word, "0123456789") {
				vocabulary[word] = true
			}
		}
	}
}

func (x *Index) learn(ctx context.Context, tx pgx.Tx, vocabulary map[string]bool) error {
	if len(vocabulary) == 0 {
		return nil
	}
	list := make([]string, 0, len(vocabulary))
	for word := range vocabulary {
		list = append(list, word)
	}
	if err := x.queries.SearchAddWords(ctx, tx, list); err != nil {
		return fmt.Errorf("add to the vocabulary: %w", err)
	}
	return nil
}
