package azuretest

import (
	"crypto/sha1" //nolint:gosec // Git's hash.
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// AddListed creates a repository that is only listed and read by the API: it has no Git objects, and these files on the branch main.
// Without files, it has no branch.
func (s *Server) AddListed(name string, files map[string]string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.lastID++
	s.names[fmt.Sprintf("c0ffee00-0000-4000-8000-%012d", s.lastID)] = name
	s.listed[name] = files
}

// RemoveListed removes a repository that AddListed has created.
func (s *Server) RemoveListed(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	maps.DeleteFunc(s.names, func(_, named string) bool { return named == name })
	delete(s.listed, name)
}

func hashOf(content string) string {
	sum := sha1.Sum([]byte("blob " + strconv.Itoa(len(content)) + "\x00" + content)) //nolint:gosec // Git's hash.
	return hex.EncodeToString(sum[:])
}

// items answers with a file, or with all files.
func (s *Server) items(r *request) (int, any) {
	query, files := r.URL.Query(), s.listed[r.repo]
	if version := query.Get("versionDescriptor.version"); version != "" && version != "main" || len(files) == 0 {
		return refusal(http.StatusNotFound, "GitUnresolvableToCommitException",
			"TF401175:The version descriptor <Branch: %s > could not be resolved to a version in the repository %s", version, r.repo)
	}
	if query.Get("recursionLevel") == "Full" {
		listed := []any{map[string]any{"objectId": hashOf(""), "gitObjectType": "tree", "path": "/", "isFolder": true}}
		for _, path := range slices.Sorted(maps.Keys(files)) {
			listed = append(listed, map[string]any{"objectId": hashOf(files[path]), "gitObjectType": "blob", "path": "/" + path})
		}
		return list(listed...)
	}
	path := strings.TrimPrefix(query.Get("path"), "/")
	for file := range files {
		if strings.HasPrefix(file, path+"/") {
			return http.StatusOK, map[string]any{"objectId": hashOf(path), "gitObjectType": "tree", "path": "/" + path, "isFolder": true}
		}
	}
	content, is := files[path]
	if !is {
		return refusal(http.StatusNotFound, "GitItemNotFoundException",
			"TF401174: The item '%s' could not be found in the repository '%s' at the version specified by '<Branch: main >'", path, r.repo)
	}
	return http.StatusOK, map[string]any{"objectId": hashOf(content), "gitObjectType": "blob", "path": "/" + path, "content": content}
}
