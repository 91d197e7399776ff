package gitlab

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	pathpkg "path"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/scaffolder/action"
)

// What a commit does with a file.
const (
	createFile = "create"
	updateFile = "update"
	deleteFile = "delete"
	skipFile   = "skip"
	autoFile   = "auto"
)

// fileChange is a file of a commit as GitLab takes it.
type fileChange struct {
	Action     string `json:"action"`
	Path       string `json:"file_path"`
	Encoding   string `json:"encoding"`
	Content    string `json:"content"`
	Executable bool   `json:"execute_filemode"`
	blob       string
}

// change is a commit that a step makes: of files of the workspace, to a branch.
type change struct {
	message string
	files   []fileChange
}

// digest identifies the message in the ledger, which holds no text of a commit.
func (c change) digest() string { return digestOf(c.message) }

func digestOf(message string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(message)))
	return hex.EncodeToString(sum[:8])
}

// filesFrom reads a directory of the workspace. One that is not there has no files, as in Backstage.
func filesFrom(ctx context.Context, call *action.Call, directory string) ([]gitpush.File, error) {
	if call.Workspace == nil { // a plan may have none
		return nil, nil
	}
	if directory != "" {
		_, err := call.Workspace.Stat(pathpkg.Clean("./" + strings.TrimPrefix(directory, "/")))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	source, err := gitpush.OpenSource(call.Workspace, directory)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	files, links, err := gitpush.Files(ctx, source)
	if len(links) > 0 {
		call.Log.Warn("Left out of the commit, because GitLab's API takes no symbolic links: %s", strings.Join(links, ", "))
	}
	return files, err
}

// tree lists the files below a directory at a ref, by path. A ref, a directory or a project without commits has
// none.
func (c *connection) tree(ctx context.Context, pid, ref, directory string) (map[string]*gitlab.TreeNode, error) {
	nodes, err := all(ctx, c, fmt.Sprintf("listing the files of %s on %s", pid, ref),
		func(page gitlab.ListOptions, within gitlab.RequestOptionFunc) ([]*gitlab.TreeNode, *gitlab.Response, error) {
			options := &gitlab.ListTreeOptions{ListOptions: page, Ref: &ref, Recursive: new(true)}
			if directory != "" {
				options.Path = &directory
			}
			found, answer, err := c.client.Repositories.ListTree(pid, options, within)
			if isStatus(err, http.StatusNotFound) {
				return nil, answer, nil
			}
			return found, answer, err
		})
	listed := map[string]*gitlab.TreeNode{}
	for _, node := range nodes {
		if node.Type == "blob" {
			listed[node.Path] = node
		}
	}
	return listed, err
}

// changes decides what a commit does with each file. With auto it compares with what is there.
func changes(files []gitpush.File, targetPath, commitAction string, there map[string]*gitlab.TreeNode) []fileChange {
	var made []fileChange
	for _, file := range files {
		one := fileChange{
			Action: commitAction, Path: pathpkg.Join(targetPath, file.Path), Encoding: "base64",
			Content: base64.StdEncoding.EncodeToString(file.Content), Executable: file.Executable, blob: file.BlobID(),
		}
		if commitAction == autoFile {
			one.Action = automatic(one, there[one.Path])
		}
		if one.Action != skipFile {
			made = append(made, one)
		}
	}
	return made
}

func automatic(file fileChange, there *gitlab.TreeNode) string {
	switch {
	case there == nil:
		return createFile
	case there.ID == file.blob && (there.Mode == "100755") == file.Executable:
		return skipFile
	default:
		return updateFile
	}
}

// commit makes the commit.
func (c *connection) commit(ctx context.Context, pid, branch string, made change) (*gitlab.Commit, error) {
	var created gitlab.Commit
	body := map[string]any{"branch": branch, "commit_message": made.message, "actions": made.files}
	err := c.send(ctx, fmt.Sprintf("committing to %s of %s", branch, pid), http.MethodPost,
		path("projects", pid, "repository", "commits"), body, &created)
	return &created, inputFailure(err, "Committing the changes to %s failed. Please check that none of the files created by the "+
		"template already exists.", branch)
}

// holds reports whether a commit has what the change makes of the files.
func (c *connection) holds(ctx context.Context, pid, commit string, made change) (bool, error) {
	there, err := c.tree(ctx, pid, commit, "")
	if err != nil {
		return false, err
	}
	for _, file := range made.files {
		node, found := there[file.Path]
		switch {
		case file.Action == deleteFile && found, file.Action != deleteFile && !found:
			return false, nil
		case found && node.ID != file.blob:
			return false, nil
		}
	}
	return true, nil
}

// since lists the commits that a ref has and another has not, the oldest first. known is false where one of the
// two is not there.
func (c *connection) since(ctx context.Context, pid, from, to string) (commits []*gitlab.Commit, known bool, err error) {
	err = c.ask(ctx, fmt.Sprintf("comparing %s with %s of %s", from, to, pid), func(within gitlab.RequestOptionFunc) error {
		compared, _, err := c.client.Repositories.Compare(pid, &gitlab.CompareOptions{From: &from, To: &to}, within)
		if known = err == nil; known {
			commits = compared.Commits
		}
		return absent(err)
	})
	return commits, known, err
}

// isOurs reports whether a commit is that of an effect: it has the message, and was made since the intent.
func isOurs(commit *gitlab.Commit, effect action.Effect, digest string) bool {
	return digestOf(commit.Message) == digest && madeSince(effect, commit.CommittedDate)
}

// branch finds a branch, nil when there is none.
func (c *connection) branch(ctx context.Context, pid, name string) (found *gitlab.Branch, err error) {
	err = c.ask(ctx, fmt.Sprintf("looking for the branch %s of %s", name, pid), func(within gitlab.RequestOptionFunc) error {
		one, _, err := c.client.Branches.GetBranch(pid, name, within)
		if err == nil {
			found = one
		}
		return absent(err)
	})
	return found, err
}

// defaultBranch is the default branch of a project. The error that there is none is Backstage's.
func (c *connection) defaultBranch(ctx context.Context, pid string) (string, error) {
	var project *gitlab.Project
	err := c.ask(ctx, "looking for "+pid, func(within gitlab.RequestOptionFunc) (err error) {
		project, _, err = c.client.Projects.GetProject(pid, nil, within)
		return err
	})
	if err != nil {
		return "", err
	}
	if project.DefaultBranch == "" {
		return "", action.InputError("The branch creation failed. Target branch was not provided, and could not find default branch from project "+
			"settings. Project: %s", pid)
	}
	return project.DefaultBranch, nil
}
