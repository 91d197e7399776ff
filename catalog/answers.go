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
	// maxAnswers bounds the bytes of the answers that a process keeps, and maxAnswer those of a single one. Answers
	// that nobody asks for are dropped after keepAnswers.
	maxAnswers  = 32 << 20
	maxAnswer   = 1 << 20
	keepAnswers = 10 * time.Minute
	// answerOverhead is roughly what keeping an answer takes besides its own bytes.
	answerOverhead = 200
	// answerTimeout bounds the time in which an answer is worked out, and revisionTimeout that of reading the revision.
	answerTimeout   = 2 * time.Minute
	revisionTimeout = 30 * time.Second
)

// answers keeps what statements answered: counts, facets, short pages and single entities. Portals ask for the same
// ones again and again, so an answer is kept with the revision of the catalog that it was read at or after. It holds
// for as long as the revision does: a change of any served entity ends it, for every process.
type answers struct {
	known    *recall.Bounded[answerID, any]
	underWay flight.Group[any]
	revision flight.Fresh[int64]
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
	return &answers{known: recall.NewBounded[answerID, any](maxAnswers, keepAnswers)}
}

// revision returns the revision of the catalog. Callers that ask at the same time share a read, which begins after each
// of them has asked: none gets a revision from before its question.
func (s *Service) revision(ctx context.Context) (int64, error) {
	revision, err := s.answers.revision.Do(ctx, revisionTimeout, func(ctx context.Context) (int64, error) {
		return s.queries.CatalogRevision(ctx, s.pool)
	})
	if err != nil {
		return 0, fmt.Errorf("read the revision of the catalog: %w", err)
	}
	return revision, nil
}

// question is what identifies an answer. The statement has what the caller may read in it.
type question struct {
	revision  int64
	statement query.Statement
	// form tells apart what is made of the rows of one statement.
	form any
}

// answered returns the answer to a question, which read works out. size is its number of bytes. The answer is shared:
// the caller must not change it.
func answered[T any](ctx context.Context, s *Service, q question, size func(T) int, read func(context.Context) (T, error)) (T, error) {
	var none T
	id, err := identify(q.statement, q.revision, q.form)
	if err != nil {
		return none, err
	}
	known, _ := s.answers.known.Get(id)
	if answer, is := known.(T); is {
		return answer, nil
	}
	found, err := s.answers.underWay.Do(ctx, string(id[:]), answerTimeout, func(ctx context.Context) (any, error) {
		value, err := read(ctx)
		if err != nil {
			return nil, err
		}
		if bytes := size(value) + answerOverhead; bytes <= maxAnswer {
			s.answers.known.Remember(id, value, bytes)
		}
		return value, nil
	})
	if err != nil {
		return none, err
	}
	answer, is := found.(T)
	if !is {
		return none, fmt.Errorf("the statement was asked for another type of answer, %T", found)
	}
	return answer, nil
}
