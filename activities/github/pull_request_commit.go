package github

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/scaffolder/action"
)

const (
	// inlineAbove is the number of files above which text is sent with the tree: GitHub limits how many
	// requests a token may make in a minute.
	inlineAbove = 50
	// treeEntries and treeBytes bound one request for a tree.
	treeEntries = 500
	treeBytes   = 4 << 20
	// inlineFile bounds a file that is sent with a tree.
	inlineFile = 1 << 20
)

// commit makes the commit of the changes on top of the base, and returns its hash. It makes blobs, trees and a
// commit that no branch has yet.
func (p *proposal) commit(ctx context.Context) (string, error) {
	tree, err := p.writeTree(ctx)
	if err != nil {
		return "", err
	}
	wanted := &github.Commit{
		Message: &p.message, Tree: &github.Tree{SHA: &tree}, Parents: []*github.Commit{{SHA: p.baseCommit.SHA}},
	}
	if p.author != nil {
		wanted.Author = &github.CommitAuthor{Name: &p.author.Name, Email: &p.author.Email}
	}
	var made *github.Commit
	err = p.ask(ctx, "committing to "+p.head.name(), func(ctx context.Context) (err error) {
		made, _, err = p.head.client.Git.CreateCommit(ctx, p.head.target.Owner, p.head.target.Repo, wanted, nil)
		return err
	})
	return made.GetSHA(), err
}

// writeTree makes the tree of the commit, which is that of the base where nothing changes. It is made once.
func (p *proposal) writeTree(ctx context.Context) (string, error) {
	if p.tree != "" {
		return p.tree, nil
	}
	p.tree = p.baseCommit.GetCommit().GetTree().GetSHA()
	if len(p.changes.files) > 0 {
		p.call.Log.Info("Sending %d files to %s", len(p.changes.files), p.head.name())
	}
	batch := &treeBatch{proposal: p}
	for _, one := range p.changes.files {
		if err := batch.addFile(ctx, one); err != nil {
			return "", err
		}
	}
	for _, path := range p.changes.deleted {
		if err := batch.addDeletion(ctx, path); err != nil {
			return "", err
		}
	}
	return p.tree, batch.send(ctx)
}

// treeBatch is the next part of the tree. A large tree is made of several, each on top of the one before.
type treeBatch struct {
	*proposal

	entries []*github.TreeEntry
	bytes   int
}

func (b *treeBatch) addFile(ctx context.Context, one proposedFile) error {
	content, err := b.changes.read(one)
	if err != nil {
		return err
	}
	entry := &github.TreeEntry{Path: &one.path, Mode: &one.mode}
	if len(b.changes.files) > inlineAbove && len(content) <= inlineFile && utf8.Valid(content) {
		entry.Content = new(string(content))
		return b.add(ctx, entry, len(content))
	}
	hash, err := b.head.writeBlob(ctx, one, content)
	if err != nil {
		return err
	}
	entry.SHA = &hash
	return b.add(ctx, entry, 0)
}

// addDeletion leaves out what the base does not have: GitHub refuses to delete it.
func (b *treeBatch) addDeletion(ctx context.Context, path string) error {
	exists, err := b.head.hasPath(ctx, path, b.baseCommit.GetSHA())
	if err != nil {
		return err
	}
	if !exists {
		b.call.Log.Warn("There is no %s in %s to delete", path, b.name())
		return nil
	}
	return b.add(ctx, &github.TreeEntry{Path: &path, Mode: new(modeFile)}, 0)
}

func (b *treeBatch) add(ctx context.Context, entry *github.TreeEntry, size int) error {
	b.entries, b.bytes = append(b.entries, entry), b.bytes+size
	if len(b.entries) < treeEntries && b.bytes < treeBytes {
		return nil
	}
	return b.send(ctx)
}

// send makes the tree of what was added so far.
func (b *treeBatch) send(ctx context.Context) error {
	if len(b.entries) == 0 {
		return nil
	}
	err := b.ask(ctx, "writing a tree to "+b.head.name(), func(ctx context.Context) error {
		made, _, err := b.head.client.Git.CreateTree(ctx, b.head.target.Owner, b.head.target.Repo, b.tree, b.entries)
		if err == nil {
			b.tree = made.GetSHA()
		}
		return err
	})
	b.entries, b.bytes = nil, 0
	return b.explainWorkflows(err)
}

// explainWorkflows names the permission that GitHub does not name when it refuses a tree with workflows.
func (b *treeBatch) explainWorkflows(err error) error {
	if !b.changes.hasWorkflow() || !isStatus(err, http.StatusForbidden) && !isStatus(err, http.StatusNotFound) {
		return err
	}
	return action.Advise(err, "The files have workflows: give the App the permission \"workflows: write\", or the token the scope workflow, then retry.")
}

// blobRequest is the body of Backstage's request. GitHub does not need the mode; it is the tree's.
type blobRequest struct {
	Content  string `json:"content"`
	Encoding string `json:"encoding"`
	Mode     string `json:"mode"`
}

// writeBlob stores a file's content and returns its hash.
func (c *connection) writeBlob(ctx context.Context, one proposedFile, content []byte) (string, error) {
	body := blobRequest{Content: base64.StdEncoding.EncodeToString(content), Encoding: "base64", Mode: one.mode}
	if one.mode == modeLink {
		body.Content, body.Encoding = string(content), "utf-8"
	}
	var made github.Blob
	err := c.ask(ctx, fmt.Sprintf("writing %s to %s", one.path, c.name()), func(ctx context.Context) error {
		request, err := c.client.NewRequest(http.MethodPost, fmt.Sprintf("repos/%s/%s/git/blobs", c.target.Owner, c.target.Repo), body)
		if err != nil {
			return err
		}
		_, err = c.client.Do(ctx, request, &made)
		return err
	})
	return made.GetSHA(), err
}

// hasPath reports whether a commit has a path.
func (c *connection) hasPath(ctx context.Context, path, commit string) (bool, error) {
	err := c.ask(ctx, fmt.Sprintf("looking for %s in %s", path, c.name()), func(ctx context.Context) error {
		escaped := strings.ReplaceAll(url.PathEscape(path), "%2F", "/")
		address := fmt.Sprintf("repos/%s/%s/contents/%s?ref=%s", c.target.Owner, c.target.Repo, escaped, commit)
		request, err := c.client.NewRequest(http.MethodHead, address, nil)
		if err != nil {
			return err
		}
		_, err = c.client.Do(ctx, request, nil)
		return err
	})
	if isStatus(err, http.StatusNotFound) {
		return false, nil
	}
	return err == nil, err
}
