package gitlabtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

// call is one request to the API, authenticated.
type call struct {
	*http.Request

	s   *Server
	w   http.ResponseWriter
	who *gitlab.User
}

// api is the table of operations.
func (s *Server) api() http.Handler {
	mux := http.NewServeMux()
	for _, table := range []map[string]func(*call){users, groups, projects, repositories, requests, issues, variables, tokens, pipelines, imports} {
		for pattern, operation := range table {
			method, path, _ := strings.Cut(pattern, " ")
			mux.HandleFunc(method+" "+prefix+path, s.authenticated(operation))
		}
	}
	mux.HandleFunc("POST /api/graphql", s.authenticated((*call).graphQL))
	mux.HandleFunc(prefix+"/", func(w http.ResponseWriter, r *http.Request) {
		s.t.Errorf("the GitLab of the tests has no operation %s %s", r.Method, r.URL.Path)
		refuse(w, http.StatusNotFound, "404 Not Found")
	})
	return mux
}

// authenticated handles requests with a token.
func (s *Server) authenticated(operation func(*call)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") + r.Header.Get("Private-Token")
		who := s.userOf(token)
		if who == nil {
			refuse(w, http.StatusUnauthorized, "401 Unauthorized")
			return
		}
		s.mutex.Lock()
		defer s.mutex.Unlock()
		operation(&call{Request: r, s: s, w: w, who: who})
	}
}

func refuse(w http.ResponseWriter, status int, message any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoded, _ := json.Marshal(map[string]any{"message": message}) //nolint:errchkjson // It is a text or lists of texts.
	w.Write(encoded)                                               //nolint:errcheck // The caller may be gone.
}

func (c *call) refuse(status int, format string, args ...any) {
	refuse(c.w, status, fmt.Sprintf(format, args...))
}

func (c *call) missing(what string) { c.refuse(http.StatusNotFound, "404 %s Not Found", what) }

// answer encodes one of the client's types.
func (c *call) answer(status int, value any) {
	encoded, err := json.Marshal(value)
	if err != nil {
		c.s.t.Errorf("answer to %s %s: %v", c.Method, c.URL.Path, err)
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	c.w.Write(encoded) //nolint:errcheck // The caller may be gone.
}

// list answers one page of a list.
func list[T any](c *call, found []T) {
	size, number := 20, 1
	if given, err := strconv.Atoi(c.URL.Query().Get("per_page")); err == nil {
		size = min(given, 100)
	}
	if given, err := strconv.Atoi(c.URL.Query().Get("page")); err == nil {
		number = max(given, 1)
	}
	start := min((number-1)*size, len(found))
	end := min(start+size, len(found))
	if end < len(found) {
		c.w.Header().Set("X-Next-Page", strconv.Itoa(number+1))
		following := *c.URL
		parameters := following.Query()
		parameters.Set("page", strconv.Itoa(number+1))
		following.RawQuery = parameters.Encode()
		c.w.Header().Set("Link", "<"+c.s.URL+following.String()+">; rel=\"next\"")
	}
	c.answer(http.StatusOK, append([]T{}, found[start:end]...))
}

// body decodes the body into the client's options, which must know all of its fields. It reports whether the
// operation goes on.
func body[T any](c *call) (T, bool) {
	var options T
	content, err := io.ReadAll(c.Body)
	if err == nil && len(bytes.TrimSpace(content)) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(content))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(&options)
	}
	if err != nil {
		c.s.t.Errorf("%s %s: the official client does not send this: %v", c.Method, c.URL.Path, err)
		c.refuse(http.StatusBadRequest, "400 Bad request")
	}
	return options, err == nil
}

// query checks that the client's options know all query parameters.
func query[T any](c *call) bool {
	known := parameters(reflect.TypeFor[T]())
	for name := range c.URL.Query() {
		name, _, _ = strings.Cut(name, "[")
		// GitLab's links to further pages have the first; the client does not know the second any more, and sends it by hand.
		if name != "cursor" && name != "with_projects" && !slices.Contains(known, name) {
			c.s.t.Errorf("%s %s: the official client does not send the parameter %s", c.Method, c.URL.Path, name)
			c.refuse(http.StatusBadRequest, "400 Bad request")
			return false
		}
	}
	return true
}

// parameters are the names of the query parameters of the client's options.
func parameters(options reflect.Type) []string {
	var names []string
	for field := range options.Fields() {
		if field.Anonymous {
			names = append(names, parameters(field.Type)...)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("url"), ",")
		name, _, _ = strings.Cut(name, "[")
		names = append(names, name)
	}
	return names
}

// value is what a pointer points to, the zero value for nil.
func value[T any](pointer *T) T {
	if pointer == nil {
		var none T
		return none
	}
	return *pointer
}

// numbered is the path parameter as a number, 0 when it is none.
func (c *call) numbered(name string) int64 {
	number, err := strconv.ParseInt(c.PathValue(name), 10, 64)
	if err != nil {
		return 0
	}
	return number
}

// allUsers lists users in the order of their numbers, in pages that begin behind a number.
func (c *call) allUsers() {
	parameters := c.URL.Query()
	after, _ := strconv.ParseInt(parameters.Get("cursor"), 10, 64) // Without one, it is 0.
	size, _ := strconv.Atoi(parameters.Get("per_page"))            // The caller gives it.
	found := []*gitlab.User{}
	for _, one := range c.s.users {
		if one.ID > after && (parameters.Get("active") != "true" || one.State == "active") {
			found = append(found, one)
		}
	}
	slices.SortFunc(found, func(a, b *gitlab.User) int { return int(a.ID - b.ID) })
	if len(found) > size {
		found = found[:size]
		following := *c.URL
		parameters.Set("cursor", strconv.FormatInt(found[size-1].ID, 10))
		following.RawQuery = parameters.Encode()
		c.w.Header().Set("Link", "<"+c.s.URL+following.String()+">; rel=\"next\"")
	}
	c.answer(http.StatusOK, found)
}

var users = map[string]func(*call){
	"GET /user": func(c *call) { c.answer(http.StatusOK, c.who) },
	"GET /users": func(c *call) {
		if !query[gitlab.ListUsersOptions](c) {
			return
		}
		if c.URL.Query().Get("pagination") == "keyset" {
			c.allUsers()
			return
		}
		found := []*gitlab.User{}
		for _, one := range c.s.users {
			if one.Username == c.URL.Query().Get("username") {
				found = append(found, one)
			}
		}
		list(c, found)
	},
	"GET /users/{id}": func(c *call) {
		found := c.s.user(c.numbered("id"))
		if found == nil {
			c.missing("User")
			return
		}
		c.answer(http.StatusOK, found)
	},
	"GET /namespaces/{id}": func(c *call) {
		name := c.PathValue("id")
		for _, one := range c.s.users {
			if one.Username == name {
				c.answer(http.StatusOK, &gitlab.Namespace{ID: one.NamespaceID, Name: one.Name, Path: name, Kind: "user", FullPath: name})
				return
			}
		}
		found := c.group()
		if found != nil {
			c.answer(http.StatusOK, &gitlab.Namespace{ID: found.ID, Name: found.Name, Path: found.Path, Kind: "group", FullPath: found.FullPath})
		}
	},
}
