package azuretest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// definition is a pipeline.
type definition struct {
	Number             int
	Name, Folder, File string
	Repo, Branch, Pool string
	Revision           int
	Created            time.Time
	By                 string
}

// build is a run of a pipeline.
type build struct {
	Number, Definition     int
	Branch, Status, Result string
	Parameters             map[string]string
	By                     string
	Queued                 time.Time
}

// Pipelines lists the pipelines.
func (s *Server) Pipelines() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for _, one := range s.definitions {
		listed = append(listed, strings.Join([]string{one.Name, one.Folder, one.File, one.Repo, one.Branch, one.Pool}, "|"))
	}
	return listed
}

// AddPipeline creates a pipeline as somebody else.
func (s *Server) AddPipeline(name string) (number int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.define(&definition{Name: name, Folder: `\`, By: her}).Number
}

// ChangePipelines changes all pipelines as somebody else.
func (s *Server) ChangePipelines() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.definitions {
		one.Revision++
	}
}

// Runs lists the runs that were not cancelled.
func (s *Server) Runs() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for _, one := range s.builds {
		if one.Status != "cancelling" {
			listed = append(listed, fmt.Sprintf("%d %s %s %v", one.Definition, one.Branch, one.Status, one.Parameters))
		}
	}
	return listed
}

// EndRuns ends all runs with a result.
func (s *Server) EndRuns(result string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.builds {
		one.Status, one.Result = "completed", result
	}
}

// Permissions lists the pipelines that may use a resource.
func (s *Server) Permissions() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	listed := []string{}
	for one, authorized := range s.permissions {
		if authorized {
			listed = append(listed, one)
		}
	}
	slices.Sort(listed)
	return listed
}

func (s *Server) define(one *definition) *definition {
	s.lastID++
	one.Number, one.Revision, one.Created = s.lastID, 1, now()
	s.definitions = append(s.definitions, one)
	return one
}

func (s *Server) definitionShape(one *definition) map[string]any {
	page := fmt.Sprintf("%s/%s/%s/_build/definition?definitionId=%d", s.URL, Organization, Project, one.Number)
	return map[string]any{
		"id": one.Number, "name": one.Name, "path": one.Folder, "revision": one.Revision, "createdDate": one.Created.Format(time.RFC3339Nano),
		"authoredBy": map[string]any{"id": one.By}, "_links": map[string]any{"web": map[string]any{"href": page}},
	}
}

// add defines a pipeline unless its folder has one of its name.
func (s *Server) add(one *definition) (int, any) {
	for _, other := range s.definitions {
		if strings.EqualFold(other.Name, one.Name) && other.Folder == one.Folder {
			return refusal(http.StatusConflict, "DefinitionExistsException", "A build definition named %s in folder %s already exists for project %s", one.Name, one.Folder, Project)
		}
	}
	return http.StatusOK, s.definitionShape(s.define(one))
}

func folderOf(path string) string { return `\` + strings.Trim(strings.ReplaceAll(path, "/", `\`), `\`) }

func (s *Server) createDefinition(r *request) (int, any) {
	var body struct {
		Path       string `json:"path"`
		Name       string `json:"name"`
		Repository struct {
			Name          string `json:"name"`
			DefaultBranch string `json:"defaultBranch"`
		} `json:"repository"`
		Process struct {
			File string `json:"yamlFilename"`
			Type int    `json:"type"`
		} `json:"process"`
		Queue struct {
			Name string `json:"name"`
		} `json:"queue"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return refusal(http.StatusBadRequest, "InvalidArgumentValueException", "%v", err)
	}
	if s.nameOf(body.Repository.Name) == "" {
		return refusal(http.StatusBadRequest, "RepositoryInformationInvalidException", "Unable to retrieve repository information for the repository with identifier %s.", body.Repository.Name)
	}
	return s.add(&definition{Name: body.Name, Folder: folderOf(body.Path), File: body.Process.File, Repo: body.Repository.Name, Branch: body.Repository.DefaultBranch,
		Pool: body.Queue.Name, By: me})
}

func (s *Server) createPipeline(r *request) (int, any) {
	var body struct {
		Folder        string `json:"folder"`
		Name          string `json:"name"`
		Configuration struct {
			Path       string `json:"path"`
			Repository struct {
				ID string `json:"id"`
			} `json:"repository"`
		} `json:"configuration"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return refusal(http.StatusBadRequest, "InvalidArgumentValueException", "%v", err)
	}
	name := s.names[body.Configuration.Repository.ID]
	if name == "" {
		return refusal(http.StatusBadRequest, "PipelineCreationException", "The repository %s was not found.", body.Configuration.Repository.ID)
	}
	return s.add(&definition{Name: body.Name, Folder: folderOf(body.Folder), File: body.Configuration.Path, Repo: name, By: me})
}

func (s *Server) listDefinitions(r *request) (int, any) {
	query, listed := r.URL.Query(), []any{}
	for _, one := range s.definitions {
		if strings.EqualFold(one.Name, query.Get("name")) && one.Folder == query.Get("path") {
			listed = append(listed, s.definitionShape(one))
		}
	}
	return http.StatusOK, map[string]any{"value": listed, "count": len(listed)}
}

func (s *Server) definition(r *request) int {
	return slices.IndexFunc(s.definitions, func(one *definition) bool { return one.Number == number(r, "number") })
}

func (s *Server) getDefinition(r *request) (int, any) {
	at := s.definition(r)
	if at < 0 {
		return refusal(http.StatusNotFound, "DefinitionNotFoundException", "Build definition %s does not exist.", r.PathValue("number"))
	}
	return http.StatusOK, s.definitionShape(s.definitions[at])
}

func (s *Server) deleteDefinition(r *request) (int, any) {
	at := s.definition(r)
	if at < 0 {
		return refusal(http.StatusNotFound, "DefinitionNotFoundException", "Build definition %s does not exist.", r.PathValue("number"))
	}
	s.definitions = slices.Delete(s.definitions, at, at+1)
	return http.StatusNoContent, nil
}

func (s *Server) startRun(r *request) (int, any) {
	var body struct {
		Resources struct {
			Repositories struct {
				Self struct {
					Ref string `json:"refName"`
				} `json:"self"`
			} `json:"repositories"`
		} `json:"resources"`
		Parameters map[string]string `json:"templateParameters"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return refusal(http.StatusBadRequest, "InvalidArgumentValueException", "%v", err)
	}
	if s.definition(r) < 0 {
		return refusal(http.StatusNotFound, "DefinitionNotFoundException", "Pipeline %s was not found.", r.PathValue("number"))
	}
	s.lastID++
	one := &build{Number: s.lastID, Definition: number(r, "number"), Branch: body.Resources.Repositories.Self.Ref, Status: "inProgress",
		Parameters: body.Parameters, By: me, Queued: now()}
	s.builds = append(s.builds, one)
	return http.StatusOK, s.runShape(one)
}

func (s *Server) build(r *request) *build {
	at := slices.IndexFunc(s.builds, func(one *build) bool { return one.Number == number(r, "run") })
	if at < 0 {
		return nil
	}
	return s.builds[at]
}

func (s *Server) runShape(one *build) map[string]any {
	page := fmt.Sprintf("%s/%s/%s/_build/results?buildId=%d", s.URL, Organization, Project, one.Number)
	shape := map[string]any{
		"id": one.Number, "state": one.Status, "createdDate": one.Queued.Format(time.RFC3339Nano), "_links": map[string]any{"web": map[string]any{"href": page}},
		"variables": map[string]any{"greeting": map[string]any{"isSecret": false, "value": "Hello"}},
	}
	if one.Result != "" {
		shape["result"] = one.Result
	}
	return shape
}

func (s *Server) getRun(r *request) (int, any) {
	one := s.build(r)
	if one == nil {
		return refusal(http.StatusNotFound, "RunNotFoundException", "Run %s was not found.", r.PathValue("run"))
	}
	return http.StatusOK, s.runShape(one)
}

// getRunOrPermission serves both, because their patterns overlap.
func (s *Server) getRunOrPermission(r *request) (int, any) {
	if r.PathValue("number") == "pipelinepermissions" {
		return s.getPermission(r)
	}
	return s.getRun(r)
}

func buildShape(one *build) map[string]any {
	return map[string]any{
		"id": one.Number, "status": one.Status, "result": one.Result, "queueTime": one.Queued.Format(time.RFC3339Nano), "requestedBy": map[string]any{"id": one.By},
		"sourceBranch": one.Branch, "definition": map[string]any{"id": one.Definition},
	}
}

func (s *Server) listBuilds(r *request) (int, any) {
	listed := []any{}
	for _, one := range slices.Backward(s.builds) {
		if strconv.Itoa(one.Definition) == r.URL.Query().Get("definitions") {
			listed = append(listed, buildShape(one))
		}
	}
	return http.StatusOK, map[string]any{"value": listed, "count": len(listed)}
}

func (s *Server) getBuild(r *request) (int, any) {
	one := s.build(r)
	if one == nil {
		return refusal(http.StatusNotFound, "BuildNotFoundException", "The requested build %s could not be found.", r.PathValue("run"))
	}
	return http.StatusOK, buildShape(one)
}

func (s *Server) patchBuild(r *request) (int, any) {
	one := s.build(r)
	if one == nil {
		return refusal(http.StatusNotFound, "BuildNotFoundException", "The requested build %s could not be found.", r.PathValue("run"))
	}
	var body struct {
		Status string `json:"status"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return refusal(http.StatusBadRequest, "InvalidArgumentValueException", "%v", err)
	}
	one.Status = body.Status
	return http.StatusOK, buildShape(one)
}

func permissionOf(r *request, pipeline int) string {
	return fmt.Sprintf("%d may use %s %s", pipeline, r.PathValue("type"), r.PathValue("run"))
}

func (s *Server) getPermission(r *request) (int, any) {
	listed := []any{}
	for _, one := range s.definitions {
		if s.permissions[permissionOf(r, one.Number)] {
			listed = append(listed, map[string]any{"id": one.Number, "authorized": true})
		}
	}
	return http.StatusOK, map[string]any{"pipelines": listed, "resource": map[string]any{"type": r.PathValue("type"), "id": r.PathValue("run")}}
}

func (s *Server) patchPermission(r *request) (int, any) {
	var body struct {
		Pipelines []struct {
			ID         int  `json:"id"`
			Authorized bool `json:"authorized"`
		} `json:"pipelines"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return refusal(http.StatusBadRequest, "InvalidArgumentValueException", "%v", err)
	}
	for _, one := range body.Pipelines {
		s.permissions[permissionOf(r, one.ID)] = one.Authorized
	}
	return s.getPermission(r)
}
