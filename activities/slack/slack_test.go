package slack_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/slack"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const token = "xoxb-test"

// workspace is a small Slack with the channel general, after the description of its Web API.
type workspace struct {
	mutex    sync.Mutex
	messages []map[string]any
	sent     int
	// lacks is a scope that the token does not have.
	lacks string
}

func (s *workspace) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var sent map[string]any
	if r.Method == http.MethodPost {
		_ = json.NewDecoder(r.Body).Decode(&sent)
	}
	apitest.JSON(w, http.StatusOK, s.answer(r, sent))
}

func (s *workspace) answer(r *http.Request, sent map[string]any) map[string]any {
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		return map[string]any{"ok": false, "error": "invalid_auth"}
	case r.URL.Path == "/conversations.list" && r.URL.Query().Get("cursor") == "":
		return map[string]any{"ok": true, "channels": []any{map[string]any{"id": "C0", "name": "other"}}, "response_metadata": map[string]any{"next_cursor": "2"}}
	case r.URL.Path == "/conversations.list":
		return map[string]any{"ok": true, "channels": []any{map[string]any{"id": "C1", "name": "general"}}}
	case r.URL.Path == "/conversations.history" && s.lacks == "channels:history":
		return map[string]any{"ok": false, "error": "missing_scope", "needed": s.lacks}
	case r.URL.Path == "/conversations.history":
		return map[string]any{"ok": true, "messages": s.messages}
	case r.URL.Path == "/chat.postMessage" && sent["channel"] == "C1":
		s.sent++
		posted := map[string]any{"ts": strconv.Itoa(s.sent), "text": sent["text"], "metadata": sent["metadata"]}
		s.messages = append(s.messages, posted)
		return map[string]any{"ok": true, "channel": "C1", "ts": posted["ts"]}
	case r.URL.Path == "/chat.delete":
		i := slices.IndexFunc(s.messages, func(one map[string]any) bool { return one["ts"] == sent["ts"] })
		if i < 0 {
			return map[string]any{"ok": false, "error": "message_not_found"}
		}
		s.messages = slices.Delete(s.messages, i, i+1)
		return map[string]any{"ok": true}
	}
	return map[string]any{"ok": false, "error": "channel_not_found"}
}

func (s *workspace) state() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	texts := []string{}
	for _, one := range s.messages {
		text, _ := one["text"].(string)
		texts = append(texts, text)
	}
	return texts
}

func conversation(t testing.TB, options slack.Options) action.Action {
	t.Helper()
	options.Transport = http.DefaultTransport
	return recordedtest.ByID(t, slack.Actions(options), "slack:sendMessage:conversation")
}

func TestAMessageToAConversationConforms(t *testing.T) {
	t.Parallel()
	for name, input := range map[string]string{
		"by id":   `{"message":"hi","conversationId":"C1","token":"` + token + `"}`,
		"by name": `{"message":"hi","conversationName":"general","token":"` + token + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				server := &workspace{messages: []map[string]any{{"ts": "0", "text": "theirs"}}}
				front := apitest.Start(t, gate.Handler(server))
				return actiontest.Fixture{
					Action: conversation(t, slack.Options{APIURL: front.URL}), Input: input, Secrets: map[string]string{"slackToken": token},
					State:  func(testing.TB) []string { return server.state() },
					Digest: func(testing.TB) string { return strconv.Itoa(server.sent) + strconv.Itoa(len(server.state())) },
				}
			})
		})
	}
}

func TestAMessageByWebhookConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		front := apitest.Start(t, gate.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		return actiontest.Fixture{Action: slack.Actions(slack.Options{WebhookURL: front.URL, Transport: http.DefaultTransport})[0], Input: `{"message":"hi"}`,
			NoUndo: "a webhook of Slack takes no message back"}
	})
}

func TestTheActionEqualsThePlugins(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		Action: func(t testing.TB, recorded recordedtest.Case, stubs *recordedtest.Stubs) action.Action {
			t.Helper()
			return recordedtest.ByID(t, slack.Actions(slack.Options{WebhookHosts: []string{stubs.Host}, Transport: http.DefaultTransport}), recorded.Action)
		},
	})
}

// TestALostAnswerWithoutTheRightToLook: nobody knows whether the message was sent, so it is not sent again.
func TestALostAnswerWithoutTheRightToLook(t *testing.T) {
	t.Parallel()
	server := &workspace{lacks: "channels:history"}
	front := apitest.Start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.ServeHTTP(w, r)
		if r.URL.Path == "/chat.postMessage" {
			panic(http.ErrAbortHandler)
		}
	}))
	tested, harness := conversation(t, slack.Options{APIURL: front.URL, Token: token, ConversationID: "C1"}), actiontest.NewHarness(t)
	_, err := harness.Run(t, tested, `{"message":"hi"}`)
	require.True(t, action.IsTransient(err), "%v", err)
	_, err = harness.Run(t, tested, `{"message":"hi"}`)
	require.ErrorContains(t, err, "Nobody knows whether the message was sent")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	require.Equal(t, []string{"hi"}, server.state())
	server.lacks = ""
	require.NoError(t, harness.RollBack(t.Context(), tested))
	require.Empty(t, server.state())
}

func TestFailures(t *testing.T) {
	t.Parallel()
	server := apitest.Start(t, &workspace{})
	gone := apitest.Start(t, http.NotFoundHandler())
	const words = "Something went wrong while trying to send a request to the Slack API - Error: "
	for name, test := range map[string]struct {
		options         slack.Options
		id, input, says string
		kind            fault.Kind
	}{
		"no token": {slack.Options{}, "conversation", `{"message":"hi"}`, "Slack token is not specified in either the app-config or the action input.", fault.Input},
		"no conversation": {slack.Options{Token: token}, "conversation", `{"message":"hi"}`,
			"Neither Conversation ID nor Conversation Name is specified", fault.Input},
		"no such name": {slack.Options{APIURL: server.URL, Token: token}, "conversation", `{"message":"hi","conversationName":"nobody"}`,
			"Conversation Name is not valid.", fault.Input},
		"no such id":    {slack.Options{APIURL: server.URL, Token: token}, "conversation", `{"message":"hi","conversationId":"C9"}`, words + "channel_not_found", fault.Input},
		"a wrong token": {slack.Options{APIURL: server.URL, Token: "x"}, "conversation", `{"message":"hi","conversationId":"C1"}`, words + "invalid_auth", fault.NotAllowed},
		"no webhook":    {slack.Options{}, "webhook", `{"message":"hi"}`, "Webhook URL is not specified in either the app-config or the action input.", fault.Input},
		"an address of the author's": {slack.Options{}, "webhook", `{"message":"hi","webhookUrl":"http://hooks.slack.com/x"}`,
			"webhookUrl leads to hooks.slack.com, to which messages may not go", fault.Input},
		"a webhook that is gone": {slack.Options{WebhookURL: gone.URL}, "webhook", `{"message":"hi"}`, "Request failed with status code 404", fault.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.options.Transport = http.DefaultTransport
			tested := recordedtest.ByID(t, slack.Actions(test.options), "slack:sendMessage:"+test.id)
			_, err := actiontest.NewHarness(t).Run(t, tested, test.input)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.False(t, action.IsTransient(err))
		})
	}
}
