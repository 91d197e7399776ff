package gitlabtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

// git runs git on the bare repositories of projects.
type git struct{ executable, directory string }

func (g *git) repository(project int64) string {
	return filepath.Join(g.directory, strconv.FormatInt(project, 10)+".git")
}

func (g *git) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_COUNT=3", "GIT_CONFIG_KEY_0=receive.autogc", "GIT_CONFIG_VALUE_0=false",
		"GIT_CONFIG_KEY_1=core.fsync", "GIT_CONFIG_VALUE_1=none", "GIT_CONFIG_KEY_2=gc.auto", "GIT_CONFIG_VALUE_2=0",
	}
}

// run runs one command in a repository; more is added to its environment.
func (g *git) run(ctx context.Context, project int64, more []string, args ...string) ([]byte, error) {
	return g.feed(ctx, project, more, nil, args...)
}

func (g *git) feed(ctx context.Context, project int64, more []string, input []byte, args ...string) ([]byte, error) {
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, g.executable, args...) //nolint:gosec // Its callers are tests.
	command.Env = append(append(g.environment(), "GIT_DIR="+g.repository(project)), more...)
	command.Stdin, command.Stderr = bytes.NewReader(input), &stderr
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, stderr.String())
	}
	return output, nil
}

func (g *git) create(ctx context.Context, project int64) error {
	_, err := g.run(ctx, project, nil, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", g.repository(project))
	return err
}

func (g *git) branches(ctx context.Context, project int64) []string {
	return g.refs(ctx, project, "refs/heads/")
}

func (g *git) refs(ctx context.Context, project int64, below string) []string {
	listed, err := g.run(ctx, project, nil, "for-each-ref", "--format=%(refname:lstrip=2)", below)
	if err != nil {
		return nil
	}
	return strings.Fields(string(listed))
}

// resolve is the hash of a branch, a tag or a hash, "" for none.
func (g *git) resolve(ctx context.Context, project int64, ref string) string {
	found, err := g.run(ctx, project, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(found))
}

// log lists commits, the newest first.
func (g *git) log(ctx context.Context, project int64, args ...string) []*gitlab.Commit {
	listed, err := g.run(ctx, project, nil, append([]string{"log", "--format=%H%x1f%P%x1f%an%x1f%ae%x1f%cI%x1f%B%x00"}, args...)...)
	if err != nil {
		return nil
	}
	var found []*gitlab.Commit
	for record := range strings.SplitSeq(string(listed), "\x00") {
		fields := strings.Split(strings.TrimPrefix(record, "\n"), "\x1f")
		if len(fields) != 6 {
			continue
		}
		when, _ := time.Parse(time.RFC3339, fields[4]) // git's strict format is always valid
		message := strings.TrimRight(fields[5], "\n")
		title, _, _ := strings.Cut(message, "\n")
		found = append(found, &gitlab.Commit{
			ID: fields[0], ShortID: fields[0][:8], ParentIDs: append([]string{}, strings.Fields(fields[1])...), AuthorName: fields[2],
			AuthorEmail: fields[3], CommittedDate: &when, CreatedAt: &when, Title: title, Message: message,
		})
	}
	return found
}

// tree lists the files and directories at a ref.
func (g *git) tree(ctx context.Context, project int64, ref string) []*gitlab.TreeNode {
	listed, err := g.run(ctx, project, nil, "ls-tree", "-r", "-t", "-z", ref)
	if err != nil {
		return nil
	}
	var nodes []*gitlab.TreeNode
	for line := range strings.SplitSeq(strings.TrimSuffix(string(listed), "\x00"), "\x00") {
		details, path, _ := strings.Cut(line, "\t")
		fields := strings.Fields(details)
		if len(fields) == 3 {
			nodes = append(nodes, &gitlab.TreeNode{Mode: fields[0], Type: fields[1], ID: fields[2], Path: path, Name: filepath.Base(path)})
		}
	}
	return nodes
}

// edit is what a commit does with a file: nil content removes it.
type edit struct {
	path       string
	content    []byte
	executable bool
}

// commit makes a commit on a branch, or the first one of a repository.
func (g *git) commit(ctx context.Context, project int64, branch, message string, who *gitlab.User, edits []edit) (string, error) {
	index := filepath.Join(g.directory, "index")
	environment := []string{
		"GIT_INDEX_FILE=" + index, "GIT_AUTHOR_NAME=" + who.Name, "GIT_AUTHOR_EMAIL=" + who.Email, "GIT_COMMITTER_NAME=" + who.Name,
		"GIT_COMMITTER_EMAIL=" + who.Email,
	}
	parent := g.resolve(ctx, project, "refs/heads/"+branch)
	args := []string{"read-tree", "--empty"}
	if parent != "" {
		args = []string{"read-tree", parent}
	}
	if _, err := g.run(ctx, project, environment, args...); err != nil {
		return "", err
	}
	defer os.Remove(index)
	for _, one := range edits {
		if err := g.stage(ctx, project, environment, one); err != nil {
			return "", err
		}
	}
	tree, err := g.run(ctx, project, environment, "write-tree")
	if err != nil {
		return "", err
	}
	return g.commitTree(ctx, project, branch, message, strings.TrimSpace(string(tree)), parent, environment)
}

func (g *git) stage(ctx context.Context, project int64, environment []string, one edit) error {
	if one.content == nil {
		_, err := g.feed(ctx, project, environment, []byte("0 0000000000000000000000000000000000000000\t"+one.path+"\x00"), "update-index", "-z", "--index-info")
		return err
	}
	blob, err := g.feed(ctx, project, environment, one.content, "hash-object", "-w", "--stdin")
	if err != nil {
		return err
	}
	mode := "100644"
	if one.executable {
		mode = "100755"
	}
	_, err = g.run(ctx, project, environment, "update-index", "--add", "--cacheinfo", mode+","+strings.TrimSpace(string(blob))+","+one.path)
	return err
}

func (g *git) commitTree(ctx context.Context, project int64, branch, message, tree, parent string, environment []string) (string, error) {
	args := []string{"commit-tree", tree, "-m", message}
	if parent != "" {
		args = append(args, "-p", parent)
	}
	made, err := g.run(ctx, project, environment, args...)
	if err != nil {
		return "", err
	}
	hash := strings.TrimSpace(string(made))
	_, err = g.run(ctx, project, nil, "update-ref", "refs/heads/"+branch, hash)
	return hash, err
}

var errNotNewest = errors.New("the commit is not the newest one of the branch")

// revert takes the newest commit of a branch back by another one.
func (g *git) revert(ctx context.Context, project int64, branch, hash string, who *gitlab.User) (string, error) {
	commits := g.log(ctx, project, "-1", "refs/heads/"+branch)
	if len(commits) == 0 || commits[0].ID != hash || len(commits[0].ParentIDs) != 1 {
		return "", errNotNewest
	}
	message := fmt.Sprintf("Revert %q\n\nThis reverts commit %s", commits[0].Title, hash)
	return g.commitTree(ctx, project, branch, message, commits[0].ParentIDs[0]+"^{tree}", hash, []string{
		"GIT_AUTHOR_NAME=" + who.Name, "GIT_AUTHOR_EMAIL=" + who.Email, "GIT_COMMITTER_NAME=" + who.Name, "GIT_COMMITTER_EMAIL=" + who.Email,
	})
}

// contents are the files at a ref, as "path=content", sorted.
func (g *git) contents(ctx context.Context, project int64, ref string) []string {
	var found []string
	for _, node := range g.tree(ctx, project, ref) {
		if node.Type != "blob" {
			continue
		}
		content, err := g.run(ctx, project, nil, "cat-file", "blob", node.ID)
		if err == nil {
			found = append(found, node.Path+"="+string(content))
		}
	}
	slices.Sort(found)
	return found
}
