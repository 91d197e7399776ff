package standin

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Slack has the channels of Slack's Web API and what was said there. It takes any token. Its zero value has no
// channel.
type Slack struct {
	things

	messages []string
}

// State lists the channels, and what was said in channels that are still there.
func (s *Slack) State() []string {
	channels := s.things.State()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append(channels, s.messages...)
}

// ServeHTTP answers a call of a method. Slack answers 200 to all of them.
func (s *Slack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer(w, http.StatusOK, s.Answer(r, body))
}

// Answer is the answer to a call.
func (s *Slack) Answer(r *http.Request, body []byte) map[string]any {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var sent struct {
		Name    string `json:"name"`
		Channel string `json:"channel"`
		Text    string `json:"text"`
	}
	_ = json.Unmarshal(body, &sent) // what is missing is refused below
	switch method := strings.TrimPrefix(r.URL.Path, "/api/"); {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer "):
		return refusedBySlack("invalid_auth")
	case method == "conversations.create":
		return s.create(sent.Name)
	case method == "conversations.list":
		channels := []any{}
		for _, id := range slices.Sorted(maps.Keys(s.names)) {
			channels = append(channels, s.channel(id))
		}
		return map[string]any{"ok": true, "channels": channels}
	case s.names[sent.Channel] == "":
		return refusedBySlack("channel_not_found")
	case method == "conversations.archive":
		delete(s.names, sent.Channel)
		return map[string]any{"ok": true}
	case method == "chat.postMessage":
		return s.say(sent.Channel, sent.Text)
	default:
		return refusedBySlack("unknown_method")
	}
}

func (s *Slack) create(name string) map[string]any {
	switch {
	case name == "":
		return refusedBySlack("invalid_name_required")
	case s.has(name):
		return refusedBySlack("name_taken")
	default:
		return map[string]any{"ok": true, "channel": s.channel(s.add("C%08d", name))}
	}
}

func (s *Slack) say(channel, text string) map[string]any {
	now := time.Now()
	at := fmt.Sprintf("%d.%06d", now.Unix(), now.Nanosecond()/1000)
	s.messages = append(s.messages, text)
	return map[string]any{"ok": true, "channel": channel, "ts": at, "message": map[string]any{"type": "message", "text": text, "ts": at}}
}

func (s *Slack) channel(id string) map[string]any {
	return map[string]any{"id": id, "name": s.names[id], "is_channel": true}
}

func refusedBySlack(reason string) map[string]any {
	return map[string]any{"ok": false, "error": reason}
}
