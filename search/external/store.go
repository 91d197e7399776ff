package external

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/plainjson"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/search"
)

const (
	// writeTimeout bounds one push.
	writeTimeout = time.Minute
	// format is part of every digest. Increase it when the same document is stored in another way.
	format = "1"
	// maxGeneration bounds the name of a full push, in bytes.
	maxGeneration = 100
)

// Config is a source of the configuration.
type Config struct {
	search.AboutSource

	// Kind is what its documents are, unless they say it themselves.
	Kind string
	// Pushers are the people, groups and services who may push, among those with the permission. Nil is all of these.
	Pushers []string
	// Retention is how long a document is kept that is not pushed again. 0 is forever.
	Retention time.Duration
	// MaxDocuments bounds the documents of the source.
	MaxDocuments int
}

// Options are the dependencies and settings of a Store.
type Options struct {
	Pool    *pgxpool.Pool
	Decider policy.Decider
	// Language is that of the search. Empty is search.DefaultLanguage.
	Language string
	// Sources take what is pushed.
	Sources []Config
}

// Store keeps documents. It is safe for concurrent use.
type Store struct {
	options Options
	queries *db.Queries
}

// New makes a Store.
func New(options Options) *Store {
	if options.Language == "" {
		options.Language = search.DefaultLanguage
	}
	return &Store{options: options, queries: db.New()}
}

// Push is how documents are pushed.
type Push struct {
	// Generation is the name of a full push, "" for documents that come on top of what is there.
	Generation string
	// IsComplete says that the full push ends with these documents: what was pushed before it began and is no part of it is deleted.
	IsComplete bool
}

// Outcome is what a push did.
type Outcome struct {
	// Received is the sum of Written, Unchanged, and Outdated, of which there was a newer version.
	Received, Written, Unchanged, Outdated int
	// Removed were no part of the full push that was completed.
	Removed int
	// Documents is how many the source has now.
	Documents int
}

// Push stores documents of a source, all or none.
func (s *Store) Push(ctx context.Context, principal identity.Principal, source string, body []byte, push Push) (Outcome, error) {
	config, err := s.pushable(ctx, principal, source)
	if err != nil {
		return Outcome{}, err
	}
	if err := checkPush(push); err != nil {
		return Outcome{}, err
	}
	documents, err := Parse(body)
	if err != nil {
		return Outcome{}, err
	}
	if len(documents) == 0 && !push.IsComplete {
		return Outcome{}, fault.New(fault.Input, "There is no document in the body: send a JSON array, or JSON lines")
	}
	outcome := Outcome{Received: len(documents)}
	err = s.write(ctx, source, func(ctx context.Context, tx pgx.Tx) error {
		begun, repeated, err := s.begin(ctx, tx, source, push, len(documents))
		if err != nil {
			return err
		}
		if err := s.save(ctx, tx, config, documents, push.Generation, &outcome); err != nil {
			return err
		}
		if push.IsComplete && !repeated {
			if err := s.complete(ctx, tx, source, push.Generation, begun, &outcome); err != nil {
				return err
			}
		}
		if err := s.count(ctx, tx, config, &outcome); err != nil {
			return err
		}
		if err := s.queries.SearchNotePush(ctx, tx, source, principal.Subject); err != nil {
			return fmt.Errorf("note the push: %w", err)
		}
		return record(ctx, tx, principal, source, push, outcome)
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("push to %s: %w", source, err)
	}
	return outcome, nil
}

// record notes a push that changed something in the audit log.
func record(ctx context.Context, tx pgx.Tx, principal identity.Principal, source string, push Push, outcome Outcome) error {
	if outcome.Written == 0 && outcome.Removed == 0 {
		return nil
	}
	changes := []audit.Change{audit.Changed("written", nil, outcome.Written), audit.Changed("removed", nil, outcome.Removed)}
	if push.Generation != "" {
		changes = append(changes, audit.Changed("replace", nil, push.Generation))
	}
	return audit.Record(ctx, tx, principal.Actor(), audit.SearchPush, source, changes...)
}

func checkPush(push Push) error {
	switch {
	case push.IsComplete && push.Generation == "":
		return fault.New(fault.Input, "complete needs replace: it ends the full push of that name")
	case len(push.Generation) > maxGeneration:
		return fault.New(fault.Input, "The name of the full push has %d bytes, and %d at most are stored", len(push.Generation), maxGeneration)
	}
	return nil
}

// Delete deletes documents of a source by their ids. With a version, newer ones stay, and older pushes do not bring back what was deleted.
func (s *Store) Delete(ctx context.Context, principal identity.Principal, source string, ids []string, version *int64) (Outcome, error) {
	if _, err := s.pushable(ctx, principal, source); err != nil {
		return Outcome{}, err
	}
	if len(ids) == 0 || len(ids) > MaxBatch {
		return Outcome{}, fault.New(fault.Input, "ids has %d ids: write 1 to %d", len(ids), MaxBatch)
	}
	if slices.ContainsFunc(ids, func(id string) bool { return id == "" || len(id) > maxID }) {
		return Outcome{}, fault.New(fault.Input, "An id has 1 to %d bytes", maxID)
	}
	slices.Sort(ids)
	return s.remove(ctx, principal, source, func(ctx context.Context, tx pgx.Tx) (int64, error) {
		if version != nil {
			return s.queries.SearchMarkPushedDeleted(ctx, tx, source, slices.Compact(ids), *version)
		}
		return s.queries.SearchDeletePushed(ctx, tx, source, ids)
	})
}

// DeleteAll deletes all documents of a source, which need not be in the configuration any more.
func (s *Store) DeleteAll(ctx context.Context, principal identity.Principal, source string) (Outcome, error) {
	if _, configured := s.find(source); configured {
		if _, err := s.pushable(ctx, principal, source); err != nil {
			return Outcome{}, err
		}
	} else if err := policy.Require(ctx, s.options.Decider, principal, policy.SearchSourceUpdate, source); err != nil {
		return Outcome{}, err
	}
	return s.remove(ctx, principal, source, func(ctx context.Context, tx pgx.Tx) (int64, error) {
		return s.queries.SearchDeleteSource(ctx, tx, source)
	})
}

func (s *Store) remove(ctx context.Context, principal identity.Principal, source string, remove func(context.Context, pgx.Tx) (int64, error)) (outcome Outcome, err error) {
	err = s.write(ctx, source, func(ctx context.Context, tx pgx.Tx) error {
		removed, err := remove(ctx, tx)
		if err != nil {
			return err
		}
		left, err := s.queries.SearchCountPushed(ctx, tx, source)
		if err != nil {
			return fmt.Errorf("count documents: %w", err)
		}
		outcome = Outcome{Removed: int(removed), Documents: int(left)}
		if removed == 0 {
			return nil
		}
		return audit.Record(ctx, tx, principal.Actor(), audit.SearchDelete, source, audit.Changed("removed", nil, removed))
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("delete documents of %s: %w", source, err)
	}
	return outcome, nil
}

func (s *Store) find(source string) (Config, bool) {
	i := slices.IndexFunc(s.options.Sources, func(config Config) bool { return config.Name == source })
	if i < 0 {
		return Config{}, false
	}
	return s.options.Sources[i], true
}

// pushable is a source to which a principal may push.
func (s *Store) pushable(ctx context.Context, principal identity.Principal, source string) (Config, error) {
	if err := policy.Require(ctx, s.options.Decider, principal, policy.SearchSourceUpdate, source); err != nil {
		return Config{}, err
	}
	config, configured := s.find(source)
	switch {
	case !configured:
		return config, fault.New(fault.NotFound, "There is no source '%s': name it in portico.search.sources of the configuration", source)
	case config.IsLive:
		return config, fault.New(fault.Conflict, "The source '%s' is a server that is asked for its documents: nothing is pushed to it", source)
	case config.Pushers != nil && !search.Names(config.Pushers, principal):
		return config, &policy.DeniedError{Principal: principal, Permission: policy.SearchSourceUpdate, Resource: source}
	}
	return config, nil
}

// write runs work while no other process changes the source.
func (s *Store) write(ctx context.Context, source string, work func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return pgx.BeginFunc(ctx, s.options.Pool, func(tx pgx.Tx) error {
		if err := s.queries.SearchLockSource(ctx, tx, source); err != nil {
			return fmt.Errorf("wait for other pushes: %w", err)
		}
		return work(ctx, tx)
	})
}

// begin is when the full push began; repeated says that it was completed before, by the same request.
func (s *Store) begin(ctx context.Context, tx pgx.Tx, source string, push Push, documents int) (begun time.Time, repeated bool, err error) {
	if push.Generation == "" {
		return begun, false, nil
	}
	generation, err := s.queries.SearchBeginGeneration(ctx, tx, source, push.Generation)
	if err != nil {
		return begun, false, fmt.Errorf("begin a full push: %w", err)
	}
	if generation.CompletedAt == nil {
		return generation.BegunAt, false, nil
	}
	if documents > 0 {
		return begun, false, fault.New(fault.Conflict, "The full push %q was completed at %s: give the next one another name", push.Generation,
			generation.CompletedAt.UTC().Format(time.RFC3339))
	}
	return generation.BegunAt, true, nil
}

// complete deletes what was pushed before a full push began and is no part of it.
func (s *Store) complete(ctx context.Context, tx pgx.Tx, source, generation string, begun time.Time, outcome *Outcome) error {
	has, err := s.queries.SearchHasGeneration(ctx, tx, source, generation)
	if err != nil {
		return fmt.Errorf("look for documents of the full push: %w", err)
	}
	if !has {
		return fault.New(fault.Conflict, `The full push %q has no document, and completing it would delete everything: to do that, delete with {"all": true}`, generation)
	}
	removed, err := s.queries.SearchDeleteOtherGenerations(ctx, tx, source, generation, begun)
	if err != nil {
		return fmt.Errorf("delete what is no part of the full push: %w", err)
	}
	outcome.Removed = int(removed)
	return s.queries.SearchCompleteGeneration(ctx, tx, source, generation)
}

// count counts the documents of a source, and refuses more than it may have.
func (s *Store) count(ctx context.Context, tx pgx.Tx, config Config, outcome *Outcome) error {
	count, err := s.queries.SearchCountPushed(ctx, tx, config.Name)
	if err != nil {
		return fmt.Errorf("count documents: %w", err)
	}
	outcome.Documents = int(count)
	if outcome.Documents > config.MaxDocuments && outcome.Written > 0 {
		return fault.New(fault.Conflict, "The source '%s' would have %d documents, and %d at most are stored: raise portico.search.sources.%s.maxDocuments, or delete some",
			config.Name, count, config.MaxDocuments, config.Name)
	}
	return nil
}

// save writes documents whose versions are not older than what is there.
func (s *Store) save(ctx context.Context, tx pgx.Tx, config Config, documents []Document, generation string, outcome *Outcome) error {
	if len(documents) == 0 {
		return nil
	}
	// In one order, so that the database reads its pages one after another.
	slices.SortFunc(documents, func(a, b Document) int { return strings.Compare(a.ID, b.ID) })
	made := make([]row, len(documents))
	touched := db.SearchTouchPushedParams{Source: config.Name, Generation: generation}
	for i, document := range documents {
		var err error
		if made[i], err = s.row(config, document); err != nil {
			return err
		}
		touched.Keys, touched.Versions = append(touched.Keys, document.ID), append(touched.Versions, document.Version)
		touched.Digests = append(touched.Digests, made[i].digest)
	}
	unchanged, err := s.queries.SearchTouchPushed(ctx, tx, touched)
	if err != nil {
		return fmt.Errorf("look for documents that changed: %w", err)
	}
	isUnchanged := make(map[string]bool, len(unchanged))
	for _, key := range unchanged {
		isUnchanged[key] = true
	}
	changed := slices.DeleteFunc(made, func(r row) bool { return isUnchanged[r.key] })
	outcome.Unchanged = len(unchanged)
	if len(changed) == 0 {
		return nil
	}
	written, err := s.queries.SearchSavePushed(ctx, tx, s.columns(config.Name, generation, changed))
	if err != nil {
		return fmt.Errorf("write documents: %w", err)
	}
	outcome.Written, outcome.Outdated = int(written), len(changed)-int(written)
	if generation == "" || outcome.Outdated == 0 {
		return nil
	}
	if err := s.queries.SearchKeepPushed(ctx, tx, generation, config.Name, touched.Keys); err != nil {
		return fmt.Errorf("keep documents of the full push: %w", err)
	}
	return nil
}

// row is a document as it is stored.
type row struct {
	search.Indexed

	key       string
	version   int64
	entityRef string
	readers   []string
	document  string
	facets    []string
	digest    string
}

// shown is what a query answers.
type shown struct {
	Title    string `json:"title"`
	Text     string `json:"text"`
	Location string `json:"location"`
	// Kind is what it is, such as page: kind is a field of entities.
	DocumentType string   `json:"documentType"`
	Source       string   `json:"source"`
	Owner        string   `json:"owner,omitempty"`
	Tags         []string `json:"tags,omitempty"`
}

func (s *Store) row(config Config, d Document) (row, error) {
	kind := d.Type
	if kind == "" {
		kind = config.Kind
	}
	document, err := plainjson.Marshal(shown{Title: d.Title, Text: search.BoundedText(d.Text), Location: d.Location, DocumentType: kind, Source: config.Name,
		Owner: d.Owner, Tags: d.Tags})
	if err != nil {
		return row{}, fmt.Errorf("encode %s: %w", d.ID, err)
	}
	r := row{Indexed: search.IndexWords(d.Title, search.BoundedText(d.Text), d.Tags), key: d.ID, version: d.Version, document: string(document)}
	if d.Authorization != nil {
		r.entityRef, r.readers = d.Authorization.ResourceRef, d.Authorization.Readers
	}
	r.facets = []string{sourceFacet(config.Name), search.Facet("type", kind)}
	if d.Owner != "" {
		r.facets = append(r.facets, search.Facet("owner", d.Owner))
	}
	for _, tag := range d.Tags {
		r.facets = append(r.facets, search.Facet("tag", tag))
	}
	slices.Sort(r.facets)
	r.facets = slices.Compact(r.facets)
	hash := sha256.New()
	for _, part := range []string{format, s.options.Language, r.entityRef, strings.Join(r.readers, "\n"), r.document} {
		fmt.Fprintf(hash, "%d %s", len(part), part)
	}
	r.digest = hex.EncodeToString(hash.Sum(nil)[:16])
	return r, nil
}

func sourceFacet(source string) string { return search.Facet("source", source) }

func (s *Store) columns(source, generation string, rows []row) db.SearchSavePushedParams {
	made := db.SearchSavePushedParams{Source: source, Generation: generation, Language: s.options.Language}
	for _, r := range rows {
		made.Keys, made.Versions, made.EntityRefs = append(made.Keys, r.key), append(made.Versions, r.version), append(made.EntityRefs, r.entityRef)
		made.Readers, made.Titles = append(made.Readers, strings.Join(r.readers, "\n")), append(made.Titles, r.Folded)
		made.Documents, made.Headings = append(made.Documents, r.document), append(made.Headings, r.Heading)
		made.Tags, made.InnerWords = append(made.Tags, r.Tags), append(made.InnerWords, r.Inner)
		made.Facets, made.Digests = append(made.Facets, strings.Join(r.facets, "\n")), append(made.Digests, r.digest)
	}
	return made
}
