package run

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/portico-dev/portico/db"
)

// CauseQuery selects the failed runs that are grouped. Empty lists and zero times select everything.
type CauseQuery struct {
	Creators, Templates []string
	// Since and Until bound when a run was created, Until itself excluded.
	Since, Until time.Time
	// Limit is how many causes are wanted, Offset how many to pass over.
	Limit, Offset int
}

// Cause is what made some runs fail. Two runs have the same cause when they are of one template and failed at
// one step with the same words, apart from what differs in each: what the run makes, names in quotes,
// numbers, ids.
type Cause struct {
	// ID is the Cause of each of its runs.
	ID string
	// Runs counts all that failed so.
	Runs int
	// Newest are the newest of them, the newest first: a few. The cause is said in the words of the first.
	Newest []Run
}

// newestPerCause is how many runs of a cause are shown with it.
const newestPerCause = 5

// Causes are a page of the causes of all granted runs that failed, the most frequent first, and the number of
// all causes.
func (s *Store) Causes(ctx context.Context, granted Grant, q CauseQuery) ([]Cause, int, error) {
	seen := asParameters(granted)
	count, err := s.queries.CountRunCauses(ctx, db.PlanEach(s.pool), db.CountRunCausesParams{
		Everybody: seen.everybody, OnlyCreators: seen.only, ExceptCreators: seen.except, Creators: orNone(q.Creators), Templates: orNone(q.Templates),
		Since: orNoTime(q.Since), Until: orNoTime(q.Until)})
	if err != nil {
		return nil, 0, fmt.Errorf("count what made runs fail: %w", err)
	}
	rows, err := s.queries.RunCauses(ctx, db.PlanEach(s.pool), db.RunCausesParams{
		Everybody: seen.everybody, OnlyCreators: seen.only, ExceptCreators: seen.except, Creators: orNone(q.Creators), Templates: orNone(q.Templates),
		Since: orNoTime(q.Since), Until: orNoTime(q.Until), Samples: newestPerCause, Skip: int32(min(q.Offset, math.MaxInt32)),
		MaxRows: int32(min(q.Limit, maxPage))})
	if err != nil {
		return nil, 0, fmt.Errorf("group the runs that failed: %w", err)
	}
	causes := []Cause{}
	for _, row := range rows {
		r, err := withoutSpec(db.Run{ID: row.ID, TemplateRef: row.TemplateRef, Title: row.Title, Subject: row.Subject, CreatedBy: row.CreatedBy,
			Status: row.Status, Phase: row.Phase, CreatedAt: row.CreatedAt, StartedAt: row.StartedAt, FinishedAt: row.FinishedAt, TimedFrom: row.TimedFrom,
			FailedStep: row.FailedStep, Error: row.Error, Cause: row.Cause})
		if err != nil {
			return nil, 0, err
		}
		r.failedStepName = row.FailedStepName
		if len(causes) == 0 || causes[len(causes)-1].ID != r.Cause {
			causes = append(causes, Cause{ID: r.Cause, Runs: int(row.Runs)})
		}
		last := &causes[len(causes)-1]
		last.Newest = append(last.Newest, r)
	}
	return causes, int(count), nil
}
