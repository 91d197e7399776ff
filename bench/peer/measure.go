package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	settle     = 10 * time.Second
	runTimeout = 10 * time.Minute
	// senders is how many connections start the runs of a batch.
	senders = 16
)

// result is what was measured of one system.
type result struct {
	system           string
	firstBoot, boot  time.Duration
	idle, afterBatch uint64
	short            time.Duration
	batches, renders []sample
	// ingest is the time until a catalog was served, and rest what was done afterwards. answers are those that were compared,
	// by their paths, and loads what was answered under load, by the titles of reads.
	ingest  sample
	rest    sample
	answers map[string]answer
	loads   map[string][]loaded
}

// sample is one of several repeated measurements.
type sample struct {
	took time.Duration
	cpu  usage
}

// phase measures one thing of one system.
type phase func(context.Context, options, *system, *result) error

// measure alternates between the systems, so that both are measured on the same machine in the same minutes. While one of
// them is measured, the others are stopped: a Backstage with a catalog never rests.
func measure(ctx context.Context, o options, systems []*system) ([]result, error) {
	results := make([]result, len(systems))
	for _, phase := range phases(o) {
		for i, system := range systems {
			results[i].system = system.name
			others := slices.Delete(slices.Clone(systems), i, i+1)
			if err := alone(others, func() error { return phase(ctx, o, system, &results[i]) }); err != nil {
				return nil, fmt.Errorf("%w; %s last said: %s", err, system.name, system.lastWords())
			}
		}
		if err := agree(results); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func phases(o options) []phase {
	if o.catalog == nil {
		return slices.Concat([]phase{boot, warmUp, idle, shortRuns}, slices.Repeat([]phase{batch}, o.batches), slices.Repeat([]phase{render}, o.renders))
	}
	// A system begins when the one before has its catalog, which takes Backstage long.
	ingested := inTurn(boot, ingest, rest)
	if o.what == "ingest" {
		return []phase{ingested}
	}
	all := []phase{ingested, ask}
	for _, read := range reads(o.entities) {
		all = append(all, slices.Repeat([]phase{load(read)}, o.rounds)...)
	}
	return all
}

// inTurn is several phases that a system goes through before the next one begins.
func inTurn(phases ...phase) phase {
	return func(ctx context.Context, o options, s *system, r *result) error {
		for _, phase := range phases {
			if err := phase(ctx, o, s, r); err != nil {
				return err
			}
		}
		return nil
	}
}

// alone does something while other systems are stopped.
func alone(others []*system, do func() error) error {
	for _, other := range others {
		other.pause()
		defer other.resume()
	}
	return do()
}

// boot starts the system twice: with empty databases, and with those of the first start.
func boot(ctx context.Context, _ options, s *system, r *result) error {
	var err error
	if r.firstBoot, err = s.start(ctx); err != nil {
		return err
	}
	if err := templatesAreThere(ctx, s); err != nil {
		return err
	}
	s.stop()
	if r.boot, err = s.start(ctx); err != nil {
		return err
	}
	return templatesAreThere(ctx, s)
}

func templatesAreThere(ctx context.Context, s *system) error {
	for _, template := range []string{threeLogs, skeleton} {
		path := "/api/scaffolder/v2/templates/default/template/" + template + "/parameter-schema"
		err := s.until(ctx, bootTimeout, pollEvery, func() (bool, error) {
			status, err := s.call(ctx, http.MethodGet, path, nil, nil)
			return status == http.StatusOK, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// warmUp runs both systems once, so that compiling, caching and connecting are not measured.
func warmUp(ctx context.Context, _ options, s *system, _ *result) error {
	for _, template := range []string{threeLogs, threeLogs, threeLogs, skeleton} {
		if _, err := runOnce(ctx, s, template); err != nil {
			return err
		}
	}
	return nil
}

func idle(ctx context.Context, _ options, s *system, r *result) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(settle):
	}
	now, err := s.usage()
	r.idle = now.resident
	return err
}

func shortRuns(ctx context.Context, o options, s *system, r *result) error {
	took := make([]time.Duration, o.runs)
	for i := range took {
		var err error
		if took[i], err = runOnce(ctx, s, threeLogs); err != nil {
			return err
		}
	}
	r.short = median(took)
	return nil
}

// batch alternates with the other system, because the speed of a shared machine changes from second to
// second.
func batch(ctx context.Context, o options, s *system, r *result) error {
	before, err := s.usage()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := startMany(ctx, s, o.batch); err != nil {
		return err
	}
	err = s.until(ctx, runTimeout, pollBatchEvery, func() (bool, error) {
		moving, err := countRuns(ctx, s, "status=open&status=processing")
		return moving == 0, err
	})
	if err != nil {
		return err
	}
	took := time.Since(began)
	failed, err := countRuns(ctx, s, "status=failed&status=cancelled")
	if err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%s: %d of the runs failed", s.name, failed)
	}
	after, err := s.usage()
	r.batches, r.afterBatch = append(r.batches, sample{took, after.since(before)}), after.resident
	return err
}

func render(ctx context.Context, _ options, s *system, r *result) error {
	before, err := s.usage()
	if err != nil {
		return err
	}
	took, err := runOnce(ctx, s, skeleton)
	if err != nil {
		return err
	}
	after, err := s.usage()
	r.renders = append(r.renders, sample{took, after.since(before)})
	return err
}

// runOnce runs a template and returns the time from the request that starts it to the response that says that
// it has completed.
func runOnce(ctx context.Context, s *system, template string) (time.Duration, error) {
	began := time.Now()
	id, err := startRun(ctx, s, template, "measured-run")
	if err != nil {
		return 0, err
	}
	err = s.until(ctx, runTimeout, pollEvery, func() (bool, error) {
		var task struct{ Status string }
		if _, err := s.call(ctx, http.MethodGet, "/api/scaffolder/v2/tasks/"+id, nil, &task); err != nil {
			return false, err
		}
		switch task.Status {
		case "open", "processing":
			return false, nil
		case "completed":
			return true, nil
		}
		return false, fmt.Errorf("%s: run %s of %s ended as %q", s.name, id, template, task.Status)
	})
	return time.Since(began), err
}

func startRun(ctx context.Context, s *system, template, name string) (string, error) {
	var created struct{ ID string }
	status, err := s.call(ctx, http.MethodPost, "/api/scaffolder/v2/tasks", map[string]any{
		"templateRef": "template:default/" + template, "values": map[string]string{"name": name},
	}, &created)
	if err != nil {
		return "", err
	}
	if status != http.StatusCreated {
		return "", fmt.Errorf("%s answered %d when a run of %s was started", s.name, status, template)
	}
	return created.ID, nil
}

// startMany starts runs as fast as a few connections can.
func startMany(ctx context.Context, s *system, count int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	names := make(chan string)
	var workers sync.WaitGroup
	for range senders {
		workers.Go(func() {
			for name := range names {
				if _, err := startRun(ctx, s, threeLogs, name); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range count {
		names <- fmt.Sprintf("run-%d", i)
	}
	close(names)
	workers.Wait()
	return context.Cause(ctx)
}

func countRuns(ctx context.Context, s *system, filter string) (int, error) {
	var list struct{ TotalTasks int }
	status, err := s.call(ctx, http.MethodGet, "/api/scaffolder/v2/tasks?limit=1&"+filter, nil, &list)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s answered %d when its runs were counted", s.name, status)
	}
	return list.TotalTasks, err
}

// middle is the sample of median duration.
func middle(all []sample) sample {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b sample) int { return cmp.Compare(a.took, b.took) })
	return sorted[len(sorted)/2]
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// usual is the load with the median of answers in a second.
func usual(all []loaded) loaded {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b loaded) int { return cmp.Compare(a.perSecond(), b.perSecond()) })
	return sorted[len(sorted)/2]
}
