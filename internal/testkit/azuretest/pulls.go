package azuretest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// pullRequest is a pull request of a repository.
type pullRequest struct {
	Repo                                  string
	Number                                int
	Source, Target, Title, Text, Status   string
	By                                    string
	Created                               time.Time
	AutoComplete, Strategy, Comment, Work string
}

// Pulls lists the pull requests that are not abandoned.
func (s *Server) Pulls() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for _, one := range s.pulls {
		if one.Status != "abandoned" {
			listed = append(listed, fmt.Sprintf("%s %s into %s: %s (%s) %s %s%s%s", one.Repo, one.Source, one.Target, one.Title, one.Text, one.Status,
				one.Strategy, one.Comment, one.Work))
		}
	}
	return listed
}

// OpenPull opens a pull request as somebody else.
func (s *Server) OpenPull(repo, source, target string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.openPull(&pullRequest{Repo: repo, Source: "refs/heads/" + source, Target: "refs/heads/" + target, Title: "Hers", By: her})
}

// Comment comments on all pull requests as somebody else.
func (s *Server) Comment(text string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.pulls {
		one.Comment = text
	}
}

func (s *Server) openPull(one *pullRequest) {
	s.lastID++
	one.Number, one.Status, one.Created = s.lastID, "active", now()
	s.pulls = append(s.pulls, one)
}

func (s *Server) pull(r *request) *pullRequest {
	at := slices.IndexFunc(s.pulls, func(one *pullRequest) bool { return one.Repo == r.repo && one.Number == number(r, "number") })
	if at < 0 {
		return nil
	}
	return s.pulls[at]
}

func (s *Server) pullShape(one *pullRequest) map[string]any {
	return map[string]any{
		"pullRequestId": one.Number, "status": one.Status, "title": one.Title, "description": one.Text, "sourceRefName": one.Source, "targetRefName": one.Target,
		"creationDate": one.Created.Format(time.RFC3339Nano), "createdBy": map[string]any{"id": one.By}, "repository": s.shape(one.Repo),
	}
}

func (s *Server) listPulls(r *request) (int, any) {
	query, listed := r.URL.Query(), []any{}
	for _, one := range slices.Backward(s.pulls) {
		status := query.Get("searchCriteria.status")
		if one.Repo == r.repo && (status == "all" || one.Status == status) && one.Source == query.Get("searchCriteria.sourceRefName") &&
			one.Target == query.Get("searchCriteria.targetRefName") {
			listed = append(listed, s.pullShape(one))
		}
	}
	return http.StatusOK, map[string]any{"value": listed, "count": len(listed)}
}

func (s *Server) createPull(r *request) (int, any) {
	var body struct {
		Source string `json:"sourceRefName"`
		Target string `json:"targetRefName"`
		Title  string `json:"title"`
		Text   string `json:"description"`
		Work   []struct {
			ID string `json:"id"`
		} `json:"workItemRefs"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return refusal(http.StatusBadRequest, "InvalidArgumentValueException", "%v", err)
	}
	for _, ref := range []string{body.Source, body.Target} {
		if s.Git.Tip(r.repo, strings.TrimPrefix(ref, "refs/heads/")) == "" {
			return refusal(http.StatusBadRequest, "GitPullRequestCreationException", "TF401398: The pull request cannot be activated because the source and/or the target branch no longer exists: %s", ref)
		}
	}
	for _, one := range s.pulls {
		if one.Repo == r.repo && one.Status == "active" && one.Source == body.Source && one.Target == body.Target {
			return refusal(http.StatusConflict, "GitPullRequestExistsException", "TF401179: An active pull request for the source and target branch already exists.")
		}
	}
	one := &pullRequest{Repo: r.repo, Source: body.Source, Target: body.Target, Title: body.Title, Text: body.Text, By: me}
	for _, work := range body.Work {
		one.Work += "#" + work.ID
	}
	s.openPull(one)
	return http.StatusCreated, s.pullShape(one)
}

func (s *Server) getPull(r *request) (int, any) {
	one := s.pull(r)
	if one == nil {
		return refusal(http.StatusNotFound, "GitPullRequestNotFoundException", "TF401180: The requested pull request was not found.")
	}
	return http.StatusOK, s.pullShape(one)
}

func (s *Server) patchPull(r *request) (int, any) {
	one := s.pull(r)
	if one == nil {
		return refusal(http.StatusNotFound, "GitPullRequestNotFoundException", "TF401180: The requested pull request was not found.")
	}
	var body struct {
		Status            string `json:"status"`
		AutoCompleteSetBy struct {
			ID string `json:"id"`
		} `json:"autoCompleteSetBy"`
		CompletionOptions struct {
			MergeStrategy string `json:"mergeStrategy"`
		} `json:"completionOptions"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return refusal(http.StatusBadRequest, "InvalidArgumentValueException", "%v", err)
	}
	if body.Status != "" {
		one.Status = body.Status
	}
	if body.AutoCompleteSetBy.ID != "" {
		one.AutoComplete, one.Strategy = body.AutoCompleteSetBy.ID, body.CompletionOptions.MergeStrategy
	}
	return http.StatusOK, s.pullShape(one)
}

// threads has a thread of the system's, as every pull request has.
func (s *Server) threads(r *request) (int, any) {
	listed := []any{map[string]any{"id": 1, "comments": []any{map[string]any{"commentType": "system", "content": "Portico joined as a reviewer"}}}}
	if one := s.pull(r); one != nil && one.Comment != "" {
		listed = append(listed, map[string]any{"id": 2, "comments": []any{map[string]any{"commentType": "text", "content": one.Comment, "author": map[string]any{"id": her}}}})
	}
	return http.StatusOK, map[string]any{"value": listed, "count": len(listed)}
}
