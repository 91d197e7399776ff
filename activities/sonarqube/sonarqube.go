// Package sonarqube holds the action that creates a project of SonarQube, sonarqube:create-project.
package sonarqube

import (
	"cmp"
	"context"
	_ "embed" // for the schemas
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

var (
	//go:embed schema/create.input.json
	createInput json.RawMessage
	//go:embed schema/create.output.json
	createOutput json.RawMessage
)

// Options are the settings of the action.
type Options struct {
	// URLs are the addresses of the SonarQubes to which templates may send credentials.
	URLs      []string
	Transport http.RoundTripper
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action { return []action.Action{createProject{options}} }

const projectKind = "sonarqube:project"

// createProject is sonarqube:create-project.
type createProject struct{ options Options }

// Describe lists the action with the plugin's schema.
func (createProject) Describe() action.Description {
	return action.Description{
		ID:           "sonarqube:create-project",
		Description:  "Creates a project of SonarQube.",
		InputSchema:  createInput,
		OutputSchema: createOutput,
		Undoes:       "Deletes the project, unless it was analysed.",
		Needs: []string{"The address of the SonarQube in `sonarqube.baseUrl` or `sonarqube.instances`.",
			"A token, or a name and a password, as a secret of the form or the environment, of a user who may create projects and administer the new one."},
		Differences: []string{
			"`baseUrl` is a configured address: the credentials are sent there.",
			"A project that exists already is left untouched and fails the step with that reason.",
			"A name or a key with a space or another character that addresses escape is sent as it is. The plugin escapes it twice.",
			"SonarQube does not say who created a project. One of this key that appears between the intent and the end of an attempt that was cut off is taken " +
				"for the run's.",
			"A rollback uses the run's secret from which the credentials were taken. Without one, the project stays and the rollback says so.",
		},
		Examples: []action.Example{
			{Description: "A private project, with a token", Example: `steps:
  - id: quality
    name: Create the project of SonarQube
    action: sonarqube:create-project
    input:
      baseUrl: https://sonarqube.example.com
      name: ${{ parameters.name }}
      key: ${{ parameters.name }}
      branch: main
      visibility: private
      token: ${{ secrets.sonarToken }}
`},
			{Description: "With a name and a password", Example: `steps:
  - id: quality
    name: Create the project of SonarQube
    action: sonarqube:create-project
    input:
      baseUrl: https://sonarqube.example.com
      name: Shop
      key: acme:shop
      username: portico
      password: ${{ environment.secrets.sonarPassword }}
`},
		},
	}
}

type input struct {
	BaseURL    string `json:"baseUrl"`
	Name       string `json:"name"`
	Key        string `json:"key"`
	Branch     string `json:"branch"`
	Visibility string `json:"visibility"`
	Token      string `json:"token"`
	Username   string `json:"username"`
	Password   string `json:"password"`
}

// record is what the ledger keeps about a project.
type record struct {
	BaseURL string `json:"baseUrl"`
	Key     string `json:"key"`
	// Username is "" where the secret is a token.
	Username string `json:"username,omitempty"`
	// Secret is the name of the run's secret, "" when it is from elsewhere.
	Secret string `json:"secret,omitempty"`
}

// project is what SonarQube says of a project.
type project struct {
	// AnalysisDate is when it was analysed last, "" for never.
	AnalysisDate string `json:"analysisDate"`
}

// connection is a SonarQube with one user's credentials.
type connection struct {
	hostapi.API

	base string
	// creating has the words of the plugin for what SonarQube refuses.
	creating hostapi.API
}

// connect refuses an address that is not configured: it is the template's author who writes it, and the credentials
// would go there. A token is a name without a password.
func (o Options) connect(base, username, secret string) (connection, error) {
	base = strings.TrimSuffix(base, "/")
	if !slices.ContainsFunc(o.URLs, func(known string) bool { return strings.TrimSuffix(known, "/") == base }) {
		return connection{}, action.Advise(action.InputError("baseUrl %s is no SonarQube that is configured", base),
			"Ask an operator to set sonarqube.baseUrl to it, or to add it to sonarqube.instances.")
	}
	pair := secret + ":"
	if username != "" {
		pair = username + ":" + secret
	}
	authorization := "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
	client := rest.Options{Name: base, Key: "sonarqube", BaseURL: base + "/api", Transport: o.Transport,
		Authenticate: func(header http.Header) { header.Set("Authorization", authorization) }}
	api := hostapi.New(client, "Give the user of the credentials this permission in SonarQube, then retry.")
	return connection{base: base, API: api, creating: api.In(words)}, nil
}

// words are those of the plugin.
func words(refusal *rest.RefusalError) string {
	reason := http.StatusText(refusal.Status)
	if refusal.Status == http.StatusUnauthorized {
		reason = "Unauthorized, please use a valid token or username and password"
	}
	return fmt.Sprintf("Failed to create SonarQube project, status %d - %s", refusal.Status, reason)
}

func (a createProject) begin(call *action.Call) (input, connection, error) {
	var wanted input
	if err := call.Decode(&wanted); err != nil {
		return wanted, connection{}, err
	}
	if wanted.Token == "" && (wanted.Username == "" || wanted.Password == "") {
		return wanted, connection{}, action.InputError(`"token" or "username" and "password" are required input parameters`)
	}
	if wanted.Token != "" {
		wanted.Username = ""
	}
	c, err := a.options.connect(wanted.BaseURL, wanted.Username, cmp.Or(wanted.Token, wanted.Password))
	return wanted, c, err
}

// Run creates the project.
func (a createProject) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	wanted, c, err := a.begin(call)
	if err != nil {
		return nil, err
	}
	spec := c.project(record{BaseURL: c.base, Key: wanted.Key, Username: wanted.Username,
		Secret: action.NameOfSecret(call.Secrets, cmp.Or(wanted.Token, wanted.Password))})
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[project], error) {
		return c.create(ctx, wanted)
	}
	if _, err := system.Ensure(ctx, call, spec); err != nil {
		return nil, err
	}
	return action.Output{"projectUrl": c.page(wanted.Key)}, nil
}

// page is where people see a project, in the plugin's words.
func (c connection) page(key string) string { return c.base + "/dashboard?id=" + key }

// project describes the project to package resource, for finding and deleting it.
func (c connection) project(kept record) resource.Spec[project] {
	return resource.Spec[project]{
		Intent: action.Intent{Kind: projectKind, Name: kept.Key, Data: kept},
		Title:  fmt.Sprintf("the project %s on %s", kept.Key, c.base),
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[project], error) {
			return c.find(ctx, kept.Key)
		},
		Delete: func(ctx context.Context, _ project) error {
			err := c.Send(ctx, "deleting the project "+kept.Key, http.MethodPost, "/projects/delete"+system.Query("project", kept.Key), nil, nil)
			if rest.IsStatus(err, http.StatusNotFound) {
				return resource.ErrNotExist
			}
			return err
		},
		Used: func(_ context.Context, _ action.Effect, found project) (string, error) {
			if found.AnalysisDate != "" {
				return "it was analysed at " + found.AnalysisDate, nil
			}
			return "", nil
		},
	}
}

func (c connection) find(ctx context.Context, key string) (*resource.Found[project], error) {
	var answer struct {
		Component project `json:"component"`
	}
	err := c.Send(ctx, "looking for the project "+key, http.MethodGet, "/components/show"+system.Query("component", key), nil, &answer)
	switch {
	case rest.IsStatus(err, http.StatusNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &resource.Found[project]{Thing: answer.Component, URL: c.page(key)}, nil
}

func (c connection) create(ctx context.Context, wanted input) (*resource.Found[project], error) {
	query := []string{"name", wanted.Name, "project", wanted.Key}
	if wanted.Branch != "" {
		query = append(query, "mainBranch", wanted.Branch)
	}
	if wanted.Visibility != "" {
		query = append(query, "visibility", wanted.Visibility)
	}
	err := c.creating.Send(ctx, "creating the project", http.MethodPost, "/projects/create"+system.Query(query...), nil, nil)
	if err == nil {
		return &resource.Found[project]{URL: c.page(wanted.Key)}, nil
	}
	reason := reasonOf(err)
	if reason != "" {
		err = action.Advise(err, "SonarQube says: %s Correct the step's input in the template, and start a new run.", reason)
	}
	if strings.Contains(reason, "already exists") {
		err = resource.Exists(err)
	}
	return nil, err
}

// reasonOf is what SonarQube says of a request that it refuses as wrong, "" for other errors.
func reasonOf(err error) string {
	refusal, is := errors.AsType[*rest.RefusalError](err)
	var said struct {
		Errors []struct {
			Message string `json:"msg"`
		} `json:"errors"`
	}
	if !is || refusal.Status != http.StatusBadRequest || json.Unmarshal(refusal.Body, &said) != nil || len(said.Errors) == 0 {
		return ""
	}
	return said.Errors[0].Message
}

// Undo deletes the project with the credentials of the run's secret.
func (a createProject) Undo(ctx context.Context, call *action.UndoCall) error {
	kept, err := system.Kept[record](call.Effect)
	if err != nil {
		return err
	}
	secret, err := system.Reveal(call, kept.Secret)
	if err != nil {
		return err
	}
	c, err := a.options.connect(kept.BaseURL, kept.Username, secret)
	if err != nil {
		return err
	}
	return system.Remove(ctx, call, c.project(kept))
}

// Plan looks whether the key is free.
func (a createProject) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	wanted, c, err := a.begin(call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, c.project(record{BaseURL: c.base, Key: wanted.Key}), fmt.Sprintf("create the project %s on %s", wanted.Key, c.base))
}
