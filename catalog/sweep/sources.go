package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/telemetry"
)

const (
	// unheard is the time after which a workflow is told of a request or a decision again.
	unheard = 30 * time.Second
	// sourceRetention is how long a source is kept that has left the configuration with all its entities.
	sourceRetention = 30 * 24 * time.Hour
)

// configurer is who adds and removes sources in the audit log.
var configurer = identity.System("configuration").Actor()

// Configure records the sources of the configuration. Those that it does not have any more keep their entities
// until Sync removes them. A sweep that removes a source which the configuration has again is dropped.
func (s *Store) Configure(ctx context.Context, sources []provider.Source) error {
	names := make([]string, len(sources))
	for i, source := range sources {
		names[i] = source.Name()
	}
	if slices.Sort(names); len(slices.Compact(slices.Clone(names))) < len(names) {
		return fmt.Errorf("catalog.providers has two sources of one name among %v", names)
	}
	return s.transact(ctx, pageTimeout, func(ctx context.Context, tx pgx.Tx) error {
		come, err := s.saveSources(ctx, tx, sources)
		if err != nil {
			return err
		}
		left, err := s.queries.CatalogLeaveSources(ctx, tx, names)
		if err != nil {
			return fmt.Errorf("record which sources have left the configuration: %w", err)
		}
		if err := s.endRemovals(ctx, tx, names); err != nil || len(come)+len(left) == 0 {
			return err
		}
		return audit.Record(ctx, tx, configurer, audit.SourceConfigure, "sources", audit.Changed("sources", orNone(left), orNone(come)))
	})
}

// saveSources records sources and returns the names of those that are new.
func (s *Store) saveSources(ctx context.Context, tx db.DBTX, sources []provider.Source) (come []string, err error) {
	known, err := s.queries.CatalogSources(ctx, tx, "")
	if err != nil {
		return nil, fmt.Errorf("list sources: %w", err)
	}
	for _, source := range sources {
		isKnown := func(row db.CatalogSourcesRow) bool { return row.Name == source.Name() && row.LeftAt == nil }
		if !slices.ContainsFunc(known, isKnown) {
			come = append(come, source.Name())
		}
		timeout := source.Schedule.Timeout
		if timeout <= 0 {
			timeout = defaultTimeout
		}
		err := s.queries.CatalogSaveSource(ctx, tx, db.CatalogSaveSourceParams{Name: source.Name(), Kind: source.Kind, Place: source.Place,
			EverySeconds: source.Schedule.Every.Seconds(), Cron: source.Schedule.Cron, TimeoutSeconds: timeout.Seconds(),
			DelaySeconds: source.Schedule.InitialDelay.Seconds()})
		if err != nil {
			return nil, fmt.Errorf("record source %s: %w", source.Name(), err)
		}
	}
	return come, nil
}

func (s *Store) endRemovals(ctx context.Context, tx db.DBTX, configured []string) error {
	ended, err := s.queries.CatalogEndRemovals(ctx, tx, configured)
	if err != nil {
		return fmt.Errorf("drop the removal of sources that are configured again: %w", err)
	}
	for _, id := range ended {
		if err := unstage(ctx, tx, s.queries, id); err != nil {
			return err
		}
	}
	return nil
}

func orNone(names []string) any {
	if len(names) == 0 {
		return nil
	}
	return names
}

// Sync makes the schedules what the record says, and tells workflows again what they may not have heard. Unless
// keep is set, it has the entities of sources removed that have left the configuration. It goes on after a
// source that fails, and returns all errors.
func (s *Store) Sync(ctx context.Context, engine Engine, keep bool) error {
	rows, err := s.queries.CatalogSources(ctx, s.Pool, "")
	if err != nil {
		return fmt.Errorf("list sources: %w", err)
	}
	var failed []error
	for _, row := range rows {
		if row.LeftAt == nil {
			failed = append(failed, s.schedule(ctx, engine, row))
		} else {
			failed = append(failed, s.retire(ctx, engine, row, keep))
		}
	}
	return errors.Join(append(failed, s.tellAgain(ctx, engine))...)
}

// schedule ensures the schedule of a source and copies its state to the record.
func (s *Store) schedule(ctx context.Context, engine Engine, row db.CatalogSourcesRow) error {
	plan := Plan{Source: row.Name, Place: row.Place, Every: seconds(row.EverySeconds), FirstAt: row.FirstAt, Cron: row.Cron}
	scheduled, err := engine.Ensure(ctx, plan)
	if err != nil {
		return err
	}
	period := scheduled.Period
	if plan.Every > 0 {
		period = plan.Every // the next times have a jitter
	}
	copied := db.CatalogSourceScheduledParams{Name: row.Name, Paused: scheduled.Paused, PeriodSeconds: period.Seconds()}
	if !scheduled.Next.IsZero() {
		copied.NextAt = &scheduled.Next
	}
	return wrap(s.queries.CatalogSourceScheduled(ctx, s.Pool, copied), "record the schedule of %s", row.Name)
}

// retire removes what is left of a source that has left the configuration: its entities by one sweep, then the
// schedule, and after some time the record.
func (s *Store) retire(ctx context.Context, engine Engine, row db.CatalogSourcesRow, keep bool) error {
	if row.Emits == 0 || keep {
		if err := engine.Remove(ctx, row.Name); err != nil {
			return err
		}
		_, err := s.queries.CatalogDeleteSource(ctx, s.Pool, row.Name, sourceRetention.Seconds())
		return wrap(err, "delete source %s", row.Name)
	}
	last, err := s.queries.CatalogSweepsBySource(ctx, s.Pool, row.Name, 1)
	if err != nil {
		return fmt.Errorf("find the last sweep of %s: %w", row.Name, err)
	}
	if len(last) > 0 && last[0].AskedAt.After(*row.LeftAt) && State(last[0].State) != Failed {
		return nil // it is under way, or a person has decided to keep the entities
	}
	if _, err := engine.Ensure(ctx, Plan{Source: row.Name, Place: row.Place}); err != nil {
		return err
	}
	return s.request(ctx, engine, row.Name, ByRemoval)
}

// tellAgain repeats requests and decisions that a workflow may not have heard, because a process died.
func (s *Store) tellAgain(ctx context.Context, engine Engine) error {
	rows, err := s.queries.CatalogUnheardSweeps(ctx, s.Pool, unheard.Seconds())
	if err != nil {
		return fmt.Errorf("find sweeps to wake: %w", err)
	}
	var failed []error
	for _, row := range rows {
		if State(row.State) == Requested {
			failed = append(failed, engine.Trigger(ctx, row.Source))
		} else if row.WorkflowID != nil {
			failed = append(failed, engine.Wake(ctx, *row.WorkflowID))
		}
	}
	return errors.Join(failed...)
}

// Health measures the sources by their latest sweeps, and those that are late, as samples of
// telemetry.CatalogSources and CatalogSourcesLate.
func (s *Store) Health(ctx context.Context) ([]telemetry.Sample, error) {
	late, err := s.queries.CatalogLateSources(ctx, s.Pool)
	if err != nil {
		return nil, fmt.Errorf("count late sources: %w", err)
	}
	states, err := s.queries.CatalogSourcesPerState(ctx, s.Pool)
	if err != nil {
		return nil, fmt.Errorf("count sources by their latest sweeps: %w", err)
	}
	samples := []telemetry.Sample{{Metric: telemetry.CatalogSourcesLate, Value: float64(late)}}
	for _, row := range states {
		samples = append(samples, telemetry.Sample{Metric: telemetry.CatalogSources, Value: float64(row.Sources), Labels: []string{row.State}})
	}
	return samples, nil
}
