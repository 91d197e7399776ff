package forge

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The part of the API that works on a repository's Git objects, in the way that a push does over Git.

// maxNewEntries bounds the entries of a new tree.
const maxNewEntries = 100_000

var (
	hashPattern = regexp.MustCompile(`^[0-9a-f]{40}$`)
	// fileModes are the modes of files that a new tree may have: a file, a program, a link.
	fileModes = []string{"100644", "100755", "120000"}
)

// badData is GitHub's refusal of a Git object.
func badData(detail string) error {
	return &apiError{status: http.StatusUnprocessableEntity, message: detail}
}

func (f *Forge) createBlob(x *exchange) (int, any, error) {
	var body struct{ Content, Encoding string }
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	content := []byte(body.Content)
	if body.Encoding == "base64" {
		if content, err = base64.StdEncoding.DecodeString(body.Content); err != nil {
			return 0, nil, badData("content is not valid Base64")
		}
	}
	hash, err := f.store.open(repo).writeBlob(x.r.Context(), string(content))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, object{"sha": hash, "url": x.shapes.repositoryAPI(repo) + "/git/blobs/" + hash}, nil
}

func (g gitRepository) writeBlob(ctx context.Context, content string) (string, error) {
	return g.feed(ctx, nil, content, "hash-object", "-w", "--stdin")
}

// newEntry is an entry of a new tree. Without a content, a null hash removes the path.
type newEntry struct {
	Path, Mode, Type string
	SHA              *string
	Content          *string
}

func (f *Forge) createTree(x *exchange) (int, any, error) {
	var body struct {
		BaseTree string `json:"base_tree"`
		Tree     []newEntry
	}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	if len(body.Tree) == 0 || len(body.Tree) > maxNewEntries {
		return 0, nil, badData("Invalid tree info")
	}
	for _, entry := range body.Tree {
		if err := entry.check(x.caller); err != nil {
			return 0, nil, err
		}
	}
	bare := f.store.open(repo)
	if empty, err := bare.isEmpty(x.r.Context()); err != nil || empty {
		return 0, nil, orError(err, errEmpty)
	}
	hash, err := f.writeTree(x.r.Context(), bare, body.BaseTree, body.Tree)
	if err != nil {
		return 0, nil, err
	}
	entries, err := bare.list(x.r.Context(), hash, false)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, x.shapes.tree(repo, hash, entries), nil
}

func (e newEntry) check(who caller) error {
	parts := strings.Split(e.Path, "/")
	switch {
	case strings.HasPrefix(e.Path, "/"):
		return badData("tree.path cannot start with a slash")
	case slices.ContainsFunc(parts, func(part string) bool {
		return part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git")
	}):
		return badData("tree.path contains a malformed path component")
	case !slices.Contains(fileModes, e.Mode):
		return badData(fmt.Sprintf("tree.mode %s is not one that this forge takes", e.Mode))
	case who.grant != nil && strings.HasPrefix(e.Path, ".github/workflows/") && !who.grant.allows("workflows:write"):
		return errNotForApps
	}
	return nil
}

// writeTree builds the tree in an index of its own.
func (f *Forge) writeTree(ctx context.Context, bare gitRepository, base string, entries []newEntry) (string, error) {
	directory, err := os.MkdirTemp(f.store.path("tmp"), "tree-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(directory)
	index := []string{"GIT_INDEX_FILE=" + filepath.Join(directory, "index")}
	if base != "" {
		if base, err = bare.parse(ctx, base, "^{tree}"); err != nil {
			return "", badData("base_tree is not a valid tree oid")
		}
		if _, err := bare.feed(ctx, index, "", "read-tree", base); err != nil {
			return "", err
		}
	}
	info, err := bare.indexInfo(ctx, entries)
	if err != nil {
		return "", err
	}
	if _, err := bare.feed(ctx, index, info, "update-index", "--add", "--replace", "-z", "--index-info"); err != nil {
		return "", fmt.Errorf("new tree: %w", err)
	}
	return bare.feed(ctx, index, "", "write-tree")
}

// indexInfo is the entries as `git update-index --index-info` reads them. Every object must exist.
func (g gitRepository) indexInfo(ctx context.Context, entries []newEntry) (string, error) {
	var info strings.Builder
	for _, entry := range entries {
		mode, hash := entry.Mode, strings.Repeat("0", 40)
		switch {
		case entry.Content != nil:
			written, err := g.writeBlob(ctx, *entry.Content)
			if err != nil {
				return "", err
			}
			hash = written
		case entry.SHA == nil:
			mode = "0"
		default:
			if !hashPattern.MatchString(*entry.SHA) {
				return "", badData("tree.sha " + *entry.SHA + " is not a valid blob")
			}
			found, err := g.parse(ctx, *entry.SHA, "^{blob}")
			if err != nil {
				return "", badData("tree.sha " + *entry.SHA + " is not a valid blob")
			}
			hash = found
		}
		fmt.Fprintf(&info, "%s %s\t%s\x00", mode, hash, entry.Path)
	}
	return info.String(), nil
}

// tree is the form of a tree with its own entries.
func (s shapes) tree(repo *repository, hash string, entries []treeEntry) object {
	listed := []object{}
	for _, entry := range entries[:min(len(entries), maxTreeEntries)] {
		one := object{"path": entry.Path, "mode": entry.Mode, "type": entry.Type, "sha": entry.Hash}
		if entry.Size >= 0 {
			one["size"] = entry.Size
		}
		if entry.Type != "commit" {
			one["url"] = s.repositoryAPI(repo) + "/git/" + entry.Type + "s/" + entry.Hash
		}
		listed = append(listed, one)
	}
	return object{
		"sha": hash, "url": s.repositoryAPI(repo) + "/git/trees/" + hash, "tree": listed, "truncated": len(entries) > maxTreeEntries,
	}
}

// signature is who a new commit is by. A missing part is the caller's.
type signature struct {
	Name, Email string
	Date        *time.Time
}

func (s *signature) environment(role string, otherwise signature) []string {
	if s == nil {
		s = &otherwise
	}
	when := time.Now()
	if s.Date != nil {
		when = *s.Date
	}
	return []string{
		"GIT_" + role + "_NAME=" + s.Name, "GIT_" + role + "_EMAIL=" + s.Email,
		"GIT_" + role + "_DATE=" + fmt.Sprintf("@%d +0000", when.Unix()),
	}
}

func (f *Forge) createCommit(x *exchange) (int, any, error) {
	var body struct {
		Message, Tree     string
		Parents           []string
		Author, Committer *signature
	}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	bare := f.store.open(repo)
	tree, err := bare.parse(x.r.Context(), body.Tree, "^{tree}")
	if err != nil || !hashPattern.MatchString(body.Tree) {
		return 0, nil, badData("Tree SHA does not exist")
	}
	args := []string{"commit-tree", tree, "-F", "-"}
	for _, parent := range body.Parents {
		hash, err := bare.resolve(x.r.Context(), parent)
		if err != nil || !hashPattern.MatchString(parent) {
			return 0, nil, badData("Parent SHA does not exist or is not a commit object")
		}
		args = append(args, "-p", hash)
	}
	environment := body.Author.environment("AUTHOR", f.signature())
	if body.Committer == nil {
		body.Committer = body.Author
	}
	environment = append(environment, body.Committer.environment("COMMITTER", f.signature())...)
	hash, err := bare.feed(x.r.Context(), environment, body.Message, args...)
	if err != nil {
		return 0, nil, err
	}
	return f.describeGitCommit(x, http.StatusCreated, repo, hash)
}

// signature is who the token's user is in commits that the forge makes.
func (f *Forge) signature() signature {
	return signature{Name: f.user, Email: f.user + "@users.noreply.localhost"}
}

func (f *Forge) getGitCommit(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	hash, err := f.store.open(repo).resolve(x.r.Context(), x.value("commit_sha"))
	if err != nil {
		return 0, nil, err
	}
	return f.describeGitCommit(x, http.StatusOK, repo, hash)
}

func (f *Forge) describeGitCommit(x *exchange, status int, repo *repository, hash string) (int, any, error) {
	found, err := f.store.open(repo).commit(x.r.Context(), hash)
	if err != nil {
		return 0, nil, err
	}
	whole := x.shapes.commit(repo, found)
	inner, _ := whole["commit"].(object)
	return status, object{
		"sha": hash, "node_id": whole["node_id"], "url": inner["url"], "html_url": whole["html_url"], "parents": whole["parents"],
		"author": inner["author"], "committer": inner["committer"], "message": inner["message"], "tree": inner["tree"],
		"verification": object{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil},
	}, nil
}

var errNoReference = badData("Reference does not exist")

func (f *Forge) createReference(x *exchange) (int, any, error) {
	var body struct{ Ref, SHA string }
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	bare := f.store.open(repo)
	if !bare.isReferenceName(x.r.Context(), body.Ref) {
		return 0, nil, badData("Reference name must start with 'refs/' and contain at least two '/'")
	}
	if empty, err := bare.isEmpty(x.r.Context()); err != nil || empty {
		return 0, nil, orError(err, errEmpty)
	}
	if _, err := bare.resolve(x.r.Context(), body.SHA); err != nil || !hashPattern.MatchString(body.SHA) {
		return 0, nil, badData("Object does not exist")
	}
	if _, err := bare.resolve(x.r.Context(), body.Ref); err == nil {
		return 0, nil, badData("Reference already exists")
	}
	if _, err := bare.feed(x.r.Context(), nil, "", "update-ref", body.Ref, body.SHA, strings.Repeat("0", 40)); err != nil {
		return 0, nil, badData("Reference update failed")
	}
	return f.pushed(x, http.StatusCreated, repo, body.Ref, body.SHA)
}

// isReferenceName reports whether a name is one of a branch or a tag.
func (g gitRepository) isReferenceName(ctx context.Context, name string) bool {
	if !strings.HasPrefix(name, "refs/heads/") && !strings.HasPrefix(name, "refs/tags/") {
		return false
	}
	_, err := g.run(ctx, "check-ref-format", name)
	return err == nil
}

// pushed records that a reference has changed, and describes it.
func (f *Forge) pushed(x *exchange, status int, repo *repository, ref, hash string) (int, any, error) {
	bare := f.store.open(repo)
	if err := bare.settleDefaultBranch(x.r.Context()); err != nil {
		return 0, nil, err
	}
	_, err := f.store.updateRepository(repo.Owner, repo.Name, func(repo *repository) error { repo.PushedAt = now(); return nil })
	return status, x.shapes.reference(repo, reference{Name: ref, Commit: hash}), err
}

func (f *Forge) patchReference(x *exchange) (int, any, error) {
	var body struct {
		SHA   string
		Force bool
	}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	bare, ref := f.store.open(repo), "refs/"+x.value("ref")
	was, err := bare.resolve(x.r.Context(), ref)
	if err != nil || !bare.isReferenceName(x.r.Context(), ref) {
		return 0, nil, errNoReference
	}
	if _, err := bare.resolve(x.r.Context(), body.SHA); err != nil || !hashPattern.MatchString(body.SHA) {
		return 0, nil, badData("Object does not exist")
	}
	if _, err := bare.run(x.r.Context(), "merge-base", "--is-ancestor", was, body.SHA); err != nil && !body.Force {
		return 0, nil, badData("Update is not a fast forward")
	}
	if _, err := bare.feed(x.r.Context(), nil, "", "update-ref", ref, body.SHA, was); err != nil {
		return 0, nil, badData("Reference update failed")
	}
	return f.pushed(x, http.StatusOK, repo, ref, body.SHA)
}

func (f *Forge) deleteReference(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	bare, ref := f.store.open(repo), "refs/"+x.value("ref")
	if _, err := bare.resolve(x.r.Context(), ref); err != nil || !bare.isReferenceName(x.r.Context(), ref) {
		return 0, nil, errNoReference
	}
	if head, err := bare.defaultBranch(); err != nil || ref == "refs/heads/"+head {
		return 0, nil, orError(err, badData("Cannot delete the default branch"))
	}
	return http.StatusNoContent, nil, f.deleteBranch(x.r.Context(), repo, ref)
}

// deleteBranch also closes the pull requests that would merge the branch, as GitHub does.
func (f *Forge) deleteBranch(ctx context.Context, repo *repository, ref string) error {
	bare := f.store.open(repo)
	tip, err := bare.resolve(ctx, ref)
	if err != nil {
		return err
	}
	if _, err := bare.feed(ctx, nil, "", "update-ref", "-d", ref, tip); err != nil {
		return err
	}
	return f.closePulls(repo, strings.TrimPrefix(ref, "refs/heads/"), tip)
}

// compareCommits compares two revisions "base...head" of one repository.
func (f *Forge) compareCommits(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	bare := f.store.open(repo)
	base, head, isPair := strings.Cut(x.value("basehead"), "...")
	if !isPair {
		return 0, nil, errHidden
	}
	from, err := f.resolveWithin(x.r.Context(), repo, base)
	if err != nil {
		return 0, nil, err
	}
	to, err := f.resolveWithin(x.r.Context(), repo, head)
	if err != nil {
		return 0, nil, err
	}
	compared, err := bare.compare(x.r.Context(), from, to)
	if err != nil {
		return 0, nil, err
	}
	baseCommit, err := bare.commit(x.r.Context(), from)
	if err != nil {
		return 0, nil, err
	}
	mergeBase, err := bare.commit(x.r.Context(), compared.mergeBase)
	if err != nil {
		return 0, nil, err
	}
	commits := []object{}
	for _, one := range compared.commits {
		commits = append(commits, x.shapes.commit(repo, one))
	}
	address, page := x.shapes.repositoryAPI(repo)+"/compare/"+from+"..."+to, x.shapes.page(repo, "compare", from+"..."+to)
	return http.StatusOK, object{
		"url": address, "html_url": page, "permalink_url": page, "diff_url": page + ".diff", "patch_url": page + ".patch",
		"base_commit": x.shapes.commit(repo, baseCommit), "merge_base_commit": x.shapes.commit(repo, mergeBase),
		"status": compared.status(), "ahead_by": len(compared.commits), "behind_by": compared.behind, "total_commits": len(compared.commits),
		"commits": commits, "files": x.shapes.files(repo, to, compared.files),
	}, nil
}

// resolveWithin resolves a revision of the repository, or "owner:branch" of a fork or a parent of it, whose
// objects it brings here.
func (f *Forge) resolveWithin(ctx context.Context, repo *repository, revision string) (string, error) {
	bare := f.store.open(repo)
	owner, branch, isElsewhere := strings.Cut(revision, ":")
	if !isElsewhere {
		return bare.resolve(ctx, revision)
	}
	for _, other := range f.store.listRepositories(owner) {
		if !strings.EqualFold(other.Parent, repo.FullName()) && !strings.EqualFold(repo.Parent, other.FullName()) {
			continue
		}
		hash, err := f.store.open(other).resolve(ctx, "refs/heads/"+branch)
		if err != nil {
			return "", err
		}
		_, err = bare.run(ctx, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", f.store.directoryOf(other.Owner, other.Name), hash)
		return hash, err
	}
	return "", errNotFound
}

// maxCompared is how many commits and files a comparison lists, as on GitHub.
const maxCompared = 250

// comparison is what a head has that its base does not: the commits from old to new, and the changed files.
type comparison struct {
	mergeBase string
	commits   []commit
	behind    int
	files     []changedFile
}

func (c comparison) status() string {
	switch {
	case len(c.commits) > 0 && c.behind > 0:
		return "diverged"
	case len(c.commits) > 0:
		return "ahead"
	case c.behind > 0:
		return "behind"
	default:
		return "identical"
	}
}

// changedFile is a file of a comparison. Status is GitHub's word.
type changedFile struct {
	Path, Status, Hash   string
	Additions, Deletions int
}

var errUnrelated = errors.New("the commits have no common ancestor")

func (g gitRepository) compare(ctx context.Context, base, head string) (comparison, error) {
	mergeBase, err := g.feed(ctx, nil, "", "merge-base", base, head)
	if err != nil {
		return comparison{}, fmt.Errorf("%w: %w", errNotFound, errUnrelated)
	}
	found := comparison{mergeBase: mergeBase}
	if found.commits, err = g.commits(ctx, base+".."+head, "", maxCompared, 0); err != nil {
		return comparison{}, err
	}
	slices.Reverse(found.commits)
	behind, err := g.commits(ctx, head+".."+base, "", maxCompared, 0)
	if err != nil {
		return comparison{}, err
	}
	found.behind = len(behind)
	found.files, err = g.changes(ctx, mergeBase, head)
	return found, err
}

// changes are the files that differ between two commits.
func (g gitRepository) changes(ctx context.Context, from, to string) ([]changedFile, error) {
	listed, err := g.run(ctx, "diff-tree", "-r", "-z", "--no-renames", "--raw", "--numstat", from, to)
	if err != nil {
		return nil, err
	}
	words := map[string]string{"A": "added", "D": "removed", "M": "modified", "T": "changed"}
	found, at := []changedFile{}, map[string]int{}
	records := strings.Split(strings.TrimSuffix(string(listed), "\x00"), "\x00")
	for i := 0; i < len(records); i++ {
		if fields := strings.Fields(records[i]); strings.HasPrefix(records[i], ":") && len(fields) == 5 && i+1 < len(records) {
			i++
			at[records[i]] = len(found)
			hash := fields[3]
			if fields[4] == "D" {
				hash = fields[2]
			}
			found = append(found, changedFile{Path: records[i], Status: words[fields[4]], Hash: hash})
			continue
		}
		var counted changedFile
		if _, err := fmt.Sscanf(records[i], "%d\t%d", &counted.Additions, &counted.Deletions); err != nil {
			continue // a binary file has no lines
		}
		_, path, _ := strings.Cut(records[i][strings.IndexByte(records[i], '\t')+1:], "\t")
		if index, known := at[path]; known {
			found[index].Additions, found[index].Deletions = counted.Additions, counted.Deletions
		}
	}
	return found[:min(len(found), maxCompared)], nil
}

// files are the changed files of a comparison or a pull request.
func (s shapes) files(repo *repository, commit string, changed []changedFile) []object {
	listed := []object{}
	for _, one := range changed {
		listed = append(listed, object{
			"sha": one.Hash, "filename": one.Path, "status": one.Status,
			"additions": one.Additions, "deletions": one.Deletions, "changes": one.Additions + one.Deletions,
			"blob_url": s.page(repo, "blob", commit, escapePath(one.Path)), "raw_url": s.page(repo, "raw", commit, escapePath(one.Path)),
			"contents_url": s.repositoryAPI(repo) + "/contents/" + escapePath(one.Path) + "?ref=" + commit,
		})
	}
	return listed
}
