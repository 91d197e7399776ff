package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/flight"
	"github.com/portico-dev/portico/recall"
)

const (
	// maxAnswers bounds the answers that a process keeps, keepAnswers how long, and countTimeout how long one is
	// worked out. Answers with more than maxAnswerRows rows are not kept: they are as large as what they count.
	maxAnswers    = 2000
	maxAnswerRows = 2000
	keepAnswers   = 10 * time.Minute
	countTimeout  = time.Minute
)

// answers keeps what statements counted. Counting reads every entity that matches, and portals count the same
// ones again and again, so an answer is kept with the revision of the catalog that it was read at or after.
// It holds for as long as the revision does: a change of any served entity ends it, for every process.
type answers struct {
	known    *recall.Memory[answerID, any]
	underWay flight.Group[any]
}

// answerID is a statement with its arguments, and what else an answer depends on.
type answerID [sha256.Size]byte

func identify(statement query.Statement, more ...any) (answerID, error) {
	encoded, err := json.Marshal([]any{statement.SQL, statement.Args, more})
	if err != nil {
		return answerID{}, fmt.Errorf("encode a statement: %w", err)
	}
	return sha256.Sum256(encoded), nil
}

func newAnswers() *answers {
	return &answers{known: recall.New[answerID, any](maxAnswers, keepAnswers)}
}

// counted returns the answer of a statement, which read works out. rows is its number of rows. The answer is
// shared: the caller must not change it.
func counted[T any](ctx context.Context, s *Service, statement query.Statement, rows func(T) int, read func(context.Context) (T, error)) (T, error) {
	var none T
	revision, err := s.queries.CatalogRevision(ctx, s.pool)
	if err != nil {
		return none, fmt.Errorf("read the revision of the catalog: %w", err)
	}
	id, err := identify(statement, revision)
	if err != nil {
		return none, err
	}
	known, _ := s.answers.known.Get(id)
	if answer, is := known.(T); is {
		return answer, nil
	}
	found, err := s.answers.underWay.Do(ctx, string(id[:]), countTimeout, func(ctx context.Context) (any, error) {
		value, err := read(ctx)
		if err == nil && rows(value) <= maxAnswerRows {
			s.answers.known.Remember(id, value)
		}
		return value, err
	})
	if err != nil {
		return none, err
	}
	answer, is := found.(T)
	if !is {
		return none, fmt.Errorf("count: the statement was asked for another type of answer, %T", found)
	}
	return answer, nil
}
