package jenkins

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// buildJob is jenkins:job:build. Jenkins keeps the builds of a queue without a mark of ours, so there is nothing to undo.
type buildJob struct {
	action.NoEffects

	options Options
}

// Describe lists the action with the plugin's schema.
func (buildJob) Describe() action.Description {
	return action.Description{
		ID: "jenkins:job:build", Description: "Starts a build of a job of Jenkins.", InputSchema: schema("build.input"),
		Needs: []string{fmt.Sprintf(needsAccount, "Job/Build")},
		Differences: []string{
			"A build that may have been started although Jenkins gave no good answer is not started again by itself. An attempt whose worker died may start it twice.",
			"A rollback does not stop the build.",
		},
		Examples: []action.Example{
			{Description: "Start a build", Example: `steps:
  - id: build
    name: Start the build
    action: jenkins:job:build
    input:
      jobName: payments/${{ parameters.name }}
`},
			{Description: "With parameters", Example: `steps:
  - id: build
    name: Deploy to the test environment
    action: jenkins:job:build
    input:
      jobName: deploy
      jobParameters:
        parameters:
          SERVICE: ${{ parameters.name }}
          ENVIRONMENT: test
`},
		},
	}
}

type buildInput struct {
	jobInput

	JobParameters struct {
		Parameters ordered `json:"parameters"`
		// Token is the one for starting builds from elsewhere, and Delay how long Jenkins waits.
		Token any `json:"token"`
		Delay any `json:"delay"`
	} `json:"jobParameters"`
}

// ordered is an object whose keys keep their order; nil for none.
type ordered struct{ *nunjucks.Object }

// UnmarshalJSON implements json.Unmarshaler.
func (o *ordered) UnmarshalJSON(data []byte) error {
	value, err := nunjucks.DecodeJSON(data)
	o.Object, _ = value.(*nunjucks.Object)
	return err
}

// form are the parameters as a form, "" without any. Those without a value are left out.
func (o ordered) form() string {
	if o.Object == nil {
		return ""
	}
	var fields []string
	for name, value := range o.All() {
		if value != nil && value != nunjucks.Undefined {
			fields = append(fields, system.Component(name)+"="+strings.ReplaceAll(system.Component(fmt.Sprint(value)), "%20", "+"))
		}
	}
	return strings.Join(fields, "&")
}

// request is where a build is started, and the body.
func (i buildInput) request(named job) (path string, body any) {
	var query []string
	if i.JobParameters.Token != nil {
		query = append(query, "token", fmt.Sprint(i.JobParameters.Token))
	}
	if i.JobParameters.Delay != nil {
		query = append(query, "delay", fmt.Sprint(i.JobParameters.Delay))
	}
	if form := i.JobParameters.Parameters.form(); form != "" {
		return named.path() + "/buildWithParameters" + system.Query(query...),
			rest.Content{Type: "application/x-www-form-urlencoded; charset=UTF-8", Body: []byte(form)}
	}
	return named.path() + "/build" + system.Query(query...), nil
}

// Run starts the build.
func (a buildJob) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var wanted buildInput
	if err := call.Decode(&wanted); err != nil {
		return nil, err
	}
	named, err := parse(wanted.JobName)
	if err != nil {
		return nil, err
	}
	s, err := a.options.connect()
	if err != nil {
		return nil, err
	}
	call.Log.Info("Starting jenkins job %s", wanted.JobName)
	writing, err := s.writing(ctx)
	if err != nil {
		return nil, err
	}
	path, body := wanted.request(named)
	if err := writing.SendOnce(ctx, "starting a build of "+named.String(), http.MethodPost, path, body, nil); err != nil {
		return nil, err
	}
	call.Log.Info("Job started successfully!")
	return nil, nil
}

// Plan says what would be built.
func (buildJob) Plan(_ context.Context, call *action.Call) (action.Plan, error) {
	var wanted buildInput
	if err := call.Decode(&wanted); err != nil {
		return action.Plan{}, err
	}
	return action.Plan{Summary: "start a build of the job " + wanted.JobName + " of Jenkins"}, nil
}
