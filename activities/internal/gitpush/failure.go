package gitpush

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

// gitError is a git command that failed; Printed is what it wrote to both outputs.
type gitError struct {
	Command, Printed string
	Err              error
}

func (e *gitError) Error() string { return fmt.Sprintf("git %s: %s", e.Command, e.Printed) }

// Unwrap gives the cause to errors.Is.
func (e *gitError) Unwrap() error { return e.Err }

// explainPush classifies the failure of a push. The repository exists and the API accepted the token, so "not
// found" means that the repository is not known to every server of the host yet: that is transient. refused is
// Push.Refused.
func (r Remote) explainPush(ctx context.Context, err error, refused func(printed string) error) error {
	doing := "pushing to " + r.Name
	var failed *gitError
	if ctx.Err() != nil || !errors.As(err, &failed) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	switch {
	case isRefused(failed):
		return action.Advise(fault.Wrap(fault.NotAllowed, failed, "%s: %s refused the token: %s", doing, r.Host, failed.Printed),
			"Give the token the right to write contents or configure another, then retry.")
	case !strings.Contains(failed.Printed, "[remote rejected]"):
		return action.Advise(action.Transient(fmt.Errorf("%s: %w", doing, failed), 0), "Check that %s is up and takes pushes, then retry.", r.Host)
	}
	if refused != nil {
		if said := refused(failed.Printed); said != nil {
			return said
		}
	}
	if isProtected(failed) {
		return action.Advise(fault.Wrap(fault.NotAllowed, failed, "%s: the branch is protected, and %s does not let this token push to it: %s", doing, r.Host, failed.Printed),
			"Let the token's user or App bypass the protection and retry, or have the template propose the files by a pull request.")
	}
	return action.Advise(fault.Wrap(fault.Conflict, failed, "%s: %s did not take the commit: %s", doing, r.Host, failed.Printed),
		"A rule of the owner may forbid what the workspace holds: change the rule and retry, or the template and start a new run.")
}

// isRefused reports whether the host did not accept the credentials.
func isRefused(failed *gitError) bool {
	status := statusOf(failed)
	return status == http.StatusUnauthorized || status == http.StatusForbidden ||
		strings.Contains(failed.Printed, "could not read Username") || strings.Contains(failed.Printed, "Authentication failed")
}

// isProtected reports whether the host refused a push to a protected branch, in the words of GitHub, GitLab, Gitea and
// Bitbucket.
func isProtected(failed *gitError) bool {
	printed := strings.ToLower(failed.Printed)
	return strings.Contains(printed, "protected branch") || strings.Contains(printed, "branch is protected") || strings.Contains(printed, "branch permission")
}

// statusPattern finds the HTTP status in git's messages.
var statusPattern = regexp.MustCompile(`(?:returned error: |HTTP )(\d{3})`)

// statusOf is the HTTP status that made git fail, 0 when it was none.
func statusOf(failed *gitError) int {
	found := statusPattern.FindStringSubmatch(failed.Printed)
	if found == nil {
		return 0
	}
	status, err := strconv.Atoi(found[1])
	if err != nil {
		return 0
	}
	return status
}
