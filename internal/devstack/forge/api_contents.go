package forge

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

const (
	// maxInlineContent and maxContent are GitHub's limits: larger files are sent without content, still
	// larger ones not at all.
	maxInlineContent = 1 << 20
	maxContent       = 100 << 20
	// maxTreeEntries is how many entries a recursive tree lists before it says that it is truncated.
	maxTreeEntries = 100_000
)

// pageOf returns the part of a list that ?per_page and ?page select.
func pageOf[T any](x *exchange, all []T) ([]T, error) {
	size, number, err := paging(x)
	if err != nil {
		return nil, err
	}
	start := min((number-1)*size, len(all))
	return all[start:min(start+size, len(all))], nil
}

func paging(x *exchange) (size, number int, err error) {
	size, number = 30, 1
	for name, into := range map[string]*int{"per_page": &size, "page": &number} {
		text := x.r.URL.Query().Get(name)
		if text == "" {
			continue
		}
		value, err := strconv.Atoi(text)
		if err != nil || value < 0 || value > 1_000_000 {
			return 0, 0, invalid("Page", name, "invalid", name+" is a positive number")
		}
		*into = max(value, 1)
	}
	return min(size, 100), number, nil
}

// accepts reports whether the caller accepts one of GitHub's own media types, application/vnd.github.raw.
func (x *exchange) accepts(format string) bool {
	return strings.Contains(x.r.Header.Get("Accept"), "."+format)
}

// revision is the commit that ?ref or ?sha names, or the default branch, with the requested name.
func (f *Forge) revision(x *exchange, repo *repository, name string) (hash, asked string, err error) {
	bare := f.store.open(repo)
	if name == "" {
		if name, err = bare.defaultBranch(); err != nil {
			return "", "", err
		}
	}
	hash, err = bare.resolve(x.r.Context(), name)
	return hash, name, err
}

func (f *Forge) getContents(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	hash, ref, err := f.revision(x, repo, x.r.URL.Query().Get("ref"))
	if err != nil {
		return 0, nil, &apiError{status: http.StatusNotFound, message: "No commit found for the ref " + x.r.URL.Query().Get("ref")}
	}
	bare, path := f.store.open(repo), strings.Trim(x.value("path"), "/")
	if path == "" {
		return f.listContents(x, repo, hash, "", ref)
	}
	entry, err := bare.entry(x.r.Context(), hash, path)
	if err != nil {
		return 0, nil, err
	}
	if entry.IsTree() {
		return f.listContents(x, repo, hash, path, ref)
	}
	return f.fileContents(x, repo, entry, ref)
}

func (f *Forge) listContents(x *exchange, repo *repository, hash, path, ref string) (int, any, error) {
	entries, err := f.store.open(repo).list(x.r.Context(), hash+":"+path, false)
	if err != nil {
		return 0, nil, err
	}
	answer := []object{}
	for _, entry := range entries {
		entry.Path = strings.TrimPrefix(path+"/"+entry.Path, "/")
		answer = append(answer, x.shapes.content(repo, entry, ref))
	}
	return http.StatusOK, answer, nil
}

func (f *Forge) fileContents(x *exchange, repo *repository, entry treeEntry, ref string) (int, any, error) {
	if entry.Size > maxContent {
		return 0, nil, &apiError{status: http.StatusForbidden, message: "This API returns blobs up to 100 MB in size."}
	}
	answer := x.shapes.content(repo, entry, ref)
	if entry.Type == "commit" {
		return http.StatusOK, answer.with(object{"submodule_git_url": ""}), nil
	}
	content, err := f.store.open(repo).blob(x.r.Context(), entry.Hash)
	if err != nil {
		return 0, nil, err
	}
	if x.accepts("raw") {
		return http.StatusOK, plain{contentType: "application/vnd.github.raw; charset=utf-8", content: content}, nil
	}
	if entry.isLink() {
		return http.StatusOK, answer.with(object{"target": string(content)}), nil
	}
	if len(content) > maxInlineContent {
		return http.StatusOK, answer.with(object{"content": "", "encoding": "none"}), nil
	}
	return http.StatusOK, answer.with(object{"content": wrapped(content), "encoding": "base64"}), nil
}

// wrapped is base64 in lines of 60, as GitHub sends it.
func wrapped(content []byte) string {
	encoded := base64.StdEncoding.EncodeToString(content)
	var lines strings.Builder
	for len(encoded) > 0 {
		n := min(60, len(encoded))
		lines.WriteString(encoded[:n] + "\n")
		encoded = encoded[n:]
	}
	return lines.String()
}

func (f *Forge) listCommits(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	bare := f.store.open(repo)
	if empty, err := bare.isEmpty(x.r.Context()); err != nil || empty {
		return 0, nil, orError(err, errEmpty)
	}
	size, number, err := paging(x)
	if err != nil {
		return 0, nil, err
	}
	hash, _, err := f.revision(x, repo, x.r.URL.Query().Get("sha"))
	if err != nil {
		return 0, nil, err
	}
	found, err := bare.commits(x.r.Context(), hash, x.r.URL.Query().Get("path"), size, (number-1)*size)
	if err != nil {
		return 0, nil, err
	}
	answer := []object{}
	for _, one := range found {
		answer = append(answer, x.shapes.commit(repo, one))
	}
	return http.StatusOK, answer, nil
}

// orError returns err, or otherwise when err is nil.
func orError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// getCommit describes a commit, or returns its hash only if the caller accepts that.
func (f *Forge) getCommit(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	bare := f.store.open(repo)
	if empty, err := bare.isEmpty(x.r.Context()); err != nil || empty {
		return 0, nil, orError(err, errEmpty)
	}
	hash, err := bare.resolve(x.r.Context(), x.value("ref"))
	if err != nil {
		return 0, nil, &apiError{
			status: http.StatusUnprocessableEntity, message: "No commit found for SHA: " + x.value("ref"),
			resource: "Commit", field: "sha", code: "invalid", detail: "no such commit",
		}
	}
	if x.accepts("sha") {
		return http.StatusOK, plain{contentType: "application/vnd.github.sha; charset=utf-8", content: []byte(hash)}, nil
	}
	found, err := bare.commit(x.r.Context(), hash)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, x.shapes.commit(repo, found), nil
}

func (f *Forge) getTree(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	bare := f.store.open(repo)
	if empty, err := bare.isEmpty(x.r.Context()); err != nil || empty {
		return 0, nil, orError(err, errEmpty)
	}
	hash, err := bare.parse(x.r.Context(), x.value("tree_sha"), "^{tree}")
	if err != nil {
		return 0, nil, err
	}
	entries, err := bare.list(x.r.Context(), hash, x.r.URL.Query().Has("recursive"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, x.shapes.tree(repo, hash, entries), nil
}

func (f *Forge) getBlob(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	bare := f.store.open(repo)
	hash, err := bare.parse(x.r.Context(), x.value("file_sha"), "^{blob}")
	if err != nil {
		return 0, nil, err
	}
	content, err := bare.blob(x.r.Context(), hash)
	if err != nil {
		return 0, nil, err
	}
	if x.accepts("raw") {
		return http.StatusOK, plain{contentType: "application/vnd.github.raw; charset=utf-8", content: content}, nil
	}
	return http.StatusOK, object{
		"sha": hash, "node_id": nodeID("Blob", hash), "size": len(content), "encoding": "base64", "content": wrapped(content),
		"url": x.shapes.repositoryAPI(repo) + "/git/blobs/" + hash,
	}, nil
}

// getTarball redirects to the page that streams the archive.
func (f *Forge) getTarball(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	hash, _, err := f.revision(x, repo, x.value("ref"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusFound, redirect(x.shapes.page(repo, "legacy.tar.gz", hash)), nil
}

func (f *Forge) listBranches(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	branches, err := f.store.open(repo).references(x.r.Context(), "refs/heads")
	if err != nil {
		return 0, nil, err
	}
	page, err := pageOf(x, branches)
	if err != nil {
		return 0, nil, err
	}
	answer := []object{}
	for _, branch := range page {
		_, protected := repo.Protection[branch.Short()]
		answer = append(answer, object{
			"name": branch.Short(), "protected": protected,
			"commit": object{"sha": branch.Commit, "url": x.shapes.repositoryAPI(repo) + "/commits/" + branch.Commit},
		})
	}
	return http.StatusOK, answer, nil
}

func (f *Forge) getBranch(x *exchange) (int, any, error) {
	repo, branch, err := f.protectedBranch(x)
	if err != nil {
		return 0, nil, err
	}
	bare := f.store.open(repo)
	hash, err := bare.resolve(x.r.Context(), "refs/heads/"+branch)
	if err != nil {
		return 0, nil, err
	}
	tip, err := bare.commit(x.r.Context(), hash)
	if err != nil {
		return 0, nil, err
	}
	rules, protected := repo.Protection[branch]
	return http.StatusOK, object{
		"name": branch, "protected": protected, "commit": x.shapes.commit(repo, tip),
		"protection":     x.shapes.protection(repo, branch, rules).with(object{"enabled": protected}),
		"protection_url": x.shapes.protectionAPI(repo, branch),
		"_links": object{
			"self": x.shapes.repositoryAPI(repo) + "/branches/" + escapePath(branch),
			"html": x.shapes.page(repo, "tree", escapePath(branch)),
		},
	}, nil
}

func (f *Forge) listTags(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	tags, err := f.store.open(repo).references(x.r.Context(), "refs/tags")
	if err != nil {
		return 0, nil, err
	}
	page, err := pageOf(x, tags)
	if err != nil {
		return 0, nil, err
	}
	address := x.shapes.repositoryAPI(repo)
	answer := []object{}
	for _, tag := range page {
		answer = append(answer, object{
			"name": tag.Short(), "node_id": nodeID("Tag", tag.Name),
			"commit":      object{"sha": tag.Commit, "url": address + "/commits/" + tag.Commit},
			"zipball_url": address + "/zipball/" + tag.Name, "tarball_url": address + "/tarball/" + tag.Name,
		})
	}
	return http.StatusOK, answer, nil
}

func (f *Forge) getReference(x *exchange) (int, any, error) {
	repo, found, err := f.referencesOf(x)
	if err != nil {
		return 0, nil, err
	}
	for _, one := range found {
		if one.Name == "refs/"+x.value("ref") {
			return http.StatusOK, x.shapes.reference(repo, one), nil
		}
	}
	return 0, nil, errHidden
}

func (f *Forge) matchReferences(x *exchange) (int, any, error) {
	repo, found, err := f.referencesOf(x)
	if err != nil {
		return 0, nil, err
	}
	answer := []object{}
	for _, one := range found {
		if strings.HasPrefix(one.Name, "refs/"+x.value("ref")) {
			answer = append(answer, x.shapes.reference(repo, one))
		}
	}
	return http.StatusOK, answer, nil
}

func (f *Forge) referencesOf(x *exchange) (*repository, []reference, error) {
	repo, err := f.repository(x)
	if err != nil {
		return nil, nil, err
	}
	found, err := f.store.open(repo).references(x.r.Context())
	if err == nil && len(found) == 0 {
		err = errEmpty
	}
	return repo, found, err
}
