package api

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/plainjson"
	"github.com/portico-dev/portico/scaffolder/run"
)

const (
	// longPoll is how long a request for events waits before it returns none (Backstage's 30 s).
	longPoll = 30 * time.Second
	// rereadInterval is how often a follower reads without a notification, in case LISTEN/NOTIFY misses one.
	rereadInterval = 10 * time.Second
)

// taskEvent is an event as Backstage returns it.
type taskEvent struct {
	ID                int64                   `json:"id"`
	IsTaskRecoverable bool                    `json:"isTaskRecoverable"`
	TaskID            uuid.UUID               `json:"taskId"`
	Body              document[run.EventBody] `json:"body"`
	Type              eventType               `json:"type"`
	CreatedAt         string                  `json:"createdAt"         jsonschema:"format=date-time"`
}

// eventType is run.EventLog or another of its kind.
type eventType string

func toEvent(e run.Event) taskEvent {
	return taskEvent{ID: e.ID, TaskID: e.RunID, Body: document[run.EventBody]{e.Body}, Type: eventType(e.Type), CreatedAt: isoTime(e.CreatedAt)}
}

func (c *call) after() int64 {
	after, err := strconv.ParseInt(c.Query("after"), 10, 64)
	if err != nil {
		return 0
	}
	return after
}

// pollEvents returns as soon as there is an event, or none when the wait is over.
func (s *scaffolderAPI) pollEvents(c *call) ([]taskEvent, error) {
	leave, err := c.streams.enter(c.principal.Subject)
	if err != nil {
		return nil, err
	}
	defer leave()
	wake, stop := s.events.Follow(c.Param("taskId"))
	defer stop()
	deadline := time.NewTimer(longPoll)
	defer deadline.Stop()
	for {
		events, err := s.service.Events(c.Request.Context(), c.principal, c.Param("taskId"), c.after())
		if err != nil {
			return nil, err
		}
		if len(events) > 0 {
			shown := make([]taskEvent, len(events))
			for i, event := range events {
				shown[i] = toEvent(event)
			}
			return shown, nil
		}
		select {
		case <-wake:
		case <-time.After(rereadInterval):
		case <-deadline.C:
			return []taskEvent{}, nil
		case <-c.leaving:
			return []taskEvent{}, nil
		case <-c.Request.Context().Done():
			return nil, c.Request.Context().Err()
		}
	}
}

// streamEvents sends events as they happen (server-sent events) and ends after the completion event.
func (s *scaffolderAPI) streamEvents(c *call) error {
	leave, err := c.streams.enter(c.principal.Subject)
	if err != nil {
		return err
	}
	defer leave()
	id, after := c.Param("taskId"), c.after()
	wake, stop := s.events.Follow(id)
	defer stop()
	events, err := s.service.Events(c.Request.Context(), c.principal, id, after)
	if err != nil {
		return err
	}
	header := c.Writer.Header()
	header.Set("Content-Type", eventContent)
	header.Set("Cache-Control", "no-cache")
	header.Set("Connection", "keep-alive")
	header.Set("X-Accel-Buffering", "no") // otherwise nginx buffers the events
	c.Writer.WriteHeader(http.StatusOK)
	c.Writer.Flush()
	for {
		if err := c.send(events); err != nil || ended(events) {
			return nil // the client has left, or has all events
		}
		if len(events) > 0 {
			after = events[len(events)-1].ID
		} else if !c.waitForMore(wake) {
			return nil
		}
		if events, err = s.service.Events(c.Request.Context(), c.principal, id, after); err != nil {
			return nil // the response has begun; the client reconnects with its last event id
		}
	}
}

// waitForMore waits for new events. It returns false when the client has left or the server is stopping.
func (c *call) waitForMore(wake <-chan struct{}) bool {
	select {
	case <-wake:
	case <-time.After(rereadInterval):
	case <-c.leaving:
		return false
	case <-c.Request.Context().Done():
		return false
	}
	return true
}

func (c *call) send(events []run.Event) error {
	if len(events) == 0 {
		return nil
	}
	for _, event := range events {
		data, err := plainjson.Marshal(toEvent(event))
		if err != nil {
			return fmt.Errorf("encode event %d: %w", event.ID, err)
		}
		if _, err := fmt.Fprintf(c.Writer, "event: %s\ndata: %s\n\n", event.Type, data); err != nil {
			return err
		}
	}
	c.Writer.Flush()
	return nil
}

func ended(events []run.Event) bool {
	return slices.ContainsFunc(events, func(e run.Event) bool { return e.Type == run.EventCompletion })
}
