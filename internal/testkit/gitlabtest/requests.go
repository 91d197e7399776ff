package gitlabtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

var requests = map[string]func(*call){
	"GET /projects/{id}/merge_requests":                      (*call).mergeRequests,
	"POST /projects/{id}/merge_requests":                     (*call).openMergeRequest,
	"GET /projects/{id}/merge_requests/{iid}":                func(c *call) { c.withRequest(func(*project, *gitlab.MergeRequest) {}) },
	"PUT /projects/{id}/merge_requests/{iid}":                (*call).changeMergeRequest,
	"PUT /projects/{id}/merge_requests/{iid}/merge":          (*call).acceptMergeRequest,
	"GET /projects/{id}/merge_requests/{iid}/approval_rules": (*call).approvalRules,
	"GET /projects/{id}/merge_requests/{iid}/approvals":      (*call).approvals,
}

// requestsOf describes the merge requests of a project that are not closed.
func (*Server) requestsOf(found *project) string {
	var text strings.Builder
	for _, one := range found.Requests {
		if one.State == "closed" {
			continue
		}
		fmt.Fprintf(&text, "; !%q %s into %s (%s, %v", one.Title, one.SourceBranch, one.TargetBranch, one.State, one.Labels)
		for _, reviewer := range one.Reviewers {
			text.WriteString(", reviewer " + reviewer.Username)
		}
		if one.Assignee != nil {
			text.WriteString(", assignee " + one.Assignee.Username)
		}
		if one.MergeWhenPipelineSucceeds {
			text.WriteString(", auto")
		}
		text.WriteString(")")
	}
	return text.String()
}

// Merge lets somebody merge the open merge requests of a project, without any change of its branches.
func (s *Server) Merge(path string) {
	s.eachRequest(path, func(one *gitlab.MergeRequest) { one.State = "merged" })
}

// Discuss lets somebody comment on all merge requests and issues of a project.
func (s *Server) Discuss(path string) {
	s.eachRequest(path, func(one *gitlab.MergeRequest) { one.UserNotesCount++ })
	s.eachIssue(path, func(one *gitlab.Issue) { one.UserNotesCount++ })
}

// AskApproval makes a user an eligible approver of a project's merge requests.
func (s *Server) AskApproval(path string, user int64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.projectAt(path)
	found.Approvers = append(found.Approvers, basic(s.user(user)))
}

// Approve lets a user approve the open merge requests of a project.
func (s *Server) Approve(path string, user int64) {
	s.eachRequest(path, func(one *gitlab.MergeRequest) { one.UpdatedAt = now() })
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.projectAt(path)
	found.Approvals = append(found.Approvals, &gitlab.MergeRequestApproverUser{User: basic(s.user(user))})
}

// RequestChanges lets somebody request changes of the open merge requests of a project.
func (s *Server) RequestChanges(path string) {
	s.eachRequest(path, func(one *gitlab.MergeRequest) { one.UpdatedAt, one.DetailedMergeStatus = now(), "requested_changes" })
}

func (s *Server) eachRequest(path string, change func(*gitlab.MergeRequest)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.projectAt(path).Requests {
		if one.State == "opened" {
			change(one)
		}
	}
}

func (c *call) mergeRequests() {
	found := c.project()
	if found == nil || !query[gitlab.ListProjectMergeRequestsOptions](c) {
		return
	}
	wanted := c.URL.Query()
	listed := []*gitlab.BasicMergeRequest{}
	for _, one := range found.Requests {
		if (wanted.Get("source_branch") == "" || wanted.Get("source_branch") == one.SourceBranch) &&
			(wanted.Get("target_branch") == "" || wanted.Get("target_branch") == one.TargetBranch) &&
			(wanted.Get("state") == "" || wanted.Get("state") == one.State) {
			listed = append(listed, &one.BasicMergeRequest)
		}
	}
	slices.Reverse(listed)
	list(c, listed)
}

// createMergeRequest is the client's options with the labels as GitLab takes them: as a text or a list.
type createMergeRequest struct {
	gitlab.CreateMergeRequestOptions

	Labels any `json:"labels"`
}

func labelsOf(given any) []string {
	labels := []string{}
	switch given := given.(type) {
	case string:
		labels = strings.FieldsFunc(given, func(r rune) bool { return r == ',' })
	case []any:
		for _, one := range given {
			labels = append(labels, fmt.Sprint(one))
		}
	}
	return labels
}

func (c *call) openMergeRequest() {
	found := c.project()
	if found == nil {
		return
	}
	options, ok := body[createMergeRequest](c)
	if !ok {
		return
	}
	source, target := value(options.SourceBranch), value(options.TargetBranch)
	for _, one := range found.Requests {
		if one.State == "opened" && one.SourceBranch == source && one.TargetBranch == target {
			refuse(c.w, http.StatusConflict, []string{fmt.Sprintf("Another open merge request already exists for this source branch: !%d", one.IID)})
			return
		}
	}
	number := int64(len(found.Requests) + 1)
	made := &gitlab.MergeRequest{BasicMergeRequest: gitlab.BasicMergeRequest{
		ID: c.s.number(), IID: number, ProjectID: found.ID, SourceBranch: source, TargetBranch: target, Title: value(options.Title),
		Description: value(options.Description), State: "opened", CreatedAt: now(), Author: basic(c.who), Labels: labelsOf(options.Labels),
		DetailedMergeStatus: "preparing", WebURL: c.s.page("%s/-/merge_requests/%d", found.PathWithNamespace, number),
	}}
	if user := c.s.user(value(options.AssigneeID)); user != nil {
		made.Assignee = basic(user)
	}
	c.setReviewers(made, value(options.ReviewerIDs))
	found.Requests = append(found.Requests, made)
	c.answer(http.StatusCreated, made)
}

func (c *call) setReviewers(to *gitlab.MergeRequest, numbers []int64) {
	to.Reviewers = nil
	for _, number := range numbers {
		if user := c.s.user(number); user != nil {
			to.Reviewers = append(to.Reviewers, basic(user))
		}
	}
}

// withRequest lets do read or change the merge request of the path, and answers with it. A merge request is
// prepared when it is looked at for the first time.
func (c *call) withRequest(do func(*project, *gitlab.MergeRequest)) {
	found := c.project()
	if found == nil {
		return
	}
	number := c.numbered("iid")
	if number < 1 || number > int64(len(found.Requests)) {
		c.missing("Not found")
		return
	}
	one := found.Requests[number-1]
	do(found, one)
	c.answer(http.StatusOK, one)
	one.DetailedMergeStatus = "mergeable"
}

func (c *call) changeMergeRequest() {
	options, ok := body[gitlab.UpdateMergeRequestOptions](c)
	if !ok {
		return
	}
	c.withRequest(func(_ *project, one *gitlab.MergeRequest) {
		if value(options.StateEvent) == "close" {
			one.State = "closed"
		}
		if options.ReviewerIDs != nil {
			c.setReviewers(one, *options.ReviewerIDs)
		}
	})
}

func (c *call) acceptMergeRequest() {
	options, ok := body[gitlab.AcceptMergeRequestOptions](c)
	if !ok {
		return
	}
	c.withRequest(func(_ *project, one *gitlab.MergeRequest) { one.MergeWhenPipelineSucceeds = value(options.AutoMerge) })
}

func (c *call) approvals() {
	if found := c.project(); found != nil {
		c.answer(http.StatusOK, &gitlab.MergeRequestApprovals{IID: c.numbered("iid"), ApprovedBy: found.Approvals})
	}
}

func (c *call) approvalRules() {
	found := c.project()
	if found != nil {
		c.answer(http.StatusOK, []*gitlab.MergeRequestApprovalRule{{ID: 1, Name: "All", EligibleApprovers: found.Approvers}})
	}
}
