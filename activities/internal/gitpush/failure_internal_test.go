package gitpush

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestProtectedBranches has what git prints of a push that a host refused.
func TestProtectedBranches(t *testing.T) {
	t.Parallel()
	for printed, protected := range map[string]bool{
		"remote: error: GH006: Protected branch update failed for refs/heads/main.":                                      true,
		"remote: GitLab: You are not allowed to push code to protected branches on this project.":                        true,
		"remote: Gitea: Not allowed to push to protected branch main":                                                    true,
		"remote: Branch refs/heads/main can only be modified through pull requests. Check your branch permissions.":      true,
		"remote: error: GH013: Repository rule violations found for refs/heads/main. Push cannot contain secrets":        false,
		"! [remote rejected] main -> main (refusing to allow an App to create or update workflow without `workflows`)\n": false,
	} {
		require.Equal(t, protected, isProtected(&gitError{Printed: printed}), printed)
	}
}
