package giteatest

import (
	"crypto/sha1" //nolint:gosec // Git's hash.
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Listed is a repository that is only listed and read by the API: it has no Git objects.
type Listed struct {
	// Files are those of the branch main, by paths.
	Files    map[string]string
	Updated  time.Time
	IsMirror bool
	// IsUnreadable means that the account may not read the files.
	IsUnreadable bool
}

// AddListed creates a repository of the organization.
func (s *Server) AddListed(name string, listed Listed) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.lastID++
	s.repos[Organization+"/"+name] = &repository{id: s.lastID, owner: Organization, name: name, defaultBranch: "main", listed: &listed}
}

// ChangeListed changes a repository that AddListed has created.
func (s *Server) ChangeListed(name string, change func(*Listed)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	change(s.repos[Organization+"/"+name].listed)
}

// RemoveListed removes a repository that AddListed has created.
func (s *Server) RemoveListed(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.repos, Organization+"/"+name)
}

// HideListed hides a repository from the account. It still counts in the organization's list.
func (s *Server) HideListed(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.repos[Organization+"/"+name].isHidden = true
}

// PageSize is the largest page of a list.
func (s *Server) PageSize(size int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.pageSize = size
}

// RenameOrganization gives the organization another name. Gitea redirects from the former one.
func (s *Server) RenameOrganization(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.renamed = name
}

// ReplaceOrganization gives the organization's name to another organization with the same repositories.
func (s *Server) ReplaceOrganization() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.organizationID++
}

// paged writes what Gitea says about a list in the header, and returns the bounds of the page.
func (s *Server) paged(r *request, total int) (from, to int) {
	size, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || size > s.pageSize || size < 1 {
		size = s.pageSize
	}
	number, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || number < 1 {
		number = 1
	}
	r.answer.Set("X-Total-Count", strconv.Itoa(total))
	from, to = min((number-1)*size, total), min(number*size, total)
	if to < total {
		r.answer.Set("Link", fmt.Sprintf(`<%s%s?limit=%d&page=%d>; rel="next"`, s.URL, r.URL.Path, size, number+1))
	}
	return from, to
}

func hashOf(content string) string {
	sum := sha1.Sum([]byte("blob " + strconv.Itoa(len(content)) + "\x00" + content)) //nolint:gosec // Git's hash.
	return hex.EncodeToString(sum[:])
}

// contents answers with a file or the entries of a directory.
func (s *Server) contents(r *request) (int, any) {
	missing := map[string]any{"message": "The target couldn't be found.", "errors": []string{}}
	listed, at := r.repo.listed, r.PathValue("path")
	if listed == nil || listed.IsUnreadable || r.URL.Query().Get("ref") != "main" {
		return http.StatusNotFound, missing
	}
	if content, is := listed.Files[at]; is {
		return http.StatusOK, map[string]any{"name": path.Base(at), "path": at, "sha": hashOf(content), "type": "file", "size": len(content), "encoding": "base64",
			"content": base64.StdEncoding.EncodeToString([]byte(content))}
	}
	entries, seen := []any{}, []string{}
	for file := range listed.Files {
		below, is := strings.CutPrefix(file, at+"/")
		if at == "" {
			below, is = file, true
		}
		name, _, isDirectory := strings.Cut(below, "/")
		if !is || slices.Contains(seen, name) {
			continue
		}
		seen = append(seen, name)
		kind := "file"
		if isDirectory {
			kind = "dir"
		}
		entries = append(entries, map[string]any{"name": name, "path": strings.TrimPrefix(at+"/"+name, "/"), "sha": hashOf(name), "type": kind, "size": 0})
	}
	if at != "" && len(entries) == 0 {
		return http.StatusNotFound, missing
	}
	return http.StatusOK, entries
}
