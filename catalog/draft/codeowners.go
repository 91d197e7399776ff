package draft

import (
	"regexp"
	"slices"
	"strings"
)

// codeOwnersFiles are the places of CODEOWNERS, in the order in which hosts look for it.
var codeOwnersFiles = []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS", ".gitea/CODEOWNERS", ".bitbucket/CODEOWNERS"}

func isCodeOwners(path string) bool { return slices.Contains(codeOwnersFiles, path) }

// codeOwner is a team (@organization/team) or a person (@login).
var codeOwner = regexp.MustCompile(`^@([A-Za-z0-9][A-Za-z0-9-]*)(?:/([A-Za-z0-9._/-]+))?$`)

// ownerOf is the reference of the owner of everything in a CODEOWNERS file: the first of the last rule for all
// files. Owners by e-mail address are nobody that a catalog knows by name. It is "" when there is none.
func ownerOf(content string) string {
	owner := ""
	for line := range strings.Lines(content) {
		words := strings.Fields(strings.SplitN(line, "#", 2)[0])
		if len(words) == 0 || !slices.Contains([]string{"*", "**", "/", "/*", "/**", "**/*"}, words[0]) {
			continue
		}
		owner = ""
		for _, word := range words[1:] {
			if named := codeOwner.FindStringSubmatch(word); named != nil {
				owner = reference(named[1], named[2])
				break
			}
		}
	}
	return owner
}

// reference is how the providers of organizations name a team and a person: the last part of a nested team's path.
func reference(login, team string) string {
	if team == "" {
		return "user:" + strings.ToLower(login)
	}
	return "group:" + strings.ToLower(team[strings.LastIndexByte(team, '/')+1:])
}
