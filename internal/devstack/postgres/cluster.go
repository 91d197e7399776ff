package postgres

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// superuser is the role that owns everything in the cluster.
const superuser = "portico"

// The data directory contains the cluster and the superuser's password. initdb creates the cluster under
// another name, so that a crash never leaves an incomplete one under the real name.
const (
	clusterName    = "cluster"
	newClusterName = "cluster.new"
	passwordName   = "password"

	initTimeout = 2 * time.Minute
)

// cluster is one data directory and the account that owns it.
type cluster struct {
	directory string
	account   account
	// handle is the open directory. Child processes inherit it, and this process uses it to find the server's
	// socket; see command and socketDirectory.
	handle   *os.File
	password string
}

// openCluster creates the data directory if it is missing, and opens it. The caller closes the handle when
// the server has ended.
func openCluster(dataDirectory string) (*cluster, error) {
	directory, err := filepath.Abs(dataDirectory)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, err
	}
	owner, err := serverAccount(directory)
	if err != nil {
		return nil, err
	}
	if err := owner.own(directory); err != nil {
		return nil, err
	}
	handle, err := os.Open(directory)
	if err != nil {
		return nil, err
	}
	opened := &cluster{directory: directory, account: owner, handle: handle}
	if err := opened.loadPassword(); err != nil {
		return nil, errors.Join(err, handle.Close())
	}
	return opened, nil
}

// major is the major version of the cluster, 0 when there is none yet.
func (c *cluster) major() (int, error) {
	content, err := os.ReadFile(c.path(clusterName, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(content)))
}

// create makes the cluster with initdb.
func (c *cluster) create(ctx context.Context, installed programs, durable bool) error {
	if err := os.RemoveAll(c.path(newClusterName)); err != nil {
		return err
	}
	arguments := []string{
		"--pgdata=" + c.childPath(newClusterName), "--pwfile=" + c.childPath(passwordName),
		"--username=" + superuser, "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-instructions",
	}
	if !durable {
		arguments = append(arguments, "--no-sync")
	}
	ctx, cancel := context.WithTimeout(ctx, initTimeout)
	defer cancel()
	command := c.command(ctx, installed.path("initdb"), arguments...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, lastLines(output, 5))
	}
	return os.Rename(c.path(newClusterName), c.path(clusterName))
}

// command prepares a server program that runs as the cluster's account.
//
// The account may not have access to the directories above the data (a project under /root, a temporary
// directory with mode 0700). It needs none, because it inherits the open directory and childPath uses it.
func (c *cluster) command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir = "/"
	// The environment is not inherited: it may contain tokens, and the account is another user.
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	command.ExtraFiles = []*os.File{c.handle}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: c.account.credential}
	return command
}

// childPath is the path of a file of the data directory for a child process, whose descriptor 3 is the open
// data directory. Without /proc, the account must have access to the directory itself.
func (c *cluster) childPath(elements ...string) string {
	if c.account.credential == nil || !fileExists(openFiles) {
		return c.path(elements...)
	}
	return filepath.Join(append([]string{inherited}, elements...)...)
}

const (
	// openFiles is the directory of a process's own open files on Linux.
	openFiles = "/proc/self/fd"
	inherited = openFiles + "/3"
)

// socketDirectory is a short path of the data directory, for the server's Unix socket: a socket's path is
// limited to some hundred bytes, and the path of a data directory may be longer. It is "" without /proc, and
// the server then has no socket.
func (c *cluster) socketDirectory() string {
	if !fileExists(openFiles) {
		return ""
	}
	return filepath.Join(openFiles, strconv.Itoa(int(c.handle.Fd())))
}

// childSocketDirectory is socketDirectory for the server process.
func (c *cluster) childSocketDirectory() string {
	if !fileExists(openFiles) {
		return ""
	}
	return inherited
}

func (c *cluster) path(elements ...string) string {
	return filepath.Join(append([]string{c.directory}, elements...)...)
}

// loadPassword reads the superuser's password, or generates one for a new cluster.
func (c *cluster) loadPassword() error {
	content, err := os.ReadFile(c.path(passwordName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if c.password = string(bytes.TrimSpace(content)); c.password != "" {
		return nil
	}
	c.password = rand.Text()
	if err := os.WriteFile(c.path(passwordName), []byte(c.password+"\n"), 0o600); err != nil {
		return err
	}
	return c.account.own(c.path(passwordName))
}

// lastLines is the end of a program's output, for an error message.
func lastLines(output []byte, count int) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
