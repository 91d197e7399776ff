package slack

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

const (
	messageKind = "slack:message"
	publicURL   = "https://slack.com/api"
	// metadataType is the type of a message's metadata, in which it has the mark of its effect.
	metadataType = "portico_effect"
)

// conversation is slack:sendMessage:conversation.
type conversation struct{ options Options }

// Describe lists the action with the published schema.
func (conversation) Describe() action.Description {
	return action.Description{
		ID:           "slack:sendMessage:conversation",
		Description:  "Posts a message to a conversation of Slack, by Slack's API.",
		InputSchema:  conversationInput,
		OutputSchema: conversationOutput,
		Undoes:       "Deletes the message.",
		Needs: []string{"A token of a Slack app, in `slack.token` or as a secret of the form, with the scopes chat:write and chat:write.public; for " +
			"`conversationName`, channels:read.",
			"To learn whether a message was sent when an attempt was cut off, the scope channels:history."},
		Differences: []string{
			"The message has metadata of the type `portico_effect`, which people do not see: by it, a later attempt recognizes the message.",
			"`conversationName` is looked for on all pages of Slack's list, and archived conversations are left out.",
			"The scopes of the token are not checked before. Slack names the one that is missing.",
			"The outputs are Portico's own.",
		},
		Examples: []action.Example{
			{Description: "Tell the configured conversation", Example: `steps:
  - id: tell
    name: Tell the team
    action: slack:sendMessage:conversation
    input:
      message: ${{ parameters.name }} is there
`},
			{Description: "Tell a channel by its name", Example: `steps:
  - id: tell
    name: Tell the team
    action: slack:sendMessage:conversation
    input:
      message: ${{ parameters.name }} is there
      conversationName: team-payments
      token: ${{ secrets.slackToken }}
`},
		},
	}
}

type conversationWanted struct {
	Message          string `json:"message"`
	ConversationID   string `json:"conversationId"`
	ConversationName string `json:"conversationName"`
	Token            string `json:"token"`
}

// name is the conversation for people.
func (w conversationWanted) name() string { return cmp.Or(w.ConversationID, "#"+w.ConversationName) }

// record is what the ledger keeps about a message.
type record struct {
	Channel string `json:"channel"`
	// TS is Slack's name of a message within its channel, "" until it is known.
	TS string `json:"ts,omitempty"`
	// Secret is the name of the run's secret that has the token, "" for the configured one.
	Secret string `json:"secret,omitempty"`
}

func (a conversation) begin(call *action.Call) (conversationWanted, error) {
	var wanted conversationWanted
	if err := call.Decode(&wanted); err != nil {
		return wanted, err
	}
	wanted.Token = cmp.Or(a.options.Token, wanted.Token)
	wanted.ConversationID = cmp.Or(a.options.ConversationID, wanted.ConversationID)
	wanted.ConversationName = cmp.Or(a.options.ConversationName, wanted.ConversationName)
	switch {
	case wanted.Token == "":
		return wanted, action.InputError("Slack token is not specified in either the app-config or the action input. This must be specified in at least one place " +
			"in order to send a message")
	case wanted.ConversationID == "" && wanted.ConversationName == "":
		return wanted, action.InputError("Neither Conversation ID nor Conversation Name is specified in either the app-config or the action input. One of these " +
			"must be specified in at least one place in order to send a message")
	}
	return wanted, nil
}

// Run posts the message.
func (a conversation) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	wanted, err := a.begin(call)
	if err != nil {
		return nil, err
	}
	s := a.options.connect(wanted.Token)
	kept := &record{Channel: wanted.ConversationID}
	if a.options.Token == "" {
		kept.Secret = action.NameOfSecret(call.Secrets, wanted.Token)
	}
	if kept.Channel == "" {
		if kept.Channel, err = s.channel(ctx, wanted.ConversationName); err != nil {
			return nil, err
		}
	}
	spec := s.message(kept)
	spec.Intent.Name = wanted.name()
	spec.Create = func(ctx context.Context, effect action.Effect) (*resource.Found[string], error) {
		posted, err := s.post(ctx, kept.Channel, wanted.Message, effect.ID)
		if err != nil {
			return nil, err
		}
		// Slack may answer with another id than the one that was asked for, such as that of a direct message.
		kept.Channel, kept.TS = posted.Channel, posted.TS
		return foundMessage(kept.TS), nil
	}
	ts, _, err := resource.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	return action.Output{"conversationId": kept.Channel, "ts": ts}, nil
}

// Undo deletes the message.
func (a conversation) Undo(ctx context.Context, call *action.UndoCall) error {
	kept, err := resource.RecordOf[record](call.Effect)
	if err != nil {
		return err
	}
	token := a.options.Token
	if kept.Secret != "" || token == "" {
		if token, err = system.Reveal(call, kept.Secret); err != nil {
			return err
		}
	}
	return resource.Remove(ctx, call, a.options.connect(token).message(&kept))
}

// Plan says where Run would post.
func (a conversation) Plan(_ context.Context, call *action.Call) (action.Plan, error) {
	wanted, err := a.begin(call)
	if err != nil {
		return action.Plan{}, err
	}
	return action.Plan{Summary: "post a message to " + wanted.name() + " on Slack", Creates: []action.PlannedEffect{{Kind: messageKind, Name: wanted.name()}}}, nil
}

// workspace is Slack with one token.
type workspace struct{ hostapi.API }

func (o Options) connect(token string) workspace {
	return workspace{hostapi.New(rest.Options{Name: "Slack", Key: "slack", BaseURL: cmp.Or(o.APIURL, publicURL), Authenticate: rest.Bearer(token), Transport: o.Transport},
		"Give the Slack app of the token the scope, then retry.")}
}

// answer is what Slack answers to all requests: the status 200, and whether it did it.
type answer struct {
	OK      bool   `json:"ok"`
	Error   string `json:"error"`
	Needed  string `json:"needed"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	// Channels and Messages are lists, and Metadata their next page.
	Channels []struct{ ID, Name string } `json:"channels"`
	Messages []message                   `json:"messages"`
	Metadata struct {
		NextCursor string `json:"next_cursor"`
	} `json:"response_metadata"`
}

// message is a message with its mark.
type message struct {
	TS       string `json:"ts"`
	Metadata mark   `json:"metadata"`
}

// mark is the metadata of a message.
type mark struct {
	Type    string            `json:"event_type"`
	Payload map[string]string `json:"event_payload"`
}

// refused is what Slack does not do. Its text is the plugin's.
type refused struct{ code string }

func (r *refused) Error() string {
	return "Something went wrong while trying to send a request to the Slack API - Error: " + r.code
}

// isRefused reports whether Slack refused with this code.
func isRefused(err error, code string) bool {
	refusal, is := errors.AsType[*refused](err)
	return is && refusal.code == code
}

// ask makes a request, and makes an error of a refusal.
func (s workspace) ask(ctx context.Context, doing, method, path string, body any) (answer, error) {
	var got answer
	if err := s.Send(ctx, doing, method, path, body, &got); err != nil || got.OK {
		return got, err
	}
	refusal := &refused{got.Error}
	switch {
	case got.Needed != "":
		return got, action.Advise(fault.Wrap(fault.NotAllowed, refusal, "%s: the scope %s is missing", refusal, got.Needed),
			"Give the Slack app of the token the scope %s, then retry.", got.Needed)
	case slices.Contains([]string{"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"}, got.Error):
		return got, action.Advise(fault.Wrap(fault.NotAllowed, refusal, "%s", refusal), "Use a token of a Slack app that is installed, then retry.")
	case slices.Contains([]string{"internal_error", "fatal_error", "service_unavailable", "ratelimited"}, got.Error):
		return got, action.Transient(refusal, 0)
	}
	return got, action.Advise(fault.Wrap(fault.Input, refusal, "%s", refusal), "Correct the step's input in the template, and start a new run.")
}

// channel is the id of a channel with a name.
func (s workspace) channel(ctx context.Context, name string) (string, error) {
	cursor := ""
	for {
		page, err := s.ask(ctx, "listing the conversations", http.MethodGet, "/conversations.list"+system.Query("exclude_archived", "true", "limit", "1000", "cursor", cursor), nil)
		if err != nil {
			return "", err
		}
		for _, one := range page.Channels {
			if one.Name == name {
				return one.ID, nil
			}
		}
		if cursor = page.Metadata.NextCursor; cursor == "" {
			return "", action.InputError("Conversation Name is not valid. Please check the Conversation Name and try again")
		}
	}
}

// message describes a message to package resource.
func (s workspace) message(kept *record) resource.Spec[string] {
	return resource.Spec[string]{
		Intent: action.Intent{Kind: messageKind, Data: kept},
		Title:  "the message in " + kept.Channel + " on Slack",
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[string], error) {
			return s.find(ctx, effect, kept)
		},
		Delete: func(ctx context.Context, ts string) error {
			_, err := s.ask(ctx, "deleting the message", http.MethodPost, "/chat.delete", map[string]string{"channel": kept.Channel, "ts": ts})
			if isRefused(err, "message_not_found") {
				return resource.ErrNotExist
			}
			return err
		},
	}
}

// foundMessage is the message of the effect.
func foundMessage(ts string) *resource.Found[string] {
	return &resource.Found[string]{Thing: ts, MadeFor: func(action.Effect) bool { return true }}
}

// find finds the message of an effect: the ledger has its name, or else it is looked for by its mark.
func (s workspace) find(ctx context.Context, effect action.Effect, kept *record) (*resource.Found[string], error) {
	if effect.ID == "" || effect.Fresh {
		return nil, nil // nothing can have been sent for it
	}
	recorded, err := resource.RecordOf[record](effect)
	if err != nil {
		return nil, err
	}
	if *kept = recorded; kept.TS != "" {
		return foundMessage(kept.TS), nil
	}
	// A day is enough for two clocks that differ.
	oldest := strconv.FormatInt(effect.IntendedAt.Add(-24*time.Hour).Unix(), 10)
	cursor := ""
	for {
		page, err := s.ask(ctx, "looking for the message", http.MethodGet, "/conversations.history"+
			system.Query("channel", kept.Channel, "oldest", oldest, "include_all_metadata", "true", "limit", "200", "cursor", cursor), nil)
		if err != nil {
			return nil, lost(err)
		}
		for _, one := range page.Messages {
			if one.Metadata.Type == metadataType && one.Metadata.Payload["effect"] == effect.ID {
				kept.TS = one.TS
				return foundMessage(one.TS), nil
			}
		}
		if cursor = page.Metadata.NextCursor; cursor == "" {
			return nil, nil
		}
	}
}

// lost explains why nobody knows whether the message was sent.
func lost(err error) error {
	if !isRefused(err, "missing_scope") {
		return err
	}
	return action.Advise(fault.Wrap(fault.NotAllowed, err, "Nobody knows whether the message was sent: an attempt was cut off, and %s", err),
		"Give the Slack app of the token the scope channels:history, then retry.")
}

// post sends the message with its mark.
func (s workspace) post(ctx context.Context, channel, text, effectID string) (answer, error) {
	body := struct {
		Channel  string `json:"channel"`
		Text     string `json:"text"`
		Metadata mark   `json:"metadata"`
	}{channel, text, mark{Type: metadataType, Payload: map[string]string{"effect": effectID}}}
	return s.ask(ctx, "posting to "+channel, http.MethodPost, "/chat.postMessage", body)
}
