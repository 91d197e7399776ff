package gitlabtest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

// project is a project, and all that belongs to it.
type project struct {
	*gitlab.Project

	Members      map[int64]int
	Protected    []string
	Variables    []*gitlab.ProjectVariable
	AccessTokens []*gitlab.ProjectAccessToken
	DeployTokens []*gitlab.DeployToken
	Triggers     []*gitlab.PipelineTrigger
	Pipelines    []*gitlab.Pipeline
	Jobs         []*gitlab.Job
	// PipelineVariables are those of the pipelines, by number.
	PipelineVariables map[int64]map[string]string
	Issues            []*gitlab.Issue
	Requests          []*gitlab.MergeRequest
	Approvers         []*gitlab.BasicUser
	Approvals         []*gitlab.MergeRequestApproverUser
	Events            []*gitlab.ProjectEvent
	// Stored are the files of the default branch of a project without a Git repository, nil for one that has it.
	Stored map[string]string
}

// AddProject makes a project whose branch main has files, none for an empty project, and returns its number.
func (s *Server) AddProject(path string, creator int64, files map[string]string) int64 {
	s.t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	made := s.addProject(s.t.Context(), path, creator)
	if len(files) > 0 {
		s.put(made, "main", "files", s.user(creator), files)
	}
	return made.ID
}

// AddListed makes a project of which only GraphQL shows the files: without a Git repository, thousands are made at once.
func (s *Server) AddListed(path string, files map[string]string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	made := s.newProject(path, Portico)
	made.Stored, made.EmptyRepo = files, false
	s.projects = append(s.projects, made)
}

// RemoveProject deletes a project.
func (s *Server) RemoveProject(path string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.projectAt(path)
	s.projects = slices.DeleteFunc(s.projects, func(one *project) bool { return one == found })
}

func (s *Server) addProject(ctx context.Context, path string, creator int64) *project {
	made := s.newProject(path, creator)
	if err := s.git.create(ctx, made.ID); err != nil {
		s.t.Errorf("repository of %s: %v", path, err)
	}
	s.projects = append(s.projects, made)
	return made
}

func (s *Server) newProject(path string, creator int64) *project {
	return &project{
		Project: &gitlab.Project{
			ID: s.number(), Name: path[strings.LastIndex(path, "/")+1:], Path: path[strings.LastIndex(path, "/")+1:], PathWithNamespace: path,
			DefaultBranch: "main", Visibility: "private", HTTPURLToRepo: s.page("%s.git", path), WebURL: s.page("%s", path), CreatedAt: now(),
			CreatorID: creator, EmptyRepo: true, Topics: []string{},
		},
		Members: map[int64]int{}, PipelineVariables: map[int64]map[string]string{},
	}
}

// put commits files to a branch.
func (s *Server) put(to *project, branch, message string, who *gitlab.User, files map[string]string) {
	s.t.Helper()
	edits := []edit{}
	for name, content := range files {
		edits = append(edits, edit{path: name, content: []byte(content)})
	}
	ctx := context.WithoutCancel(s.t.Context())
	if s.git.resolve(ctx, to.ID, "refs/heads/"+branch) == "" && branch != to.DefaultBranch {
		_, err := s.git.run(ctx, to.ID, nil, "update-ref", "refs/heads/"+branch, s.git.resolve(ctx, to.ID, to.DefaultBranch))
		require.NoError(s.t, err)
	}
	_, err := s.git.commit(ctx, to.ID, branch, message, who, edits)
	require.NoError(s.t, err)
	s.settle(ctx, to)
}

// Commit lets a user commit files to a branch, which is created from the default one if it is not there.
func (s *Server) Commit(path, branch string, who int64, files map[string]string) {
	s.t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.put(s.projectAt(path), branch, "by "+s.user(who).Username, s.user(who), files)
	s.noteCommit(s.projectAt(path), s.user(who))
}

// With lets a test read or change a project.
func (s *Server) With(path string, do func(found *gitlab.Project)) {
	s.t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.projectAt(path)
	require.NotNil(s.t, found, path)
	do(found.Project)
}

// Projects describes all projects, sorted: their settings, branches with files, members and variables.
func (s *Server) Projects() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	ctx := context.WithoutCancel(s.t.Context())
	listed := []string{}
	for _, one := range s.projects {
		if one.MarkedForDeletionOn != nil {
			continue
		}
		listed = append(listed, s.describe(ctx, one)+s.requestsOf(one)+s.issuesOf(one)+s.tokensOf(one)+s.pipelinesOf(one))
	}
	slices.Sort(listed)
	return listed
}

func (s *Server) describe(ctx context.Context, one *project) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s (%s, %q, %v)", one.PathWithNamespace, one.Visibility, one.Description, one.Topics)
	for _, branch := range s.git.branches(ctx, one.ID) {
		fmt.Fprintf(&text, "; %s %v", branch, s.git.contents(ctx, one.ID, branch))
		if slices.Contains(one.Protected, branch) {
			text.WriteString(" protected")
		}
	}
	for _, variable := range one.Variables {
		fmt.Fprintf(&text, "; %s=%s (%s, masked %t)", variable.Key, variable.Value, variable.EnvironmentScope, variable.Masked)
	}
	for _, user := range slices.Sorted(maps.Keys(one.Members)) {
		fmt.Fprintf(&text, "; user %d:%d", user, one.Members[user])
	}
	return text.String()
}

// projectAt finds a project by its path or number.
func (s *Server) projectAt(name string) *project {
	for _, one := range s.projects {
		if strings.EqualFold(one.PathWithNamespace, name) || strconv.FormatInt(one.ID, 10) == name {
			return one
		}
	}
	return nil
}

// sees reports whether a user sees a project: as the namespace's user, or as a member.
func (s *Server) sees(who *gitlab.User, found *project) bool {
	return parentOf(found.PathWithNamespace) == who.Username || found.Members[who.ID] > 0 || s.level(who.ID, parentOf(found.PathWithNamespace)) > 0
}

// project is the project of the path, if the caller sees it; otherwise it answers 404.
func (c *call) project() *project {
	found := c.s.projectAt(c.PathValue("id"))
	if found == nil || !c.s.sees(c.who, found) {
		c.missing("Project")
		return nil
	}
	return found
}

var projects = map[string]func(*call){
	"GET /projects/{id}": func(c *call) {
		if found := c.project(); found != nil && query[gitlab.GetProjectOptions](c) {
			c.answer(http.StatusOK, found.Project)
		}
	},
	"GET /users/{user}/projects":             (*call).userProjects,
	"POST /projects":                         (*call).createProject,
	"DELETE /projects/{id}":                  (*call).deleteProject,
	"POST /projects/{id}/members":            (*call).addProjectMember,
	"POST /projects/{id}/protected_branches": (*call).protect,
}

func (c *call) userProjects() {
	if !query[gitlab.ListProjectsOptions](c) {
		return
	}
	listed := []*gitlab.Project{}
	for _, one := range c.s.projects {
		if parentOf(one.PathWithNamespace) == c.PathValue("user") && c.s.sees(c.who, one) && strings.Contains(one.Path, c.URL.Query().Get("search")) {
			listed = append(listed, one.Project)
		}
	}
	list(c, listed)
}

func (c *call) createProject() {
	options, ok := body[gitlab.CreateProjectOptions](c)
	if !ok {
		return
	}
	namespace := c.who.Username
	if number := value(options.NamespaceID); number != c.who.NamespaceID {
		found := c.s.groupAt(strconv.FormatInt(number, 10))
		if found == nil || c.s.level(c.who.ID, found.FullPath) < 30 {
			refuse(c.w, http.StatusBadRequest, map[string][]string{"namespace": {"is not valid"}})
			return
		}
		namespace = found.FullPath
	}
	path := namespace + "/" + value(options.Path)
	if c.s.projectAt(path) != nil {
		refuse(c.w, http.StatusBadRequest, map[string][]string{"name": {"has already been taken"}, "path": {"has already been taken"}})
		return
	}
	made := c.s.addProject(c.Context(), path, c.who.ID)
	made.Name, made.Description, made.Visibility = value(options.Name), value(options.Description), value(options.Visibility)
	made.MergeMethod, made.CIConfigPath = value(options.MergeMethod), value(options.CIConfigPath)
	if options.Topics != nil {
		made.Topics = *options.Topics
	}
	c.answer(http.StatusCreated, made.Project)
}

func (c *call) deleteProject() {
	found := c.project()
	if found == nil || !query[gitlab.DeleteProjectOptions](c) {
		return
	}
	if c.s.keeps && found.MarkedForDeletionOn == nil {
		found.MarkedForDeletionOn = new(gitlab.ISOTime(time.Now()))
		found.PathWithNamespace += fmt.Sprintf("-deletion_scheduled-%d", found.ID)
		c.answer(http.StatusAccepted, map[string]string{"message": "202 Accepted"})
		return
	}
	if c.s.keeps && c.URL.Query().Get("full_path") != found.PathWithNamespace {
		c.refuse(http.StatusBadRequest, "`full_path` is incorrect. You must enter the complete path for the project.")
		return
	}
	c.s.projects = slices.DeleteFunc(c.s.projects, func(one *project) bool { return one == found })
	c.answer(http.StatusAccepted, map[string]string{"message": "202 Accepted"})
}

func (c *call) addProjectMember() {
	found := c.project()
	if found == nil {
		return
	}
	options, ok := body[gitlab.AddProjectMemberOptions](c)
	if !ok {
		return
	}
	number, _ := options.UserID.(float64)
	user := c.s.user(int64(number))
	if user == nil {
		c.missing("User")
		return
	}
	if found.Members[user.ID] > 0 {
		c.refuse(http.StatusConflict, "Member already exists")
		return
	}
	found.Members[user.ID] = int(value(options.AccessLevel))
	c.answer(http.StatusCreated, &gitlab.ProjectMember{ID: user.ID, Username: user.Username, AccessLevel: value(options.AccessLevel)})
}

// protect takes the name as a query parameter or in the body, as GitLab does.
func (c *call) protect() {
	found := c.project()
	if found == nil {
		return
	}
	options, ok := body[gitlab.ProtectRepositoryBranchesOptions](c)
	if !ok || !query[gitlab.ProtectRepositoryBranchesOptions](c) {
		return
	}
	name := value(options.Name)
	if name == "" {
		name = c.URL.Query().Get("name")
	}
	if slices.Contains(found.Protected, name) {
		c.refuse(http.StatusConflict, "Protected branch '%s' already exists", name)
		return
	}
	found.Protected = append(found.Protected, name)
	c.answer(http.StatusCreated, &gitlab.ProtectedBranch{ID: c.s.number(), Name: name})
}
