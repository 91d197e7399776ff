package slack

import (
	"cmp"
	"context"
	"fmt"
	"net/http"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// hosts are Slack's own for webhooks.
var hosts = []string{"hooks.slack.com", "hooks.slack-gov.com"}

// webhook is slack:sendMessage:webhook. A webhook takes nothing back, so there is nothing to undo.
type webhook struct {
	action.NoEffects

	options Options
}

// Describe lists the action with the published schema.
func (webhook) Describe() action.Description {
	return action.Description{
		ID:          "slack:sendMessage:webhook",
		Description: "Posts a message to Slack, by a webhook.",
		InputSchema: webhookInput,
		Needs:       []string{"A webhook of Slack, in `slack.webhookUrl` or as a secret of the form. One of another host needs that in `slack.webhookHosts`."},
		Differences: []string{
			"A message that may have arrived although Slack gave no good answer is not sent again by itself. An attempt whose worker died may send it twice.",
			"A rollback does not take the message back. slack:sendMessage:conversation does.",
		},
		Examples: []action.Example{
			{Description: "Tell the configured channel", Example: `steps:
  - id: tell
    name: Tell the team
    action: slack:sendMessage:webhook
    input:
      message: ${{ parameters.name }} is there
`},
			{Description: "Tell the channel of a webhook that was entered in the form", Example: `steps:
  - id: tell
    name: Tell the team
    action: slack:sendMessage:webhook
    input:
      message: ${{ parameters.name }} is there
      webhookUrl: ${{ secrets.slackWebhook }}
`},
		},
	}
}

// Run posts the message.
func (a webhook) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var wanted struct{ Message, WebhookURL string }
	if err := call.Decode(&wanted); err != nil {
		return nil, err
	}
	address := cmp.Or(a.options.WebhookURL, wanted.WebhookURL)
	if address == "" {
		return nil, action.InputError("Webhook URL is not specified in either the app-config or the action input. This must be specified in at least one place in " +
			"order to send a message")
	}
	webhooks := system.Webhooks{Configured: a.options.WebhookURL, Vendor: hosts, Allowed: a.options.WebhookHosts, Key: "slack"}
	if err := webhooks.Check(address); err != nil {
		return nil, err
	}
	slack := hostapi.New(rest.Options{Name: "Slack", Key: "slack", BaseURL: address, Transport: a.options.Transport},
		"Use a webhook that has not been removed.").In(words)
	slack.HidesAddress = true
	return nil, slack.SendOnce(ctx, "posting the message", http.MethodPost, "", map[string]string{"text": wanted.Message}, nil)
}

// words are those of the plugin's client.
func words(refusal *rest.RefusalError) string {
	return fmt.Sprintf("Request failed with status code %d", refusal.Status)
}

// Plan says what would be posted.
func (webhook) Plan(context.Context, *action.Call) (action.Plan, error) {
	return action.Plan{Summary: "post a message to Slack"}, nil
}
