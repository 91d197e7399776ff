package github_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// These tests change the environment of the process, so they do not run in parallel.

func TestTheTokenIsInNoArgumentList(t *testing.T) {
	b := setup(t)
	installed, err := exec.LookPath("git")
	require.NoError(t, err)
	directory := t.TempDir()
	record := filepath.Join(directory, "arguments")
	script := "#!/bin/sh\necho \"$@\" >> '" + record + "'\nexec '" + installed + "' \"$@\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(directory, "git"), []byte(script), 0o700))
	t.Setenv("PATH", directory+string(os.PathListSeparator)+os.Getenv("PATH"))

	_, err = b.run(t, nil)
	require.NoError(t, err)
	arguments, err := os.ReadFile(record)
	require.NoError(t, err)
	require.Contains(t, string(arguments), "push --porcelain")
	require.NotContains(t, string(arguments), b.forge.Token())
	require.NotContains(t, string(arguments), base64.StdEncoding.EncodeToString([]byte("x-access-token:"+b.forge.Token())))
}

func TestTheMachinesGitConfigurationIsNotRead(t *testing.T) {
	b := setup(t)
	home := t.TempDir()
	ran := filepath.Join(home, "ran")
	hook := "#!/bin/sh\ntouch '" + ran + "'\n"
	require.NoError(t, os.MkdirAll(filepath.Join(home, "hooks"), 0o700))
	for _, name := range []string{"pre-commit", "post-commit", "pre-push"} {
		require.NoError(t, os.WriteFile(filepath.Join(home, "hooks", name), []byte(hook), 0o700))
	}
	config := "[core]\n\thooksPath = " + filepath.Join(home, "hooks") + "\n[user]\n\tname = Me\n[commit]\n\tgpgSign = true\n"
	require.NoError(t, os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o600))
	t.Setenv("HOME", home)
	t.Setenv("GIT_DIR", filepath.Join(home, "elsewhere"))
	t.Setenv("GIT_TRACE", "1")

	_, err := b.run(t, nil)
	require.NoError(t, err)
	require.NoFileExists(t, ran)
	require.NoDirExists(t, filepath.Join(home, "elsewhere"))
}
