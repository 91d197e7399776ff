package gitlabtest

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

var repositories = map[string]func(*call){
	"GET /projects/{id}/repository/branches":              (*call).branches,
	"POST /projects/{id}/repository/branches":             (*call).createBranch,
	"GET /projects/{id}/repository/branches/{branch}":     (*call).branch,
	"DELETE /projects/{id}/repository/branches/{branch}":  (*call).deleteBranch,
	"GET /projects/{id}/repository/tags":                  (*call).tags,
	"GET /projects/{id}/repository/tree":                  (*call).tree,
	"GET /projects/{id}/repository/commits":               (*call).commits,
	"POST /projects/{id}/repository/commits":              (*call).createCommit,
	"GET /projects/{id}/repository/commits/{sha}":         (*call).commit,
	"POST /projects/{id}/repository/commits/{sha}/revert": (*call).revert,
	"GET /projects/{id}/repository/compare":               (*call).compare,
}

func (c *call) branchOf(found *project, name string) *gitlab.Branch {
	commits := c.s.git.log(c.Context(), found.ID, "-1", "refs/heads/"+name)
	if len(commits) == 0 {
		return nil
	}
	return &gitlab.Branch{
		Name: name, Commit: commits[0], Default: name == found.DefaultBranch, Protected: slices.Contains(found.Protected, name),
		WebURL: c.s.page("%s/-/tree/%s", found.PathWithNamespace, name),
	}
}

func (c *call) branches() {
	found := c.project()
	if found == nil || !query[gitlab.ListBranchesOptions](c) {
		return
	}
	listed := []*gitlab.Branch{}
	for _, name := range c.s.git.branches(c.Context(), found.ID) {
		listed = append(listed, c.branchOf(found, name))
	}
	list(c, listed)
}

func (c *call) branch() {
	found := c.project()
	if found == nil {
		return
	}
	branch := c.branchOf(found, c.PathValue("branch"))
	if branch == nil {
		c.missing("Branch")
		return
	}
	c.answer(http.StatusOK, branch)
}

func (c *call) createBranch() {
	found := c.project()
	if found == nil {
		return
	}
	options, ok := body[gitlab.CreateBranchOptions](c)
	if !ok {
		return
	}
	name, from := value(options.Branch), c.s.git.resolve(c.Context(), found.ID, value(options.Ref))
	switch {
	case c.branchOf(found, name) != nil:
		c.refuse(http.StatusBadRequest, "Branch already exists")
	case from == "":
		c.refuse(http.StatusBadRequest, "Invalid reference name: %s", value(options.Ref))
	default:
		_, err := c.s.git.run(c.Context(), found.ID, nil, "update-ref", "refs/heads/"+name, from)
		c.fail(err)
		c.answer(http.StatusCreated, c.branchOf(found, name))
	}
}

// fail ends the test for an error of the server itself.
func (c *call) fail(err error) {
	if err != nil {
		c.s.t.Errorf("%s %s: %v", c.Method, c.URL.Path, err)
	}
}

func (c *call) deleteBranch() {
	found := c.project()
	if found == nil {
		return
	}
	name := c.PathValue("branch")
	if c.branchOf(found, name) == nil {
		c.missing("Branch")
		return
	}
	_, err := c.s.git.run(c.Context(), found.ID, nil, "update-ref", "-d", "refs/heads/"+name)
	c.fail(err)
	c.w.WriteHeader(http.StatusNoContent)
}

func (c *call) tags() {
	found := c.project()
	if found == nil || !query[gitlab.ListTagsOptions](c) {
		return
	}
	listed := []*gitlab.Tag{}
	for _, name := range c.s.git.refs(c.Context(), found.ID, "refs/tags/") {
		listed = append(listed, &gitlab.Tag{Name: name})
	}
	list(c, listed)
}

// Tag lets somebody tag the default branch of a project.
func (s *Server) Tag(path, name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.projectAt(path)
	ctx := context.WithoutCancel(s.t.Context())
	_, err := s.git.run(ctx, found.ID, nil, "update-ref", "refs/tags/"+name, s.git.resolve(ctx, found.ID, found.DefaultBranch))
	if err != nil {
		s.t.Errorf("tag %s: %v", name, err)
	}
}

func (c *call) tree() {
	found := c.project()
	if found == nil || !query[gitlab.ListTreeOptions](c) {
		return
	}
	hash, below := c.s.git.resolve(c.Context(), found.ID, c.URL.Query().Get("ref")), c.URL.Query().Get("path")
	nodes := []*gitlab.TreeNode{}
	for _, node := range c.s.git.tree(c.Context(), found.ID, hash) {
		if below == "" || strings.HasPrefix(node.Path, below+"/") {
			nodes = append(nodes, node)
		}
	}
	if hash == "" || len(nodes) == 0 && below != "" {
		c.missing("Tree")
		return
	}
	list(c, nodes)
}

func (c *call) commits() {
	found := c.project()
	if found == nil || !query[gitlab.ListCommitsOptions](c) {
		return
	}
	hash := c.s.git.resolve(c.Context(), found.ID, c.URL.Query().Get("ref_name"))
	if hash == "" {
		c.missing("Commit")
		return
	}
	list(c, c.s.git.log(c.Context(), found.ID, hash))
}

func (c *call) commit() {
	found := c.project()
	if found == nil {
		return
	}
	commits := c.s.git.log(c.Context(), found.ID, "-1", c.PathValue("sha"))
	if len(commits) == 0 {
		c.missing("Commit")
		return
	}
	c.answer(http.StatusOK, commits[0])
}

func (c *call) createCommit() {
	found := c.project()
	if found == nil {
		return
	}
	options, ok := body[gitlab.CreateCommitOptions](c)
	if !ok {
		return
	}
	branch := value(options.Branch)
	if c.branchOf(found, branch) == nil {
		c.refuse(http.StatusBadRequest, "You can only create or edit files when you are on a branch")
		return
	}
	there := c.s.git.tree(c.Context(), found.ID, "refs/heads/"+branch)
	var edits []edit
	for _, action := range options.Actions {
		one, refusal := c.editOf(action, there)
		if refusal != "" {
			c.refuse(http.StatusBadRequest, "%s", refusal)
			return
		}
		edits = append(edits, one)
	}
	hash, err := c.s.git.commit(c.Context(), found.ID, branch, value(options.CommitMessage), c.who, edits)
	c.fail(err)
	c.answer(http.StatusCreated, c.s.git.log(c.Context(), found.ID, "-1", hash)[0])
}

func (c *call) editOf(action *gitlab.CommitActionOptions, there []*gitlab.TreeNode) (one edit, refusal string) {
	name := value(action.FilePath)
	exists := slices.ContainsFunc(there, func(node *gitlab.TreeNode) bool { return node.Path == name })
	content := []byte(value(action.Content))
	if value(action.Encoding) == "base64" {
		decoded, err := base64.StdEncoding.DecodeString(value(action.Content))
		if err != nil {
			return edit{}, "content is not valid base64"
		}
		content = decoded
	}
	one = edit{path: name, content: append([]byte{}, content...), executable: value(action.ExecuteFilemode)}
	switch kind := value(action.Action); {
	case kind == gitlab.FileCreate && exists:
		return edit{}, "A file with this name already exists"
	case kind == gitlab.FileUpdate && !exists, kind == gitlab.FileDelete && !exists:
		return edit{}, "A file with this name doesn't exist"
	case kind == gitlab.FileDelete:
		one.content = nil
	}
	return one, ""
}

func (c *call) revert() {
	found := c.project()
	if found == nil {
		return
	}
	options, ok := body[gitlab.RevertCommitOptions](c)
	if !ok {
		return
	}
	hash, err := c.s.git.revert(c.Context(), found.ID, value(options.Branch), c.PathValue("sha"), c.who)
	if err != nil {
		c.refuse(http.StatusBadRequest, "Sorry, we cannot revert this commit automatically. This commit may already have been reverted, or a more recent "+
			"commit may have updated some of its content.")
		return
	}
	c.answer(http.StatusCreated, c.s.git.log(c.Context(), found.ID, "-1", hash)[0])
}

func (c *call) compare() {
	found := c.project()
	if found == nil || !query[gitlab.CompareOptions](c) {
		return
	}
	from := c.s.git.resolve(c.Context(), found.ID, c.URL.Query().Get("from"))
	to := c.s.git.resolve(c.Context(), found.ID, c.URL.Query().Get("to"))
	if from == "" || to == "" {
		c.missing("Ref")
		return
	}
	commits := c.s.git.log(c.Context(), found.ID, from+".."+to)
	slices.Reverse(commits)
	c.answer(http.StatusOK, &gitlab.Compare{Commits: commits, CompareSameRef: from == to})
}
