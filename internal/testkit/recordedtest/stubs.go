package recordedtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi" //nolint:gosec // The flaw is of Go 1.6.
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Stubs are the servers of a case. They give the recorded answers: to a request that was made several times
// one after the other, and the last one from then on. A request that was not recorded is answered by the
// suite's Unrecorded, or with 404, and a push is received by Git.
type Stubs struct {
	// Host, Host2 and Host3 are addresses without a scheme. A recording has them as HOST, HOST2 and HOST3:
	// GitHub, Argo CD and the plugin echo are at HOST, GitLab at HOST2.
	Host, Host2, Host3 string

	t testing.TB
	// unrecorded is Suite.Unrecorded.
	unrecorded func(method, target string) (status int, body string)
	git        string
	mutex      sync.Mutex
	answers    map[string][]exchange
	received   []string
	pushes     []string
	places     *strings.Replacer
}

func startStubs(t testing.TB, recorded []exchange, unrecorded func(method, target string) (int, string)) *Stubs {
	t.Helper()
	s := &Stubs{t: t, git: t.TempDir(), answers: map[string][]exchange{}, unrecorded: unrecorded}
	for _, host := range []*string{&s.Host, &s.Host2, &s.Host3} {
		server := httptest.NewServer(s)
		t.Cleanup(server.Close)
		*host = strings.TrimPrefix(server.URL, "http://")
	}
	s.places = strings.NewReplacer("HOST2", s.Host2, "HOST3", s.Host3, "HOSTNAME", "127.0.0.1", "HOST", s.Host)
	for _, each := range recorded {
		key := each.Method + " " + sorted(s.places.Replace(each.Path))
		s.answers[key] = append(s.answers[key], each)
	}
	return s
}

// sorted is a request's path with its query parameters in order.
func sorted(target string) string {
	address, query, found := strings.Cut(target, "?")
	if !found {
		return address
	}
	parameters := strings.Split(query, "&")
	slices.Sort(parameters)
	return address + "?" + strings.Join(parameters, "&")
}

// ServeHTTP answers as recorded.
func (s *Stubs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if service := gitService(r.URL.Path); service != "" {
		s.serveGit(w, r, service)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch given := s.next(r, body); {
	case given == nil:
		status, body := http.StatusNotFound, `{"message":"Not Found"}`
		if s.unrecorded != nil {
			status, body = s.unrecorded(r.Method, r.URL.RequestURI())
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, s.places.Replace(body))
	case given.isSilent:
		<-r.Context().Done()
	case given.Status == 0:
		panic(http.ErrAbortHandler)
	default:
		s.write(w, r, given)
	}
}

func (s *Stubs) write(w http.ResponseWriter, r *http.Request, given *answer) {
	if given.DelayMS > 0 {
		select {
		case <-time.After(time.Duration(given.DelayMS) * time.Millisecond):
		case <-r.Context().Done():
			return
		}
	}
	w.Header()["Content-Type"] = nil // none but the recorded one
	for name, value := range given.Headers {
		w.Header().Set(name, s.places.Replace(value))
	}
	w.WriteHeader(given.Status)
	_, _ = io.WriteString(w, s.places.Replace(text(given.Body, given.JSON)))
}

// next notes the request if it writes, and returns its answer.
func (s *Stubs) next(r *http.Request, body []byte) *answer {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if isWrite(r.Method, r.URL.Path) {
		s.received = append(s.received, written(r.Method, r.URL.RequestURI(), r.Header.Get, string(body)))
	}
	key := r.Method + " " + sorted(r.URL.RequestURI())
	left := s.answers[key]
	if len(left) == 0 {
		return nil
	}
	if len(left) > 1 {
		s.answers[key] = left[1:]
	}
	return &left[0].Response
}

// isWrite reports whether a request writes. The queries of GraphQL are posted, too.
func isWrite(method, target string) bool {
	return method != http.MethodGet && method != http.MethodHead && !strings.HasSuffix(target, "/graphql")
}

// written is what is compared of a request that writes: method, path, credentials and body.
func written(method, target string, header func(string) string, body string) string {
	var document any
	if json.Unmarshal([]byte(body), &document) == nil {
		canonical, _ := json.Marshal(document) //nolint:errchkjson // It was decoded before.
		body = string(canonical)
	}
	// GitHub takes "token" and "Bearer" alike.
	credentials := strings.TrimPrefix(header("Authorization"), "token ") + header("Private-Token")
	credentials = strings.TrimPrefix(credentials, "Bearer ")
	return fmt.Sprintf("%s %s (%s) %s", method, sorted(target), credentials, body)
}

// recordedWrites are the recorded requests that write, in no order: some were sent at once.
func (s *Stubs) recordedWrites(recorded []exchange) []string {
	writes := []string{}
	for _, each := range recorded {
		if !isWrite(each.Method, each.Path) || gitService(each.Path) != "" {
			continue
		}
		header := func(name string) string { return each.Headers[strings.ToLower(name)] }
		writes = append(writes, written(each.Method, s.places.Replace(each.Path), header, s.places.Replace(text(each.Body, each.JSON))))
	}
	slices.Sort(writes)
	return writes
}

// writes are the requests that wrote.
func (s *Stubs) writes() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	writes := slices.Clone(s.received)
	slices.Sort(writes)
	return writes
}

// gitService is the service of Git that a path names, "" for other paths.
func gitService(target string) string {
	address, _, _ := strings.Cut(target, "?")
	for _, service := range []string{"/info/refs", "/git-receive-pack", "/git-upload-pack"} {
		if strings.HasSuffix(address, service) {
			return service
		}
	}
	return ""
}

// serveGit has Git receive a push into an empty repository of that address.
func (s *Stubs) serveGit(w http.ResponseWriter, r *http.Request, service string) {
	address := strings.TrimSuffix(r.URL.Path, service)
	directory := filepath.Join(s.git, url.PathEscape(address))
	s.mutex.Lock()
	if _, err := os.Stat(directory); err != nil {
		runGit(s.t, "", "init", "--quiet", "--bare", directory)
		runGit(s.t, directory, "config", "http.receivepack", "true")
		s.pushes = append(s.pushes, directory)
	}
	s.mutex.Unlock()
	executable, err := exec.LookPath("git")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	inner := r.Clone(r.Context())
	inner.URL = &url.URL{Path: service, RawQuery: r.URL.RawQuery}
	inner.TransferEncoding = nil
	backend := cgi.Handler{Path: executable, Args: []string{"http-backend"}, Dir: directory,
		Env: []string{"GIT_PROJECT_ROOT=" + directory, "GIT_HTTP_EXPORT_ALL=1"}}
	backend.ServeHTTP(w, inner)
}

// pushed are the refs that were pushed, with their newest commits.
func (s *Stubs) pushed() []pushedRef {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := []pushedRef{}
	for _, directory := range s.pushes {
		for ref := range strings.FieldsSeq(runGit(s.t, directory, "for-each-ref", "--format=%(refname)")) {
			fields := strings.SplitN(runGit(s.t, directory, "log", "-1", "--format=%an <%ae>%x00%cn <%ce>%x00%B", ref), "\x00", 3)
			one := pushedRef{Ref: ref, Author: fields[0], Committer: fields[1], Message: strings.TrimSpace(fields[2]), Files: map[string]file{}}
			checkout := s.t.TempDir()
			runGit(s.t, directory, "--work-tree="+checkout, "checkout", "--quiet", "--force", ref, "--", ".")
			one.Files = readFiles(s.t, checkout)
			found = append(found, one)
		}
	}
	return found
}

func recordedPushes(recorded []exchange) []pushedRef {
	found := []pushedRef{}
	for _, each := range recorded {
		found = append(found, each.Push...)
	}
	return found
}

// runGit runs git in a directory, without the configuration of the machine.
func runGit(t testing.TB, directory string, arguments ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", arguments...) //nolint:gosec // The arguments are of this file.
	command.Dir = path.Clean(directory)
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	output, err := command.CombinedOutput()
	require.NoError(t, err, "git %s: %s", strings.Join(arguments, " "), output)
	return string(output)
}
