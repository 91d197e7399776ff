package jenkins_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/jenkins"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const user = "portico"

// item is a job.
type item struct {
	xml      string
	disabled bool
	// builds are who has caused the builds.
	builds []string
}

// controller is a small Jenkins, after the description of its remote API: jobs by their addresses, and crumbs. It
// answers as Jenkins does what it has done: with a redirect, to an address that nobody reaches.
type controller struct {
	mutex   sync.Mutex
	jobs    map[string]*item
	changes int
}

func newController() *controller {
	return &controller{jobs: map[string]*item{"/job/payments": {}, "/job/template": {xml: "<template/>"}}}
}

func (s *controller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	name, key, _ := r.BasicAuth()
	path, operation := r.URL.EscapedPath(), ""
	if cut := strings.LastIndex(path, "/"); !strings.HasSuffix(path, "/api/json") {
		path, operation = path[:cut], path[cut+1:]
	}
	path = strings.TrimSuffix(path, "/api/json")
	found := s.jobs[path]
	switch {
	case name != user || key != "key":
		http.Error(w, "<html>", http.StatusUnauthorized)
	case path == "/crumbIssuer":
		_, _ = io.WriteString(w, `{"crumbRequestField":"Jenkins-Crumb","crumb":"c1"}`)
	case r.Method == http.MethodPost && r.Header.Get("Jenkins-Crumb") != "c1":
		http.Error(w, "No valid crumb was included in the request", http.StatusForbidden)
	case operation == "createItem":
		s.create(w, r, path)
	case found == nil:
		http.NotFound(w, r)
	case r.Method == http.MethodGet:
		apitest.JSON(w, http.StatusOK, found.shown())
	default:
		s.change(path, operation, r)
		w.Header().Set("Location", "http://jenkins.internal.example/")
		w.WriteHeader(http.StatusFound)
	}
}

// shown is what Jenkins says of an item.
type shown struct {
	Buildable bool         `json:"buildable"`
	Builds    []shownBuild `json:"builds"`
}

type shownBuild struct {
	Number  int           `json:"number"`
	Actions []shownAction `json:"actions"`
}

type shownAction struct {
	Causes []map[string]string `json:"causes,omitempty"`
}

func (i *item) shown() shown {
	it := shown{Buildable: !i.disabled, Builds: []shownBuild{}}
	for n, by := range i.builds {
		cause := map[string]string{"shortDescription": "Started by " + by}
		if by != "timer" {
			cause["userId"] = by
		}
		it.Builds = append(it.Builds, shownBuild{Number: n + 1, Actions: []shownAction{{Causes: []map[string]string{cause}}, {}}})
	}
	return it
}

func (s *controller) create(w http.ResponseWriter, r *http.Request, folder string) {
	body, _ := io.ReadAll(r.Body)
	path := folder + "/job/" + r.URL.Query().Get("name")
	source := "/job/" + strings.ReplaceAll(r.URL.Query().Get("from"), "/", "/job/")
	switch {
	case s.jobs[path] != nil:
		http.Error(w, "A job already exists with the name", http.StatusBadRequest)
		return
	case r.URL.Query().Get("mode") == "copy" && s.jobs[source] == nil:
		http.Error(w, "No such job", http.StatusBadRequest)
		return
	case r.URL.Query().Get("mode") == "copy":
		body = []byte(s.jobs[source].xml)
	}
	s.changes++
	s.jobs[path] = &item{xml: string(body)}
}

func (s *controller) change(path, operation string, r *http.Request) {
	s.changes++
	switch operation {
	case "doDelete":
		delete(s.jobs, path)
	case "enable", "disable":
		s.jobs[path].disabled = operation == "disable"
	case "build", "buildWithParameters":
		_ = r.ParseForm()
		s.jobs[path].builds = append(s.jobs[path].builds, user)
		s.jobs[path].xml += r.Form.Encode()
	}
}

func (s *controller) do(change func(jobs map[string]*item)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.changes++
	change(s.jobs)
}

func (s *controller) state() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	lines := []string{}
	for path, one := range s.jobs {
		lines = append(lines, fmt.Sprintf("%s %s %t %v", path, one.xml, one.disabled, one.builds))
	}
	slices.Sort(lines)
	return lines
}

func (s *controller) digest() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return strconv.Itoa(s.changes)
}

func at(address string) []action.Action {
	return jenkins.Actions(jenkins.Options{BaseURL: address, Username: user, APIKey: "key", AsksForCrumb: true, Transport: http.DefaultTransport})
}

func TestTheActionsConform(t *testing.T) {
	t.Parallel()
	uses := func(path, by string) func(map[string]*item) {
		return func(jobs map[string]*item) { jobs[path].builds = append(jobs[path].builds, user, by) }
	}
	takes := func(path string) func(map[string]*item) {
		return func(jobs map[string]*item) { jobs[path] = &item{xml: "<theirs/>"} }
	}
	for name, test := range map[string]struct {
		id, input string
		use, take func(map[string]*item)
		// noUndo says why a rollback has nothing to do.
		noUndo string
	}{
		"create": {id: "create", input: `{"jobName":"shop","jobXml":"<project/>"}`, use: uses("/job/shop", "ann"), take: takes("/job/shop")},
		"create, in a folder and from a file": {id: "create", input: `{"jobName":"shop","folderName":"payments","configPath":"job.xml"}`,
			use: uses("/job/payments/job/shop", "timer"), take: takes("/job/payments/job/shop")},
		"copy":    {id: "copy", input: `{"sourceJobName":"template","targetJobName":"payments/shop"}`, use: uses("/job/payments/job/shop", "ann"), take: takes("/job/payments/job/shop")},
		"disable": {id: "disable", input: `{"jobName":"template"}`},
		"enable":  {id: "enable", input: `{"jobName":"payments/off"}`},
		"destroy": {id: "destroy", input: `{"jobName":"template"}`, noUndo: "Jenkins keeps nothing of a job that it has deleted"},
		"build":   {id: "build", input: `{"jobName":"template"}`, noUndo: "what a build has done cannot be taken back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				server := newController()
				server.jobs["/job/payments/job/off"] = &item{disabled: true}
				front := apitest.Start(t, gate.Handler(server))
				fixture := actiontest.Fixture{Action: recordedtest.ByID(t, at(front.URL), "jenkins:job:"+test.id), Input: test.input,
					Files: map[string]string{"job.xml": "<file/>"}}
				if test.noUndo != "" {
					fixture.NoUndo = test.noUndo
					return fixture
				}
				fixture.State = func(testing.TB) []string { return server.state() }
				fixture.Digest = func(testing.TB) string { return server.digest() }
				if test.use != nil {
					fixture.Use = func(testing.TB) { server.do(test.use) }
					fixture.Take = func(testing.TB) { server.do(test.take) }
				}
				return fixture
			})
		})
	}
}

// TestBuildsOfTheRunDoNotKeepItsJob: a job that only Portico's user has built is deleted.
func TestBuildsOfTheRunDoNotKeepItsJob(t *testing.T) {
	t.Parallel()
	server := newController()
	front := apitest.Start(t, server)
	before, harness := server.state(), actiontest.NewHarness(t)
	create := recordedtest.ByID(t, at(front.URL), "jenkins:job:create")
	_, err := harness.Run(t, create, `{"jobName":"shop","jobXml":"<project/>"}`)
	require.NoError(t, err)
	_, err = harness.Run(t, recordedtest.ByID(t, at(front.URL), "jenkins:job:build"), `{"jobName":"shop","jobParameters":{"parameters":{"A B":"1 + 1","C":true}}}`)
	require.NoError(t, err)
	require.Contains(t, server.state(), "/job/shop <project/>A+B=1+%2B+1&C=true false [portico]")
	require.NoError(t, harness.RollBack(t.Context(), create))
	require.Equal(t, before, server.state())
}

func TestTheActionsEqualThePlugins(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		ComparesLog: true,
		Action: func(t testing.TB, recorded recordedtest.Case, stubs *recordedtest.Stubs) action.Action {
			t.Helper()
			return recordedtest.ByID(t, jenkins.Actions(jenkins.Options{BaseURL: "http://" + stubs.Host + "/jenkins", Username: "u", APIKey: "k", AsksForCrumb: true,
				Transport: http.DefaultTransport}), recorded.Action)
		},
	})
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	server := apitest.Start(t, newController())
	stranger := jenkins.Actions(jenkins.Options{BaseURL: server.URL, Username: "ann", APIKey: "x", Transport: http.DefaultTransport})
	for name, test := range map[string]struct {
		actions         []action.Action
		id, input, says string
		kind            fault.Kind
	}{
		"no configuration":      {jenkins.Actions(jenkins.Options{}), "build", `{"jobName":"template"}`, "Jenkins is not configured", fault.Input},
		"no XML":                {at(server.URL), "create", `{"jobName":"shop"}`, "JobXml cannot be null or empty, please configure with inline content or from xml file!", fault.Input},
		"a file that is absent": {at(server.URL), "create", `{"jobName":"shop","configPath":"none.xml"}`, "none.xml is not in the workspace", fault.Input},
		"a name that leads up":  {at(server.URL), "destroy", `{"jobName":"a/../b"}`, "the job's name 'a/../b' has a part that is only dots", fault.Input},
		"a job that is absent":  {at(server.URL), "enable", `{"jobName":"none"}`, "enable the job none: Jenkins answered 404", fault.NotFound},
		"a copy of nothing":     {at(server.URL), "copy", `{"sourceJobName":"none","targetJobName":"shop"}`, "Jenkins answered 400: No such job", fault.Input},
		"a stranger":            {stranger, "disable", `{"jobName":"template"}`, "Jenkins answered 401", fault.Authentication},
		"no crumb": {jenkins.Actions(jenkins.Options{BaseURL: server.URL, Username: user, APIKey: "key", Transport: http.DefaultTransport}), "disable",
			`{"jobName":"template"}`, "Jenkins answered 403: No valid crumb was included in the request", fault.NotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := actiontest.NewHarness(t).Run(t, recordedtest.ByID(t, test.actions, "jenkins:job:"+test.id), test.input)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.NotContains(t, err.Error(), "key")
		})
	}
}
