package api

import (
	"context"
	"errors"
	"mime"
	"net/http"

	"github.com/portico-dev/portico/integration/hostevents"
)

// maxEvent bounds the body of an event, in bytes. It is Backstage's limit.
const maxEvent = 5 << 20

// EventReceiver takes the events of source code hosts. *events.Service of catalog/events implements it.
type EventReceiver interface {
	// Takes returns a fault of kind NotFound for an unknown topic.
	Takes(topic string) error
	// Receive returns hostevents.ErrSignature for a delivery that was not signed with the secret of the topic.
	Receive(ctx context.Context, topic string, header http.Header, body []byte) error
}

// NewEventsPlugin serves /api/events: source code hosts report there what has happened.
func NewEventsPlugin(receiver EventReceiver) Plugin {
	e := eventRoutes{receiver}
	return plugin{id: "events", routes: []route{
		{method: http.MethodPost, path: "/http/:topic", access: open("a host of source code signs its events with the secret of its webhook"),
			audit:   unrecorded("an event changes nothing by itself; what is read because of it is recorded as what sources bring"),
			summary: "Takes an event of a source code host", looseQuery: true, fails: missing,
			serve: accepted("the event is stored", e.take),
			also: []answer{asJSON[eventRefusal](http.StatusForbidden, "the signature is missing or wrong"),
				asJSON[errorEnvelope](errTooLarge.status, "the body is larger than 5 MB"),
				asJSON[errorEnvelope](http.StatusUnsupportedMediaType, "the body is not JSON")}},
	}}
}

type eventRoutes struct{ receiver EventReceiver }

// eventStatus is Backstage's answer to an event.
type eventStatus struct {
	Status string `json:"status" jsonschema:"enum=accepted"`
}

// eventRefusal is Backstage's answer to an event that its validator rejects.
type eventRefusal struct {
	Message string `json:"message"`
}

func (e eventRoutes) take(c *call) (eventStatus, error) {
	topic := c.Param("topic")
	if err := e.receiver.Takes(topic); err != nil {
		return eventStatus{}, err
	}
	mediaType, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if mediaType != jsonContent {
		return eventStatus{}, &statusError{status: http.StatusUnsupportedMediaType, name: "UnsupportedMediaTypeError",
			message: "Unsupported media type: " + c.GetHeader("Content-Type")}
	}
	body, err := readBounded(c.Request, c.Writer, maxEvent)
	if err != nil {
		return eventStatus{}, err
	}
	err = e.receiver.Receive(c.Request.Context(), topic, c.Request.Header, body)
	if errors.Is(err, hostevents.ErrSignature) {
		return eventStatus{}, &bodyError{http.StatusForbidden, eventRefusal{hostevents.ErrSignature.Error()}}
	}
	return eventStatus{"accepted"}, err
}
