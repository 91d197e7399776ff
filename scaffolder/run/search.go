package run

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/db"
)

// Found is a run that a search found.
type Found struct {
	ID                                   uuid.UUID
	Title, Subject, TemplateRef, Creator string
	Status, Phase                        string
	CreatedAt                            time.Time
}

// Find returns the newest runs of a grant whose words match an operand of PostgreSQL's to_tsquery, most at most. Creators and states, which
// are statuses and phases, are alternatives; none of them are any.
func (s *Store) Find(ctx context.Context, granted Grant, words string, creators, states []string, most int) ([]Found, error) {
	seen := asParameters(granted)
	rows, err := s.queries.SearchRuns(ctx, db.PlanEach(s.pool), db.SearchRunsParams{Words: words, Everybody: seen.everybody, OnlyCreators: seen.only, ExceptCreators: seen.except,
		Creators: orNone(creators), States: orNone(states), MaxRows: int32(most)})
	if err != nil {
		return nil, fmt.Errorf("search runs: %w", err)
	}
	found := make([]Found, len(rows))
	for i, row := range rows {
		found[i] = Found{row.ID, row.Title, row.Subject, row.TemplateRef, row.CreatedBy, row.Status, row.Phase, row.CreatedAt}
	}
	return found, nil
}
