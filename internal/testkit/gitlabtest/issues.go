package gitlabtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

var issues = map[string]func(*call){
	"GET /projects/{id}/issues":       (*call).listIssues,
	"POST /projects/{id}/issues":      (*call).createIssue,
	"GET /projects/{id}/issues/{iid}": func(c *call) { c.withIssue(func(*gitlab.Issue) {}) },
	"PUT /projects/{id}/issues/{iid}": (*call).changeIssue,
}

// issuesOf describes the open issues of a project.
func (*Server) issuesOf(found *project) string {
	var text strings.Builder
	for _, one := range found.Issues {
		if one.State == "opened" {
			labels := slices.Sorted(slices.Values(one.Labels))
			fmt.Fprintf(&text, "; #%q %q %v, %d assignees, confidential %t", one.Title, one.Description, labels, len(one.Assignees), one.Confidential)
		}
	}
	return text.String()
}

// AddIssue lets a user open an issue, and returns its number within the project.
func (s *Server) AddIssue(path, title string, author int64) int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.addIssue(s.projectAt(path), title, s.user(author)).IID
}

func (s *Server) addIssue(to *project, title string, author *gitlab.User) *gitlab.Issue {
	number := int64(len(to.Issues) + 1)
	made := &gitlab.Issue{
		ID: s.number(), IID: number, ProjectID: to.ID, Title: title, State: "opened", CreatedAt: now(), UpdatedAt: now(),
		Author: &gitlab.IssueAuthor{ID: author.ID, Username: author.Username}, WebURL: s.page("%s/-/issues/%d", to.PathWithNamespace, number),
		Labels: gitlab.Labels{},
	}
	to.Issues = append(to.Issues, made)
	return made
}

// EditIssue lets somebody change an issue.
func (s *Server) EditIssue(path string, number int64, change func(*gitlab.Issue)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	one := s.projectAt(path).Issues[number-1]
	change(one)
	one.UpdatedAt = new(one.UpdatedAt.Add(time.Second))
}

func (s *Server) eachIssue(path string, change func(*gitlab.Issue)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.projectAt(path).Issues {
		change(one)
	}
}

func (c *call) listIssues() {
	found := c.project()
	if found == nil || !query[gitlab.ListProjectIssuesOptions](c) {
		return
	}
	wanted := c.URL.Query()
	listed := []*gitlab.Issue{}
	for _, one := range found.Issues {
		if (wanted.Get("author_id") == "" || wanted.Get("author_id") == fmt.Sprint(one.Author.ID)) &&
			strings.Contains(strings.ToLower(one.Title), strings.ToLower(wanted.Get("search"))) {
			listed = append(listed, one)
		}
	}
	slices.Reverse(listed)
	list(c, listed)
}

// createIssueOptions and updateIssueOptions are the client's options with labels and days as GitLab takes them:
// as texts.
type createIssueOptions struct {
	gitlab.CreateIssueOptions

	Labels  any     `json:"labels"`
	DueDate *string `json:"due_date"`
}

type updateIssueOptions struct {
	gitlab.UpdateIssueOptions

	Labels       any     `json:"labels"`
	AddLabels    any     `json:"add_labels"`
	RemoveLabels any     `json:"remove_labels"`
	DueDate      *string `json:"due_date"`
}

func (c *call) createIssue() {
	found := c.project()
	if found == nil {
		return
	}
	options, ok := body[createIssueOptions](c)
	if !ok {
		return
	}
	made := c.s.addIssue(found, value(options.Title), c.who)
	made.Description, made.Confidential, made.Labels = value(options.Description), value(options.Confidential), labelsOf(options.Labels)
	c.assign(made, value(options.AssigneeIDs))
	c.answer(http.StatusCreated, made)
}

func (c *call) assign(to *gitlab.Issue, numbers []int64) {
	to.Assignees = nil
	for _, number := range numbers {
		if user := c.s.user(number); user != nil {
			to.Assignees = append(to.Assignees, &gitlab.IssueAssignee{ID: user.ID, Username: user.Username})
		}
	}
}

// withIssue lets do read or change the issue of the path, and answers with it.
func (c *call) withIssue(do func(*gitlab.Issue)) {
	found := c.project()
	if found == nil {
		return
	}
	number := c.numbered("iid")
	if number < 1 || number > int64(len(found.Issues)) {
		c.missing("Issue")
		return
	}
	one := found.Issues[number-1]
	do(one)
	c.answer(http.StatusOK, one)
}

func (c *call) changeIssue() {
	options, ok := body[updateIssueOptions](c)
	if !ok {
		return
	}
	c.withIssue(func(one *gitlab.Issue) {
		if options.Title != nil {
			one.Title = *options.Title
		}
		if options.Description != nil {
			one.Description = *options.Description
		}
		if options.Confidential != nil {
			one.Confidential = *options.Confidential
		}
		if options.AssigneeIDs != nil {
			c.assign(one, *options.AssigneeIDs)
		}
		if options.Labels != nil {
			one.Labels = labelsOf(options.Labels)
		}
		removed := labelsOf(options.RemoveLabels)
		one.Labels = slices.DeleteFunc(append(one.Labels, labelsOf(options.AddLabels)...), func(label string) bool { return slices.Contains(removed, label) })
		if event := value(options.StateEvent); event != "" {
			one.State = map[string]string{"close": "closed", "reopen": "opened"}[event]
		}
		one.UpdatedAt = now()
	})
}
