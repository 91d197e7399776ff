// Package jenkins holds the actions on jobs of Jenkins, jenkins:job:*. They act on the server of the configuration.
package jenkins

import (
	"context"
	"embed"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
)

//go:embed schema/*.json
var schemas embed.FS

// schema is a schema by the name of its file.
func schema(name string) json.RawMessage {
	content, err := schemas.ReadFile("schema/" + name + ".json")
	if err != nil {
		panic(err) // the name is written in this package
	}
	return content
}

// Options are where Jenkins is, and as whom Portico acts there.
type Options struct {
	BaseURL, Username, APIKey string
	// Headers are sent with each request.
	Headers map[string]string
	// AsksForCrumb says that Jenkins expects a crumb with requests that write, which it hands out.
	AsksForCrumb bool
	Transport    http.RoundTripper
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action {
	return []action.Action{
		createJob{options: options}, createJob{options: options, isCopy: true}, buildJob{options: options}, destroyJob{options: options},
		switchJob{options: options, enables: true}, switchJob{options: options},
	}
}

const needsAccount = "`jenkins.baseUrl`, `jenkins.username` and `jenkins.apiKey`, of a user with the permissions %s."

// server makes requests to Jenkins.
type server struct {
	hostapi.API

	options Options
	// crumb is the header that Jenkins expects with requests that write, once it was asked for.
	crumb *crumb
}

// crumb is Jenkins' protection against forged requests.
type crumb struct {
	Field string `json:"crumbRequestField"`
	Value string `json:"crumb"`
}

// connect makes a connection. Without a configuration it refuses.
func (o Options) connect() (*server, error) {
	if o.BaseURL == "" {
		return nil, action.Advise(action.InputError("Jenkins is not configured"),
			"Ask an operator to set jenkins.baseUrl, jenkins.username and jenkins.apiKey, then start a new run.")
	}
	return &server{options: o, API: o.api(nil)}, nil
}

// api makes requests with a crumb, nil for none.
func (o Options) api(with *crumb) hostapi.API {
	authenticate := rest.Basic(o.Username, o.APIKey)
	client := rest.Options{Name: "Jenkins", Key: "jenkins", BaseURL: strings.TrimSuffix(o.BaseURL, "/"), Transport: o.Transport, RedirectsAnswer: true,
		Authenticate: func(header http.Header) {
			for name, value := range o.Headers {
				header.Set(name, value)
			}
			if authenticate != nil {
				authenticate(header)
			}
			if with != nil && with.Field != "" {
				header.Set(with.Field, with.Value)
			}
		}}
	return hostapi.New(client, "Give the user of jenkins.username this permission in Jenkins, then retry.")
}

// writing is the connection for requests that write. Jenkins without crumbs answers 404 to who asks for one.
func (s *server) writing(ctx context.Context) (hostapi.API, error) {
	if !s.options.AsksForCrumb {
		return s.API, nil
	}
	if s.crumb == nil {
		asked := &crumb{}
		if err := s.Send(ctx, "asking for a crumb", http.MethodGet, "/crumbIssuer/api/json", nil, asked); action.IsTransient(err) {
			return s.API, err
		}
		s.crumb = asked
	}
	return s.options.api(s.crumb), nil
}

// post sends a request that writes, which may be sent again.
func (s *server) post(ctx context.Context, doing, path string, body any) error {
	writing, err := s.writing(ctx)
	if err != nil {
		return err
	}
	return writing.Send(ctx, doing, http.MethodPost, path, body, nil)
}

// job is the name of a job: those of its folders, and its own.
type job []string

// parse splits a name with slashes. The form of Jenkins' addresses, folder/job/name, is understood, too.
func parse(name string) (job, error) {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
	if strings.Contains(name, "/job/") {
		parts = strings.Split(strings.Trim(strings.TrimPrefix(strings.Trim(name, "/"), "job/"), "/"), "/job/")
	}
	for _, part := range parts {
		if strings.Trim(part, ".") == "" {
			return nil, action.InputError("the job's name '%s' has a part that is only dots", name)
		}
	}
	if len(parts) == 0 {
		return nil, action.InputError("the job has no name")
	}
	return parts, nil
}

func (j job) String() string { return strings.Join(j, "/") }

// path is the job's in the addresses of Jenkins.
func (j job) path() string {
	var path strings.Builder
	for _, part := range j {
		path.WriteString("/job/" + url.PathEscape(part))
	}
	return path.String()
}

// folder is where the job is, and leaf its own name.
func (j job) folder() job  { return j[:len(j)-1] }
func (j job) leaf() string { return j[len(j)-1] }

// state is what Jenkins says of a job.
type state struct {
	URL       string  `json:"url"`
	Buildable bool    `json:"buildable"`
	Builds    []build `json:"builds"`
}

// build is a build with who has caused it.
type build struct {
	Number  int64 `json:"number"`
	Actions []struct {
		Causes []struct {
			UserID string `json:"userId"`
		} `json:"causes"`
	} `json:"actions"`
}

// isBy reports whether a user alone has caused a build.
func (b build) isBy(user string) bool {
	causes := 0
	for _, one := range b.Actions {
		for _, cause := range one.Causes {
			if !strings.EqualFold(cause.UserID, user) {
				return false
			}
			causes++
		}
	}
	return causes > 0
}

// get reads a job, nil when there is none.
func (s *server) get(ctx context.Context, j job) (*state, error) {
	var found state
	err := s.Send(ctx, "looking for the job "+j.String(), http.MethodGet,
		j.path()+"/api/json"+system.Query("tree", "url,buildable,builds[number,actions[causes[userId]]]"), nil, &found)
	if rest.IsStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	return &found, err
}
