package standin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/labels"
)

// The credentials that ArgoCD takes.
const (
	ArgoCDToken    = "argo-token"
	ArgoCDUsername = "portico"
	ArgoCDPassword = "hunter2-argo"
)

// object is a resource as the API has it.
type object = map[string]any

// ArgoCD is the REST API of Argo CD: it keeps projects and applications in memory, and deploys nothing. With Deploy, it
// says that it does.
type ArgoCD struct {
	mutex sync.Mutex
	// projects and applications are by name.
	projects, applications map[string]object
	// hidden answers 403 to everything.
	hidden bool
	// writes counts the changes.
	writes int
	// lingers is how many reads an application survives that is being deleted.
	lingers int
	// states are the states that an application has in turn, the last one from then on.
	states []object
	// deploys says that applications become healthy with time.
	deploys bool
	// requests are the writes that arrived, in order.
	requests []string
}

// NewArgoCD has the project default.
func NewArgoCD() *ArgoCD {
	s := &ArgoCD{projects: map[string]object{}, applications: map[string]object{}}
	s.projects["default"] = s.stored(object{"metadata": object{"name": "default"}, "spec": object{
		"sourceRepos": []any{"*"}, "destinations": []any{object{"namespace": "*", "server": "*"}}}})
	return s
}

// ServeHTTP answers a request to the API.
func (s *ArgoCD) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	s.answer(w, r, body)
}

func (s *ArgoCD) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if r.Method != http.MethodGet {
		s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
	}
	kind, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/v1/"), "/")
	var sent object
	if len(body) > 0 && json.Unmarshal(body, &sent) != nil {
		refuse(w, http.StatusBadRequest, 3, "the body is no JSON")
		return
	}
	switch {
	case kind == "session":
		s.signIn(w, sent)
	case r.Header.Get("Authorization") != "Bearer "+ArgoCDToken:
		refuse(w, http.StatusUnauthorized, 16, "no session information")
	case s.hidden:
		refuse(w, http.StatusForbidden, 7, "permission denied")
	case kind == "projects":
		s.project(w, r.Method, name, sent)
	default:
		s.application(w, r, name, sent)
	}
}

func (s *ArgoCD) signIn(w http.ResponseWriter, sent object) {
	if sent["username"] != ArgoCDUsername || sent["password"] != ArgoCDPassword {
		refuse(w, http.StatusUnauthorized, 16, "Invalid username or password")
		return
	}
	give(w, object{"token": ArgoCDToken})
}

func (s *ArgoCD) project(w http.ResponseWriter, method, name string, sent object) {
	if method == http.MethodPost {
		wanted, _ := sent["project"].(object)
		s.create(w, s.projects, wanted, "project")
		return
	}
	found := s.projects[name]
	switch {
	case found == nil:
		refuse(w, http.StatusNotFound, 5, fmt.Sprintf("appprojects.argoproj.io %q not found", name))
	case method == http.MethodGet:
		give(w, found)
	default:
		if used := s.in(name); len(used) > 0 {
			refuse(w, http.StatusBadRequest, 9, fmt.Sprintf("project is referenced by %d applications", len(used)))
			return
		}
		delete(s.projects, name)
		s.writes++
		give(w, object{})
	}
}

// in are the names of the applications of a project.
func (s *ArgoCD) in(project string) []string {
	var names []string
	for name, each := range s.applications {
		if field(each, "spec", "project") == project {
			names = append(names, name)
		}
	}
	return names
}

func (s *ArgoCD) application(w http.ResponseWriter, r *http.Request, name string, sent object) {
	query, found := r.URL.Query(), s.applications[name]
	switch {
	case r.Method == http.MethodPost:
		if s.projects[text(field(sent, "spec", "project"))] == nil {
			refuse(w, http.StatusBadRequest, 3, fmt.Sprintf("application references project %v which does not exist", field(sent, "spec", "project")))
			return
		}
		s.create(w, s.applications, sent, "application")
	case name == "":
		s.list(w, query)
	case found == nil && query.Get("project") == "":
		refuse(w, http.StatusForbidden, 7, "permission denied") // as Argo CD answers who cannot know
	case found == nil:
		refuse(w, http.StatusNotFound, 5, fmt.Sprintf("applications.argoproj.io %q not found", name))
	case r.Method == http.MethodDelete:
		s.writes++
		part(found, "metadata")["deletionTimestamp"] = time.Now().UTC().Format(time.RFC3339)
		s.endure(name)
		give(w, object{})
	default:
		if field(found, "metadata", "deletionTimestamp") != nil {
			s.endure(name)
		}
		s.progress(found)
		give(w, found)
	}
}

// list answers with the applications that meet all conditions of a query.
func (s *ArgoCD) list(w http.ResponseWriter, query url.Values) {
	selector, err := labels.Parse(query.Get("selector"))
	if err != nil {
		refuse(w, http.StatusBadRequest, 3, err.Error())
		return
	}
	items := []any{}
	for _, name := range slices.Sorted(maps.Keys(s.applications)) {
		each := s.applications[name]
		own := labels.Set{}
		for label, value := range part(each, "metadata", "labels") {
			own[label] = text(value)
		}
		wanted := func(parameter string, value any) bool {
			values := query[parameter]
			return len(values) == 0 || slices.Contains(values, text(value))
		}
		if wanted("name", name) && wanted("projects", field(each, "spec", "project")) && wanted("appNamespace", field(each, "metadata", "namespace")) && selector.Matches(own) {
			s.progress(each)
			items = append(items, each)
		}
	}
	give(w, object{"items": items, "metadata": object{}})
}

// progress gives an application the next state.
func (s *ArgoCD) progress(application object) {
	if len(s.states) > 0 {
		application["status"] = s.states[0]
		s.states = s.states[min(1, len(s.states)-1):]
	}
	if s.deploys {
		application["status"] = deployed(application)
	}
}

// The times after which an application is synchronized, and healthy.
const (
	syncedAfter  = 3 * time.Second
	healthyAfter = 8 * time.Second
)

// deployed is the status of an application that was created some time ago.
func deployed(application object) object {
	created, _ := time.Parse(time.RFC3339, text(field(application, "metadata", "creationTimestamp")))
	age := time.Since(created)
	if age < syncedAfter {
		return object{"sync": object{"status": "OutOfSync"}, "health": object{"status": "Missing"}}
	}
	health := "Healthy"
	if age < healthyAfter {
		health = "Progressing"
	}
	synced := created.Add(syncedAfter).Format(time.RFC3339)
	initiator := object{"automated": true}
	return object{"sync": object{"status": "Synced"}, "health": object{"status": health},
		"operationState": object{"phase": "Succeeded", "message": "successfully synced", "startedAt": synced, "finishedAt": synced,
			"operation": object{"initiatedBy": initiator}},
		"history": []any{object{"id": 0, "deployedAt": synced, "source": field(application, "spec", "source"), "initiatedBy": initiator}}}
}

// Deploy lets every application become healthy some seconds after its creation, as if it were deployed.
func (s *ArgoCD) Deploy() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.deploys = true
}

// endure deletes an application, unless it lingers.
func (s *ArgoCD) endure(name string) {
	if s.lingers == 0 {
		delete(s.applications, name)
		return
	}
	s.lingers--
}

// create stores a resource. One of the same name and content is answered as if it had been created, as Argo CD does.
func (s *ArgoCD) create(w http.ResponseWriter, all map[string]object, wanted object, kind string) {
	name := text(field(wanted, "metadata", "name"))
	if existing := all[name]; existing != nil {
		if !reflect.DeepEqual(existing["spec"], wanted["spec"]) {
			refuse(w, http.StatusBadRequest, 3, "existing "+kind+" spec is different, use upsert flag to force update")
			return
		}
		give(w, existing)
		return
	}
	all[name] = s.stored(wanted)
	give(w, all[name])
}

// namespace is where Argo CD and its resources are.
const namespace = "argocd"

// stored is a resource with what the server adds.
func (s *ArgoCD) stored(wanted object) object {
	s.writes++
	metadata := part(wanted, "metadata")
	metadata["namespace"], metadata["uid"], metadata["creationTimestamp"] = namespace, uuid.NewString(), time.Now().UTC().Format(time.RFC3339)
	return wanted
}

// field is the value at keys, nil when there is none.
func field(of object, keys ...string) any {
	var value any = of
	for _, key := range keys {
		inner, is := value.(object)
		if !is {
			return nil
		}
		value = inner[key]
	}
	return value
}

// part is the object at keys; an empty one that belongs to nothing where there is none.
func part(of object, keys ...string) object {
	if inner, is := field(of, keys...).(object); is {
		return inner
	}
	return object{}
}

func text(value any) string {
	text, _ := value.(string)
	return text
}

func give(w http.ResponseWriter, body any) {
	_ = json.NewEncoder(w).Encode(body) //nolint:errchkjson // It is written by this package.
}

func refuse(w http.ResponseWriter, status, code int, message string) {
	w.WriteHeader(status)
	give(w, object{"code": code, "error": message, "message": message})
}

// State lists what exists besides the project default, without ids and times.
func (s *ArgoCD) State() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for name, each := range s.projects {
		if name != "default" {
			listed = append(listed, fmt.Sprintf("project %s: %s", name, encoded(each["spec"])))
		}
	}
	for name, each := range s.applications {
		listed = append(listed, fmt.Sprintf("application %s %s: %s", name, encoded(field(each, "metadata", "labels")), encoded(each["spec"])))
	}
	slices.Sort(listed)
	return listed
}

func encoded(value any) string {
	text, _ := json.Marshal(value) //nolint:errchkjson // It was decoded before.
	return string(text)
}

// Digest changes with each change.
func (s *ArgoCD) Digest() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return fmt.Sprint(s.writes)
}

// Writes are the requests that may change something, in order.
func (s *ArgoCD) Writes() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.requests)
}

// Hide answers 403 to every request, until show is called.
func (s *ArgoCD) Hide() (show func()) {
	set := func(hidden bool) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.hidden = hidden
	}
	set(true)
	return func() { set(false) }
}

// Linger lets applications survive a number of reads after their deletion was asked for.
func (s *ArgoCD) Linger(reads int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.lingers = reads
}

// Edit lets somebody else change the path of an application.
func (s *ArgoCD) Edit(name, path string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	part(s.applications[name], "spec", "source")["path"] = path
	s.writes++
}

// Names are the names of the applications.
func (s *ArgoCD) Names() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.SortedFunc(maps.Keys(s.applications), cmp.Compare)
}

// Progress gives every application these states in turn: the status of an Application.
func (s *ArgoCD) Progress(states ...map[string]any) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.states = states
}

// Add lets somebody else create a project or an application of a project, long ago.
func (s *ArgoCD) Add(kind string, resource map[string]any) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	all := map[string]map[string]object{"project": s.projects, "application": s.applications}[kind]
	added := s.stored(resource)
	part(added, "metadata")["creationTimestamp"] = "2020-01-01T00:00:00Z"
	all[text(field(added, "metadata", "name"))] = added
}
