package bitbucketcloudtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pullRequest is a pull request of a repository.
type pullRequest struct {
	Repo                               string
	Number                             int
	Source, Target, Title, Text, State string
	By                                 string
	Created                            time.Time
	Comments                           int
}

// Pulls lists the pull requests that were not declined.
func (s *Server) Pulls() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for _, one := range s.pulls {
		if one.State != "DECLINED" {
			listed = append(listed, fmt.Sprintf("%s %s into %s: %s (%s) %s", one.Repo, one.Source, one.Target, one.Title, one.Text, one.State))
		}
	}
	return listed
}

// OpenPull opens a pull request as somebody else.
func (s *Server) OpenPull(repo, source, target string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.openPull(&pullRequest{Repo: repo, Source: source, Target: target, Title: "Hers", By: her})
}

// EachPull changes all pull requests as somebody else: it comments on them, or merges them.
func (s *Server) EachPull(merge bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.pulls {
		one.Comments++
		if merge {
			one.State = "MERGED"
		}
	}
}

func (s *Server) openPull(one *pullRequest) {
	s.lastID++
	one.Number, one.State, one.Created = s.lastID, "OPEN", now()
	s.pulls = append(s.pulls, one)
}

func (s *Server) pullShape(one *pullRequest) map[string]any {
	page := fmt.Sprintf("%s/%s/%s/pull-requests/%d", s.URL, Workspace, one.Repo, one.Number)
	self := fmt.Sprintf("%s/repositories/%s/%s/pullrequests/%d", s.APIURL, Workspace, one.Repo, one.Number)
	return map[string]any{
		"type": "pullrequest", "id": one.Number, "title": one.Title, "state": one.State, "created_on": one.Created.Format(time.RFC3339Nano),
		"author": map[string]any{"type": "user", "uuid": one.By}, "comment_count": one.Comments,
		"links": map[string]any{"self": href(self), "html": href(page)},
	}
}

func (s *Server) listPulls(r *request) (int, any) {
	query, listed := r.URL.Query(), []any{}
	for _, one := range slices.Backward(s.pulls) {
		asked := fmt.Sprintf("source.branch.name = %q AND destination.branch.name = %q", one.Source, one.Target)
		if one.Repo == r.repo.Name && query.Get("q") == asked && slices.Contains(query["state"], one.State) {
			listed = append(listed, s.pullShape(one))
		}
	}
	return page(listed)
}

func (s *Server) createPull(r *request) (int, any) {
	type side struct {
		Branch struct {
			Name string `json:"name"`
		} `json:"branch"`
	}
	var body struct {
		Title   string `json:"title"`
		Summary struct {
			Raw string `json:"raw"`
		} `json:"summary"`
		Source      side `json:"source"`
		Destination side `json:"destination"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return refusal(http.StatusBadRequest, "Bad request")
	}
	source, target := body.Source.Branch.Name, body.Destination.Branch.Name
	for _, name := range []string{source, target} {
		if s.Git.Tip(r.repo.Name, name) == "" {
			return refusal(http.StatusBadRequest, "There is no branch %s", name)
		}
	}
	if s.Git.Tip(r.repo.Name, source) == s.Git.Tip(r.repo.Name, target) {
		return refusal(http.StatusBadRequest, "There are no changes to be pulled")
	}
	by := me
	if !r.isUser {
		by = "{00000000-0000-4000-8000-00000000000a}"
	}
	one := &pullRequest{Repo: r.repo.Name, Source: source, Target: target, Title: body.Title, Text: body.Summary.Raw, By: by}
	s.openPull(one)
	return http.StatusCreated, s.pullShape(one)
}

func (s *Server) declinePull(r *request) (int, any) {
	for _, one := range s.pulls {
		if one.Repo == r.repo.Name && strconv.Itoa(one.Number) == r.PathValue("number") && one.State == "OPEN" {
			one.State = "DECLINED"
			return http.StatusOK, s.pullShape(one)
		}
	}
	return refusal(http.StatusNotFound, "No such pull request")
}

// pipeline is a run of the pipelines of a repository.
type pipeline struct {
	Repo, UUID    string
	Number        int
	Body          map[string]any
	State, Result string
	By            string
	Created       time.Time
}

// Pipelines lists the pipelines that were not stopped.
func (s *Server) Pipelines() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for _, one := range s.pipelines {
		if one.Result != "STOPPED" {
			listed = append(listed, fmt.Sprintf("%s %s %v", one.Repo, one.State, one.Body))
		}
	}
	return listed
}

// RunPipeline runs a pipeline as somebody else.
func (s *Server) RunPipeline(repo string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.start(&pipeline{Repo: repo, By: her})
}

// EndPipelines ends all pipelines with a result.
func (s *Server) EndPipelines(result string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.pipelines {
		one.State, one.Result = "COMPLETED", result
	}
}

func (s *Server) start(one *pipeline) {
	s.lastID++
	one.UUID, one.Number, one.State, one.Created = fmt.Sprintf("{%d}", s.lastID), s.lastID, "IN_PROGRESS", now()
	s.pipelines = append(s.pipelines, one)
}

func (s *Server) pipelineShape(one *pipeline) map[string]any {
	state := map[string]any{"name": one.State}
	if one.Result != "" {
		state["result"] = map[string]any{"name": one.Result}
	}
	return map[string]any{
		"type": "pipeline", "uuid": one.UUID, "build_number": one.Number, "created_on": one.Created.Format(time.RFC3339Nano), "state": state,
		"creator": map[string]any{"uuid": one.By}, "repository": s.shape(s.repositories[one.Repo]),
	}
}

func (s *Server) listPipelines(r *request) (int, any) {
	listed := []any{}
	for _, one := range slices.Backward(s.pipelines) {
		if one.Repo == r.repo.Name {
			listed = append(listed, s.pipelineShape(one))
		}
	}
	return page(listed)
}

func (s *Server) startPipeline(r *request) (int, any) {
	one := &pipeline{Repo: r.repo.Name, By: me}
	if err := json.NewDecoder(r.Body).Decode(&one.Body); err != nil {
		return refusal(http.StatusBadRequest, "Bad request")
	}
	if one.Body["target"] == nil {
		return refusal(http.StatusBadRequest, "A target is required")
	}
	s.start(one)
	return http.StatusCreated, s.pipelineShape(one)
}

func (s *Server) stopPipeline(r *request) (int, any) {
	for _, one := range s.pipelines {
		if one.UUID == r.PathValue("uuid") {
			one.State, one.Result = "COMPLETED", "STOPPED"
			return http.StatusNoContent, nil
		}
	}
	return refusal(http.StatusNotFound, "No such pipeline")
}

// Restrictions lists the branch restrictions.
func (s *Server) Restrictions() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for _, one := range s.restrictions {
		listed = append(listed, strings.TrimSpace(fmt.Sprintf("%v %v %v%v %v %v %v", one["kind"], one["branch_match_kind"], text(one["branch_type"]), text(one["pattern"]),
			one["value"], one["users"], one["groups"])))
	}
	return listed
}

func text(value any) any {
	if value == nil {
		return ""
	}
	return value
}

// AddRestriction restricts the deletion of the branches of a pattern as somebody else.
func (s *Server) AddRestriction(pattern string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.restrict(map[string]any{"kind": "delete", "branch_match_kind": "glob", "pattern": pattern, "value": 1, "users": []any{}, "groups": []any{}})
}

// ChangeRestrictions lets another group ignore all restrictions.
func (s *Server) ChangeRestrictions(group string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.restrictions {
		one["groups"] = []any{map[string]any{"slug": group, "type": "group"}}
	}
}

func (s *Server) restrict(one map[string]any) {
	s.lastID++
	one["id"] = s.lastID
	s.restrictions = append(s.restrictions, one)
}

func (s *Server) listRestrictions(r *request) (int, any) {
	query, listed := r.URL.Query(), []any{}
	for _, one := range s.restrictions {
		if one["kind"] == query.Get("kind") && (!query.Has("pattern") || one["pattern"] == query.Get("pattern")) {
			listed = append(listed, one)
		}
	}
	return page(listed)
}

func (s *Server) createRestriction(r *request) (int, any) {
	one := map[string]any{}
	if err := json.NewDecoder(r.Body).Decode(&one); err != nil {
		return refusal(http.StatusBadRequest, "Bad request")
	}
	for _, other := range s.restrictions {
		isSame := true
		for _, name := range []string{"kind", "branch_match_kind", "branch_type", "pattern"} {
			isSame = isSame && reflect.DeepEqual(other[name], one[name])
		}
		if isSame {
			return refusal(http.StatusConflict, "A branch restriction of this kind exists already")
		}
	}
	s.restrict(one)
	return http.StatusCreated, one
}

func (s *Server) deleteRestriction(r *request) (int, any) {
	at := slices.IndexFunc(s.restrictions, func(one map[string]any) bool { return fmt.Sprint(one["id"]) == r.PathValue("id") })
	if at < 0 {
		return refusal(http.StatusNotFound, "No such restriction")
	}
	s.restrictions = slices.Delete(s.restrictions, at, at+1)
	return http.StatusNoContent, nil
}
