package discovery

import (
	"context"

	"github.com/portico-dev/portico/activities/internal/attempts"
	"github.com/portico-dev/portico/catalog/sweep"
)

// Unguarded are the activities without the count of lost workers, which needs a real Temporal. After each page,
// lose may have the worker die before it has reported what it did.
func (a *Activities) Unguarded(lose func(page int) error) map[string]any {
	return map[string]any{
		sweep.ActivityBegin: attempts.Final(a.Sweeps.Begin),
		sweep.ActivityReadPage: attempts.Final(func(ctx context.Context, request sweep.PageRequest) (sweep.Progress, error) {
			progress, err := a.readPage(ctx, request)
			if err == nil {
				err = lose(request.Page)
			}
			return progress, err
		}),
		sweep.ActivityCommit: attempts.Final(a.commit),
		sweep.ActivityEnd:    attempts.Final(a.Sweeps.End),
	}
}
