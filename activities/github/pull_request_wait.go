package github

import (
	"cmp"
	"context"
	_ "embed" // for the schemas
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

var (
	//go:embed schema/pull-request-wait.input.json
	pullRequestWaitInputSchema []byte
	//go:embed schema/pull-request-wait.output.json
	pullRequestWaitOutputSchema []byte
)

// pullRequestWait is the action github:pull-request:wait, which Backstage does not have.
type pullRequestWait struct {
	action.NoEffects

	options Options
}

// Describe lists the action.
func (*pullRequestWait) Describe() action.Description {
	return action.Description{
		ID:           "github:pull-request:wait",
		Description:  "Waits until somebody has merged a pull request, for days if need be. No worker is held meanwhile.",
		Examples:     pullRequestWaitExamples,
		InputSchema:  pullRequestWaitInputSchema,
		OutputSchema: pullRequestWaitOutputSchema,
		Needs:        []string{"An entry of `integrations.github` for the host, whose token or App may read pull requests of the repository."},
		Differences:  []string{"Backstage has no such action."},
	}
}

var pullRequestWaitExamples = []action.Example{
	{
		Description: "Go on when the platform team has merged what the step before has proposed",
		Example: `steps:
  - id: merged
    name: Wait for the merge
    action: github:pull-request:wait
    input:
      repoUrl: github.com?owner=acme&repo=infrastructure
      pullRequestNumber: ${{ steps.propose.output.pullRequestNumber }}
`,
	},
	{
		Description: "Give up after a day",
		Example: `steps:
  - id: merged
    name: Wait for the merge
    action: github:pull-request:wait
    input:
      repoUrl: ${{ parameters.repoUrl }}
      pullRequestNumber: 17
      timeoutHours: 24
      pollSeconds: 300
`,
	},
}

type pullRequestWaitInput struct {
	target

	// Number may be written as a text.
	Number       json.Number `json:"pullRequestNumber"`
	TimeoutHours float64     `json:"timeoutHours"`
	PollSeconds  int         `json:"pollSeconds"`
}

// The defaults of the schema.
const (
	defaultWaitHours   = 168
	defaultPollSeconds = 30
)

// Run looks once.
func (p *pullRequestWait) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input pullRequestWaitInput
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(input.Number.String())
	if err != nil {
		return nil, action.InputError("pullRequestNumber '%s' is no number", input.Number)
	}
	c, err := p.options.beginWithin(ctx, input.RepoURL, input.Token, permissions{"pull_requests": "read"})
	if err != nil {
		return nil, err
	}
	title := fmt.Sprintf("pull request %d of %s", number, c.name())
	var found *github.PullRequest
	if err := c.ask(ctx, "looking at "+title, func(ctx context.Context) (err error) {
		found, _, err = c.client.PullRequests.Get(ctx, c.target.Owner, c.target.Repo, number)
		return err
	}); err != nil {
		return nil, err
	}
	switch {
	case found.GetMerged():
		by := cmp.Or(found.GetMergedBy().GetLogin(), "somebody")
		call.Log.Info("%s has merged %s", by, title)
		output := action.Output{"mergeCommit": found.GetMergeCommitSHA(), "url": found.GetHTMLURL()}
		if found.MergedBy != nil {
			output["mergedBy"] = by
		}
		return output, nil
	case found.GetState() == "closed":
		return nil, action.Advise(fault.New(fault.Conflict, "%s was closed and not merged: %s", title, found.GetHTMLURL()),
			"Open it again and have it merged, then retry, or roll the run back.")
	}
	return nil, input.notYet(call, title, found.GetHTMLURL())
}

// notYet looks again later, or gives up.
func (i pullRequestWaitInput) notYet(call *action.Call, title, url string) error {
	hours := cmp.Or(i.TimeoutHours, defaultWaitHours)
	if !call.StartedAt.IsZero() && time.Since(call.StartedAt) > time.Duration(hours*float64(time.Hour)) {
		return action.Advise(fault.New(fault.Conflict, "%s was not merged within %g hours: %s", title, hours, url),
			"Have it merged, then retry: the step then waits for as long again. Or roll the run back.")
	}
	return action.NotYet(time.Duration(cmp.Or(i.PollSeconds, defaultPollSeconds))*time.Second, "Waiting until somebody merges %s: %s", title, url)
}
