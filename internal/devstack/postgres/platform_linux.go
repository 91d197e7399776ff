package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// platformSettings are the settings that only this operating system knows.
var platformSettings = map[string]string{
	// One call per file system instead of one per file before a crash recovery.
	"recovery_init_sync_method": "syncfs",
}

// tieLifetime makes the kernel shut the server down (fast, but clean) when the thread that started it ends,
// which a SIGKILL of this process is enough for.
func tieLifetime(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGINT }

// clearOrphan removes what a killed predecessor left: a server that still runs on this cluster is shut down,
// and a postmaster.pid or a socket's lock whose number now belongs to some other process, which PostgreSQL
// itself would take for a running server, is removed.
func (c *cluster) clearOrphan(ctx context.Context) error {
	pidFile := c.path(clusterName, "postmaster.pid")
	content, err := os.ReadFile(pidFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil || !c.worksIn(pid) {
		return errors.Join(os.Remove(pidFile), c.removeSockets())
	}

	if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop the orphaned server %d: %w", pid, err)
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for c.worksIn(pid) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the orphaned server %d does not stop: %w", pid, ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

func (c *cluster) removeSockets() error {
	sockets, err := fs.Glob(os.DirFS(c.directory), ".s.PGSQL.*")
	for _, socket := range sockets {
		err = errors.Join(err, os.Remove(c.path(socket)))
	}
	return err
}

// worksIn says whether the process has this cluster as its working directory, as every process of a server
// has.
func (c *cluster) worksIn(pid int) bool {
	working, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
	if err != nil {
		return false
	}
	directory, err := os.Stat(c.path(clusterName))
	return err == nil && os.SameFile(working, directory)
}
