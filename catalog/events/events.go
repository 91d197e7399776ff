// Package events acts on the events of source code hosts. A server stores each event in the transaction of its request,
// and a worker works events off in the order of their arrival: it makes urgent what an event touches. Nothing depends
// on events. What a missed one would have refreshed is found by the next sweep or the next read. Package
// integration/hostevents says what an event is.
package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/telemetry"
)

const (
	// channel is the Postgres channel on which NotifySourceEvents wakes workers.
	channel = "portico_source_events"
	// batch bounds the events that are worked off in one transaction.
	batch = 200
	// timeout bounds one transaction.
	timeout = 30 * time.Second
	// pollPeriod is the time after which a worker looks for events without a notification.
	pollPeriod = time.Second
	// deleted bounds the events that are deleted at once.
	deleted = 5000
)

// Hosts are the configured hosts. *integration.Set implements it.
type Hosts interface {
	hostevents.Hosts
	ByHost(name string) (integration.Host, bool)
}

// Options are the dependencies of a Service. Every field is required unless it says otherwise.
type Options struct {
	Pool *pgxpool.Pool
	// Notifications is a pool for LISTEN that does not go through a connection pooler.
	Notifications *pgxpool.Pool
	Log           *slog.Logger
	Hosts         Hosts
	// Sources are the webhooks that are configured.
	Sources []hostevents.Source
	// Watchers are the sources of the catalog that are swept when an event concerns them, and Sweep sweeps one, by its
	// name. Only processes that work events off need them.
	Watchers []provider.Watcher
	Sweep    func(ctx context.Context, source string) error
	// Docs builds the documentation that an event touches. Nil builds none.
	Docs Docs
	// Telemetry counts events. Nil counts none.
	Telemetry *telemetry.Telemetry
}

// Docs builds documentation. *build.Store of techdocs implements it.
type Docs interface {
	// RequestPushed asks for builds of what an event touches, in its transaction, and returns their sites.
	RequestPushed(ctx context.Context, tx pgx.Tx, event hostevents.Event) ([]string, error)
	// WakePushed starts these builds.
	WakePushed(ctx context.Context, sites []string) error
}

// Service takes events and acts on them. Any number of processes may do so on one database. It is safe for concurrent
// use.
type Service struct {
	Options

	queries *db.Queries
	state   processing.State
	sources map[string]hostevents.Source
}

// New makes a Service.
func New(options Options) *Service {
	s := &Service{Options: options, queries: db.New(), state: processing.NewState(), sources: map[string]hostevents.Source{}}
	for _, source := range options.Sources {
		s.sources[source.Topic()] = source
	}
	return s
}

// Takes returns a fault of kind NotFound for a topic for which no webhook is configured.
func (s *Service) Takes(topic string) error {
	if s.sources[topic] == nil {
		return fault.New(fault.NotFound, "There is no webhook for the topic %q: configure its secret, see docs/events.md", topic)
	}
	return nil
}

// Receive checks a delivery and stores its events. A redelivery changes nothing. Errors are like those of
// hostevents.Source.
func (s *Service) Receive(ctx context.Context, topic string, header http.Header, body []byte) error {
	if err := s.Takes(topic); err != nil {
		return err
	}
	outcome, err := s.receive(ctx, s.sources[topic], header, body)
	switch {
	case errors.Is(err, hostevents.ErrSignature):
		outcome = "refused"
	case fault.KindOf(err) == fault.Input:
		outcome = "invalid"
	case err != nil:
		return err
	}
	s.Telemetry.Count(ctx, telemetry.EventsReceived, topic, outcome)
	return err
}

// receive returns the outcome for the metric.
func (s *Service) receive(ctx context.Context, source hostevents.Source, header http.Header, body []byte) (outcome string, err error) {
	delivery, err := source.Read(header, body)
	if err != nil {
		return "", err
	}
	placed, elsewhere := hostevents.Place(s.Hosts, source, delivery)
	for _, reason := range elsewhere {
		s.Log.WarnContext(ctx, "an event was ignored", "topic", source.Topic(), "delivery", delivery.ID, "reason", reason)
	}
	if len(placed) == 0 {
		return "ignored", nil
	}
	count, err := s.store(ctx, source.Topic(), delivery.ID, placed)
	if count == 0 {
		return "repeated", err
	}
	return "stored", err
}

// store stores the events of a delivery, and returns how many there were not before.
func (s *Service) store(ctx context.Context, topic, delivery string, placed []hostevents.Event) (count int64, err error) {
	documents := make([]string, len(placed))
	for i, event := range placed {
		encoded, err := json.Marshal(event)
		if err != nil {
			return 0, fmt.Errorf("encode an event of delivery %s: %w", delivery, err)
		}
		documents[i] = string(encoded)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if count, err = s.queries.AddSourceEvents(ctx, tx, topic, delivery, documents); err != nil {
			return err
		}
		return s.queries.NotifySourceEvents(ctx, tx)
	})
	if err != nil {
		return 0, fmt.Errorf("store the events of delivery %s: %w", delivery, err)
	}
	return count, nil
}

// Run works events off until the context ends, and then returns nil. Failures of the database are logged and retried.
func (s *Service) Run(ctx context.Context) error {
	listener := db.NewListener(s.Notifications, channel, s.Log)
	come, stop := listener.Follow("")
	defer stop()
	var listening errgroup.Group
	listening.Go(func() error { return listener.Run(ctx) })
	for ctx.Err() == nil {
		more, err := s.WorkOff(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "events of source code hosts could not be worked off; this is tried again", "error", err)
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-come:
		case <-time.After(pollPeriod):
		}
	}
	return listening.Wait()
}

// WorkOff works off the oldest events, and reports whether there may be more. While another process does so, it does
// nothing. What many events touch is made urgent once.
func (s *Service) WorkOff(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var done worked
	err = processing.Transact(ctx, s.Pool, func(tx pgx.Tx) error {
		free, err := s.queries.TrySourceEventsLock(ctx, tx)
		if err != nil || !free {
			return err
		}
		rows, err := s.queries.PendingSourceEvents(ctx, tx, batch)
		if err != nil || len(rows) == 0 {
			return err
		}
		more = len(rows) == batch
		done, err = s.workOff(ctx, tx, rows)
		return err
	})
	if broken, is := errors.AsType[*brokenEventError](err); is {
		return true, s.setAside(ctx, broken)
	}
	if err != nil {
		return false, fmt.Errorf("work events off: %w", err)
	}
	for _, kind := range done.kinds {
		s.Telemetry.Count(ctx, telemetry.EventsDone, string(kind))
	}
	s.sweep(ctx, done.concerned)
	s.buildDocs(ctx, done.docs)
	return more, nil
}

// brokenEventError says that an event cannot be acted on, however often that is tried.
type brokenEventError struct {
	id  int64
	err error
}

func (e *brokenEventError) Error() string { return fmt.Sprintf("event %d: %s", e.id, e.err) }
func (e *brokenEventError) Unwrap() error { return e.err }

// maxFailure bounds the reason that is kept of an event that was set aside, in characters.
const maxFailure = 1000

// setAside ends an event that cannot be acted on, so that those behind it go on. It is kept as long as others.
func (s *Service) setAside(ctx context.Context, broken *brokenEventError) error {
	reason := strings.ReplaceAll(strings.ToValidUTF8(broken.err.Error(), "\uFFFD"), "\x00", "\uFFFD")
	if characters := []rune(reason); len(characters) > maxFailure {
		reason = string(characters[:maxFailure])
	}
	row, err := s.queries.SetSourceEventAside(ctx, s.Pool, reason, broken.id)
	if err != nil {
		return fmt.Errorf("set event %d aside: %w", broken.id, err)
	}
	s.Log.ErrorContext(ctx, "an event of a source code host was set aside, because it cannot be acted on", "event", broken.id, "topic", row.Topic,
		"delivery", row.Delivery, "reason", reason)
	return nil
}

// buildDocs starts builds of documentation. What cannot be started now is started by the workers later.
func (s *Service) buildDocs(ctx context.Context, sites []string) {
	if len(sites) == 0 {
		return
	}
	if err := s.Docs.WakePushed(ctx, sites); err != nil {
		s.Log.WarnContext(ctx, "builds of documentation begin later", "error", err)
	}
}

// worked are events that were worked off: their kinds, the sources that they concern, and the documentation that they touch.
type worked struct {
	kinds     []hostevents.Kind
	concerned map[string]bool
	docs      []string
}

// workOff acts on events. The error about one that cannot be acted on is a *brokenEventError.
func (s *Service) workOff(ctx context.Context, tx pgx.Tx, rows []db.PendingSourceEventsRow) (worked, error) {
	ids, touched, done := make([]int64, len(rows)), make([]int32, len(rows)), worked{concerned: map[string]bool{}}
	for i, row := range rows {
		count, err := s.act(ctx, tx, row, &done)
		switch {
		case db.Refused(err):
			return worked{}, &brokenEventError{row.ID, err}
		case err != nil:
			return worked{}, fmt.Errorf("act on event %d: %w", row.ID, err)
		}
		ids[i], touched[i] = row.ID, int32(min(count, math.MaxInt32))
	}
	return done, s.queries.FinishSourceEvents(ctx, tx, ids, touched)
}

// act acts on one event, and returns how many entities it made urgent.
func (s *Service) act(ctx context.Context, tx pgx.Tx, row db.PendingSourceEventsRow, done *worked) (int, error) {
	var event hostevents.Event
	if err := json.Unmarshal(row.Event, &event); err != nil {
		return 0, &brokenEventError{row.ID, fmt.Errorf("decode it: %w", err)}
	}
	count, err := s.refresh(ctx, tx, event)
	if err != nil {
		return 0, err
	}
	if s.Docs != nil {
		sites, err := s.Docs.RequestPushed(ctx, tx, event)
		if err != nil {
			return 0, err
		}
		done.docs = append(done.docs, sites...)
	}
	done.kinds = append(done.kinds, event.Kind)
	isNews := (event.Kind != hostevents.Pushed || count == 0) && event.Kind != hostevents.Proposed
	for _, watcher := range s.Watchers {
		if isNews && watcher.Concerned(event) {
			done.concerned[watcher.Name()] = true
		}
	}
	return count, nil
}

// sweep has sources swept that nobody has paused, each once for any number of events. What cannot be started now is found
// by the next sweep of its schedule.
func (s *Service) sweep(ctx context.Context, concerned map[string]bool) {
	if len(concerned) == 0 {
		return
	}
	names := slices.Sorted(maps.Keys(concerned))
	paused, err := s.queries.PausedSources(ctx, s.Pool, names)
	if err != nil {
		s.Log.WarnContext(ctx, "sources were not swept because of events; their schedules will do that", "sources", names, "error", err)
		return
	}
	for _, name := range names {
		if slices.Contains(paused, name) {
			continue
		}
		if err := s.Sweep(ctx, name); err != nil {
			s.Log.WarnContext(ctx, "a source was not swept because of an event; its schedule will do that", "source", name, "error", err)
		}
	}
}

// Backlog measures the events that wait, and those that were set aside, as samples of telemetry.EventsPending, EventsLag and
// EventsFailed.
func (s *Service) Backlog(ctx context.Context) ([]telemetry.Sample, error) {
	backlog, err := s.queries.SourceEventsBacklog(ctx, s.Pool)
	if err != nil {
		return nil, fmt.Errorf("count the events of source code hosts: %w", err)
	}
	return []telemetry.Sample{{Metric: telemetry.EventsPending, Value: float64(backlog.Pending)}, {Metric: telemetry.EventsLag, Value: backlog.Oldest},
		{Metric: telemetry.EventsFailed, Value: float64(backlog.Failed)}}, nil
}

// refresh makes urgent what reads files that an event touches, and returns their number. An entity of which nothing is
// left there gets an error; its sources alone remove it.
func (s *Service) refresh(ctx context.Context, tx pgx.Tx, event hostevents.Event) (int, error) {
	host, known := s.Hosts.ByHost(event.Host)
	repositories := event.Repositories()
	if !known || len(repositories) == 0 || event.Kind == hostevents.Proposed {
		return 0, nil
	}
	cause := processing.Cause{Kind: processing.CauseEvent, By: fmt.Sprintf("%s %s", event.Kind, repositories[0])}
	return s.state.RefreshReaders(processing.CausedBy(ctx, cause), tx, repositories, func(url string) bool {
		place, err := integration.PlaceOf(host, url)
		return err == nil && event.Touches(place)
	})
}

// DeleteBefore deletes events that were received before a time and worked off, some at once, and reports whether there
// may be more.
func (s *Service) DeleteBefore(ctx context.Context, before time.Time) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	count, err := s.queries.DeleteOldSourceEvents(ctx, s.Pool, before, deleted)
	if err != nil {
		return false, fmt.Errorf("delete old events of source code hosts: %w", err)
	}
	return count == deleted, nil
}
