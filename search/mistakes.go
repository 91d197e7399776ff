package search

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

const (
	// little is the number of results below which another word is looked for.
	little = 3
	// mostAlike bounds the words that are compared with one, and mostWithin those that may contain it.
	mostAlike  = 30
	mostWithin = 20
	// mostCorrected bounds the words of a query that are compared, because each costs up to four statements.
	mostCorrected = 8
)

// recover looks for what was meant when nothing or little was found: words that contain what was typed, and words that are similar. Both
// are found among names and titles only. A word is shown to those who can read something that it finds.
func (s *seeker) recover(ctx context.Context, q Query, answer *Answer) error {
	found := 0
	for _, group := range answer.Groups {
		found += group.Count
	}
	if found >= little || len(q.Words) == 0 || s.ask.Offset > 0 {
		return nil
	}
	if found == 0 {
		within, changed, err := s.within(ctx, q)
		if err != nil {
			return err
		}
		if changed {
			if answer.Groups, err = s.groups(ctx, within); err != nil || len(answer.Groups) > 0 {
				return err
			}
		}
	}
	corrected, changed, err := s.corrected(ctx, q)
	if err != nil || !changed {
		return err
	}
	groups, err := s.groups(ctx, corrected)
	if err != nil || len(groups) == 0 {
		return err
	}
	answer.Suggestion = corrected.text()
	if found == 0 {
		answer.Groups, answer.IsCorrected = groups, true
	}
	return nil
}

// within adds to each word the words of names that contain it.
func (s *seeker) within(ctx context.Context, q Query) (more Query, changed bool, err error) {
	more = q
	more.Words = slices.Clone(q.Words)
	for i, word := range q.Words {
		if utf8.RuneCountInString(word.Joined) < 3 {
			continue
		}
		around, err := s.queries.SearchWordsAround(ctx, s.options.Pool, "%"+word.Joined+"%", mostWithin)
		if err != nil {
			return q, false, fmt.Errorf("look for words with %s: %w", word.Joined, err)
		}
		more.Words[i].Also = around
		changed = changed || len(around) > 0
	}
	more.folded, more.isWithin = "", true
	return more, changed, nil
}

// corrected replaces words that no name has by the most similar that one has.
func (s *seeker) corrected(ctx context.Context, q Query) (better Query, changed bool, err error) {
	better = q
	better.Words = nil
	looked := 0
	for _, word := range q.Words {
		parts := slices.Clone(word.Parts)
		for i, part := range parts {
			if looked++; looked > mostCorrected {
				break
			}
			similar, err := s.similar(ctx, part)
			if err != nil {
				return q, false, err
			}
			if similar != "" {
				parts[i], changed = similar, true
			}
		}
		for _, part := range parts {
			better.Words = append(better.Words, Word{Joined: part, Parts: []string{part}})
		}
	}
	better.folded = fold(better.text())
	return better, changed, nil
}

// similar is the word that somebody probably meant, "" when it is one or there is none. Words that differ in one letter are found by an
// index; only without one are those compared that have letters in common, which takes many times as long.
func (s *seeker) similar(ctx context.Context, typed string) (string, error) {
	length := utf8.RuneCountInString(typed)
	if length < 4 || length > 40 || strings.ContainsAny(typed, "0123456789") {
		return "", nil
	}
	for _, look := range []func(context.Context, db.DBTX, string, int32) ([]string, error){s.queries.SearchWordsNear, s.queries.SearchWordsLike} {
		alike, err := look(ctx, s.options.Pool, typed, mostAlike)
		if err == nil {
			alike, err = s.readableWords(ctx, alike)
		}
		if err != nil {
			return "", fmt.Errorf("look for words like %s: %w", typed, err)
		}
		if slices.Contains(alike, typed) {
			return "", nil
		}
		if best := mostSimilar(typed, alike); best != "" {
			return best, nil
		}
	}
	return "", nil
}

// mostSimilar is the word that differs least from one, "" when all differ too much.
func mostSimilar(typed string, words []string) string {
	length := utf8.RuneCountInString(typed)
	best, least := "", 1+length/4+1
	for _, word := range words {
		if apart := distance(typed, word); apart < least && apart <= max(1, length/3) {
			best, least = word, apart
		}
	}
	return best
}

// readableWords are those of words that something has that the caller may read. The vocabulary has the words of everything: without this,
// what is suggested, and that nothing is, would tell what hidden things are called.
func (s *seeker) readableWords(ctx context.Context, words []string) ([]string, error) {
	if s.entities.IsEverything() || len(words) == 0 {
		return words, nil
	}
	w := &writer{}
	w.text("select one.word from unnest(", w.arg(words), "::text[]) with ordinality as one (word, place) where exists (select from search_documents d",
		" where d.words @@ to_tsquery('simple', quote_literal(one.word))")
	in := scope{readable: s.entities}.within()
	for _, alternatives := range in.granted {
		w.overlap(alternatives, false)
	}
	in.andReadable(w)
	w.text(") order by one.place")
	var readable []string
	err := s.each(ctx, []*writer{w}, func(_ int, rows pgx.Rows) (err error) {
		readable, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return readable, err
}

// distance is the number of letters that are missing, too many, others, or exchanged with the next.
func distance(from, to string) int {
	a, b := []rune(from), []rune(to)
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			other := 1
			if a[i-1] == b[j-1] {
				other = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+other)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// text is the query as one would type it.
func (q Query) text() string {
	var parts []string
	for _, word := range q.Words {
		parts = append(parts, word.Joined)
	}
	for _, phrase := range q.Phrases {
		parts = append(parts, `"`+phrase+`"`)
	}
	for _, field := range sortedKeys(q.Fields) {
		for _, value := range q.Fields[field] {
			if strings.ContainsAny(value, " \t") {
				value = `"` + value + `"`
			}
			parts = append(parts, field+":"+value)
		}
	}
	return strings.Join(parts, " ")
}

// Miss is what was searched for and not found.
type Miss struct {
	Words string
	Times int64
	// Latest is the day on which it was searched last.
	Latest time.Time
}

// maxMiss bounds the words that are counted, in bytes: longer ones are hardly something to be written about.
const maxMiss = 100

// maxMisses bounds the different words that are counted on a day. More would be somebody's program.
const maxMisses = 10_000

// countMiss counts words that found nothing. Who searched is not stored, nor anything that is no plain word: it may be a secret.
func (s *seeker) countMiss(ctx context.Context, q Query) error {
	var plain []string
	for _, word := range q.Words {
		for _, part := range word.Parts {
			if len(part) > 30 || strings.ContainsAny(part, "0123456789") {
				return nil
			}
			plain = append(plain, part)
		}
	}
	words := strings.Join(plain, " ")
	if words == "" || len(words) > maxMiss {
		return nil
	}
	if err := s.queries.SearchCountMiss(ctx, s.options.Pool, words, maxMisses); err != nil {
		return fmt.Errorf("count what was not found: %w", err)
	}
	return nil
}

// missesKept is how long misses are kept.
const missesKept = 90 * 24 * time.Hour

// Misses are the words that were searched most often without a result since a moment, up to most. Those who may read about the catalog's
// ingestion may read them.
func (s *Service) Misses(ctx context.Context, principal identity.Principal, since time.Time, most int) ([]Miss, error) {
	if err := policy.Require(ctx, s.options.Decider, principal, policy.CatalogIngestionRead, ""); err != nil {
		return nil, err
	}
	rows, err := s.queries.SearchMisses(ctx, s.options.Pool, dateOf(since), int32(most))
	if err != nil {
		return nil, fmt.Errorf("read what was not found: %w", err)
	}
	misses := make([]Miss, len(rows))
	for i, row := range rows {
		misses[i] = Miss{row.Words, row.Times, row.Latest.Time}
	}
	return misses, nil
}

// ForgetMisses deletes old misses.
func (x *Index) ForgetMisses(ctx context.Context) error {
	return x.queries.SearchDeleteMisses(ctx, x.pool, dateOf(time.Now().Add(-missesKept)))
}

func dateOf(at time.Time) pgtype.Date { return pgtype.Date{Time: at.UTC(), Valid: true} }
