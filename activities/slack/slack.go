// Package slack holds the actions that post messages to Slack: slack:sendMessage:webhook and
// slack:sendMessage:conversation.
package slack

import (
	_ "embed" // for the schemas
	"encoding/json"
	"net/http"

	"github.com/portico-dev/portico/scaffolder/action"
)

var (
	//go:embed schema/webhook.input.json
	webhookInput json.RawMessage
	//go:embed schema/conversation.input.json
	conversationInput json.RawMessage
	//go:embed schema/conversation.output.json
	conversationOutput json.RawMessage
)

// Options are the settings of the actions. What the configuration says counts before the input of a step, as in the
// plugin.
type Options struct {
	// WebhookURL is the webhook, "" for those of the steps. WebhookHosts are the hosts besides Slack's to which templates
	// may post.
	WebhookURL   string
	WebhookHosts []string
	// Token, ConversationID and ConversationName are for messages through Slack's API.
	Token, ConversationID, ConversationName string
	// APIURL is where a stand-in for Slack's API answers, "" for Slack's own.
	APIURL    string
	Transport http.RoundTripper
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action {
	return []action.Action{webhook{options: options}, conversation{options}}
}
