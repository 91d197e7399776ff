package jenkins

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

const (
	jobKind = "jenkins:job"
	// maxXML bounds a job's configuration.
	maxXML = 5 << 20
)

// createJob is jenkins:job:create, or jenkins:job:copy.
type createJob struct {
	options Options
	isCopy  bool
}

// Describe lists the action with the plugin's schema.
func (a createJob) Describe() action.Description {
	described := action.Description{
		ID: "jenkins:job:create", Description: "Creates a job of Jenkins from its XML.", InputSchema: schema("create.input"), UsesWorkspace: true,
		Undoes: "Deletes the job, unless somebody else than Portico's user has built it.",
		Needs:  []string{fmt.Sprintf(needsAccount, "Job/Create, Job/Read and Job/Delete")},
		Differences: []string{
			"A job that exists already is left untouched and fails the step with that reason.",
			"Jenkins does not say who created a job. One of this name that appears between the intent and the end of an attempt that was cut off is taken for the " +
				"run's.",
			"`serverUrl` is not used, as in the plugin: the server is the configured one.",
		},
		Examples: []action.Example{
			{Description: "From a file of the workspace, in a folder", Example: `steps:
  - id: job
    name: Create the job
    action: jenkins:job:create
    input:
      jobName: ${{ parameters.name }}
      folderName: payments
      configPath: jenkins/config.xml
`},
			{Description: "From XML in the template", Example: `steps:
  - id: job
    name: Create the job
    action: jenkins:job:create
    input:
      jobName: ${{ parameters.name }}
      jobXml: <project/>
`},
		},
	}
	if !a.isCopy {
		return described
	}
	described.ID, described.Description, described.InputSchema = "jenkins:job:copy", "Creates a job of Jenkins as a copy of another.", schema("copy.input")
	described.UsesWorkspace, described.Differences = false, described.Differences[:2]
	described.Examples = []action.Example{
		{Description: "Begin with the job of a template", Example: `steps:
  - id: job
    name: Copy the job
    action: jenkins:job:copy
    input:
      sourceJobName: templates/service
      targetJobName: payments/${{ parameters.name }}
`},
	}
	return described
}

// jobInput is the input of both actions.
type jobInput struct {
	JobName    string `json:"jobName"`
	FolderName string `json:"folderName"`
	JobXML     string `json:"jobXml"`
	ConfigPath string `json:"configPath"`
	Source     string `json:"sourceJobName"`
	Target     string `json:"targetJobName"`
}

// NeedsWorkspace says that the XML is a file.
func (createJob) NeedsWorkspace(call *action.Call) bool {
	var wanted jobInput
	return call.Decode(&wanted) == nil && wanted.ConfigPath != ""
}

// begin reads the input, with the XML of the job.
func (a createJob) begin(call *action.Call) (jobInput, job, *server, error) {
	var wanted jobInput
	if err := call.Decode(&wanted); err != nil {
		return wanted, nil, nil, err
	}
	name := wanted.Target
	if !a.isCopy {
		name = wanted.JobName
		if wanted.FolderName != "" {
			name = wanted.FolderName + "/" + name
		}
		if err := wanted.readXML(call); err != nil {
			return wanted, nil, nil, err
		}
	}
	named, err := parse(name)
	if err != nil {
		return wanted, nil, nil, err
	}
	s, err := a.options.connect()
	return wanted, named, s, err
}

// readXML reads the file with the XML, if it is one.
func (i *jobInput) readXML(call *action.Call) error {
	if i.ConfigPath != "" {
		name, err := workspace.Resolve(call.Workspace, i.ConfigPath)
		if err != nil {
			return err
		}
		file, err := call.Workspace.Open(name)
		if err != nil {
			return workspace.ExplainPath(i.ConfigPath, err)
		}
		defer file.Close()
		content, err := io.ReadAll(io.LimitReader(file, maxXML+1))
		if err != nil {
			return workspace.ExplainPath(i.ConfigPath, err)
		}
		i.JobXML = string(content)
	}
	if len(i.JobXML) > maxXML {
		return action.InputError("the job's XML has more than %d MiB", maxXML>>20)
	}
	if i.JobXML == "" {
		return action.InputError("JobXml cannot be null or empty, please configure with inline content or from xml file!")
	}
	return nil
}

// Run creates the job.
func (a createJob) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	if a.isCopy {
		return nil, a.run(ctx, call, "Job copied successfully!")
	}
	return nil, a.run(ctx, call, "Job created successfully!")
}

func (a createJob) run(ctx context.Context, call *action.Call, done string) error {
	wanted, named, s, err := a.begin(call)
	if err != nil {
		return err
	}
	a.announce(call, wanted)
	query, body := system.Query("name", named.leaf()), any(rest.Content{Type: "application/xml", Body: []byte(wanted.JobXML)})
	if a.isCopy {
		query, body = system.Query("name", named.leaf(), "mode", "copy", "from", wanted.Source), nil
	}
	spec := s.job(named)
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[*state], error) {
		if err := s.post(ctx, "creating the job "+named.String(), named.folder().path()+"/createItem"+query, body); err != nil {
			return nil, err
		}
		return &resource.Found[*state]{URL: s.page(named)}, nil
	}
	if _, err = system.Ensure(ctx, call, spec); err == nil {
		call.Log.Info("%s", done)
	}
	return err
}

// announce logs in the plugin's words what is done.
func (a createJob) announce(call *action.Call, wanted jobInput) {
	if a.isCopy {
		call.Log.Info("Copying jenkins job %s to %s to ", wanted.Source, wanted.Target)
		return
	}
	call.Log.Info("Creating jenkins job %s", wanted.JobName)
}

// page is where people see a job.
func (s *server) page(named job) string { return s.options.BaseURL + named.path() }

// job describes a job to package resource, for finding and deleting it.
func (s *server) job(named job) resource.Spec[*state] {
	return resource.Spec[*state]{
		Intent: action.Intent{Kind: jobKind, Name: named.String(), Data: named},
		Title:  "the job " + named.String() + " of Jenkins",
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[*state], error) {
			found, err := s.get(ctx, named)
			if err != nil || found == nil {
				return nil, err
			}
			return &resource.Found[*state]{Thing: found, URL: s.page(named)}, nil
		},
		Delete: func(ctx context.Context, _ *state) error { return s.delete(ctx, named) },
		Used: func(_ context.Context, _ action.Effect, found *state) (string, error) {
			for _, one := range found.Builds {
				if !one.isBy(s.options.Username) {
					return fmt.Sprintf("somebody has built it, see build %d", one.Number), nil
				}
			}
			return "", nil
		},
	}
}

// delete deletes a job. What is not there is resource.ErrNotExist.
func (s *server) delete(ctx context.Context, named job) error {
	err := s.post(ctx, "deleting the job "+named.String(), named.path()+"/doDelete", nil)
	if rest.IsStatus(err, http.StatusNotFound) {
		return resource.ErrNotExist
	}
	return err
}

// Undo deletes the job.
func (a createJob) Undo(ctx context.Context, call *action.UndoCall) error {
	named, err := system.Kept[job](call.Effect)
	if err != nil {
		return err
	}
	s, err := a.options.connect()
	if err != nil {
		return err
	}
	return system.Remove(ctx, call, s.job(named))
}

// Plan looks whether the name is free.
func (a createJob) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	_, named, s, err := a.begin(call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, s.job(named), "create the job "+named.String()+" of Jenkins")
}
