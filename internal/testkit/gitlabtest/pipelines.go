package gitlabtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

var pipelines = map[string]func(*call){
	"GET /projects/{id}/triggers":                     (*call).triggers,
	"POST /projects/{id}/triggers":                    (*call).createTrigger,
	"DELETE /projects/{id}/triggers/{trigger}":        (*call).deleteTrigger,
	"POST /projects/{id}/trigger/pipeline":            (*call).trigger,
	"GET /projects/{id}/pipelines":                    (*call).pipelines,
	"GET /projects/{id}/pipelines/{pipeline}":         func(c *call) { c.withPipeline(func(*gitlab.Pipeline) {}) },
	"POST /projects/{id}/pipelines/{pipeline}/cancel": (*call).cancel,
	"POST /projects/{id}/pipelines/{pipeline}/retry":  (*call).retry,
	"DELETE /projects/{id}/pipelines/{pipeline}":      (*call).deletePipeline,
	"GET /projects/{id}/pipelines/{pipeline}/jobs":    (*call).jobs,
}

// pipelinesOf describes the pipelines of a project that were not canceled, and its triggers.
func (*Server) pipelinesOf(found *project) string {
	var text strings.Builder
	for _, one := range found.Pipelines {
		if one.Status != "canceled" {
			fmt.Fprintf(&text, "; pipeline on %s %s %v", one.Ref, one.Status, found.PipelineVariables[one.ID])
		}
	}
	for _, one := range found.Triggers {
		text.WriteString("; trigger " + one.Description)
	}
	return text.String()
}

// Finish lets all pipelines of a project end.
func (s *Server) Finish(path string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.projectAt(path).Pipelines {
		one.Status = "success"
	}
}

// AddPipeline adds a pipeline of a user to a project, with a job that has the same status, and returns its number.
func (s *Server) AddPipeline(path, ref, status string, user int64) int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, number := s.projectAt(path), s.number()
	page := s.page("%s/-/pipelines/%d", path, number)
	found.Pipelines = append(found.Pipelines, &gitlab.Pipeline{ID: number, ProjectID: found.ID, Status: status, Source: "push", Ref: ref,
		SHA: strings.Repeat("a", 40), User: basic(s.user(user)), CreatedAt: now(), UpdatedAt: now(), StartedAt: now(), Duration: 90, WebURL: page})
	for _, name := range []string{"compile", "test"} {
		found.Jobs = append(found.Jobs, &gitlab.Job{ID: s.number(), Name: name, Stage: "build", Status: status, StartedAt: now(), Duration: 44.5,
			Pipeline: gitlab.JobPipeline{ID: number}, WebURL: page + "#" + name})
	}
	return number
}

func (c *call) triggers() {
	found := c.project()
	if found == nil || !query[gitlab.ListPipelineTriggersOptions](c) {
		return
	}
	list(c, found.Triggers)
}

func (c *call) createTrigger() {
	found := c.project()
	if found == nil {
		return
	}
	options, ok := body[gitlab.AddPipelineTriggerOptions](c)
	if !ok {
		return
	}
	number := c.s.number()
	made := &gitlab.PipelineTrigger{ID: number, Description: value(options.Description), Token: fmt.Sprintf("glptt-secret-%d", number), Owner: c.who}
	found.Triggers = append(found.Triggers, made)
	c.answer(http.StatusCreated, made)
}

func (c *call) deleteTrigger() {
	found := c.project()
	if found == nil {
		return
	}
	before := len(found.Triggers)
	found.Triggers = slices.DeleteFunc(found.Triggers, func(one *gitlab.PipelineTrigger) bool { return one.ID == c.numbered("trigger") })
	if len(found.Triggers) == before {
		c.missing("Trigger")
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}

func (c *call) trigger() {
	found := c.project()
	if found == nil {
		return
	}
	options, ok := body[gitlab.RunPipelineTriggerOptions](c)
	if !ok {
		return
	}
	at := slices.IndexFunc(found.Triggers, func(one *gitlab.PipelineTrigger) bool { return one.Token == value(options.Token) })
	if at < 0 {
		c.missing("Not found")
		return
	}
	if c.s.git.resolve(c.Context(), found.ID, value(options.Ref)) == "" {
		refuse(c.w, http.StatusBadRequest, map[string][]string{"base": {"Reference not found"}})
		return
	}
	number := c.s.number()
	started := &gitlab.Pipeline{
		ID: number, ProjectID: found.ID, Status: "running", Source: "trigger", Ref: value(options.Ref), User: basic(found.Triggers[at].Owner),
		CreatedAt: now(), WebURL: c.s.page("%s/-/pipelines/%d", found.PathWithNamespace, number),
	}
	found.Pipelines = append(found.Pipelines, started)
	found.PipelineVariables[number] = options.Variables
	c.answer(http.StatusCreated, started)
}

func (c *call) pipelines() {
	found := c.project()
	if found == nil || !query[gitlab.ListProjectPipelinesOptions](c) {
		return
	}
	listed := []*gitlab.PipelineInfo{}
	for _, one := range slices.Backward(found.Pipelines) {
		if ref := c.URL.Query().Get("ref"); ref == "" || ref == one.Ref {
			listed = append(listed, &gitlab.PipelineInfo{ID: one.ID, ProjectID: one.ProjectID, Status: one.Status, Source: string(one.Source), Ref: one.Ref,
				SHA: one.SHA, Name: one.Name, WebURL: one.WebURL, CreatedAt: one.CreatedAt, UpdatedAt: one.UpdatedAt})
		}
	}
	list(c, listed)
}

func (c *call) withPipeline(do func(*gitlab.Pipeline)) {
	found := c.project()
	if found == nil {
		return
	}
	at := slices.IndexFunc(found.Pipelines, func(one *gitlab.Pipeline) bool { return one.ID == c.numbered("pipeline") })
	if at < 0 {
		c.missing("Not found")
		return
	}
	do(found.Pipelines[at])
	c.answer(http.StatusOK, found.Pipelines[at])
}

func (c *call) cancel() { c.withPipeline(func(one *gitlab.Pipeline) { one.Status = "canceled" }) }

// retry runs the jobs again that did not succeed.
func (c *call) retry() {
	c.withPipeline(func(one *gitlab.Pipeline) {
		if one.Status == "failed" || one.Status == "canceled" {
			one.Status, one.UpdatedAt = "running", now()
		}
	})
}

func (c *call) deletePipeline() {
	found := c.project()
	if found == nil {
		return
	}
	before := len(found.Pipelines)
	found.Pipelines = slices.DeleteFunc(found.Pipelines, func(one *gitlab.Pipeline) bool { return one.ID == c.numbered("pipeline") })
	if len(found.Pipelines) == before {
		c.missing("Not found")
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}

// jobs lists the jobs of a pipeline, the last one first.
func (c *call) jobs() {
	found := c.project()
	if found == nil || !query[gitlab.ListJobsOptions](c) {
		return
	}
	listed := []*gitlab.Job{}
	for _, one := range slices.Backward(found.Jobs) {
		if one.Pipeline.ID == c.numbered("pipeline") {
			listed = append(listed, one)
		}
	}
	list(c, listed)
}
