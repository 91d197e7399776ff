// Package mkdocstest finds the real MkDocs for tests, with mkdocs-techdocs-core in the versions of requirements.txt.
package mkdocstest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// variable names the program, for those who have it elsewhere.
const variable = "PORTICO_MKDOCS"

// Program is the path of mkdocs. It skips the test where none is installed.
func Program(t testing.TB) string {
	t.Helper()
	program := os.Getenv(variable)
	if program == "" {
		_, here, _, _ := runtime.Caller(0)
		program = filepath.Join(filepath.Dir(here), "..", "..", "..", ".cache", "mkdocs", "bin", "mkdocs")
	}
	if err := exec.CommandContext(t.Context(), program, "--version").Run(); err != nil { //nolint:gosec // Its callers are tests.
		t.Skipf("no MkDocs (%v): tools/mkdocs.sh installs it where Python is, or name the program in %s", err, variable)
	}
	return program
}
