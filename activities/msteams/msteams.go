// Package msteams holds the action that posts a message to Microsoft Teams, ms-teams:sendMessage.
package msteams

import (
	"cmp"
	"context"
	_ "embed" // for the schema
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
)

//go:embed schema/send.input.json
var sendInput json.RawMessage

// Options are the settings of the action.
type Options struct {
	// WebhookURL is the webhook for steps that name none, "" when there is none.
	WebhookURL string
	// WebhookHosts are the hosts besides Microsoft's to which templates may post.
	WebhookHosts []string
	Transport    http.RoundTripper
}

// hosts are those of the connectors and of the workflows of Power Automate.
var hosts = []string{"*.webhook.office.com", "outlook.office.com", "*.logic.azure.com", "*.api.powerplatform.com"}

// Actions are the actions of this package.
func Actions(options Options) []action.Action { return []action.Action{sendMessage{options: options}} }

// sendMessage is ms-teams:sendMessage. A webhook takes nothing back, so there is nothing to undo.
type sendMessage struct {
	action.NoEffects

	options Options
}

// Describe lists the action with the published schema.
func (sendMessage) Describe() action.Description {
	return action.Description{
		ID:          "ms-teams:sendMessage",
		Description: "Posts a message to Microsoft Teams, by a webhook.",
		InputSchema: sendInput,
		Needs:       []string{"A webhook of Teams, in `ms-teams.webhookUrl` or as a secret of the form. One of another host needs that in `ms-teams.webhookHosts`."},
		Differences: []string{
			"A message that may have arrived although Teams gave no good answer is not sent again by itself. An attempt whose worker died may send it twice.",
			"A rollback does not take the message back.",
		},
		Examples: []action.Example{
			{Description: "Tell the configured channel", Example: `steps:
  - id: tell
    name: Tell the team
    action: ms-teams:sendMessage
    input:
      message: ${{ parameters.name }} is there
`},
			{Description: "Tell the channel of a webhook that was entered in the form", Example: `steps:
  - id: tell
    name: Tell the team
    action: ms-teams:sendMessage
    input:
      message: ${{ parameters.name }} is there
      webhookUrl: ${{ secrets.teamsWebhook }}
`},
		},
	}
}

// card is a message in the form of a connector.
type card struct {
	Type    string `json:"@type"`
	Context string `json:"@context"`
	Summary string `json:"summary"`
	Text    string `json:"text"`
}

// Run posts the message.
func (a sendMessage) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var wanted struct{ Message, WebhookURL string }
	if err := call.Decode(&wanted); err != nil {
		return nil, err
	}
	address := cmp.Or(wanted.WebhookURL, a.options.WebhookURL)
	if address == "" {
		return nil, action.InputError("Webhook URL is not specified in either the action input or the app-config. This must be specified in at least one place in " +
			"order to send a message")
	}
	webhooks := system.Webhooks{Configured: a.options.WebhookURL, Vendor: hosts, Allowed: a.options.WebhookHosts, Key: "ms-teams"}
	if err := webhooks.Check(address); err != nil {
		return nil, err
	}
	teams := hostapi.New(rest.Options{Name: "Microsoft Teams", Key: "ms-teams", BaseURL: address, Transport: a.options.Transport},
		"Use a webhook that has not been removed.").In(words)
	teams.HidesAddress = true
	message := card{Type: "MessageCard", Context: "http://schema.org", Summary: "Backstage", Text: wanted.Message}
	return nil, teams.SendOnce(ctx, "posting the message", http.MethodPost, "", message, nil)
}

// words are those of the plugin.
func words(refusal *rest.RefusalError) string {
	return fmt.Sprintf("Something went wrong while trying to send a request to the Teams webhook URL - StatusCode %d", refusal.Status)
}

// Plan says what would be posted.
func (sendMessage) Plan(context.Context, *action.Call) (action.Plan, error) {
	return action.Plan{Summary: "post a message to Microsoft Teams"}, nil
}
